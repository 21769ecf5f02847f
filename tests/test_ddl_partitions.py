"""New partitions of a tracked table are under watch at once, whoever makes them: attacks, on every version."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.coverage import strays
from capture.install import track_table
from capture.partitions import keep_partitions
from reports.jobs import partitions_job
from tests.fix_ddl import Owner, noted, watched
from tests.fix_postgres import login
from tests.test_capture_rows import log

Connection = psycopg.Connection[Any]


@pytest.fixture
def tracked(conn: Connection, owner: Owner) -> Owner:
    """Give the owner, whose partitioned table biz.p is tracked."""
    track_table(conn, "biz.p", key_columns=["id"])
    return owner


NEW = {
    "created": ["create table biz.p2 partition of biz.p for values in (2)"],
    "attached": [
        "create table biz.p2 (id int, k int)",
        "alter table biz.p attach partition biz.p2 for values in (2)",
    ],
    "a default one": ["create table biz.p2 partition of biz.p default"],
    "a subtree, created from above": [
        "create table biz.sub partition of biz.p for values in (2) partition by list (id)",
        "create table biz.p2 partition of biz.sub default",
    ],
    "a subtree, attached whole": [
        "create table biz.sub (id int, k int) partition by list (id)",
        "create table biz.p2 partition of biz.sub default",
        "alter table biz.p attach partition biz.sub for values in (2)",
    ],
    "in a new schema": ["create schema biz2 create table p2 partition of biz.p for values in (2)"],
    "detached, and attached again": [
        "create table biz.p2 partition of biz.p for values in (2)",
        "alter table biz.p detach partition biz.p2",
        "alter table biz.p attach partition biz.p2 for values in (2)",
    ],
    "taken over with its rows": [
        "create table biz.p2 (like biz.p including all); insert into biz.p2 values (7, 2)",
        "alter table biz.p attach partition biz.p2 for values in (2)",
    ],
}


@pytest.mark.parametrize("way", NEW)
def test_a_direct_write_to_a_new_partition_is_recorded(conn: Connection, tracked: Owner, way: str) -> None:
    conn.execute(f'grant create on database "{conn.info.dbname}" to {tracked.name}')
    for statement in NEW[way]:
        tracked.conn.execute(statement.encode())
    leaf = "biz2.p2" if "schema" in way else "biz.p2"
    assert watched(conn, "biz.p").ok
    tracked.conn.execute(f"insert into {leaf} values (1, 2); update {leaf} set id = 3 where id = 1".encode())
    tracked.conn.execute(f"truncate {leaf}".encode())
    rows = 2 if "rows" in way else 1
    assert [row[0] for row in log(conn)] == ["INSERT", "UPDATE", *["DELETE"] * rows, "TRUNCATE"]
    assert ("partition", leaf, "added", None, None) in noted(conn)
    conn.execute("drop schema if exists biz2 cascade")


def test_a_new_partition_is_told_once_and_its_triggers_are_no_news(conn: Connection, tracked: Owner) -> None:
    tracked.conn.execute("create table biz.p2 partition of biz.p for values in (2)")
    tracked.conn.execute("alter table biz.p2 rename to p2b")
    tracked.conn.execute("alter table biz.p detach partition biz.p2b")
    tracked.conn.execute("drop table biz.p1")
    assert noted(conn, "command, name, action") == [
        ("CREATE TABLE", "biz.p2", "added"),
        ("ALTER TABLE", "biz.p2b", "renamed"),
        ("ALTER TABLE", "biz.p2b", "detached"),
        ("DROP TABLE", "biz.p1", "dropped"),
    ]


def test_a_partition_that_was_detached_keeps_its_triggers_and_status_tells(conn: Connection, tracked: Owner) -> None:
    tracked.conn.execute("alter table biz.p detach partition biz.p1")
    assert strays(conn) == ["biz.p1"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="belongs to the audit log"):
        tracked.conn.execute("drop trigger audit_insert on biz.p1")
    conn.execute("select audit.untrack('biz.p1'::regclass)")
    assert strays(conn) == []


def test_detaching_concurrently_is_told(conn: Connection, tracked: Owner) -> None:
    tracked.conn.execute("alter table biz.p detach partition biz.p1 concurrently")
    assert ("partition", "biz.p1", "detached", None, None) in noted(conn)


def test_a_table_with_a_trigger_of_our_name_cannot_be_smuggled_in(conn: Connection, tracked: Owner) -> None:
    tracked.conn.execute(
        "create table biz.p2 (id int, k int);"
        "create trigger audit_insert after insert on biz.p2 execute function biz.nothing()"
    )
    with pytest.raises(
        psycopg.errors.DuplicateObject, match=r"biz\.p2 has a trigger audit_insert of its own: rename it"
    ):
        tracked.conn.execute("alter table biz.p attach partition biz.p2 for values in (2)")
    tracked.conn.execute("alter trigger audit_insert on biz.p2 rename to mine")
    tracked.conn.execute("alter table biz.p attach partition biz.p2 for values in (2)")
    assert watched(conn, "biz.p").ok


def test_partitions_of_hostile_names_and_of_tables_that_lend_names_are_under_watch(
    conn: Connection, owner: Owner
) -> None:
    owner.conn.execute(
        'create table biz."n %I""" (id int, label text, primary key (id)) partition by list (id);'
        'create table biz."n1 %s" partition of biz."n %I""" for values in (1)'
    )
    track_table(conn, 'biz.n %I"', kind="label", about=["label"])
    # Its row triggers are made by the server, which asks for a right on their function: docs/ddl.md.
    conn.execute('create table biz."$1; drop table biz.t" partition of biz."n %I""" default')
    assert watched(conn, 'biz.n %I"').ok
    conn.execute('insert into biz."$1; drop table biz.t" values (5, $$x$$)')
    assert conn.execute("select count(*) from audit.change where new ->> 'label' = 'x'").fetchone() == (1,)


