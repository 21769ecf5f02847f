"""Columns that change while a table is under watch: renamed, added, dropped, and seen by an older snapshot."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.install import track_table
from tests.test_capture_rows import Connection, log, make

HIDDEN = "••••••"

rows = pytest.mark.parametrize("rows", [1, 3, 60])


def fill(conn: Connection, rows: int, values: str) -> None:
    """Insert so many rows whose first column counts from 1."""
    conn.execute(f"insert into t select g, {values} from generate_series(1, %s) g", (rows,))


def updates(conn: Connection) -> list[tuple[Any, ...]]:
    """Return key, old and new of each logged update."""
    return [row[1:] for row in log(conn, "operation, key, old, new") if row[0] == "UPDATE"]


@rows
def test_a_masked_column_stays_masked_under_another_name(conn: Connection, rows: int) -> None:
    """Nobody has to tell the log of a rename: a column keeps its number."""
    make(conn, "id int primary key, note text, other text", masked=["note"])
    fill(conn, rows, "'hush', 'a'")
    conn.execute("alter table t rename other to note2; alter table t rename note to remark")
    conn.execute("update t set remark = 'psst', note2 = 'b'")
    assert [row[1:] for row in updates(conn)] == [
        ({"remark": HIDDEN, "note2": "a"}, {"remark": HIDDEN, "note2": "b"})
    ] * rows
    conn.execute("delete from t; truncate t")
    assert [row[0]["remark"] for row in log(conn, "old") if row[0] and "remark" in row[0]] == [HIDDEN] * 2 * rows


@rows
def test_a_column_that_comes_to_look_like_a_secret_is_masked(conn: Connection, rows: int) -> None:
    """Added or renamed after the table was put under watch, before anybody ran the installation again."""
    make(conn, "id int primary key, v text")
    fill(conn, rows, "'a'")
    conn.execute("alter table t add api_key text default 'k'; alter table t rename v to password")
    conn.execute("update t set api_key = 'l', password = 'b'")
    hidden = {"api_key": HIDDEN, "password": HIDDEN}
    assert [row[1:] for row in updates(conn)] == [(hidden, hidden)] * rows


@rows
def test_a_column_shown_on_purpose_stays_shown_under_another_name(conn: Connection, rows: int) -> None:
    """Whoever gave the list of masked columns has seen that this one is not on it."""
    make(conn, "id int primary key, token_count int, v text", masked=["v"])
    fill(conn, rows, "1, 'a'")
    conn.execute("alter table t rename token_count to tokens; alter table t add token text default 'x'")
    conn.execute("update t set tokens = 2, token = 'y'")
    expected = ({"tokens": 1, "token": HIDDEN}, {"tokens": 2, "token": HIDDEN})
    assert [row[1:] for row in updates(conn)] == [expected] * rows


@rows
def test_a_renamed_key_column_is_the_key_under_its_new_name(conn: Connection, rows: int) -> None:
    """So is a column that is ignored, and one that names the row."""
    make(conn, "id int primary key, seen int, name text, v int", ignored=["seen"], about=["name"])
    fill(conn, rows, "1, 'n', 1")
    conn.execute(
        "alter table t rename id to number; alter table t rename seen to seen_at; alter table t rename name to title"
    )
    conn.execute("update t set seen_at = 2")
    assert updates(conn) == []
    conn.execute("update t set v = 2")
    found = conn.execute("select key, about from audit.change where operation = 'U' order by id").fetchall()
    assert sorted(found, key=lambda row: int(row[0]["number"])) == [
        ({"number": n}, {"title": "n"}) for n in range(1, rows + 1)
    ]


@rows
def test_a_table_without_its_key_column_goes_on_without_keys(conn: Connection, rows: int) -> None:
    """Dropped columns are no longer asked for; all that is left is logged."""
    make(conn, "id int primary key, gone int, v int", masked=["gone"], about=["gone"])
    fill(conn, rows, "1, 1")
    conn.execute("alter table t drop id, drop gone; update t set v = 2")
    assert updates(conn) == [(None, {"v": 1}, {"v": 2})] * rows


@rows
def test_after_a_restore_columns_are_known_by_their_names(conn: Connection, rows: int) -> None:
    """A dump numbers the columns anew; a number of another table would mask the wrong one."""
    make(conn, "id int primary key, note text, v text", masked=["note"])
    conn.execute(
        "update audit.tracked_table set noted_for = 1, columns = '{id,dropped,note,v}' where table_name = 'public.t'"
    )
    fill(conn, rows, "'a', 'b'")
    assert [row[0] for row in log(conn, "new")] == [{"id": n, "note": HIDDEN, "v": "b"} for n in range(1, rows + 1)]


EVIL = """
create table ran (by_role name default current_user); grant insert on ran to public;
create type mood as enum ('a', 'b');
create function to_j(mood) returns json language plpgsql as $$begin insert into ran default values; return '1'; end$$;
create cast (mood as json) with function to_j(mood);
"""

ALTERED = {
    "added": "alter table t add m mood default 'a'",
    "retyped": "alter table t alter v type mood using v::mood",
    "renamed": "alter table t rename v to z",
    "dropped": "alter table t drop v",
}


@rows
@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize("ddl", ALTERED.values(), ids=ALTERED)
def test_an_older_snapshot_runs_no_code_of_the_owner_and_loses_nothing(
    conn: Connection, dsn: str, ddl: str, level: str, rows: int
) -> None:
    """It shows the columns as they were: the owner of the table could have code run as the log that way."""
    conn.execute(EVIL)
    make(conn, "id int primary key, v text")
    insert = f"insert into t (id) select g from generate_series(1, {rows}) g"
    with psycopg.connect(dsn) as other:
        other.execute(f"set transaction isolation level {level}")
        other.execute("select count(*) from pg_class")
        conn.execute(ddl)
        with pytest.raises(psycopg.errors.SerializationFailure, match="altered or put under watch after"):
            other.execute(insert)
        other.rollback()
        other.execute(insert)
    assert conn.execute("select count(*) from ran").fetchone() == (0,)
    assert conn.execute("select count(*) from t").fetchone() == (rows,)
    assert len(log(conn)) == rows


def test_a_table_put_under_watch_meanwhile_is_not_written_in_silence(conn: Connection, dsn: str) -> None:
    """The snapshot does not show the watch: the write would go unlogged."""
    conn.execute("create table t (id int primary key)")
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select count(*) from pg_class")
        track_table(conn, "public.t")
        with pytest.raises(psycopg.errors.SerializationFailure, match="put under watch"):
            other.execute("insert into t values (1)")
        other.rollback()
        other.execute("insert into t values (1)")
    assert len(log(conn)) == 1


def test_an_older_snapshot_may_write_what_nobody_altered(conn: Connection, dsn: str) -> None:
    """Neither an ALTER that was rolled back, nor one of its own, nor one before it stands in its way."""
    make(conn, "id int primary key, v text")
    conn.execute("begin; alter table t add w int; rollback; alter table t add x int")
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select count(*) from pg_class")
        conn.execute("begin; alter table t rename v to z; rollback")
        other.execute("insert into t values (1, 'a')")
        other.execute(
            "savepoint s; alter table t drop v; rollback to s; alter table t add y int; insert into t values (2, 'b')"
        )
    assert [row[0] for row in log(conn, "new")] == [
        {"id": 1, "v": "a", "x": None},
        {"id": 2, "v": "b", "x": None, "y": None},
    ]


def test_a_truncate_of_a_table_put_under_watch_meanwhile_is_not_silent(conn: Connection, dsn: str) -> None:
    conn.execute("create table t (id int primary key); insert into t values (1)")
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select count(*) from pg_class")
        track_table(conn, "public.t")
        with pytest.raises(psycopg.errors.SerializationFailure, match="put under watch"):
            other.execute("truncate t")
    assert conn.execute("select count(*) from t").fetchone() == (1,)


def test_an_older_snapshot_does_not_write_what_is_masked_by_now(conn: Connection, dsn: str) -> None:
    make(conn, "id int primary key, ssn text")
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select count(*) from pg_class")
        track_table(conn, "public.t", masked=["ssn"])
        with pytest.raises(psycopg.errors.SerializationFailure):
            other.execute("insert into t values (1, 'plain')")


def test_rights_and_upkeep_of_a_table_refuse_nobody(conn: Connection, dsn: str) -> None:
    """Only what changes columns, their types or the watch makes an older snapshot too old."""
    make(conn, "id int primary key, v text")
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level serializable")
        other.execute("select count(*) from pg_class")
        conn.execute("grant select on t to public; alter table t add check (id > 0); create index on t (v); analyze t")
        conn.execute("vacuum t")
        other.execute("insert into t values (1, 'a')")
    assert len(log(conn)) == 1


@rows
def test_what_took_the_name_of_a_masked_column_is_masked_too(conn: Connection, rows: int) -> None:
    make(conn, "id int primary key, ssn text", masked=["ssn"])
    conn.execute("alter table t rename ssn to ssn_old; alter table t add ssn text")
    fill(conn, rows, "'OLD', 'NEW'")
    assert [(row[0]["ssn_old"], row[0]["ssn"]) for row in log(conn, "new")] == [(HIDDEN, HIDDEN)] * rows


@rows
def test_after_a_restore_a_masked_column_that_was_renamed_stays_masked(conn: Connection, rows: int) -> None:
    """Its number is not known any more: all that has a new name is masked until the installation runs again."""
    make(conn, "id int primary key, ssn text, v text", masked=["ssn"])
    conn.execute("alter table t rename ssn to tax_number; update audit.tracked_table set noted_for = 1")
    fill(conn, rows, "'SECRET', 'v'")
    assert [row[0] for row in log(conn, "new")] == [
        {"id": n, "tax_number": HIDDEN, "v": "v"} for n in range(1, rows + 1)
    ]


@rows
def test_after_a_restore_a_table_without_its_key_has_none(conn: Connection, rows: int) -> None:
    make(conn, "k int, v int", key_columns=["k"])
    conn.execute("update audit.tracked_table set noted_for = 1; alter table t drop k")
    conn.execute("insert into t select g from generate_series(1, %s) g", (rows,))
    assert [row[0] for row in log(conn, "key")] == [None] * rows


@rows
def test_what_names_a_row_is_masked_where_its_column_comes_to_look_like_a_secret(conn: Connection, rows: int) -> None:
    make(conn, "id int primary key, note text, v int", about=["note"], label_column="note", registered=True)
    conn.execute("alter table t rename note to password")
    fill(conn, rows, "'hush', 1")
    conn.execute("update t set v = 2")
    everything = conn.execute(
        "select coalesce(string_agg(c::text, ''), '') || (select string_agg(e::text, '') from audit.entity as e) from audit.change as c"
    ).fetchone()
    assert everything is not None
    assert "hush" not in everything[0]


@rows
def test_children_find_their_parent_whose_key_column_was_renamed(conn: Connection, rows: int) -> None:
    """Parents that came before the rename and after it, and their accounts as they are now."""
    conn.execute(
        "create table par (id int primary key, account int); create table ch (id int primary key, par_id int, v int)"
    )
    track_table(conn, "public.par", account_column="account", registered=True)
    track_table(conn, "public.ch", parent_table="public.par", parent_columns=["par_id"])
    conn.execute("insert into par values (1, 10); alter table par rename id to pid; insert into par values (2, 20)")
    conn.execute("update par set account = 99 where pid = 1")
    for parent in (1, 2):
        conn.execute("insert into ch select g + 1000 * %s, %s, 1 from generate_series(1, %s) g", (parent, parent, rows))
    found = conn.execute(
        "select distinct root_key ->> 'id', account from audit.change where root_key is not null order by 1"
    ).fetchall()
    assert found == [("1", "99"), ("2", "20")]
    conn.execute("truncate par")
    assert conn.execute("select bool_and(deleted_at is not null), count(*) from audit.entity").fetchone() == (True, 2)
