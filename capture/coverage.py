"""Whether everything that should be watched is watched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from capture import repeatable
from capture.renewal import differing_functions
from capture.resources import query
from capture.upkeep import LEADER, LOCKS, one


@dataclass(frozen=True, slots=True)
class TableCoverage:
    """One tracked table: the triggers it should have, and those found, enabled and as this version makes them.

    `triggers_missing` to `triggers_changed` are names, those on partitions with ` on ` and the partition: not there; there and disabled;
    enabled, and silent in sessions that replicate or restore; of another making.
    `columns_missing` are gone though the watch names them, `columns_since` came or were renamed, which capture follows.
    `now_called` is the present name of a renamed table; `name_taken` tells that another table has its old one.
    `inherited_by` are children by plain inheritance, which no trigger of their parent sees. `failure` is strict or available.
    """

    table_name: str
    kind: str
    exists: bool
    triggers_wanted: int
    triggers_present: int
    triggers_enabled: int
    triggers_current: int
    triggers_missing: list[str]
    triggers_disabled: list[str]
    triggers_not_always: list[str]
    triggers_changed: list[str]
    partitions_without_trigger: list[str]
    columns_missing: list[str]
    columns_since: list[str]
    now_called: str | None
    name_taken: bool
    inherited_by: list[str]
    truncate_keeps_rows: bool
    failure: str

    @property
    def ok(self) -> bool:
        """Whether no change of this table can be missed."""
        found = (self.triggers_present, self.triggers_enabled, self.triggers_current)
        told = not self.columns_missing and not self.name_taken and not self.inherited_by
        return self.exists and told and all(number == self.triggers_wanted for number in found)


@dataclass(frozen=True, slots=True)
class Health:
    """The log as a whole.

    `degraded` counts, by table, the statements of the last seven days that could not be logged in full; `unrecorded` are those that
    are not in the log at all, since somebody last set audit.unrecorded back.
    """

    installed_version: str | None
    partitions_ahead: int
    spilled_changes: int
    spilled_transactions: int
    oldest_entry: datetime | None
    moved_to_another_cluster: bool
    degraded: dict[str, int]
    unrecorded: int


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of a job; `detail` is what it did, in numbers, and when somebody last looked and found nothing to do."""

    job: str
    due: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    detail: dict[str, Any]
    error: str | None


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Whether the log is looked after: the last purge that removed something, the last digest and mail, what waits.

    `incarnation` counts the clusters that the database has lived in; a second one means that it moved at `incarnation_since`.
    `digest_cut_at` is of any digest, `digest_mailed_at` of one that was to be mailed; `mail_sent_at` is when a mail server took one.
    `deliveries_parked` are those refused for good, `deliveries_late` those that have waited for an hour. `purge_overdue` tells whether
    changes are there that should have gone two days ago. `oldest_open` is when the oldest transaction that is still open began.
    `scheduler_alive` tells whether a process leads now.
    """

    incarnation: int
    incarnation_since: datetime
    purged_at: datetime | None
    purged_from: date | None
    purged_to: date | None
    purged_changes: int | None
    digest_cut_at: datetime | None
    digest_mailed_at: datetime | None
    mail_sent_at: datetime | None
    deliveries_waiting: int
    deliveries_parked: int
    deliveries_late: int
    purge_overdue: bool
    oldest_open: datetime | None
    scheduler_alive: bool


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of comparing tables with their log: of `tables` of the `watched` ones, the oldest at `reconciled_at`."""

    reconciled_at: datetime | None
    differences: int
    tables: int
    watched: int


def coverage(conn: psycopg.Connection[Any]) -> list[TableCoverage]:
    """Return what the watch over each tracked table is worth."""
    with conn.cursor(row_factory=class_row(TableCoverage)) as cursor:
        cursor.execute(query("coverage"))
        return cursor.fetchall()


def strays(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the tables that have triggers of the log and are not under watch, as detached partitions: nothing of them is recorded."""
    return [str(row[0]) for row in conn.execute(query("coverage_strays")).fetchall()]


def health(conn: psycopg.Connection[Any]) -> Health:
    """Return the state of the log: version, partitions ahead, spilled rows, oldest entry."""
    with conn.cursor(row_factory=class_row(Health)) as cursor:
        cursor.execute(query("health"))
        found = cursor.fetchone()
    assert found is not None  # noqa: S101 - the query gives one row
    return found


def upkeep(conn: psycopg.Connection[Any]) -> tuple[Upkeep, list[LastRun]] | None:
    """Return how the log is looked after, and the last run of each job; None in a database of an older version."""
    if one(conn, query("upkeep_there")) is None:
        return None
    with conn.cursor(row_factory=class_row(Upkeep)) as cursor:
        found = cursor.execute(query("upkeep"), {"locks": LOCKS, "leader": LEADER}).fetchone()
    with conn.cursor(row_factory=class_row(LastRun)) as cursor:
        runs = cursor.execute(query("upkeep_runs")).fetchall()
    assert found is not None  # noqa: S101 - installing notes the first cluster
    return found, runs


def reconciled(conn: psycopg.Connection[Any]) -> Reconciled | None:
    """Return when the tables were last compared with their log; None in a database of an older version."""
    if one(conn, "select pg_catalog.to_regclass('audit.baseline_table')") is None:
        return None
    with conn.cursor(row_factory=class_row(Reconciled)) as cursor:
        return cursor.execute(query("reconcile_last")).fetchone()


def unseen_ddl(conn: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the tracked tables that are not as the log last saw them, by name, and what changed: no entry tells of it yet."""
    if one(conn, "select pg_catalog.to_regclass('audit.table_shape')") is None:
        return {}
    return {str(row[0]): str(row[1]) for row in conn.execute(query("unseen_ddl")).fetchall()}


def outdated_objects(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the files whose functions or views the database has in another version, and the functions of single tables that are."""
    return [file.name for file in repeatable.outdated(conn)] + differing_functions(conn)
