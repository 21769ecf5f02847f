"""The commands that keep the log going: what they print, how they end, and what signals do to them."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.install import install
from tests.aging import change, held_open, past_tables, track, value
from tests.digests import ANA, add, rename
from tests.fix_postgres import OPTIONS, login
from tests.fix_smtp import Mailbox
from tests.processes import running
from whochanged import embedded
from whochanged.cli import run

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]
OLD = 2400


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """Return the one line that a command is refused with."""
    assert run([*arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    return said.err


def runs(conn: Connection) -> list[tuple[str, str]]:
    """Return the jobs that ran, and their outcomes."""
    return conn.execute("SELECT job, outcome FROM audit.job_run ORDER BY id").fetchall()


@pytest.mark.one_server
def test_purge_says_what_goes_and_then_removes_it(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    track(conn)
    change(conn, rows=1204, hours=OLD)
    day = value(conn, f"SELECT ((now() - interval '{OLD} hours') AT TIME ZONE 'UTC')::date")
    assert run(["purge", "--dry-run", "--dsn", dsn]) == 0
    would = capsys.readouterr()
    assert would.out.startswith(f"{day}       1,204 changes  ")
    assert would.err.startswith("Would remove 1,204 changes (")
    assert len(past_tables(conn)) == 1
    assert runs(conn) == []
    assert run(["purge", "--json", "--dsn", dsn]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (document["changes"], document["retention_days"], document["dry_run"]) == (1204, 90, False)
    assert document["days"] == [{"day": str(day), "changes": 1204, "bytes": document["bytes"]}]
    assert "the retention is 90 days" in said.err
    assert past_tables(conn) == []
    assert runs(conn) == [("purge", "done")]
    assert run(["log", "--dsn", dsn]) == 0
    assert f"Purged 1,204 changes of {day}, older than the retention of 90 days" in capsys.readouterr().out


@pytest.mark.one_server
def test_partitions_fills_in_what_was_spilled(conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    track(conn)
    today = value(conn, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")
    conn.execute(f"DROP TABLE audit.change_{today}, audit.transaction_{today}")
    change(conn, rows=3)
    assert run(["partitions", "--dsn", dsn]) == 0
    said = capsys.readouterr()
    assert "2 partitions made" in said.err
    assert "4 spilled rows filled in." in said.err
    assert len(said.out.splitlines()) == 30
    assert runs(conn) == [("partitions", "done")]


@pytest.mark.one_server
def test_a_wrong_retention_is_refused(conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    conn.execute("UPDATE audit.setting SET value = '0' WHERE name = 'retention_days'")
    assert "no number of days from 1 to 36500" in refused(capsys, 3, "purge", "--dsn", dsn)
    assert runs(conn) == [("purge", "failed")]


@pytest.mark.one_server
def test_another_version_and_a_missing_log_are_refused(
    conn: Connection, dsn: str, empty_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for version, advice in (("0.1.0", "run  whochanged install"), ("99.0", "upgrade this program")):
        conn.execute("UPDATE audit.setting SET value = %s WHERE name = 'version'", (version,))
        assert advice in refused(capsys, 3, "run", "--dsn", dsn)
    for command in ("purge", "run"):
        assert "run  whochanged install" in refused(capsys, 4, command, "--dsn", empty_dsn)


@pytest.mark.one_server
def test_a_login_without_rights_is_told_what_is_missing(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    conn.execute("CREATE ROLE cli_reads LOGIN; GRANT audit_reader TO cli_reads; CREATE ROLE cli_nothing LOGIN")
    try:
        for command in ("purge", "partitions", "run"):
            assert "GRANT audit_owner TO cli_reads" in refused(capsys, 4, command, "--dsn", login(dsn, "cli_reads"))
            advice = "GRANT audit_owner TO cli_nothing" if command == "run" else "connect as a member of audit_owner"
            assert advice in refused(capsys, 4, command, "--dsn", login(dsn, "cli_nothing"))
    finally:
        conn.execute("DROP ROLE cli_reads; DROP ROLE cli_nothing")


@pytest.mark.one_server
def test_half_of_the_mail_settings_is_wrong(
    dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHOCHANGED_SMTP_URL", "smtp://mail.example.com")
    monkeypatch.setenv("WHOCHANGED_MAIL_FROM", "nobody")
    assert "WHOCHANGED_MAIL_FROM is not usable" in refused(capsys, 3, "run", "--dsn", dsn)


def test_two_processes_one_is_killed_and_the_other_takes_over(conn: Connection, dsn: str) -> None:
    with running(dsn) as first, running(dsn) as second:
        first_leads = _leader(conn, first.pid, second.pid) == first.pid
        leader, other = (first, second) if first_leads else (second, first)
        leader.says("purge done")
        other.says("standing by: another process leads")
        # It looks again in a minute: what is due now is left for the one that takes over.
        conn.execute("UPDATE audit.job_run SET due = due - interval '1 day'")
        leader.kill()
        began = time.monotonic()
        other.says("purge done")
        assert time.monotonic() - began < 10
        assert sorted(runs(conn)) == [("partitions", "done")] * 2 + [("purge", "done")] * 2
        other.signal(signal.SIGTERM)
        assert other.ends() == 0
        assert other.lines[-1].endswith("INFO stopped")


def _leader(conn: Connection, *pids: int) -> int:
    """Wait until one of the processes has made a run, and return its number."""
    end = time.monotonic() + 30
    while not (rows := conn.execute("SELECT pid FROM audit.job_run LIMIT 1").fetchall()):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert rows[0][0] in pids
    return int(rows[0][0])


@pytest.mark.one_server
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(conn: Connection, dsn: str, number: int) -> None:
    with running(dsn) as process:
        process.says("purge done")
        process.signal(number)
        assert process.ends() == 0
    assert sum("no digests are sent: set WHOCHANGED_SMTP_URL" in line for line in process.lines) == 1
    assert runs(conn) == [("partitions", "done"), ("purge", "done")]


@pytest.mark.one_server
def test_a_running_job_is_done_first_and_a_second_signal_does_not_wait(conn: Connection, dsn: str) -> None:
    track(conn)
    running_now = "SELECT count(*) FROM audit.job_run WHERE job = 'purge' AND outcome = 'running'"
    for signals, code, outcome in ((1, 0, "done"), (2, 130, "interrupted")):
        conn.execute("DELETE FROM audit.job_run")
        change(conn, hours=OLD)
        with held_open(dsn, "SELECT count(*) FROM audit.log", seconds=4), running(dsn) as process:
            while not value(conn, running_now):
                assert process.runs, process.lines
                time.sleep(0.02)
            for _ in range(signals):
                process.signal(signal.SIGTERM)
                time.sleep(0.2)
            began = time.monotonic()
            assert process.ends() == code
            assert signals == 1 or time.monotonic() - began < 2
        if signals == 2:
            with running(dsn) as next_one:
                next_one.says("was broken off")
                next_one.says("purge done")
        assert ("purge", outcome) in runs(conn)
        assert past_tables(conn) == []


@pytest.mark.one_server
def test_digests_are_sent_by_the_settings(crm_conn: Connection, crm_dsn: str, mailbox: Mailbox) -> None:
    add(crm_conn)
    rename(crm_conn, "Europe")
    mail = {"WHOCHANGED_SMTP_URL": mailbox.url(), "WHOCHANGED_MAIL_FROM": "Audit <audit@example.com>"}
    with running(crm_dsn, mail) as process:
        process.says("digest done")
    assert [mail.address for mail in mailbox.taken if mail.parsed["X-Audit-Kind"] is None] == [ANA]
    assert not any("no digests" in line for line in process.lines)
    assert ("digest", "done") in runs(crm_conn)


@pytest.fixture
def own_server() -> Iterator[embedded.Server]:
    """Give a server of the test's own, with the log in its database."""
    with tempfile.TemporaryDirectory(prefix="whochanged-own-", ignore_cleanup_errors=True) as name:
        server = embedded.Server(embedded.programs(), Path(name) / "data", OPTIONS, sync=False)
        server.start()
        try:
            with psycopg.connect(server.dsn(), autocommit=True) as conn:
                install(conn)
            yield server
        finally:
            server.stop()


