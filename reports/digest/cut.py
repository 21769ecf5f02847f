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
from capture.filters import Filters
from capture.model import Entry
from capture.resources import query
from capture.window import Window, watermark
from reports.admins import Admins, Asking
from reports.calendar import Cadence, credible, next_due
from reports.clock import clock
from reports.digest import notes as words
from reports.digest.compose import Mail, MailSettings, compose, reader_of
from reports.digest.content import Period
from reports.recipients import Recipient, read

__all__ = ["Cut", "MailSettings", "cut_due", "cut_to_look_at", "cutting", "wants_empty"]

_WEEK = timedelta(days=7)
_USUAL: dict[Cadence | Literal["now"], timedelta] = {"hourly": timedelta(hours=1), "weekly": _WEEK}
_DAY = timedelta(days=1)
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
    cadence: Cadence | Literal["now"]
    window_start: datetime
    window_end: datetime
    entries: int
    changes: int
    mailed: bool
    subject: str | None


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be cut for a recipient: the window, the time that it names, and what there is to tell.

    `since` is set where digests were missed before: none was cut since then. `end` is that of the row: it comes after the last
    digest's, also where a clock that was ahead gave that one a later time than the period has; the next row begins there.
    `mailed` tells whether it is worth a mail: for what it tells, or as a sign of life.
    """

    window: Window
    period: Period
    since: datetime | None
    end: datetime
    mailed: bool
    entries: Iterator[Entry]
    empty: bool
    moved: list[datetime]
    lost: words.Lost | None


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
    can go to) does not stop the others: the error is raised after they are done. Raises ConfigurationError at once where
    the query of admins fails: then nothing is cut, and all waits.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before cutting digests")
    with conn.transaction():
        if not dry_run:
            conn.execute("SELECT audit.note_incarnation()")
        at, everyone = clock(conn), read(conn)
    asking, faults = Asking(conn), list[Exception]()
    for recipient in everyone:
        if not _may_get_any(conn, recipient, asking.now(), dry_run=dry_run):
            continue
        if not now and recipient.due(at) is None:
            continue
        try:
            cut = _cut(conn, catalogue, mail, recipient.id, asking.now(), now=now, dry_run=dry_run)
        except Exception as error:
            if conn.closed:
                raise
            faults.append(error)
            continue
        if cut is not None:
            yield cut
    if faults:
        raise faults[0]


def _may_get_any(conn: psycopg.Connection[Any], recipient: Recipient, admins: Admins, *, dry_run: bool) -> bool:
    """Return whether a digest may be cut for a recipient at all; that they are no admin any more, or are again, is written down."""
    admin = admins.may_get(recipient.email, recipient.accounts)
    if not dry_run and admin != (recipient.no_admin_since is None):
        with conn.transaction():
            conn.execute(query("recipient_admin"), {"id": recipient.id, "admin": admin})
    return admin and recipient.held not in {"paused", "bounced"}


def cut_to_look_at(
    conn: psycopg.Connection[Any], catalogue: Catalogue, mail: MailSettings, recipient: Recipient
) -> tuple[Mail, bool]:
    """Return the mail of the digest that a recipient would get if it were cut now, and whether it would be mailed.

    Nothing is frozen. Where nothing would be cut, for nothing is new, it is a mail that says so.
    """
    at = clock(conn)
    due = _due(conn, catalogue, recipient, at, now=True, anyway=True)
    assert due is not None  # noqa: S101 - it is wanted anyway
    return _composed(conn, catalogue, mail, recipient, due, at), due.mailed


def wants_empty(recipient: Recipient, due: datetime) -> bool:
    """Return whether a digest with nothing to tell is mailed: a sign of life, so that silence means something."""
    if recipient.when_empty != "weekly":
        return recipient.when_empty == "always"
    if recipient.cadence == "weekly":
        return True
    # By the days of the calendar: the hours of a week differ where the clocks change.
    zone = recipient.schedule.zone
    silent_since = recipient.mailed_until or recipient.added_at
    if credible(due, silent_since) is None:
        return True
    return due.astimezone(zone).date() - silent_since.astimezone(zone).date() >= _WEEK


def _cut(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    mail: MailSettings,
    number: int,
    admins: Admins,
    *,
    now: bool,
    dry_run: bool,
) -> Cut | None:
    """Cut the digest of one recipient; None where there is none to cut, or somebody else is at it."""
    cut = None
    with conn.transaction() as transaction:
        # Each statement must see what was committed before it: the last digest after the lock, the rows after the watermark.
        conn.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if conn.execute(query("recipient_lock"), {"id": number}).rowcount:
            (recipient,) = read(conn, number=number)
            at = clock(conn)
            # As it is now: somebody may have widened what they are told of.
            admin = admins.may_get(recipient.email, recipient.accounts)
            due = _due(conn, catalogue, recipient, at, now=now) if admin else None
            if due is not None:
                cut = _freeze(conn, catalogue, mail, recipient, due, at)
        if dry_run:
            raise psycopg.Rollback(transaction)
    return cut


def _due(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    recipient: Recipient,
    at: datetime,
    *,
    now: bool,
    anyway: bool = False,
) -> _Due | None:
    """Return what is to be cut for a recipient (whose row is locked), None where nothing is, unless it is wanted *anyway*."""
    after, instant = recipient.told(at), recipient.due(at)
    window = Window(recipient.begin, watermark(conn))
    # Nothing was finished since the last digest, for a transaction is open. It stays due until that one ends.
    ended = window.next > window.first
    if not anyway and not (ended and (instant is not None or now)):
        return None
    filters = Filters(
        accounts=None if recipient.accounts is None else frozenset(recipient.accounts),
        modules=recipient.modules or (),
        sensitivity=recipient.sensitivity,
    )
    found = entries_in(conn, catalogue, window, filters)
    first = next(found, None)
    moved = words.moves(conn, window)
    lost = words.lost(conn, recipient)
    if now and (first is not None or moved or lost):
        period = _period(after, at, "now")
    elif instant is not None:
        period = _period(after, instant, recipient.cadence)
    elif anyway:
        period = _period(after, at, "now")
    else:
        return None
    mailed_until = credible(at, recipient.mailed_until, recipient.mailed_cut)
    told = first is not None or bool(moved) or lost is not None
    sign_of_life = period.cadence != "now" and wants_empty(replace(recipient, mailed_until=mailed_until), period.end)
    return _Due(
        window=window,
        period=period,
        since=after if after and instant and next_due(recipient.schedule, after) < instant else None,
        # A clock that was set back must not make the time end before it begins.
        end=max(period.end, recipient.told_until + _INSTANT),
        mailed=ended and (told or sign_of_life),
        entries=found if first is None else chain([first], found),
        empty=first is None,
        moved=moved,
        lost=lost,
    )


def _period(start: datetime | None, end: datetime, cadence: Cadence | Literal["now"]) -> Period:
    """Return the time that a digest names: where its start is unknown, or not before its end, the usual length."""
    if start is None or start >= end:
        start = end - _USUAL.get(cadence, _DAY)
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
    composed = _composed(conn, catalogue, mail, recipient, due, at) if due.mailed else None
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
        "accounts": recipient.accounts and list(recipient.accounts),
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
        notes=words.notes(
            recipient, catalogue, due.moved, waiting, at, lost=due.lost, empty=due.empty, nothing_since=due.since
        ),
        reasons=words.reasons(due.moved, due.lost),
    )
