"""Whether everything that should be watched is watched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from capture import repeatable
from capture.resources import query


@dataclass(frozen=True, slots=True)
class TableCoverage:
    """One tracked table: the triggers it should have, and those found, enabled and as this version makes them."""

    table_name: str
    kind: str
    exists: bool
    triggers_wanted: int
    triggers_present: int
    triggers_enabled: int
    triggers_current: int
    partitions_without_trigger: list[str]
    columns_missing: list[str]
    truncate_keeps_rows: bool

    @property
    def ok(self) -> bool:
        """Whether no change of this table can be missed."""
        found = (self.triggers_present, self.triggers_enabled, self.triggers_current)
        return self.exists and not self.columns_missing and all(number == self.triggers_wanted for number in found)


@dataclass(frozen=True, slots=True)
class Health:
    """The log as a whole."""

    installed_version: str | None
    partitions_ahead: int
    spilled_changes: int
    spilled_transactions: int
    oldest_entry: datetime | None
    moved_to_another_cluster: bool


def coverage(conn: psycopg.Connection[Any]) -> list[TableCoverage]:
    """Return what the watch over each tracked table is worth."""
    with conn.cursor(row_factory=class_row(TableCoverage)) as cursor:
        cursor.execute(query("coverage"))
        return cursor.fetchall()


def health(conn: psycopg.Connection[Any]) -> Health:
    """Return the state of the log: version, partitions ahead, spilled rows, oldest entry."""
    with conn.cursor(row_factory=class_row(Health)) as cursor:
        cursor.execute(query("health"))
        found = cursor.fetchone()
    assert found is not None  # noqa: S101 - the query gives one row
    return found


def outdated_objects(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the files whose functions or views the database has in another version."""
    return [file.name for file in repeatable.outdated(conn)]
