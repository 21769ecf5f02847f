"""Bars that compare modules: how long each is, and how much of it was created, updated and deleted."""

from __future__ import annotations

from dataclasses import dataclass

from reports.digest.tally import Totals

_BLOCKS = ("▒", "█", "░")


@dataclass(frozen=True, slots=True)
class Bar:
    """The parts of a bar, each so many hundredths (or columns) of its whole width; `rest` is what stays empty."""

    created: int
    updated: int
    deleted: int
    rest: int


def bar(totals: Totals, largest: int, width: int = 100, least: int = 2) -> Bar:
    """Return the bar of these totals, where `largest` entries would fill the whole width.

    What is there at all can be seen: no part is less than `least`, and parts together never exceed the width.
    """
    numbers = (totals.created, totals.updated, totals.deleted)
    length = max(round(width * totals.all / largest), least) if totals.all else 0
    parts = [max(round(length * number / totals.all), least) if number else 0 for number in numbers]
    while (over := sum(parts) - width) > 0:
        # The longest part bears the difference that the least widths of the others make.
        place = parts.index(max(parts))
        parts[place] = max(parts[place] - over, least)
    created, updated, deleted = parts
    return Bar(created, updated, deleted, width - sum(parts))


def blocks(totals: Totals, largest: int, width: int) -> str:
    """Return the bar in letters, for the text part: updated ones are full, created ones half, deleted ones barely filled."""
    found = bar(totals, largest, width, 1)
    numbers = (found.created, found.updated, found.deleted)
    return "".join(block * number for block, number in zip(_BLOCKS, numbers, strict=True))
