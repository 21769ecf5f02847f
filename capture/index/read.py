"""Reading what filters want, by the index where it knows, and else from the log: the same entries in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.cursors import Cursor, Key
from capture.entries.describe import Teller, is_of, placed
from capture.filters import Filters, wanted
from capture.index.mixes import mixes_for
from capture.index.select import Found, selected
from capture.index.state import Span, State, backwards, onwards, read_state, words_of
from capture.index.terms import Asked, asked
from capture.model import Entry
from capture.names import LogNames
from capture.reading import Place, log_cursor, read_some
from capture.resources import query
from capture.window import Watermark

FEWEST, MOST = 64, 512
"""Transactions that are read at once, where nothing says how many are needed; then more and more."""

_TRIES = 3

Keyed = Iterator[tuple[Key, Entry]]


class Reader:
    """Reads the entries of a log, with its index where it has one that reads as this catalogue does."""

    def __init__(self, conn: psycopg.Connection[Any], catalogue: Catalogue) -> None:
        """Find out what the index has."""
        self.conn = conn
        self.teller = Teller(conn, catalogue)
        self.state: State | None = None
        self._names: LogNames = self.teller.names()
        self.refresh()

    def refresh(self) -> None:
        """Find out again what the index has."""
        names = self.teller.names()
        self.state = read_state(self.conn, words_of(self.conn, self.teller.given, self.teller.columns, names))
        known = self.state is not None and self.state.names
        self._names = self.teller.names(self.state.tail) if self.state is not None and known else names

    @property
    def telling(self) -> tuple[Teller, LogNames]:
        """What puts transactions into words."""
        return self.teller, self._names

    def keyed(self, filters: Filters, start: Cursor | None = None, block: int = FEWEST) -> Keyed:
        """Yield what the filters want on one side of the cursor, the nearest first; `limit` is not looked at.

        *block* is how many transactions to read first: where so many entries are wanted, most often it is enough.
        """
        if filters.accounts is not None and not filters.accounts:
            return
        if self.state is None or not self.state.names:
            yield from self._unindexed(filters, start, block)
            return
        wish = self._asked(filters)
        if not wish:
            for begin, end in self._times(filters, start, self.state):
                yield from self._unindexed(replace(filters, since=begin, until=end), start, block)
            return
        spans = self.state.spans(filters.since, filters.until)
        if start is not None and start.upward:
            spans.reverse()
        for span in spans:
            if start is not None and (span.end <= start.key.at if start.upward else span.first > start.key.at):
                continue
            if span.indexed:
                yield from self._indexed(filters, start, span, wish.candidates, block)
            else:
                yield from self._unindexed(replace(filters, since=span.first, until=span.end), start, block)

    def _asked(self, filters: Filters) -> Asked | None:
        """Return what to ask of the index. What it has come to know since its state was read, is not asked of it anyway."""
        return asked(filters, lambda wish: mixes_for(self.conn, wish))

    @staticmethod
    def _times(filters: Filters, start: Cursor | None, state: State) -> Iterator[tuple[datetime, datetime]]:
        """Yield longer and longer parts of a filter's time, from the cursor on: see `capture.index.select`."""
        spans = state.spans(filters.since, filters.until)
        if not spans:
            return
        first, end = spans[-1].first, spans[0].end
        if start is None:
            yield from backwards(first, end)
        elif start.upward:
            yield from onwards(max(first, start.key.at), end)
        else:
            yield from backwards(first, min(end, start.key.at + timedelta(microseconds=1)))

    def count(self, filters: Filters, cap: int) -> int:
        """Return how many entries the filters want, at most so many."""
        for _ in range(_TRIES):
            wish = self._asked(filters) if self.state is not None and self.state.names else None
            if self.state is None or wish is None:
                break
            number = self._counted(filters, wish, cap, self.state)
            row = log_cursor(self.conn).execute(query("index_watermark")).fetchone()
            if row is not None and Watermark(*row) == self.state.watermark:
                return number
            # What was indexed meanwhile was counted twice.
            self.refresh()
        return sum(1 for _ in islice(self.keyed(filters), cap))

    def _counted(self, filters: Filters, wish: Asked, cap: int, state: State) -> int:
        if filters.accounts is not None and not filters.accounts:
            return 0
        number = 0
        for span in state.spans(filters.since, filters.until):
            if span.indexed:
                for begin, end in backwards(span.first, span.end) if wish.countable else ():
                    parameters = {"terms": wish.certain, "first": begin, "end": end, "limit": cap - number}
                    row = log_cursor(self.conn).execute(query("index_count"), parameters, prepare=False).fetchone()
                    number += row[0] if row else 0
                    if number >= cap:
                        return number
                rest = self._indexed(filters, None, span, wish.doubtful)
            else:
                rest = self._unindexed(replace(filters, since=span.first, until=span.end), None)
            number += sum(1 for _ in islice(rest, max(cap - number, 0)))
            if number >= cap:
                break
        return number

    def unknown(self, filters: Filters, span: Span) -> Iterator[Entry]:
        """Yield the entries of a span that the filters want and the index does not know yet; all of a span that it has not."""
        if span.indexed:
            found = self._indexed(filters, None, span, "")
        else:
            found = self._unindexed(replace(filters, since=span.first, until=span.end), None)
        return (entry for _, entry in found)

    def _unindexed(self, filters: Filters, start: Cursor | None, block: int = FEWEST) -> Keyed:
        place = None if start is None else Place(start.key.at, start.key.transaction_id, start.upward)
        for some in placed(self.teller, filters, place, self._names, block):
            yield from _wanted(some, filters, start, None)

    def _indexed(self, filters: Filters, start: Cursor | None, span: Span, terms: str, fewest: int = FEWEST) -> Keyed:
        assert self.state is not None  # noqa: S101 - it has the span
        upward = start is not None and start.upward
        filters = replace(filters, since=max(span.first, filters.since or span.first))
        for block in _in_blocks(selected(self.conn, terms, span, start, self.state), fewest):
            read = read_some(self.conn, list(block))
            for transaction, _, found in self.teller.block(read[::-1] if upward else read, self._names):
                places = block[transaction.at, transaction.transaction_id]
                yield from _wanted(found, filters, start, places)


def _wanted(found: list[Entry], filters: Filters, start: Cursor | None, places: set[int] | None) -> Keyed:
    """Yield of a transaction's entries those that are wanted, of these places where there are any."""
    numbered: Iterable[tuple[int, Entry]] = enumerate(found)
    for number, entry in reversed(list(numbered)) if start is not None and start.upward else numbered:
        if places is not None and number not in places:
            continue
        key = Key(entry.at, entry.transaction_id, number)
        if start is not None and not start.takes(key):
            continue
        if wanted(entry, filters) and (filters.row is None or is_of(entry, filters.row)):
            yield key, entry


def _in_blocks(found: Iterator[Found], most: int) -> Iterator[dict[tuple[Any, int], set[int] | None]]:
    """Yield some transactions at a time, each with the places of its entries.

    As many are counted as the index knows to be asked for: of those that it lacks nobody knows whether any is.
    """
    block: dict[tuple[Any, int], set[int] | None] = {}
    known = 0
    for (at, number), places in groupby(found, key=lambda one: one[:2]):
        chosen = {place for _, _, place in places}
        block[at, number] = None if None in chosen else {place for place in chosen if place is not None}
        known += None not in chosen
        if known == most or len(block) == MOST:
            yield block
            block, known, most = {}, 0, min(most * 2, MOST)
    if block:
        yield block
