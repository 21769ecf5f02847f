"""`whochanged alerts`: sensitive changes at once, by mail and to a webhook: look at them, send them, see what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import ConfigurationError, MailError, UsageError
from whochanged.commands import common
from whochanged.commands.log import Since
from whochanged.output.times import zone

if TYPE_CHECKING:
    import psycopg

    from reports.alerts.job import Alerting, Told

app = typer.Typer(
    help="Tell sensitive changes at once, by mail and to a webhook: send them, see what became of them, try it out.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="At most so many alerts, and so many requests.")
    ] = 20,
    timezone: common.Timezone = None,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """List the last alerts and requests to the webhook, newest first, what is held back, and what became of each."""
    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from reports.alerts.kept import last_alerts, last_requests
        from reports.alerts.state import alert_state
        from whochanged.output.alerts import alert_document, print_alerts, print_requests, request_document, state_lines
        from whochanged.output.machine import to_json

        alerts, requests = last_alerts(connection, limit), last_requests(connection, limit)
        if as_json:
            for document in [*map(alert_document, alerts), *map(request_document, requests)]:
                common.out().write(to_json(document) + "\n")
            return
        print_alerts(common.data(), alerts, reading_zone)
        print_requests(common.data(), requests, reading_zone)
        for line in state_lines(alert_state(connection), reading_zone):
            common.talk().print(line, markup=False)
        if not alerts and not requests:
            common.talk().print("Nothing was told at once yet.")


@app.command()
def send(
    now: Annotated[
        bool, typer.Option("--now", help="Try what waits for its next try or was given up, too, all at once.")
    ] = False,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Look for sensitive changes that are new, tell them, and send all that waits.

    Run it every minute from cron, or let `whochanged run` do it, which looks every ten seconds. Two that run at once do no harm.
    """
    alerting = _alerting()
    with common.installed(dsn) as connection:
        if dry_run:
            _would_send(connection, alerting)
        else:
            _send(connection, alerting, now=now)


@app.command()
def preview(
    reader: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="EMAIL", help="As this recipient would get it; without it, all that is sensitive."
        ),
    ] = None,
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path("alert-preview"),
    since: Since = None,
    dsn: common.Dsn = None,
) -> None:
    """Write an alert to alert.eml, alert.html and alert.txt, of the sensitive changes of the last 24 hours; nothing is sent or told.

    [dim]whochanged alerts preview --as ana@example.com --since 7d[/]
    """
    with common.installed(dsn) as connection:
        from whochanged.alert_preview import make_alert_preview, write_alert
        from whochanged.settings import load_settings

        made = make_alert_preview(connection, load_settings(), reader=reader, since=since)
        if made is None:
            common.talk().print("No sensitive change in this time: nothing to look at.")
            return
        common.talk().print(f"“{made.rendered.subject}”; nothing was sent. Look at it in:", markup=False)
        for path in write_alert(made, folder):
            common.out().write(f"{path}\n")


@app.command("test")
def try_out(
    email: Annotated[str | None, typer.Argument(metavar="[EMAIL]", help="Address that a test mail goes to.")] = None,
    to_webhook: Annotated[bool, typer.Option("--webhook", help="Send a test request to the webhook.")] = False,
    dsn: common.Dsn = None,
) -> None:
    """Send a test mail, or a signed test request to the webhook, and say what the server answered. Tells no change."""
    from whochanged.settings import load_settings

    if not email and not to_webhook:
        message = "nothing to test: give an address, or --webhook"
        raise UsageError(message)
    settings = load_settings()
    from whochanged.alert_test import try_mail, try_webhook

    with common.installed(dsn) as connection:
        if email:
            common.data().print(try_mail(connection, settings, email), markup=False)
        if to_webhook:
            common.data().print(try_webhook(connection, settings), markup=False)


@app.command()
def resume(dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Send to the webhook again after its receiver answered 410 Gone; what was held back meanwhile comes in the next requests."""
    with common.installed(dsn) as connection:
        from reports.alerts.requests import resume as begin_again
        from reports.alerts.state import alert_state

        state = alert_state(connection)
        stopped = state is not None and state.webhook_stopped_at is not None
        connection.rollback()
        if not dry_run and stopped:
            begin_again(connection)
        verb = "Would send" if dry_run else "Sends"
        common.talk().print(
            f"{verb} to the webhook again." if stopped else "The webhook is not stopped: nothing to do."
        )


@app.command()
def secret() -> None:
    """Print a new secret for WHOCHANGED_WEBHOOK_SECRET, once: give it to the receiver too. Connects to nothing and keeps nothing."""
    from reports.alerts.webhook import new_secret

    common.out().write(new_secret() + "\n")


def _alerting() -> Alerting:
    """The ways that the settings name. Raises ConfigurationError where they name none."""
    from whochanged.alerting import alerting_of, mailing_of
    from whochanged.settings import PREFIX, load_settings

    settings = load_settings()
    alerting = alerting_of(settings, mailing_of(settings))
    if not alerting.ways:
        message = f"alerts have no way to go: set {PREFIX}SMTP_URL and {PREFIX}MAIL_FROM, or {PREFIX}WEBHOOK_URL"
        raise ConfigurationError(message)
    return alerting


def _send(connection: psycopg.Connection[Any], alerting: Alerting, *, now: bool) -> None:
    """Send by each way; one that fails does not keep the other from it."""
    from reports.alerts.job import send_alerts
    from reports.alerts.look import Alert
    from whochanged.output.alerts import told_text

    def tell(what: Told) -> None:
        if not isinstance(what, Alert):
            common.data().print(told_text(what), markup=False)

    connection.autocommit = True
    done, given_up, faults = False, 0, list[Exception]()
    for way in alerting.ways:
        try:
            numbers = send_alerts(connection, way, alerting, now=now, tell=tell)
        except Exception as error:
            if connection.closed:
                raise
            faults.append(error)
            continue
        done = done or numbers is not None
        given_up += numbers["parked"] if numbers else 0
    if faults:
        raise faults[0]
    if given_up:
        message = "what was given up cannot be delivered: whochanged alerts list  shows the answers"
        raise MailError(message)
    if not done:
        common.talk().print("Nothing to send.")


def _would_send(connection: psycopg.Connection[Any], alerting: Alerting) -> None:
    from reports.alerts.job import words
    from reports.alerts.look import cut_alerts
    from reports.alerts.requests import cut_requests, waiting_requests
    from reports.digest.compose import MailSettings
    from reports.outbox import waiting
    from whochanged.output.alerts import waiting_text, would_text

    catalogue, product = words(connection)
    said: list[str] = []
    if alerting.mailing is not None:
        said += [waiting_text(one.address, one.answer, one.tries) for one in waiting(connection, kind="alert")]
        connection.rollback()
        mail = MailSettings(alerting.mailing.sender, alerting.mailing.base_url, product)
        cut = cut_alerts(connection, catalogue, mail, per_hour=alerting.per_hour, dry_run=True)
        said += [would_text(alert.email, alert.subject) for alert in cut]
    if alerting.webhook is not None:
        said += [waiting_text("the webhook", one.answer, one.tries) for one in waiting_requests(connection)]
        connection.rollback()
        if requests := cut_requests(connection, catalogue, product, dry_run=True):
            said.append(f"{requests} requests to the webhook would be sent")
    for line in said:
        common.data().print(line, markup=False)
    if not said:
        common.talk().print("Nothing to send.")
