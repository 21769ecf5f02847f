"""pg_dump and pg_restore in each of their modes: the log comes along as it was, nothing is logged twice, and capture goes on."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.coverage import coverage
from capture.install import install, track_table
from tests.fix_postgres import TestServer
from tests.test_capture_rows import log
from tests.test_restore import run
from tests.ways import told

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]
EVERYTHING = (
    "at, id, actor, actor_kind, change_type, module, entity_id, entity_name, table_name,"
    " operation, key, old, new, transaction_id, context"
)


@pytest.fixture
def source(conn: Connection) -> Connection:
    """Give a database with a log: a parent, its children, a partitioned table and a table that lends names."""
    conn.execute(
        "create table owner (id int primary key, name text);"
        "create table t (id int generated always as identity primary key, owner_id int references owner on delete cascade, n text);"
        "create table parted (id int primary key, n text) partition by range (id);"
        "create table parted_low partition of parted for values from (0) to (10);"
        "create table parted_high partition of parted for values from (10) to (20)"
    )
    track_table(conn, "public.owner", kind="label", label_column="name", registered=True)
    track_table(conn, "public.t", about=["n"])
    track_table(conn, "public.parted")
    with conn.transaction():
        conn.execute("set local audit.actor = 'Ana'")
        conn.execute("insert into owner values (1, 'x'); insert into t (owner_id, n) values (1, 'a'), (1, 'b')")
    conn.execute("insert into parted values (1, 'a'), (11, 'b'); update parted set id = 12 where id = 1")
    conn.execute("update t set n = 'c' where id = 1")
    return conn


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for dumps."""
    with tempfile.TemporaryDirectory(prefix="whochanged-dump-") as name:
        yield Path(name)


def dump(server: TestServer, source: str, *options: str) -> bytes:
    """Return the dump of a database."""
    return run(server.process, "pg_dump", *options, source)


def restore(server: TestServer, target: str, given: bytes, *options: str) -> None:
    """Restore a dump; the first error fails the test."""
    run(server.process, "pg_restore", "--exit-on-error", "-d", target, *options, given=given)


def by_psql(*options: str) -> Callable[[TestServer, str, str, Path], None]:
    """Return how a dump in SQL is restored."""

    def go(server: TestServer, source: str, target: str, folder: Path) -> None:
        given = dump(server, source, *options)
        run(server.process, "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", target, given=given)

    return go


def by_restore(*runs: tuple[str, ...]) -> Callable[[TestServer, str, str, Path], None]:
    """Return how a dump in the custom format is restored, by a run of pg_restore for each tuple of its options."""

    def go(server: TestServer, source: str, target: str, folder: Path) -> None:
        given = dump(server, source, "--format=custom")
        for options in runs:
            restore(server, target, given, *options)

    return go


def by_jobs(server: TestServer, source: str, target: str, folder: Path) -> None:
    """Dump into a folder by two jobs, and restore by two."""
    dump(server, source, "--format=directory", "--jobs=2", f"--file={folder / 'dump'}")
    run(server.process, "pg_restore", "--exit-on-error", "--jobs=2", "-d", target, str(folder / "dump"))


MODES = {
    "plain": by_psql(),
    "plain with inserts": by_psql("--inserts"),
    "plain and clean": by_psql("--clean", "--if-exists"),
    "custom": by_restore(()),
    "custom with disabled triggers": by_restore(("--disable-triggers",)),
    "single transaction": by_restore(("--single-transaction",)),
    "sections": by_restore(("--section=pre-data",), ("--section=data",), ("--section=post-data",)),
    "clean": by_restore(("--clean", "--if-exists")),
    "two jobs": by_jobs,
}


@pytest.mark.parametrize("mode", MODES)
def test_a_restored_log_is_the_log_and_goes_on(
    server: TestServer, source: Connection, dsn: str, folder: Path, mode: str
) -> None:
    with server.database("template0") as target:
        MODES[mode](server, dsn, target, folder)
        assert_goes_on(target, source)


def assert_goes_on(target: str, source: Connection) -> None:
    """Assert that the log of *target* is that of *source*, its watch whole, and what is written now logged once."""
    with psycopg.connect(target, autocommit=True) as conn:
        assert log(conn, EVERYTHING) == log(source, EVERYTHING)
        assert [each.table_name for each in coverage(conn) if not each.ok] == []
        assert not install(conn).objects
        before = len(told(conn))
        conn.execute("insert into t (owner_id, n) values (1, 'new'); update parted_high set n = 'z' where id = 12")
        conn.execute("delete from owner")
        assert told(conn)[before:][:2] == ["+t id=3 n=new owner_id=1", "~parted 12 n=a>z"]
        assert sorted(told(conn)[before + 2 :]) == [
            "-t id=1 n=c owner_id=1",
            "-t id=2 n=b owner_id=1",
            "-t id=3 n=new owner_id=1",
        ]


