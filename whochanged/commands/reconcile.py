"""`whochanged reconcile`: are the tracked tables what their log says?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from whochanged.commands import common
from whochanged.output.machine import to_json
from whochanged.output.reconcile import compared_line, difference_line


def reconcile(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TABLE", help="Compare these tables ('schema.table'); without one, every tracked table."
        ),
    ] = None,
    rebase: Annotated[
        bool,
        typer.Option("--rebase", help="Accept the present rows as they are: later comparisons begin with them."),
    ] = False,
    dry_run: common.DryRun = False,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """Compare the rows of tracked tables with what the log says that they are; exit 1 where they differ.

    It finds what was written with triggers off, by rewriting a table, or by dropping and restoring it. Whoever runs it owns the
    tables and is a member of audit_owner.
    """
    from capture.reconcile import Difference, reconcile

    amiss = False
    accept = rebase and not dry_run
    with common.installed(dsn) as connection:
        for found in reconcile(connection, tables or (), rebase=accept):
            if isinstance(found, Difference):
                kind, line, console = "difference", difference_line(found), common.data()
            else:
                kind, line, console = "table", compared_line(found), common.talk()
                amiss = amiss or not (found.accepted is not None or found.agrees)
            if as_json:
                common.out().write(to_json({"type": kind, **asdict(found)}) + "\n")
            else:
                console.print(line, highlight=False, markup=False, soft_wrap=True)
        if rebase and dry_run:
            common.talk().print("Nothing was accepted.")
    if amiss:
        raise typer.Exit(1)
