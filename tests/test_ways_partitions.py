"""A row of a partitioned table is logged once under its root, on whatever level it was written."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.ways import told, watch

Connection = psycopg.Connection[Any]

TREE = (
    "create table t (id int primary key, n text) partition by range (id);"
    "create table low partition of t for values from (0) to (100) partition by range (id);"
    "create table low_a partition of low for values from (0) to (50);"
    "create table low_b partition of low for values from (50) to (100);"
    "create table high (n text, gone int, id int not null); alter table high drop column gone;"
    "alter table t attach partition high for values from (100) to (200);"
)
LEVELS = ["t", "low", "low_a"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_write_on_any_level_is_logged_once_under_the_root(conn: Connection, level: str) -> None:
    watch(conn, TREE, "t")
    conn.execute(f"insert into {level} values (1, 'a'), (2, 'b')")
    conn.execute(f"update {level} set n = 'c' where id = 1")
    conn.execute(f"update {level} set id = 3 where id = 1")
    conn.execute(f"insert into {level} values (2, 'x'), (4, 'd') on conflict (id) do update set n = excluded.n")
    with conn.cursor().copy(f"copy {level} from stdin") as copy:
        copy.write_row((5, "e"))
    conn.execute(f"delete from {level} where id > 3")
    conn.execute(f"truncate {level}")
    found = told(conn)
    assert found[:4] == ["+t id=1 n=a", "+t id=2 n=b", "~t 1 n=a>c", "~t 3 id=1>3"]
    assert sorted(found[4:6]) == ["+t id=4 n=d", "~t 2 n=b>x"]
    assert found[6] == "+t id=5 n=e"
    assert sorted(found[7:9]) == ["-t id=4 n=d", "-t id=5 n=e"]
    assert sorted(found[9:11]) == ["-t id=2 n=x", "-t id=3 n=c"]
    assert found[11:] == ["!t"]


@pytest.mark.parametrize("level, target", [("t", 60), ("t", 101), ("low", 60)])
def test_a_row_that_moves_to_another_partition_is_one_update(conn: Connection, level: str, target: int) -> None:
    watch(conn, TREE + "insert into t values (1, 'a'), (2, 'b')", "t")
    conn.execute(f"update {level} set id = {target}, n = 'moved' where id = 1")
    assert told(conn) == [f"~t {target} id=1>{target} n=a>moved"]


def test_a_row_that_must_not_leave_the_partition_that_was_named_is_refused(conn: Connection) -> None:
    watch(conn, TREE + "insert into t values (1, 'a')", "t")
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute("update low_a set id = 60")
    assert told(conn) == []


@pytest.mark.parametrize("rows", [2, 60])
def test_rows_that_the_new_partition_drops_are_deletes_and_never_pair_with_others(conn: Connection, rows: int) -> None:
    """OLD has more rows than NEW: by their places, each would be paired with its neighbour."""
    watch(
        conn,
        TREE + "create function no() returns trigger language plpgsql as $$begin"
        " if new.id = 101 then return null; end if; return new; end$$;"
        "create trigger no before insert on high for each row execute function no()",
        "t",
    )
    conn.execute("insert into low_a select g, 'n' || g from generate_series(1, least(%s, 49)) g", (rows,))
    conn.execute("insert into low_b select g, 'n' || g from generate_series(50, %s) g", (rows,))
    conn.execute("truncate audit.change")
    conn.execute("update t set id = id + 100")
    assert sorted(told(conn)) == sorted(
        [f"-t id={number} n=n{number}" for number in range(1, rows + 1)]
        + [f"+t id={number + 100} n=n{number}" for number in range(2, rows + 1)]
    )


def test_an_upsert_that_meets_rows_of_several_partitions_is_logged_row_by_row(conn: Connection) -> None:
    watch(conn, TREE + "insert into t values (1, 'a'), (60, 'b')", "t")
    conn.execute(
        "insert into t values (1, 'x'), (60, 'y'), (61, 'c'), (101, 'd') on conflict (id) do update set n = excluded.n"
    )
    assert sorted(told(conn)) == ["+t id=101 n=d", "+t id=61 n=c", "~t 1 n=a>x", "~t 60 n=b>y"]


def test_a_merge_over_partitions_is_logged_row_by_row_and_a_move_by_it_as_delete_and_insert(conn: Connection) -> None:
    """PostgreSQL gives the triggers no update for a row that MERGE moves to another partition."""
    watch(conn, TREE + "insert into t values (1, 'a'), (60, 'b'), (101, 'c')", "t")
    conn.execute(
        "merge into t using (values (1), (60), (102)) as s(id) on s.id = t.id when matched and s.id = 1 then delete"
        " when matched then update set id = 103 when not matched then insert values (s.id, 'new')"
    )
    assert sorted(told(conn)) == ["+t id=102 n=new", "+t id=103 n=b", "-t id=1 n=a", "-t id=60 n=b"]
