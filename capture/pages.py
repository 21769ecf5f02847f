"""Reading the log page by page: what the command line, the web page and its API have in common.

A page begins at an entry, never at a number of entries: what is written meanwhile moves nothing, and page one thousand costs what the
first does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.cursors import Cursor, Key, decode, encode
from capture.entries.describe import Teller, entry_by_id, is_of, placed_in
from capture.errors import UsageError
from capture.filters import Filters, wanted
from capture.index.read import Reader
from capture.model import Entry
from capture.overview import Choice, Choices, Day, Person, Tallies, choices, tallies
from capture.reading import log_cursor
from capture.resources import query
from capture.retention import retention_days

__all__ = [
    "Choice",
    "Choices",
    "Count",
    "Day",
    "Page",
    "Person",
    "Reader",
    "Tallies",
    "arrived",
    "choices",
    "count",
    "entries",
    "find",
    "newest",
    "oldest",
    "oldest_wanted",
    "page",
    "retention_days",
    "tallies",
]

LARGEST = 1000
"""So many entries a page may have."""

_SNAPSHOT = re.compile(r"\d{1,19}:\d{1,19}:[\d,]{0,20000}")
_LOOKED_AT = 10_000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the cursors of the pages of newer and of older ones; None where there are none."""

    entries: tuple[Entry, ...]
    newer: str | None
    older: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many entries there are: `number` exactly, or that many and more where it is `capped`."""

    number: int
    capped: bool


def page(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    filters: Filters,
    *,
    cursor: str | None = None,
    size: int = 50,
    reader: Reader | None = None,
) -> Page:
    """Return the page that begins at the cursor, the first one without; `limit` of the filters is not looked at.

    *reader* is one that was made for the same connection and catalogue: what it knows of the index need not be read again.
    Raises UsageError for a cursor that is none, and a size that is not from 1 to LARGEST.
    """
    if not 1 <= size <= LARGEST:
        raise UsageError(f"a page has from 1 to {LARGEST} entries, not {size}")
    start = None if cursor is None else decode(cursor)
    found = list(islice((reader or Reader(conn, catalogue)).keyed(filters, start, size + 1), size + 1))
    more, found = len(found) > size, found[:size]
    if start is not None and start.upward:
        found.reverse()
        # A page that newer entries do not fill begins at the top.
        older = Cursor(found[-1][0]) if found else Cursor(start.key, inclusive=not start.inclusive)
        return _page(found, Cursor(found[0][0], upward=True) if more else None, older)
    newer = None
    if start is not None:
        newer = Cursor(found[0][0], upward=True) if found else Cursor(start.key, upward=True, inclusive=True)
    return _page(found, newer, Cursor(found[-1][0]) if more else None)


def _page(found: list[tuple[Key, Entry]], newer: Cursor | None, older: Cursor | None) -> Page:
    return Page(
        tuple(entry for _, entry in found),
        None if newer is None else encode(newer),
        None if older is None else encode(older),
    )


def entries(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters) -> Iterator[Entry]:
    """Yield all entries that the filters want, newest first, in bounded memory; at most `limit` of them."""
    return islice((entry for _, entry in Reader(conn, catalogue).keyed(filters)), filters.limit)


def count(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    filters: Filters,
    *,
    cap: int = 2000,
    reader: Reader | None = None,
) -> Count:
    """Return how many entries the filters want, counted up to the cap; *reader* as for `page`."""
    number = (reader or Reader(conn, catalogue)).count(filters, cap + 1)
    return Count(min(number, cap), number > cap)


def find(
    conn: psycopg.Connection[Any], catalogue: Catalogue, entry_id: str, accounts: frozenset[str] | None = None
) -> Entry | None:
    """Return the entry of an id; None where the log has it no more, or no account of it is among *accounts*.

    Raises UsageError where the id is malformed.
    """
    entry = entry_by_id(conn, catalogue, entry_id, lambda: Reader(conn, catalogue).telling)
    return entry if entry is not None and wanted(entry, Filters(accounts=accounts)) else None


def newest(conn: psycopg.Connection[Any]) -> str:
    """Return a marker of what is there by now, for `arrived`."""
    row = log_cursor(conn).execute(query("page_newest")).fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    return str(row[0])


def arrived(
    conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters, marker: str, *, cap: int = 100
) -> Count:
    """Return how many entries have come since the marker was made, also such as began before it and were finished after.

    Raises UsageError where the marker is none.
    """
    problem = UsageError("this is no marker of the log: reload the page")
    if not _SNAPSHOT.fullmatch(marker):
        raise problem
    try:
        found = log_cursor(conn).execute(query("page_arrived"), {"seen": marker, "limit": _LOOKED_AT}).fetchall()
    except psycopg.DataError as error:
        raise problem from error
    number = sum(
        1
        for some in placed_in(Teller(conn, catalogue), found)
        for entry in some
        if wanted(entry, filters) and (filters.row is None or is_of(entry, filters.row))
    )
    return Count(min(number, cap), number > cap or len(found) == _LOOKED_AT)


def oldest(conn: psycopg.Connection[Any]) -> datetime | None:
    """Return the time of the oldest transaction inside the retention; None where the log is empty."""
    row = log_cursor(conn).execute(query("page_oldest")).fetchone()
    return None if row is None else row[0]


def oldest_wanted(filters: Filters, reader: Reader) -> datetime | None:
    """Return the time of the oldest entry that the filters want; None where there is none."""
    beginning = Cursor(Key(filters.since or _BEGINNING, 0, 0), upward=True, inclusive=True)
    return next((key.at for key, _ in reader.keyed(filters, beginning, 1)), None)
