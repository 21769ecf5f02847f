"""When a digest is due: days and times of the reader's own calendar, whatever its clocks do in the night.

A time that the clocks jump over happens at the first instant after the gap; one that they show twice happens the first
time. A day that a zone left out altogether (Samoa had no 30 December 2011) has no digest: the next one tells it all.

An hourly digest is due whenever the clocks show a full hour, in zones with an offset of half an hour too: an hour that they
show twice has two, one that they jump over has none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from capture.errors import UsageError

Cadence = Literal["hourly", "daily", "weekly"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_ONE_DAY = timedelta(days=1)
_ONE_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_FEW_HOURS = timedelta(hours=3)
"""A full hour comes within these, whatever the clocks do: where they are moved by half an hour, two are 90 minutes apart."""
_REACH = 15
"""Days to look through: two weeks and one, should a weekly digest's day have been left out of the calendar."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every full hour; every day, or every ISO `weekday` (1 is Monday), at the local time `at` of a zone."""

    zone: ZoneInfo
    cadence: Cadence
    at: time
    weekday: int = 1

    def includes(self, day: date) -> bool:
        """Return whether a digest is due on a day of the local calendar."""
        return (self.cadence != "weekly" or day.isoweekday() == self.weekday) and _exists(day, self.zone)


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """Return the first instant after *after* at which a digest is due, in UTC."""
    if schedule.cadence == "hourly":
        return _next_hour(schedule.zone, after)
    first = after.astimezone(schedule.zone).date()
    return next(due for due in _instants(schedule, first, _ONE_DAY) if due > after)


def latest_due(schedule: Schedule, after: datetime, now: datetime) -> datetime | None:
    """Return the last instant after *after*, and not after *now*, at which a digest was due, in UTC; None without one."""
    if schedule.cadence == "hourly":
        found = _next_hour(schedule.zone, now - _FEW_HOURS)
        while (later := _next_hour(schedule.zone, found)) <= now:
            found = later
    else:
        last = now.astimezone(schedule.zone).date()
        found = next(due for due in _instants(schedule, last, -_ONE_DAY) if due <= now)
    return found if found > after else None


def credible(now: datetime, *times: datetime | None) -> datetime | None:
    """Return the first of the times that is not far after now: a clock was ahead when it was written, and is right again.

    A clock that is put right by seconds is everyday life: that must not make a digest due twice.
    """
    return next((time for time in times if time is not None and time <= now + _ONE_DAY), None)


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when the clocks of a zone show a time on a day, in UTC: the first of two, and after a gap its end."""
    local = datetime.combine(day, at, tzinfo=zone)
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    # In a gap, fold=1 reads the time by the offset after it and fold=0 by the one before: the gap lies between the two.
    return _shift(zone, local.replace(fold=1).astimezone(UTC), found)


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises UsageError, with the name that was probably meant, where there is none."""
    known = available_timezones()
    if name in known:
        return ZoneInfo(name)
    meant = _similar(name, known)
    hint = f"Did you mean {meant}?" if meant else "Write a name such as Europe/Berlin or UTC"
    raise UsageError(f"unknown time zone '{name}'. {hint}")


def _similar(name: str, known: set[str]) -> str | None:
    """Return the zone that somebody meant: its spelling, its city alone, or something close to either."""
    wanted = name.strip().replace(" ", "_").casefold()
    spelt = {zone.casefold(): zone for zone in sorted(known)}
    # Of the zones of one city the one with a continent is meant: Europe/Lisbon and not Portugal's older names.
    cities = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(known, key=lambda zone: ("/" in zone, zone))}
    for names in (spelt, cities):
        if wanted in names:
            return names[wanted]
    for names, text in ((spelt, wanted), (cities, wanted.rpartition("/")[2])):
        close = get_close_matches(text, names, n=1, cutoff=0.8)
        if close:
            return names[close[0]]
    return None


def _next_hour(zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first instant after *after* at which the clocks of a zone show a full hour, in UTC."""
    at = after.astimezone(UTC)
    while True:
        local = at.astimezone(zone)
        gone = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        # A full hour if nothing happens to the clocks until then, that instant included; else from what happens on.
        hour = at + _ONE_HOUR - gone
        if hour.astimezone(zone).utcoffset() == local.utcoffset():
            return hour
        at = _shift(zone, at, hour)
        local = at.astimezone(zone)
        if (local.minute, local.second) == (0, 0):
            return at


def _shift(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first whole second at which the offset of a zone is another than at *before*; it is another at *after*."""
    old = before.astimezone(zone).utcoffset()
    # Clocks are moved at whole seconds.
    start = before.replace(microsecond=0)
    seconds = range(int((after - start) / _SECOND) + 1)

    def changed(second: int) -> bool:
        return (start + timedelta(seconds=second)).astimezone(zone).utcoffset() != old

    return start + timedelta(seconds=bisect_left(seconds, x=True, key=changed))


def _instants(schedule: Schedule, first: date, step: timedelta) -> Iterator[datetime]:
    """Yield the instants at which digests are due, of the days from *first* on, forwards or backwards."""
    for number in range(_REACH + 1):
        day = first + number * step
        if schedule.includes(day):
            yield instant(day, schedule.at, schedule.zone)


def _exists(day: date, zone: ZoneInfo) -> bool:
    """Return whether the zone's calendar has the day."""
    return instant(day, time(), zone) < instant(day + _ONE_DAY, time(), zone)
