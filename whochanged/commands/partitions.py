"""`whochanged partitions`: the days that the log has room for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from whochanged.commands import common
from whochanged.output.machine import to_json
from whochanged.output.safety import neutral


def partitions(
    days: Annotated[int, typer.Option("--days", min=1, max=366, metavar="N", help="Make so many days ahead.")] = 14,
    as_json: common.AsJson = False,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Make the log's partitions for the days ahead, fill in rows that were spilled, and list all partitions.

    New partitions of tracked tables get the triggers of the log, where the login owns them and no event trigger did so.

    Run it daily, from cron or a timer, where whochanged run does not. Without a day's partition nothing is lost: its rows go
    to the spill tables, and from there to their partition.
    """
    with common.installed(dsn) as connection:
        from capture.partitions import list_partitions
        from capture.resources import query
        from reports.jobs import partitions_job

        talk = common.talk()
        if dry_run:
            talk.print(f"Would make what is missing of today and the next {days} days, and fill in spilled rows.")
        else:
            report = partitions_job(connection, days=days)
            assert report is not None  # noqa: S101 - a run that is due now is never written down already
            made = len(report.made)
            talk.print(
                f"{made} {'partition' if made == 1 else 'partitions'} made; there is room for at least {days} days ahead."
            )
            if report.moved_changes or report.moved_transactions:
                talk.print(f"{report.moved_changes + report.moved_transactions:,} spilled rows filled in.")
            for name in report.covered:
                talk.print(
                    f"{neutral(name)} is new to its tracked table: its changes are recorded from now on.", markup=False
                )
        connection.rollback()
        connection.execute(query("lock_timeout_here"), ("5s",))
        for partition in list_partitions(connection):
            if as_json:
                common.out().write(to_json(asdict(partition)) + "\n")
            else:
                pending = "  detach pending" if partition.detach_pending else ""
                common.data().print(
                    f"{partition.name:24}  {partition.lower:%Y-%m-%d}  {partition.bytes / 1024:10,.0f} kB{pending}"
                )
