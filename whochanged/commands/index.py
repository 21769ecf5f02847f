"""`whochanged index`: what makes reading a long log quick."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from whochanged.commands import common
from whochanged.output.machine import to_json


def index(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Throw away what is there, and index the whole log again.")
    ] = False,
    as_json: common.AsJson = False,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Bring the index of entries up to date: what is new, and the days that it lacks in the words of the catalogue.

    Run it every minute, from cron or a timer, where whochanged run does not. What is not indexed is read all the same, one by one.
    """
    with common.installed(dsn) as connection:
        from capture.catalogue import Catalogue
        from capture.catalogue.installing import installed_catalogue
        from capture.index.build import catch_up, forget, missing

        catalogue = installed_catalogue(connection) or Catalogue(name="none")
        connection.rollback()
        talk = common.talk()
        if dry_run:
            days, new = missing(connection, catalogue)
            connection.rollback()
            said = {"days": len(days), "transactions": new}
            talk.print(f"Would index {_many(len(days), 'day')} and {_many(new, 'new transaction')}.")
        else:
            if rebuild:
                forget(connection)
            report = catch_up(connection, catalogue)
            said = {} if report is None else asdict(report)
            if report is None:
                talk.print("Another process is indexing.")
            else:
                talk.print(
                    f"{_many(report.added, 'new entry', 'new entries')} and {_many(report.days, 'day')} with "
                    f"{_many(report.filled, 'entry', 'entries')} indexed."
                )
        if as_json:
            common.out().write(to_json(said) + "\n")


def _many(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
