"""`whochanged status`: see that nothing is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from capture.errors import ConfigurationError, DatabaseError
from whochanged.commands import common
from whochanged.commands.installation import differing
from whochanged.output.findings import Report
from whochanged.output.machine import to_json
from whochanged.output.status import print_problems, print_status, status_document
from whochanged.output.times import zone
from whochanged.settings import PREFIX

if TYPE_CHECKING:
    import psycopg

    from reports.recipients import Recipient


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
        report = _report(connection)
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


def _report(connection: psycopg.Connection[Any]) -> Report:
    """All that the checks find."""
    from psycopg import errors

    from capture.catalogue.fitting import fit
    from capture.coverage import coverage, health, outdated_objects, reconciled, strays, upkeep
    from capture.events import watch
    from capture.migrate import program_version, require_current
    from capture.rights import weaknesses

    try:
        tables, state, outdated = coverage(connection), health(connection), outdated_objects(connection)
        stray = strays(connection)
    except (errors.UndefinedFunction, errors.UndefinedTable) as error:
        connection.rollback()
        require_current(connection)
        message = "the log is kept, but nothing is recorded any more: run  whochanged install  to go on"
        raise DatabaseError(message) from error
    looked_after, runs = upkeep(connection) or (None, [])
    current = state.installed_version == program_version()
    everyone = _recipients(connection) if looked_after and current else []
    served = [one for one in everyone if one.held is None]
    return Report(
        tables=tables,
        health=state,
        outdated=outdated,
        program_version=program_version(),
        differing_settings=_differing(connection),
        upkeep=looked_after,
        runs=runs,
        overdue=_overdue(connection, served),
        readers=len(served),
        bounced=[(one.email, one.bounce or "no answer") for one in everyone if one.held == "bounced"],
        no_admins=[one.email for one in everyone if one.held == "no_admin"],
        strays=stray,
        # An older version gave other rights and kept its catalogue in another way: installing comes first.
        fit=fit(connection) if current else None,
        weaknesses=weaknesses(connection) if current else [],
        ddl=watch(connection),
        reconciled=reconciled(connection),
    )


def _recipients(connection: psycopg.Connection[Any]) -> list[Recipient]:
    from reports.recipients import read

    return read(connection)


def _overdue(connection: psycopg.Connection[Any], served: list[Recipient]) -> list[str]:
    """The addresses whose digests have been due for an hour and were not cut."""
    from datetime import timedelta

    from reports.clock import clock

    before = clock(connection) - timedelta(hours=1)
    return [one.email for one in served if one.due(before) is not None]


def _differing(connection: psycopg.Connection[Any]) -> list[str]:
    """The settings of the environment that the database does not have: reported, not obeyed."""
    return [
        f"{PREFIX}{name.upper()} is '{new}', the database has '{old}': run  whochanged install  to store it"
        for name, old, new in differing(connection)
    ]
