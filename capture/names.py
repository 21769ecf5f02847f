"""Names out of the log: what a column of another row was at the time of a change."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from capture.entries.order import key_text
from capture.model import UNKNOWN, Json
from capture.reading import log_cursor, tracked
from capture.renames import Names
from capture.resources import query


@dataclass(slots=True)
class _Later:
    """What a column of a table was before each change since a time, by the row's key; in the order of the changes."""

    since: datetime | None = None
    rows: dict[str, list[tuple[int, Json]]] = field(default_factory=dict)


class LogNames:
    """Names out of the log: the first later change tells what a column was, then the registry, then the live row.

    Reading goes from the newest change to the oldest, so what was read of the names is kept, and only older changes are added.
    """

    def __init__(self, conn: psycopg.Connection[Any], columns: Names) -> None:
        """Read names through this connection, out of columns that may have had other names."""
        self.conn = conn
        self._columns = columns
        self._since: datetime | None = None
        self._later: dict[tuple[str, str], _Later] = {}
        self._now: dict[tuple[str, str, str], Json] = {}
        self._keys: dict[str, tuple[str, ...]] = {}

    def reach(self, since: datetime) -> None:
        """Say that names of changes at `since` and later will be asked for."""
        self._since = since if self._since is None else min(self._since, since)

    def value(self, table: str, key: Json, column: str, after: int) -> Json:
        """Return the column's value right after the change numbered `after`; UNKNOWN where nothing tells it."""
        at = key_text(key)
        for number, value in self._changes(table, column).get(at, ()):
            if number > after:
                return value
        known = (table, at, column)
        if known not in self._now:
            self._now[known] = self._current(table, key, column)
        return self._now[known]

    def _changes(self, table: str, column: str) -> dict[str, list[tuple[int, Json]]]:
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

    def _current(self, table: str, key: Json, column: str) -> Json:
        cursor = log_cursor(self.conn)
        if table not in self._keys:
            self._keys[table] = next((found.key_columns for found in tracked(self.conn, table)), ())
        columns = self._keys[table]
        if not isinstance(key, dict):
            if len(columns) != 1:
                return UNKNOWN
            key = {columns[0]: key}
        row = cursor.execute(query("reading_entity"), {"table": table, "key": Jsonb(_numbers(key))}).fetchone()
        names = self._columns.all_of(table, column)
        for name in names:
            if row and name in row[0]:
                return row[0][name]
        return next((value for name in names if (value := self._live(table, key, name)) is not UNKNOWN), UNKNOWN)

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


def _numbers(key: dict[str, Json]) -> dict[str, Json]:
    """Return the key with text that is a number as one: a condition may keep "4" for a bigint key."""
    return {
        name: int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        for name, value in key.items()
    }
