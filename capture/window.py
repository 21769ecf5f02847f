"""Which transactions a digest is about: those between two watermarks, and never those of a time.

A transaction that commits late has an early time and an early number, so neither tells what is new. A transaction below
`pg_snapshot_xmin(pg_current_snapshot())` is finished, and no other can ever appear there (Postgres documentation 9.28.10).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from capture.model import Change, Transaction
from capture.reading import BLOCK, log_cursor, read_some
from capture.resources import query

_BEYOND = 2**63 - 1
"""No transaction has so high a number."""


@dataclass(frozen=True, slots=True, order=True)
class Watermark:
    """All transactions of incarnations before `incarnation`, and those of it below `xid`, are finished."""

    incarnation: int
    xid: int


@dataclass(frozen=True, slots=True)
class Window:
    """The finished transactions from `first` (included) to `next` (not included)."""

    first: Watermark
    next: Watermark


def watermark(conn: psycopg.Connection[Any]) -> Watermark:
    """Return where a window may end now. Read it first, and the rows in a later statement: never the other way round."""
    row = log_cursor(conn).execute(query("watermark")).fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    return Watermark(int(row[0]), int(row[1]))


def window_transactions(
    conn: psycopg.Connection[Any], window: Window
) -> Iterator[list[tuple[Transaction, list[Change]]]]:
    """Yield blocks of the window's transactions with all their changes, newest first, whatever the retention."""
    found = window_keys(conn, window)
    for start in range(0, len(found), BLOCK):
        yield read_some(conn, found[start : start + BLOCK])


def oldest_in(conn: psycopg.Connection[Any], window: Window) -> datetime | None:
    """Return the time of the oldest transaction of a window, None where there is none. Costs next to nothing where there is none."""
    row = log_cursor(conn).execute(query("window_oldest"), _bounds(window)).fetchone()
    found: datetime | None = row[0] if row else None
    return found


def forward(
    conn: psycopg.Connection[Any], window: Window, block: int = BLOCK
) -> Iterator[tuple[Watermark, list[tuple[Transaction, list[Change]]]]]:
    """Yield the window's transactions with all their changes in the order of their numbers, whatever the retention.

    Each block comes with the place after it: all before that place was yielded by then. The last one ends with the window.
    """
    cursor, place = log_cursor(conn), window.first
    while place < window.next:
        last = place.incarnation == window.next.incarnation
        bounds = {
            "incarnation": place.incarnation,
            "from": str(place.xid),
            "until": str(window.next.xid if last else _BEYOND),
            "limit": block,
        }
        found = cursor.execute(query("ship_transactions"), bounds).fetchall()
        read = read_some(conn, [row[:2] for row in found]) if found else []
        if len(found) == block:
            place = Watermark(place.incarnation, int(found[-1][1]) + 1)
        else:
            place = window.next if last else Watermark(place.incarnation + 1, 0)
        yield place, sorted(read, key=lambda one: one[0].transaction_id)


def window_keys(conn: psycopg.Connection[Any], window: Window) -> list[tuple[datetime, int]]:
    """Return the window's transactions by time and number, newest first."""
    found = log_cursor(conn).execute(query("window_transactions"), _bounds(window))
    return [(at, number) for at, number in found]


def _bounds(window: Window) -> dict[str, Any]:
    one_cluster = window.first.incarnation == window.next.incarnation
    return {
        "first_incarnation": window.first.incarnation,
        "first_xid": str(window.first.xid),
        "next_incarnation": window.next.incarnation,
        "next_xid": str(window.next.xid),
        # An older incarnation has no upper bound, and the new one begins at the lowest number.
        "lowest": str(window.first.xid if one_cluster else 0),
        "highest": str(window.next.xid if one_cluster else _BEYOND),
    }
