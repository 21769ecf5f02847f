"""Alerts in the scheduler: soon, whatever else it is busy with, and written down like every job."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from reports.alerts.job import Alerting
from reports.jobs import Mailing
from reports.scheduler import Scheduler
from tests.aging import value
from tests.alerting import ask_to_leave
from tests.digests import add
from tests.fix_http import Receiver
from tests.fix_smtp import Mailbox
from tests.test_scheduler import SOON, runs, until

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


@contextmanager
def working(dsn: str, alerting: Alerting) -> Iterator[Scheduler]:
    """Let a scheduler work while the block lasts; fail where it ended with an error."""
    errors: list[BaseException] = []
    scheduler = Scheduler(
        lambda: psycopg.connect(dsn, autocommit=True), alerting.mailing, alerting, look=0.2, alert_look=0.1, beat=0.05
    )

    def run() -> None:
        try:
            scheduler.run()
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()
        thread.join(SOON)
    assert not thread.is_alive()
    assert errors == []


def reasons(mailbox: Mailbox) -> str:
    """Return what the alerts that arrived say."""
    return " ".join(mail.text for mail in mailbox.taken if mail.parsed["X-Audit-Kind"] == "alert")


def test_an_alert_does_not_wait_for_a_digest_nor_for_the_webhook(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(crm_conn)
    free = threading.Event()
    monkeypatch.setattr("reports.scheduler.jobs.digest_job", lambda *_, **__: free.wait(SOON) and None)
    receiver.answers = ["stall"] * 50
    alerting = Alerting(Mailing(mailbox.server(), "audit@example.com", None), receiver.webhook(timeout=2), 3600)
    try:
        with working(crm_dsn, alerting):
            until(lambda: value(crm_conn, "SELECT count(*) FROM audit.alert_stand WHERE channel = 'webhook'"))
            for number in range(3):
                ask_to_leave(crm_conn, f"Reason {number}.")
                until(lambda number=number: f"Reason {number}." in reasons(mailbox))  # type: ignore[misc]
            until(lambda: receiver.got)
            free.set()
    finally:
        free.set()
    assert ("alerts", "done") in runs(crm_conn)


def test_looks_that_find_nothing_are_written_down_once_a_minute_at_most(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox
) -> None:
    with working(crm_dsn, Alerting(Mailing(mailbox.server(), "audit@example.com", None), None, 3600)):
        until(lambda: ("alerts", "done") in runs(crm_conn))
        noted = "SELECT detail ->> 'checked_at' FROM audit.job_run WHERE job = 'alerts'"
        before = crm_conn.execute(noted).fetchall()
        time.sleep(1)
        assert crm_conn.execute(noted).fetchall() == before
    assert len(before) == 1


def test_a_failure_is_written_down_and_over_when_a_look_goes_well(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    with monkeypatch.context() as patch:
        patch.setattr("reports.alerts.job.cut_alerts", broken)
        with working(crm_dsn, Alerting(Mailing(mailbox.server(), "audit@example.com", None), None, 3600)):
            until(lambda: ("alerts", "failed") in runs(crm_conn))
            patch.undo()
            until(lambda: [outcome for job, outcome in runs(crm_conn) if job == "alerts"] == ["failed", "done"])
