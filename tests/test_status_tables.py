"""What `status` says of tables that were renamed, swapped, dropped, detached or altered since they were put under watch."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.coverage import TableCoverage, coverage, strays
from capture.errors import DatabaseError
from capture.install import track_table
from reports.findings import complaints
from tests.test_capture_rows import log, make

Connection = psycopg.Connection[Any]


def covered(conn: Connection) -> TableCoverage:
    """Return what the watch over the one business table is worth."""
    (found,) = (one for one in coverage(conn) if not one.table_name.startswith("audit."))
    return found


def test_a_renamed_table_goes_on_and_status_tells_its_new_name(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute("create schema other; alter table t rename to u; alter table u set schema other")
    conn.execute("insert into other.u values (1)")
    assert len(log(conn)) == 1
    found = covered(conn)
    assert found.ok
    assert complaints(found) == ["is called other.u now: name it so in the catalogue, then run  whochanged install"]
    track_table(conn, "other.u")
    assert (covered(conn).ok, complaints(covered(conn))) == (True, [])
    assert log(conn, "table_name, new") == [("other.u", {"id": 1})]


def test_a_table_built_anew_and_swapped_in_is_missed_until_install_takes_it_up(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute("insert into t values (1)")
    conn.execute("create table t_new (id int primary key); insert into t_new select * from t")
    conn.execute("alter table t rename to t_old; alter table t_new rename to t; insert into t values (2)")
    found = covered(conn)
    assert not found.ok
    assert complaints(found) == ["is called public.t_old now, and another table has its name: run  whochanged install"]
    track_table(conn, "public.t")
    assert (covered(conn).ok, complaints(covered(conn))) == (True, [])
    conn.execute("insert into t values (3); insert into t_old values (4)")
    assert log(conn, "table_name, new") == [("public.t", {"id": 1}), ("public.t", {"id": 3})]
    assert strays(conn) == []


def test_a_swapped_table_that_was_tracked_before_keeps_its_own_number(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute("create table u (id int primary key)")
    track_table(conn, "public.u")
    conn.execute("select audit.untrack('u'); alter table t rename to t_old; alter table u rename to t")
    track_table(conn, "public.t")
    conn.execute("insert into t values (1); insert into t_old values (2)")
    assert [row[0] for row in log(conn, "new")] == [{"id": 1}]
    assert covered(conn).ok


def test_the_watch_over_a_table_that_is_gone_can_be_ended(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute("insert into t values (1); drop table t")
    assert complaints(covered(conn)) == [
        "the table is gone: make it again and run  whochanged install,  or end the watch:  SELECT audit.untrack('public.t')"
    ]
    conn.execute("select audit.untrack('public.t')")
    assert [one for one in coverage(conn) if one.table_name == "public.t"] == []
    assert len(log(conn)) == 1
    with pytest.raises(psycopg.errors.UndefinedTable, match=r"no table is tracked as public\.t"):
        conn.execute("select audit.untrack('public.t')")


def test_columns_that_came_or_were_renamed_are_a_remark_and_gone_ones_are_not_silent(conn: Connection) -> None:
    make(conn, "id int primary key, n text, secret text, seen int", about=["n"], ignored=["seen"])
    conn.execute("alter table t rename n to m; alter table t add x int")
    found = covered(conn)
    assert found.ok
    assert complaints(found) == ["columns changed: m (was n), x (new): run  whochanged install"]
    conn.execute("alter table t drop secret, drop seen")
    assert covered(conn).columns_missing == ["secret", "seen"]
    assert not covered(conn).ok


def test_a_partition_that_was_detached_is_told_for_nothing_of_it_is_recorded(conn: Connection) -> None:
    conn.execute("create table t (id int) partition by list (id); create table t1 partition of t default")
    track_table(conn, "public.t", key_columns=["id"])
    assert strays(conn) == []
    conn.execute("alter table t detach partition t1; insert into t1 values (1)")
    assert log(conn) == []
    assert strays(conn) == ["t1"]
    conn.execute("select audit.untrack('t1'::regclass)")
    assert strays(conn) == []


@pytest.mark.parametrize("table", ["parent", "child"])
def test_plain_inheritance_is_refused(conn: Connection, table: str) -> None:
    conn.execute("create table parent (id int primary key); create table child () inherits (parent)")
    with pytest.raises(DatabaseError, match=f"{table} takes part in plain inheritance"):
        track_table(conn, f"public.{table}")


def test_a_child_by_inheritance_that_came_later_is_told(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute("create table child () inherits (t)")
    assert not covered(conn).ok
    assert complaints(covered(conn)) == ["rows of tables that inherit from it are not recorded: child"]
