"""Cutting digests: what is new for a recipient is frozen, with the mail that tells it, before anything is sent.

A digest is about the transactions between two watermarks (capture/window.py); the time that it names says only when it
was due. Two processes that cut at once give one digest: whoever has locked the recipient's row cuts, the other passes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Literal

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from capture.catalogue.model import Catalogue
from capture.entries.describe import entries_in
from capture.errors import ConfigurationError, UsageError
from capture.model import Entry
from capture.reading import Filters
from capture.resources import query
from capture.window import Window, watermark
from reports.calendar import latest_due
from reports.clock import clock
from reports.digest import notes as words
from reports.digest.compose import Mail, MailSettings, compose, reader_of
from reports.digest.content import Period
from reports.recipients import Recipient, read

__all__ = ["Cut", "MailSettings", "cut_due", "cutting", "wants_empty"]

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cut:
    """A digest that was frozen (in a dry run: would be). `mailed` tells whether a mail of it waits to be sent now.

    `window_start` and `window_end` are the time that it names, in UTC (after a clock that was ahead: what that
    left of it); `changes` counts the changed fields.
    """

    email: str
    id: int
    serial: int
    cadence: Literal["daily", "weekly", "now"]
    window_start: datetime
    window_end: datetime
    entries: int
    changes: int
    mailed: bool
    subject: str | None


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be cut for a recipient: the window, the time that it names, and what there is to tell.

    `end` is that of the row. It comes after the last digest's, also where a clock that was ahead gave that one a later time
    than the period has; the next row begins there. `mailed_until` is when the reader last got one, as far as can be believed.
    """

    window: Window
    period: Period
    end: datetime
    mailed_until: datetime | None
    entries: Iterator[Entry]
    empty: bool
    moved: list[datetime]
    lost: words.Lost | None

    @property
    def told(self) -> bool:
        """Whether it is worth a mail by itself."""
        return not self.empty or bool(self.moved) or self.lost is not None


def cut_due(
    conn: psycopg.Connection[Any], catalogue: Catalogue, mail: MailSettings, *, now: bool = False, dry_run: bool = False
) -> list[Cut]:
    """Cut the digests that are due, each in a transaction of its own, and return them: see `cutting`."""
    return list(cutting(conn, catalogue, mail, now=now, dry_run=dry_run))


def cutting(
    conn: psycopg.Connection[Any], catalogue: Catalogue, mail: MailSettings, *, now: bool = False, dry_run: bool = False
) -> Iterator[Cut]:
    """Cut what is due, and yield each digest once it is frozen. With `now`, also at once what is new and not due yet.

    The connection must be outside of a transaction. A recipient that cannot be served (SQL wrote an address that no mail
    can go to) does not stop the others: the error is raised after they are done.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before cutting digests")
    with conn.transaction():
        if not dry_run:
            conn.execute("SELECT audit.note_incarnation()")
        at, everyone = clock(conn), [recipient for recipient in read(conn) if not recipient.paused]
    faults: list[Exception] = []
    for recipient in everyone:
        ahead = _credible(at, recipient.told_until) is None
        if not now and not ahead and latest_due(recipient.schedule, recipient.told_until, at) is None:
            continue
        try:
            cut = _cut(conn, catalogue, mail, recipient.id, now=now, dry_run=dry_run)
        except Exception as error:
            if conn.closed:
                raise
            faults.append(error)
            continue
        if cut is not None:
            yield cut
    if faults:
        raise faults[0]


def wants_empty(recipient: Recipient, due: datetime) -> bool:
    """Return whether a digest with nothing to tell is mailed: a sign of life, so that silence means something."""
    if recipient.when_empty != "weekly":
        return recipient.when_empty == "always"
    if recipient.cadence == "weekly":
        return True
    # By the days of the calendar: the hours of a week differ where the clocks change.
    zone = recipient.schedule.zone
    silent_since = recipient.mailed_until or recipient.added_at
    if _credible(due, silent_since) is None:
        return True
    return due.astimezone(zone).date() - silent_since.astimezone(zone).date() >= _WEEK


def _cut(
    conn: psycopg.Connection[Any], catalogue: Catalogue, mail: MailSettings, number: int, *, now: bool, dry_run: bool
) -> Cut | None:
    """Cut the digest of one recipient; None where there is none to cut, or somebody else is at it."""
    cut = None
    with conn.transaction() as transaction:
        # Each statement must see what was committed before it: the last digest after the lock, the rows after the watermark.
        conn.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if conn.execute(query("recipient_lock"), {"id": number}).rowcount:
            (recipient,) = read(conn, number=number)
            at = clock(conn)
            due = _due(conn, catalogue, recipient, at, now=now)
            if due is not None:
                cut = _freeze(conn, catalogue, mail, recipient, due, at)
        if dry_run:
            raise psycopg.Rollback(transaction)
    return cut


def _due(
    conn: psycopg.Connection[Any], catalogue: Catalogue, recipient: Recipient, at: datetime, *, now: bool
) -> _Due | None:
    """Return what is to be cut for a recipient whose row is locked, None where nothing is."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("digest_cut_at"), {"recipient_id": recipient.id}).fetchone()
    last_cut, mailed_cut = row or (None, None)
    # The time that the last digest names may be one that a wrong clock gave; then it counts when that one was cut. Where no
    # time can be believed, the last instant is due.
    after = _credible(at, recipient.told_until, last_cut)
    instant = latest_due(recipient.schedule, at - _WEEK - _WEEK if after is None else after, at)
    window = Window(recipient.begin, watermark(conn))
    # Nothing was finished since the last digest, for a transaction is open. It stays due until that one ends.
    if (instant is None and not now) or window.next <= window.first:
        return None
    filters = Filters(account=recipient.account, modules=recipient.modules or ())
    found = entries_in(conn, catalogue, window, filters)
    first = next(found, None)
    moved = words.moves(conn, window)
    lost = words.lost(conn, recipient)
    if now and (first is not None or moved or lost):
        period = _period(after, at, "now")
    elif instant is not None:
        period = _period(after, instant, recipient.cadence)
    else:
        return None
    return _Due(
        window=window,
        period=period,
        # A clock that was set back must not make the time end before it begins.
        end=max(period.end, recipient.told_until + _INSTANT),
        mailed_until=_credible(at, recipient.mailed_until, mailed_cut),
        entries=found if first is None else chain([first], found),
        empty=first is None,
        moved=moved,
        lost=lost,
    )


