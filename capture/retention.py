"""Removing what is older than the retention: whole UTC days, by dropping partitions, without a writer having to wait.

A day's partition is detached first (DETACH ... CONCURRENTLY waits for the transactions that are open, and stops none), then dropped.
The row of audit.purge is written in the transaction that drops: it says what is gone, all of it and nothing else, whenever the
process dies. What was detached and not dropped has a name that tells, and is dropped and told by the next purge.
In the same transaction the baselines of tracked tables (capture/baseline.py) take on what goes.

Registry rows (audit.entity) of deleted rows stay, whatever their age: any change that is still there may hold the key of one
among its values, and finding out would mean reading the whole log.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.rows import class_row, tuple_row

from capture.errors import ConfigurationError
from capture.resources import query
from capture.upkeep import OWNER, acting_as_owner, one, one_at_a_time, setting

LOCK_TIMEOUT = "50ms"
PATIENCE = 5.0
DEFAULT_DAYS = 90
LONGEST_DAYS = 36500
TABLES_AT_ONCE = 100
"""Tables dropped in one transaction: each takes about five of the server's locks, of which there are some thousands."""

_PAUSE = 0.1
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class PurgedDay:
    """One UTC day that was removed, or would be: the number of its changes and the bytes on disk."""

    day: date
    changes: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What a purge removed, or would remove; `before` is the UTC midnight before which everything goes.

    `spilled` counts the changes in the spill table, `digests` the mails (with their deliveries), `runs` the rows of
    audit.job_run. `postponed` says in a line each what could not be done now, and the next purge does; `notes` what no
    purge does by itself.
    """

    retention_days: int
    before: datetime
    days: tuple[PurgedDay, ...] = ()
    spilled: int = 0
    digests: int = 0
    runs: int = 0
    postponed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def changes(self) -> int:
        """How many changes, spilled ones included."""
        return self.spilled + sum(day.changes for day in self.days)

    @property
    def bytes(self) -> int:
        """How much space, in bytes."""
        return sum(day.bytes for day in self.days)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of one day, as purge_tables.sql tells it."""

    parent: str
    name: str
    ours: bool
    state: str
    old: bool
    first_day: date | None
    last_day: date | None
    bytes: int

    def changes(self, rows: int) -> int:
        """How many changes so many rows of it are."""
        return rows if self.parent == "change" else 0


def retention_days(conn: psycopg.Connection[Any]) -> int:
    """Return how many periods of 24 hours a change stays in the log; 90 where nothing is set, as in the views.

    Raises ConfigurationError where the setting is no number of days, so that nothing is dropped by mistake.
    """
    said = one(conn, query("reading_setting"), {"name": "retention_days"})
    text = str(DEFAULT_DAYS) if said is None or not said.strip() else said.strip()
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= LONGEST_DAYS:
        raise ConfigurationError(
            f"the retention of the log is '{said}', which is no number of days from 1 to {LONGEST_DAYS}: "
            "set WHOCHANGED_RETENTION_DAYS and run  whochanged install"
        )
    return int(text)


def purge(conn: psycopg.Connection[Any], *, dry_run: bool = False) -> PurgeReport:
    """Remove what is older than the retention by the database's clock, and finish what an earlier purge left undone.

    *conn* must be in no transaction, and its login a member of audit_owner. Each removal is committed at once, and what an
    open transaction stands in the way of is postponed. With *dry_run* nothing changes.

    Raises ConfigurationError for a wrong retention, DatabaseError where rights are missing or another purge is at work.
    """
    with acting_as_owner(conn), one_at_a_time(conn), setting(conn, "lock_timeout", LOCK_TIMEOUT):
        days = retention_days(conn)
        report = PurgeReport(days, _before(conn, days), dry_run=dry_run)
        if dry_run:
            return _preview(conn, report)
        for step in (_detach, _drop, _remove_rows):
            try:
                report = step(conn, report)
            except _BUSY:
                postponed = "the rest: somebody holds a lock on the log, such as a CREATE INDEX or a dump"
                return replace(report, postponed=(*report.postponed, postponed))
        return report


def _before(conn: psycopg.Connection[Any], days: int) -> datetime:
    found: datetime = one(conn, query("purge_before"), {"days": days})
    return found.astimezone(UTC)


def _tables(conn: psycopg.Connection[Any], before: datetime) -> list[_Table]:
    with conn.cursor(row_factory=class_row(_Table)) as cursor:
        return cursor.execute(query("purge_tables"), {"before": before}).fetchall()


def _detach(conn: psycopg.Connection[Any], report: PurgeReport) -> PurgeReport:
    """Make the old partitions tables of their own."""
    tables = _tables(conn, report.before)
    notes = [
        f"audit.{table.name} belongs to another role: run  ALTER TABLE audit.{table.name} OWNER TO {OWNER}"
        for table in tables
        if table.old and not table.ours
    ]
    notes += [
        f"audit.{table.name} was taken out of the log and is younger than the retention: put it back with "
        f"ALTER TABLE audit.{table.parent} ATTACH PARTITION, or move it to another schema"
        for table in tables
        if not table.old and table.state != "attached"
    ]
    report = replace(report, notes=tuple(notes))
    # What was broken off comes first, whatever its age: it bars every other detaching, and cannot be taken back.
    wanted = [table for table in tables if table.state == "leaving"]
    wanted += [table for table in tables if table.state == "attached" and table.old and table.ours]
    for table in wanted:
        if not _detach_one(conn, table):
            postponed = f"audit.{table.name} and what follows: a transaction that has used the log is still open"
            return replace(report, postponed=(postponed,))
    return report


