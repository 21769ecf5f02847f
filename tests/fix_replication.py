"""Real logical replication between two databases of one server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]
Subscribe = Callable[..., None]
SLOT = "whochanged_test"


@pytest.fixture
def publisher(empty_dsn: str) -> Iterator[Connection]:
    """Give a connection to the database that is written, where nothing is tracked."""
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def subscribe(publisher: Connection, conn: Connection, empty_dsn: str) -> Iterator[Subscribe]:
    """Give a function that lets `conn` subscribe to `publisher`, and returns when the first copies are done."""

    def start(publish: str = "for all tables", options: str = "", *, two_phase: bool = False) -> None:
        publisher.execute(f"create publication p {publish}")
        # CREATE SUBSCRIPTION would wait for itself: a slot is made when all transactions of the server have ended.
        publisher.execute("select pg_create_logical_replication_slot(%s, 'pgoutput', false, %s)", (SLOT, two_phase))
        conn.execute(
            f"create subscription feed connection '{empty_dsn}' publication p"
            f" with (create_slot = false, slot_name = {SLOT}{options})"
        )
        wait(conn, "select count(*) = 0 from pg_subscription_rel where srsubstate <> 'r'")

    try:
        yield start
    finally:
        with contextlib.suppress(psycopg.errors.UndefinedObject):
            conn.execute("alter subscription feed disable")
            conn.execute("alter subscription feed set (slot_name = none)")
            conn.execute("drop subscription feed")
        mine = "from pg_replication_slots where database = current_database()"
        publisher.execute(f"select pg_terminate_backend(active_pid) {mine} and active")
        wait(publisher, f"select count(*) = 0 {mine} and active")
        publisher.execute(f"select pg_drop_replication_slot(slot_name) {mine}")


def wait(conn: Connection, condition: str) -> None:
    """Wait until a query gives true."""
    end = time.monotonic() + 60
    while conn.execute(condition.encode()).fetchone() != (True,):
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def caught_up(publisher: Connection) -> None:
    """Wait until the subscriber has applied all that was written so far."""
    row = publisher.execute("select pg_current_wal_insert_lsn()").fetchone()
    assert row is not None
    wait(publisher, f"select confirmed_flush_lsn >= '{row[0]}' from pg_replication_slots where slot_name = '{SLOT}'")
