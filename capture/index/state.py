"""How far the index has come, and whether what it has reads as this catalogue and this program read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any
from unicodedata import unidata_version

import babel
import psycopg

from capture.catalogue.model import Catalogue
from capture.migrate import program_version
from capture.names import LogNames
from capture.reading import log_cursor
from capture.renames import Names
from capture.resources import query
from capture.window import Watermark

FORM = f"2 {unidata_version} {babel.__version__}"
"""Another one when terms are made otherwise: then every index is stale. What letters and languages are, differs by version too."""

LONGEST_TAIL = 5000
"""With more transactions that the index does not know, the log is read without it."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Words:
    """What decides how entries read: `all` of it, and `names`, which columns name rows."""

    all: str
    names: str


@dataclass(frozen=True, slots=True)
class Span:
    """A time of whole UTC days, or what a filter leaves of them: from `first` to before `end`; `indexed`, the index has it."""

    first: datetime
    end: datetime
    indexed: bool


@dataclass(frozen=True, slots=True)
class State:
    """What the index has: all transactions before the watermark, of these days; `tail` are those from it on, newest first.

    `now` and `oldest` are the database's clock, and where the retention begins.
    """

    watermark: Watermark
    names: bool
    days: frozenset[date]
    tail: tuple[tuple[datetime, int], ...]
    now: datetime
    oldest: datetime
    in_tail: frozenset[tuple[datetime, int]] = field(default=frozenset())

    def spans(self, since: datetime | None, until: datetime | None) -> list[Span]:
        """Return the time of a filter, newest first, in as few spans as the index allows, the retention cut off."""
        first = self.oldest if since is None else max(since, self.oldest)
        # Nothing is younger than now: a transaction is as old as its start.
        end = self.now + DAY if until is None else min(until, self.now + DAY)
        spans: list[Span] = []
        while first < end:
            day = (end.astimezone(UTC) - timedelta(microseconds=1)).date()
            begin = max(first, midnight(day))
            indexed = day in self.days
            if spans and spans[-1].indexed is indexed:
                spans[-1] = Span(begin, spans[-1].end, indexed)
            else:
                spans.append(Span(begin, end, indexed))
            end = begin
        return spans


def midnight(day: date) -> datetime:
    """Return when a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def words_of(conn: psycopg.Connection[Any], catalogue: Catalogue, columns: Names, names: LogNames) -> Words:
    """Return what decides how the catalogue's entries read in this database now."""
    row = log_cursor(conn).execute(query("index_words")).fetchone()
    there = str(row[0]) if row else ""
    pairs = json.dumps([there, names.pairs])
    everything = json.dumps([FORM, program_version(), _content(catalogue), columns.called, there])
    return Words(_digest(everything), _digest(pairs))


def read_state(conn: psycopg.Connection[Any], words: Words) -> State | None:
    """Return what the index has in these words; None where there is none, or it is far behind."""
    cursor = log_cursor(conn)
    row = cursor.execute(query("index_state"), {"words": words.all}).fetchone()
    if row is None:
        return None
    incarnation, xid, named, days, now, oldest = row
    tail = read_tail(conn, Watermark(incarnation, xid), LONGEST_TAIL + 1)
    if len(tail) > LONGEST_TAIL:
        return None
    return State(
        Watermark(incarnation, xid), named == words.names, frozenset(days), tuple(tail), now, oldest, frozenset(tail)
    )


def read_tail(conn: psycopg.Connection[Any], watermark: Watermark, limit: int | None) -> list[tuple[datetime, int]]:
    """Return the transactions from a watermark on, by time and number, newest first."""
    parameters = {"incarnation": watermark.incarnation, "xid": str(watermark.xid), "limit": limit}
    return log_cursor(conn).execute(query("index_tail"), parameters).fetchall()


def backwards(first: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield parts of a time from its end on, each three times as long as the one before, and cut at UTC midnights."""
    days = 1
    while first < end:
        last = (end.astimezone(UTC) - timedelta(microseconds=1)).date()
        begin = max(first, midnight(last - timedelta(days=days - 1)))
        yield begin, end
        end, days = begin, days * 3


def onwards(first: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the same from its start on."""
    days = 1
    while first < end:
        stop = min(end, midnight(first.astimezone(UTC).date() + timedelta(days=days)))
        yield first, stop
        first, days = stop, days * 3


_REMEMBERED = 16
_CONTENTS: dict[int, tuple[Catalogue, str]] = {}


def _content(catalogue: Catalogue) -> str:
    """Return a digest of a catalogue; worked out once, for a program has few of them, and keeps them."""
    known = _CONTENTS.get(id(catalogue))
    if known is None or known[0] is not catalogue:
        if len(_CONTENTS) >= _REMEMBERED:
            _CONTENTS.clear()
        known = _CONTENTS[id(catalogue)] = (catalogue, _digest(catalogue.model_dump_json(exclude_defaults=True)))
    return known[1]


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
