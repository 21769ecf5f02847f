"""What `whochanged status` says: every tracked table, then the log as a whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from whochanged.output.machine import utc
from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from rich.console import Console

    from capture.coverage import Health, TableCoverage

_ENOUGH_DAYS = 3


@dataclass(frozen=True, slots=True)
class Report:
    """All that the checks found."""

    tables: Sequence[TableCoverage]
    health: Health
    outdated: Sequence[str]
    program_version: str
    differing_settings: Sequence[str]

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
            found.append("the partitions ahead run out: run  whochanged partitions  every day")
        if self.health.moved_to_another_cluster:
            found.append("the database was restored into another cluster: run  whochanged install")
        spilled = self.health.spilled_changes + self.health.spilled_transactions
        if spilled:
            found.append(
                f"{spilled} rows lie in the spill tables, since a day's partition was missing; nothing is lost"
            )
        return found + list(self.differing_settings)

    @property
    def sound(self) -> bool:
        """Whether nothing is amiss."""
        return not self.problems and all(table.ok for table in self.tables)


def complaints(table: TableCoverage) -> list[str]:
    """What is amiss with one table."""
    if not table.exists:
        return ["the table is gone"]
    wanted = table.triggers_wanted
    found = []
    if table.triggers_present < wanted:
        found.append(f"{wanted - table.triggers_present} of {wanted} triggers missing")
    if table.triggers_enabled < table.triggers_present:
        found.append(f"{table.triggers_present - table.triggers_enabled} triggers disabled")
    if table.triggers_current < table.triggers_enabled:
        found.append("triggers out of date")
    if table.columns_missing:
        found.append(f"columns gone: {', '.join(table.columns_missing)}")
    if table.partitions_without_trigger:
        found.append(f"partitions without triggers: {', '.join(table.partitions_without_trigger)}")
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
    health = report.health
    oldest = "none yet" if health.oldest_entry is None else f"{health.oldest_entry.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    console.print(f"Oldest change  {oldest}")
    console.print(f"Days ahead     {health.partitions_ahead}")
    console.print(f"Version        {health.installed_version}")
    for problem in report.problems:
        console.print(Text(f"! {neutral(problem)}", style="bold red"))


def _watch(table: TableCoverage) -> str:
    if table.kind == "label":
        return "names only"
    return "every change" if table.truncate_keeps_rows else "every change; TRUNCATE without its rows"


def status_document(report: Report) -> dict[str, Any]:
    """The report as a JSON object."""
    health = asdict(report.health)
    if report.health.oldest_entry is not None:
        health["oldest_entry"] = utc(report.health.oldest_entry)
    tables = [{**asdict(table), "ok": table.ok} for table in report.tables]
    return {"sound": report.sound, "problems": report.problems, "tables": tables, **health}
