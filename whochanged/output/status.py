"""What `whochanged status` says: every tracked table, then the log as a whole."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from reports.findings import complaints
from reports.health import document
from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from rich.console import Console

    from capture.coverage import LastRun, TableCoverage
    from reports.alerts.state import AlertState
    from reports.findings import IndexLag, Report


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
    for remark in report.remarks:
        console.print(Text(f"- {neutral(remark)}", style="yellow"))
    print_problems(console, report.problems)


def print_problems(console: Console, problems: Sequence[str]) -> None:
    """Print what is amiss, a line each."""
    for problem in problems:
        console.print(Text(f"! {neutral(problem)}", style="bold red"))


def _facts(report: Report, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """The state of the log, a line each: its name and its value."""
    health, upkeep = report.health, report.upkeep
    yield "Oldest change", _time(health.oldest_entry, zone) or "none yet"
    yield "Days ahead", str(health.partitions_ahead)
    yield "Version", str(health.installed_version)
    yield (
        "DDL",
        report.ddl.trouble or "refused where it would switch capture off, logged where it alters a tracked table",
    )
    if report.index is not None:
        yield "Index", _index(report.index)
    if upkeep is None:
        return
    if upkeep.incarnation > 1:
        yield "Server", f"this database moved to another server on {_time(upkeep.incarnation_since, zone)}"
    if upkeep.purged_at is not None:
        changes = _count(upkeep.purged_changes or 0, "change", "changes")
        days = f"{upkeep.purged_from} to {upkeep.purged_to}"
        yield "Last purge", f"{_time(upkeep.purged_at, zone)}: {changes} of {days}"
    if report.reconciled is not None and report.reconciled.reconciled_at is not None:
        compared = f"{report.reconciled.tables} of {report.reconciled.watched} tables"
        yield "Reconciled", f"{_time(report.reconciled.reconciled_at, zone)}: {compared}"
    yield "Last digest", _time(upkeep.digest_cut_at, zone) or "none yet"
    if upkeep.mail_sent_at is not None:
        yield "Last mail", _time(upkeep.mail_sent_at, zone)
    if upkeep.deliveries_waiting or upkeep.deliveries_parked:
        yield "Mails", f"{upkeep.deliveries_waiting} waiting, {upkeep.deliveries_parked} given up"
    if report.alerts is not None and (told := _alerts(report.alerts)):
        yield "Alerts", told
    yield "Scheduler", "at work" if upkeep.scheduler_alive else "does not run"
    for run in report.runs:
        yield f"  {run.job}", _run(run, zone)


def _alerts(state: AlertState) -> str:
    waiting, given_up = state.mails_waiting + state.requests_waiting, state.mails_parked + state.requests_parked
    parts = {"waiting": waiting, "given up": given_up}
    said = [f"{number} {what}" for what, number in parts.items() if waiting or given_up]
    if state.held:
        said.append(f"{_count(state.held, 'change', 'changes')} held back for the next one")
    return ", ".join(said)


def _index(lag: IndexLag) -> str:
    if lag.days:
        return (
            f"lacks {_count(lag.days, 'day', 'days')}, read without it: whochanged run  or  whochanged index  makes it"
        )
    more = " and more" if lag.more else ""
    return (
        f"{_count(lag.transactions, 'transaction', 'transactions')}{more} behind" if lag.transactions else "up to date"
    )


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
    told = "every change" if table.truncate_keeps_rows else "every change; TRUNCATE without its rows"
    return f"{told}; available" if table.failure == "available" else told


def status_document(report: Report) -> dict[str, Any]:
    """The report as a JSON object."""
    tables = [{**asdict(table), "ok": table.ok, "complaints": complaints(table)} for table in report.tables]
    looked_after = {} if report.upkeep is None else asdict(report.upkeep)
    return {
        "sound": report.sound,
        "problems": report.problems,
        "remarks": report.remarks,
        "ddl": asdict(report.ddl),
        "tables": tables,
        **asdict(report.health),
        **looked_after,
        "runs": [asdict(run) for run in report.runs],
        "bounced": [{"email": email, "answer": answer} for email, answer in report.bounced],
        "no_admins": [*report.no_admins],
        **({} if report.fit is None else asdict(report.fit)),
        "unseen_ddl": dict(report.unseen_ddl),
        "views_compared": report.views_compared,
        "index": None if report.index is None else asdict(report.index),
        "rights": [asdict(weakness) for weakness in report.weaknesses],
        "alerts": None
        if report.alerts is None
        else {**asdict(report.alerts), "oldest_pending": report.alerts.oldest_pending},
        "service": None if report.service is None else document(report.service),
        "reconciled": None if report.reconciled is None else asdict(report.reconciled),
    }
