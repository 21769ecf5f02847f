"""The way in: entries of the log, newest first, and one by its id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.catalogue.own import with_own
from capture.entries.fold import fold
from capture.entries.identity import decode, root_hash
from capture.filters import Filters, wanted
from capture.model import Change, Entry, Transaction
from capture.names import LogNames
from capture.reading import BLOCK, Place, read_some, setting_list, transactions
from capture.renames import Names
from capture.window import Window, window_transactions


def entries(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters | None = None) -> Iterator[Entry]:
    """Yield the entries that the filters want, newest first, inside the retention. The log is read as far as they are taken."""
    filters = filters or Filters()
    found = (entry for entry in _all(conn, catalogue, filters) if wanted(entry, filters))
    return islice(found, filters.limit)


def entry_by_id(conn: psycopg.Connection[Any], catalogue: Catalogue, text: str) -> Entry | None:
    """Return one entry, None where the log has it no more. Raises UsageError where the id is malformed.

    A catalogue that has moved the change to another module since does not break the link.
    """
    wanted_one = decode(text)
    # A microsecond on: `until` is exclusive.
    moment = Filters(since=wanted_one.at, until=wanted_one.at + timedelta(microseconds=1))
    same = [
        (entry, other.module)
        for entry in _all(conn, catalogue, moment)
        if entry.transaction_id == wanted_one.transaction_id
        for other in [decode(entry.id)]
        if other.root == wanted_one.root
    ]
    exact = [entry for entry, module in same if module == wanted_one.module]
    if exact:
        return exact[0]
    return replace(same[0][0], id=text) if len(same) == 1 else None


def entries_in(
    conn: psycopg.Connection[Any], catalogue: Catalogue, window: Window, filters: Filters | None = None
) -> Iterator[Entry]:
    """Yield the entries of a window's transactions that the filters want, newest first, whatever the retention."""
    filters = filters or Filters()
    blocks = window_transactions(conn, window)
    return (
        entry for found in _folded(conn, with_own(catalogue), blocks) for _, entry in found if wanted(entry, filters)
    )


def _all(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters) -> Iterator[Entry]:
    for found in placed(conn, catalogue, filters):
        yield from (entry for _, entry in found if filters.row is None or is_of(entry, filters.row))


def placed(
    conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters, place: Place | None = None
) -> Iterator[list[tuple[int, Entry]]]:
    """Yield the entries of each transaction with their places in it, the last first; *place* is where to read on from.

    Whether the filters want them is not looked at, but for what leaves out whole transactions.
    """
    catalogue = with_own(catalogue)
    return _folded(conn, catalogue, transactions(conn, catalogue, filters, place))


def placed_in(
    conn: psycopg.Connection[Any], catalogue: Catalogue, keys: Sequence[tuple[Any, ...]]
) -> Iterator[list[tuple[int, Entry]]]:
    """Yield the same for some transactions, given by time and number, newest first."""
    blocks = (read_some(conn, keys[start : start + BLOCK]) for start in range(0, len(keys), BLOCK))
    return _folded(conn, with_own(catalogue), blocks)


def _folded(
    conn: psycopg.Connection[Any], catalogue: Catalogue, blocks: Iterator[list[tuple[Transaction, list[Change]]]]
) -> Iterator[list[tuple[int, Entry]]]:
    product_roles = setting_list(conn, "product_roles")
    columns = Names(conn, catalogue)
    names = LogNames(conn, columns)
    for block in blocks:
        names.reach(min(transaction.at for transaction, _ in block))
        for transaction, changes in block:
            yield list(enumerate(fold(transaction, columns.told(changes), catalogue, names, product_roles)))


def is_of(entry: Entry, row: tuple[str, str]) -> bool:
    """Return whether an entry is about a row: as its entity, or as one of the parts that changed."""
    parts = {
        (change.table, ",".join(str(change.key[column]) for column in sorted(change.key)))
        for change in entry.changes
        if change.key
    }
    return row in parts or (entry.entity_id == row[1] and decode(entry.id).root == root_hash(*row))
