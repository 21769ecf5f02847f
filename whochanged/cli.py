"""The command line `whochanged`: what was asked for on standard output, talk on standard error."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from capture.errors import WhochangedError
from whochanged.commands import (
    alerts,
    demo,
    digest,
    export,
    gateways,
    health,
    history,
    index,
    installation,
    keys,
    log,
    partitions,
    purge,
    recipients,
    reconcile,
    serve,
    ship,
    show,
    sql,
    status,
    tokens,
    users,
)
from whochanged.commands import run as scheduler
from whochanged.commands.common import one_line, talk

INTERRUPTED = 130
_USAGE = 2
_DATABASE = 4
_STDOUT = 1

app = typer.Typer(
    name="whochanged",
    help="Who changed what in our configuration, when, from where, from what to what: for any PostgreSQL database.",
    epilog="Exit codes: 0 done, 1 a check found something, 2 usage, 3 configuration, 4 database, 5 mail, 130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("demo")(demo.demo)
app.command("install")(installation.install)
app.command("uninstall")(installation.uninstall)
app.command("status")(status.status)
app.command("health")(health.health)
app.command("metrics")(health.metrics)
app.command("log")(log.log)
app.command("show")(show.show)
app.command("history")(history.history)
app.command("export")(export.export)
app.command("index")(index.index)
app.command("partitions")(partitions.partitions)
app.command("purge")(purge.purge)
app.command("reconcile")(reconcile.reconcile)
app.command("run")(scheduler.run)
app.command("serve")(serve.serve)
app.add_typer(recipients.app, name="recipients")
app.add_typer(digest.app, name="digest")
app.add_typer(alerts.app, name="alerts")
app.add_typer(ship.app, name="ship")
app.add_typer(gateways.app, name="gateways")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(tokens.app, name="tokens")
app.add_typer(sql.app, name="sql")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"whochanged {version('whochanged')}")
        except PackageNotFoundError:
            typer.echo("whochanged (not installed)")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    del version


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code; what a person can put right is told in one line."""
    try:
        code = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except WhochangedError as error:
        return _complain(one_line(error), error.exit_code)
    except TyperException as error:
        if not error.format_message():
            return _USAGE  # called without a command: the help was printed
        return _complain(f"{' '.join(error.format_message().split())} (whochanged -h shows how)", _USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        # The reader, such as head, has seen enough; Typer makes a SystemExit of it.
        if not isinstance(error if isinstance(error, OSError) else error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
        return 0
    except Exception as error:
        import psycopg

        if isinstance(error, psycopg.Error):
            return _complain(one_line(error), _DATABASE)
        raise
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    talk().print(f"whochanged: {message}", style="red" if talk().is_terminal else "")
    return code


def main() -> None:
    """Run as the program `whochanged`."""
    sys.exit(run())


if __name__ == "__main__":
    main()
