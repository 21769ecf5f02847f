"""Checking a catalogue against the database that it describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue, Table
from capture.errors import ConfigurationError
from capture.resources import query

Columns = Mapping[str, tuple[str, ...]]
"""The columns of every ordinary or partitioned table, by 'schema.table'."""


def columns_of(conn: psycopg.Connection[Any]) -> dict[str, tuple[str, ...]]:
    """Return every table of the database with its columns, in their order."""
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return {name: tuple(columns) for name, columns in cursor.execute(query("catalogue_columns"))}


def check(catalogue: Catalogue, tables: Columns) -> None:
    """Raise ConfigurationError at the first name in the catalogue that the database does not have."""
    for number, table in enumerate(catalogue.table, 1):
        place = f"in {catalogue.file}, table {number}"
        _table_exists(table.name, tables, place)
        present = tables[table.name]
        for column, key in table.named_columns().items():
            if column not in present:
                raise ConfigurationError(
                    f"{table.name}.{column}, {place}, {key}, is no column of this table. {_suggest(column, present)}"
                )
        if table.parent:
            _table_exists(table.parent.table, tables, f"{place}, parent")
            _described(catalogue, table, table.parent.table, f"{place}, parent")
        if table.follows:
            _table_exists(table.follows.table, tables, f"{place}, follows")
        for column, target in table.lookups.items():
            _lookup_exists(target, tables, f"{place}, lookups.{column}")
    for name, field in catalogue.fields.items():
        if field.lookup:
            _lookup_exists(field.lookup, tables, f"in {catalogue.file}, fields.{name}")


def names_unknown(catalogue: Catalogue) -> list[str]:
    """Return the tables whose names are looked up, and which the catalogue does not track: what was renamed there is never known."""
    targets = [(table.name, column, target) for table in catalogue.table for column, target in table.lookups.items()]
    targets += [("fields", name, field.lookup) for name, field in catalogue.fields.items() if field.lookup]
    return [
        f"{table}.{column} shows names of {owner}, which the catalogue does not describe"
        for table, column, target in targets
        if (owner := target.rpartition(".")[0]) not in catalogue.by_name
    ]


def wordless(catalogue: Catalogue, recorded: Columns) -> dict[str, list[str]]:
    """Return, by table, the *recorded* columns that the catalogue says nothing of: they are called by their names in the database."""
    found = {}
    for name, columns in recorded.items():
        table = catalogue.by_name.get(name)
        if table is not None and table.key_value is None:
            named = table.named_columns()
            found[name] = [column for column in columns if column not in named]
    return {name: columns for name, columns in found.items() if columns}


def _lookup_exists(target: str, tables: Columns, place: str) -> None:
    table, _, column = target.rpartition(".")
    _table_exists(table, tables, place)
    if column not in tables[table]:
        raise ConfigurationError(
            f"{target}, {place}, is no column of {table}. {_suggest(column, tables[table], f'{table}.')}"
        )


def _described(catalogue: Catalogue, table: Table, parent: str, place: str) -> None:
    if parent not in catalogue.by_name:
        raise ConfigurationError(
            f"{parent}, {place}, is not described: write a [[table]] for it, so that {table.name} has a name to go by."
        )


def _table_exists(name: str, tables: Columns, place: str) -> None:
    if name not in tables:
        raise ConfigurationError(f"{name}, {place}, is no table of this database. {_suggest(name, tables)}")


def _suggest(name: str, known: Iterable[str], prefix: str = "") -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"Did you mean {prefix}{close[0]}?" if close else "Check the spelling, or take it out."
