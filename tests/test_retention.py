"""Purging: what goes, what stays, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from capture.catalogue import Catalogue
from capture.entries.describe import entries
from capture.errors import ConfigurationError, DatabaseError, UsageError
from capture.filters import Filters
from capture.partitions import keep_partitions
from capture.retention import purge
from tests.aging import age, change, day_tables, past_tables, track, value

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[tuple[Any, ...]]
NINETY = 90 * 24
OLD = 100 * 24


@pytest.fixture(autouse=True)
def tracked(conn: Connection) -> None:
    """Track table t."""
    track(conn)


def test_whole_days_that_are_older_than_the_retention_go(conn: Connection) -> None:
    change(conn, rows=1203, hours=OLD)
    change(conn, hours=OLD + 24)
    change(conn, rows=2, hours=NINETY - 1)
    change(conn, rows=3)
    before = day_tables(conn)
    report = purge(conn)
    first, last = (
        value(conn, f"SELECT ((now() - interval '{hours} hours') AT TIME ZONE 'UTC')::date")
        for hours in (OLD + 24, OLD)
    )
    assert [(day.day, day.changes) for day in report.days] == [(first, 1), (last, 1203)]
    assert (report.changes, report.retention_days, report.postponed, report.notes) == (1204, 90, (), ())
    assert report.bytes > 100_000
    gone = {f"{parent}_{day:%Y%m%d}" for parent in ("change", "transaction") for day in (first, last)}
    assert before - day_tables(conn) == gone
    assert (
        value(
            conn,
            "SELECT count(*) FROM audit.change WHERE table_id = (SELECT id FROM audit.tracked_table WHERE table_name = 'public.t')",
        )
        == 5
    )
    assert purge(conn).changes == 0
    (told,) = [entry for entry in entries(conn, Catalogue(name="none"), Filters()) if entry.entity == "purge"]
    assert told.module == "Audit log"
    assert told.descriptions == (f"Purged 1,204 changes of {first} to {last}, older than the retention of 90 days",)
    row = conn.execute("SELECT first_day, last_day, changes, bytes, retention_days FROM audit.purge").fetchall()
    assert row == [(first, last, 1204, report.bytes, 90)]


def test_a_change_of_exactly_90_days_is_shown_and_one_of_a_second_more_is_not(conn: Connection) -> None:
    """The view counts hours by the database's clock; the purge keeps whatever the view still shows."""
    number = change(conn)
    count = "SELECT count(*) FROM audit.log WHERE transaction_id = %s::text::xid8"
    with conn.transaction():
        age(conn, number, NINETY)
        assert value(conn, count, str(number)) == 1
        conn.execute("SET LOCAL timezone = 'Europe/Berlin'")  # where a day of autumn has 25 hours
        assert value(conn, count, str(number)) == 1
        age(conn, number, NINETY + 1 / 3600)
        assert value(conn, count, str(number)) == 0
    purge(conn)
    stays = value(conn, "SELECT count(*) FROM audit.change WHERE transaction_id = %s::text::xid8", str(number))
    assert stays == 1, "its day is not over"


def test_a_partition_goes_when_its_last_moment_is_out_of_the_retention(conn: Connection) -> None:
    age(conn, change(conn), OLD)
    midnight = value(conn, "SELECT date_trunc('day', now(), 'UTC')")
    for day, goes in ((90, False), (91, True)):
        name = value(
            conn,
            "SELECT audit.make_partition('change', ((%s - %s) AT TIME ZONE 'UTC')::date)",
            midnight,
            timedelta(days=day),
        )
        assert name in day_tables(conn)
        report = purge(conn)
        assert (name not in day_tables(conn)) == goes
        assert report.before == midnight - timedelta(days=90)


def test_a_dry_run_tells_and_changes_nothing(conn: Connection) -> None:
    change(conn, rows=5, hours=OLD)
    spill(conn, rows=4, hours=OLD)
    add_digests(conn)
    state = (
        "SELECT (SELECT array_agg(relname || relispartition ORDER BY oid) FROM pg_class WHERE relnamespace = 'audit'::regnamespace),"
        " (SELECT count(*) FROM audit.change), (SELECT count(*) FROM audit.change_spill), (SELECT count(*) FROM audit.digest),"
        " (SELECT count(*) FROM audit.job_run)"
    )
    before = conn.execute(state).fetchall()
    said = purge(conn, dry_run=True)
    assert conn.execute(state).fetchall() == before
    done = purge(conn)
    assert (said.days, said.changes, said.digests, said.runs) == (done.days, done.changes, done.digests, done.runs)
    assert (said.changes, said.spilled) == (9, 4)
    assert (said.dry_run, done.dry_run) == (True, False)