def _credible(at: datetime, *times: datetime | None) -> datetime | None:
    """Return the first of the times that is not far after now: a clock was ahead when it was written, and is right again.

    A clock that is put right by seconds is everyday life: that must not make a digest due twice.
    """
    return next((time for time in times if time is not None and time <= at + _DAY), None)


def _period(start: datetime | None, end: datetime, cadence: Literal["daily", "weekly", "now"]) -> Period:
    """Return the time that a digest names: where its start is unknown, or not before its end, the usual length."""
    if start is None or start >= end:
        start = end - (_WEEK if cadence == "weekly" else _DAY)
    return Period(start, end, cadence)


def _freeze(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    mail: MailSettings,
    recipient: Recipient,
    due: _Due,
    at: datetime,
) -> Cut:
    """Write the digest, its mail and the delivery; without a mail where there is nothing to tell and none is wanted."""
    composed = None
    if due.told or wants_empty(replace(recipient, mailed_until=due.mailed_until), due.period.end):
        composed = _composed(conn, catalogue, mail, recipient, due, at)
    window, period, serial = due.window, due.period, recipient.serial + 1
    entries, changes = (composed.entries, composed.changes) if composed else (0, 0)
    subject = composed.rendered.subject if composed else None
    values = {
        "recipient_id": recipient.id,
        "serial": serial,
        "cadence": period.cadence,
        "window_start": recipient.told_until,
        "window_end": due.end,
        "first_incarnation": window.first.incarnation,
        "first_xid": str(window.first.xid),
        "next_incarnation": window.next.incarnation,
        "next_xid": str(window.next.xid),
        "entries": entries,
        "changes": changes,
        "subject": subject,
        "message_id": composed.message_id if composed else None,
        "message": composed.message if composed else None,
        "cut_at": at,
    }
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("digest_keep"), values).fetchone()
        assert row is not None  # noqa: S101 - an insert returns its row
        if composed:
            delivery = {"digest_id": row[0], "address": composed.address, "cut_at": at}
            cursor.execute(query("delivery_keep"), delivery)
    return Cut(
        email=recipient.email,
        id=row[0],
        serial=serial,
        cadence=period.cadence,
        window_start=recipient.told_until,
        window_end=due.end,
        entries=entries,
        changes=changes,
        mailed=composed is not None,
        subject=subject,
    )


def _composed(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    mail: MailSettings,
    recipient: Recipient,
    due: _Due,
    at: datetime,
) -> Mail:
    try:
        reader = reader_of(recipient)
    except UsageError as error:
        message = f"recipient no. {recipient.id} gets no digest: {error}, or remove it from audit.recipient"
        raise ConfigurationError(message) from error
    waiting = words.waiting_since(conn, due.window.next)
    return compose(
        conn,
        catalogue,
        mail,
        due.entries,
        reader,
        due.period,
        window=due.window,
        number=recipient.id,
        serial=recipient.serial + 1,
        date=at,
        notes=words.notes(recipient, catalogue, due.moved, waiting, at, lost=due.lost, empty=due.empty),
    )
