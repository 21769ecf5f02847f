"""Periods as people write them: 'yesterday', 'last week', '2026-11-01..2026-11-08', '7d'."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from capture.errors import UsageError
from whochanged.output.times import moment

OPTION = "--period"
NEXT = "next"
"""Not a time: what the next digest of a recipient would tell, wherever the last one ended."""

_FORMS = "next, today, yesterday, this week, last week, this month, last month, a date, an age (12h, 7d), or A..B of dates or times"
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


def period(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return beginning and end of the time that the text means in the zone of `now`; the days of A..B are both inside.

    Weeks begin on Monday. What is still going on ends now. Raises UsageError for what is no time, or nothing could be in.
    """
    words = " ".join(text.lower().split())
    if ".." in words:
        first, _, last = (part.strip() for part in words.partition(".."))
        start = moment(first, option=OPTION, now=now, end=False) if first else None
        end = moment(last, option=OPTION, now=now, end=True) if last else now
        if start is None:
            raise UsageError(f"{OPTION} '{text}' has no beginning: write 2026-11-01..2026-11-08")
    elif words in {"now", ""}:
        raise UsageError(_complaint(text))
    else:
        start, end = _named(words, now) or _one(words, text, now)
    if start >= end:
        raise UsageError(f"{OPTION} '{text}' ends before it begins: nothing can be between")
    return start, end


def _named(words: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Return a week or a month that has a name."""
    today = now.date()
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    if words == "this week":
        return _midnight(monday, now), now
    if words == "last week":
        return _midnight(monday - _WEEK, now), _midnight(monday, now)
    if words == "this month":
        return _midnight(first, now), now
    if words == "last month":
        return _midnight((first - _DAY).replace(day=1), now), _midnight(first, now)
    return None


def _one(words: str, text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return a whole day, or from a time until now."""
    try:
        start = moment(words, option=OPTION, now=now, end=False)
        end = moment(words, option=OPTION, now=now, end=True)
    except UsageError:
        raise UsageError(_complaint(text)) from None
    return start, min(end, now) if end > start else now


def _midnight(day: date, now: datetime) -> datetime:
    return datetime.combine(day, time(), tzinfo=now.tzinfo)


def _complaint(text: str) -> str:
    return f"{OPTION} '{text}' is not a time: write {_FORMS}"
