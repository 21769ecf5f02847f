"""The trigger function that a table has for itself: it writes what the common one writes, and follows whatever is altered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from capture.coverage import coverage, outdated_objects
from capture.install import install, track_table
from capture.rights import weaknesses
from tests.fix_postgres import TestServer
from tests.test_capture_hostile import EVIL, ran
from tests.test_capture_rows import HIDDEN, log

Connection = psycopg.Connection[Any]

TRIGGERS = {
    "insert": "referencing new table as new_rows",
    "update": "referencing old table as old_rows new table as new_rows",
    "delete": "referencing old table as old_rows",
}


def functions(conn: Connection, table: str = "t") -> set[str]:
    """Return the functions of the triggers that see the rows of a table, n for its number."""
    found = conn.execute(
        "select regexp_replace(p.proname, '[0-9]+', 'n') from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid"
        " where t.tgrelid = %s::regclass and t.tgname in ('audit_insert', 'audit_update', 'audit_delete')",
        (table,),
    )
    return {str(row[0]) for row in found}


def own(conn: Connection) -> list[str]:
    """Return the functions of single tables of the database, but for those of the log's own tables."""
    found = conn.execute(
        "select p.oid::regprocedure::text from pg_proc as p where p.proname ~ '^capture_[0-9]+$' and not exists ("
        " select from audit.tracked_table as t where p.proname = 'capture_' || t.id and t.table_name like 'audit.%')"
    )
    return [str(row[0]) for row in found]


def quick(conn: Connection, statement: str) -> bool:
    """Whether a write is logged the short way, which calls no function of the log but those worked out once a plan."""
    with conn.transaction(force_rollback=True):
        conn.execute("set local track_functions = 'all'")
        conn.execute(statement)
        found = conn.execute(
            "select count(*) from pg_stat_xact_user_functions where schemaname = 'audit' and funcname ~ '^write_'"
        ).fetchone()
    return found == (0,)


def test_each_kind_of_table_has_the_function_that_fits(conn: Connection) -> None:
    conn.execute(
        "create table t (id int primary key, v text); create table parent (id int primary key);"
        "create table child (id int primary key, parent_id int); create table lenient (id int primary key);"
        "create table bare (v text)"
    )
    track_table(conn, "public.t")
    track_table(conn, "public.parent", registered=True)
    track_table(conn, "public.child", parent_table="public.parent", parent_columns=["parent_id"])
    track_table(conn, "public.lenient", failure="available")
    track_table(conn, "public.bare")
    found = {name: functions(conn, name) for name in ("t", "parent", "child", "lenient", "bare")}
    assert found == {
        "t": {"capture_n"},
        "parent": {"capture_n"},
        "child": {"capture_n"},
        "lenient": {"capture_available"},
        "bare": {"capture"},
    }
    assert all(table.ok for table in coverage(conn))
    assert weaknesses(conn) == []


def test_one_row_is_logged_the_short_way(conn: Connection) -> None:
    conn.execute("create table t (id int primary key, v text, n int)")
    track_table(conn, "public.t", about=["v"], ignored=["n"])
    conn.execute("insert into t values (1, 'a', 1), (2, 'b', 1)")
    assert quick(conn, "insert into t values (3, 'a', 1)")
    assert quick(conn, "update t set v = 'c' where id = 1")
    assert quick(conn, "delete from t where id = 1")
    assert not quick(conn, "update t set id = 9 where id = 1")
    assert not quick(conn, "update t set v = 'c'")
    assert not quick(conn, "update t set v = repeat('long', 1000) where id = 1")


OPTIONS = st.fixed_dictionaries(
    {
        "key_columns": st.sampled_from([["id"], ["id", "k"]]),
        "ignored": st.sampled_from([[], ["n"], ["n", "f"]]),
        "masked": st.sampled_from([[], ["s"], ["s", "j"]]),
        "about": st.sampled_from([[], ["a"], ["a", "j"]]),
        "account_column": st.sampled_from([None, "tenant", "a"]),
        "registered": st.booleans(),
        "parent_columns": st.sampled_from([None, ["k"]]),
    }
)
COLUMNS = (
    "id int, k int default 0, n int, f double precision, s text, a text, j jsonb, tenant text, at timestamptz, b bytea"
)
WRITES = (
    "insert into {t} values ({i}, {i} % 2, {i}, {i} / 3.0, 's', 'a{i}', '[{i}]', 'acme', '2026-03-29', 'x') on conflict do nothing",
    "insert into {t} (id, tenant) values ({i}, null) on conflict do nothing",
    "update {t} set n = n + 1 where id = {i}",
    "update {t} set s = s || '!', f = f * 2 where id = {i}",
    "update {t} set a = 'b', j = null, b = null where id = {i}",
    "update {t} set at = at + interval '1 hour', n = 0 where id = {i}",
    "update {t} set tenant = 'beta' where id = {i}",
    "update {t} set k = (k + 1) % 2 where id = {i} and (select count(*) from {t} as o where o.id = {i}) = 1",
    "update boss set tenant = tenant || '!' where id = {i} % 2",
    "update {t} set a = a where id = {i}",
    "update {t} set b = decode(repeat('ab', 3000), 'hex') where id = {i}",
    "update {t} set n = 5 where id > {i}",
    "delete from {t} where id = {i}",
    "delete from {t} where id < {i}",
)


