"""Looking for what is sensitive and new, and freezing the mails that tell it, before anything is sent.

What is new is decided by transaction, as in digests (capture/window.py): nothing is missed, and nothing told in two alerts. What
must wait (a limit, a mail server that is down) is not dropped: the reader's place stays, and the next alert tells it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from capture.catalogue.model import Catalogue
from capture.errors import ConfigurationError, UsageError
from capture.resources import query
from capture.upkeep import one
from capture.window import Watermark, Window, oldest_in, watermark
from reports.admins import ask
from reports.alerts.gather import Bundle, Tally, gather
from reports.alerts.mail import AlertMail, compose_alert
from reports.alerts.readers import Channel, MailReader, mail_readers, move
from reports.clock import clock
from reports.digest.compose import MailSettings, reader_of

PER_HOUR = 12
"""Mails that a recipient gets in an hour at most, unless a setting says otherwise."""

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that was frozen (in a dry run: would be): whom it tells how many entries, under which subject and number."""

    email: str
    id: int
    serial: int
    entries: int
    subject: str


def anything_new(conn: psycopg.Connection[Any], channel: Channel) -> bool:
    """Return whether a look has something to do: a reader to begin with, a transaction that nobody looked at, or something held back.

    Costs three look-ups of indexes where there is nothing, and writes nothing. Nothing here depends on a time.
    """
    with conn.transaction():
        with conn.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(query("alert_new"), {"channel": channel}).fetchone()
        assert row is not None  # noqa: S101 - the query gives one row
        missing, held, places = row
        if missing or held:
            return True
        mark = watermark(conn)
        looked = [Watermark(int(incarnation), int(xid)) for incarnation, xid in places]
        return any(oldest_in(conn, Window(place, mark)) is not None for place in looked if place < mark)


def cut_alerts(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    mail: MailSettings,
    *,
    per_hour: int = PER_HOUR,
    dry_run: bool = False,
) -> list[Alert]:
    """Freeze an alert for each recipient for whom something sensitive is new, all in one transaction, and return them.

    The connection must be outside of a transaction. Two that look at once do no harm: the second passes by. Raises
    ConfigurationError, when all others are served, where a recipient has an address that no mail can go to; at once, where the
    query of admins fails: then nothing is cut, and all waits.
    """
    if not anything_new(conn, "mail"):
        return []
    admins = ask(conn)
    cut: list[Alert] = []
    readers: list[MailReader] = []
    with looking(conn, "mail", dry_run=dry_run) as numbers:
        mark, at = watermark(conn), clock(conn)
        readers = mail_readers(conn, numbers, at, per_hour, admins)
        tallies = {reader.recipient.id: _tally(reader, at) for reader in readers if reader.wants}
        gather(
            conn, catalogue, [(_from(reader), tallies[reader.recipient.id]) for reader in readers if reader.wants], mark
        )
        for reader in readers:
            alert = _settled(conn, mail, reader, tallies.get(reader.recipient.id), mark, at)
            cut += [alert] if alert is not None else []
    bad = [reader.recipient.id for reader in readers if reader.held_for == "address" and reader.wants]
    if bad:
        said = f"recipient no. {bad[0]} gets no alerts: its address or name is none that a mail can bear"
        raise ConfigurationError(f"{said}: correct it, or remove it from audit.recipient")
    return cut


@contextmanager
def looking(conn: psycopg.Connection[Any], channel: Channel, *, dry_run: bool = False) -> Iterator[list[int]]:
    """Hold the places of the readers of a channel that nobody else holds, in one transaction; give their numbers."""
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before looking for alerts")
    with conn.transaction() as transaction:
        # Each statement must see what was committed before it: the places after the lock, the rows after the watermark.
        conn.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        one(conn, query("note_incarnation"))
        if channel == "mail":
            conn.execute(query("alert_begin"))
        with conn.cursor(row_factory=tuple_row) as cursor:
            numbers = [row[0] for row in cursor.execute(query("alert_lock"), {"channel": channel})]
        yield numbers
        if dry_run:
            raise psycopg.Rollback(transaction)


def _from(reader: MailReader) -> Watermark:
    """Return where this look begins for a reader: what is held back is read again only where it can be told now."""
    return reader.stand.looked if reader.held_for else reader.stand.told


def _tally(reader: MailReader, at: datetime) -> Tally:
    if reader.held_for:
        return Tally(reader.filters)
    return Bundle(reader.filters, reader=reader_of(reader.recipient), until=at)


def _settled(
    conn: psycopg.Connection[Any],
    mail: MailSettings,
    reader: MailReader,
    tally: Tally | None,
    mark: Watermark,
    at: datetime,
) -> Alert | None:
    """Freeze the alert of one reader, if there is one to be told now, and move the reader on."""
    stand = reader.stand
    if tally is None:
        told, alert = stand.tell(mark, 0), None
    elif not isinstance(tally, Bundle):
        told, alert = stand.hold(tally.number, tally.oldest, mark), None
    elif not tally.number:
        told, alert = stand.tell(mark, 0), None
    else:
        window = Window(stand.told, mark)
        composed = compose_alert(conn, mail, reader.recipient.id, stand, tally, window, at)
        alert = _frozen(conn, reader, composed, tally, window, at)
        told = stand.tell(mark, 1)
    # Where there was no transaction nothing moves: what moves a place is a transaction too, and there would be no end of it.
    begun = tally.begun if tally is not None else oldest_in(conn, Window(stand.looked, mark)) is not None
    purged = isinstance(tally, Bundle) and stand.held > 0
    if told != stand and (begun or purged):
        move(conn, "mail", reader.recipient.id, told, reader.held_for)
    return alert


def _frozen(
    conn: psycopg.Connection[Any], reader: MailReader, composed: AlertMail, tally: Bundle, window: Window, at: datetime
) -> Alert:
    serial = reader.stand.serial + 1
    values = {
        "recipient_id": reader.recipient.id,
        "serial": serial,
        "window_start": min(tally.oldest or at, at - _INSTANT),
        "window_end": at,
        "first_incarnation": window.first.incarnation,
        "first_xid": str(window.first.xid),
        "next_incarnation": window.next.incarnation,
        "next_xid": str(window.next.xid),
        "accounts": reader.recipient.accounts and list(reader.recipient.accounts),
        "entries": tally.number,
        "changes": tally.changes,
        "subject": composed.rendered.subject,
        "message_id": composed.message_id,
        "message": composed.message,
        "cut_at": at,
    }
    number = one(conn, query("alert_keep"), values)
    conn.execute(query("delivery_keep"), {"digest_id": number, "address": composed.address, "cut_at": at})
    return Alert(reader.recipient.email, number, serial, tally.number, composed.rendered.subject)
