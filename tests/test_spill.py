"""A day without a partition: nothing is lost, and the next making of partitions puts all in its place."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from capture.coverage import health
from capture.partitions import keep_partitions
from tests.aging import change, track, value

Connection = psycopg.Connection[tuple[Any, ...]]
EVERYTHING = "SELECT l::text FROM audit.log AS l ORDER BY id"


@pytest.fixture(autouse=True)
def tracked(conn: Connection) -> None:
    """Track table t."""
    track(conn)


def lose_partitions(conn: Connection) -> None:
    """Drop all partitions, as if nobody had made any."""
    for parent in ("change", "transaction"):
        conn.execute(
            f"DO $$ DECLARE p regclass; BEGIN FOR p IN SELECT inhrelid::regclass FROM pg_inherits"
            f" WHERE inhparent = 'audit.{parent}'::regclass LOOP EXECUTE 'DROP TABLE ' || p; END LOOP; END $$"
        )


def test_a_missing_partition_loses_nothing(conn: Connection) -> None:
    lose_partitions(conn)
    change(conn, rows=3)
    conn.execute("UPDATE t SET n = 'y'; DELETE FROM t WHERE id = 1")
    shown = conn.execute(EVERYTHING).fetchall()
    assert len(shown) == 3 + 3 + 1
    state = health(conn)
    assert (state.spilled_changes, state.spilled_transactions, state.partitions_ahead) == (7, 2, 0)
    report = keep_partitions(conn)
    assert (len(report.made), report.moved_changes, report.moved_transactions) == (30, 7, 2)
    assert conn.execute(EVERYTHING).fetchall() == shown, "ids and all else are as they were"
    state = health(conn)
    assert (state.spilled_changes, state.spilled_transactions, state.partitions_ahead) == (0, 0, 14)
    assert value(conn, "SELECT count(*) FROM audit.change") == 7
    assert keep_partitions(conn) == type(report)((), 0, 0)


def test_the_partition_of_a_day_that_is_over_is_made_for_its_rows(conn: Connection) -> None:
    lose_partitions(conn)
    change(conn, rows=3)
    conn.execute("UPDATE audit.change_spill SET at = at - interval '5 days'")
    conn.execute("UPDATE audit.transaction_spill SET at = at - interval '5 days'")
    change(conn)
    report = keep_partitions(conn)
    assert (len(report.made), report.moved_changes, report.moved_transactions) == (32, 4, 2)
    assert value(conn, "SELECT count(*) FROM audit.log") == 4
    assert value(conn, "SELECT count(*) FROM audit.change_spill") == 0


def test_whoever_reads_meanwhile_sees_each_row_once(conn: Connection, dsn: str) -> None:
    lose_partitions(conn)
    change(conn, rows=20_000)
    counts: set[tuple[Any, ...]] = set()
    over = threading.Event()

    def read() -> None:
        count = "SELECT count(*), count(DISTINCT id), count(database_user) FROM audit.log"
        with psycopg.connect(dsn, autocommit=True) as reader:
            while not over.is_set():
                counts.update(reader.execute(count).fetchall())

    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert keep_partitions(conn).moved_changes == 20_000
    finally:
        over.set()
        thread.join()
    assert counts == {(20_000, 20_000, 20_000)}


def test_a_transaction_that_is_open_meanwhile_keeps_its_rows_and_its_first_actor(conn: Connection, dsn: str) -> None:
    """What it wrote before the partition was made is drained the next time, and takes its place before the rest."""
    lose_partitions(conn)
    with psycopg.connect(dsn) as open_one:
        for actor in ("Ana", "Ben"):
            open_one.execute("SELECT set_config('audit.actor', %s, true)", (actor,))
            open_one.execute("INSERT INTO t (n) VALUES ('before')")
        assert keep_partitions(conn).moved_changes == 0
        for actor in ("Ben", "Ana"):
            open_one.execute("SELECT set_config('audit.actor', %s, true)", (actor,))
            open_one.execute("INSERT INTO t (n) VALUES ('after')")
    assert value(conn, "SELECT count(*) FROM audit.transaction") == 2
    shown = "SELECT count(*), min(actor), min(context::text) FROM audit.log"
    before = conn.execute(shown).fetchone()
    assert before == (4, "Ana", '{"other_actors": ["Ben"]}')
    report = keep_partitions(conn)
    assert (report.moved_changes, report.moved_transactions) == (2, 2)
    assert conn.execute(shown).fetchone() == before
    assert value(conn, "SELECT array_agg(actor ORDER BY id) FROM audit.transaction") == ["Ana", "Ben"]
    assert value(conn, "SELECT count(*) FROM audit.transaction_spill") == 0


def test_rows_without_a_place_stay_where_they_are(conn: Connection) -> None:
    """A table of the day's name that is no partition must not make the draining fail."""
    lose_partitions(conn)
    change(conn, rows=2)
    conn.execute("UPDATE audit.change_spill SET at = at - interval '300 days'")
    conn.execute("UPDATE audit.transaction_spill SET at = at - interval '300 days'")
    day = value(conn, "SELECT to_char(min(at) AT TIME ZONE 'UTC', 'YYYYMMDD') FROM audit.change_spill")
    conn.execute(f"CREATE TABLE audit.change_{day} (at timestamptz)")
    assert keep_partitions(conn).moved_changes == 0
    assert value(conn, "SELECT count(*) FROM audit.change_spill") == 2