@pytest.fixture(scope="module")
def database(server: TestServer) -> Iterator[Connection]:
    """Give one connection for all examples."""
    with server.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        install(conn)
        yield conn


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=OPTIONS, writes=st.lists(st.tuples(st.sampled_from(WRITES), st.integers(1, 4)), min_size=1, max_size=12))
def test_a_table_of_its_own_function_is_logged_as_by_the_common_one(
    database: Connection, options: dict[str, Any], writes: list[tuple[str, int]]
) -> None:
    """Two tables, the same options and writes: one by its own function, one by audit.capture(); the logs are the same."""
    conn, logs = database, []
    for table in ("quick", "common"):
        conn.execute(
            f"drop table if exists {table}; create table {table} ({COLUMNS}, primary key (id, k));"
            "drop table if exists boss; create table boss (id int primary key, tenant text)".encode()
        )
        track_table(conn, "public.boss", account_column="tenant", registered=True)
        conn.execute("insert into boss values (0, 'zero'), (1, 'one')")
        parent = None if options["parent_columns"] is None else "public.boss"
        number = track_table(conn, f"public.{table}", parent_table=parent, **options)
        if table == "common":
            for event, images in TRIGGERS.items():
                conn.execute(
                    f"create or replace trigger audit_{event} after {event} on common {images}"
                    " for each statement execute function audit.capture()".encode()
                )
        for place, (statement, i) in enumerate(writes):
            conn.execute("select set_config('audit.actor', %s, false)", ("Ana" if place % 3 else "",))
            conn.execute(statement.format(t=table, i=i).encode())
        assert functions(conn, table) == ({"capture_n"} if table == "quick" else {"capture"})
        columns = "key, old, new, about, account, former_account, root_table_id is null, root_key, former_root_key"
        changes = conn.execute(
            f"select c.operation::text, {columns}, t.actor from audit.change as c join audit.transaction as t using (at, transaction_id)"
            " where c.table_id = %s order by c.id".encode(),
            (number,),
        ).fetchall()
        registered = conn.execute(
            "select key, about, root_key, account, deleted_at is null from audit.entity where table_id = %s order by key::text",
            (number,),
        ).fetchall()
        logs.append((changes, registered))
        conn.execute("select audit.untrack(%s)", (f"public.{table}",))
        conn.execute("delete from audit.entity")
        conn.execute("select audit.untrack('public.boss')")
    assert logs[0] == logs[1]


def test_an_altered_table_is_logged_as_it_is_now(conn: Connection, dsn: str) -> None:
    """Sessions that have written before have plans of how it was."""
    conn.execute("create table t (id int primary key, v int, pin text)")
    track_table(conn, "public.t", masked=["pin"])
    conn.execute("insert into t values (1, 0, 'secret'), (2, 0, 'secret')")
    with psycopg.connect(dsn, autocommit=True) as other:
        for number in range(8):
            other.execute("update t set v = %s, pin = 'known' || %s where id = 1", (number + 1, number))
        conn.execute("alter table t rename pin to number")
        other.execute("update t set number = 'renamed' where id = 1")
        assert log(conn)[-1][2:] == ({"number": HIDDEN}, {"number": HIDDEN})
        conn.execute("alter table t rename number to pin; alter table t rename v to w")
        other.execute("update t set w = 100 where id = 1")
        assert log(conn)[-1][2:] == ({"w": 8}, {"w": 100})
        conn.execute("alter table t alter w type text, add api_token text default 'hidden'")
        other.execute("update t set w = 'x', api_token = 'shown' where id = 1")
        assert log(conn)[-1][2:] == ({"w": "100", "api_token": HIDDEN}, {"w": "x", "api_token": HIDDEN})
        conn.execute("alter table t drop w")
        other.execute("delete from t where id = 1")
        assert log(conn)[-1][2] == {"id": 1, "pin": HIDDEN, "api_token": HIDDEN}


