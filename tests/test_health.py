"""Health: what is amiss is found by code, who holds back is named, and nothing is asked that takes long."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from capture.install import track_table
from reports.health import Health, Holder, document, health
from reports.jobs import Mailing, digest_job
from reports.runs import failed_at_once, looked
from tests.digests import ANA, BEN, add, cut, rename
from tests.failing import FAILURES, fill, statements
from tests.fix_postgres import login
from tests.fix_smtp import Mailbox

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]


def codes(found: Health) -> list[str]:
    """Return the codes of what is amiss."""
    return [problem.code for problem in found.problems]


def test_a_fresh_installation_is_well(conn: Connection) -> None:
    found = health(conn)
    assert (found.status, found.problems, found.leader_pid) == ("ok", (), None)
    assert [(job.job, job.outcome, job.failing, job.overdue) for job in found.jobs] == [
        ("partitions", None, False, False),
        ("purge", None, False, False),
        ("digest", None, False, False),
        ("alerts", None, False, False),
        ("webhook", None, False, False),
    ]
    assert found.log.days_ahead == 14
    assert found.log.log_bytes > 0
    assert found.mail.readers == 0


def test_it_is_json(crm_conn: Connection) -> None:
    add(crm_conn)
    told = json.loads(json.dumps(document(health(crm_conn))))
    assert told["status"] == "critical"
    assert told["at"].endswith("Z")
    assert told["mail"]["overdue"] == [1]
    assert {"jobs", "watermark", "mail", "log", "problems", "leader_pid"} <= set(told)


def test_a_reader_of_the_log_may_ask(crm_dsn: str, crm_conn: Connection) -> None:
    crm_conn.execute("DO $$ BEGIN CREATE ROLE health_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    crm_conn.execute("GRANT audit_reader TO health_reader")
    with psycopg.connect(login(crm_dsn, "health_reader"), autocommit=True) as reader:
        assert health(reader).status == "ok"


def test_an_open_transaction_that_wrote_is_named(crm_dsn: str, crm_conn: Connection) -> None:
    with psycopg.connect(crm_dsn, application_name="month end") as other:
        rename(other, "Europe")
        rename(crm_conn, "Asia", territory=2)
        stand = health(crm_conn).watermark
        assert isinstance(stand.holder, Holder)
        assert (stand.holder.kind, stand.holder.pid) == ("session", other.info.backend_pid)
        assert stand.holder.database == crm_conn.info.dbname
        assert (stand.holder.application, stand.holder.state) == ("month end", "idle in transaction")
        assert stand.lag_transactions >= 2
        assert stand.lag_seconds > 0
        assert stand.waiting_since is not None, "the change that was committed meanwhile waits"
        other.rollback()
    stand = health(crm_conn).watermark
    assert (stand.lag_transactions, stand.lag_seconds, stand.holder, stand.waiting_since) == (0, 0, None, None)


@pytest.mark.one_server
def test_a_transaction_of_another_database_holds_back_too_and_one_that_reads_does_not(
    crm_dsn: str, crm_conn: Connection
) -> None:
    with psycopg.connect(make_conninfo(crm_dsn, dbname="postgres")) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT FROM pg_class")
        assert health(crm_conn).watermark.holder is None
        other.execute("SELECT pg_current_xact_id()")
        rename(crm_conn, "Europe")
        holder = health(crm_conn).watermark.holder
        assert holder is not None
        assert (holder.pid, holder.database) == (other.info.backend_pid, "postgres")


@pytest.mark.one_server
def test_a_prepared_transaction_is_named_by_its_gid(crm_dsn: str, crm_conn: Connection) -> None:
    with psycopg.connect(crm_dsn) as other:
        rename(other, "Europe")
        other.execute("PREPARE TRANSACTION 'forgotten'")
    try:
        rename(crm_conn, "Asia", territory=2)
        holder = health(crm_conn).watermark.holder
        assert holder is not None
        assert (holder.kind, holder.gid, holder.pid, holder.state) == ("prepared", "forgotten", None, "prepared")
        assert holder.since is not None
    finally:
        crm_conn.execute("ROLLBACK PREPARED 'forgotten'")


@pytest.mark.one_server
def test_a_login_without_rights_sees_who_and_since_when_by_what_waits(crm_dsn: str, crm_conn: Connection) -> None:
    crm_conn.execute("DO $$ BEGIN CREATE ROLE health_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    crm_conn.execute("GRANT audit_reader TO health_reader")
    with (
        psycopg.connect(login(crm_dsn, "health_reader"), autocommit=True) as reader,
        psycopg.connect(crm_dsn, application_name="month end") as other,
    ):
        rename(other, "Europe")
        rename(crm_conn, "Asia", territory=2)
        stand = health(reader).watermark
        assert stand.holder is not None
        assert (stand.holder.pid, stand.holder.application) == (other.info.backend_pid, "month end")
        assert (stand.holder.state, stand.holder.since) == (None, None)
        assert stand.lag_seconds > 0


@pytest.mark.one_server
def test_what_holds_back_for_an_hour_is_critical_where_somebody_waits(
    crm_dsn: str, crm_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(crm_conn)
    monkeypatch.setattr("reports.problems.LATE", timedelta(0))
    with psycopg.connect(crm_dsn, application_name="month end") as other:
        rename(other, "Europe")
        assert health(crm_conn).watermark.lag_seconds == 0, "nothing was finished since: nothing waits"
        rename(crm_conn, "Asia", territory=2)
        found = health(crm_conn)
        problem = next(problem for problem in found.problems if problem.code == "watermark")
        assert f"process {other.info.backend_pid}" in problem.message
        assert "month end" in problem.message
        assert not found.ok


@pytest.mark.one_server
def test_jobs_fail_and_recover(crm_conn: Connection) -> None:
    failed_at_once(crm_conn, "digest", RuntimeError("no space left"))
    found = health(crm_conn)
    assert codes(found) == ["digest_failed"]
    assert "no space left" in found.problems[0].message
    looked(crm_conn, "digest")
    assert health(crm_conn).ok, "a look that found nothing to do is a success"
    assert health(crm_conn).jobs[2].seconds_since_success < 60
    crm_conn.execute("UPDATE audit.incarnation SET since = since - interval '30 hours'")
    assert codes(health(crm_conn)) == ["partitions_overdue", "purge_overdue"]
    crm_conn.execute(
        "INSERT INTO audit.job_run (job, due, started_at, finished_at, outcome, host, pid)"
        " SELECT job, now(), now(), now(), 'done', 'h', 1 FROM unnest(array['partitions', 'purge']) AS job"
    )
    assert health(crm_conn).ok


@pytest.mark.one_server
def test_digests_and_mails_that_wait_are_told_with_their_age(crm_conn: Connection, mailbox: Mailbox) -> None:
    add(crm_conn, ANA)
    add(crm_conn, BEN)
    rename(crm_conn, "Europe")
    assert codes(health(crm_conn)) == ["digests_overdue"]
    assert len(cut(crm_conn)) == 2
    found = health(crm_conn).mail
    assert (found.waiting, found.retrying, found.parked, found.overdue) == (2, 0, 0, ())
    assert found.oldest_seconds is not None
    mailbox.refusals = {ANA: "550 5.1.1 unknown", BEN: "450 4.2.1 later"}
    digest_job(crm_conn, Mailing(mailbox.server(), "Audit <audit@example.com>", None))
    found = health(crm_conn).mail
    assert (found.waiting, found.retrying, found.parked) == (1, 1, 1)
    assert found.next_try_at is not None
    crm_conn.execute("UPDATE audit.digest SET cut_at = cut_at - interval '2 hours'")
    assert codes(health(crm_conn)) == ["mails_late", "recipients_bounced", "mails_parked"]
    assert (health(crm_conn).mail.readers, health(crm_conn).mail.bounced) == (1, 1)
    crm_conn.execute("UPDATE audit.recipient SET paused = true")
    assert health(crm_conn).mail.waiting == 0, "nobody waits for it"


@pytest.mark.one_server
def test_statements_that_could_not_be_recorded_in_full_are_counted_for_good(conn: Connection) -> None:
    failure = FAILURES["output function"]
    fill(conn, failure, "available", 1)
    conn.execute(statements(failure, 1)["UPDATE"])
    found = health(conn).log
    assert (found.degraded, found.unrecorded) == (1, 0)
    conn.execute("REVOKE ALL ON SEQUENCE audit.degraded FROM audit_capture")
    conn.execute(statements(failure, 1)["INSERT"])
    rows = conn.execute("SELECT count(*) FROM audit.change WHERE degraded IS NOT NULL").fetchone()
    assert rows == (2,), "a row is not given up for its count"


@pytest.mark.one_server
def test_partitions_that_are_missing_are_told(conn: Connection) -> None:
    day = conn.execute("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '3 days', 'YYYYMMDD')").fetchone()
    assert day is not None
    conn.execute(f"DROP TABLE audit.change_{day[0]}")
    found = health(conn)
    assert (found.log.days_ahead, codes(found), found.ok) == (2, ["partitions"], True)


@pytest.mark.one_server
def test_its_cost_does_not_grow_with_the_log(conn: Connection) -> None:
    """No plan reads a table of the log from end to end."""
    conn.execute("CREATE TABLE t (id int PRIMARY KEY)")
    track_table(conn, "public.t")
    conn.execute("INSERT INTO t SELECT generate_series(1, 20000)")
    conn.execute("ANALYZE audit.change")
    reads = "SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_xact_user_tables WHERE relname LIKE 'change%'"
    with conn.transaction():
        health(conn)
        assert conn.execute(reads).fetchone() == (0,)
