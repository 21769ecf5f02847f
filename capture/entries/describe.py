"""The way in: entries of the log, newest first, and one by its id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.catalogue.own import with_own
from capture.entries.fold import fold
from capture.entries.identity import decode, root_hash
from capture.entries.order import key_text
from capture.filters import Filters, wanted
from capture.model import Change, Entry, Transaction
from capture.names import LogNames
from capture.naming import naming
from capture.reading import BLOCK, Place, read_some, setting_list, transactions
from capture.renames import Names
from capture.window import Window, window_transactions

Block = list[tuple[Transaction, list[Change]]]


class Teller:
    """Puts transactions of one log into words: those of a catalogue, with the columns called as it calls them."""

    def __init__(self, conn: psycopg.Connection[Any], catalogue: Catalogue) -> None:
        """Read what beside the catalogue decides how entries read."""
        self.conn = conn
        self.given = catalogue
        self.catalogue = with_own(catalogue)
        self.columns = Names(conn, self.catalogue)
        self._named = naming(self.catalogue)
        self._product_roles = setting_list(conn, "product_roles")

    def names(self, tail: Sequence[tuple[Any, ...]] | None = None) -> LogNames:
        """Return names out of the log, or where *tail* is given, out of the index and these transactions that it lacks."""
        return LogNames(self.conn, self.columns, self.catalogue, tail, self._named)

    def block(self, block: Block, names: LogNames) -> Iterator[tuple[Transaction, list[Change], list[Entry]]]:
        """Yield each transaction with its changes and its entries, the last entry first."""
        if not block:
            return
        names.reach(min(transaction.at for transaction, _ in block))
        told = [(transaction, changes, self.columns.told(changes)) for transaction, changes in block]
        names.prefetch(change for _, _, changes in told for change in changes)
        for transaction, changes, called in told:
            names.unsure = False
            yield transaction, changes, fold(transaction, called, self.catalogue, names, self._product_roles)

    def blocks(self, blocks: Iterable[Block], names: LogNames) -> Iterator[list[Entry]]:
        """Yield the entries of each transaction of some blocks, the last entry first."""
        for block in blocks:
            for _, _, found in self.block(block, names):
                yield found


def entries(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters | None = None) -> Iterator[Entry]:
    """Yield the entries that the filters want, newest first, inside the retention. The log is read as far as they are taken.

    It is read without its index: `capture.pages.entries` gives the same, and sooner.
    """
    filters = filters or Filters()
    found = (entry for entry in _all(conn, catalogue, filters) if wanted(entry, filters))
    return islice(found, filters.limit)


def entry_by_id(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    text: str,
    telling: Callable[[], tuple[Teller, LogNames]] | None = None,
) -> Entry | None:
    """Return one entry, None where the log has it no more. Raises UsageError where the id is malformed.

    A catalogue that has moved the change to another module since does not break the link. *telling* gives a teller and names that are
    quicker than the log's own.
    """
    wanted_one = decode(text)
    # A microsecond on: `until` is exclusive.
    moment = Filters(since=wanted_one.at, until=wanted_one.at + timedelta(microseconds=1))
    teller, names = telling() if telling else (Teller(conn, catalogue), None)
    same = [
        (entry, other.module)
        for found in placed(teller, moment, names=names)
        for entry in found
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
    teller = Teller(conn, catalogue)
    found = teller.blocks(window_transactions(conn, window), teller.names())
    return (entry for some in found for entry in some if wanted(entry, filters))


def entries_of(conn: psycopg.Connection[Any], catalogue: Catalogue, block: Block) -> Iterator[Entry]:
    """Yield the entries of transactions that were read, in their order, those of each the first first."""
    teller = Teller(conn, catalogue)
    for found in teller.blocks([block], teller.names()):
        yield from reversed(found)


def placed(
    teller: Teller,
    filters: Filters,
    place: Place | None = None,
    names: LogNames | None = None,
    block: int | None = None,
) -> Iterator[list[Entry]]:
    """Yield the entries of each transaction, the last first; *place* is where to read on from.

    Whether the filters want them is not looked at, but for what leaves out whole transactions.
    """
    blocks = transactions(teller.conn, teller.catalogue, filters, place, block=block)
    return teller.blocks(blocks, names or teller.names())


def placed_in(teller: Teller, keys: Sequence[tuple[Any, ...]], names: LogNames | None = None) -> Iterator[list[Entry]]:
    """Yield the same for some transactions, given by time and number, newest first."""
    blocks = (read_some(teller.conn, keys[start : start + BLOCK]) for start in range(0, len(keys), BLOCK))
    return teller.blocks(blocks, names or teller.names())


def is_of(entry: Entry, row: tuple[str, str]) -> bool:
    """Return whether an entry is about a row: as its entity, or as one of the parts that changed."""
    parts = {(change.table, key_text(change.key)) for change in entry.changes if change.key}
    return row in parts or (entry.entity_id == row[1] and decode(entry.id).root == root_hash(*row))


def _all(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters) -> Iterator[Entry]:
    for found in placed(Teller(conn, catalogue), filters):
        yield from (entry for entry in found if filters.row is None or is_of(entry, filters.row))
