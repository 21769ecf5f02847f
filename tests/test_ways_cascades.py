"""What the server writes on its own, for foreign keys and in triggers, is logged like what it was asked for, each row once."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.ways import told, watch

Connection = psycopg.Connection[Any]

KEYS = (
    "create table p (id int primary key); insert into p values (1), (9);"
    "create table c (id int primary key, p int default 9 references p on delete {0} on update {0});"
    "insert into c values (10, 1), (11, 9), (12, 1)"
)


@pytest.mark.parametrize(
    "action, expected",
    [
        ("cascade", ["~p 2 id=1>2", "~c 10 p=1>2", "~c 12 p=1>2"]),
        ("set null", ["~p 2 id=1>2", "~c 10 p=1>null", "~c 12 p=1>null"]),
        ("set default", ["~p 2 id=1>2", "~c 10 p=1>9", "~c 12 p=1>9"]),
    ],
)
def test_what_follows_the_change_of_a_key_is_logged_after_it(
    conn: Connection, action: str, expected: list[str]
) -> None:
    watch(conn, KEYS.format(action), "p", "c")
    conn.execute("update p set id = 2 where id = 1")
    assert told(conn) == expected


@pytest.mark.parametrize(
    "action, expected",
    [
        ("cascade", ["-p id=1", "-c id=10 p=1", "-c id=12 p=1"]),
        ("set null", ["-p id=1", "~c 10 p=1>null", "~c 12 p=1>null"]),
        ("set default", ["-p id=1", "~c 10 p=1>9", "~c 12 p=1>9"]),
    ],
)
def test_what_follows_a_delete_is_logged_after_it(conn: Connection, action: str, expected: list[str]) -> None:
    watch(conn, KEYS.format(action), "p", "c")
    conn.execute("delete from p where id = 1")
    assert told(conn) == expected


@pytest.mark.parametrize("action, value", [("set null (b)", "null"), ("set default (b)", "7")])
def test_a_delete_that_sets_some_columns_of_a_key_is_logged_with_those(
    conn: Connection, action: str, value: str
) -> None:
    watch(
        conn,
        "create table p (a int, b int, primary key (a, b)); insert into p values (1, 1), (1, 7);"
        "create table c (id int primary key, a int, b int default 7,"
        f" foreign key (a, b) references p on delete {action}); insert into c values (10, 1, 1)",
        "p",
        "c",
    )
    conn.execute("delete from p where b = 1")
    assert told(conn) == ["-p a=1 b=1", f"~c 10 b=1>{value}"]


def test_a_refused_delete_leaves_nothing(conn: Connection) -> None:
    watch(conn, KEYS.format("restrict"), "p", "c")
    with pytest.raises(psycopg.errors.IntegrityError):
        conn.execute("delete from p")
    assert told(conn) == []


def test_a_cascade_within_a_table_and_over_several_is_logged_row_by_row(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int primary key, up int references t on delete cascade on update cascade);"
        "insert into t values (1, null), (2, 1), (3, 2), (4, 1), (5, null);"
        "create table u (id int primary key, t int references t on delete cascade); insert into u values (1, 3), (2, 5)",
        "t",
        "u",
    )
    conn.execute("update t set id = 9 where id = 1")
    assert told(conn) == ["~t 9 id=1>9", "~t 2 up=1>9", "~t 4 up=1>9"]
    conn.execute("delete from t where id = 9")
    found = told(conn)[3:]
    assert found[0] == "-t id=9 up=null"
    assert sorted(found) == ["-t id=2 up=9", "-t id=3 up=2", "-t id=4 up=9", "-t id=9 up=null", "-u id=1 t=3"]


def test_a_cascade_between_partitioned_tables_is_logged_under_their_roots(conn: Connection) -> None:
    parts = (
        "create table {0}_low partition of {0} for values from (0) to (10);"
        "create table {0}_high partition of {0} for values from (10) to (20);"
    )
    watch(
        conn,
        "create table p (id int primary key) partition by range (id);"
        + parts.format("p")
        + "create table c (id int, p int references p on delete cascade on update cascade, primary key (id, p)) partition by range (p);"
        + parts.format("c")
        + "insert into p values (1), (11); insert into c values (5, 1), (6, 11)",
        "p",
        "c",
    )
    conn.execute("update p set id = 12 where id = 1")
    conn.execute("delete from p where id = 12")
    assert told(conn) == ["~p 12 id=1>12", "~c 5,12 p=1>12", "-p id=12", "-c id=5 p=12"]


def test_deferred_keys_are_logged_as_they_were_written(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int primary key, place int unique deferrable initially deferred); insert into t values (1, 1), (2, 2);"
        "create table c (id int primary key, t int references t deferrable initially deferred)",
        "t",
        "c",
    )
    conn.execute("update t set place = 3 - place")
    with conn.transaction():
        conn.execute("update t set place = 1 where id = 1")
        conn.execute("update t set place = 2 where id = 2")
        conn.execute("insert into c values (5, 3)")
        conn.execute("insert into t values (3, 3)")
    with pytest.raises(psycopg.errors.ForeignKeyViolation), conn.transaction():
        conn.execute("insert into c values (6, 99)")
    assert told(conn) == [
        "~t 1 place=1>2",
        "~t 2 place=2>1",
        "~t 1 place=2>1",
        "~t 2 place=1>2",
        "+c id=5 t=3",
        "+t id=3 place=3",
    ]


def test_rows_that_a_before_trigger_changes_or_drops_are_logged_as_they_were_stored(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int primary key, n text);"
        "create function bend() returns trigger language plpgsql as $$begin"
        " if coalesce(new.id, old.id) = 13 then return null; end if;"
        " if tg_op = 'DELETE' then return old; end if; new.n := upper(new.n); return new; end$$;"
        "create trigger bend before insert or update or delete on t for each row execute function bend();"
        "insert into t values (1, 'a'), (2, 'b')",
        "t",
    )
    conn.execute("insert into t values (3, 'c'), (13, 'x')")
    conn.execute(
        "alter table t disable trigger bend; insert into t values (13, 'x'); alter table t enable trigger bend"
    )
    conn.execute("update t set n = n || 'd'")
    conn.execute("update t set n = lower(n)")
    conn.execute("delete from t where id > 2")
    assert told(conn) == [
        "+t id=3 n=C",
        "+t id=13 n=x",
        "~t 1 n=A>AD",
        "~t 2 n=B>BD",
        "~t 3 n=C>CD",
        "-t id=3 n=CD",
    ]


def test_what_after_triggers_write_is_logged_once_nested_and_recursive(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int primary key, n int); create table u (id int primary key, n int);"
        "create function again() returns trigger language plpgsql as $$begin"
        " if new.n > 0 then insert into t values (new.id + 1, new.n - 1); update t set n = 100 where id = new.id; end if;"
        " insert into u values (new.id, new.n); return null; end$$;"
        "create trigger again after insert on t for each row execute function again()",
        "t",
        "u",
    )
    conn.execute("insert into t values (1, 2)")
    assert sorted(told(conn)) == [
        "+t id=1 n=2",
        "+t id=2 n=1",
        "+t id=3 n=0",
        "+u id=1 n=2",
        "+u id=2 n=1",
        "+u id=3 n=0",
        "~t 1 n=2>100",
        "~t 2 n=1>100",
    ]


def test_a_trigger_of_statements_that_writes_the_same_table_is_logged_once(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int primary key, total bigint); insert into t values (1, 0), (2, 0);"
        "create function sum_up() returns trigger language plpgsql as $$begin"
        " if pg_trigger_depth() = 1 then update t set total = total + (select count(*) from now_there) where id = 1; end if;"
        " return null; end$$;"
        "create trigger aaa after update on t referencing new table as now_there for each statement execute function sum_up();"
        "create trigger zzz after update on t referencing new table as now_there for each statement execute function sum_up()",
        "t",
    )
    conn.execute("update t set total = 5 where id = 2")
    assert sorted(told(conn)) == ["~t 1 total=0>1", "~t 1 total=1>2", "~t 2 total=0>5"]


def test_a_before_trigger_that_writes_the_same_table_is_logged_once(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int primary key, n text); insert into t values (1, 'a');"
        "create function first() returns trigger language plpgsql as $$begin"
        " if new.id < 100 then insert into t values (new.id + 100, 'by it'); end if; return new; end$$;"
        "create trigger first before insert on t for each row execute function first()",
        "t",
    )
    conn.execute("insert into t values (2, 'b'), (3, 'c')")
    assert told(conn) == ["+t id=102 n=by it", "+t id=103 n=by it", "+t id=2 n=b", "+t id=3 n=c"]


def test_a_constraint_trigger_that_writes_at_commit_is_logged_in_the_same_transaction(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int primary key); create table u (id int primary key);"
        "create function late() returns trigger language plpgsql as $$begin insert into u values (new.id); return null; end$$;"
        "create constraint trigger late after insert on t deferrable initially deferred for each row execute function late()",
        "t",
        "u",
    )
    with conn.transaction():
        conn.execute("insert into t values (1)")
        assert told(conn) == ["+t id=1"]
    assert told(conn) == ["+t id=1", "+u id=1"]
    assert conn.execute("select count(distinct transaction_id) from audit.change").fetchone() == (1,)
