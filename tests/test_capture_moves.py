"""Rows that an update takes to another entity or account: what they were taken away from is kept with the change."""

from __future__ import annotations

import pytest

from capture.errors import DatabaseError
from capture.install import track_table
from tests.test_capture_rows import Connection

rows = pytest.mark.parametrize("rows", [1, 3, 60])


@pytest.fixture
def family(conn: Connection) -> Connection:
    """Give sequences of two accounts, with stages and steps under them."""
    conn.execute(
        "create table sequence (id int primary key, account int); insert into sequence values (1, 10), (2, 20), (3, 10);"
        "create table stage (id int primary key, sequence_id int); insert into stage values (1, 1), (2, 2), (3, 3), (4, 1);"
        "create table step (id int primary key, stage_id int, v int)"
    )
    track_table(conn, "public.sequence", account_column="account", registered=True)
    track_table(conn, "public.stage", parent_table="public.sequence", parent_columns=["sequence_id"], registered=True)
    track_table(conn, "public.step", parent_table="public.stage", parent_columns=["stage_id"])
    return conn


def moves(conn: Connection, rows: int) -> list[tuple[object, ...]]:
    """Return where each logged update of a step took it from and to; all of one statement say the same."""
    found = conn.execute(
        "select root_key ->> 'id', account, former.table_name, former_root_key ->> 'id', former_account"
        " from audit.change as c join audit.tracked_table as t on t.id = c.table_id"
        " left join audit.tracked_table as former on former.id = c.former_root_table_id"
        " where operation = 'U' and t.table_name = 'public.step' order by c.id"
    ).fetchall()
    assert len({*found[:rows]}) == 1
    return found[::rows]


@rows
def test_a_row_that_goes_to_another_entity_names_the_one_it_came_from(family: Connection, rows: int) -> None:
    """Its root and the root's account, two levels up; no more than that where either stayed."""
    family.execute("insert into step select g, 1, 1 from generate_series(1, %s) g", (rows,))
    for target in ("2", "3", "4", "1", "null", "2"):
        family.execute(f"update step set stage_id = {target}")
    family.execute("update step set v = 2")
    assert moves(family, rows) == [
        ("2", "20", "public.sequence", "1", "10"),
        ("3", "10", "public.sequence", "2", "20"),
        ("1", "10", "public.sequence", "3", "10"),
        ("1", "10", None, None, None),
        (None, None, "public.sequence", "1", "10"),
        ("2", "20", None, None, None),
        ("2", "20", None, None, None),
    ]


@rows
def test_a_row_that_changes_its_account_names_the_former_one(conn: Connection, rows: int) -> None:
    """By a column of its own."""
    conn.execute("create table t (id int primary key, account int, v int)")
    track_table(conn, "public.t", account_column="account")
    conn.execute("insert into t select g, 1, 1 from generate_series(1, %s) g", (rows,))
    conn.execute("update t set account = 2; update t set v = 2; update t set account = null")
    found = conn.execute(
        "select account, former_account from audit.change where operation = 'U' order by id"
    ).fetchall()
    assert found[::rows] == [("2", "1"), ("2", None), (None, "2")]
    assert len({*found}) == 3


@rows
def test_children_of_a_table_that_was_made_anew_find_their_new_parents(conn: Connection, rows: int) -> None:
    """Swapped in under the old name: neither a bulk write nor a TRUNCATE of the children may fail."""
    conn.execute(
        "create table par (id int primary key, account int); create table ch (id int primary key, par_id int, v int)"
    )
    track_table(conn, "public.par", account_column="account", registered=True)
    track_table(conn, "public.ch", parent_table="public.par", parent_columns=["par_id"])
    conn.execute("alter table par rename to par_old; create table par (id int primary key, account int)")
    track_table(conn, "public.par", account_column="account", registered=True)
    conn.execute("insert into par values (1, 7)")
    conn.execute("insert into ch select g, 1, 1 from generate_series(1, %s) g", (rows,))
    conn.execute("truncate ch")
    found = conn.execute(
        "select distinct operation::text, root_key ->> 'id', account from audit.change as c"
        " join audit.tracked_table as t on t.id = c.table_id where t.table_name = 'public.ch' and operation <> 'T'"
    ).fetchall()
    assert sorted(found) == [("D", "1", "7"), ("I", "1", "7")]


