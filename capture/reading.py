"""Reading the log: transactions with their changes, newest first, and the names that rows had."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb, set_json_loads

from capture.catalogue.model import Catalogue
from capture.entries.net import key_text
from capture.entries.values import HIDDEN, is_secret
from capture.model import Change, Json, Operation, Transaction
from capture.resources import query

BLOCK = 200
"""Transactions read at once: enough to keep the server busy, few enough to hold in memory."""

DEEPEST = 100
"""A value nested deeper than this reads as its text: what takes values apart calls itself once a level."""

_DIGITS = 1000
"""A whole number of more digits is kept as a decimal, which Python prints whatever its length."""

_MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)

_OPERATIONS: dict[str, Operation] = {"I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE"}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are wanted; an empty filter wants all. `entity` is a noun, a name, or both ("workflow Welcome").

    `row` is a table's name and a row's key as text: the history of one row and its parts.
    """

    since: datetime | None = None
    until: datetime | None = None
    modules: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    actor: str | None = None
    entity: str | None = None
    account: str | None = None
    search: str | None = None
    limit: int | None = None
    row: tuple[str, str] | None = None


def log_cursor(conn: psycopg.Connection[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    """Return a cursor that reads JSON without losing digits; the connection itself keeps its own ways."""
    cursor = conn.cursor(row_factory=tuple_row)
    set_json_loads(load_json, cursor)
    return cursor


def load_json(data: str | bytes) -> Json:
    """Return a JSON value with all digits of its numbers. What is nested deeper than DEEPEST in it comes as its text."""
    text = data if isinstance(data, str) else bytes(data).decode()
    if text.count("{") + text.count("[") > DEEPEST:
        text = _flattened(text)
    try:
        return json.loads(text, parse_float=Decimal, parse_int=_whole)
    except RecursionError:
        return text


def _flattened(text: str) -> str:
    """Return the JSON text with each member of the outermost value that is nested too deep as a string of its text."""
    parts: list[str] = []
    depth, deepest, begin, done = -1, 0, 0, 0
    for mark in _MARKS.finditer(text):
        if mark[0] in "{[":
            depth += 1
            if depth == 1:
                begin, deepest = mark.start(), depth
            deepest = max(deepest, depth)
        elif mark[0] in "}]":
            if depth == 1 and deepest > DEEPEST:
                member = text[begin : mark.end()]
                # A name deep inside can no longer hide its own value, so it hides the whole.
                parts += [text[done:begin], json.dumps(HIDDEN if is_secret(member) else member)]
                done = mark.end()
            depth -= 1
    return "".join([*parts, text[done:]])


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _DIGITS else Decimal(digits)


def setting(conn: psycopg.Connection[Any], name: str) -> str:
    """Return a setting of the log, empty where it is not set."""
    row = log_cursor(conn).execute(query("reading_setting"), {"name": name}).fetchone()
    return str(row[0]) if row else ""


def setting_list(conn: psycopg.Connection[Any], name: str) -> frozenset[str]:
    """Return a setting of the log that is a list."""
    return frozenset(part.strip() for part in setting(conn, name).split(",") if part.strip())


def transactions(
    conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters
) -> Iterator[list[tuple[Transaction, list[Change]]]]:
    """Yield blocks of transactions with all their changes, newest first, inside the retention.

    Only what SQL can decide of the filters is applied: time, account, row, and the tables of the modules.
    """
    cursor = log_cursor(conn)
    after: tuple[datetime, int] | None = None
    parameters = _parameters(catalogue, filters)
    while True:
        place = {"after_at": after[0] if after else None, "after_id": after[1] if after else None, "block": BLOCK}
        found = cursor.execute(query("reading_transactions"), {**parameters, **place}).fetchall()
        if not found:
            return
        yield read_some(conn, found)
        after = found[-1][0], found[-1][1]


def read_some(conn: psycopg.Connection[Any], keys: Sequence[tuple[Any, ...]]) -> list[tuple[Transaction, list[Change]]]:
    """Return some transactions, given by time and number, with all their changes, newest first."""
    cursor = log_cursor(conn)
    times = [at for at, _ in keys]
    ids = [str(number) for _, number in keys]
    parameters = {"times": times, "ids": ids, "first": min(times), "last": max(times)}
    grouped: dict[tuple[datetime, int], list[tuple[Any, ...]]] = defaultdict(list)
    for row in cursor.execute(query("reading_some"), parameters):
        grouped[row[0], row[1]].append(row)
    changes = _changes(cursor, parameters)
    return [(_transaction(rows), changes[key]) for key, rows in grouped.items()]


def _parameters(catalogue: Catalogue, filters: Filters) -> dict[str, Any]:
    tables = None
    if filters.modules:
        wanted = {module.casefold() for module in filters.modules}
        # A table that the catalogue does not know is in module Other: only without this filter can SQL find it.
        if "other" not in wanted:
            tables = [
                table.name
                for table in catalogue.table
                if {m.casefold() for m in _modules_of(catalogue, table.name)} & wanted
            ]
    return {
        "since": filters.since,
        "until": filters.until,
        "account": filters.account,
        "tables": tables,
        "row_table": filters.row[0] if filters.row else None,
        "row_key": filters.row[1] if filters.row else None,
    }


def _modules_of(catalogue: Catalogue, name: str) -> set[str]:
    """Return the modules that changes of a table can show under: phrases and columns may name others."""
    table = catalogue.by_name[name]
    columns = (*table.columns.values(), *table.settings.values())
    return {table.module, *(c.module for c in columns if c.module), *(p.module for p in table.phrase if p.module)}


def _transaction(rows: Sequence[tuple[Any, ...]]) -> Transaction:
    """Make one of the rows of a transaction: the first actor counts, the first value of a name in the contexts wins."""
    context: dict[str, Json] = {}
    actors: list[str] = []
    for row in rows:
        for name, value in (row[3] or {}).items():
            context.setdefault(name, value)
        if row[2] and row[2].strip() and row[2] not in actors:
            actors.append(row[2])
    # Only the log itself says this, never an application.
    context.pop("other_actors", None)
    if actors[1:]:
        context["other_actors"] = actors[1:]
    at, transaction_id, _, _, user, role, application, address = rows[0]
    return Transaction(transaction_id, at, actors[0] if actors else None, context, user, role, application, address)


def _changes(
    cursor: psycopg.Cursor[tuple[Any, ...]], parameters: dict[str, Any]
) -> dict[tuple[datetime, int], list[Change]]:
    found: dict[tuple[datetime, int], list[Change]] = defaultdict(list)
    for row in cursor.execute(query("reading_changes"), parameters):
        at, transaction_id, number, table, operation, key, old, new, about, root_table, root_key, account, *former = row
        found[at, transaction_id].append(
            Change(
                id=number,
                transaction_id=transaction_id,
                at=at,
                table=table,
                operation=_OPERATIONS[operation],
                key=key,
                old=old,
                new=new,
                about=about or {},
                root_table=root_table or table,
                root_key=root_key if root_table else key,
                account=account,
                former_root_table=former[0],
                former_root_key=former[1],
                former_account=former[2],
                partition=tuple(former[3] or ()),
            )
        )
    return found


@dataclass(slots=True)
class _Later:
    """What a column of a table was before each change since a time, by the row's key; in the order of the changes."""

    since: datetime | None = None
    rows: dict[str, list[tuple[int, Json]]] = field(default_factory=dict)


class LogNames:
    """Names out of the log: the first later change tells what a column was, then the registry, then the live row.

    Reading goes from the newest change to the oldest, so what was read of the names is kept, and only older changes are added.
    """

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        """Read names through this connection."""
        self.conn = conn
        self._since: datetime | None = None
        self._later: dict[tuple[str, str], _Later] = {}
        self._now: dict[tuple[str, str, str], Json] = {}
        self._keys: dict[str, list[str]] = {}

    def reach(self, since: datetime) -> None:
        """Say that names of changes at `since` and later will be asked for."""
        self._since = since if self._since is None else min(self._since, since)

    def value(self, table: str, key: Json, column: str, after: int) -> Json:
        """Return the column's value right after the change numbered `after`; None where nothing tells it."""
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
            parameters = {"table": table, "column": column, "since": self._since, "until": later.since}
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
            row = cursor.execute(query("reading_key"), {"table": table}).fetchone()
            self._keys[table] = list(row[0] or []) if row else []
        columns = self._keys[table]
        if not isinstance(key, dict):
            if len(columns) != 1:
                return None
            key = {columns[0]: key}
        row = cursor.execute(query("reading_entity"), {"table": table, "key": Jsonb(_numbers(key))}).fetchone()
        if row and column in row[0]:
            return row[0][column]
        return self._live(table, key, column)

    def _live(self, table: str, key: dict[str, Json], column: str) -> Json:
        """Return the column of the row as it is; None where it is gone, or not ours to read."""
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
            return None
        return row[0] if row else None


def _numbers(key: dict[str, Json]) -> dict[str, Json]:
    """Return the key with text that is a number as one: a condition may keep "4" for a bigint key."""
    return {
        name: int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        for name, value in key.items()
    }
