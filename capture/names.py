"""Names out of the log: what a column of another row was at the time of a change."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from capture.catalogue.model import Catalogue, Table
from capture.entries.order import key_text
from capture.model import UNKNOWN, Change, Json
from capture.naming import naming
from capture.reading import log_cursor
from capture.renames import Names
from capture.resources import query

_KEPT = 20_000
"""So many rows are remembered: reading millions of entries must not hold millions of names."""

Past = list[tuple[int, dict[str, Json]]]
"""What naming columns of a row were before its changes, by their numbers, in their order."""


@dataclass(slots=True)
class _Later:
    """What a column of a table was before each change since a time, by the row's key; in the order of the changes."""

    since: datetime | None = None
    rows: dict[str, list[tuple[int, Json]]] = field(default_factory=dict)


class LogNames:
    """Names out of the log: the first later change tells what a column was, then the registry, then the live row.

    Without an index the log itself is read, from the newest change to the oldest: what was read of the names is kept, and only
    older changes are added. With one, `tail` are the transactions that it does not know yet, and the index tells of the others.
    `unsure` says that something was told by no change and no registry, since it was last set to False: a live row, which may become
    another unseen, or nothing.
    """

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        columns: Names,
        catalogue: Catalogue,
        tail: Sequence[tuple[Any, ...]] | None = None,
        named: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        """Read names through this connection, out of columns that may have had other names; *named* is what `naming` gives."""
        self.conn = conn
        self.unsure = False
        self._columns = columns
        self._catalogue = catalogue
        self._named = naming(catalogue) if named is None else named
        self._indexed = tail is not None
        self._since: datetime | None = None
        self._reached: datetime | None = None
        self._past: dict[tuple[str, str], Past] = {}
        self._tail: dict[tuple[str, str], Past] = {}
        self._later: dict[tuple[str, str], _Later] = {}
        self._registry: dict[tuple[str, str], dict[str, Json] | None] = {}
        self._live_values: dict[tuple[str, str, str], Json] = {}
        self._keys: dict[str, tuple[str, ...]] | None = None
        # Sorted: the index is stamped with them, and sets have another order in each process.
        pairs = sorted(
            (table, name)
            for table, named in self._named.items()
            for one in named
            for name in columns.all_of(table, one)
        )
        self._pairs = {"tables": [table for table, _ in pairs], "columns": [name for _, name in pairs]}
        if tail:
            self._tail = self._read("names_tail", **as_arrays(tail))

    @property
    def pairs(self) -> dict[str, list[str]]:
        """The naming columns under all their names: tables and columns in two lists."""
        return self._pairs

    def reach(self, since: datetime) -> None:
        """Say that names of changes at `since` and later will be asked for."""
        self._since = since if self._since is None else min(self._since, since)
        if not self._indexed and self._pairs["tables"] and (self._reached is None or self._since < self._reached):
            for row, past in self._read("names_between", since=self._since, until=self._reached).items():
                self._past[row] = past + self._past.get(row, [])
            self._reached = self._since

    def prefetch(self, changes: Iterable[Change]) -> None:
        """Read in one go what is known of the rows that these changes refer to."""
        if len(self._registry) > _KEPT:
            self._registry.clear()
            self._live_values.clear()
            if self._indexed:
                self._past.clear()
        rows = {row: key for change in changes for row, key in self._referred(change) if row not in self._registry}
        self.look_up(rows)

    def value(self, table: str, key: Json, column: str, after: int) -> Json:
        """Return the column's value right after the change numbered `after`; UNKNOWN where nothing tells it."""
        at = key_text(key)
        if column in self._named.get(table, ()):
            names = self._columns.all_of(table, column)
            for past in self._pasts(table, at, key):
                for number, old in past:
                    if number > after:
                        for name in names:
                            if name in old:
                                return old[name]
        else:
            for number, value in self._changes(table, column).get(at, ()):
                if number > after:
                    return value
        return self._current(table, at, key, column)

    def _pasts(self, table: str, at: str, key: Json) -> Iterator[Past]:
        """Yield what is known of a row's past, what came first before what came later."""
        if self._indexed and (table, at) not in self._past:
            self.look_up({(table, at): key})
        past, tail = self._past.get((table, at), []), self._tail.get((table, at), [])
        # What the index does not know yet may have begun before what it knows.
        yield sorted(past + tail, key=lambda row: row[0]) if tail else past

    def _referred(self, change: Change) -> Iterator[tuple[tuple[str, str], Json]]:
        if change.root_key is not None and change.root_key is not change.key:
            yield (change.root_table, key_text(change.root_key)), change.root_key
        if change.former_root_table is not None and change.former_root_key is not None:
            yield (change.former_root_table, key_text(change.former_root_key)), change.former_root_key
        table: Table | None = self._catalogue.by_name.get(change.table)
        if table is None or not table.lookups:
            return
        images = [image for image in (change.old, change.new, change.about, change.key) if image]
        for column, other in table.refers_to.items():
            for image in images:
                value = image.get(column)
                if value is not None:
                    yield (other, key_text(value)), value

    def look_up(self, rows: dict[tuple[str, str], Json]) -> None:
        """Read what registry and index know of some rows."""
        asked = [(row, whole) for row, key in rows.items() if (whole := self._whole(row[0], key)) is not None]
        self._registry |= dict.fromkeys(rows)
        if asked:
            parameters = {
                "tables": [row[0] for row, _ in asked],
                "keys": [json.dumps(key, default=str) for _, key in asked],
            }
            for place, about in log_cursor(self.conn).execute(query("names_registry"), parameters):
                self._registry[asked[place - 1][0]] = about
        if self._indexed and rows:
            self._past |= {row: [] for row in rows}
            given = list(rows.items())
            parameters = {"tables": [row[0] for row, _ in given], "keys": [_kept_key(key) for _, key in given]}
            for place, number, old in log_cursor(self.conn).execute(query("names_kept"), parameters):
                self._past[given[place - 1][0]].append((number, old))

    def _read(self, name: str, **parameters: Any) -> dict[tuple[str, str], Past]:
        found: dict[tuple[str, str], Past] = defaultdict(list)
        for table, key, number, old in log_cursor(self.conn).execute(query(name), {**self._pairs, **parameters}):
            found[table, key_text(key)].append((number, old))
        for past in found.values():
            past.sort(key=lambda row: row[0])
        return found

    def _changes(self, table: str, column: str) -> dict[str, list[tuple[int, Json]]]:
        """Return the past of a column that the catalogue does not show to be one that names rows."""
        later = self._later.setdefault((table, column), _Later())
        if later.since is None or self._since is None or self._since < later.since:
            parameters = {
                "table": table,
                "columns": self._columns.all_of(table, column),
                "since": self._since,
                "until": later.since,
            }
            older: dict[str, list[tuple[int, Json]]] = defaultdict(list)
            for number, key, value in log_cursor(self.conn).execute(query("reading_names"), parameters):
                older[key_text(key)].append((number, value))
            for at, rows in older.items():
                later.rows[at] = sorted(rows + later.rows.get(at, []), key=lambda row: row[0])
            later.since = self._since
        return later.rows

    def _current(self, table: str, at: str, key: Json, column: str) -> Json:
        if (table, at) not in self._registry:
            self.look_up({(table, at): key})
        about = self._registry[table, at]
        names = self._columns.all_of(table, column)
        for name in names if about else ():
            if about and name in about:
                return about[name]
        self.unsure = True
        known = (table, at, column)
        if known not in self._live_values:
            whole = self._whole(table, key)
            live = [] if whole is None else (self._live(table, whole, name) for name in names)
            self._live_values[known] = next((found for found in live if found is not UNKNOWN), UNKNOWN)
        return self._live_values[known]

    def _whole(self, table: str, key: Json) -> dict[str, Json] | None:
        """Return a key with the names of its columns; None where the table has not one column of a key, and no names are given."""
        if not isinstance(key, dict):
            if self._keys is None:
                rows = log_cursor(self.conn).execute(query("names_keys"))
                self._keys = {name: tuple(columns) for name, columns in rows}
            columns = self._keys.get(table, ())
            if len(columns) != 1:
                return None
            key = {columns[0]: key}
        return _numbers(key)

    def _live(self, table: str, key: dict[str, Json], column: str) -> Json:
        """Return the column of the row as it is; UNKNOWN where it is gone, or not ours to read."""
        statement = sql.SQL("SELECT to_jsonb(t.{}) FROM {} AS t WHERE {}").format(
            sql.Identifier(column),
            sql.Identifier(*table.split(".", 1)),
            sql.SQL(" AND ").join(
                sql.SQL("t.{}::text = {}").format(sql.Identifier(name), sql.Literal(str(value)))
                for name, value in key.items()
            ),
        )
        try:
            with self.conn.transaction():
                row = log_cursor(self.conn).execute(statement).fetchone()
        except psycopg.Error:
            return UNKNOWN
        return row[0] if row else UNKNOWN


def as_arrays(keys: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Return transactions, given by time and number, as the parameters of a query, with the time that they span."""
    times = [key[0] for key in keys]
    return {"times": times, "ids": [str(key[1]) for key in keys], "first": min(times), "last": max(times)}


def _kept_key(key: Json) -> str:
    """Return a key as audit.key_text() gives it."""
    values: list[Json] = [key[name] for name in sorted(key)] if isinstance(key, dict) else [key]
    return ",".join(str(one).lower() if isinstance(one, bool) else str(one) for one in values if one is not None)


def _numbers(key: dict[str, Json]) -> dict[str, Json]:
    """Return the key with text that is a number as one: a condition may keep "4" for a bigint key."""
    return {
        name: int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        for name, value in key.items()
    }
