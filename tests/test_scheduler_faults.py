"""Faults of our own while the scheduler works: logged with their place, written down, and no reason to end."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from jinja2 import UndefinedError

from reports.digest.compose import compose
from reports.jobs import Mailing
from tests.aging import value
from tests.digests import ANA, BEN, add
from tests.fix_smtp import Mailbox
from tests.test_scheduler import runs, until, working

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]


def test_a_fault_of_ours_in_a_digest_is_written_down_and_the_other_digests_go_out(
    crm_conn: Connection,
    crm_dsn: str,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that no error of ours is, as a template may raise."""
    add(crm_conn)
    add(crm_conn, BEN)

    def broken(*arguments: Any, **more: Any) -> Any:
        if more["number"] == 1:
            raise UndefinedError("'digest' has no 'x'")
        return compose(*arguments, **more)

    monkeypatch.setattr("reports.digest.cut.compose", broken)
    with working(crm_dsn, Mailing(mailbox.server(), "Cloudfon CX <audit@example.com>", None)) as at_work:
        until(lambda: mailbox.addresses() == [BEN])
        until(lambda: ("digest", "failed") in runs(crm_conn))
        until(lambda: "digest failed: 'digest' has no 'x'" in caplog.messages)
        told = next(told for told in caplog.records if told.message.startswith("digest failed"))
        assert told.exc_info is not None
        monkeypatch.undo()
        until(lambda: mailbox.addresses() == [BEN, ANA])
        assert at_work.error is None
    assert value(crm_conn, "SELECT error FROM audit.job_run WHERE outcome = 'failed'") == "'digest' has no 'x'"


@pytest.mark.parametrize(
    "what", ["reports.jobs.installed_catalogue", "reports.jobs.due_now", "reports.scheduler.take_over"]
)
def test_a_fault_of_ours_beside_the_jobs_does_not_end_the_scheduler(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("oh")

    add(crm_conn)
    monkeypatch.setattr(what, broken)
    with working(crm_dsn, Mailing(mailbox.server(), "Cloudfon CX <audit@example.com>", None)) as at_work:
        if what != "reports.scheduler.take_over":
            failed = "SELECT count(*) FROM audit.job_run WHERE outcome = 'failed' AND error = 'oh'"
            until(lambda: value(crm_conn, failed))
        else:
            time.sleep(0.5)
        assert at_work.error is None
        assert at_work.thread.is_alive()
        monkeypatch.undo()
        until(lambda: mailbox.addresses() == [ANA])
