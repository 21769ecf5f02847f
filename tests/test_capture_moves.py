"""Rows that an update takes to another entity or account: what they were taken away from is kept with the change."""

from __future__ import annotations

import pytest

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
        ("1", "10", "public.sequence", "3", None),
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
