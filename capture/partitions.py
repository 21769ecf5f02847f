"""The day partitions of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from capture.migrate import DAYS_AHEAD
from capture.resources import query


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: the rows of one UTC day of audit.transaction or audit.change."""

    parent: str
    name: str
    lower: datetime
    upper: datetime
    bytes: int
    detach_pending: bool


def make_ahead(conn: psycopg.Connection[Any], days: int = DAYS_AHEAD) -> list[str]:
    """Make the partitions of today and the next *days*; return the names of the new ones.

    Also notes the cluster when it is a new one: the scheduler comes by here, and a restored database must know.
    """
    conn.execute(query("finish_install"))
    with conn.cursor() as cursor:
        cursor.execute(query("make_partitions"), {"days": days})
        return [str(row[0]) for row in cursor.fetchall()]


def list_partitions(conn: psycopg.Connection[Any]) -> list[Partition]:
    """Return the partitions, oldest first."""
    with conn.cursor(row_factory=class_row(Partition)) as cursor:
        cursor.execute(query("list_partitions"))
        return cursor.fetchall()
