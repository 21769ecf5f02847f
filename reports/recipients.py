"""Who gets digests: table audit.recipient, which is under watch itself, so that each change here is an entry of the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from difflib import SequenceMatcher, get_close_matches
from typing import Any, Literal, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.rows import tuple_row

from capture.catalogue.model import Catalogue
from capture.catalogue.own import with_own
from capture.context import actor
from capture.errors import UsageError
from capture.resources import query
from capture.window import Watermark, watermark
from reports.addresses import checked_address, checked_name
from reports.calendar import WEEKDAYS, Cadence, Schedule, credible, latest_due, next_due, zone_of

WhenEmpty = Literal["never", "weekly", "always"]

OTHER = "Other"
"""The module of tracked tables that no catalogue describes."""

SEVEN = time(7)

_LONG_AGO = timedelta(days=14)

_CLOSE = 0.8
"""How much alike an address must be that was probably meant, its name and its domain each, from 0 to 1."""


class Choices(TypedDict, total=False):
    """What somebody chooses for a recipient, under the names of the columns."""

    email: str
    name: str | None
    timezone: str
    cadence: Cadence
    send_at: time
    weekday: int
    account: str | None
    modules: Iterable[str]
    when_empty: WhenEmpty


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who gets digests, and where they stand.

    `begin` is where the next one begins. `told_until` is the end of the time that the last one names, or when the
    recipient was added; `serial` is its number, 0 before the first. `mailed_serial` and `mailed_until` are those of the
    last one that was mailed; `last_cut` and `mailed_cut` tell when these two were cut. `modules` is None for all of them,
    `account` is None for every tenant.
    """

    id: int
    email: str
    name: str | None
    timezone: str
    cadence: Cadence
    send_at: time
    weekday: int
    account: str | None
    modules: tuple[str, ...] | None
    when_empty: WhenEmpty
    paused: bool
    added_at: datetime
    begin: Watermark
    told_until: datetime
    serial: int
    mailed_serial: int
    mailed_until: datetime | None
    last_cut: datetime | None
    mailed_cut: datetime | None
    unsubscribe_token: UUID | None = None

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone; None where this machine does not know it (it was written by SQL, or elsewhere)."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None

    @property
    def schedule(self) -> Schedule:
        """When its digests are due; in UTC where the zone is not known."""
        return Schedule(self.zone or ZoneInfo("UTC"), self.cadence, self.send_at, self.weekday)

    def told(self, now: datetime) -> datetime | None:
        """Return the end of the time that was told; where a wrong clock gave it, when that was; None where neither can be believed."""
        return credible(now, self.told_until, self.last_cut)

    def due(self, now: datetime) -> datetime | None:
        """Return the last instant at which a digest was due and is not cut, None without one; *now* is the database's time.

        Where no time can be believed, the last instant is due.
        """
        return latest_due(self.schedule, self.told(now) or now - _LONG_AGO, now)

    def next_due(self, now: datetime) -> datetime:
        """Return since when a digest is due, or when the next one will be."""
        told = self.told(now)
        return (self.due(now) if told is None else None) or next_due(self.schedule, told or now)


def read(conn: psycopg.Connection[Any], *, number: int | None = None) -> list[Recipient]:
    """Return the recipients in the order they were added: all, or the one with a number."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query("recipient_read"), {"id": number}).fetchall()
    return [_recipient(row) for row in rows]


def find(conn: psycopg.Connection[Any], email: str) -> Recipient:
    """Return the recipient with an address. Raises UsageError, with the address that was probably meant, without one."""
    everyone = read(conn)
    known = {recipient.email.lower(): recipient for recipient in everyone}
    # As it is given first: SQL may have written what is no mail address, and that must be found to be removed.
    found = known.get(email.lower()) or known.get(checked_address(email).lower())
    if found:
        return found
    emails = [recipient.email for recipient in everyone if _close(email, recipient.email)]
    close = get_close_matches(email, emails, n=1, cutoff=_CLOSE)
    hint = f"did you mean {close[0]}?" if close else "whochanged recipients list  shows those that are"
    raise UsageError(f"{email} is no recipient: {hint}")


def add(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    email: str,
    *,
    name: str | None = None,
    timezone: str = "UTC",
    cadence: Cadence = "daily",
    send_at: time = SEVEN,
    weekday: int = 1,
    account: str | None = None,
    modules: Iterable[str] = (),
    when_empty: WhenEmpty = "weekly",
    by: str | None = None,
) -> Recipient:
    """Add a recipient, whose first digest begins now: it tells of this very change first.

    `weekday` is the ISO day of a weekly digest; no modules are all of them; `by` names the person who does it.
    Done in a transaction of its own, or as part of the caller's. Raises UsageError for what cannot be meant, and for one
    who is a recipient already.
    """
    given = Choices(
        email=email,
        name=name,
        timezone=timezone,
        cadence=cadence,
        send_at=send_at,
        weekday=weekday,
        account=account,
        modules=modules,
        when_empty=when_empty,
    )
    values = _checked(catalogue, given)
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
    Mails that are under way go to the address that they were cut for. Raises UsageError like `add`.
    """
    recipient, values = find(conn, email), _checked(catalogue, given)
    try:
        with _acting(conn, by):
            all_of_them: dict[str, Any] = {**dict.fromkeys(Choices.__annotations__), **values}
            done = conn.execute(
                query("recipient_change"), {**all_of_them, "given": list(values), "id": recipient.id}
            ).rowcount
    except psycopg.errors.UniqueViolation:
        raise _twice(values["email"]) from None
    (changed,) = read(conn, number=recipient.id)
    return changed, done > 0


