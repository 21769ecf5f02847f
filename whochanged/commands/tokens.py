"""`whochanged tokens`: the tokens by which programs ask the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from whochanged.commands import common

app = typer.Typer(
    help="Make and revoke the tokens by which programs ask the API; every change of that is an entry of the log itself.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the program is called, as siem.")]


class Scopes(StrEnum):
    """What a token may do."""

    READ = "read"
    EXPORT = "export"


@app.command()
def add(
    name: Name,
    scope: Annotated[
        list[Scopes] | None,
        typer.Option(help="What it may do: read, export (entries as a file); may be given again. [default: read]"),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Show it only this account; may be given again. Without it, all."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=730, metavar="N", help="Days until it ends.")] = 90,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Make a token and print it, this once. Only its hash is kept.

    [dim]whochanged tokens add siem --scope read --scope export --days 365
    curl -H "Authorization: Bearer $TOKEN" https://audit.example.com/api/v1/entries[/]
    """
    with common.installed(dsn) as connection:
        from reports.web import tokens

        token = tokens.add(
            connection, name, scopes=[one.value for one in scope or [Scopes.READ]], accounts=account or (), days=days
        )
        if dry_run:
            connection.rollback()
            common.talk().print(f"Would make token {name}.")
            return
        connection.commit()
        common.out().write(token + "\n")
        common.talk().print("Keep it as a secret: nobody can read it again.")


@app.command()
def revoke(name: Name, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """End a token at once."""
    with common.installed(dsn) as connection:
        from reports.web import tokens

        tokens.revoke(connection, name)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        common.talk().print(f"{'Would revoke' if dry_run else 'Revoked'} token {name}.")


@app.command("list")
def list_(as_json: common.AsJson = False, timezone: common.Timezone = None, dsn: common.Dsn = None) -> None:
    """List the tokens, what they may do, until when, and when they were used last; never the tokens themselves."""
    from whochanged.output.times import zone

    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from reports.web.tokens import tokens
        from whochanged.output.access import print_tokens, token_document
        from whochanged.output.machine import to_json

        found = tokens(connection)
    if as_json:
        for token in found:
            common.out().write(to_json(token_document(token)) + "\n")
    elif found:
        print_tokens(common.data(), found, reading_zone, common.now())
    else:
        common.talk().print("There are no tokens: whochanged tokens add NAME")