def test_the_server_goes_away_and_comes_back(own_server: embedded.Server) -> None:
    """The scheduler waits for it, and does then what became due meanwhile."""
    with running(own_server.dsn()) as process:
        process.says("purge done")
        with psycopg.connect(own_server.dsn(), autocommit=True) as conn:
            conn.execute("UPDATE audit.job_run SET due = due - interval '1 day'")
        own_server.stop()
        process.says("trying again in 2 s")
        own_server.start()
        process.says("leading", times=2)
        process.says("purge done", times=2)
        with psycopg.connect(own_server.dsn(), autocommit=True) as conn:
            assert sorted(runs(conn)) == [("partitions", "done")] * 2 + [("purge", "done")] * 2
        process.signal(signal.SIGTERM)
        assert process.ends() == 0


@pytest.mark.one_server
def test_a_dry_run_of_the_scheduler_says_what_is_due(
    crm_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(crm_dsn, autocommit=True) as conn:
        add(conn, "ana@example.com")
    monkeypatch.delenv("WHOCHANGED_SMTP_URL", raising=False)
    assert run(["run", "--dry-run", "--dsn", crm_dsn]) == 0
    said = capsys.readouterr().err
    assert "Would run partitions at once." in said
    assert "Would run purge at once." in said
    assert "Would send no digests" in said
    monkeypatch.setenv("WHOCHANGED_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("WHOCHANGED_MAIL_FROM", "audit@example.com")
    assert run(["run", "--dry-run", "--dsn", crm_dsn]) == 0
    assert "Would cut digests at once for ana@example.com." in capsys.readouterr().err
    with psycopg.connect(crm_dsn) as conn:
        assert conn.execute("SELECT count(*) FROM audit.digest").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM audit.job_run").fetchone() == (0,)