def test_old_spilled_rows_go(conn: Connection) -> None:
    spill(conn, rows=4, hours=OLD)
    spill(conn, rows=2, hours=0)
    report = purge(conn)
    assert (report.changes, report.spilled, report.days) == (4, 4, ())
    assert value(conn, "SELECT count(*) FROM audit.change_spill") == 2
    assert value(conn, "SELECT count(*) FROM audit.transaction_spill") == 1
    day = value(conn, f"SELECT ((now() - interval '{OLD} hours') AT TIME ZONE 'UTC')::date")
    assert conn.execute("SELECT first_day, last_day, changes FROM audit.purge").fetchall() == [(day, day, 4)]


def spill(conn: Connection, *, rows: int, hours: int) -> None:
    """Put a transaction that old into the spill tables."""
    number = change(conn, rows=rows)
    for parent in ("transaction", "change"):
        conn.execute(
            f"WITH moved AS (DELETE FROM audit.{parent} WHERE transaction_id = '{number}'::xid8 RETURNING *)"
            f" INSERT INTO audit.{parent}_spill SELECT * FROM moved"
        )
        conn.execute(
            f"UPDATE audit.{parent}_spill SET at = now() - interval '{hours} hours' WHERE transaction_id = '{number}'::xid8"
        )


@pytest.mark.parametrize("days", ["0", "-90", "90.5", "1e3", "ninety", "36501", "9" * 30, "90; drop"])
def test_a_retention_that_is_no_number_of_days_drops_nothing(conn: Connection, days: str) -> None:
    change(conn, hours=OLD)
    before = day_tables(conn)
    conn.execute("UPDATE audit.setting SET value = %s WHERE name = 'retention_days'", (days,))
    for dry_run in (True, False):
        with pytest.raises(
            ConfigurationError, match="no number of days from 1 to 36500: set WHOCHANGED_RETENTION_DAYS"
        ):
            purge(conn, dry_run=dry_run)
    assert day_tables(conn) == before


@pytest.mark.parametrize("days,left", [("1", 1), (" 30 ", 2), ("3650", 3)])
def test_the_retention_is_that_of_the_setting(conn: Connection, days: str, left: int) -> None:
    conn.execute("UPDATE audit.setting SET value = %s WHERE name = 'retention_days'", (days,))
    for hours in (0, 72, OLD):
        change(conn, hours=hours)
    purge(conn)
    assert value(conn, "SELECT count(*) FROM audit.change WHERE new ? 'n'") == left


def test_without_a_setting_it_is_90_days(conn: Connection) -> None:
    conn.execute("DELETE FROM audit.setting WHERE name = 'retention_days'")
    assert purge(conn, dry_run=True).retention_days == 90


def add_digests(conn: Connection) -> None:
    """Two recipients: one with digests of every kind and age, one who was removed."""
    conn.execute(
        "INSERT INTO audit.recipient (email, first_incarnation, first_xid) VALUES ('ana@example.com', 1, '3'), ('ben@example.com', 1, '3')"
    )
    for recipient, serial, state in (
        (1, 1, "sent"),
        (1, 2, "parked"),
        (1, 3, "retry"),
        (1, 4, "sent"),
        (1, 5, "sent"),
        (2, 1, "parked"),
    ):
        days = 10 if serial == 5 else 120 - serial
        conn.execute(
            "WITH d AS (INSERT INTO audit.digest (recipient_id, serial, cadence, window_start, window_end, first_incarnation,"
            " first_xid, next_incarnation, next_xid, entries, changes, cut_at)"
            " SELECT %(r)s, %(s)s, 'daily', t - interval '1 day', t, 1, %(s)s::text::xid8, 1, '9', 0, 0, t"
            " FROM (SELECT now() - %(d)s) AS x(t) RETURNING id) INSERT INTO audit.delivery (digest_id, address, state, sent_at)"
            " SELECT id, 'x@example.com', %(state)s, CASE WHEN %(state)s = 'sent' THEN now() END FROM d",
            {"r": recipient, "s": serial, "d": timedelta(days=days), "state": state},
        )
    conn.execute("DELETE FROM audit.recipient WHERE id = 2")
    for days in (200, 150):
        conn.execute(
            "INSERT INTO audit.job_run (job, due, started_at, finished_at, outcome, host, pid)"
            " SELECT 'purge', t, t, t, 'done', 'h', 1 FROM (SELECT now() - %s) AS x(t)",
            (timedelta(days=days),),
        )


