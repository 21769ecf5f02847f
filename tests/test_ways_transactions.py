"""However statements are sent and transactions end: what is committed is logged, what is not leaves nothing."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import login
from tests.test_capture_rows import log
from tests.ways import told, watch

Connection = psycopg.Connection[Any]

T = "create table t (id int primary key, n text)"


def saves(conn: Connection) -> int:
    """Return how many transactions have written."""
    row = conn.execute("select count(distinct transaction_id) from audit.change").fetchone()
    assert row is not None
    return int(row[0])


def test_a_prepared_transaction_is_logged_when_it_commits_under_whoever_wrote(conn: Connection, dsn: str) -> None:
    """The log is written with the rows: who commits afterwards, perhaps a transaction manager, is not who changed them."""
    name = f"clerk_{uuid.uuid4().hex[:8]}"
    watch(conn, T, "t")
    conn.execute(f"create role {name} login; grant all on t to {name}")
    try:
        with psycopg.connect(login(dsn, name), autocommit=True) as clerk:
            clerk.execute(
                "begin; set local audit.actor = 'Ana'; insert into t values (1, 'a'); prepare transaction 'one'"
            )
            clerk.execute("begin; insert into t values (2, 'b'); prepare transaction 'two'")
            clerk.execute("begin; insert into t values (3, 'c'); prepare transaction 'three'")
        assert told(conn) == []
        conn.execute("commit prepared 'two'")
        conn.execute("rollback prepared 'three'")
        conn.execute("commit prepared 'one'")
    finally:
        conn.execute(f"drop owned by {name}; drop role {name}")
    assert sorted(told(conn)) == ["+t id=1 n=a", "+t id=2 n=b"]
    assert sorted(log(conn, "actor, database_user")) == [("Ana", name), (name, name)]


def test_a_block_that_rolls_part_of_itself_back_leaves_the_rest(conn: Connection) -> None:
    watch(conn, T, "t")
    conn.execute(
        "do $$begin insert into t values (1, 'a');"
        " begin insert into t values (2, 'b'); update t set n = 'x'; insert into t values (1, 'again');"
        " exception when unique_violation then insert into t values (3, 'c'); end;"
        " update t set n = 'y' where id = 3; end$$"
    )
    assert told(conn) == ["+t id=1 n=a", "+t id=3 n=c", "~t 3 n=c>y"]
    assert saves(conn) == 1


@pytest.mark.parametrize(
    "body",
    [
        "language sql as 'insert into t values (1, ''a''); update t set n = ''b'''",
        "language sql begin atomic insert into t values (1, 'a'); update t set n = 'b'; end",
        "language plpgsql as 'begin insert into t values (1, ''a''); execute ''update t set n = ''''b''''''; end'",
    ],
    ids=["sql", "atomic", "plpgsql"],
)
def test_what_a_function_writes_is_logged_as_its_statements(conn: Connection, body: str) -> None:
    watch(conn, T, "t")
    conn.execute(f"create function f() returns void {body}")
    conn.execute("select f()")
    assert told(conn) == ["+t id=1 n=a", "~t 1 n=a>b"]


def test_a_procedure_that_commits_is_as_many_saves(conn: Connection) -> None:
    watch(conn, T, "t")
    conn.execute(
        "create procedure p() language plpgsql as $$begin insert into t values (1, 'a'); commit;"
        " insert into t values (2, 'b'); rollback; insert into t values (3, 'c'); end$$"
    )
    conn.execute("call p()")
    assert told(conn) == ["+t id=1 n=a", "+t id=3 n=c"]
    assert saves(conn) == 2


def test_two_statements_in_one_query_are_one_save(conn: Connection) -> None:
    watch(conn, T, "t")
    conn.execute("insert into t values (1, 'a'); update t set n = 'b'")
    assert told(conn) == ["+t id=1 n=a", "~t 1 n=a>b"]
    assert saves(conn) == 1
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute("insert into t values (2, 'b'); insert into t values (1, 'again')")
    assert len(told(conn)) == 2


def test_statements_in_a_pipeline_are_logged(conn: Connection) -> None:
    watch(conn, T, "t")
    with conn.pipeline() as pipeline:
        conn.execute("insert into t values (%s, %s)", (1, "a"))
        conn.execute("update t set n = %s", ("b",))
        pipeline.sync()
        conn.execute("delete from t")
    assert told(conn) == ["+t id=1 n=a", "~t 1 n=a>b", "-t id=1 n=b"]


def test_a_prepared_statement_with_arrays_of_rows_is_logged(conn: Connection) -> None:
    watch(conn, T, "t")
    with conn.cursor() as cursor:
        cursor.executemany("insert into t values (%s, %s)", [(number, "a") for number in range(3)])
    conn.execute("prepare s as update t set n = $2 where id = $1")
    for _ in range(7):
        conn.execute("execute s(1, 'b')")
    assert told(conn) == ["+t id=0 n=a", "+t id=1 n=a", "+t id=2 n=a", "~t 1 n=a>b"]


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_stricter_isolation_level_is_logged_alike(conn: Connection, level: str) -> None:
    watch(conn, T, "t")
    conn.execute(
        f"begin isolation level {level}; insert into t values (1, 'a'), (2, 'b'); update t set n = 'c'; delete from t where id = 1; commit"
    )
    assert told(conn) == ["+t id=1 n=a", "+t id=2 n=b", "~t 1 n=a>c", "~t 2 n=b>c", "-t id=1 n=c"]


def test_a_row_that_is_written_several_times_in_a_transaction_keeps_each_step(conn: Connection) -> None:
    watch(conn, T, "t")
    conn.execute(
        "begin; insert into t values (1, 'a'); delete from t; insert into t values (1, 'b'); update t set n = 'c'; commit"
    )
    assert told(conn) == ["+t id=1 n=a", "-t id=1 n=a", "+t id=1 n=b", "~t 1 n=b>c"]
