"""`whochanged sql`: the SQL itself, for people who review it first; connects to nothing."""

from __future__ import annotations

import typer

from whochanged.commands import common

app = typer.Typer(
    help="Print the SQL, and connect to nothing.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)


@app.callback()
def _start() -> None:
    """Print the SQL, and connect to nothing."""


@app.command()
def install() -> None:
    """Print one script that installs the log: `whochanged sql install > install.sql`, then `psql -X -f install.sql DATABASE`.

    It is one transaction, and may be run again.
    """
    from capture.install import install_script

    common.out().write(install_script())
