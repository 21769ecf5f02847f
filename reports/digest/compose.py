"""From entries to the mail that tells them: the same for a digest that is frozen and for one that is only looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.catalogue.own import with_own
from capture.coverage import coverage
from capture.model import Entry
from capture.resources import query
from capture.upkeep import one
from capture.window import Window
from reports.addresses import address_of, checked_address, checked_name
from reports.digest.content import Period, Reader, Watch, collect
from reports.digest.message import build_message
from reports.digest.render import Rendered, render
from reports.recipients import Recipient


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What mails say of their origin: the From line, the address of the web page for links, the product's name."""

    sender: str
    base_url: str | None
    product: str = "Cloudfon CX"

    @property
    def host(self) -> str:
        """Return the domain of the sender: a Message-ID ends with it. Raises UsageError for a sender that is none."""
        return address_of(self.sender).rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to be sent: to whom, its parts as rendered, the whole of it byte for byte, and how much it tells."""

    address: str
    rendered: Rendered
    message_id: str
    message: bytes
    entries: int
    changes: int


def compose(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    mail: MailSettings,
    entries: Iterable[Entry],
    reader: Reader,
    period: Period,
    *,
    window: Window,
    number: int,
    serial: int,
    date: datetime,
    notes: Sequence[str] = (),
    reasons: Sequence[str] = (),
) -> Mail:
    """Return the mail that tells *entries*, which come newest first and are read once.

    *number* is the recipient's, *date* when it is cut. *notes* and *reasons* are those of reports.digest.notes.
    Of the database only the state of the watch over its tables is read here, and what stands for it.
    """
    counted = _Counted(entries)
    digest = collect(
        counted,
        reader,
        period,
        module_order=with_own(catalogue).modules,
        product=mail.product,
        notes=notes,
        reasons=reasons,
        watch=_watch(conn),
        cut_at=date,
    )
    first, after = window.first, window.next
    # A window without a transaction chose nothing: then it was the time (a preview), or there was nothing to choose from.
    rendered = render(digest, serial=serial, base_url=mail.base_url, by_time=first == after)
    about = f"{first.incarnation}.{first.xid}-{after.incarnation}.{after.xid}"
    # It stands for the recipient, the window and the database, so that it is the same in every try, and no other is.
    message_id = f"<digest.{number}.{about}.{one(conn, query('database_mark'))}@{mail.host}>"
    message = build_message(
        rendered,
        reader,
        sender=mail.sender,
        message_id=message_id,
        window=about,
        date=date,
        serial=serial,
        base_url=mail.base_url,
    )
    return Mail(reader.email, rendered, message_id, message, counted.entries, counted.changes)


def reader_of(recipient: Recipient) -> Reader:
    """Return the recipient as a digest's reader. Raises UsageError for an address or a name that no mail can bear."""
    return Reader(
        email=checked_address(recipient.email),
        name=None if recipient.name is None else checked_name(recipient.name),
        timezone=recipient.schedule.zone.key,
        accounts=recipient.accounts,
        modules=recipient.modules,
        sensitivity=recipient.sensitivity,
        language=recipient.language,
    )


def _watch(conn: psycopg.Connection[Any]) -> Watch | None:
    """Return how many tables are watched, and how many of these may miss changes: silence must not be taken for peace.

    None where the role may read the log and nothing more: its preview does without that sentence.
    """
    try:
        with conn.transaction():
            tables = coverage(conn)
    except psycopg.errors.InsufficientPrivilege:
        return None
    return Watch(len(tables), sum(not table.ok for table in tables))


class _Counted:
    """An iterator of entries that counts them, and the changed fields behind them, as they pass."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = iter(entries)
        self.entries = self.changes = 0

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        entry = next(self._entries)
        self.entries += 1
        self.changes += len(entry.changes)
        return entry
