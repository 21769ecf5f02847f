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
from html.entities import codepoint2name
from urllib.parse import quote

from reports import safety

CRLF = "\r\n"
_LINE = 76
_LONGEST = 990
"""Bytes of a line that every server takes: RFC 5322 allows 998."""

_NAME = 100

_BEYOND = re.compile(r"[^\x00-\x7f]")
_BREAKS = re.compile(r"[\r\n\x00]")


def body(text: str) -> tuple[str, bytes]:
    """Return a text as the body of a part: its transfer encoding and its bytes, with CRLF.

    ASCII goes as it is. Of quoted-printable, which a person can read in the source, and base64 the shorter is taken: names in
    Arabic or Chinese are three times as long in the first.
    """
    raw = (text.rstrip("\n") + "\n").replace("\n", CRLF).encode()
    if raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= _LONGEST:
        return "7bit", raw
    printable = binascii.b2a_qp(raw, istext=True)
    packed = encodebytes(raw).replace(b"\n", b"\r\n")
    return ("quoted-printable", printable) if len(printable) <= len(packed) else ("base64", packed)


def compact(html: str) -> str:
    """Return a document in the form that takes the fewest bytes in a mail, and means the same.

    Written in ASCII, with short lines, it goes as it is, while quoted-printable spends two bytes more on each equals sign and six
    on each quotation mark. In scripts that are far from ASCII the letters themselves are shorter.
    """
    plain = "\n".join(_wrapped(line) for line in _ascii(html).split("\n"))
    if body(plain)[0] == "7bit" and len(body(plain)[1]) <= len(body(html)[1]):
        return plain
    return html


def _ascii(html: str) -> str:
    """Return a document with a reference for each character beyond ASCII, by its name where it has one."""
    return _BEYOND.sub(lambda match: f"&{codepoint2name.get(ord(match[0])) or f'#{ord(match[0])}'};", html)


def _wrapped(line: str) -> str:
    """Return a line of a document broken at its spaces; where one is missing a line stays long.

    No line begins with "From ", which mailboxes of old would alter, and no row of spaces is broken up.
    """
    parts: list[str] = []
    length = 0
    for word in line.split(" "):
        if parts and length + 1 + len(word) > _LINE and word and word != "From" and parts[-1] != " ":
            parts.append("\n")
            length = 0
        elif parts:
            parts.append(" ")
            length += 1
        parts.append(word)
        length += len(word)
    return "".join(parts)


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
