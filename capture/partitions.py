"""The day partitions of the log, and the new partitions of tracked tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import class_row, dict_row

from capture.errors import DatabaseError
from capture.migrate import DAYS_AHEAD
from capture.resources import query
from capture.spill import drain
from capture.upkeep import acting_as_owner, one_at_a_time, setting

LOCK_TIMEOUT = "5s"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: the rows of one UTC day of audit.transaction or audit.change."""

    parent: str
    name: str
    lower: datetime
    upper: datetime
    bytes: int
    detach_pending: bool


@dataclass(frozen=True, slots=True)
class PartitionsReport:
    """What was done: the names of new partitions of the log, and how many spilled rows found their place in one.

    `covered` are partitions of tracked tables that had no triggers of the log and have them now.
    """

    made: tuple[str, ...]
    moved_changes: int
    moved_transactions: int
    covered: tuple[str, ...] = ()


def keep_partitions(conn: psycopg.Connection[Any], days: int = DAYS_AHEAD) -> PartitionsReport:
    """Make the partitions of today and the next *days*, and move the spilled rows to the partitions of their days.

    Then put the log's triggers on new partitions of tracked tables, where the login owns them: event triggers, where there are any, have
    done so already.

    *conn* must be in no transaction, and its login a member of audit_owner; what is done is committed. Raises DatabaseError
    where rights are missing, or somebody holds a lock on the log for longer than `LOCK_TIMEOUT`.
    """
    with acting_as_owner(conn), one_at_a_time(conn), setting(conn, "lock_timeout", LOCK_TIMEOUT):
        try:
            made = make_ahead(conn, days)
            drained = drain(conn)
            covered = cover_new(conn)
            conn.execute(query("analyze_registry"))
        except errors.LockNotAvailable as error:
            raise DatabaseError(
                "another session keeps the tables of the log, or a new partition, locked: try again when it has ended"
            ) from error
    return PartitionsReport((*made, *drained.made), drained.changes, drained.transactions, tuple(covered))


def make_ahead(conn: psycopg.Connection[Any], days: int = DAYS_AHEAD) -> list[str]:
    """Make the partitions of today and the next *days*; return the names of the new ones.

    Also notes the cluster when it is a new one: the scheduler comes by here, and a restored database must know.
    """
    conn.execute(query("finish_install"))
    with conn.cursor() as cursor:
        cursor.execute(query("make_partitions"), {"days": days})
        return [str(row[0]) for row in cursor.fetchall()]


def cover_new(conn: psycopg.Connection[Any]) -> list[str]:
    """Put the log's triggers on the partitions of tracked tables that lack them, with the rights of the login; return which."""
    covered: list[str] = []
    with conn.cursor(row_factory=dict_row) as cursor:
        for bare in cursor.execute(query("partitions_bare")).fetchall():
            # The owner of the log has no right on business tables.
            with setting(conn, "role", "none"):
                conn.execute(query("partitions_cover"), bare)
            covered += bare["parts"]
    return covered


def list_partitions(conn: psycopg.Connection[Any]) -> list[Partition]:
    """Return the partitions, oldest first."""
    with conn.cursor(row_factory=class_row(Partition)) as cursor:
        cursor.execute(query("list_partitions"))
        return cursor.fetchall()
