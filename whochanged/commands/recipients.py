"""`whochanged recipients`: who gets digests by mail."""

from __future__ import annotations

import re
from datetime import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import UsageError
from whochanged.commands import common

if TYPE_CHECKING:
    from reports.recipients import Recipient

app = typer.Typer(
    help="Say who gets digests by mail; every change of that is an entry of the log itself.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The mail address.")]


class Cadences(StrEnum):
    """How often a digest comes."""

    DAILY = "daily"
    WEEKLY = "weekly"


class WhenEmpty(StrEnum):
    """Whether a digest without changes is mailed."""

    NEVER = "never"
    WEEKLY = "weekly"
    ALWAYS = "always"


@app.command()
def add(
    email: Email,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name, for the To line.")] = None,
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Time zone of the digest's days and times, as Europe/Berlin.")
    ] = "UTC",
    cadence: Annotated[Cadences, typer.Option(help="How often a digest comes.")] = Cadences.DAILY,
    at: Annotated[str, typer.Option("--at", metavar="HH:MM", help="Local time at which it is cut and sent.")] = "07:00",
    weekday: Annotated[str, typer.Option(metavar="DAY", help="Day of a weekly digest.")] = "monday",
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="Tell only the changes of this account; without it, all.")
    ] = None,
    module: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Tell only this module; may be given again.")
    ] = None,
    when_empty: Annotated[
        WhenEmpty,
        typer.Option(help="Whether a digest without changes is mailed; weekly: when nothing was mailed for a week."),
    ] = WhenEmpty.WEEKLY,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Add a recipient; the first digest tells what changes from now on.

    [dim]whochanged recipients add ana@example.com --name "Ana Admin" --timezone Europe/Berlin
    whochanged recipients add ben@example.com --cadence weekly --weekday friday --module Territories[/]
    """
    send_at = _time(at)
    with common.installed(dsn) as connection:
        from reports import recipients
        from whochanged.commands.reading import catalogue_of

        added = recipients.add(
            connection,
            catalogue_of(connection, None),
            email,
            name=name,
            timezone=timezone,
            cadence=cadence.value,
            send_at=send_at,
            weekday=recipients.weekday_of(weekday),
            account=account,
            modules=module or (),
            when_empty=when_empty.value,
        )
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        common.talk().print(f"{'Would add' if dry_run else 'Added'} {_said(added)}.")


@app.command()
def change(
    email: Email,
    new_email: Annotated[str | None, typer.Option("--email", metavar="EMAIL", help="New mail address.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name, for the To line.")] = None,
    no_name: Annotated[bool, typer.Option("--no-name", help="Without a name.")] = False,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Time zone of the digest's days and times, as Europe/Berlin.")
    ] = None,
    cadence: Annotated[Cadences | None, typer.Option(help="How often a digest comes.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="HH:MM", help="Local time at which it is cut and sent.")
    ] = None,
    weekday: Annotated[str | None, typer.Option(metavar="DAY", help="Day of a weekly digest.")] = None,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Tell only the changes of this account.")] = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Tell the changes of all accounts.")] = False,
    module: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Tell only this module, in place of those before; may be given again."),
    ] = None,
    no_module: Annotated[bool, typer.Option("--no-module", help="Tell all modules.")] = False,
    when_empty: Annotated[WhenEmpty | None, typer.Option(help="Whether a digest without changes is mailed.")] = None,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Change what is given of a recipient, and nothing else; the next digest begins where the last one ended.

    [dim]whochanged recipients change ana@example.com --timezone Asia/Tokyo --no-account
    whochanged recipients change ana@example.com --email ana.admin@example.com[/]
    """
    common.only_one(name=name is not None, no_name=no_name)
    common.only_one(account=account is not None, no_account=no_account)
    common.only_one(module=bool(module), no_module=no_module)
    with common.installed(dsn) as connection:
        from reports import recipients
        from whochanged.commands.reading import catalogue_of

        chosen: dict[str, Any] = {
            "email": new_email,
            "name": name,
            "timezone": timezone,
            "cadence": cadence and cadence.value,
            "send_at": None if at is None else _time(at),
            "weekday": None if weekday is None else recipients.weekday_of(weekday),
            "account": account,
            "modules": module,
            "when_empty": when_empty and when_empty.value,
        }
        cleared = {"name": no_name, "account": no_account, "modules": no_module}
        given: Any = {column: value for column, value in chosen.items() if value is not None and value != []}
        given |= {column: () if column == "modules" else None for column, clear in cleared.items() if clear}
        if not given:
            message = "nothing to change was given: name what, as --timezone Europe/Berlin or --no-account"
            raise UsageError(message)
        changed, done = recipients.change(connection, catalogue_of(connection, None), email, given)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        verb = "Is so already:" if not done else "Would be changed to" if dry_run else "Changed to"
        common.talk().print(f"{verb} {_said(changed)}.")


@app.command("list")
def list_(as_json: common.AsJson = False, dsn: common.Dsn = None) -> None:
    """List the recipients: when and what they are told, and when the next digest is due."""
    with common.installed(dsn) as connection:
        from reports.clock import clock
        from reports.recipients import read
        from whochanged.output.machine import to_json
        from whochanged.output.recipients import print_recipients, recipient_document

        found, now = read(connection), clock(connection)
        if as_json:
            for recipient in found:
                common.out().write(to_json(recipient_document(recipient, now)) + "\n")
        elif found:
            print_recipients(common.data(), found, now)
        if not found:
            common.talk().print("Nobody gets digests yet: whochanged recipients add EMAIL")


@app.command()
def pause(email: Email, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Stop the digests to a recipient for a while; what changes meanwhile is told after `resume`."""
    _set_paused(email, dsn, paused=True, dry_run=dry_run)


@app.command()
def resume(email: Email, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Resume the digests to a recipient; the next one tells everything since the last."""
    _set_paused(email, dsn, paused=False, dry_run=dry_run)


@app.command()
def remove(email: Email, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Remove a recipient; digests that wait to be sent to them are not sent any more."""
    with common.installed(dsn) as connection:
        from reports import recipients

        removed = recipients.remove(connection, email)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        common.talk().print(f"{'Would remove' if dry_run else 'Removed'} {removed.email}.")


def _set_paused(email: str, dsn: str | None, *, paused: bool, dry_run: bool) -> None:
    with common.installed(dsn) as connection:
        from reports import recipients

        changed = recipients.pause(connection, email, paused=paused)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
        verb = "pause" if paused else "resume"
        if not changed:
            common.talk().print(f"{email} is {'paused' if paused else 'not paused'} already.")
        else:
            common.talk().print(f"{f'Would {verb}' if dry_run else f'{verb.capitalize()}d'} the digests to {email}.")


def _time(text: str) -> time:
    """The time of day that the text means."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        message = f"--at '{text}' is no time of day: write one such as 07:00 or 18:30"
        raise UsageError(message)
    return time(int(match[1]), int(match[2]))


def _said(recipient: Recipient) -> str:
    from whochanged.output.recipients import what, when

    return f"{recipient.email}: {when(recipient)}, {what(recipient)}"