def pause(conn: psycopg.Connection[Any], email: str, *, paused: bool = True, by: str | None = None) -> bool:
    """Stop the digests to a recipient, or with `paused=False` resume them; return whether that was a change.

    Nothing is cut and nothing is sent meanwhile; the first digest afterwards tells everything since the last one.
    """
    recipient = find(conn, email)
    with _acting(conn, by):
        done = conn.execute(query("recipient_pause"), {"id": recipient.id, "paused": paused})
    return done.rowcount > 0


def remove(conn: psycopg.Connection[Any], email: str, *, by: str | None = None) -> Recipient:
    """Remove a recipient and return it as it was. Its digests stay; those that are not sent yet are not sent any more."""
    recipient = find(conn, email)
    with _acting(conn, by):
        conn.execute(query("recipient_remove"), {"id": recipient.id})
        conn.execute(query("delivery_park_removed"))
    return recipient


def known_modules(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the modules that a digest can tell of, in their order."""
    return (*with_own(catalogue).modules, OTHER)


def known_module(catalogue: Catalogue, name: str) -> str:
    """Return the catalogue's module of a name in any case. Raises UsageError, with the one that was probably meant."""
    known = {module.casefold(): module for module in known_modules(catalogue)}
    wanted = name.strip().casefold()
    if wanted in known:
        return known[wanted]
    close = get_close_matches(wanted, known, n=1)
    hint = f"Did you mean '{known[close[0]]}'?" if close else f"There are {', '.join(known.values())}"
    raise UsageError(f"unknown module '{name}'. {hint}")


def weekday_of(name: str) -> int:
    """Return the ISO number of a day's English name, also a shortened one. Raises UsageError where it is none."""
    wanted = name.strip().casefold()
    found = [number for number, day in enumerate(WEEKDAYS, 1) if len(wanted) > 1 and day.startswith(wanted)]
    if len(found) != 1:
        raise UsageError(f"unknown weekday '{name}': write one of {', '.join(WEEKDAYS)}")
    return found[0]


def _checked(catalogue: Catalogue, given: Choices) -> dict[str, Any]:
    """Return the columns of what is given. Raises UsageError for what cannot be meant."""
    values: dict[str, Any] = dict(given)
    if "email" in given:
        values["email"] = checked_address(given["email"])
    if (account := given.get("account")) is not None and not account.strip():
        raise UsageError("the account is empty: leave --account out for all accounts")
    if (name := given.get("name")) is not None:
        values["name"] = checked_name(name)
    if "timezone" in given:
        values["timezone"] = zone_of(given["timezone"]).key
    if "modules" in given:
        values["modules"] = list({known_module(catalogue, wanted): None for wanted in given["modules"]}) or None
    return values


def _twice(address: str) -> UsageError:
    return UsageError(f"{address} is a recipient already: whochanged recipients list  shows how")


def _close(one: str, other: str) -> bool:
    """Return whether both the names and the domains are alike: a domain in common says nothing."""
    parts = zip(one.rpartition("@")[::2], other.rpartition("@")[::2], strict=True)
    return all(SequenceMatcher(None, first, second).ratio() >= _CLOSE for first, second in parts)


@contextmanager
def _acting(conn: psycopg.Connection[Any], by: str | None) -> Iterator[None]:
    """One save, by a named person or by the database's role alone."""
    with conn.transaction():
        if by is None:
            yield
        else:
            with actor(conn, by):
                yield


def _recipient(row: tuple[Any, ...]) -> Recipient:
    own, stand = row[:12], row[12:]
    incarnation, xid, told_until, serial, mailed_serial, mailed_until, last_cut, mailed_cut = stand
    number, email, name, timezone, cadence, send_at, weekday, account, modules, when_empty, paused, added_at = own
    return Recipient(
        id=number,
        email=email,
        name=name,
        timezone=timezone,
        cadence=cadence,
        send_at=send_at,
        weekday=weekday,
        account=account,
        modules=tuple(modules) if modules else None,
        when_empty=when_empty,
        paused=paused,
        added_at=added_at.astimezone(UTC),
        begin=Watermark(incarnation, xid),
        told_until=told_until.astimezone(UTC),
        serial=serial,
        mailed_serial=mailed_serial,
        mailed_until=mailed_until and mailed_until.astimezone(UTC),
        last_cut=last_cut and last_cut.astimezone(UTC),
        mailed_cut=mailed_cut and mailed_cut.astimezone(UTC),
    )
