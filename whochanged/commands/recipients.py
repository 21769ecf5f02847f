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
    import psycopg

    from reports.recipients import Recipient

app = typer.Typer(
    help="Say who gets digests by mail; every change of that is an entry of the log itself.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


class Cadences(StrEnum):
    """How often a digest comes."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


class WhenEmpty(StrEnum):
    """Whether a digest without changes is mailed."""

    NEVER = "never"
    WEEKLY = "weekly"
    ALWAYS = "always"


class Sensitivities(StrEnum):
    """The least that is told."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The mail address.")]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Name, for the To line.")]
Zone = Annotated[
    str | None,
    typer.Option(metavar="ZONE", help="Time zone of the digest's days and times, as Europe/Berlin; else UTC."),
]
Language = Annotated[
    str | None,
    typer.Option(
        metavar="TAG", help="Language tag whose region says how dates and times are written, as en-US; else en."
    ),
]
Cadence = Annotated[
    Cadences | None, typer.Option(help="How often a digest comes: hourly is at each full hour; else daily.")
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="HH:MM", help="Local time at which a daily or weekly digest is cut and sent; else 07:00."
    ),
]
Weekday = Annotated[str | None, typer.Option(metavar="DAY", help="Day of a weekly digest; else monday.")]
Account = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="Tell only the changes of this account; may be given again.")
]
Module = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Tell only this module; may be given again.")]
Sensitivity = Annotated[
    Sensitivities | None, typer.Option(help="The least sensitivity of a change that is told: low is all; else low.")
]
Empty = Annotated[
    WhenEmpty | None,
    typer.Option(
        help="Whether a digest without changes is mailed; weekly: when nothing was mailed for a week; else weekly."
    ),
]
Alerts = Annotated[
    bool | None, typer.Option("--alerts/--no-alerts", help="Whether sensitive changes are mailed at once, too.")
]


