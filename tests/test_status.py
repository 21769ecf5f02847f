"""`whochanged status` on how the log is looked after: what is told, and what is amiss."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from capture.catalogue.installing import installed_catalogue
from capture.coverage import upkeep
from capture.errors import MailError
from capture.index.build import catch_up
from reports.jobs import Mailing, digest_job, purge_job
from tests.aging import change, track, value
from tests.digests import ANA, BEN, CATALOGUE, add, cut, rename
from tests.fix_smtp import Mailbox
from whochanged.cli import run

pytestmark = pytest.mark.one_server
Connection = psycopg.Connection[Any]


def told(capsys: pytest.CaptureFixture[str], dsn: str, code: int = 0) -> str:
    """Return what status prints for people."""
    assert run(["status", "--timezone", "UTC", "--dsn", dsn]) == code
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], dsn: str, code: int = 0) -> dict[str, Any]:
    """Return what status prints for programs."""
    assert run(["status", "--json", "--dsn", dsn]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_scheduler_that_never_ran_is_no_fault(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, dsn)
    assert "Scheduler      does not run" in text
    assert "Last digest    none yet" in text
    assert "Last purge" not in text
    assert "Server" not in text
    found = document(capsys, dsn)
    assert (found["sound"], found["scheduler_alive"], found["runs"], found["purged_at"]) == (True, False, [], None)


def test_what_the_index_of_entries_lacks_is_told(
    crm_conn: Connection, crm_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Days before it was made, then what was saved since it was looked after."""
    rename(crm_conn, "Somewhere")
    crm_conn.commit()
    assert "days, read without it: whochanged run  or  whochanged index" in told(capsys, crm_dsn).replace(
        " day,", " days,"
    )
    crm_conn.autocommit = True
    catch_up(crm_conn, installed_catalogue(crm_conn) or CATALOGUE)
    assert "Index          up to date" in told(capsys, crm_dsn)
    rename(crm_conn, "Elsewhere")
    assert "Index          1 transaction behind" in told(capsys, crm_dsn)
    assert document(capsys, crm_dsn)["index"] == {"days": 0, "transactions": 1, "more": False}


