"""`whochanged purge`: what is older than the retention leaves the log."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whochanged.commands import common
from whochanged.output.machine import to_json

if TYPE_CHECKING:
    from rich.console import Console

    from capture.retention import PurgeReport


def purge(
    dry_run: common.DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was removed as one JSON object.")] = False,
    dsn: common.Dsn = None,
) -> None:
    """Remove what is older than the retention (90 days, unless set when installing), by whole UTC days.

    Run it daily, from cron or a timer, where whochanged run does not. No writer waits for it: what an open transaction stands
    in the way of is left for the next time.
    """
    from capture.retention import purge as purge_log
    from reports.jobs import purge_job

    with common.installed(dsn) as connection:
        report = purge_log(connection, dry_run=True) if dry_run else purge_job(connection)
    assert report is not None  # noqa: S101 - a run that is due now is never written down already
    if as_json:
        common.out().write(to_json(_document(report)) + "\n")
    else:
        _print_days(common.data(), report)
    _tell(common.talk(), report)


def _print_days(console: Console, report: PurgeReport) -> None:
    for day in report.days:
        console.print(f"{day.day}  {_counted(day.changes, 'change'):>18}  {day.bytes / 1024:10,.0f} kB")


def _tell(talk: Console, report: PurgeReport) -> None:
    would = "Would remove" if report.dry_run else "Removed"
    spilled = f", {report.spilled:,} of them spilled" if report.spilled else ""
    talk.print(
        f"{would} {_counted(report.changes, 'change')}{spilled} ({report.bytes / 1024:,.0f} kB) from before "
        f"{report.before:%Y-%m-%d} UTC, {_counted(report.digests, 'digest')} and {_counted(report.runs, 'old job run')}; "
        f"the retention is {_counted(report.retention_days, 'day')}."
    )
    for line in report.postponed:
        talk.print(f"Left for the next time: {line}")
    for line in report.notes:
        talk.print(f"Note: {line}")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _document(report: PurgeReport) -> dict[str, Any]:
    return {**asdict(report), "changes": report.changes, "bytes": report.bytes}