def test_a_restore_that_cleans_a_database_with_a_log_puts_the_dumped_one_in_its_place(
    server: TestServer, source: Connection, dsn: str
) -> None:
    """PostgreSQL complains of each key of a partition, which goes with its table: so it must not stop at errors."""
    given = dump(server, dsn, "--format=custom")
    with server.database("template0") as target:
        restore(server, target, given)
        with psycopg.connect(target, autocommit=True) as conn:
            conn.execute("insert into t (owner_id, n) values (1, 'forgotten')")
        command = [str(server.process.programs / "pg_restore"), "--clean", "--if-exists", "-d", target]
        done = subprocess.run(command, input=given, check=False, capture_output=True)
        errors = [line for line in done.stderr.decode().splitlines() if "error:" in line]
        assert all("cannot drop inherited constraint" in line for line in errors)
        assert_goes_on(target, source)


def test_a_restore_that_cleans_in_one_transaction_is_refused_and_changes_nothing(
    server: TestServer, source: Connection, dsn: str
) -> None:
    given = dump(server, dsn, "--format=custom")
    with pytest.raises(subprocess.CalledProcessError):
        restore(server, dsn, given, "--clean", "--if-exists", "--single-transaction")
    assert [each.table_name for each in coverage(source) if not each.ok] == []
    before = len(told(source))
    source.execute("update t set n = 'x' where id = 1")
    assert told(source)[before:] == ["~t 1 n=c>x"]


def test_a_data_only_restore_into_tracked_tables_is_logged_as_inserts(
    server: TestServer, source: Connection, dsn: str
) -> None:
    """Rows that come into a table that is watched are changes, whatever program brings them."""
    given = dump(server, dsn, "--format=custom", "--data-only", "--table=t", "--table=parted*")
    source.execute("truncate t, parted")
    before = len(told(source))
    restore(server, dsn, given, "--data-only")
    assert sorted(told(source)[before:]) == [
        "+parted id=11 n=b",
        "+parted id=12 n=a",
        "+t id=1 n=c owner_id=1",
        "+t id=2 n=b owner_id=1",
    ]
    assert {row[0] for row in log(source, "application")[before:]} == {"pg_restore"}
    assert all(each.ok for each in coverage(source))


def test_a_data_only_restore_without_triggers_logs_nothing_and_status_tells(
    server: TestServer, source: Connection, dsn: str
) -> None:
    """pg_restore enables the triggers again, but for sessions only: what is written before the repair is logged once all the same."""
    given = dump(server, dsn, "--format=custom", "--data-only", "--table=t", "--table=parted*")
    source.execute("truncate t, parted")
    before = len(told(source))
    restore(server, dsn, given, "--data-only", "--disable-triggers")
    assert told(source)[before:] == []
    assert [each.table_name for each in coverage(source) if not each.ok] == ["public.parted", "public.t"]
    source.execute("update t set n = 'x' where id = 1; insert into parted values (3, 'y')")
    assert told(source)[before:] == ["~t 1 n=c>x", "+parted id=3 n=y"]
    track_table(source, "public.t", about=["n"])
    track_table(source, "public.parted")
    assert all(each.ok for each in coverage(source))


@pytest.mark.parametrize("options", [(), ("--single-transaction",), ("--disable-triggers",)])
def test_data_that_is_restored_after_the_schema_brings_the_log_along(
    server: TestServer, source: Connection, dsn: str, options: tuple[str, ...]
) -> None:
    """The triggers are there before the rows: each row is logged once more, as the insert that it is, beside the log that is restored."""
    given = dump(server, dsn, "--format=custom")
    with server.database("template0") as target:
        restore(server, target, given, "--schema-only")
        restore(server, target, given, "--data-only", *options)
        with psycopg.connect(target, autocommit=True) as conn:
            was = log(source, EVERYTHING)
            now = log(conn, EVERYTHING)
            assert now[: len(was)] == was
            added = sorted(line for line in told(conn)[len(was) :] if "audit." not in line)
            rows = [
                "+parted id=11 n=b",
                "+parted id=12 n=a",
                "+t id=1 n=c owner_id=1",
                "+t id=2 n=b owner_id=1",
            ]
            assert added == ([] if "--disable-triggers" in options else rows)
            before = len(now)
            conn.execute("update t set n = 'x' where id = 1")
            assert told(conn)[before:] == ["~t 1 n=c>x"]


def test_a_table_that_is_restored_alone_over_itself_is_missed_until_it_is_tracked_again(
    server: TestServer, source: Connection, dsn: str
) -> None:
    """pg_restore --table brings the table and its rows, without its triggers."""
    given = dump(server, dsn, "--format=custom")
    restore(server, dsn, given, "--clean", "--if-exists", "--table=t")
    (found,) = [each for each in coverage(source) if each.table_name == "public.t"]
    assert not found.ok
    track_table(source, "public.t", key_columns=["id"], about=["n"])
    assert all(each.ok for each in coverage(source))
    before = len(told(source))
    source.execute("update t set n = 'x' where id = 1")
    assert told(source)[before:] == ["~t 1 n=c>x"]
