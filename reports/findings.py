"""What `whochanged status` finds amiss, and what it says to do about each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from capture.events import DdlWatch
from reports.alerts.complaints import alert_problems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from capture.catalogue.fitting import Fit
    from capture.coverage import Health, LastRun, Reconciled, TableCoverage, Upkeep
    from capture.rights import Weakness
    from reports.alerts.state import AlertState
    from reports.health import Health as ServiceHealth

_ENOUGH_DAYS = 7

_DAILY = timedelta(hours=26)
"""A daily job that is older than this did not run."""

_DAILY_JOBS = frozenset({"partitions", "purge"})

_LATE = timedelta(hours=1)

_NAMED = 5
"""So many names stand in a line; the rest is counted."""


@dataclass(frozen=True, slots=True)
class IndexLag:
    """What the index of entries lacks: so many UTC days, and transactions of the others; `more` where they were too many to count."""

    days: int
    transactions: int
    more: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All that the checks found; `overdue` are the addresses whose digests have been due for an hour, of `readers` in all.

    `bounced` are the addresses whose mails come back, each with what the mail server said; `no_admins` those that the query of
    admins does not name any more.
    """

    tables: Sequence[TableCoverage]
    health: Health
    outdated: Sequence[str]
    program_version: str
    differing_settings: Sequence[str]
    upkeep: Upkeep | None = None
    runs: Sequence[LastRun] = ()
    overdue: Sequence[str] = ()
    readers: int = 0
    bounced: Sequence[tuple[str, str]] = ()
    no_admins: Sequence[str] = ()
    strays: Sequence[str] = ()
    fit: Fit | None = None
    weaknesses: Sequence[Weakness] = ()
    ddl: DdlWatch = field(default_factory=DdlWatch)
    reconciled: Reconciled | None = None
    alerts: AlertState | None = None
    service: ServiceHealth | None = None
    unseen_ddl: Mapping[str, str] = field(default_factory=dict)
    views_compared: bool = True
    index: IndexLag | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def problems(self) -> list[str]:
        """What is amiss with the log itself, and what to do."""
        found = []
        if self.health.installed_version != self.program_version:
            found.append(
                f"installed by version {self.health.installed_version}, this is {self.program_version}: run  whochanged install"
            )
        elif self.outdated:
            found.append(
                f"functions or views differ from this version ({_some(self.outdated)}): run  whochanged install"
            )
        if self.health.partitions_ahead < _ENOUGH_DAYS:
            days = self.health.partitions_ahead
            found.append(f"there is room for {days} days ahead only: run  whochanged partitions  every day")
        if self.health.moved_to_another_cluster:
            found.append("the database was restored into another cluster: run  whochanged install")
        spilled = self.health.spilled_changes + self.health.spilled_transactions
        if spilled:
            found.append(
                f"{spilled} rows lie in the spill tables, since a day's partition was missing; nothing is lost: "
                "run  whochanged partitions"
            )
        found += self._of_failures()
        found += [
            f"{table} has the log's triggers and is not under watch, perhaps a partition that was detached: nothing of it is "
            f"recorded. Track it, or run  SELECT audit.untrack('{table}'::regclass)"
            for table in self.strays
        ]
        found += self._of_the_catalogue()
        found += [f"{weakness.said}: run  {weakness.remedy}" for weakness in self.weaknesses]
        found += [
            f"the last run of {run.job} failed: {run.error or 'without a reason'}"
            for run in self.runs
            if run.outcome == "failed"
        ]
        found += [
            f"the last run of {run.job} is {_age(self.now - run.started_at)} old: {self._who_runs}"
            for run in self.runs
            if run.job in _DAILY_JOBS and self.now - run.started_at > _DAILY
        ]
        if self.reconciled is not None and self.reconciled.differences:
            found.append(
                f"{_count(self.reconciled.differences, 'difference', 'differences')} between tables and their log: "
                "whochanged reconcile  shows them"
            )
        if self.ddl.broken:
            found.append(str(self.ddl.trouble))
        return found + self._of_digests() + self._of_alerts() + list(self.differing_settings)

    def _of_failures(self) -> list[str]:
        """What could not be logged of tables whose writes go through all the same."""
        found = []
        if self.health.degraded:
            number = _count(sum(self.health.degraded.values()), "statement", "statements")
            found.append(
                f"{number} of the last 7 days could not be recorded in full, over {_some(sorted(self.health.degraded))}: run  "
                "whochanged log --search 'could not be recorded'"
            )
        if self.health.unrecorded:
            number = _count(self.health.unrecorded, "statement", "statements")
            found.append(
                f"{number} went through without any trace in the log, which could not be written: the server's log has a warning for "
                "each. When that is seen to, run  ALTER SEQUENCE audit.unrecorded RESTART"
            )
        return found

    @property
    def _holder(self) -> str:
        """Who holds the digests back, where that is known."""
        holder = None if self.service is None else self.service.watermark.holder
        return "pg_stat_activity and pg_prepared_xacts" if holder is None else str(holder)

    @property
    def _who_runs(self) -> str:
        """What to do where a job is overdue."""
        if self.upkeep is not None and self.upkeep.scheduler_alive:
            return "a scheduler runs, so look what it printed"
        return "no scheduler runs: start  whochanged run,  or let cron run the jobs"

    def _of_the_catalogue(self) -> list[str]:
        """What is not watched or cannot be told, since catalogue, database and watch differ."""
        if self.fit is None:
            return []
        found = []
        if self.fit.not_tracked:
            found.append(f"in the catalogue and not tracked: {_some(self.fit.not_tracked)}: run  whochanged install")
        schemas: dict[str, list[str]] = {}
        for name in self.fit.untracked:
            schemas.setdefault(name.split(".", maxsplit=1)[0], []).append(name)
        for schema, names in schemas.items():
            tables = _count(len(names), "table is", "tables are")
            found.append(
                f"{tables} not tracked in schema {schema}, where others are: {_some(names)}: describe them in the catalogue, or "
                "leave them out there by  untracked = [...],  then run  whochanged install --catalog FILE"
            )
        found += [
            f"{said}: correct the catalogue, then run  whochanged install --catalog FILE" for said in self.fit.unfit
        ]
        return found

    def _of_digests(self) -> list[str]:
        """What keeps readers from what they should know, or the log from its size."""
        if self.upkeep is None:
            return []
        found = []
        if self.upkeep.purge_overdue:
            found.append("changes older than the retention are still there: run  whochanged purge")
        # Of alerts more is said by themselves.
        parked = self.upkeep.deliveries_parked - (self.alerts.mails_parked if self.alerts else 0)
        if parked > 0:
            mails = _count(parked, "mail was", "mails were")
            found.append(f"{mails} given up: whochanged digest list  shows what the mail server said")
        if self.upkeep.deliveries_late:
            mails = _count(self.upkeep.deliveries_late, "mail has", "mails have")
            found.append(
                f"{mails} waited for more than an hour: whochanged digest list  shows what the mail server said"
            )
        found += [
            f"mails to {email} come back ({said}): put mailbox or address right, then run  whochanged recipients resume {email}"
            for email, said in self.bounced[:_NAMED]
        ]
        if (more := len(self.bounced) - _NAMED) > 0:
            found.append(
                f"mails to {_count(more, 'other', 'others')} come back, too: whochanged recipients list  names them"
            )
        if self.overdue:
            found.append(f"digests are overdue for {_some(self.overdue)}: {self._who_runs}")
        opened = self.upkeep.oldest_open
        if opened is not None and self.now - opened > _LATE and (self.overdue or self.readers):
            found.append(
                f"a transaction has been open for {_age(self.now - opened)}: digests wait for it; see {self._holder}"
            )
        return found

    def _of_alerts(self) -> list[str]:
        """What keeps sensitive changes from those who should know at once."""
        state = self.alerts
        return [] if state is None else list(alert_problems(state, self.now))

    @property
    def remarks(self) -> list[str]:
        """What is no fault, and worth knowing."""
        wordless = self.fit.wordless if self.fit is not None else {}
        told = [f"no label yet in the catalogue: {table}: {_some(columns)}" for table, columns in wordless.items()]
        told += [
            f"{table} was altered unseen: {what}: the next DDL on it is told together with this"
            for table, what in self.unseen_ddl.items()
        ]
        if not self.views_compared:
            told.append("the views were not compared with this version: this login can make no temporary view here")
        if self.no_admins:
            told.append(
                f"nothing is mailed to {_some(self.no_admins)}: the query of admins, or their account of the page, does not let them see "
                "all that they are told of"
            )
        return told

    @property
    def sound(self) -> bool:
        """Whether nothing is amiss."""
        return not self.problems and all(table.ok for table in self.tables)