def _detach_one(conn: psycopg.Connection[Any], table: _Table) -> bool:
    """Detach one partition, or finish its detaching; False where open transactions did not let us in time."""
    end = time.monotonic() + PATIENCE
    while (state := one(conn, query("purge_state"), {"name": table.name})) in {"attached", "leaving"}:
        # A statement that the time limit broke off has marked the partition as leaving: from there only FINALIZE leads on.
        how = sql.SQL("concurrently" if state == "attached" else "finalize")
        names = sql.Identifier("audit", table.parent), sql.Identifier("audit", table.name)
        try:
            conn.execute(sql.SQL("alter table {} detach partition {} {}").format(*names, how))
        except _BUSY:
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE)
    return True


def _drop(conn: psycopg.Connection[Any], report: PurgeReport) -> PurgeReport:
    """Drop the old tables that are no partitions any more, and the old rows of the spill tables."""
    tables = [table for table in _tables(conn, report.before) if table.old and table.ours and table.state == "left"]
    for start in range(0, max(len(tables), 1), TABLES_AT_ONCE):
        dropped = _drop_some(conn, report, tables[start : start + TABLES_AT_ONCE])
        stopped = len(dropped.postponed) > len(report.postponed)
        report = dropped
        if stopped:
            break
    return report


def _drop_some(conn: psycopg.Connection[Any], report: PurgeReport, tables: Sequence[_Table]) -> PurgeReport:
    """Drop tables in one transaction, oldest first, and write down in the same one what went."""
    days = {day.day: day for day in report.days}
    notes, postponed = report.notes, report.postponed
    # Counted before the transaction, which digests would have to wait for: nothing new can come to these tables.
    counted = [(table, *_rows(conn, table)) for table in tables]
    changes, size, edges = 0, 0, list[date]()
    with conn.transaction():
        locked: list[tuple[_Table, int]] = []
        for table, rows, youngest in counted:
            if youngest is not None and youngest >= report.before:
                notes = (*notes, f"audit.{table.name} holds rows that are younger than its name says: look at them")
                continue
            if not _lock(conn, table):
                postponed = (*postponed, f"audit.{table.name} and what follows: a transaction is still reading it")
                break
            locked.append((table, rows))
        parts = [f"audit.{table.name}" for table, _ in locked if table.parent == "change"]
        conn.execute(query("purge_roll"), {"parts": [*parts, "audit.change_spill"], "before": report.before})
        for table, rows in locked:
            conn.execute(sql.SQL("drop table {}").format(sql.Identifier("audit", table.name)))
            _add(days, table, rows)
            changes, size = changes + table.changes(rows), size + table.bytes
            edges += [day for day in (table.first_day, table.last_day) if day is not None]
        spilled, spill_edges = _delete_spilled(conn, report.before)
        changes, edges = changes + spilled, edges + spill_edges
        if changes:
            told = {"first_day": min(edges), "last_day": max(edges), "changes": changes, "bytes": size}
            conn.execute(query("purge_record"), {**told, "retention_days": report.retention_days})
    return replace(
        report,
        days=tuple(days[day] for day in sorted(days)),
        spilled=report.spilled + spilled,
        postponed=postponed,
        notes=notes,
    )


def _add(days: dict[date, PurgedDay], table: _Table, rows: int) -> None:
    """Count a table into its day."""
    assert table.first_day is not None  # noqa: S101 - an old table has its days
    known = days.get(table.first_day, PurgedDay(table.first_day))
    days[table.first_day] = replace(known, changes=known.changes + table.changes(rows), bytes=known.bytes + table.bytes)


def _lock(conn: psycopg.Connection[Any], table: _Table) -> bool:
    """Lock a table that nothing new can come to; False where somebody went on reading it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with conn.transaction():
                conn.execute(sql.SQL("lock table {}").format(sql.Identifier("audit", table.name)))
        except _BUSY:
            if time.monotonic() > end:
                return False
            time.sleep(_PAUSE)
        else:
            return True


def _rows(conn: psycopg.Connection[Any], table: _Table) -> tuple[int, datetime | None]:
    """Return how many rows a table has, and the time of its youngest."""
    count = sql.SQL("select pg_catalog.count(*), pg_catalog.max(at) from {}")
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(count.format(sql.Identifier("audit", table.name))).fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives one row
    return int(row[0]), row[1]


def _delete_spilled(conn: psycopg.Connection[Any], before: datetime) -> tuple[int, list[date]]:
    """Delete the old rows of the spill tables; return how many changes, and the first and last day of what went."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("purge_spill"), {"before": before}).fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    changes, first, last = row
    return int(changes), [day for day in (first, last) if day is not None]


def _remove_rows(conn: psycopg.Connection[Any], report: PurgeReport) -> PurgeReport:
    """Remove old digests and old runs of jobs, and what the index of entries has of old changes."""
    given = {"before": report.before}
    one(conn, query("purge_index"), given)
    return replace(report, digests=one(conn, query("purge_digests"), given), runs=one(conn, query("purge_runs"), given))


def _preview(conn: psycopg.Connection[Any], report: PurgeReport) -> PurgeReport:
    """Return what would go: tables are counted, and the rows are deleted in a transaction that is rolled back."""
    days: dict[date, PurgedDay] = {}
    with conn.transaction(force_rollback=True):
        for table in _tables(conn, report.before):
            if table.old and table.ours:
                _add(days, table, _rows(conn, table)[0])
        spilled, _ = _delete_spilled(conn, report.before)
        report = _remove_rows(conn, replace(report, spilled=spilled))
    return replace(report, days=tuple(days[day] for day in sorted(days)))
