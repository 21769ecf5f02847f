"""Purging: who waits, and what happens when it is broken off."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from capture import retention
from capture.errors import DatabaseError
from capture.retention import PurgeReport, purge
from tests.aging import change, held_open, past_tables, track, value, writing
from tests.fix_postgres import TestServer

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[tuple[Any, ...]]
OLD = 100 * 24


@pytest.fixture(autouse=True)
def tracked(conn: Connection) -> None:
    """Track table t."""
    track(conn)


@pytest.mark.parametrize(
    "statement", ["INSERT INTO t (n) VALUES ('held')", "SELECT count(*) FROM audit.log"], ids=["written", "read"]
)
def test_no_writer_waits_for_a_purge(conn: Connection, dsn: str, server: TestServer, statement: str) -> None:
    """Not even while a transaction of two seconds that used the log is open: no write waits 100 ms for a lock."""
    for days in range(100, 105):
        change(conn, rows=10, hours=days * 24)
    with (
        writing(dsn, server.process.data / "server.log") as writer,
        held_open(dsn, statement, seconds=2),
    ):
        report = purge(conn)
    assert (report.changes, report.postponed) == (50, ())
    assert writer.long_waits() == []
    waits = sorted(writer.waits)
    assert len(waits) > 50
    assert waits[len(waits) * 99 // 100] < 0.1


def test_a_plain_drop_would_make_writers_wait(conn: Connection, dsn: str, server: TestServer) -> None:
    """The other way round: what the test above measures is there to be measured."""
    change(conn, hours=OLD)
    (name,) = past_tables(conn)
    with (
        writing(dsn, server.process.data / "server.log") as writer,
        held_open(dsn, "INSERT INTO t (n) VALUES ('held')", seconds=0.5),
    ):
        conn.execute(f"DROP TABLE audit.{name}")
    assert len(writer.long_waits()) == 1
    assert max(writer.waits) > 0.1


def test_a_detaching_that_was_broken_off_is_finished_by_the_next_purge(
    conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(conn, rows=7, hours=OLD)
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "10s")

    def cancel() -> None:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'concurrently' AND wait_event_type = 'Lock' AND pid = %s"
        with psycopg.connect(dsn, autocommit=True) as other:
            while not value(other, waits, conn.info.backend_pid):
                time.sleep(0.01)
            other.execute("SELECT pg_cancel_backend(%s)", (conn.info.backend_pid,))

    with held_open(dsn, "INSERT INTO t (n) VALUES ('held')", seconds=1):
        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            purge(conn)
        thread.join()
    assert value(conn, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1
    report = purge(conn)
    assert (report.changes, len(report.days), report.postponed) == (7, 1, ())
    assert value(conn, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 0
    assert value(conn, "SELECT sum(changes) FROM audit.purge") == 7


@pytest.mark.parametrize("place", ["_drop", "_delete_spilled", "_remove_rows"])
def test_a_purge_that_died_is_told_once_all_the_same(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Between detaching and dropping, in the midst of dropping, and after it."""
    change(conn, rows=5, hours=OLD)
    change(conn, rows=6, hours=OLD + 24)

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retention, place, die)
        with pytest.raises(KeyboardInterrupt):
            purge(conn)
    purge(conn)
    assert value(conn, "SELECT array_agg(changes) FROM audit.purge") == [11]
    assert past_tables(conn) == []


def test_what_a_reader_stands_in_the_way_of_is_left_for_the_next_time(
    conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(conn, rows=5, hours=OLD)
    change(conn, rows=6, hours=OLD + 24)
    monkeypatch.setattr(retention, "PATIENCE", 0.2)
    with held_open(dsn, "SELECT count(*) FROM audit.log", seconds=2):
        report = purge(conn)
        assert report.changes == 0
        assert len(report.postponed) == 1
        assert "is still open" in report.postponed[0]
    report = purge(conn)
    assert (report.changes, report.postponed) == (11, ())
    # Detached already, and then read by its name, as pg_dump may.
    change(conn, rows=5, hours=OLD)
    with monkeypatch.context() as patch:
        patch.setattr(retention, "_drop", lambda _conn, report: report)
        purge(conn)
    (name,) = past_tables(conn)
    with held_open(dsn, f"SELECT count(*) FROM audit.{name}", seconds=2):
        assert "still reading it" in purge(conn).postponed[0]
    assert purge(conn).changes == 5


def test_one_purge_at_a_time(conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.upkeep.PATIENCE", 0.2)
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(2003332963, 2)")
        with pytest.raises(DatabaseError, match="is at work: try again"):
            purge(conn)
    assert purge(conn) == PurgeReport(90, purge(conn, dry_run=True).before)


def test_a_lock_of_somebody_else_postpones_the_purge(conn: Connection, dsn: str) -> None:
    """Such as a CREATE INDEX on the log: nothing fails, nothing is lost, and the next purge does it."""
    change(conn, hours=OLD)
    with psycopg.connect(dsn) as other:
        other.execute("LOCK TABLE audit.purge IN SHARE MODE")
        report = purge(conn)
        assert report.postponed
    assert purge(conn).changes == 1
