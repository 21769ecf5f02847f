"""`whochanged status`: see that nothing is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from capture.errors import ConfigurationError
from whochanged.commands import common
from whochanged.commands.installation import differing
from whochanged.output.machine import to_json
from whochanged.output.status import print_problems, print_status, status_document
from whochanged.output.times import zone
from whochanged.settings import PREFIX

if TYPE_CHECKING:
    import psycopg


def status(timezone: common.Timezone = None, as_json: common.AsJson = False, dsn: common.Dsn = None) -> None:
    """Show each tracked table and whether its changes are recorded; exit 1 where something is amiss."""
    reading_zone = zone(timezone)
    with common.installed(dsn, any_version=True) as connection:
        from capture.migrate import check

        try:
            check(connection)
        except ConfigurationError as error:
            # A newer version installed the log: what its tables mean is not ours to judge.
            _say_only(str(error), as_json=as_json)
            raise typer.Exit(1) from None
        from reports.inspection import inspect

        report = inspect(connection, differing_settings=_differing(connection))
    if as_json:
        common.out().write(to_json(status_document(report)) + "\n")
    else:
        print_status(common.data(), report, reading_zone)
    if not report.sound:
        raise typer.Exit(1)


def _say_only(problem: str, *, as_json: bool) -> None:
    """Tell the one problem that keeps us from looking for others."""
    if as_json:
        common.out().write(to_json({"sound": False, "problems": [problem], "tables": []}) + "\n")
    else:
        print_problems(common.data(), [problem])


def _differing(connection: psycopg.Connection[Any]) -> list[str]:
    """The settings of the environment that the database does not have: reported, not obeyed."""
    return [
        f"{PREFIX}{name.upper()} is '{new}', the database has '{old}': run  whochanged install  to store it"
        for name, old, new in differing(connection)
    ]
