"""How far the log was shipped: a place by name, kept in the database, that the watermark keeps safe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, tuple_row

from capture.errors import DatabaseError, UsageError
from capture.resources import query
from capture.upkeep import one
from capture.window import Watermark, watermark

BEGINNING, NOW = "beginning", "now"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place by name: all before (`incarnation`, `xid`) was written. `reached_at` is the time of the last transaction of that."""

    name: str
    entries: int
    made_at: datetime
    moved_at: datetime
    reached_at: datetime | None
    incarnation: int
    xid: int


def cursors(conn: psycopg.Connection[Any]) -> list[Cursor]:
    """Return all cursors by name."""
    with conn.cursor(row_factory=class_row(Cursor)) as cursor:
        return cursor.execute(query("ship_list")).fetchall()


def place(conn: psycopg.Connection[Any], name: str, begin: str | datetime = BEGINNING) -> Watermark:
    """Return where a cursor stands. A new one begins at the *beginning* of the log, *now*, or with what began at a time."""
    with conn.transaction():
        one(conn, query("note_incarnation"))
        found = _read(conn, name)
        if found is not None:
            return found
        start = _start(conn, begin)
        values = {"name": name, "incarnation": start.incarnation, "xid": str(start.xid)}
        try:
            conn.execute(query("ship_begin"), values)
        except psycopg.errors.CheckViolation:
            raise UsageError(
                f"'{name}' is no name of a cursor: use letters, digits, dots, - and _, at most 63"
            ) from None
        # Somebody else may have made it just now.
        return _read(conn, name) or start


def advance(
    conn: psycopg.Connection[Any], name: str, old: Watermark, new: Watermark, entries: int, reached: datetime | None
) -> None:
    """Move a cursor on, once what lies before the new place is written. Raises DatabaseError where somebody else has moved it."""
    values = {
        "name": name,
        "incarnation": new.incarnation,
        "xid": str(new.xid),
        "entries": entries,
        "reached_at": reached,
        "from_incarnation": old.incarnation,
        "from_xid": str(old.xid),
    }
    with conn.transaction():
        moved = conn.execute(query("ship_move"), values).rowcount
    if not moved:
        raise DatabaseError(
            f"another process ships under the name '{name}', or it was removed: let one of them run, or choose another name"
        )


def remove(conn: psycopg.Connection[Any], name: str) -> bool:
    """Forget a cursor; return whether there was one."""
    with conn.transaction():
        return conn.execute(query("ship_remove"), {"name": name}).rowcount > 0


def lost(conn: psycopg.Connection[Any], name: str) -> tuple[date, date] | None:
    """Return the UTC days of which the retention removed something before it was shipped under this name; None without any."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("ship_lost"), {"name": name}).fetchone()
    return (row[0], row[1]) if row else None


def _read(conn: psycopg.Connection[Any], name: str) -> Watermark | None:
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("ship_cursor"), {"name": name}).fetchone()
    return Watermark(row[0], row[1]) if row else None


def _start(conn: psycopg.Connection[Any], begin: str | datetime) -> Watermark:
    mark = watermark(conn)
    if begin == NOW:
        return mark
    if begin == BEGINNING:
        return Watermark(int(one(conn, query("ship_first"))), 0)
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("ship_since"), {"since": begin}).fetchone()
    # One that is still open may have a lower number than all that is there, and begin later.
    return min(Watermark(row[0], row[1]), mark) if row else mark
