"""`whochanged gateways`: the database roles whose word about the actor is taken."""

from __future__ import annotations

from typing import Annotated

import typer

from whochanged.commands import common
from whochanged.commands.trusted import tell

app = typer.Typer(
    help="Say which database roles vouch for the actors that they name; every change of that is an entry of the log itself.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

Role = Annotated[str, typer.Argument(metavar="ROLE", help="The database role that an application logs in as.")]


@app.command()
def add(role: Role, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Trust a role: the actors that it names count as confirmed, in transactions that begin from now on.

    Names that other roles give are marked from then on: Ana Admin (claimed by crm_report).
    """
    with common.installed(dsn) as connection:
        from capture.trust import add_gateway

        done = add_gateway(connection, role)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        verb = "Is trusted already:" if not done else "Would trust" if dry_run else "Trusted"
        common.talk().print(f"{verb} {role}.")


@app.command()
def remove(role: Role, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """End the trust in a role, for transactions that begin from now on; what it vouched for stays so."""
    with common.installed(dsn) as connection:
        from capture.trust import remove_gateway

        remove_gateway(connection, role)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        common.talk().print(f"{'Would end' if dry_run else 'Ended'} the trust in {role}.")


@app.command("list")
def list_(as_json: common.AsJson = False, timezone: common.Timezone = None, dsn: common.Dsn = None) -> None:
    """List the roles that are trusted or were, and since when."""
    from whochanged.output.times import zone

    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from capture.trust import gateways

        found = gateways(connection)
    tell(
        found,
        reading_zone,
        "No role is trusted: names are shown as given. whochanged gateways add ROLE",
        as_json=as_json,
    )