@app.command()
def add(
    email: Email,
    name: Name = None,
    timezone: Zone = None,
    language: Language = None,
    cadence: Cadence = None,
    at: At = None,
    weekday: Weekday = None,
    account: Account = None,
    module: Module = None,
    sensitivity: Sensitivity = None,
    when_empty: Empty = None,
    alerts: Alerts = None,
    dry_run: common.DryRun = False,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """Add a recipient; the first digest tells what changes from now on.

    [dim]whochanged recipients add ana@example.com --name "Ana Admin" --timezone Europe/Berlin
    whochanged recipients add ben@example.com --cadence weekly --weekday friday --module Territories[/]
    """
    _only_where_there_is_a_time(cadence, at)
    with common.installed(dsn) as connection:
        from reports import recipients
        from whochanged.commands.reading import catalogue_of

        given = _given(
            name=name,
            timezone=timezone,
            language=language,
            cadence=cadence,
            at=at,
            weekday=weekday,
            accounts=account,
            modules=module,
            sensitivity=sensitivity,
            when_empty=when_empty,
            alerts=alerts,
        )
        added = recipients.add(connection, catalogue_of(connection, None), email, **given)
        _end(connection, dry_run=dry_run)
        _tell(connection, added, "Would add" if dry_run else "Added", as_json=as_json)


@app.command()
def change(
    email: Email,
    new_email: Annotated[str | None, typer.Option("--email", metavar="EMAIL", help="New mail address.")] = None,
    name: Name = None,
    no_name: Annotated[bool, typer.Option("--no-name", help="Without a name.")] = False,
    timezone: Zone = None,
    language: Language = None,
    cadence: Cadence = None,
    at: At = None,
    weekday: Weekday = None,
    account: Account = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Tell the changes of all accounts.")] = False,
    module: Module = None,
    no_module: Annotated[bool, typer.Option("--no-module", help="Tell all modules.")] = False,
    sensitivity: Sensitivity = None,
    when_empty: Empty = None,
    alerts: Alerts = None,
    dry_run: common.DryRun = False,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """Change what is given of a recipient, and nothing else; the next digest begins where the last one ended.

    [dim]whochanged recipients change ana@example.com --timezone Asia/Tokyo --no-account
    whochanged recipients change ana@example.com --email ana.admin@example.com[/]
    """
    common.only_one(name=name is not None, no_name=no_name)
    common.only_one(account=bool(account), no_account=no_account)
    common.only_one(module=bool(module), no_module=no_module)
    _only_where_there_is_a_time(cadence, at)
    with common.installed(dsn) as connection:
        from reports import recipients
        from whochanged.commands.reading import catalogue_of

        given = _given(
            email=new_email,
            name=name,
            timezone=timezone,
            language=language,
            cadence=cadence,
            at=at,
            weekday=weekday,
            accounts=account,
            modules=module,
            sensitivity=sensitivity,
            when_empty=when_empty,
            alerts=alerts,
        )
        cleared: dict[str, Any] = {"name": None} if no_name else {}
        cleared |= {column: () for column, clear in (("accounts", no_account), ("modules", no_module)) if clear}
        if not given and not cleared:
            message = "nothing to change was given: name what, as --timezone Europe/Berlin or --no-account"
            raise UsageError(message)
        chosen: Any = given | cleared
        changed, done = recipients.change(connection, catalogue_of(connection, None), email, chosen)
        _end(connection, dry_run=dry_run)
        verb = "Is so already:" if not done else "Would be changed to" if dry_run else "Changed to"
        _tell(connection, changed, verb, as_json=as_json)


@app.command("list")
def list_(as_json: common.AsJson = False, dsn: common.Dsn = None) -> None:
    """List the recipients: when and what they are told, and when the next digest is due, or why nothing is mailed."""
    with common.installed(dsn) as connection:
        from reports.clock import clock
        from reports.recipients import read
        from whochanged.output.recipients import print_recipients

        found = read(connection)
        if as_json:
            for recipient in found:
                _print(connection, recipient)
        elif found:
            print_recipients(common.data(), found, clock(connection))
        if not found:
            common.talk().print("Nobody gets digests yet: whochanged recipients add EMAIL")


@app.command()
def pause(
    email: Email,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for whoever reads the list.")] = None,
    dry_run: common.DryRun = False,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """Stop the mails to a recipient for a while; what changes meanwhile is told after `resume`."""
    with common.installed(dsn) as connection:
        from reports import recipients

        done = recipients.pause(connection, email, reason=reason)
        _told(connection, email, done=done, verb="pause", dry_run=dry_run, as_json=as_json)
        _end(connection, dry_run=dry_run)


@app.command()
def resume(
    email: Annotated[str | None, typer.Argument(metavar="[EMAIL]", help="The mail address.")] = None,
    bounced: Annotated[bool, typer.Option("--bounced", help="All whose mails came back, in place of one.")] = False,
    dry_run: common.DryRun = False,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """Resume the mails to a recipient that were paused or came back; the next digest tells everything since the last."""
    if (email is None) is not bounced:
        message = "name the recipient to resume, or give --bounced for all whose mails came back"
        raise UsageError(message)
    with common.installed(dsn) as connection:
        from reports import recipients

        found = [email] if email else [one.email for one in recipients.read(connection) if one.held == "bounced"]
        for each in found:
            done = recipients.resume(connection, each)
            _told(connection, each, done=done, verb="resume", dry_run=dry_run, as_json=as_json)
        _end(connection, dry_run=dry_run)
        if not found:
            common.talk().print("No mails came back.")


@app.command()
def remove(
    email: Email, dry_run: common.DryRun = False, as_json: common.AsJson = False, dsn: common.Dsn = None
) -> None:
    """Remove a recipient; digests that wait to be sent to them are not sent any more."""
    with common.installed(dsn) as connection:
        from reports import recipients

        removed = recipients.remove(connection, email)
        _end(connection, dry_run=dry_run)
        if as_json:
            _print(connection, removed)
        common.talk().print(f"{'Would remove' if dry_run else 'Removed'} {removed.email}.")


def _told(
    connection: psycopg.Connection[Any], email: str, *, done: bool, verb: str, dry_run: bool, as_json: bool
) -> None:
    from reports.recipients import find

    now = find(connection, email)
    if as_json:
        _print(connection, now)
    if not done:
        said = f"{email} is {'paused' if verb == 'pause' else 'not paused'} already."
    else:
        said = f"{f'Would {verb}' if dry_run else f'{verb.capitalize()}d'} the digests to {email}."
    common.talk().print(said, markup=False)
    if verb == "resume" and now.held == "no_admin":
        common.talk().print(
            "Nothing is mailed yet: the query of admins, or their account of the page, does not allow it."
        )


def _end(connection: psycopg.Connection[Any], *, dry_run: bool) -> None:
    if dry_run:
        connection.rollback()
    else:
        connection.commit()


def _tell(connection: psycopg.Connection[Any], recipient: Recipient, verb: str, *, as_json: bool) -> None:
    from whochanged.output.recipients import what, when

    if as_json:
        _print(connection, recipient)
    common.talk().print(f"{verb} {recipient.email}: {when(recipient)}, {what(recipient)}.", markup=False)


def _print(connection: psycopg.Connection[Any], recipient: Recipient) -> None:
    from reports.clock import clock
    from whochanged.output.machine import to_json
    from whochanged.output.recipients import recipient_document

    common.out().write(to_json(recipient_document(recipient, clock(connection))) + "\n")


def _given(*, at: str | None, weekday: str | None, **chosen: Any) -> dict[str, Any]:
    """What was given, as reports.recipients takes it."""
    from reports.recipients import weekday_of

    chosen["send_at"] = None if at is None else _time(at)
    chosen["weekday"] = None if weekday is None else weekday_of(weekday)
    words = {name: value.value if isinstance(value, StrEnum) else value for name, value in chosen.items()}
    return {name: value for name, value in words.items() if value is not None and value != []}


def _only_where_there_is_a_time(cadence: Cadences | None, at: str | None) -> None:
    if cadence is Cadences.HOURLY and at is not None:
        message = "an hourly digest comes at each full hour: leave out --at"
        raise UsageError(message)


def _time(text: str) -> time:
    """The time of day that the text means."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        message = f"--at '{text}' is no time of day: write one such as 07:00 or 18:30"
        raise UsageError(message)
    return time(int(match[1]), int(match[2]))
