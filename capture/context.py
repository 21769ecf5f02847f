"""Say who is acting: `with actor(connection, "Ana Admin", ip="198.51.100.7"):` around a transaction's writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import text
from sqlalchemy.orm import Session

from capture.errors import UsageError
from capture.resources import query

Target = psycopg.Connection[Any] | SqlConnection | Session


@contextmanager
def actor(connection: Target, name: str, **context: Any) -> Iterator[None]:
    """Record *name* and *context* with every change that the transaction makes.

    Opens a transaction when none is open, and commits it at the end; inside an open one it lasts until that ends.
    A second, different actor in one transaction is refused, for one save has one author.
    """
    if not name:
        raise UsageError("an actor needs a name: actor(connection, 'Ana Admin')")
    if isinstance(connection, psycopg.Connection):
        with _psycopg_transaction(connection):
            _set(lambda setting: _read(connection, setting), lambda *both: _write(connection, *both), name, context)
            yield
        return
    bound = connection
    if bound.in_transaction():
        _set(lambda setting: _read_sql(bound, setting), lambda *both: _write_sql(bound, *both), name, context)
        yield
    else:
        with bound.begin():
            _set(lambda setting: _read_sql(bound, setting), lambda *both: _write_sql(bound, *both), name, context)
            yield


@contextmanager
def _psycopg_transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Open a transaction unless one is open."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        with connection.transaction():
            yield
    else:
        yield


def _set(read: Any, write: Any, name: str, context: dict[str, Any]) -> None:
    """Set actor and context for the transaction, keeping what is there."""
    present = read("audit.actor")
    if present and present != name:
        raise UsageError(f"the transaction's actor is already {present!r}: commit before acting as {name!r}")
    if not present:
        write("audit.actor", name)
    given = {key: value for key, value in context.items() if value is not None}
    if given:
        raw = read("audit.context")
        try:
            merged = json.loads(raw) if raw else {}
        except ValueError:
            merged = {"unparsed": raw}
        if not isinstance(merged, dict):
            merged = {"unparsed": raw}
        write("audit.context", json.dumps({**merged, **given}, default=str, ensure_ascii=False))


def _read(connection: psycopg.Connection[Any], setting: str) -> str | None:
    """Read a setting through psycopg."""
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        cursor.execute(query("read_setting"), (setting,))
        row = cursor.fetchone()
    return str(row[0]) if row and row[0] else None


def _write(connection: psycopg.Connection[Any], setting: str, value: str) -> None:
    """Write a setting through psycopg."""
    connection.execute(query("write_setting"), (setting, value))


def _read_sql(connection: SqlConnection | Session, setting: str) -> str | None:
    """Read a setting through SQLAlchemy."""
    value = connection.execute(text("select current_setting(:name, true)"), {"name": setting}).scalar()
    return str(value) if value else None


def _write_sql(connection: SqlConnection | Session, setting: str, value: str) -> None:
    """Write a setting through SQLAlchemy."""
    connection.execute(text("select set_config(:name, :value, true)"), {"name": setting, "value": value})
