"""The database's clock: those of the machines that cut and send may differ."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row


def clock(conn: psycopg.Connection[Any]) -> datetime:
    """Return this moment as the database has it, in UTC."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    at: datetime = row[0]
    return at.astimezone(UTC)
