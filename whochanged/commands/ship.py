"""`whochanged ship`: the log as JSON lines for other systems, from where the last run ended."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from capture.errors import DatabaseError, UsageError
from whochanged.commands import common
from whochanged.output.times import zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import psycopg

    from reports.shipping.ship import Shape, Sink

app = typer.Typer(
    help="Ship the log to other systems as JSON lines (OCSF), each entry at least once and in order.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between tries to reach a database that is away."""


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The cursor: whom the lines are for.")] = "default",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Add to this file; without it, standard output.")
    ] = None,
    form: Annotated[
        Literal["ocsf", "json"], typer.Option("--format", help="OCSF events, or the objects of whochanged log --json.")
    ] = "ocsf",
    begin: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="Where a new cursor begins: beginning, now, or a time as of --since."
        ),
    ] = "beginning",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is new, until SIGTERM or SIGINT.")] = False,
    poll: Annotated[
        float, typer.Option("--poll", min=0.1, max=3600, metavar="SECONDS", help="How often to look.")
    ] = 5.0,
    dsn: common.Dsn = None,
) -> None:
    """Write what is finished and not written yet, oldest first, and remember how far that is.

    [dim]whochanged ship run siem --follow --out /var/log/whochanged.jsonl
    whochanged ship run siem | vector[/]
    """
    from reports.shipping.ship import File, Stream

    stop = _stop_on_signals() if follow else threading.Event()
    sink: Sink = File(out) if out is not None else Stream(sys.stdout.buffer)
    pause = FIRST_PAUSE
    with common.address(dsn) as found:
        while True:
            try:
                for _ in _rounds(found, name, begin, form, sink, stop):
                    pause = FIRST_PAUSE
                    if not follow or stop.wait(poll):
                        return
            except DatabaseError as error:
                if not follow or not _is_away(error):
                    raise
                common.talk().print(f"{common.one_line(error)}; trying again in {pause:.0f} s", markup=False)
            if stop.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE)


@app.command("list")
def list_(timezone: common.Timezone = None, as_json: common.AsJson = False, dsn: common.Dsn = None) -> None:
    """List the cursors: how many entries were written under each name, and how far the log was written."""
    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from reports.shipping.cursors import cursors
        from whochanged.output.machine import to_json, utc

        found = cursors(connection)
        for cursor in found:
            reached = cursor.reached_at
            if as_json:
                document = {
                    "name": cursor.name,
                    "entries": cursor.entries,
                    "made_at": utc(cursor.made_at),
                    "moved_at": utc(cursor.moved_at),
                    "reached_at": utc(reached) if reached else None,
                    "incarnation": cursor.incarnation,
                    "transaction_id": cursor.xid,
                }
                common.out().write(to_json(document) + "\n")
                continue
            told = f"up to {reached.astimezone(reading_zone):%Y-%m-%d %H:%M:%S}" if reached else "nothing yet"
            entries = "1 entry" if cursor.entries == 1 else f"{cursor.entries:,} entries"
            common.data().print(f"{cursor.name}  {entries}, {told}", markup=False)
        if not found and not as_json:
            common.talk().print("Nothing is shipped yet: whochanged ship run NAME")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The cursor to forget.")],
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Forget a cursor: a run under its name begins anew, and writes again what was written."""
    with common.installed(dsn) as connection:
        from reports.shipping.cursors import cursors
        from reports.shipping.cursors import remove as forget

        if name not in {cursor.name for cursor in cursors(connection)}:
            message = f"there is no cursor '{name}': whochanged ship list  shows those that are"
            raise UsageError(message)
        connection.rollback()
        if not dry_run:
            forget(connection, name)
        common.talk().print(f"{'Would forget' if dry_run else 'Forgot'} the cursor {name}.", markup=False)


def _rounds(
    address: str, name: str, begin: str, form: Literal["ocsf", "json"], sink: Sink, stop: threading.Event
) -> Iterator[None]:
    """Write what is new, again and again, on one connection; yield after each time."""
    from capture.catalogue import Catalogue
    from capture.catalogue.installing import installed_catalogue
    from reports.shipping.cursors import lost, place
    from reports.shipping.ship import ship

    with common.installed(address or None) as connection:
        connection.autocommit = True
        at = place(connection, name, _begin(connection, begin))
        if (days := lost(connection, name)) is not None:
            span = f"{days[0]}" if days[0] == days[1] else f"{days[0]} to {days[1]}"
            common.talk().print(f"! Changes of {span} (UTC) were purged before they were shipped.", markup=False)
        while True:
            catalogue = installed_catalogue(connection) or Catalogue(name=connection.info.dbname)
            shape = _shape(connection, catalogue, form)
            at, _ = ship(connection, catalogue, name, at, shape, sink, stop.is_set)
            yield


def _begin(connection: psycopg.Connection[Any], begin: str) -> str | datetime:
    from datetime import UTC

    from reports.clock import clock
    from reports.shipping.cursors import BEGINNING, NOW
    from whochanged.output.times import moment

    if begin in {BEGINNING, NOW}:
        return begin
    return moment(begin, option="--from", now=clock(connection).astimezone(UTC), end=False)


def _shape(connection: psycopg.Connection[Any], catalogue: Any, form: Literal["ocsf", "json"]) -> Shape:
    from capture.migrate import program_version
    from reports.shipping.ship import Shape

    return Shape(form, catalogue.name, program_version(), connection.info.dbname)


def _is_away(error: DatabaseError) -> bool:
    """Whether the database went away, and may come back."""
    import psycopg

    cause = error.__cause__
    return isinstance(cause, psycopg.OperationalError)


def _stop_on_signals() -> threading.Event:
    """The first signal lets the block that is being written end, and its place be kept; the second one does not."""
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop
