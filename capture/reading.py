"""Reading the log: transactions with their changes, newest first, and the names that rows had."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import set_json_loads

from capture.catalogue.model import Catalogue
from capture.entries.values import HIDDEN, is_secret
from capture.filters import Filters
from capture.model import Change, Json, Operation, Transaction
from capture.resources import query

BLOCK = 200
"""Transactions read at once: enough to keep the server busy, few enough to hold in memory."""

DEEPEST = 100
"""A value nested deeper than this reads as its text: what takes values apart calls itself once a level."""

_DIGITS = 1000
"""A whole number of more digits is kept as a decimal, which Python prints whatever its length."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")

_MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)

_OPERATIONS: dict[str, Operation] = {"I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE"}


@dataclass(frozen=True, slots=True)
class Place:
    """A transaction to read on from, towards older ones; `upward`, towards newer ones."""

    at: datetime
    transaction_id: int
    upward: bool = False


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
        return _DECODER.decode(text)
    except RecursionError:
        return text


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _DIGITS else Decimal(digits)


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=_whole)


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


def setting(conn: psycopg.Connection[Any], name: str) -> str:
    """Return a setting of the log, empty where it is not set."""
    row = log_cursor(conn).execute(query("reading_setting"), {"name": name}).fetchone()
    return str(row[0]) if row else ""


def setting_list(conn: psycopg.Connection[Any], name: str) -> frozenset[str]:
    """Return a setting of the log that is a list."""
    return frozenset(part.strip() for part in setting(conn, name).split(",") if part.strip())


def transactions(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    filters: Filters,
    place: Place | None = None,
    *,
    block: int | None = None,
    whole: bool = False,
) -> Iterator[list[tuple[Transaction, list[Change]]]]:
    """Yield blocks of transactions with all their changes, newest first, inside the retention.

    Only what SQL can decide of the filters is applied: time, accounts, and the tables of the modules; or time and row.
    From *place* on, its own transaction included, where one is given; oldest first where that says so. So many to the first *block*, and
    soon BLOCK; with *whole*, whatever the retention.
    """
    if filters.row is not None:
        yield from _history(conn, filters, filters.row, place)
        return
    cursor = log_cursor(conn)
    upward = place is not None and place.upward
    name = "reading_transactions_up" if upward else "reading_transactions"
    # The transaction of the place itself is asked for too: it may have further entries.
    after = None if place is None else (place.at, place.transaction_id + (-1 if upward else 1))
    parameters = {**_parameters(catalogue, filters), "whole": whole}
    size = block or BLOCK
    while True:
        start = {
            "after_at": after[0] if after else None,
            "after_id": after[1] if after else None,
            "block": size,
        }
        found = cursor.execute(query(name), {**parameters, **start}).fetchall()
        if not found:
            return
        some = read_some(conn, found)
        yield some[::-1] if upward else some
        if len(found) < size:
            return
        after = found[-1][0], found[-1][1]
        size = max(size, min(2 * size, BLOCK))


def _history(
    conn: psycopg.Connection[Any], filters: Filters, row: tuple[str, str], place: Place | None
) -> Iterator[list[tuple[Transaction, list[Change]]]]:
    """Yield the transactions that changed a row or its parts."""
    table, key = row
    watched = tracked(conn, table)
    parameters = {
        "since": filters.since,
        "until": filters.until,
        "tables": [one.id for one in watched],
        "columns": next((sorted(one.key_columns) for one in watched if one.key_columns), []),
        "forms": [form for columns in {one.key_columns for one in watched} for form in key_forms(key, columns)],
        "key": key,
    }
    found = log_cursor(conn).execute(query("reading_history"), parameters).fetchall()
    upward = place is not None and place.upward
    if place is not None:
        here = (place.at, place.transaction_id)
        found = [key for key in found if (key >= here if upward else key <= here)]
    if upward:
        found.reverse()
    for start in range(0, len(found), BLOCK):
        some = read_some(conn, found[start : start + BLOCK])
        yield some[::-1] if upward else some


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
        "accounts": _accounts(filters),
        "tables": tables,
    }


def _accounts(filters: Filters) -> list[str] | None:
    """Return the accounts of which a change of the transaction must have one; what else is asked of them, the entries tell."""
    if filters.account is not None:
        return [filters.account]
    return None if filters.accounts is None else sorted(filters.accounts)


def key_forms(text: str, columns: Sequence[str]) -> list[str]:
    """Return the JSON that a key can have in the log, given its values as text in the order of the columns' names.

    A value that is written as a number may be one, or a text. Empty where the text gives no value for each column.
    """
    names = sorted(columns)
    parts = [text] if len(names) == 1 else text.split(",")
    if len(parts) != len(names):
        return []
    values = [
        [json.dumps(part), *([part] if len(part) <= _DIGITS and _NUMBER.fullmatch(part) else [])] for part in parts
    ]
    return [
        "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in zip(names, chosen, strict=True)) + "}"
        for chosen in product(*values)
    ]


@dataclass(frozen=True, slots=True)
class Tracked:
    """A table that is or was under watch: its number, its key, whether only names are watched, and the columns of those."""

    id: int
    key_columns: tuple[str, ...]
    kind: str
    about: tuple[str, ...]


def tracked(conn: psycopg.Connection[Any], table: str) -> list[Tracked]:
    """Return what the log knows of a table, the latest first; nothing where it was never under watch."""
    rows = log_cursor(conn).execute(query("reading_table"), {"table": table})
    return [Tracked(number, tuple(key or ()), kind, tuple(about)) for number, key, kind, about in rows]


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
    at, transaction_id, _, _, user, role, application, address, _, gateway, marked = rows[0]
    actor = actors[0] if actors else None
    return Transaction(
        transaction_id, at, actor, context, user, role, application, address, _signature(rows), gateway, marked
    )


def _signature(rows: Sequence[tuple[Any, ...]]) -> str | None:
    """One that is worth nothing spoils all; a valid one must be under all that was said of actor and context."""
    given = [row[8] for row in rows if row[8] is not None]
    bad = [worth for worth in given if not worth.startswith("valid:")]
    if bad:
        return str(bad[0])
    told = [row for row in rows if (row[2] and row[2].strip()) or row[3] is not None]
    return str(given[0]) if given and all(row[8] is not None for row in told) else None


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
                degraded=former[4],
            )
        )
    return found
