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


def window_keys(conn: psycopg.Connection[Any], window: Window) -> list[tuple[datetime, int]]:
    """Return the window's transactions by time and number, newest first."""
    one_cluster = window.first.incarnation == window.next.incarnation
    parameters = {
        "first_incarnation": window.first.incarnation,
        "first_xid": str(window.first.xid),
        "next_incarnation": window.next.incarnation,
        "next_xid": str(window.next.xid),
        # An older incarnation has no upper bound, and the new one begins at the lowest number.
        "lowest": str(window.first.xid if one_cluster else 0),
        "highest": str(window.next.xid if one_cluster else 2**63 - 1),
    }
    return [(at, number) for at, number in log_cursor(conn).execute(query("window_transactions"), parameters)]
