"""What hangs on tables and not on files: their own trigger functions, and the triggers that call them."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row, tuple_row

from capture.errors import DatabaseError
from capture.patience import patiently
from capture.resources import query
from capture.upkeep import one


def renew_functions(conn: psycopg.Connection[Any]) -> list[str]:
    """Make the trigger functions of single tables anew that are not as they should be; return them.

    In the transaction that replaces the functions that they call, or a write of another session could miss one.
    """
    return _names(conn, "captures_renew")


def differing_functions(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the trigger functions of single tables that are not as this version makes them; none in a log of an older one."""
    if one(conn, "select pg_catalog.to_regprocedure('audit.capture_differs(integer)')") is None:
        return []
    return _names(conn, "captures_differ")


def renew_triggers(conn: psycopg.Connection[Any]) -> list[str]:
    """Put the triggers of tracked tables right that are not as they should be, where the login may; return the tables.

    Each table in a transaction of its own: what holds the log's registry must not wait for a business table.
    Raises DatabaseError where a table stays busy or has triggers of its own by these names, after all others were put right.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        stale = cursor.execute(query("triggers_stale")).fetchall()
    conn.rollback()
    refused = []
    for table in stale:
        try:
            patiently(conn, lambda table=table: conn.execute(query("partitions_cover"), table))  # type: ignore[misc]
        except (psycopg.Error, DatabaseError) as error:
            refused.append((str(error).splitlines() or [type(error).__name__])[0])
    if refused:
        raise DatabaseError("; ".join(refused))
    return [f"triggers of {table['name']}" for table in stale]


def _names(conn: psycopg.Connection[Any], name: str) -> list[str]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        return [str(row[0]) for row in cursor.execute(query(name)).fetchall()]
