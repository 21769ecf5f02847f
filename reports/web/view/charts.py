"""Bars for the overview, as numbers that a template writes into SVG: no script, no picture library, each bar a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, floor, log10

HEIGHT = 100.0
"""Bars are drawn on a field 100 high, and as wide as there are days; the stylesheet gives it its size."""

GAP = 0.22
"""The part of a day's width that stays free between two bars."""

LEAST = 1.5
"""A bar that counts anything is at least so high, or one change would not be seen beside a thousand."""

SHADES = 8
"""So many modules have a colour of their own; the others share the last one."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar: what it counts, its number, and where it is drawn. `shade` is the number of its colour, from 0."""

    name: str
    number: int
    shade: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: all of it and its pieces, from the bottom up."""

    day: date
    total: int
    x: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of several days. `top` is the number that the upper edge stands for, `ticks` are the numbers of the lines with their y."""

    bars: tuple[Bar, ...]
    names: tuple[str, ...]
    top: int
    ticks: tuple[tuple[int, float], ...]
    total: int

    @property
    def width(self) -> int:
        """The width of the field: a unit a day."""
        return max(len(self.bars), 1)


def chart(days: Sequence[date], counts: Mapping[date, Mapping[str, int]], names: Sequence[str]) -> Chart:
    """Return a bar for each of the days, stacked by names in their order; a name keeps its colour on every day."""
    totals = {day: sum(counts.get(day, {}).values()) for day in days}
    top = _round_up(max(totals.values(), default=0))
    bars = []
    for place, day in enumerate(days):
        segments, y = [], HEIGHT
        for shade, name in enumerate(names):
            number = counts.get(day, {}).get(name, 0)
            if number:
                height = max(number / top * HEIGHT, LEAST)
                y = max(y - height, 0.0)
                x = round(place + GAP / 2, 3)
                segments.append(
                    Segment(name, number, min(shade, SHADES - 1), x, round(y, 2), round(1 - GAP, 3), round(height, 2))
                )
        bars.append(Bar(day, totals[day], float(place), tuple(segments)))
    ticks = tuple((value, round(HEIGHT - value / top * HEIGHT, 2)) for value in _ticks(top))
    return Chart(tuple(bars), tuple(names), top, ticks, sum(totals.values()))


def _round_up(number: int) -> int:
    """Return the next number that is easy to read on an axis: 1, 2, 5, 10, 20, 50, ..."""
    if number <= 1:
        return 1
    magnitude = 10 ** floor(log10(number))
    return next(int(step * magnitude) for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * magnitude >= number)


def _ticks(top: int) -> list[int]:
    """Return the numbers of the lines: the upper edge, and its half where that is a whole number."""
    half = [top // 2] if top % 2 == 0 else []
    return [top, *half]


def share(number: int, most: int) -> float:
    """Return how long a bar is beside the longest one, in percent with one decimal; what is counted at all is seen."""
    return ceil(number / most * 1000) / 10 if most else 0.0
