"""What looking after the log needs: a connection of its own, the rights of its owner, and one at a time.

Advisory locks of the session, all of this database alone, tell who is at work. Their keys are (`LOCKS`, number); a third
kind, (`RUNS`, number of the run), is held while a run that audit.job_run calls running is alive.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from capture.errors import ConfigurationError, DatabaseError, UsageError
from capture.resources import query

OWNER = "audit_owner"
LOCKS = 2003332963  # "whoc" in ASCII
RUNS = 2003332978  # "whor"
LEADER = 1
UPKEEP = 2
INDEXING = 3

PATIENCE = 5.0
"""Seconds that somebody waits for another who is at work."""

_PAUSE = 0.1


@contextmanager
def acting_as_owner(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Act as the owner of the log while the block lasts, each statement being a transaction of its own.

    Raises DatabaseError where the login may not, ConfigurationError where a pooler stands between us and the server.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise UsageError("the connection is inside a transaction: commit it before looking after the log")
    before = conn.autocommit
    conn.autocommit = True
    try:
        require_direct(conn)
        role = one(conn, query("read_setting"), ("role",))
        become_owner(conn)
        try:
            yield
        finally:
            if not conn.closed:
                conn.execute(query("set_setting"), ("role", role))
    finally:
        if not conn.closed:
            conn.autocommit = before


def become_owner(conn: psycopg.Connection[Any]) -> None:
    """Act as the owner of the log from now on. Raises DatabaseError where the login may not."""
    login = conn.info.user
    try:
        conn.execute(sql.SQL("set role {}").format(sql.Identifier(OWNER)))
    except errors.InvalidParameterValue as error:
        raise DatabaseError("this database has no audit log yet: run  whochanged install") from error
    except errors.InsufficientPrivilege as error:
        message = f"the login {login} may not act as {OWNER}, which owns the log: run  GRANT {OWNER} TO {login}  as a role that may"
        raise DatabaseError(message) from error


@contextmanager
def one_at_a_time(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Hold the lock under which partitions are made, filled from the spill tables and purged.

    Waits `PATIENCE` seconds for another holder, then raises DatabaseError.
    """
    end = time.monotonic() + PATIENCE
    # Asked again and again: a session that waits inside pg_advisory_lock() holds a snapshot, for which a purge waits.
    while not one(conn, query("try_lock"), (LOCKS, UPKEEP)):
        if time.monotonic() > end:
            raise DatabaseError("another purge, or the making of partitions, is at work: try again when it has ended")
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(query("unlock"), (LOCKS, UPKEEP))


@contextmanager
def setting(conn: psycopg.Connection[Any], name: str, value: str) -> Iterator[None]:
    """Give a setting of the session another value while the block lasts."""
    before = one(conn, query("read_setting"), (name,))
    conn.execute(query("set_setting"), (name, value))
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(query("set_setting"), (name, before))


def require_direct(conn: psycopg.Connection[Any]) -> None:
    """Refuse a connection that a pooler serves: locks and roles of a session would stay behind on the server.

    A pooler gives the client a process number of its own, which is not the one that the server has.
    """
    if one(conn, "select pg_catalog.pg_backend_pid()") != conn.info.backend_pid:
        raise ConfigurationError(
            "the address leads to a connection pooler: give the address of PostgreSQL itself, "
            "for the locks of a session do not survive a pooler"
        )


def one(conn: psycopg.Connection[Any], statement: Any, parameters: Any = None) -> Any:
    """Run a query and return the first value of its first row, None without a row."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(statement, parameters).fetchone()
        return None if row is None else row[0]
