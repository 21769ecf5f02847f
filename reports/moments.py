"""Times as people write them ('2h', 'yesterday', '2026-11-24 09:00') and the zone in which they read them."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from capture.errors import UsageError

_AGO = re.compile(r"(\d+)\s*(s|m|min|h|d|w)(?:\s+ago)?", re.IGNORECASE)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(hours=24),
    "w": timedelta(hours=168),
}
_DAY = re.compile(r"\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d(-?\d)?")
_YEARS = range(2, 9999)
"""At the ends of the calendar, a time that is moved to another zone falls off."""

_FORMS = "a date (2026-11-24), a time (2026-11-24T09:00), an age (30m, 2h, 7d, 2w), today, yesterday or now"


def zone(name: str | None) -> tzinfo:
    """The named zone, or without a name the one of this machine (TZ, then the system's)."""
    name = name or os.environ.get("TZ", "").removeprefix(":") or None
    if name is None:
        return datetime.now().astimezone().tzinfo or UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"unknown timezone '{name}': write a name such as Europe/Berlin or UTC"
        raise UsageError(message) from None


def moment(text: str, *, option: str, now: datetime, end: bool) -> datetime:
    """The moment that the text means in the zone of `now`; a whole day means its start, or with `end` its end."""
    try:
        found = _meant(text.strip(), now, end=end)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.year not in _YEARS:
        raise UsageError(_complaint(option, text))
    return found


def _meant(words: str, now: datetime, *, end: bool) -> datetime:
    """Return what the words mean. Raises ValueError and OverflowError where they mean nothing."""
    if match := _AGO.fullmatch(words):
        return now.astimezone(UTC) - int(match[1]) * _UNITS[match[2].lower()]
    days = {"today": 0, "yesterday": 1}
    if words.lower() in days:
        return _edge(now.date() - timedelta(days=days[words.lower()]), now, end=end)
    if words.lower() == "now":
        return now
    if _DAY.fullmatch(words):
        return _edge(date.fromisoformat(words), now, end=end)
    at = datetime.fromisoformat(words)
    return at if at.tzinfo is not None else at.replace(tzinfo=now.tzinfo)


def _edge(day: date, now: datetime, *, end: bool) -> datetime:
    return datetime.combine(day + timedelta(days=1) if end else day, time(), tzinfo=now.tzinfo)


def _complaint(option: str, text: str) -> str:
    return f"{option} '{text}' is not a time: write {_FORMS}"