def _some(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    told = ", ".join(names[:_NAMED])
    return told if len(names) <= _NAMED else f"{told} and {len(names) - _NAMED:,} more"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _age(age: timedelta) -> str:
    hours, days = age // timedelta(hours=1), age // timedelta(days=1)
    return f"{days} days" if days > 1 else f"{hours} hours"


def complaints(table: TableCoverage) -> list[str]:
    """What is amiss with one table."""
    if not table.exists:
        name = table.table_name.replace("'", "''")
        return [
            f"the table is gone: make it again and run  whochanged install,  or end the watch:  SELECT audit.untrack('{name}')"
        ]
    found = [
        f"{what}: {_some(names)}: run  whochanged install"
        for what, names in (
            ("triggers missing", table.triggers_missing),
            ("triggers disabled", table.triggers_disabled),
            ("triggers enabled, but not as they should be", table.triggers_not_always),
            ("triggers not as this version makes them", table.triggers_changed),
            ("partitions without triggers", table.partitions_without_trigger),
        )
        if names
    ]
    found += _altered(table)
    if table.columns_missing:
        found.append(
            f"columns gone: {_some(table.columns_missing)}: take them out of the catalogue, then run  whochanged install"
        )
    return found


def _altered(table: TableCoverage) -> list[str]:
    """What became of the table itself since it was put under watch."""
    found = []
    if table.name_taken:
        found.append(f"is called {table.now_called} now, and another table has its name: run  whochanged install")
    elif table.now_called:
        found.append(f"is called {table.now_called} now: name it so in the catalogue, then run  whochanged install")
    if table.inherited_by:
        found.append(f"rows of tables that inherit from it are not recorded: {_some(table.inherited_by)}")
    if table.columns_since:
        found.append(f"columns changed: {_some(table.columns_since)}: run  whochanged install")
    return found
