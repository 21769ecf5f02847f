"""What `whochanged status` says: every tracked table, then the log as a whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from rich.console import Console

    from capture.coverage import Health, LastRun, TableCoverage, Upkeep

_ENOUGH_DAYS = 7


_DAILY = timedelta(hours=26)
"""A daily job that is older than this did not run."""
_LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Report:
    """All that the checks found; `overdue` are the addresses whose digests have been due for an hour, of `readers` in all."""

    tables: Sequence[TableCoverage]
    health: Health
    outdated: Sequence[str]
    program_version: str
    differing_settings: Sequence[str]
    upkeep: Upkeep | None = None
    runs: Sequence[LastRun] = ()
    overdue: Sequence[str] = ()
    readers: int = 0
    strays: Sequence[str] = ()
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
            found.append(f"{len(self.outdated)} functions or views differ from this version: run  whochanged install")
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
        found += [
            f"{table} has the log's triggers and is not under watch, perhaps a partition that was detached: nothing of it is "
            f"recorded. Track it, or run  SELECT audit.untrack('{table}'::regclass)"
            for table in self.strays
        ]
        found += [
            f"the last run of {run.job} failed: {run.error or 'without a reason'}"
            for run in self.runs
            if run.outcome == "failed"
        ]
        found += [
            f"the last run of {run.job} is {_age(self.now - run.started_at)} old: does  whochanged run  or cron still run?"
            for run in self.runs
            if run.job != "digest" and self.now - run.started_at > _DAILY
        ]
        return found + self._of_digests() + list(self.differing_settings)

    def _of_digests(self) -> list[str]:
        """What keeps readers from what they should know, or the log from its size."""
        if self.upkeep is None:
            return []
        found = []
        if self.upkeep.purge_overdue:
            found.append("changes older than the retention are still there: run  whochanged purge")
        if self.upkeep.deliveries_parked:
            mails = _count(self.upkeep.deliveries_parked, "mail was", "mails were")
            found.append(f"{mails} given up: whochanged digest list  shows what the mail server said")
        if self.upkeep.deliveries_late:
            mails = _count(self.upkeep.deliveries_late, "mail has", "mails have")
            found.append(
                f"{mails} waited for more than an hour: whochanged digest list  shows what the mail server said"
            )
        if self.overdue:
            found.append(
                f"digests are overdue for {', '.join(self.overdue)}: does  whochanged run  or  whochanged digest send  run?"
            )
        opened = self.upkeep.oldest_open
        if opened is not None and self.now - opened > _LATE and (self.overdue or self.readers):
            found.append(
                f"a transaction has been open for {_age(self.now - opened)}: digests wait for it; "
                "see pg_stat_activity and pg_prepared_xacts"
            )
        return found

    @property
    def sound(self) -> bool:
        """Whether nothing is amiss."""
        return not self.problems and all(table.ok for table in self.tables)


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
    wanted = table.triggers_wanted
    found = []
    if table.triggers_present < wanted:
        found.append(f"{wanted - table.triggers_present} of {wanted} triggers missing")
    if table.triggers_enabled < table.triggers_present:
        found.append(f"{table.triggers_present - table.triggers_enabled} triggers disabled")
    if table.triggers_current < table.triggers_enabled:
        found.append("triggers out of date")
    found += _altered(table)
    if table.columns_missing:
        found.append(f"columns gone: {', '.join(table.columns_missing)}")
    if table.partitions_without_trigger:
        found.append(f"partitions without triggers: {', '.join(table.partitions_without_trigger)}")
    return found


def _altered(table: TableCoverage) -> list[str]:
    """What became of the table itself since it was put under watch."""
    found = []
    if table.name_taken:
        found.append(f"is called {table.now_called} now, and another table has its name: run  whochanged install")
    elif table.now_called:
        found.append(f"is called {table.now_called} now: name it so in the catalogue, then run  whochanged install")
    if table.inherited_by:
        found.append(f"rows of tables that inherit from it are not recorded: {', '.join(table.inherited_by)}")
    if table.columns_since:
        found.append(f"columns changed: {', '.join(table.columns_since)}: run  whochanged install")
    return found


def print_status(console: Console, report: Report, zone: tzinfo) -> None:
    """Print a line for each tracked table, then the state of the log."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for table in report.tables:
        amiss = complaints(table)
        mark = (
            Text("ok", style="green")
            if table.ok and not amiss
            else Text("MISSED", style="bold red")
            if not table.ok
            else Text("note", style="yellow")
        )
        told = "; ".join(amiss) or _watch(table)
        grid.add_row(mark, Text(neutral(table.table_name)), Text(neutral(told), style="" if amiss else "dim"))
    if report.tables:
        console.print(grid)
    else:
        console.print("No table is tracked yet.")
    console.print()
    for name, value in _facts(report, zone):
        console.print(Text(f"{name:15}{neutral(value)}"))
    for problem in report.problems:
        console.print(Text(f"! {neutral(problem)}", style="bold red"))


def _facts(report: Report, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """The state of the log, a line each: its name and its value."""
    health, upkeep = report.health, report.upkeep
    yield "Oldest change", _time(health.oldest_entry, zone) or "none yet"
    yield "Days ahead", str(health.partitions_ahead)
    yield "Version", str(health.installed_version)
    if upkeep is None:
        return
    if upkeep.incarnation > 1:
        yield "Server", f"this database moved to another server on {_time(upkeep.incarnation_since, zone)}"
    if upkeep.purged_at is not None:
        changes = _count(upkeep.purged_changes or 0, "change", "changes")
        days = f"{upkeep.purged_from} to {upkeep.purged_to}"
        yield "Last purge", f"{_time(upkeep.purged_at, zone)}: {changes} of {days}"
    yield "Last digest", _time(upkeep.digest_cut_at, zone) or "none yet"
    if upkeep.mail_sent_at is not None:
        yield "Last mail", _time(upkeep.mail_sent_at, zone)
    if upkeep.deliveries_waiting or upkeep.deliveries_parked:
        yield "Mails", f"{upkeep.deliveries_waiting} waiting, {upkeep.deliveries_parked} given up"
    yield "Scheduler", "at work" if upkeep.scheduler_alive else "does not run"
    for run in report.runs:
        yield f"  {run.job}", _run(run, zone)


def _run(run: LastRun, zone: tzinfo) -> str:
    said = f"{_time(run.started_at, zone)}  {run.outcome}"
    looked = run.detail.get("checked_at")
    if isinstance(looked, str):
        said += f", looked again at {_time(datetime.fromisoformat(looked), zone)}"
    return said if run.error is None else f"{said}: {run.error}"


def _time(at: datetime | None, zone: tzinfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _watch(table: TableCoverage) -> str:
    if table.kind == "label":
        return "names only"
    return "every change" if table.truncate_keeps_rows else "every change; TRUNCATE without its rows"


def status_document(report: Report) -> dict[str, Any]:
    """The report as a JSON object."""
    tables = [{**asdict(table), "ok": table.ok} for table in report.tables]
    looked_after = {} if report.upkeep is None else asdict(report.upkeep)
    return {
        "sound": report.sound,
        "problems": report.problems,
        "tables": tables,
        **asdict(report.health),
        **looked_after,
        "runs": [asdict(run) for run in report.runs],
    }
