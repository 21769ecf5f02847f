"""`whochanged install` and `uninstall`: put the log on a database, and take it off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import ConfigurationError, DatabaseError
from whochanged.commands import common

if TYPE_CHECKING:
    import psycopg
    from rich.console import Console

    from capture.catalogue import Catalogue
    from capture.install import InstallReport

_SHIPPED_SCHEMA = "crm"
_LARGE = 100_000
"""Rows of a table whose baseline takes a while."""


def install(
    catalog: Annotated[
        Path | None,
        typer.Option(
            "--catalog",
            metavar="FILE",
            help="Track the tables of this catalogue; without it those of the one that was installed before, "
            "else of the shipped one where schema crm exists.",
        ),
    ] = None,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Put the log on the database, or bring it up to date; doing it twice changes nothing.

    WHOCHANGED_PRODUCT_ROLES, WHOCHANGED_RETENTION_DAYS and WHOCHANGED_ADMINS_QUERY, where they are set, are stored in the database.
    """
    from capture.catalogue import load
    from capture.catalogue.checking import check, columns_of
    from capture.catalogue.installing import check_trackable
    from capture.install import install as install_log
    from capture.migrate import installed_version

    _given()  # a wrong setting is refused before anything is done
    talk = common.talk()
    chosen = None if catalog is None else load(catalog)
    with common.database(dsn) as connection:
        if chosen is None:
            chosen = _usual(connection)
        if chosen is not None:
            # A wrong catalogue, and tables that may not be tracked, are refused before anything is done.
            check_trackable(connection, chosen)
            check(chosen, columns_of(connection))
        # What was left of a log, by whomever, holds changes: that is never taken back.
        first = not _has_schema(connection, "audit")
        _try_out_admins(connection)
        settings = [] if installed_version(connection) is None else differing(connection)
        connection.rollback()
        with talk.status("Installing the log ..."):
            report = install_log(connection, settings=_given(), dry_run=dry_run)
            if not dry_run:
                _track(connection, chosen, first=first)
                _take_baselines(connection)
        for name, old, new in settings:
            verb, was = ("would change" if dry_run else "changed"), f" from '{old}'" if old else ""
            talk.print(f"  {verb} {name}{was} to '{new}'", highlight=False, markup=False)
            if name == "retention_days":
                talk.print("  (what is older than that goes with the next purge: see  whochanged purge --dry-run)")
        _tell(talk, report, chosen, dry_run=dry_run)
        if not dry_run:
            _say_what_admins_lack(connection)


def _try_out_admins(connection: psycopg.Connection[Any]) -> None:
    """Refuse a query of admins that is none, or names nobody, before anything is done: whether the log's owner may run it comes later."""
    from reports.admins import try_out

    text = _given().get("admins_query")
    if text:
        connection.rollback()
        try_out(connection, text, as_owner=False)


def _say_what_admins_lack(connection: psycopg.Connection[Any]) -> None:
    """Say what the log's owner lacks to run the query of admins: until then all mails wait."""
    from reports.admins import try_out

    text = _given().get("admins_query")
    if not text:
        return
    connection.rollback()
    try:
        number = try_out(connection, text, as_owner=True)
    except ConfigurationError as error:
        common.talk().print(f"  {error}", markup=False, highlight=False)
    else:
        common.talk().print(
            f"  {number:,} {'address' if number == 1 else 'addresses'} may be mailed, by the query of admins"
        )


def _usual(connection: psycopg.Connection[Any]) -> Catalogue | None:
    """The catalogue that was installed before, else the shipped one where its schema is; the shipped one as it is today."""
    from capture.catalogue import load_shipped
    from capture.catalogue.installing import installed_catalogue

    kept = installed_catalogue(connection)
    shipped = load_shipped()
    if kept is not None and kept.name != shipped.name:
        return kept
    return shipped if kept is not None or _has_schema(connection, _SHIPPED_SCHEMA) else None


def _track(connection: psycopg.Connection[Any], chosen: Catalogue | None, *, first: bool) -> None:
    """Track the tables of the catalogue. A first installation that cannot is taken back."""
    import psycopg

    from capture.catalogue.installing import install_catalogue
    from capture.install import uninstall as uninstall_log
    from capture.patience import BUSY
    from capture.resources import query

    if chosen is not None:
        try:
            install_catalogue(connection, chosen)
        except (DatabaseError, psycopg.Error) as error:
            said = common.one_line(error)
            if connection.closed:
                message = f"{said} (the log is installed, and perhaps not every table of the catalogue is tracked: install again to go on)"
                raise DatabaseError(message) from error
            connection.rollback()
            # A database that is busy is so for a while only: what is done stays, and is gone on with.
            if first and not isinstance(error.__cause__, BUSY):
                uninstall_log(connection)
                raise DatabaseError(f"{said} (nothing was installed)") from error
            raise DatabaseError(f"{said} ({_unfinished(connection, chosen)})") from error
        named = [table.name for table in chosen.table]
        left = connection.execute(query("tracked_besides"), {"named": named}).fetchall()
        for (name,) in left:
            common.talk().print(
                f"  {name} is still tracked, though the catalogue does not name it: SELECT audit.untrack('{name}') ends that"
            )
    connection.commit()


