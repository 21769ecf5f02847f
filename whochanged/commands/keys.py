"""`whochanged keys`: the keys that applications sign the actor with."""

from __future__ import annotations

from typing import Annotated

import typer

from whochanged.commands import common
from whochanged.commands.trusted import tell

app = typer.Typer(
    help="Make and retire the keys that applications sign actors with; every change of that is an entry of the log itself.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the key, as crm-2026.")]


@app.command()
def add(name: Name, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Make a key and print it, this once; earlier keys stay valid until they are retired.

    Give it to the application as a secret: with actor(connection, "Ana Admin", key=...).
    """
    with common.installed(dsn) as connection:
        from capture.trust import add_key

        key = add_key(connection, name)
        if dry_run:
            connection.rollback()
            common.talk().print(f"Would make key {name}.")
            return
        connection.commit()
        common.out().write(key + "\n")
        common.talk().print("Keep it as a secret: nobody can read it again.")


@app.command()
def retire(name: Name, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """End a key and forget its secret; what was signed with it stays vouched for."""
    with common.installed(dsn) as connection:
        from capture.trust import retire_key

        retire_key(connection, name)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        common.talk().print(f"{'Would retire' if dry_run else 'Retired'} key {name}.")


@app.command("list")
def list_(as_json: common.AsJson = False, timezone: common.Timezone = None, dsn: common.Dsn = None) -> None:
    """List the keys that are valid or were, and since when; never the keys themselves."""
    from whochanged.output.times import zone

    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from capture.trust import keys

        found = keys(connection)
    tell(found, reading_zone, "There are no keys: whochanged keys add NAME", as_json=as_json)
