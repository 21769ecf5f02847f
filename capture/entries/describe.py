"""The way in: entries of the log, newest first, and one by its id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any, get_args

import psycopg

from capture.catalogue.model import Catalogue, Sensitivity
from capture.catalogue.own import with_own
from capture.entries.fold import fold
from capture.entries.identity import decode, root_hash
from capture.model import Change, Entry, Transaction
from capture.names import LogNames
from capture.reading import Filters, setting_list, transactions
from capture.renames import Names
from capture.window import Window, window_transactions

_LEVELS = get_args(Sensitivity)


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
    return (entry for entry in _folded(conn, with_own(catalogue), blocks) if wanted(entry, filters))


def wanted(entry: Entry, filters: Filters) -> bool:
    """Return whether an entry passes all filters, those that SQL has applied to the transaction already included."""
    if filters.modules and entry.module.casefold() not in {module.casefold() for module in filters.modules}:
        return False
    if filters.types and entry.type.casefold() not in {name.casefold() for name in filters.types}:
        return False
    if filters.actor is not None and entry.actor.casefold() != filters.actor.casefold():
        return False
    if filters.account is not None and filters.account not in (entry.account, entry.former_account):
        return False
    if filters.accounts is not None and filters.accounts.isdisjoint({entry.account, entry.former_account} - {None}):
        return False
    if filters.sensitivity is not None and _LEVELS.index(entry.sensitivity) < _LEVELS.index(filters.sensitivity):
        return False
    if filters.entity is not None:
        names = {
            entry.entity,
            entry.entity_name,
            f"{entry.entity} {entry.entity_name}",
            f"{entry.entity} {entry.entity_id}",
        }
        if filters.entity.casefold() not in {name.casefold() for name in names}:
            return False
    return filters.search is None or filters.search.casefold() in _text(entry)


def _all(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters) -> Iterator[Entry]:
    catalogue = with_own(catalogue)
    for entry in _folded(conn, catalogue, transactions(conn, catalogue, filters)):
        if filters.row is None or _is_of(entry, filters.row):
            yield entry


def _folded(
    conn: psycopg.Connection[Any], catalogue: Catalogue, blocks: Iterator[list[tuple[Transaction, list[Change]]]]
) -> Iterator[Entry]:
    product_roles = setting_list(conn, "product_roles")
    columns = Names(conn, catalogue)
    names = LogNames(conn, columns)
    for block in blocks:
        names.reach(min(transaction.at for transaction, _ in block))
        for transaction, changes in block:
            yield from fold(transaction, columns.told(changes), catalogue, names, product_roles)


def _is_of(entry: Entry, row: tuple[str, str]) -> bool:
    """Return whether an entry is about a row: as its entity, or as one of the parts that changed."""
    parts = {
        (change.table, ",".join(str(change.key[column]) for column in sorted(change.key)))
        for change in entry.changes
        if change.key
    }
    return row in parts or (entry.entity_id == row[1] and decode(entry.id).root == root_hash(*row))


def _text(entry: Entry) -> str:
    """Return all that a search looks in."""
    values = [text for change in entry.changes for text in (change.label, change.before, change.after) if text]
    return "\n".join(
        [entry.actor, entry.module, entry.entity, entry.entity_name, *entry.descriptions, *values]
    ).casefold()
