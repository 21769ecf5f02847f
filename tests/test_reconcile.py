"""whochanged reconcile finds what went past the log, and says of each row how it differs."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.install import track_table
from tests.reconciling import baseline, differences

Connection = psycopg.Connection[Any]


@pytest.fixture
def t(conn: Connection) -> Connection:
    """Give a tracked table with three rows and a baseline, and changes after it."""
    conn.execute("create table t (id int primary key, v int, n numeric, password text)")
    conn.execute("insert into t values (1, 1, 1.5, 'a'), (2, 2, 2.5, 'b'), (3, 3, 3.5, 'c')")
    track_table(conn, "public.t")
    baseline(conn)
    conn.execute(
        "update t set v = v + 10 where id <> 3; insert into t values (4, 4, 4.5, 'd'); delete from t where id = 2"
    )
    return conn


def test_a_table_that_was_only_written_under_watch_agrees(t: Connection) -> None:
    assert differences(t) == []


def test_what_was_written_with_triggers_off_is_found(t: Connection) -> None:
    t.execute("alter table t disable trigger all")
    t.execute(
        "update t set v = 99, password = 'x' where id = 1; delete from t where id = 3; insert into t values (5, 5, 5, 'e')"
    )
    t.execute(
        "alter table t enable always trigger audit_insert, enable always trigger audit_update, enable always trigger audit_delete"
    )
    assert differences(t) == [
        ("differs", 1, "v", 11, 99),
        ("missing", 3, None, {"id": 3, "v": 3, "n": 3.5}, None),
        ("unexpected", 5, None, None, {"id": 5, "v": 5, "n": 5}),
    ]
