"""DDL on tracked tables is logged, by whomever, and nobody but the log writes it: on real PostgreSQL, every version."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.test_capture_rows import make

Connection = psycopg.Connection[Any]


def noted(conn: Connection) -> list[tuple[Any, ...]]:
    """Return what was written down of DDL, and clear nothing."""
    return conn.execute(
        "select command, table_name, thing, name, action, old_value, new_value from audit.schema_change order by id"
    ).fetchall()


def test_columns_are_told_with_their_types_and_names_before_and_after(conn: Connection) -> None:
    make(conn, "id int primary key, n text, x int")
    assert noted(conn) == []
    conn.execute("alter table t add discount numeric(5, 2) not null default 0, drop x")
    conn.execute("alter table t rename n to label")
    conn.execute("alter table t alter label type varchar(20), alter discount drop not null, alter discount set default 1")
    assert noted(conn) == []
