"""What is written under watch is never called a difference, whatever order the log has it in and wherever a purge cut it."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from capture.install import track_table
from tests.reconciling import baseline, compare, differences
from tests.test_replay_property import build, database, run, steps, tables

Connection = psycopg.Connection[Any]
__all__ = ["database"]


def take_away(conn: Connection, share: int, of: int) -> None:
    """Do to a part of the log what a purge does, each transaction by chance: not the oldest, but any."""
    conn.execute("drop table if exists audit.gone; create table audit.gone (like audit.change)")
    conn.execute(
        "with taken as (delete from audit.change where hashint8(transaction_id::text::bigint) %% %s >= %s returning *)"
        " insert into audit.gone select * from taken",
        (of, share),
    )
    conn.execute("select audit.roll_baseline(array['audit.gone']::regclass[], 'infinity'); drop table audit.gone")


@pytest.mark.timeout(600)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables, before=steps, after=steps, split=st.booleans(), share=st.integers(0, 3))
def test_whatever_is_written_agrees_with_the_log(
    database: Connection, table: dict[str, Any], before: list[Any], after: list[Any], split: bool, share: int
) -> None:
    """Random statements before and after the baseline; then again, when any part of the log is gone."""
    names = build(database, table)
    for step in before:
        run(database, table, names, step, split=split)
    database.execute("truncate audit.baseline, audit.baseline_table")
    baseline(database)
    for step in after:
        run(database, table, names, step, split=split)
    assert compare(database)[0] == []
    take_away(database, share, 4)
    assert compare(database)[0] == []
    run(database, table, names, ("update", 60, 0, 7), split=split)
    found, (result,) = compare(database)
    assert (found, result.reason) == ([], None)


@pytest.fixture
def t(conn: Connection) -> Connection:
    """Give a tracked table with rows and a baseline."""
    conn.execute("create table t (id int primary key, v int, w text, unique (v) deferrable)")
    conn.execute("insert into t select g, g, 'w' || g from generate_series(1, 5) as g")
    track_table(conn, "public.t")
    baseline(conn)
    return conn


def test_a_trigger_that_writes_the_same_row_again_is_logged_before_the_write_that_fired_it(t: Connection) -> None:
    t.execute(
        "create function again() returns trigger language plpgsql as $$begin"
        " if new.w not like '%!' then update t set w = w || '!' where id = new.id; end if; return null; end$$;"
        "create trigger aa after insert or update on t for each row execute function again()"
    )
    t.execute("update t set w = 'x' where id < 4; insert into t values (6, 6, 'six')")
    assert t.execute("select new ->> 'w' from audit.log where operation = 'UPDATE' order by id limit 1").fetchone() == (
        "x!",
    )
    assert differences(t) == []


def test_rows_that_swap_their_keys_take_their_values_along(conn: Connection) -> None:
    conn.execute("create table t (id int not null, v int, j json, password text, unique (id) deferrable)")
    conn.execute("insert into t select g, g, '{\"a\": 1}', 'p' from generate_series(1, 100) as g")
    track_table(conn, "public.t", ignored=["v"])
    baseline(conn)
    conn.execute("update t set id = 101 - id; update t set id = 201 - id where id < 3")
    conn.execute("update t set j = '{\"a\": 2}' where id in (198, 5)")
    assert differences(conn) == []
    take_away(conn, 0, 1)
    assert differences(conn) == []
    assert "password" not in str(conn.execute("select jsonb_agg(b.image) from audit.baseline as b").fetchone())
    assert "password" not in str(conn.execute("select jsonb_agg(about) from audit.change").fetchone())


@pytest.mark.parametrize(
    "ddl",
    [
        "alter table t add column x int default 7; update t set x = 8 where id < 3; insert into t values (9, 9, 'i', 9)",
        "alter table t rename column w to ww; update t set ww = 'y' where id = 1",
        "update t set w = 'y' where id = 1; alter table t rename column w to ww; update t set ww = 'z' where id < 3",
        "alter table t rename column w to x; update t set x = 'z' where id = 1; alter table t rename column x to y",
        "alter table t rename column w to x; update t set x = 'z' where id = 1; alter table t rename column x to w",
        "alter table t rename column id to ident; update t set v = 0, ident = 99 where ident = 1",
        "alter table t drop column w; update t set v = 8 where id = 1",
        "alter table t drop column w; alter table t add column w text default 'new'; update t set w = 'y' where id = 1",
        "update t set v = 9 where id = 1; alter table t alter column v type bigint; update t set v = 3000000000 where id = 1",
        "alter table t alter column v type text; update t set v = 'a' where id = 1",
        "alter table t rename to u; update u set v = 9 where id = 1; alter table u rename to t",
        "alter table t alter column w set default 'd'; insert into t (id) values (9)",
        "vacuum full t; update t set v = 9 where id = 1",
        "alter table t add column x xml, add column j json default '{\"a\": 1.0}'; update t set j = '{\"a\": 2}' where id = 1",
        "truncate t; insert into t values (1, 1, 'again')",
        "update t set w = w; update t set v = v * 1.0; delete from t; insert into t values (1, 5, 'w')",
    ],
)
def test_a_table_that_was_altered_agrees(t: Connection, ddl: str) -> None:
    for statement in ddl.split("; "):
        t.execute(statement.encode())
    assert differences(t) == []
    take_away(t, 0, 1)
    assert differences(t) == []


def test_a_truncate_that_nobody_could_read_asks_for_a_new_baseline(t: Connection) -> None:
    t.execute("alter table t enable row level security")
    t.execute("truncate t")
    t.execute("alter table t disable row level security")
    found, (result,) = compare(t, "public.t")
    assert found == []
    assert result.reason is not None
    assert "TRUNCATE" in result.reason
    take_away(t, 0, 1)
    _, (result,) = compare(t, "public.t")
    assert result.reason is not None


def test_what_is_equal_is_no_difference_however_it_is_spelled(conn: Connection) -> None:
    conn.execute("create table t (id numeric primary key, n numeric, j json, b jsonb, a int[], f float8)")
    conn.execute("insert into t values (1.0, 1.50, '{\"b\":1,\"a\":2}', '[1.0]', '{1}', '-0')")
    track_table(conn, "public.t")
    baseline(conn)
    conn.execute("alter table t disable trigger all")
    conn.execute("update t set id = 1.00, n = 1.5, j = '{\"a\": 2, \"b\": 1}', b = '[1.00]', a = '[5:5]={1}', f = 0")
    assert differences(conn) == []


def test_settings_of_who_compares_change_nothing(conn: Connection) -> None:
    conn.execute("create table t (id int primary key, z timestamptz, i interval, y bytea, f float8, m money)")
    conn.execute("insert into t values (1, now(), '1 day 2 hours', 'abc', 1/3.0, 5)")
    track_table(conn, "public.t")
    baseline(conn)
    conn.execute("set timezone = 'Asia/Tokyo'; set intervalstyle = 'iso_8601'; set bytea_output = 'escape'")
    conn.execute(
        "set extra_float_digits = -10; set datestyle = 'German'; insert into t select 2, z, i, y, f, m from t; reset datestyle"
    )
    assert differences(conn) == []


def test_writers_at_work_give_no_false_alarm(t: Connection, dsn: str) -> None:
    stop = threading.Event()
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as conn:
                for turn in range(100_000):
                    if stop.is_set():
                        return
                    with conn.transaction():
                        conn.execute("insert into t values (%s, null, 'a')", (number * 1000 + turn % 50,))
                        conn.execute("update t set w = w || 'b' where id = %s", (number,))
                    conn.execute("delete from t where id >= 1000 and id = %s", (number * 1000 + turn % 50,))
        except psycopg.Error as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    for writer in writers:
        writer.start()
    try:
        with psycopg.connect(dsn, autocommit=True) as prepared:
            prepared.execute("begin; update t set w = 'prepared' where id = 5; prepare transaction 'p'")
        for turn in range(12):
            assert differences(t) == []
            if turn % 3 == 2:
                # A new baseline in the middle of it all: what was open then comes after it.
                t.execute("delete from audit.baseline_table")
                baseline(t)
            if turn == 6:
                t.execute("commit prepared 'p'")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failed == []
    assert differences(t) == []


def test_a_table_that_was_put_under_watch_in_the_middle_of_a_transaction_agrees(conn: Connection) -> None:
    with conn.transaction():
        conn.execute("create table t (id int primary key, v int); insert into t values (1, 1)")
        track_table(conn, "public.t")
        conn.execute("insert into t values (2, 2)")
    baseline(conn)
    conn.execute("update t set v = 3")
    assert differences(conn) == []


def test_a_table_that_lends_names_is_compared_by_these(conn: Connection) -> None:
    conn.execute("create table t (id int primary key, name text, visits int); insert into t values (1, 'a', 0)")
    track_table(conn, "public.t", kind="label", about=["name"], label_column="name")
    baseline(conn)
    conn.execute("update t set visits = 5; update t set name = 'b', id = 2; insert into t values (3, 'c', 0)")
    assert differences(conn) == []
    conn.execute(sql.SQL("alter table t disable trigger all"))
    conn.execute("update t set name = 'x', visits = 9 where id = 2")
    assert differences(conn) == [("differs", 2, "name", "b", "x")]