def test_purge_digest_and_scheduler_are_told(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    track(crm_conn)
    change(crm_conn, rows=1204, hours=2400)
    purge_job(crm_conn)
    add(crm_conn)
    add(crm_conn, BEN)
    rename(crm_conn, "Europe")
    mailbox.refusals = {BEN: "450 later"}
    for _ in range(2):
        digest_job(crm_conn, Mailing(mailbox.server(), "audit@example.com", None))
    crm_conn.execute("SELECT pg_advisory_lock(2003332963, 1)")
    text = told(capsys, crm_dsn)
    day = value(crm_conn, "SELECT first_day FROM audit.purge")
    now = value(crm_conn, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
    assert f" UTC: 1,204 changes of {day} to {day}\n" in text
    for line in (f"Last purge     {now}", f"Last digest    {now}", f"Last mail      {now}", f"  purge        {now}"):
        assert line in text
    assert "Mails          1 waiting, 0 given up" in text
    assert "Scheduler      at work" in text
    assert "UTC  done, looked again at " in text
    found = document(capsys, crm_dsn)
    assert (found["purged_changes"], found["purged_from"], found["deliveries_waiting"]) == (1204, str(day), 1)
    assert found["mail_sent_at"].endswith("Z")
    assert [(each["job"], each["outcome"]) for each in found["runs"]] == [("purge", "done"), ("digest", "done")]
    assert found["runs"][1]["detail"]["sent"] == 1


def test_a_failed_run_is_amiss_until_one_succeeds(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    conn.execute("UPDATE audit.setting SET value = '0' WHERE name = 'retention_days'")
    assert run(["purge", "--dsn", dsn]) == 3
    capsys.readouterr()
    assert "! the last run of purge failed: the retention of the log is '0'" in told(capsys, dsn, 1)
    conn.execute("UPDATE audit.setting SET value = '90' WHERE name = 'retention_days'")
    assert run(["purge", "--dsn", dsn]) == 0
    capsys.readouterr()
    told(capsys, dsn)


def test_a_mail_that_was_given_up_is_amiss_while_there_is_its_recipient(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    add(crm_conn)
    mailbox.refusals = {ANA: "550 no such user"}
    digest_job(crm_conn, Mailing(mailbox.server(), "audit@example.com", None))
    assert "! 1 mail was given up: whochanged digest list" in told(capsys, crm_dsn, 1)
    assert document(capsys, crm_dsn, 1)["deliveries_parked"] == 1
    assert run(["recipients", "remove", ANA, "--dsn", crm_dsn]) == 0
    capsys.readouterr()
    told(capsys, crm_dsn)


def test_a_fault_of_the_mail_server_is_amiss(
    crm_conn: Connection, crm_dsn: str, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    add(crm_conn)
    mailbox.refusals = {"audit@example.com": "550 who are you"}
    with pytest.raises(MailError):
        digest_job(crm_conn, Mailing(mailbox.server(), "audit@example.com", None))
    assert "! the last run of digest failed: mail server 127.0.0.1" in told(capsys, crm_dsn, 1)


@pytest.mark.parametrize("days,code", [(7, 0), (6, 1)])
def test_there_must_be_room_for_a_week(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str], days: int, code: int
) -> None:
    for parent in ("change", "transaction"):
        for ahead in range(days + 1, 15):
            day = value(conn, "SELECT to_char((now() AT TIME ZONE 'UTC') + %s, 'YYYYMMDD')", timedelta(days=ahead))
            conn.execute(f"DROP TABLE audit.{parent}_{day}")
    assert (
        f"! there is room for {days} days ahead only: run  whochanged partitions" in told(capsys, dsn, code)
    ) == bool(code)


def test_spilled_rows_are_amiss_until_they_are_filled_in(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    track(conn)
    today = value(conn, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")
    conn.execute(f"DROP TABLE audit.change_{today}, audit.transaction_{today}")
    change(conn, rows=3)
    assert "! 4 rows lie in the spill tables" in told(capsys, dsn, 1)
    assert run(["partitions", "--dsn", dsn]) == 0
    capsys.readouterr()
    told(capsys, dsn)


def test_a_move_to_another_server_is_told(conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    conn.execute("UPDATE audit.incarnation SET system_identifier = 1")
    conn.execute("SELECT audit.note_incarnation()")
    since = value(conn, "SELECT to_char(max(since) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM audit.incarnation")
    assert f"Server         this database moved to another server on {since} UTC" in told(capsys, dsn)
    assert document(capsys, dsn)["incarnation"] == 2


def test_a_database_of_an_older_version_is_told_to_upgrade(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has none of the tables that the upkeep is told from."""
    conn.execute("DROP TABLE audit.job_run, audit.delivery, audit.digest")
    conn.execute("UPDATE audit.setting SET value = '0.1.0' WHERE name = 'version'")
    assert upkeep(conn) is None
    assert "! installed by version 0.1.0" in told(capsys, dsn, 1)


def test_status_says_what_keeps_readers_from_their_mail(
    crm_dsn: str, crm_conn: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A digest that is overdue, a mail that waits, a daily job that does not run."""
    add(crm_conn)
    crm_conn.execute(
        "INSERT INTO audit.job_run (job, due, started_at, finished_at, outcome, host, pid)"
        " VALUES ('purge', now() - interval '3 days', now() - interval '3 days', now() - interval '3 days', 'done', 'h', 1)"
    )
    assert run(["status", "--dsn", crm_dsn]) == 1
    said = capsys.readouterr().out
    assert "digests are overdue for ana@example.com" in said
    assert "the last run of purge is 3 days old" in said
    cut(crm_conn)
    crm_conn.execute("UPDATE audit.digest SET cut_at = now() - interval '2 hours'")
    assert run(["status", "--dsn", crm_dsn]) == 1
    assert "1 mail has waited for more than an hour" in capsys.readouterr().out


def test_a_partition_of_today_that_is_out_of_its_place_is_noticed(
    dsn: str, conn: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    today = f"{datetime.now(UTC):%Y%m%d}"
    conn.execute(f"ALTER TABLE audit.change DETACH PARTITION audit.change_{today}")
    assert run(["status", "--dsn", dsn]) == 1
    assert "room for 0 days ahead" in capsys.readouterr().out


def test_a_changed_retention_is_said_and_is_an_entry(
    crm_dsn: str, crm_conn: Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHOCHANGED_RETENTION_DAYS", "30")
    assert run(["install", "--dry-run", "--dsn", crm_dsn]) == 0
    assert "would change retention_days from '90' to '30'" in capsys.readouterr().err
    assert run(["install", "--dsn", crm_dsn]) == 0
    assert "changed retention_days from '90' to '30'" in capsys.readouterr().err
    assert run(["log", "--module", "Audit log", "--dsn", crm_dsn]) == 0
    assert "Changed the retention of the log from 90 to 30 days" in capsys.readouterr().out
