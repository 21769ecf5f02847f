"""Baselines: what the rows of a tracked table were when the comparison with its log begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row, tuple_row

from capture.errors import DatabaseError, UsageError
from capture.patience import ATTEMPTS, BUSY, busy, pause
from capture.resources import query
from capture.upkeep import one, one_at_a_time, require_direct


@dataclass(frozen=True, slots=True)
class Comparable:
    """A tracked table and what stands in the way of comparing it, a phrase each; None where nothing does.

    `unreadable` bars a new baseline too, `baseless` is cured by one. `left_out` are columns that the baseline does not have
    comparably. `estimate` is the planner's number of rows.
    """

    id: int
    table_name: str
    space: str | None
    relation: str | None
    key_columns: list[str] | None
    taken_at: datetime | None
    estimate: int
    unreadable: str | None
    baseless: str | None
    left_out: list[str]


def tables(conn: psycopg.Connection[Any], names: Sequence[str] | None = None) -> list[Comparable]:
    """Return the tracked tables, or those of the given names ('schema.table', unquoted), in the order of their names."""
    given = {"names": None if names is None else list(names)}
    with conn.cursor(row_factory=class_row(Comparable)) as cursor:
        return cursor.execute(query("reconcile_tables"), given).fetchall()


def take_missing(conn: psycopg.Connection[Any], tell: Callable[[Comparable], None]) -> list[tuple[str, str]]:
    """Take a baseline of each tracked table that never had one; return the tables where that failed, and why.

    *conn* must be in no transaction; each table is done in one of its own, by one INSERT ... SELECT that no writer waits for.
    *tell* is called before a table is read.
    """
    refused: list[tuple[str, str]] = []
    with own_transactions(conn):
        for table in tables(conn):
            if table.taken_at is not None:
                continue
            if table.unreadable is not None:
                refused.append((table.table_name, table.unreadable))
                continue
            tell(table)
            try:
                _patiently(conn, table)
            except (DatabaseError, psycopg.Error) as error:
                refused.append((table.table_name, str(error).splitlines()[0]))
    return refused


def _patiently(conn: psycopg.Connection[Any], table: Comparable) -> None:
    """Take one baseline, five times where a lock is not to be had."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with conn.transaction():
                lock(conn, [table], rebase=True)
                take(conn, table)
        except BUSY as error:
            if attempt == ATTEMPTS:
                raise busy(error) from error
            pause(attempt)
        else:
            return


def take(conn: psycopg.Connection[Any], table: Comparable) -> int:
    """Make the present rows the baseline, inside a transaction that `lock` began; return how many there are."""
    return int(one(conn, query("baseline_take"), {"table": table.id}))


def lock(conn: psycopg.Connection[Any], some: Sequence[Comparable], *, rebase: bool = False) -> None:
    """Lock what is going to be read, at the beginning of a transaction and before its snapshot.

    A snapshot shows a table that was rewritten after it as empty, and would not show an index that was made since: with the
    locks there can be neither. Writers go on.
    """
    conn.execute(query("reconcile_settings"))
    if rebase:
        # A purge adds what it takes from the log to the baselines.
        conn.execute("LOCK TABLE audit.baseline_table IN SHARE ROW EXCLUSIVE MODE")
    for table in some:
        if table.unreadable is None:
            names = sql.Identifier(str(table.space), str(table.relation))
            conn.execute(sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(names))


@contextmanager
def own_transactions(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Let each transaction inside be of one snapshot, and each statement outside one a transaction of its own."""
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before comparing tables with their log")
    before = conn.autocommit, conn.isolation_level
    conn.autocommit = True
    conn.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        yield
    finally:
        if not conn.closed:
            conn.autocommit, conn.isolation_level = before


def _days(conn: psycopg.Connection[Any], parts: Sequence[str]) -> dict[int, list[str]]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(query("reconcile_days"), {"parts": list(parts)}).fetchall())


@contextmanager
def one_snapshot(
    conn: psycopg.Connection[Any], names: Sequence[str] | None, *, rebase: bool
) -> Iterator[tuple[list[Comparable], dict[int, list[str]]]]:
    """Begin a transaction whose snapshot shows the tables and all parts of the log.

    Give the tables, and by a table's number the parts of the log that have changes of it, which this reads once.

    No purge may move a day from one place to another while the snapshot is taken; later its locks keep the day where it is.
    """
    require_direct(conn)
    with one_at_a_time(conn), ExitStack() as opening:
        some = tables(conn, names)
        with conn.cursor(row_factory=tuple_row) as cursor:
            parts = [str(row[0]) for row in cursor.execute(query("reconcile_parts")).fetchall()]
        opening.enter_context(conn.transaction())
        try:
            lock(conn, some, rebase=rebase)
            for part in parts:
                conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier(*part.split("."))))
        except BUSY as error:
            raise busy(error) from error
        found = tables(conn, names), _days(conn, parts)
        opened = opening.pop_all()
    with opened:
        yield found