def test_other_options_hold_at_once_in_sessions_that_know_the_table(conn: Connection, dsn: str) -> None:
    conn.execute("create table t (id int primary key, v text, w text); insert into t values (1, 'a', 'a')")
    track_table(conn, "public.t")
    with psycopg.connect(dsn, autocommit=True) as other:
        for number in range(8):
            other.execute("update t set v = %s", (str(number),))
        track_table(conn, "public.t", masked=["v"], ignored=["w"])
        other.execute("update t set v = 'secret', w = 'b'")
        assert log(conn)[-1][2:] == ({"v": HIDDEN}, {"v": HIDDEN})
        track_table(conn, "public.t", registered=True, about=["v"])
        other.execute("update t set v = 'new'")
        assert conn.execute("select about from audit.entity").fetchall() == [({"v": "new"},)]
        conn.execute("select audit.untrack('t')")
        other.execute("update t set v = 'unseen'")
    assert log(conn)[-1][3] == {"v": "new"}


@pytest.mark.parametrize("before", [0, 8])
def test_a_copy_that_waited_for_an_alteration_runs_no_code_of_the_owner(
    conn: Connection, dsn: str, before: int
) -> None:
    """Its snapshot is older than what the owner made of a column meanwhile: a type with a cast to JSON that is code of the owner."""
    conn.execute(
        EVIL + "create table biz.t (id int primary key, v text);"
        "create type biz.bad as enum ('a', 'b');"
        "create function biz.cast(biz.bad) returns json language plpgsql as $$begin"
        " if current_user = 'audit_capture' then perform biz.vol(); end if; return '{}'; end$$;"
        "create cast (biz.bad as json) with function biz.cast(biz.bad)"
    )
    track_table(conn, "biz.t")
    with psycopg.connect(dsn, autocommit=True) as other, psycopg.connect(dsn) as owner:
        for number in range(before):
            other.execute("insert into biz.t values (%s, 'a')", (100 + number,))
        owner.execute("alter table biz.t alter v type biz.bad using 'b'::biz.bad")

        def load() -> None:
            with other.cursor() as cursor, cursor.copy("copy biz.t from stdin") as copy:
                copy.write("1\ta\n")

        thread = threading.Thread(target=load)
        thread.start()
        end = time.monotonic() + 30
        while conn.execute("select exists (select from pg_locks where not granted)").fetchone() != (True,):
            assert time.monotonic() < end
            time.sleep(0.01)
        owner.commit()
        thread.join(30)
    assert not thread.is_alive()
    assert ran(conn) == 0
    found = conn.execute("select operation from audit.log where table_name = 'biz.t' order by id").fetchall()
    assert found == [("INSERT",)] * (before + 1)


def test_a_partition_that_was_detached_and_altered_runs_no_code_of_the_owner(conn: Connection, dsn: str) -> None:
    """It keeps the trigger, and is none of the table that the function was made for."""
    conn.execute(
        EVIL + "create table biz.t (id int primary key, v int) partition by range (id);"
        "create table biz.p partition of biz.t for values from (0) to (10);"
        "create type biz.bad as enum ('a', 'b');"
        "create function biz.cast(biz.bad) returns json language plpgsql as $$begin"
        " if current_user = 'audit_capture' then perform biz.vol(); end if; return '{}'; end$$;"
        "create cast (biz.bad as json) with function biz.cast(biz.bad)"
    )
    track_table(conn, "biz.t")
    with psycopg.connect(dsn, autocommit=True) as other:
        for number in range(8):
            other.execute("insert into biz.t values (%s, 1)", (number,))
        conn.execute(
            "alter table biz.t detach partition biz.p; alter table biz.p alter v type biz.bad using 'b'::biz.bad"
        )
        other.execute("insert into biz.p values (8, 'a')")
    assert ran(conn) == 0


@pytest.mark.parametrize(
    "name", ["$function$", "a'b", 'a"b', "a\\b", "%s %L", "end; $text$", "é\n-- x", "x\n  -- And written here.\ny"]
)
def test_no_name_of_a_column_becomes_code(conn: Connection, name: str) -> None:
    """Names stand in the text of the function, and their owner chooses them."""
    column = sql.Identifier(name)
    conn.execute(sql.SQL("create table t (id int, {c} text, other int, primary key (id, {c}))").format(c=column))
    track_table(conn, "public.t", ignored=["other"], account_column=name, registered=True)
    track_table(conn, "public.t", masked=["other"], key_columns=["id"], about=[name], account_column=name)
    conn.execute("insert into t values (1, 'a', 1)")
    conn.execute("update t set other = 2")
    conn.execute("delete from t")
    assert log(conn)[0][3] == {"id": 1, name: "a", "other": HIDDEN}
    assert log(conn)[1][2:] == ({"other": HIDDEN}, {"other": HIDDEN})
    assert conn.execute("select about, account from audit.change where operation = 'U'").fetchall() == [
        ({name: "a"}, "a")
    ]
    assert outdated_objects(conn) == []
