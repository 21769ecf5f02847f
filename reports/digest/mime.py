"""The letters of a mail: bodies and headers as bytes that every server passes on unharmed (RFC 2045, 2047, 5322).

Written out here and not left to `email.message`: that folds long headers into encoded words where none are allowed
(List-Unsubscribe, domains), and folds differently from release to release, while a frozen message must stay the same.
"""

from __future__ import annotations

import binascii
import re
from base64 import encodebytes
from collections.abc import Sequence
from email.header import Header
from urllib.parse import quote

from reports import safety

CRLF = "\r\n"
_LINE = 76
_NAME = 100

_BREAKS = re.compile(r"[\r\n\x00]")


def body(text: str) -> tuple[str, bytes]:
    """Return a text as the body of a part: its transfer encoding and its bytes, with CRLF, in lines of at most 76.

    Of quoted-printable, which a person can read in the source, and base64 the shorter is taken: names in Arabic or Chinese
    are three times as long in the first.
    """
    raw = (text.rstrip("\n") + "\n").replace("\n", CRLF).encode()
    if raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= _LINE:
        return "7bit", raw
    printable = binascii.b2a_qp(raw, istext=True)
    packed = encodebytes(raw).replace(b"\n", b"\r\n")
    return ("quoted-printable", printable) if len(printable) <= len(packed) else ("base64", packed)


def header(name: str, value: str) -> str:
    """Return a header as it stands in the message, folded where a value says so by CRLF and a space.

    Raises ValueError where the value would begin another header or is not ASCII: what people wrote comes here by `words` or
    `mailbox`.
    """
    if _BREAKS.search(value.replace(CRLF + " ", " ")) or not value.isascii():
        raise ValueError(f"The header {name} cannot be {value!r}: it must be one line of ASCII.")
    return f"{name}: {value}{CRLF}"


def words(text: str, name: str) -> str:
    """Return a text that people wrote for the header `name`: as it is where it is ASCII, else in encoded words."""
    text = safety.neutral(text)
    if text.isascii() and "=?" not in text:
        return _folded(text.split(" "), len(name) + 2)
    return Header(text, "utf-8", header_name=name, maxlinelen=_LINE - 1).encode(linesep=CRLF)


def mailbox(address: str, name: str | None, header_name: str) -> str:
    """Return an address that `reports.addresses` has checked, with the name of its owner, for the header `header_name`.

    A name may hold anything: it can become neither another address nor another header.
    """
    said = safety.line(name or "", _NAME)
    if not said:
        return address
    if said.isascii() and "=?" not in said:
        shown = '"{}"'.format(said.replace("\\", "\\\\").replace('"', '\\"'))
    else:
        shown = Header(said, "utf-8", header_name=header_name, maxlinelen=_LINE - 1).encode(linesep=CRLF)
    whole = f"{shown} <{address}>"
    return whole if len(header_name) + 2 + len(whole) <= _LINE else f"{shown}{CRLF} <{address}>"


def mailto(address: str, subject: str) -> str:
    """Return the link that writes a mail with that subject."""
    return f"mailto:{quote(address, safe='@+')}?subject={quote(subject, safe='')}"


def _folded(parts: Sequence[str], used: int) -> str:
    """Return the parts joined by spaces, in lines of at most 76 where a space allows it."""
    lines: list[str] = []
    current = ""
    for number, part in enumerate(parts):
        if number and used + len(current) + 1 + len(part) > _LINE and current.strip() and part:
            lines.append(current)
            current, used = part, 1
        else:
            current = f"{current} {part}" if number else part
    return f"{CRLF} ".join([*lines, current])
