"""What the commands share: their options, the connection, and the two consoles."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from capture.errors import DatabaseError, UsageError
from whochanged.output.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from rich.console import Console

Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        metavar="ADDRESS",
        help="Address of the database, as a URL or as key=value words; without one, the embedded server "
        "\\[env: WHOCHANGED_DATABASE_URL, DATABASE_URL, then libpq's PGHOST, PGSERVICE, ...].",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Timezone = Annotated[
    str | None,
    typer.Option(
        "--timezone",
        metavar="ZONE",
        envvar="WHOCHANGED_TIMEZONE",
        help="Zone in which times are read and shown; without one, that of this machine.",
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, metavar="N", help="At most so many entries.")]


def talk(*, width: int | None = None) -> Console:
    """The console for what is said to people beside the data: standard error."""
    return make_console(stderr=True, width=width)


def data() -> Console:
    """The console for what was asked for: standard output."""
    return make_console()


def out() -> TextIO:
    """Standard output for programs: UTF-8 whatever the locale, so that no value fails to print."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and (sys.stdout.encoding or "").lower() not in {"utf-8", "utf8"}:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    return sys.stdout


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def one_line(error: BaseException) -> str:
    """The error as one line that a terminal cannot be harmed by."""
    from whochanged.output.safety import neutral

    # A database's error names the place in the SQL in further lines: of no use to the reader.
    said = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    text = " ".join(part.strip() for part in said.splitlines() if part.strip())
    return neutral(text) or type(error).__name__


@contextmanager
def database(dsn: str | None) -> Iterator[psycopg.Connection[Any]]:
    """A connection by the address rules; what the database refuses is told in one line."""
    import psycopg

    with address(dsn) as found:
        from whochanged.database import connect

        try:
            with connect(found) as connection:
                yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            message = f"{one_line(error)}: connect as a role that may (docs/permissions.md says which)"
            raise DatabaseError(message) from error
        except psycopg.Error as error:
            raise DatabaseError(one_line(error)) from error


@contextmanager
def installed(dsn: str | None, *, any_version: bool = False) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database that has the log of this version; of another one only where *any_version* says so."""
    import psycopg

    with database(dsn) as connection:
        try:
            row = connection.execute("SELECT to_regclass('audit.change') IS NOT NULL").fetchone()
        except psycopg.errors.InsufficientPrivilege:
            message = (
                "this role may not read the log: connect as a member of audit_owner; to read, audit_reader is enough"
            )
            raise DatabaseError(message) from None
        if row is None or not next(iter(row.values() if isinstance(row, dict) else row)):
            message = "this database has no audit log yet: run  whochanged install"
            raise DatabaseError(message)
        if not any_version:
            from capture.migrate import require_current

            require_current(connection)
        connection.rollback()
        yield connection


def only_one(**chosen: bool) -> None:
    """Refuse options that exclude each other."""
    names = [f"--{name.replace('_', '-')}" for name, given in chosen.items() if given]
    if len(names) > 1:
        message = f"{' and '.join(names)} exclude each other: choose one"
        raise UsageError(message)


@contextmanager
def address(dsn: str | None) -> Iterator[str]:
    """The database's address; the embedded server runs while the block lasts, where nothing else is named."""
    from whochanged.database import database_address
    from whochanged.settings import load_settings

    with database_address(load_settings(), dsn) as found:
        yield found
