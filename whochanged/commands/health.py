"""`whochanged health` and `whochanged metrics`: whether the service does its work, for monitors."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import ConfigurationError, DatabaseError
from whochanged.commands import common

if TYPE_CHECKING:
    import psycopg

    from reports.health import Health


def health(as_json: common.AsJson = False, dsn: common.Dsn = None) -> None:
    """Say in a glance whether the service does its work; exit 1 where something critical is amiss.

    It takes a moment whatever the size of the log, and may be asked every few seconds. Whether every table is watched as it
    should be is another question: whochanged status.
    """
    from reports.health import document
    from whochanged.output.health import print_health
    from whochanged.output.machine import to_json

    with common.installed(dsn) as connection:
        found = _look(connection)
    if as_json:
        common.out().write(to_json(document(found)) + "\n")
    else:
        print_health(common.data(), found)
    if not found.ok:
        raise typer.Exit(1)


def metrics(
    file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write them to this file at once as a whole, for node_exporter's textfile collector.",
        ),
    ] = None,
    dsn: common.Dsn = None,
) -> None:
    """Print the metrics for Prometheus; whochanged run --metrics-address serves them.

    [dim]whochanged metrics --out /var/lib/node_exporter/textfile/whochanged.prom[/]
    """
    from reports.metrics import Looking, exposition
    from whochanged.database import connect

    logging.getLogger("reports").addHandler(logging.NullHandler())
    with common.address(dsn) as found:
        looking = Looking(lambda: connect(found, autocommit=True, application_name="whochanged metrics"))
        text = exposition(looking)
    if file is None:
        common.out().write(text.decode())
    else:
        _write(file, text)
    if looking.trouble is not None:  # that it cannot be told is a metric too, for whoever reads the file
        raise DatabaseError(looking.trouble)


def _look(connection: psycopg.Connection[Any]) -> Health:
    from reports.health import health as look

    found = look(connection)
    connection.rollback()
    return found


def _write(file: Path, text: bytes) -> None:
    """Put the file in its place as a whole, so that nobody reads half of it."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from error
