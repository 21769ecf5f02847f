"""`whochanged run`: the scheduler, as a process that is left running."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from whochanged.commands import common

if TYPE_CHECKING:
    import psycopg

    from reports.jobs import Mailing
    from reports.scheduler import Scheduler

_INTERRUPTED = 130
_APPLICATION = "whochanged run"

# So that we notice within seconds that the server's machine is gone, which no packet tells.
_KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}

_log = logging.getLogger(__name__)


def run(dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Keep the log going: make partitions, purge and send digests when they are due, until SIGTERM or SIGINT.

    Of several that run for one database, one works and the others stand by. Digests need WHOCHANGED_SMTP_URL and
    WHOCHANGED_MAIL_FROM.
    """
    from reports.leader import prepare
    from reports.scheduler import Scheduler

    if dry_run:
        _tell_what_is_due(dsn)
        return
    with common.address(dsn) as found:
        log_to_stderr()
        with _connect(found) as connection:  # what can be put right is said at once
            prepare(connection)
        scheduler = Scheduler(lambda: _connect(found), _mailing())
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


def _connect(address: str) -> psycopg.Connection[Any]:
    from whochanged.database import connect

    given = conninfo_to_dict(address)
    options = {name: value for name, value in _KEEPALIVE.items() if name not in given}
    return connect(make_conninfo(address, **options), autocommit=True, application_name=_APPLICATION)


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


def log_to_stderr() -> None:
    """One line for each thing that happens, with its time in UTC, harmless to a terminal."""
    handler = logging.StreamHandler(sys.stderr)
    line = _Line("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    line.converter = time.gmtime
    handler.setFormatter(line)
    for name in ("reports", "whochanged"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]
    # It would tell of every look that a long run made it skip.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _Line(logging.Formatter):
    """Lines in which control characters are made visible."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the line of a record; a traceback follows as it is."""
        from whochanged.output.safety import neutral

        return neutral(super().formatMessage(record))
