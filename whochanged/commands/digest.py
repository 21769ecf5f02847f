"""`whochanged digest`: look at a digest, send what is due, and see what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import MailError
from whochanged.commands import common
from whochanged.commands.log import Since, Until
from whochanged.output.times import zone

if TYPE_CHECKING:
    import psycopg

    from reports.digest.cut import Cut
    from reports.jobs import Mailing
    from reports.outbox import Outcome

app = typer.Typer(
    help="Tell by mail what changed: look at a digest, send what is due, see what became of it.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)


@app.command()
def preview(
    reader: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="EMAIL", help="As this recipient would get it now; without it, all of the last 24 hours."
        ),
    ] = None,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path("digest-preview"),
    since: Since = None,
    until: Until = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            envvar="WHOCHANGED_TIMEZONE",
            help="Zone of the digest without --as, as Europe/Berlin; without one, UTC.",
        ),
    ] = None,
    dsn: common.Dsn = None,
) -> None:
    """Write a digest to digest.eml, digest.html and digest.txt; nothing is sent, and nothing counts as told.

    [dim]whochanged digest preview --as ana@example.com
    whochanged digest preview --since 7d --timezone Europe/Berlin[/]
    """
    with common.installed(dsn) as connection:
        from whochanged.preview import make_preview, write_preview
        from whochanged.settings import load_settings

        mail, mailed = make_preview(
            connection, load_settings(), reader=reader, since=since, until=until, timezone=timezone
        )
        paths = write_preview(mail, folder)
    told = "1 entry" if mail.entries == 1 else f"{mail.entries:,} entries"
    if not mailed:
        common.talk().print(
            "A digest that is cut now would not be mailed: there is nothing to tell. It would look like this:"
        )
    common.talk().print(f"“{mail.rendered.subject}”, {told}; nothing was sent. Look at it in:")
    for path in paths:
        common.out().write(f"{path}\n")


@app.command()
def send(
    now: Annotated[
        bool,
        typer.Option("--now", help="Cut what is new, and try what waits for its next try or is parked, all at once."),
    ] = False,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Cut the digests that are due, and send all that waits.

    Run it every few minutes, from cron or a timer, or let `whochanged run` do it. Two that run at once do no harm.
    A digest is frozen before it is sent: what does not arrive goes again later, the same byte for byte.
    """
    from reports.jobs import Mailing
    from whochanged.mail import mail_server, sender
    from whochanged.settings import load_settings

    settings = load_settings()
    mailing = Mailing(mail_server(settings), sender(settings), settings.base_url)
    with common.installed(dsn) as connection:
        if dry_run:
            _would_send(connection, mailing, now=now)
        else:
            _send(connection, mailing, now=now)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many digests.")] = 20,
    timezone: common.Timezone = None,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """List the last digests, newest first: what they told, and whether each mail was sent, waits, or is parked."""
    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from reports.digest.kept import last_digests
        from whochanged.output.digests import digest_document, print_digests
        from whochanged.output.machine import to_json

        found = last_digests(connection, limit)
        if as_json:
            for digest, deliveries in found:
                common.out().write(to_json(digest_document(digest, deliveries)) + "\n")
        else:
            print_digests(common.data(), found, reading_zone)
        if not found:
            common.talk().print("No digest was cut yet: whochanged digest send --now  cuts what is new.")


def _send(connection: psycopg.Connection[Any], mailing: Mailing, *, now: bool) -> None:
    """Cut, then send; a recipient for whom nothing can be cut does not keep the others waiting."""
    from reports.digest.cut import Cut
    from reports.jobs import send_digests
    from whochanged.output.digests import cut_text, outcome_text

    console = common.data()

    def tell(what: Cut | Outcome) -> None:
        if not isinstance(what, Cut):
            console.print(outcome_text(what))
        elif not what.mailed:
            console.print(cut_text(what))

    connection.autocommit = True
    report = send_digests(connection, mailing, now=now, tell=tell)
    if report is None:
        _remark(connection)
    elif report.parked:
        said, answers = ("1 mail", "answer") if report.parked == 1 else (f"{report.parked} mails", "answers")
        message = f"{said} cannot be delivered: whochanged digest list  shows the {answers}"
        raise MailError(message)


def _would_send(connection: psycopg.Connection[Any], mailing: Mailing, *, now: bool) -> None:
    from reports.digest.cut import MailSettings, cutting
    from reports.outbox import waiting
    from whochanged.mail import words_and_product
    from whochanged.output.digests import cut_text, waiting_text

    console, done = common.data(), 0
    catalogue, product = words_and_product(connection)
    for delivery in waiting(connection, at_once=now):
        done += 1
        console.print(waiting_text(delivery))
    connection.rollback()
    mail = MailSettings(mailing.sender, mailing.base_url, product)
    for cut in cutting(connection, catalogue, mail, now=now, dry_run=True):
        done += 1
        console.print(cut_text(cut, would=True))
    if not done:
        _remark(connection)


def _remark(connection: psycopg.Connection[Any]) -> None:
    """Say that there is nothing, and if so why."""
    from capture.window import watermark
    from reports.digest.notes import waiting_since
    from reports.recipients import read

    talk, everyone = common.talk(), read(connection)
    if not everyone:
        talk.print("Nobody gets digests yet: whochanged recipients add EMAIL")
    elif waiting_since(connection, watermark(connection)) is not None:
        talk.print("Nothing to send yet: a transaction that is still open (pg_stat_activity) holds back what is new.")
    elif held := sum(one.held is not None for one in everyone):
        talk.print(f"Nothing to send; {held} of {len(everyone)} get nothing now: whochanged recipients list  says why.")
    else:
        talk.print("Nothing to send.")
