"""What alerts are made of: the sensitive entries of a window, read once and given to every reader who may know them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.entries.describe import entries_in
from capture.filters import Filters, wanted
from capture.model import Entry
from capture.window import Watermark, Window, oldest_in
from reports.digest.content import Reader
from reports.digest.lines import Line, headline_of, line_of, rank_of
from reports.digest.tally import ONE, Crowd, Kept, Totals
from reports.digest.when import Calendar, calendar

ALERTED = "high"
"""The sensitivity, in the catalogue, of what is told at once."""

SHOWN = 20
KINDS_TOLD_APART = 200

_INSTANT = timedelta(microseconds=1)


@dataclass(slots=True)
class Tally:
    """Counts the entries that a reader may know; `oldest` is when the first of them was made.

    `begun` says that there was any transaction at all.
    """

    filters: Filters
    number: int = 0
    changes: int = 0
    oldest: datetime | None = None
    begun: bool = False

    def begin(self, oldest: datetime) -> None:
        """Hear when the oldest transaction of the window was made."""
        del oldest
        self.begun = True

    def offer(self, entry: Entry) -> bool:
        """Take an entry if the reader may know it, and say whether that is so."""
        if not wanted(entry, self.filters):
            return False
        self.number += 1
        self.changes += len(entry.changes)
        self.oldest = entry.at if self.oldest is None else min(self.oldest, entry.at)
        return True


@dataclass(slots=True)
class Bundle(Tally):
    """Keeps of them what one mail tells, in bounded memory. `until` is when the alert is cut."""

    reader: Reader = field(kw_only=True)
    until: datetime = field(kw_only=True)
    span: Calendar | None = None
    totals: Totals = field(default_factory=Totals)
    kinds: Counter[str] = field(default_factory=Counter)
    crowd: Crowd = field(default_factory=Crowd)
    accounts: set[str] = field(default_factory=set)
    _kept: dict[str, Kept[tuple[int, Line]]] = field(default_factory=dict)

    def begin(self, oldest: datetime) -> None:
        """Make the calendar by which times are written: from the oldest transaction to now."""
        self.begun = True
        self.span = calendar(self.reader.timezone, min(oldest, self.until - _INSTANT), self.until, self.reader.language)

    def offer(self, entry: Entry) -> bool:
        """Keep an entry, if the reader may know it and it deserves one of the few places; count it in any case."""
        if not Tally.offer(self, entry):
            return False
        span, number = self.span, self.number
        assert span is not None  # noqa: S101 - begun before anything is offered
        headline = headline_of(entry) or "Sensitive change"
        kind = headline if headline in self._kept or len(self._kept) < SHOWN else ""
        kept = self._kept.setdefault(kind, Kept(SHOWN))
        kept.offer(rank_of(entry), number, lambda: (number, line_of(entry, span)))
        self.totals += ONE[entry.type]
        self.crowd.add(entry, sensitive=True)
        if headline in self.kinds or len(self.kinds) < KINDS_TOLD_APART:
            self.kinds[headline] += 1
        if entry.account is not None and len(self.accounts) <= 1:
            self.accounts.add(entry.account)
        return True

    @property
    def lines(self) -> list[tuple[int, Line]]:
        """The entries that are shown, the oldest first, each with its place by rank, 0 for the one that deserves it most.

        Each kind gives its best one first, the rarest kind before the others: a bulk change must not bury the one beside it.
        """
        best = [
            (place, self.kinds[kind], -number, line)
            for kind, kept in self._kept.items()
            for place, (number, line) in kept.last_offered_first()
        ]
        ranked = sorted(best, key=lambda one: one[:3])[:SHOWN]
        oldest_first = sorted(enumerate(ranked), key=lambda one: one[1][2])
        return [(rank, line) for rank, (_, _, _, line) in oldest_first]


def gather(
    conn: psycopg.Connection[Any], catalogue: Catalogue, wanting: Iterable[tuple[Watermark, Tally]], mark: Watermark
) -> None:
    """Offer each reader the sensitive entries between its own place and *mark*, newest first.

    Who begins at one place is served by one reading.
    """
    groups: dict[Watermark, list[Tally]] = defaultdict(list)
    for first, tally in wanting:
        groups[first].append(tally)
    for first, tallies in groups.items():
        window = Window(first, mark)
        oldest = oldest_in(conn, window)
        if oldest is None:
            continue
        for tally in tallies:
            tally.begin(oldest)
        for entry in entries_in(conn, catalogue, window):
            if entry.sensitivity == ALERTED:
                for tally in tallies:
                    tally.offer(entry)
