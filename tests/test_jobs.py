"""The jobs write down what they did: once for each run, with its outcome, also when they fail or die."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from capture.errors import ConfigurationError, DatabaseError, MailError
from capture.resources import query
from reports.jobs import DAILY, Mailing, digest_job, due_now, partitions_job, purge_job
from reports.runs import Job, begin, finish, mark_interrupted, said
from tests.aging import change, past_tables, track, value
from tests.digests import ANA, BEN, add, due_again, rename
from tests.fix_smtp import Mailbox

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]
SENDER = "Cloudfon CX <audit@example.com>"
DUE = datetime(2026, 1, 2, 3, 10, tzinfo=UTC)


def runs(conn: Connection, columns: str = "job, outcome, detail, error") -> list[tuple[Any, ...]]:
    """Return what was written down, in its order."""
    return conn.execute(f"SELECT {columns} FROM audit.job_run ORDER BY id").fetchall()


def mailing(mailbox: Mailbox) -> Mailing:
    """Return what the digests need, for the mail server of the test."""
    return Mailing(mailbox.server(), SENDER, None)


def test_a_run_is_written_down_once(conn: Connection) -> None:
    track(conn)
    change(conn, rows=3, hours=2400)
    report = purge_job(conn, due=DUE)
    assert report is not None
    assert purge_job(conn, due=DUE) is None
    assert partitions_job(conn, days=16, due=DUE) is not None
    numbers = {"days": 1, "changes": 3, "bytes": report.bytes, "digests": 0, "runs": 0, "postponed": 0}
    assert runs(conn) == [
        ("purge", "done", numbers, None),
        ("partitions", "done", {"made": 4, "moved_changes": 0, "moved_transactions": 0, "covered": 0}, None),
    ]
    assert (
        runs(conn, "due, host, pid, started_at <= finished_at") == [(DUE, socket.gethostname(), os.getpid(), True)] * 2
    )
    assert value(conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    assert value(conn, "SELECT current_user = session_user")


def test_a_run_that_is_not_due_at_a_set_time_is_due_now(conn: Connection) -> None:
    assert partitions_job(conn) is not None
    assert partitions_job(conn) is not None
    assert runs(conn, "job, due <= started_at AND due > now() - interval '1 minute'") == [("partitions", True)] * 2


def test_a_failure_is_written_down_in_a_line_and_raised(conn: Connection) -> None:
    conn.execute("UPDATE audit.setting SET value = E'0\\n\\x1b[31m' WHERE name = 'retention_days'")
    with pytest.raises(ConfigurationError):
        purge_job(conn, due=DUE)
    ((job, outcome, detail, error),) = runs(conn)
    assert (job, outcome, detail) == ("purge", "failed", {})
    assert error.startswith("the retention of the log is '0 ?[31m', which is no number of days")
    conn.execute("UPDATE audit.setting SET value = '90' WHERE name = 'retention_days'")
    assert purge_job(conn, due=DUE) is None, "the run of that time was made, and failed"
    assert purge_job(conn) is not None


def test_an_error_of_the_database_is_one_line(conn: Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute("SELECT 1 +\n\nnothing")
    assert said(caught.value) == 'column "nothing" does not exist'
    assert said(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_a_run_whose_process_is_gone_was_interrupted(conn: Connection, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as other:
        run = begin(other, "purge", DUE)
        assert run is not None
        assert mark_interrupted(conn) == []
        assert begin(conn, "purge", DUE) is None
    assert gone(conn) == [("purge", DUE)]
    assert runs(conn) == [("purge", "interrupted", {}, "its process ended before it did")]
    # The next run notices it too.
    with psycopg.connect(dsn, autocommit=True) as other:
        begin(other, "digest")
        pid = other.info.backend_pid
    while value(conn, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid):
        time.sleep(0.01)
    purge_job(conn)
    assert [row[:2] for row in runs(conn)] == [("purge", "interrupted"), ("digest", "interrupted"), ("purge", "done")]


def gone(conn: Connection) -> list[tuple[str, datetime]]:
    """Mark what was interrupted as soon as the server has noticed that a client is gone."""
    end = time.monotonic() + 10
    while not (found := mark_interrupted(conn)) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def test_a_run_that_somebody_ended_was_interrupted_and_did_not_fail(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("capture.retention._drop", end)
    with pytest.raises(KeyboardInterrupt):
        purge_job(conn)
    assert runs(conn, "outcome") == [("interrupted",)]


def test_the_clock_of_this_machine_does_not_count(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2126, 1, 1, tzinfo=tz)

    track(conn)
    change(conn)
    before, due = past_tables(conn), due_now(conn, "purge")
    for module in ("capture.retention", "reports.jobs", "reports.runs"):
        monkeypatch.setattr(f"{module}.datetime", Wrong)
    monkeypatch.setattr("time.time", lambda: 5e9)
    assert due_now(conn, "purge") == due
    report = purge_job(conn)
    assert report is not None
    assert (report.days, past_tables(conn)) == ((), before)


@pytest.mark.parametrize("job", ["partitions", "purge"])
def test_what_is_due_the_database_says(conn: Connection, job: Job) -> None:
    """By its clock and by what is written down: a run that was missed, broken off, or did not do all is due."""
    at, now = DAILY[job], value(conn, "SELECT now()").astimezone(UTC)
    slot = datetime.combine(now.date(), at, tzinfo=UTC)
    slot -= timedelta(days=slot > now)
    conn.execute("SET timezone = 'Pacific/Apia'")
    assert due_now(conn, job) == slot
    before = begin(conn, job, slot - timedelta(days=1))
    assert before is not None
    finish(conn, before)
    begin(conn, job, now + timedelta(hours=30))  # a clock that went wrong once
    assert due_now(conn, job) == slot
    run = begin(conn, job, slot)
    assert run is not None
    assert due_now(conn, job) is None
    for outcome, left, hours, again in (
        ("done", 0, 2, False),
        ("failed", 0, 0.9, False),
        ("failed", 0, 1.1, True),
        ("done", 1, 0.9, False),
        ("done", 1, 1.1, True),
        ("interrupted", 0, 0, True),
    ):
        conn.execute(
            "UPDATE audit.job_run SET outcome = %s, detail = jsonb_build_object('postponed', %s::integer),"
            " finished_at = clock_timestamp() - %s WHERE id = %s",
            (outcome, left, timedelta(hours=hours), run.id),
        )
        due = due_now(conn, job)
        assert (due is not None) == again, (outcome, left, hours)
        assert due is None or due > slot
    by_hand = begin(conn, job)
    assert by_hand is not None
    finish(conn, by_hand)
    assert due_now(conn, job) is None


def test_a_digest_is_cut_and_sent_and_a_quiet_look_leaves_no_row(crm_conn: Connection, mailbox: Mailbox) -> None:
    for _ in range(2):
        assert digest_job(crm_conn, mailing(mailbox)) is None
    ((job, outcome, detail, _error),) = runs(crm_conn)
    assert (job, outcome, list(detail)) == ("digest", "done", ["checked_at"])
    add(crm_conn)
    rename(crm_conn, "Europe")
    assert digest_job(crm_conn, mailing(mailbox)) is not None
    assert mailbox.addresses() == [ANA]
    assert "Renamed territory" in mailbox.taken[0].text
    assert runs(crm_conn)[1:] == [("digest", "done", {"cut": 1, "sent": 1, "retry": 0, "parked": 0}, None)]
    assert digest_job(crm_conn, mailing(mailbox)) is None
    ((_job, _outcome, detail, _error),) = runs(crm_conn)[1:]
    assert abs(datetime.fromisoformat(detail["checked_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(mailbox.taken) == 1


def test_a_digest_of_the_installed_catalogue_bears_the_name_of_the_product(
    crm_conn: Connection, mailbox: Mailbox
) -> None:
    add(crm_conn)
    rename(crm_conn, "Europe")
    digest_job(crm_conn, mailing(mailbox))
    assert value(crm_conn, "SELECT content::json ->> 'name' FROM audit.catalogue") in mailbox.taken[0].text


def test_what_the_mail_server_answers_is_in_the_numbers(crm_conn: Connection, mailbox: Mailbox) -> None:
    add(crm_conn)
    add(crm_conn, BEN)
    mailbox.refusals = {ANA: "550 no such user", BEN: "450 later"}
    report = digest_job(crm_conn, mailing(mailbox))
    assert report is not None
    assert (report.cut, report.sent, report.retry, report.parked) == (2, 0, 1, 1)
    assert digest_job(crm_conn, mailing(mailbox)) is None, "its next try is not due yet"


def test_a_mail_server_that_refuses_us_is_a_failure_until_it_takes_a_mail(
    crm_conn: Connection, mailbox: Mailbox
) -> None:
    add(crm_conn)
    mailbox.refusals = {"audit@example.com": "550 who are you"}
    with pytest.raises(MailError):
        digest_job(crm_conn, mailing(mailbox))
    digest_job(crm_conn, mailing(mailbox))  # nothing is to be tried yet: that proves nothing
    ((job, outcome, detail, error),) = runs(crm_conn)
    assert (job, outcome, detail["cut"]) == ("digest", "failed", 1)
    assert "refuses the sender" in error
    mailbox.refusals = {}
    crm_conn.execute("UPDATE audit.delivery SET not_before = now()")
    assert digest_job(crm_conn, mailing(mailbox)) is not None
    assert [row[1] for row in runs(crm_conn)] == ["failed", "done"]
    assert mailbox.addresses() == [ANA]


def test_a_run_that_is_asked_to_stop_is_done_and_the_rest_waits(crm_conn: Connection, mailbox: Mailbox) -> None:
    add(crm_conn)
    add(crm_conn, BEN)
    report = digest_job(crm_conn, mailing(mailbox), stop=lambda: bool(mailbox.taken))
    assert report is not None
    assert (report.cut, report.sent, report.retry, report.parked) == (2, 1, 0, 0)
    assert runs(crm_conn, "job, outcome") == [("digest", "done")]
    assert digest_job(crm_conn, mailing(mailbox)) is not None
    assert mailbox.addresses() == [ANA, BEN]


@pytest.mark.one_server
def test_what_waits_is_found_without_reading_a_whole_day(crm_conn: Connection) -> None:
    crm_conn.execute(
        "INSERT INTO audit.transaction (at, transaction_id, setting_key, incarnation, database_user)"
        " SELECT now() + make_interval(secs => 0.000001 * n), (n + 1000000)::text::xid8, '', 1, 'x' FROM generate_series(1, 20000) AS n"
    )
    crm_conn.execute("ANALYZE audit.transaction")
    look, values = query("digest_waiting"), {"incarnation": 1, "xid": "1019990"}
    plan = "\n".join(row[0] for row in crm_conn.execute(f"EXPLAIN {look}".encode(), values).fetchall())
    day = value(crm_conn, "SELECT tableoid::regclass::text FROM audit.transaction WHERE transaction_id = '1020000'")
    partition = day.removeprefix("audit.")
    assert f"{partition}_transaction_id_idx" in plan
    assert f"Seq Scan on {partition} " not in plan
    (oldest,) = crm_conn.execute(look, values).fetchall()
    assert (
        oldest == crm_conn.execute("SELECT min(at) FROM audit.transaction WHERE transaction_id >= '1019990'").fetchone()
    )


def test_one_who_cannot_be_served_fails_every_minute_and_keeps_no_one_waiting(
    crm_conn: Connection, mailbox: Mailbox
) -> None:
    """The same failure again and again is one row, and the others get their mails."""
    add(crm_conn, BEN)
    add(crm_conn)
    crm_conn.execute("UPDATE audit.recipient SET email = 'a..b@example.com' WHERE email = %s", (ANA,))
    for _ in range(3):
        with pytest.raises(ConfigurationError):
            digest_job(crm_conn, mailing(mailbox))
    assert mailbox.addresses() == [BEN]
    ((_job, outcome, detail, error),) = runs(crm_conn)
    assert (outcome, detail) == ("failed", {"cut": 1, "sent": 1, "retry": 0, "parked": 0, "times": 3})
    assert "gets no digest" in error
    rename(crm_conn, "Europe")
    due_again(crm_conn)
    with pytest.raises(ConfigurationError):
        digest_job(crm_conn, mailing(mailbox))
    assert mailbox.addresses() == [BEN, BEN]


def test_a_login_without_rights_is_told_what_is_missing(conn: Connection, dsn: str) -> None:
    conn.execute("CREATE ROLE no_keeper LOGIN")
    try:
        with (
            psycopg.connect(dsn, user="no_keeper") as other,
            pytest.raises(DatabaseError, match="run  GRANT audit_owner TO no_keeper"),
        ):
            purge_job(other)
    finally:
        conn.execute("DROP ROLE no_keeper")
