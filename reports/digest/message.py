"""The whole message, byte for byte: what is frozen in the outbox and sent again and again until it arrives."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import Literal

from reports.addresses import address_of, checked_address
from reports.digest import mime
from reports.digest.content import Reader
from reports.digest.links import unsubscribe
from reports.digest.render import Rendered

_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")


def build_message(
    rendered: Rendered,
    reader: Reader,
    *,
    sender: str,
    message_id: str,
    window: str,
    date: datetime,
    serial: int,
    base_url: str | None,
    previous: int | None = None,
    kind: Literal["digest", "alert"] = "digest",
) -> bytes:
    """Return the message in RFC 5322 form with CRLF: the same bytes for the same arguments.

    `sender` is an address, with a name or without. `message_id` has its angle brackets, `window` says which transactions the
    digest is about, `date` is aware, `previous` is the number of the digest that was mailed before; an alert is of `kind` alert.
    Raises UsageError where sender or reader have no address that mail can use, ValueError where another argument would break the
    message.
    """
    if not _MESSAGE_ID.fullmatch(message_id) or not message_id.isascii():
        raise ValueError(f"{message_id!r} is no Message-ID: it looks like <name@host>.")
    if date.tzinfo is None:
        raise ValueError("The date of a message needs a zone.")
    address, to = address_of(sender), checked_address(reader.email)
    boundary = "digest-" + sha256(message_id.encode()).hexdigest()[:32]
    headers = [
        ("From", mime.mailbox(address, parseaddr(sender)[0], "From")),
        ("To", mime.mailbox(to, reader.name, "To")),
        ("Subject", mime.words(rendered.subject, "Subject")),
        ("Date", format_datetime(date.astimezone(UTC))),
        ("Message-ID", message_id),
        ("List-Id", f"<audit-{kind}.{address.rpartition('@')[2]}>"),
        *_unsubscribe(address, to, unsubscribe(base_url, reader.token)),
        *([("List-Archive", f"<{base_url}>")] if base_url else []),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        *([("X-Audit-Kind", kind)] if kind != "digest" else []),
        ("X-Audit-Window", window),
        ("X-Audit-Serial", str(serial)),
        *([("X-Audit-Previous", str(previous))] if previous is not None else []),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative;{mime.CRLF} boundary="{boundary}"'),
    ]
    head = "".join(mime.header(header, value) for header, value in headers)
    # The last alternative is the one that mail programs prefer.
    parts = [_part("plain", rendered.text), _part("html", rendered.html)]
    delimiter = f"--{boundary}".encode()
    return b"\r\n".join([head.encode(), *(delimiter + b"\r\n" + part for part in parts), delimiter + b"--\r\n"])


def _unsubscribe(sender: str, reader: str, link: str | None) -> list[tuple[str, str]]:
    """Return the headers by which mail programs stop the mails: one click (RFC 8058) where the page is reached by HTTPS."""
    mailto = f"<{mime.mailto(sender, f'Unsubscribe {reader}')}>"
    if link is None:
        return [("List-Unsubscribe", mailto)]
    found = [("List-Unsubscribe", f"<{link}>,{mime.CRLF} {mailto}")]
    return [*found, ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")] if link.startswith("https:") else found


def _part(kind: str, text: str) -> bytes:
    encoding, encoded = mime.body(text)
    head = mime.header("Content-Type", f'text/{kind}; charset="utf-8"') + mime.header(
        "Content-Transfer-Encoding", encoding
    )
    return head.encode() + b"\r\n" + encoded
