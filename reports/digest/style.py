"""How a region writes days and times: the order of day and month, and clocks of 12 or of 24 hours, by CLDR's rules.

The sentences of a digest are English, so its days and months have English names, in the order in which English is written in the
reader's region: "22 November 2026, 18:30" for de, "November 22, 2026, 6:30 PM" for en-US.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global

_NOON = 12
_QUOTED = re.compile(r"'[^']*'")
"""What stands for itself in a pattern: Canadian French writes 18 h 30."""


@dataclass(frozen=True, slots=True)
class Style:
    """The ways of a region. `lang` is the tag of the English that it makes, for the `lang` of a page: "en-US", "en"."""

    lang: str
    month_first: bool
    twelve_hours: bool

    def clock(self, at: datetime) -> str:
        """Return a time of day: "18:30", "6:30 PM"."""
        if not self.twelve_hours:
            return f"{at:%H:%M}"
        return f"{at.hour % _NOON or _NOON}:{at:%M} {'AM' if at.hour < _NOON else 'PM'}"

    def day(self, day: date, month: str = "%B", *, year: bool = True) -> str:
        """Return a day with its month, and its year: "22 November 2026", "Nov 22"; *month* is %B or %b."""
        if self.month_first:
            return f"{day:{month}} {day.day}{f', {day.year}' if year else ''}"
        return f"{day.day} {day:{month}}{f' {day.year}' if year else ''}"

    def dates(self, first: date, last: date, month: str = "%B") -> str:
        """Return the days from first to last without saying a month or a year twice."""
        if first == last:
            return self.day(last, month)
        if (first.year, first.month) != (last.year, last.month):
            return f"{self.day(first, month, year=first.year != last.year)} – {self.day(last, month)}"
        if self.month_first:
            return f"{first:{month}} {first.day}–{last.day}, {last.year}"
        return f"{first.day}–{self.day(last, month)}"


HOUSE = Style("en", month_first=False, twelve_hours=False)
"""Of "en", which names no region, and of a tag that nobody knows: SQL may have written it."""


@cache
def style_of(tag: str) -> Style:
    """Return the ways of the region that a language tag (BCP 47) names, or that its language is mostly spoken in."""
    try:
        own = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return HOUSE
    if own.language == "en" and own.territory is None:
        return HOUSE
    english = _english(own)
    order = str((english or own).date_formats["long"].pattern)
    return Style(
        lang=tag if own.language == "en" else "en",
        month_first=order.index("M") < order.index("d"),
        # A clock is read as at home, whatever the language.
        twelve_hours=not set("hK").isdisjoint(_QUOTED.sub("", str(own.time_formats["short"].pattern))),
    )


def _english(own: Locale) -> Locale | None:
    """Return the English of a locale's region, None where CLDR has none."""
    likely = str(get_global("likely_subtags").get(own.language, "")).rpartition("_")[2]
    try:
        return Locale("en", own.territory or likely or None)
    except (UnknownLocaleError, ValueError):
        return None