def _take_baselines(connection: psycopg.Connection[Any]) -> None:
    """Note the rows of tracked tables that were never noted, for whochanged reconcile; nobody waits for it."""
    from capture.baseline import take_missing

    talk = common.talk()
    refused = take_missing(
        connection,
        lambda table: (
            talk.print(f"  taking the baseline of {table.table_name} ({table.estimate:,} rows) ...")
            if table.estimate >= _LARGE
            else None
        ),
    )
    for name, reason in refused:
        talk.print(f"  {name} will not be reconciled: {reason}", highlight=False, markup=False)


def _tell(talk: Console, report: InstallReport, chosen: Catalogue | None, *, dry_run: bool) -> None:
    would = "would " if dry_run else ""
    for number, one, many, verb in (
        (len(report.migrations), "migration", "migrations", "run"),
        (len(report.objects), "function or view", "functions and views", "make anew"),
        (len(report.partitions), "partition", "partitions", "make"),
    ):
        if number:
            talk.print(f"  {would}{verb} {number} {one if number == 1 else many}")
    if not report.changed:
        talk.print("  the log is up to date")
    if report.ddl.trouble is not None:
        talk.print(f"  {report.ddl.trouble}", markup=False, highlight=False)
    if chosen is not None:
        tracked = [table.name for table in chosen.table if table.kind == "tracked"]
        talk.print(f"  {would}track the {len(tracked)} tables of the catalogue")
    if dry_run:
        talk.print("Nothing was done.")
    elif chosen is None:
        talk.print(
            "Installed; nothing is tracked yet: give a catalogue with --catalog, or SELECT audit.track('a_table')."
        )
    else:
        talk.print("Installed. whochanged status shows what is tracked, whochanged log what happened.")


def _unfinished(connection: psycopg.Connection[Any], chosen: Catalogue) -> str:
    """What is installed, and what is not."""
    from capture.catalogue.installing import untracked

    missing, number = untracked(connection, chosen), len(chosen.table)
    if not missing:
        return f"the log is installed and all {number} tables of the catalogue are tracked, some as before: install again to go on"
    tracked = f"{number - len(missing)} of {number} tables of the catalogue are tracked"
    return f"the log is installed, {tracked}, not yet {', '.join(missing)}: install again to go on"


def uninstall(
    keep_log: Annotated[
        bool, typer.Option("--keep-log", help="Stop recording, and keep what was recorded, readable.")
    ] = False,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Take triggers, functions and the log off the database."""
    with common.database(dsn) as connection:
        from capture.install import is_there, roles_left
        from capture.install import uninstall as uninstall_log
        from capture.migrate import check

        if not is_there(connection):
            said, left = "This database has no audit log: there is nothing to remove.", roles_left(connection)
            if left:
                said += f" Its cluster has the roles {', '.join(left)}: drop them where no other database has a log."
            common.talk().print(said)
            return
        check(connection)
        connection.rollback()
        if dry_run:
            kept = "the log itself stays" if keep_log else "the log itself is dropped, with all that it recorded"
            common.talk().print(f"Would remove the triggers from every tracked table, and the functions; {kept}.")
            return
        uninstall_log(connection, keep_log=keep_log)
        connection.commit()
        common.talk().print("Removed; the log stays." if keep_log else "Removed, the log too.")


def differing(connection: psycopg.Connection[Any]) -> list[tuple[str, str | None, str]]:
    """The settings that differ: the name, what the database has, and what the environment says."""
    stored = dict(connection.execute("SELECT name, value FROM audit.setting").fetchall())
    return [(name, stored.get(name), value) for name, value in _given().items() if value != stored.get(name)]


def _given() -> dict[str, str]:
    """What the environment says of the settings that the database keeps."""
    from whochanged.settings import load_settings

    settings = load_settings()
    values = {
        "product_roles": ",".join(settings.product_roles),
        "retention_days": str(settings.retention_days),
        "admins_query": settings.admins_query or "",
    }
    return {name: value for name, value in values.items() if name in settings.model_fields_set}


def _has_schema(connection: psycopg.Connection[Any], name: str) -> bool:
    return connection.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", (name,)).fetchone() is not None
