"""Times as the reader of a digest sees them: in their zone, and never with two meanings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from capture.errors import ConfigurationError
from reports.digest.style import HOUSE, Style, style_of

_DAY = timedelta(hours=24)
_SECOND = timedelta(seconds=1)
_UTC_NAMES = {"UTC", "Etc/UTC", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal", "UCT", "Etc/UCT"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it is shown. `utc` is ISO 8601 for machines, such as "2026-11-23T08:20:50Z".

    `clock` is "09:20"; `day` ("Mon 16 Nov") is None on the one day that the digest is about; `offset` ("UTC+2") is None unless
    the clock alone would mean two moments.
    """

    utc: str
    clock: str
    day: str | None
    offset: str | None

    @property
    def words(self) -> str:
        """All that is shown, in one line: "Sun 25 Oct 02:30 UTC+2"."""
        return " ".join(part for part in (self.day, self.clock, self.offset) if part)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A span of time in a zone: how its days, its times and its changes of the clock are said.

    `shifts` are the moments inside at which the zone's offset changes, in UTC. `style` is how the reader's region writes days and
    times; its `lang` is that of the page.
    """

    zone: ZoneInfo
    start: datetime
    end: datetime
    shifts: tuple[datetime, ...]
    style: Style = HOUSE

    def moment(self, at: datetime) -> Moment:
        """Return a time as it is shown. One from before the span (its transaction took long) has its day, and its offset if another."""
        local = at.astimezone(self.zone)
        several = self._ambiguous(local) or (
            not self.start <= at < self.end and local.utcoffset() not in self._offsets()
        )
        return Moment(
            utc=f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            clock=self.style.clock(local),
            day=None if self.one_day == local.date() else self._short_day(local),
            offset=_offset(local) if several else None,
        )

    @property
    def one_day(self) -> date | None:
        """The day that the span lies in; None where it touches several."""
        first, last = self._days()
        return first if first == last else None

    @property
    def title(self) -> str:
        """The span for a heading, in whole words: "Sunday, 22 November 2026"."""
        first, last = self._days()
        if first == last:
            return f"{first:%A}, {self.style.day(first)}" + ("" if self._whole else f", {self._clocks()}")
        if self._whole:
            return self.style.dates(first, last)
        after = self.style.day(self.end.date())
        return f"{self.style.day(first)}, {self._clock(self.start)} – {after}, {self._clock(self.end)}"

    @property
    def short(self) -> str:
        """The span for a subject: "22 Nov 2026", and with clock times where it is no whole days."""
        first, last = self._days()
        if self._whole:
            return self.dates
        if first == last:
            return f"{self.dates}, {self._clocks()}"
        start = self.style.day(first, "%b", year=first.year != self.end.year)
        return f"{start} {self._clock(self.start)} – {self.style.day(self.end, '%b')} {self._clock(self.end)}"

    @property
    def dates(self) -> str:
        """The days of the span, without clock times."""
        return self.style.dates(*self._days(), "%b")

    @property
    def between(self) -> str:
        """The span in a sentence: "from Monday, 16 November 2026, 00:00 to Monday, 23 November 2026, 00:00"."""
        said = (f"{at:%A}, {self.style.day(at)}, {self._clock(at)}" for at in (self.start, self.end))
        return "from {} to {}".format(*said)

    @property
    def zone_words(self) -> str:
        """The zone with its offset: "Europe/Berlin, UTC+1"; "Europe/Berlin: UTC+2 until 25 Oct 03:00, then UTC+1"."""
        name = self.zone.key
        if not self.shifts:
            return "UTC" if name in _UTC_NAMES else f"{name}, {_offset(self.start)}"
        steps = []
        for shift in self.shifts:
            before = (shift - _SECOND).astimezone(self.zone)
            # The hand of the clock when it is moved: a second on by the old offset, whatever the new one says.
            hand = before.replace(tzinfo=None) + _SECOND
            day = "" if self.one_day else f"{self.style.day(before, '%b', year=False)} "
            steps.append(f"{_offset(before)} until {day}{self.style.clock(hand)}")
        return f"{name}: {', then '.join([*steps, _offset(self._last())])}"

    @property
    def _whole(self) -> bool:
        return _is_midnight(self.start, self.zone) and _is_midnight(self.end, self.zone)

    def _days(self) -> tuple[date, date]:
        """Return the first and the last day that the span touches."""
        return self.start.date(), self._last().date()

    def _last(self) -> datetime:
        """Return the last moment of the span; its end is the first one after it."""
        return (self.end.astimezone(UTC) - timedelta(microseconds=1)).astimezone(self.zone)

    def _offsets(self) -> set[timedelta | None]:
        return {self.start.utcoffset(), *(shift.astimezone(self.zone).utcoffset() for shift in self.shifts)}

    def _clocks(self) -> str:
        return f"{self._clock(self.start)}–{self._clock(self.end)}"

    def _clock(self, at: datetime) -> str:
        clock = self.style.clock(at)
        return f"{clock} {_offset(at)}" if self._ambiguous(at) else clock

    def _short_day(self, at: datetime) -> str:
        return f"{at:%a} {self.style.day(at, '%b', year=at.year != self._days()[1].year)}"

    @staticmethod
    def _ambiguous(at: datetime) -> bool:
        """Return whether the clock shows this time twice."""
        return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()


def calendar(zone: str, start: datetime, end: datetime, language: str = "en") -> Calendar:
    """Return the span from `start` to `end` (aware) in the zone of that name, as the region of a language tag writes it.

    Raises ConfigurationError where there is no such zone.
    """
    try:
        found = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"{zone!r} is no time zone: give the recipient one such as Europe/Berlin or UTC."
        ) from None
    # By way of UTC: a time that the zone's clock never shows (its midnight may not exist) becomes one that it does.
    first, after = (at.astimezone(UTC).astimezone(found) for at in (start, end))
    return Calendar(found, first, after, tuple(_shifts(found, start, end)), style_of(language))


def _shifts(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return when the zone's offset changes: looked for day by day, then to the second."""
    found = []
    low = start.astimezone(UTC)
    end = end.astimezone(UTC)
    while low < end:
        high = min(low + _DAY, end)
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            left, right = low, high
            while right - left > _SECOND:
                middle = left + (right - left) / 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                left, right = (middle, right) if same else (left, middle)
            found.append(right.replace(microsecond=0))
        low = high
    return [shift for shift in found if shift < end]


def _is_midnight(at: datetime, zone: ZoneInfo) -> bool:
    """Return whether a day begins at this moment, also where its first hour does not exist."""
    return datetime.combine(at.date(), time(), zone).astimezone(UTC) == at.astimezone(UTC)


def _offset(at: datetime) -> str:
    """Return the offset from UTC as people write it: "UTC+1", "UTC-3:30"."""
    seconds = int((at.utcoffset() or timedelta()).total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    minutes, odd = divmod(rest, 60)
    tail = f":{minutes:02}" if minutes or odd else ""
    return f"UTC{'-' if seconds < 0 else '+'}{hours}{tail}" + (f":{odd:02}" if odd else "")