def test_old_digests_go_but_for_those_that_are_needed(conn: Connection) -> None:
    add_digests(conn)
    report = purge(conn)
    assert value(
        conn, "SELECT array_agg((recipient_id, serial)::text ORDER BY recipient_id, serial) FROM audit.digest"
    ) == [
        "(1,2)",
        "(1,3)",
        "(1,5)",
    ]
    assert value(conn, "SELECT count(*) FROM audit.delivery") == 3
    assert (report.digests, report.runs) == (3, 1)
    conn.execute("UPDATE audit.digest SET cut_at = cut_at - interval '200 days'")
    conn.execute("UPDATE audit.delivery SET state = 'sent', sent_at = now(), lease = NULL, leased_until = NULL")
    purge(conn)
    assert value(conn, "SELECT array_agg(serial) FROM audit.digest") == [5], "it says where the next begins"
    assert value(conn, "SELECT count(*) FROM audit.job_run") == 1, "the last run of a job says what is due"


def test_a_table_that_was_taken_out_by_hand_is_kept_while_it_is_young(conn: Connection) -> None:
    """Its age decides, and that of its rows: a name alone drops nothing."""
    change(conn, rows=3, hours=48)
    (name,) = past_tables(conn)
    conn.execute(f"ALTER TABLE audit.change DETACH PARTITION audit.{name}")
    conn.execute("CREATE TABLE audit.change_20260231 (at timestamptz)")
    conn.execute("CREATE TABLE audit.change_20010101 AS SELECT now() AS at")
    assert purge(conn).notes[0].endswith("run  ALTER TABLE audit.change_20010101 OWNER TO audit_owner")
    conn.execute("ALTER TABLE audit.change_20010101 OWNER TO audit_owner")
    report = purge(conn)
    assert report.changes == 0
    assert [note.split()[0] for note in report.notes] == [f"audit.{name}", "audit.change_20010101"]
    assert {name, "change_20260231", "change_20010101"} <= day_tables(conn)


def test_the_connection_is_given_back_as_it_was(conn: Connection, dsn: str) -> None:
    with psycopg.connect(dsn) as own:
        own.execute("SET lock_timeout = '7s'")
        own.commit()
        purge(own)
        assert not own.autocommit
        assert value(own, "SELECT current_user || ' ' || current_setting('lock_timeout')") == "postgres 7s"
        with pytest.raises(UsageError, match="inside a transaction"):
            purge(own)
    assert value(conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


@pytest.fixture
def logins(conn: Connection) -> Iterator[None]:
    """Two roles that log in: one who may act as the log's owner, but has its rights only then, and one who may not."""
    conn.execute("CREATE ROLE keeper LOGIN NOINHERIT; CREATE ROLE nobody_much LOGIN; GRANT audit_owner TO keeper")
    yield
    conn.execute("DROP ROLE keeper; DROP ROLE nobody_much")


@pytest.mark.usefixtures("logins")
def test_a_member_of_the_owner_may_purge_and_others_are_told_what_is_missing(conn: Connection, dsn: str) -> None:
    change(conn, rows=3, hours=OLD)
    with (
        psycopg.connect(dsn, user="nobody_much") as other,
        pytest.raises(DatabaseError, match="run  GRANT audit_owner TO nobody_much"),
    ):
        purge(other)
    with psycopg.connect(dsn, user="keeper") as keeper:
        assert purge(keeper).changes == 3
        assert len(keep_partitions(keeper, 15).made) == 2
    assert value(conn, "SELECT database_user FROM audit.log WHERE module = 'Audit log'") == "keeper"
