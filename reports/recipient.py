"""One who gets digests: what they chose, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from difflib import SequenceMatcher, get_close_matches
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.rows import tuple_row

from capture.catalogue.model import Sensitivity
from capture.errors import UsageError
from capture.resources import query
from capture.window import Watermark
from reports.addresses import checked_address
from reports.calendar import Cadence, Schedule, credible, latest_due, next_due

WhenEmpty = Literal["never", "weekly", "always"]
Held = Literal["paused", "bounced", "no_admin"]

UNSUBSCRIBED = "unsubscribed"
"""The reason of a pause that the reader asked for by the link in a mail."""

_LONG_AGO = timedelta(days=14)

_CLOSE = 0.8
"""How much alike an address must be that was probably meant, its name and its domain each, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who gets digests, and where they stand.

    `begin` is where the next one begins. `told_until` is the end of the time that the last one names, or when the
    recipient was added; `serial` is its number, 0 before the first. `mailed_serial` and `mailed_until` are those of the
    last one that was mailed; `last_cut` and `mailed_cut` tell when these two were cut. `accounts` are the tenants that they
    are told of, `modules` the modules; None for all of them. `sensitivity` is the least that is told, `language` a BCP 47 tag.
    `bounce` is what the mail server said when mails began to come back, at `bounced_at`. Whoever has `unsubscribe_token` may
    pause the mails: it stands in their links and is shown nowhere.
    """

    id: int
    email: str
    name: str | None
    timezone: str
    language: str
    cadence: Cadence
    send_at: time
    weekday: int
    accounts: tuple[str, ...] | None
    modules: tuple[str, ...] | None
    sensitivity: Sensitivity
    when_empty: WhenEmpty
    alerts: bool
    paused: bool
    paused_reason: str | None
    bounced_at: datetime | None
    bounce: str | None
    no_admin_since: datetime | None
    unsubscribe_token: UUID = field(repr=False)
    added_at: datetime
    begin: Watermark
    told_until: datetime
    serial: int
    mailed_serial: int
    mailed_until: datetime | None
    last_cut: datetime | None
    mailed_cut: datetime | None

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

    @property
    def held(self) -> Held | None:
        """Why nothing is mailed to them now, neither digests nor alerts; None where nothing keeps it back.

        Nothing is lost over it: what they get first afterwards tells everything since the last.
        """
        if self.paused:
            return "paused"
        if self.bounced_at is not None:
            return "bounced"
        return None if self.no_admin_since is None else "no_admin"

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


def _close(one: str, other: str) -> bool:
    """Return whether both the names and the domains are alike: a domain in common says nothing."""
    parts = zip(one.rpartition("@")[::2], other.rpartition("@")[::2], strict=True)
    return all(SequenceMatcher(None, first, second).ratio() >= _CLOSE for first, second in parts)


def _recipient(row: tuple[Any, ...]) -> Recipient:
    chosen, state, stand = row[:13], row[13:20], row[20:]
    (
        number,
        email,
        name,
        timezone,
        language,
        cadence,
        send_at,
        weekday,
        accounts,
        modules,
        sensitivity,
        empty,
        alerts,
    ) = chosen
    paused, reason, bounced_at, bounce, no_admin_since, token, added_at = state
    incarnation, xid, told_until, serial, mailed_serial, mailed_until, last_cut, mailed_cut = stand
    return Recipient(
        id=number,
        email=email,
        name=name,
        timezone=timezone,
        language=language,
        cadence=cadence,
        send_at=send_at,
        weekday=weekday,
        accounts=tuple(accounts) if accounts else None,
        modules=tuple(modules) if modules else None,
        sensitivity=sensitivity,
        when_empty=empty,
        alerts=alerts,
        paused=paused,
        paused_reason=reason if paused else None,
        bounced_at=_utc(bounced_at),
        bounce=bounce,
        no_admin_since=_utc(no_admin_since),
        unsubscribe_token=token,
        added_at=added_at.astimezone(UTC),
        begin=Watermark(incarnation, xid),
        told_until=told_until.astimezone(UTC),
        serial=serial,
        mailed_serial=mailed_serial,
        mailed_until=_utc(mailed_until),
        last_cut=_utc(last_cut),
        mailed_cut=_utc(mailed_cut),
    )


def _utc(at: datetime | None) -> datetime | None:
    return at and at.astimezone(UTC)
