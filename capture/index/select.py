"""Which transactions to look at: those in which the index knows an entry that a filter may want, newest or oldest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from capture.cursors import Cursor, Key
from capture.index.state import Span, State, backwards, onwards
from capture.reading import log_cursor
from capture.resources import query

WALKED = 1000
"""So many entries are looked at one after the other before the index of terms is asked for those that follow."""

DENSE = 50
"""Of these so many must be wanted, or looking at one after the other is the slower way."""

FOUND, MOST = 200, 2000
"""So many entries are taken from the index of terms at first, and at most, each time four times as many: a page needs few."""

Found = tuple[datetime, int, int | None]
"""Time and number of a transaction, and the place of an entry in it; None stands for all of them."""


def selected(
    conn: psycopg.Connection[Any], terms: str, span: Span, start: Cursor | None, state: State
) -> Iterator[Found]:
    """Yield the entries of a span that the terms ask for, on one side of the cursor, the nearest first; none for no terms.

    What the index does not know yet is among them whatever it is.
    """
    upward = start is not None and start.upward
    tail: list[Found] = [
        (at, number, None) for at, number in state.tail if span.first <= at < span.end and _is_beyond(at, number, start)
    ]
    if upward:
        tail.reverse()
    if not terms:
        return iter(tail)
    # What has been indexed since the tail was read would come twice.
    known = (found for found in _indexed(conn, terms, span, start) if found[:2] not in state.in_tail)
    return heapq.merge(known, tail, key=lambda found: found[:2], reverse=not upward)


def _is_beyond(at: datetime, number: int, start: Cursor | None) -> bool:
    """Return whether a transaction may have entries on the cursor's side."""
    if start is None:
        return True
    here, there = (at, number), (start.key.at, start.key.transaction_id)
    return here >= there if start.upward else here <= there


def _indexed(conn: psycopg.Connection[Any], terms: str, span: Span, start: Cursor | None) -> Iterator[Found]:
    """Look at one entry after the other as long as many are wanted, then ask the index of terms for the others.

    Both in longer and longer times: a plan for a few days is made sooner than one for ninety, and most often these have enough.
    """
    upward = start is not None and start.upward
    after = None if start is None else start.key
    if start is not None and after is not None and start.inclusive:
        after = Key(after.at, after.transaction_id, after.place + (1 if upward else -1))
    first, end = span.first, span.end
    if after is not None:
        first, end = (max(first, after.at), end) if upward else (first, min(end, after.at + timedelta(microseconds=1)))
    walking, most = True, FOUND
    for begin, stop in onwards(first, end) if upward else backwards(first, end):
        while walking:
            rows = _rows(conn, "index_walk", terms, (begin, stop), after, WALKED, upward)
            hits = [row[:3] for row in rows if row[3]]
            yield from hits
            if not rows or rows[-1][4] < WALKED:
                break
            after = Key(*rows[-1][:3])
            walking = len(hits) >= DENSE
        while not walking:
            rows = _rows(conn, "index_find", terms, (begin, stop), after, most, upward)
            yield from rows
            if len(rows) < most:
                break
            after, most = Key(*rows[-1][:3]), min(most * 4, MOST)


def _rows(
    conn: psycopg.Connection[Any],
    name: str,
    terms: str,
    time: tuple[datetime, datetime],
    after: Key | None,
    limit: int,
    upward: bool,  # noqa: FBT001 - a direction
) -> list[tuple[Any, ...]]:
    parameters = {
        "terms": terms,
        "first": time[0],
        "end": time[1],
        "after_at": after and after.at,
        "after_id": after and after.transaction_id,
        "after_place": after and after.place,
        "limit": limit,
    }
    # Planned for these very terms and times: a plan for any would read other days too, or all of one.
    statement = query(f"{name}_up" if upward else name)
    return log_cursor(conn).execute(statement, parameters, prepare=False).fetchall()