@rows
def test_children_of_a_table_that_is_not_watched_any_more_go_on(conn: Connection, rows: int) -> None:
    conn.execute("create table par (id int primary key); create table ch (id int primary key, par_id int, account int)")
    with pytest.raises(DatabaseError, match=r"public\.par is to be the parent of public\.ch, and is not tracked"):
        track_table(conn, "public.ch", parent_table="public.par", parent_columns=["par_id"])
    track_table(conn, "public.par", registered=True)
    track_table(conn, "public.ch", parent_table="public.par", parent_columns=["par_id"], account_column="account")
    conn.execute("delete from audit.tracked_table where table_name = 'public.par'; drop table par")
    conn.execute("insert into ch select g, 1, 5 from generate_series(1, %s) g", (rows,))
    conn.execute("update ch set par_id = 2")
    conn.execute("truncate ch")
    found = conn.execute(
        "select operation::text, root_key, account, former_root_key from audit.change where operation <> 'T'"
    )
    assert {row[1:] for row in found} == {(None, "5", None)}


@rows
def test_a_move_between_root_tables_of_one_key_is_a_move(conn: Connection, rows: int) -> None:
    """A stage without a sequence is its own entity: number 5 of the one table is not number 5 of the other."""
    conn.execute(
        "create table a (id int primary key); insert into a values (5); create table b (id int primary key, a_id int);"
        "insert into b values (5, null), (7, 5); create table c (id int primary key, b_id int)"
    )
    track_table(conn, "public.a", registered=True)
    track_table(conn, "public.b", parent_table="public.a", parent_columns=["a_id"], registered=True)
    track_table(conn, "public.c", parent_table="public.b", parent_columns=["b_id"])
    conn.execute("insert into c select g, 5 from generate_series(1, %s) g", (rows,))
    conn.execute("update c set b_id = 7")
    found = conn.execute(
        "select distinct r.table_name, root_key ->> 'id', f.table_name, former_root_key ->> 'id' from audit.change as c"
        " join audit.tracked_table as r on r.id = c.root_table_id join audit.tracked_table as f on f.id = c.former_root_table_id"
        " where operation = 'U'"
    ).fetchall()
    assert found == [("public.a", "5", "public.b", "5")]


@rows
def test_what_is_far_below_a_row_that_moves_goes_with_it(conn: Connection, rows: int) -> None:
    """Four levels, of which the second moves: the third is only known to the registry, the fourth is written."""
    conn.execute(
        "create table a (id int primary key, account int); insert into a values (1, 10), (2, 20);"
        "create table b (id int primary key, a_id int); insert into b values (1, 1);"
        "create table c (id int primary key, b_id int); insert into c values (1, 1);"
        "create table d (id int primary key, c_id int, v int)"
    )
    track_table(conn, "public.a", account_column="account", registered=True)
    for child, parent in (("b", "a"), ("c", "b"), ("d", "c")):
        track_table(
            conn,
            f"public.{child}",
            parent_table=f"public.{parent}",
            parent_columns=[f"{parent}_id"],
            registered=child != "d",
        )
    conn.execute("insert into d select g, 1, 1 from generate_series(1, %s) g", (rows,))
    conn.execute("update b set a_id = 2; update d set v = 2")
    conn.execute("update b set a_id = null; update d set v = 3")
    found = conn.execute(
        "select r.table_name, root_key ->> 'id', c.account from audit.change as c join audit.tracked_table as t on t.id = c.table_id"
        " join audit.tracked_table as r on r.id = c.root_table_id where t.table_name = 'public.d' order by c.id"
    ).fetchall()
    assert found[::rows] == [("public.a", "1", "10"), ("public.a", "2", "20"), ("public.b", "1", None)]
