"""Managing who gets digests: table audit.recipient, which is under watch itself, so that each change here is an entry of the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import time
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from capture.catalogue.model import Catalogue, Sensitivity
from capture.context import actor
from capture.errors import UsageError
from capture.resources import query
from capture.window import watermark
from reports.calendar import Cadence
from reports.choices import (
    OTHER,
    SENSITIVITIES,
    Choices,
    checked,
    checked_reason,
    known_module,
    known_modules,
    language_of,
    weekday_of,
)
from reports.parked import unpark
from reports.recipient import UNSUBSCRIBED, Held, Recipient, WhenEmpty, find, read

__all__ = [
    "OTHER",
    "SENSITIVITIES",
    "SEVEN",
    "UNSUBSCRIBED",
    "Choices",
    "Held",
    "Recipient",
    "WhenEmpty",
    "add",
    "change",
    "find",
    "known_module",
    "known_modules",
    "language_of",
    "pause",
    "read",
    "remove",
    "resume",
    "unsubscribe",
    "weekday_of",
]

SEVEN = time(7)


def add(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    email: str,
    *,
    name: str | None = None,
    timezone: str = "UTC",
    language: str = "en",
    cadence: Cadence = "daily",
    send_at: time = SEVEN,
    weekday: int = 1,
    accounts: Iterable[str] = (),
    modules: Iterable[str] = (),
    sensitivity: Sensitivity = "low",
    when_empty: WhenEmpty = "weekly",
    alerts: bool = True,
    by: str | None = None,
) -> Recipient:
    """Add a recipient, whose first digest begins now: it tells of this very change first.

    `weekday` is the ISO day of a weekly digest; no accounts and no modules are all of them; `by` names the person who does it.
    Done in a transaction of its own, or as part of the caller's. Raises UsageError for what cannot be meant, and for one
    who is a recipient already.
    """
    given = Choices(
        email=email,
        name=name,
        timezone=timezone,
        language=language,
        cadence=cadence,
        send_at=send_at,
        weekday=weekday,
        accounts=accounts,
        modules=modules,
        sensitivity=sensitivity,
        when_empty=when_empty,
        alerts=alerts,
    )
    values = checked(catalogue, given)
    first = watermark(conn)
    try:
        with _acting(conn, by):
            place = {"first_incarnation": first.incarnation, "first_xid": str(first.xid)}
            conn.execute(query("recipient_add"), {**values, **place})
    except psycopg.errors.UniqueViolation:
        raise _twice(values["email"]) from None
    return find(conn, values["email"])


def change(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    email: str,
    given: Choices,
    *,
    by: str | None = None,
) -> tuple[Recipient, bool]:
    """Change what is *given* of a recipient; return it as it is now, and whether that was a change.

    Where its digests stand stays: the next one begins where the last one ended, with the next number. No modules are all of them.
    Mails that are under way go to the address that they were cut for. Where mails came back, another address ends that, and
    what came back goes there. Raises UsageError like `add`.
    """
    recipient, values = find(conn, email), checked(catalogue, given)
    try:
        with _acting(conn, by):
            all_of_them: dict[str, Any] = {**dict.fromkeys(Choices.__annotations__), **values}
            done = conn.execute(
                query("recipient_change"), {**all_of_them, "given": list(values), "id": recipient.id}
            ).rowcount
            (changed,) = read(conn, number=recipient.id)
            if recipient.bounced_at is not None and changed.bounced_at is None:
                unpark(conn, recipient.id)
    except psycopg.errors.UniqueViolation:
        raise _twice(values["email"]) from None
    return changed, done > 0


def pause(
    conn: psycopg.Connection[Any], email: str, *, paused: bool = True, reason: str | None = None, by: str | None = None
) -> bool:
    """Stop the mails to a recipient, or with `paused=False` resume them; return whether that was a change.

    Nothing is cut and nothing is sent meanwhile; the first digest afterwards tells everything since the last one.
    """
    if not paused:
        return resume(conn, email, by=by)
    return _pause(conn, find(conn, email), None if reason is None else checked_reason(reason), by)


def resume(conn: psycopg.Connection[Any], email: str, *, by: str | None = None) -> bool:
    """Resume the mails to a recipient that were paused, or that came back; return whether that was a change.

    The next digest tells everything since the last; mails that came back are tried again.
    """
    recipient = find(conn, email)
    with _acting(conn, by):
        done = conn.execute(query("recipient_resume"), {"id": recipient.id}).rowcount > 0
        if recipient.bounced_at is not None:
            unpark(conn, recipient.id)
    return done


def unsubscribe(conn: psycopg.Connection[Any], token: str | UUID) -> Recipient | None:
    """Pause the mails to the recipient whose mails bear a token, as its reader asked for; return them as they are then.

    None where no recipient has the token, also where it is none at all. Asking again changes nothing. A pause for another reason
    becomes this one, so that nobody resumes it by mistake. Needs no right but those of the connection: the token is the right.
    """
    try:
        wanted = token if isinstance(token, UUID) else UUID(token)
    except ValueError:
        return None
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("recipient_by_token"), {"token": wanted}).fetchone()
    if row is None:
        return None
    for recipient in read(conn, number=row[0]):
        # In their own name: whoever reads the log sees that nobody else did it.
        _pause(conn, recipient, UNSUBSCRIBED, recipient.email)
    return next(iter(read(conn, number=row[0])), None)


def remove(conn: psycopg.Connection[Any], email: str, *, by: str | None = None) -> Recipient:
    """Remove a recipient and return it as it was. Its digests stay; those that are not sent yet are not sent any more."""
    recipient = find(conn, email)
    with _acting(conn, by):
        conn.execute(query("recipient_remove"), {"id": recipient.id})
        conn.execute(query("delivery_park_removed"))
    return recipient


def _pause(conn: psycopg.Connection[Any], recipient: Recipient, reason: str | None, by: str | None) -> bool:
    with _acting(conn, by):
        return conn.execute(query("recipient_pause"), {"id": recipient.id, "reason": reason}).rowcount > 0


def _twice(address: str) -> UsageError:
    return UsageError(f"{address} is a recipient already: whochanged recipients list  shows how")


@contextmanager
def _acting(conn: psycopg.Connection[Any], by: str | None) -> Iterator[None]:
    """One save, by a named person or by the database's role alone."""
    with conn.transaction():
        if by is None:
            yield
        else:
            with actor(conn, by):
                yield
