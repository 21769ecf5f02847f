"""Statements over many rows write the same log as statements over one."""

from __future__ import annotations

import pytest

from tests.test_capture_rows import Connection, log, make

TYPES = "id int primary key, j jsonb, js json, f float8, n numeric, a int[], e mood, c char(5), t text, ts timestamptz, secret_key text"


@pytest.mark.parametrize("rows", [1, 60])
def test_every_comparison_gives_one_verdict(conn: Connection, rows: int) -> None:
    """JSON null is SQL NULL in an image, 1.0 is 1.00, and a change of any type is seen."""
    conn.execute("create type mood as enum ('sad', 'glad')")
    make(conn, TYPES)
    conn.execute(
        "insert into t select g, 'null', 'null', 1.5, 1.0, '{1}', 'sad', 'x', 'A', now(), 's' from generate_series(1, %s) g",
        (rows,),
    )
    conn.execute("update t set j = null, js = null, n = 1.00, c = 'x    '")
    assert [row for row in log(conn) if row[0] == "UPDATE"] == []
    conn.execute("update t set f = 2.5, a = '{1,2}', e = 'glad', t = 'a', secret_key = 'other'")
    updates = [row[2:] for row in log(conn) if row[0] == "UPDATE"]
    old = {"f": 1.5, "a": [1], "e": "sad", "t": "A", "secret_key": "••••••"}
    new = {"f": 2.5, "a": [1, 2], "e": "glad", "t": "a", "secret_key": "••••••"}
    assert updates == [(old, new)] * rows


def test_a_wide_table_is_logged_with_all_that_names_it(conn: Connection) -> None:
    """A function call takes 100 arguments at most; a table may have 1,600 columns."""
    names = [f"c{number}" for number in range(300)]
    make(conn, "id int primary key, " + ", ".join(f"{name} int default 1" for name in names), about=names)
    conn.execute("insert into t (id) select generate_series(1, 60)")
    conn.execute("update t set c7 = 2")
    updates = [row for row in log(conn) if row[0] == "UPDATE"]
    assert sorted(row[1]["id"] for row in updates) == list(range(1, 61))
    assert {(row[2]["c7"], row[3]["c7"]) for row in updates} == {(1, 2)}


@pytest.mark.parametrize("rows", [1, 3, 60])
@pytest.mark.parametrize("value", [r'{"a": "\u0000"}', r'["\ud800"]', '{"n": 1e400000}'])
def test_a_json_value_that_jsonb_cannot_hold_is_kept_as_its_text(conn: Connection, rows: int, value: str) -> None:
    """The business write goes through, and nothing of the value is lost."""
    make(conn, "id int primary key, j json, js json[]")
    conn.execute(
        "insert into t select g, %s, array[[%s, '1'], ['2', null]]::json[] from generate_series(1, %s) g",
        (value, value, rows),
    )
    conn.execute("update t set j = '{}'")
    conn.execute("delete from t")
    found = log(conn, "operation, new, old")
    inserted, updated, deleted = found[:rows], found[rows : 2 * rows], found[2 * rows :]
    assert [row[1]["j"] for row in inserted] == [value] * rows
    assert all(value in row[1]["js"] for row in inserted)
    assert [row[1:] for row in updated] == [({"j": {}}, {"j": value})] * rows
    assert [row[2]["j"] for row in deleted] == [{}] * rows