def test_foreign_partitions_are_left_alone(conn: Connection, tracked: Owner) -> None:
    conn.execute("create foreign data wrapper nowhere; create server nowhere foreign data wrapper nowhere")
    conn.execute("create foreign table biz.far partition of biz.p for values in (9) server nowhere")
    assert watched(conn, "biz.p").ok


def test_the_partitions_job_covers_new_ones_where_no_event_trigger_does(conn: Connection, tracked: Owner) -> None:
    conn.execute("alter event trigger audit_new_partitions disable")
    tracked.conn.execute("create table biz.p2 partition of biz.p for values in (2)")
    assert watched(conn, "biz.p").partitions_without_trigger == ["biz.p2"]
    report = partitions_job(conn)
    assert report is not None
    assert report.covered == ("biz.p2",)
    assert watched(conn, "biz.p").ok
    assert conn.execute("select detail ->> 'covered' from audit.job_run").fetchone() == ("1",)
    assert keep_partitions(conn).covered == ()


def test_a_login_without_the_right_leaves_new_partitions_to_status(conn: Connection, tracked: Owner, dsn: str) -> None:
    conn.execute("alter event trigger audit_new_partitions disable")
    conn.execute("create role keeper login; grant audit_owner to keeper")
    tracked.conn.execute("create table biz.p2 partition of biz.p for values in (2)")
    try:
        with psycopg.connect(login(dsn, "keeper"), autocommit=True) as keeper:
            assert keep_partitions(keeper).covered == ()
            assert watched(conn, "biz.p").partitions_without_trigger == ["biz.p2"]
            conn.execute(f"grant {tracked.name} to keeper")
            assert keep_partitions(keeper).covered == ("biz.p2",)
            assert watched(conn, "biz.p").ok
    finally:
        conn.execute("drop owned by keeper; drop role keeper")
