"""The scheduler: one works, what was missed is made up for, and nothing that happens to the database ends it."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from capture.errors import ConfigurationError
from reports import jobs
from reports.jobs import Mailing
from reports.leader import prepare
from reports.runs import Job, begin, finish, record
from reports.scheduler import Scheduler
from tests.aging import value
from tests.digests import ANA, BEN, add, rename
from tests.fix_smtp import Mailbox

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]
SOON = 20.0
LEADERS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 2003332963 AND objid = 1"
LEADER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 2003332963 AND objid = 1"


class Working:
    """A scheduler at work in a thread; `error` is what it ended with."""

    def __init__(self, dsn: str, mailing: Mailing | None = None) -> None:
        self.scheduler = Scheduler(lambda: psycopg.connect(dsn, autocommit=True), mailing, look=0.2, beat=0.05)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.scheduler.run()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def stop(self) -> None:
        """Stop it, and wait until it has ended."""
        self.scheduler.stop()
        self.thread.join(SOON)
        assert not self.thread.is_alive()


@contextmanager
def working(dsn: str, mailing: Mailing | None = None) -> Iterator[Working]:
    """Let a scheduler work while the block lasts."""
    at_work = Working(dsn, mailing)
    try:
        yield at_work
    finally:
        at_work.stop()


def until(true: Callable[[], object]) -> None:
    """Wait until something is so; fail where that takes too long."""
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def runs(conn: Connection) -> list[tuple[str, str]]:
    """Return the jobs that ran, and their outcomes."""
    return conn.execute("SELECT job, outcome FROM audit.job_run ORDER BY id").fetchall()


def settled(conn: Connection, *wanted: tuple[str, str]) -> Callable[[], bool]:
    """Whether just these runs are written down."""
    return lambda: runs(conn) == list(wanted)


BOTH = (("partitions", "done"), ("purge", "done"))


def test_it_does_what_is_due_once_and_leaves_nothing_behind(conn: Connection, dsn: str) -> None:
    with working(dsn):
        until(settled(conn, *BOTH))
        time.sleep(1)
        assert value(conn, LEADERS) == 1
    assert runs(conn) == list(BOTH)
    until(lambda: value(conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0)
    with working(dsn):
        until(lambda: value(conn, LEADERS))
        time.sleep(0.5)
    assert runs(conn) == list(BOTH), "today's runs were made"


def test_a_purge_that_was_missed_is_caught_up_at_start(conn: Connection, dsn: str) -> None:
    slots = {job: jobs.due_now(conn, job) for job in jobs.DAILY}
    for job, days in (("partitions", 0), ("purge", 1)):
        name: Job = "purge" if job == "purge" else "partitions"
        slot = slots[name]
        assert slot is not None
        run = begin(conn, name, slot - timedelta(days=days))
        assert run is not None
        finish(conn, run)
    with working(dsn):
        until(lambda: len(runs(conn)) == 3)
        time.sleep(0.5)
    assert conn.execute("SELECT job, due FROM audit.job_run ORDER BY id DESC LIMIT 1").fetchone() == (
        "purge",
        slots["purge"],
    )
    assert len(runs(conn)) == 3


def test_of_two_one_works_and_the_other_takes_over(
    conn: Connection, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "reports")
    with working(dsn) as first:
        until(settled(conn, *BOTH))
        with working(dsn):
            until(lambda: "standing by: another process leads" in caplog.messages)
            time.sleep(0.5)
            assert value(conn, LEADERS) == 1
            first.stop()
            began = time.monotonic()
            until(lambda: caplog.messages.count("leading") == 2)
            assert time.monotonic() - began < 5
            conn.execute("UPDATE audit.job_run SET due = due - interval '1 day'")
            until(lambda: len(runs(conn)) == 4)
            time.sleep(0.5)
    assert sorted(runs(conn)) == sorted(BOTH * 2)


def test_a_job_that_fails_is_written_down_and_the_scheduler_lives_on(
    conn: Connection, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "reports")
    conn.execute("UPDATE audit.setting SET value = 'long' WHERE name = 'retention_days'")
    with working(dsn) as at_work:
        until(settled(conn, ("partitions", "done"), ("purge", "failed")))
        error = value(conn, "SELECT error FROM audit.job_run WHERE outcome = 'failed'")
        assert error.startswith("the retention of the log is 'long'")
        assert f"purge failed: {error}" in caplog.messages
        conn.execute("UPDATE audit.setting SET value = '90' WHERE name = 'retention_days'")
        conn.execute("UPDATE audit.job_run SET due = due - interval '1 day' WHERE job = 'purge'")
        until(settled(conn, ("partitions", "done"), ("purge", "failed"), ("purge", "done")))
        assert at_work.error is None


def test_a_fault_of_ours_is_written_down_too_and_told_with_its_place(
    conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("reports.jobs.purge", broken)
    with working(dsn):
        until(settled(conn, ("partitions", "done"), ("purge", "failed")))
        until(lambda: "purge failed: oh" in caplog.messages)
    (told,) = [told for told in caplog.records if told.message == "purge failed: oh"]
    assert told.exc_info is not None


def test_a_lost_connection_is_made_anew_and_a_run_that_it_broke_off_is_made_again(
    conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "reports")
    monkeypatch.setattr("reports.jobs.purge_job", slow_purge)
    with working(dsn):
        until(settled(conn, ("partitions", "done"), ("purge", "running")))
        monkeypatch.undo()
        conn.execute("SELECT pg_terminate_backend(%s)", (value(conn, LEADER),))
        until(settled(conn, ("partitions", "done"), ("purge", "interrupted"), ("purge", "done")))
        assert caplog.messages.count("leading") == 2
        assert any(message.endswith("trying again in 1 s") for message in caplog.messages)
        # Also while it does nothing.
        conn.execute("SELECT pg_terminate_backend(%s)", (value(conn, LEADER),))
        until(lambda: caplog.messages.count("leading") == 3)


def slow_purge(conn: Connection, *, due: Any, seconds: float = 30) -> None:
    """A purge that takes its time."""

    def numbers(_result: object) -> Mapping[str, int]:
        return {}

    record(conn, "purge", lambda: conn.execute("SELECT pg_sleep(%s)", (seconds,)), numbers, due=due)


def test_the_job_that_runs_is_done_before_it_stops(conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(conn: Connection, *, due: Any) -> None:
        slow_purge(conn, due=due, seconds=1)

    monkeypatch.setattr("reports.jobs.purge_job", work)
    with working(dsn) as at_work:
        until(settled(conn, ("partitions", "done"), ("purge", "running")))
        at_work.stop()
        assert runs(conn) == list(BOTH)


def test_it_ends_where_another_version_installs(conn: Connection, dsn: str) -> None:
    with working(dsn) as at_work:
        until(settled(conn, *BOTH))
        conn.execute("UPDATE audit.setting SET value = '99.0' WHERE name = 'version'")
        until(lambda: not at_work.thread.is_alive())
    assert isinstance(at_work.error, ConfigurationError)
    assert "upgrade this program" in str(at_work.error)


def test_digests_are_sent(crm_conn: Connection, crm_dsn: str, mailbox: Mailbox) -> None:
    mailing = Mailing(mailbox.server(), "Cloudfon CX <audit@example.com>", None)
    with working(crm_dsn, mailing):
        until(lambda: ("digest", "done") in runs(crm_conn))
        add(crm_conn)
        rename(crm_conn, "Europe")
        until(lambda: mailbox.addresses() == [ANA])
        until(lambda: value(crm_conn, "SELECT detail ? 'checked_at' FROM audit.job_run ORDER BY id DESC LIMIT 1"))
    assert [job for job, _ in runs(crm_conn)].count("digest") <= 3


def test_who_is_stopped_sends_the_mail_under_way_and_no_other(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox
) -> None:
    for email in (ANA, BEN):
        add(crm_conn, email)
    mailbox.data += ["stall"] * 2
    with working(crm_dsn, Mailing(mailbox.server(timeout=2), "Cloudfon CX <audit@example.com>", None)) as at_work:
        until(lambda: mailbox.taken)
        at_work.stop()
    states = crm_conn.execute("SELECT state FROM audit.delivery ORDER BY digest_id").fetchall()
    assert (states, len(mailbox.taken)) == ([("retry",), ("pending",)], 1)
    assert ("digest", "done") in runs(crm_conn)


def test_one_who_stands_by_keeps_no_snapshot(conn: Connection, dsn: str) -> None:
    """A session that waited for the lead inside the database would make every purge wait for it."""
    with working(dsn), working(dsn):
        until(settled(conn, *BOTH))
        for _ in range(20):
            old = "SELECT max(now() - xact_start) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            assert (value(conn, old) or timedelta()) < timedelta(seconds=1)
            time.sleep(0.02)


@contextmanager
def pooler(dsn: str, folder: Path) -> Iterator[str]:
    """A pooler as far as it matters here: its clients get process numbers of its own."""
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / ".s.PGSQL.5432"))
    listener.listen()
    pairs: list[socket.socket] = []

    def pump(source: socket.socket, target: socket.socket, *, rewrite: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                at = data.find(b"K\x00\x00\x00") if rewrite else -1
                if at >= 0:
                    data = data[: at + 5] + struct.pack("!i", 1) + data[at + 9 :]
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{parts['host']}/.s.PGSQL.5432")
                pairs.extend((client, server))
                for source, target, rewrite in ((client, server, False), (server, client, True)):
                    pumps.append(threading.Thread(target=pump, args=(source, target), kwargs={"rewrite": rewrite}))
                    pumps[-1].start()

    pumps = [threading.Thread(target=serve)]
    pumps[0].start()
    try:
        yield make_conninfo(dsn, host=str(folder))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for each in (listener, *pairs):
            each.close()
        for thread in pumps:
            thread.join(SOON)


def test_a_pooler_is_refused(dsn: str, tmp_path: Path) -> None:
    """The locks of a session would stay on the server, with somebody else's session."""
    with (
        pooler(dsn, tmp_path) as address,
        psycopg.connect(address, autocommit=True) as conn,
        pytest.raises(ConfigurationError, match="leads to a connection pooler: give the address of PostgreSQL itself"),
    ):
        prepare(conn)
