"""`whochanged run`: the scheduler, as a process that is left running."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from whochanged.commands import common

if TYPE_CHECKING:
    import psycopg

    from reports.jobs import Mailing
    from reports.scheduler import Scheduler

_INTERRUPTED = 130
_APPLICATION = "whochanged run"
_METRICS = "whochanged metrics"

# So that we notice within seconds that the server's machine is gone, which no packet tells.
_KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}

_log = logging.getLogger(__name__)


def run(
    metrics_address: Annotated[
        str | None,
        typer.Option(
            "--metrics-address",
            metavar="ADDRESS",
            envvar="WHOCHANGED_METRICS_ADDRESS",
            help="Serve /metrics for Prometheus and /healthz there: 9187 (of this machine alone), 10.0.0.5:9187, [::1]:9187.",
        ),
    ] = None,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Keep the log going: make partitions, purge, send digests and alerts when they are due, until SIGTERM or SIGINT.

    Of several that run for one database, one works and the others stand by. Mails need WHOCHANGED_SMTP_URL and
    WHOCHANGED_MAIL_FROM, a webhook WHOCHANGED_WEBHOOK_URL and WHOCHANGED_WEBHOOK_SECRET.
    """
    from reports.leader import prepare
    from reports.scheduler import Scheduler
    from whochanged.alerting import alerting_of
    from whochanged.logs import set_up
    from whochanged.settings import load_settings, metrics_place

    if dry_run:
        _tell_what_is_due(dsn)
        return
    place = None if metrics_address is None else metrics_place(metrics_address)
    with common.address(dsn) as found, ExitStack() as stack:
        set_up(load_settings().log_format)
        with _connect(found) as connection:  # what can be put right is said at once
            prepare(connection)
        if place is not None:
            from reports.metrics import Looking, serving

            port = stack.enter_context(serving(Looking(lambda: _connect(found, _METRICS)), *place))
            _log.info("metrics at %s, port %d", place[0], port, extra={"event": "metrics", "port": port})
        mailing = _mailing()
        alerting = alerting_of(load_settings(), mailing)
        scheduler = Scheduler(lambda: _connect(found), mailing, alerting)
        _stop_on_signals(scheduler)
        scheduler.run()


def _tell_what_is_due(dsn: str | None) -> None:
    """Say which jobs would run at once, and when the others would."""
    from reports.digest.cut import cut_due
    from reports.jobs import DAILY, due_now
    from whochanged.mail import mail_settings, words_and_product
    from whochanged.settings import load_settings

    talk, settings = common.talk(), load_settings()
    with common.installed(dsn) as connection:
        for job, at in DAILY.items():
            since = due_now(connection, job)
            talk.print(f"Would run {job} at once." if since else f"Would run {job} at {at:%H:%M} UTC.")
        connection.rollback()
        if _mailing() is None:
            talk.print("Would send no digests: WHOCHANGED_SMTP_URL and WHOCHANGED_MAIL_FROM are not both set.")
            return
        catalogue, product = words_and_product(connection)
        connection.rollback()
        cuts = cut_due(connection, catalogue, mail_settings(settings, product), dry_run=True)
        names = ", ".join(cut.email for cut in cuts)
        talk.print(f"Would cut digests at once for {names}." if names else "Would cut no digest at once: none is due.")


def _connect(address: str, application: str = _APPLICATION) -> psycopg.Connection[Any]:
    from whochanged.database import connect

    given = conninfo_to_dict(address)
    options = {name: value for name, value in _KEEPALIVE.items() if name not in given}
    return connect(make_conninfo(address, **options), autocommit=True, application_name=application)


def _mailing() -> Mailing | None:
    """The mail server and the sender as the environment names them; None, said once, where it names neither or one only."""
    from reports.jobs import Mailing
    from whochanged.mail import mail_server, sender
    from whochanged.settings import PREFIX, load_settings

    settings = load_settings()
    if settings.smtp_url is None or settings.mail_from is None:
        _log.info("no digests are sent: set %sSMTP_URL and %sMAIL_FROM for them", PREFIX, PREFIX)
        return None
    return Mailing(mail_server(settings), sender(settings), settings.base_url)


def _stop_on_signals(scheduler: Scheduler) -> None:
    """The first signal lets the running job end, the second one does not."""
    asked = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            os._exit(_INTERRUPTED)
        asked = True
        scheduler.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
