"""Managing who gets digests, for applications: `from whochanged import recipients`.

Every function takes a psycopg connection whose login may do so (a member of audit_owner; to `list` and `find`, audit_reader is
enough). What it changes is a transaction of its own, or part of the one that is open; each change is an entry of the log, by the
person whom `by` names, else by the database's role. What cannot be meant raises UsageError, in one line that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from typing import Any, Unpack

import psycopg

from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.catalogue.model import Sensitivity
from capture.errors import UsageError
from reports import recipients as _recipients
from reports.calendar import Cadence
from reports.recipients import SEVEN, Choices, Recipient, WhenEmpty

__all__ = ["Choices", "Recipient", "UsageError", "add", "change", "find", "list", "pause", "remove", "resume"]


def add(
    conn: psycopg.Connection[Any],
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
    """Add a recipient, whose first digest tells what changes from now on.

    `timezone` is an IANA name, `language` a BCP 47 tag; `send_at` is local time, and `weekday` the ISO day (1 is Monday) of a weekly
    digest. No accounts and no modules are all of them. `sensitivity` is the least that is told. Raises UsageError for one who is a
    recipient already, too.
    """
    return _recipients.add(
        conn,
        _catalogue(conn),
        email,
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
        by=by,
    )


def change(
    conn: psycopg.Connection[Any], recipient: str, *, by: str | None = None, **choices: Unpack[Choices]
) -> Recipient:
    """Change what is given of the recipient with an address, and nothing else: the words are those of `add`, and a new `email`.

    Where the digests stand stays: the next one begins where the last one ended.
    """
    return _recipients.change(conn, _catalogue(conn), recipient, choices, by=by)[0]


def list(conn: psycopg.Connection[Any]) -> tuple[Recipient, ...]:  # noqa: A001 - reads as recipients.list(conn)
    """Return the recipients in the order they were added; `held` tells why nothing is mailed to one."""
    return tuple(_recipients.read(conn))


def find(conn: psycopg.Connection[Any], email: str) -> Recipient:
    """Return the recipient with an address. Raises UsageError, with the address that was probably meant, without one."""
    return _recipients.find(conn, email)


def pause(conn: psycopg.Connection[Any], email: str, *, reason: str | None = None, by: str | None = None) -> Recipient:
    """Stop the mails to a recipient; what changes meanwhile is told after `resume`."""
    _recipients.pause(conn, email, reason=reason, by=by)
    return _recipients.find(conn, email)


def resume(conn: psycopg.Connection[Any], email: str, *, by: str | None = None) -> Recipient:
    """Resume the mails to a recipient that were paused, or that came back; the next digest tells everything since the last."""
    _recipients.resume(conn, email, by=by)
    return _recipients.find(conn, email)


def remove(conn: psycopg.Connection[Any], email: str, *, by: str | None = None) -> Recipient:
    """Remove a recipient and return it as it was; what waits to be sent to it is not sent any more."""
    return _recipients.remove(conn, email, by=by)


def _catalogue(conn: psycopg.Connection[Any]) -> Catalogue:
    """The catalogue whose modules may be named."""
    return installed_catalogue(conn) or Catalogue(name="none")
