"""`whochanged demo`: a real database, a working day at a customer of Cloudfon CX, and the log of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whochanged.commands import common
from whochanged.output.machine import write_json_lines
from whochanged.output.terminal import print_log
from whochanged.output.times import zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from capture.retention import PurgeReport
    from whochanged.demo import Day
    from whochanged.demo_readers import Mailed

DATABASE = "whochanged_demo"


def demo(
    timezone: common.Timezone = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for the digests; without one, 'demo' in WHOCHANGED_HOME."),
    ] = None,
    as_json: common.AsJson = False,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Play a working day on a database of its own: print its log, mail its digests, purge what is old.

    The mails go to a mail server that the demo starts, which keeps them in a folder.
    Without an address it starts the embedded PostgreSQL, and its database is the one that the other commands
    then find by themselves. With one it makes the database whochanged_demo on that server, as a superuser,
    and the roles cloudfon_app, cloudfon_report and dana_dba. An earlier demo is replaced; nothing else is touched.
    """
    from whochanged.database import connect
    from whochanged.demo import play, prepare, read_day
    from whochanged.demo_readers import purge_old, send_digests
    from whochanged.settings import load_settings, resolve_dsn

    talk = common.talk()
    reading_zone = zone(timezone)
    day = read_day()
    embedded = resolve_dsn(dsn) is None
    if dry_run:
        place = "the embedded server" if embedded else f"database {DATABASE} on the server of the address"
        talk.print(
            f"Would fill {place} with the reference CRM, play {len(day.saves)} saves, mail digests to itself and purge."
        )
        return
    with common.address(dsn) as address:
        with talk.status("Making the database, loading the CRM, installing the log ..."):
            own = prepare(address, day, database=None if embedded else DATABASE)
        for _ in _progress(talk, play(own, day, reading_zone), day):
            pass
        with talk.status("Mailing the digests, purging what is old ..."), connect(own, autocommit=True) as connection:
            mailed = send_digests(connection, out or load_settings().home_folder / "demo")
            purged = purge_old(connection)
        with common.installed(own) as connection:
            from capture.entries.describe import entries
            from whochanged.commands.reading import catalogue_of, filters

            found = list(entries(connection, catalogue_of(connection, None), filters(zone=reading_zone, limit=1000)))
        if as_json:
            write_json_lines(found, common.out())
        else:
            print_log(common.data(), found, reading_zone)
        sys.stdout.flush()
        talk.print(f"\nThat was a day in {len(found)} entries, newest first.")
        _tell(talk, mailed, purged)
        what_next(talk, None if embedded else own)


def _progress(talk: Console, steps: Iterator[int], day: Day) -> Iterator[int]:
    from rich.progress import Progress

    if not talk.is_terminal:
        yield from steps
        return
    with Progress(console=talk, transient=True) as progress:
        task = progress.add_task("Playing a working day", total=len(day.saves))
        for step in steps:
            progress.update(task, completed=step)
            yield step


def _tell(talk: Console, mailed: Mailed, purged: PurgeReport | None) -> None:
    """Say what was mailed and what was purged."""
    for address, paths in mailed.files.items():
        names = " ".join(path.name for path in paths)
        talk.print(f"Mailed a digest to {address}; look at it in {paths[0].parent}: {names}", soft_wrap=True)
    if purged is not None:
        days = "1 day" if len(purged.days) == 1 else f"{len(purged.days)} days"
        talk.print(
            f"Purged {days} older than the retention of {purged.retention_days} days, with {purged.changes} changes."
        )


def what_next(talk: Console, dsn: str | None) -> None:
    """Say what to try."""
    from whochanged.settings import shown_dsn

    program = _program()
    address = "" if dsn is None else f" --dsn '{shown_dsn(dsn)}'"
    talk.print("\nThe database stays; try next:\n")
    for arguments, reason in (
        ('log --actor "Ana Admin"', "what one person did, and what a report's login only claims that she did"),
        ("log --module Territories --type Updated", "one module, one type of change"),
        ("log --account 2", "another customer on the same database"),
        ("log --csv > log.csv", "for a spreadsheet; --json for programs"),
        ("history crm.workflows 1", "the life of one row"),
        ("digest preview --as ana@acme.test", "the mail that Ana would get now"),
        ("status", "whether every trigger is in its place, and what ran last"),
    ):
        talk.print(f"  {program} {arguments}{address if '>' not in arguments else ''}")
        talk.print(f"      {reason}", style="dim")
    talk.print(
        "\nThe clock times were spread over a day after playing; everything else is as it was recorded.", style="dim"
    )


def _program() -> str:
    """The program as the reader can type it: by its path where it is not on the PATH."""
    from shutil import which

    called = Path(sys.argv[0])
    found = which("whochanged")
    if called.name != "whochanged" or not called.exists() or (found and Path(found).samefile(called)):
        return "whochanged"
    return os.path.relpath(called)
