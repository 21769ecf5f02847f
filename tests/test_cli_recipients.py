"""The command recipients: what it prints, how it ends, and that nothing is half done."""

from __future__ import annotations

import time as time_module
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg
import pytest

from reports import recipients
from tests.commands import Capture, documents, refused, said
from tests.digests import ANA, BEN, CATALOGUE, add, cut, rename, told
from tests.fix_postgres import login

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


def test_recipients_from_adding_to_removing(crm_dsn: str, capsys: Capture) -> None:
    here = ("--dsn", crm_dsn)
    assert "Nobody gets digests yet" in said(capsys, "recipients", "list", *here)[1]
    choices = [
        "--timezone",
        "Europe/Berlin",
        "--cadence",
        "weekly",
        "--weekday",
        "fri",
        "--at",
        "18:30",
        "--account",
        "1",
    ]
    choices += ["--module", "territories", "--module", "Workflows", "--when-empty", "never", "--name", "Ana Admin"]
    line = "ana@example.com: weekly on Friday at 18:30 Europe/Berlin, account 1: Territories, Workflows."
    assert said(capsys, "recipients", "add", ANA, *choices, "--dry-run", *here) == ("", f"Would add {line}\n")
    assert documents(capsys, "recipients", "list", *here) == []
    assert said(capsys, "recipients", "add", ANA, *choices, *here) == ("", f"Added {line}\n")
    said(capsys, "recipients", "add", BEN, *here)
    one, two = documents(capsys, "recipients", "list", *here)
    assert one | {"added_at": "", "told_until": "", "next_due": ""} == {
        "email": ANA,
        "name": "Ana Admin",
        "timezone": "Europe/Berlin",
        "timezone_known": True,
        "language": "en",
        "cadence": "weekly",
        "at": "18:30",
        "weekday": "friday",
        "accounts": ["1"],
        "modules": ["Territories", "Workflows"],
        "sensitivity": "low",
        "when_empty": "never",
        "alerts": True,
        "held": None,
        "paused": False,
        "paused_reason": None,
        "bounced_at": None,
        "bounce": None,
        "no_admin_since": None,
        "added_at": "",
        "told_until": "",
        "next_due": "",
        "last_serial": None,
    }
    assert two["next_due"].endswith("T07:00:00.000000Z")
    assert said(capsys, "recipients", "pause", "ANA@example.com", "--dry-run", *here)[1].startswith("Would pause")
    assert said(capsys, "recipients", "pause", ANA, *here)[1] == "Paused the digests to ana@example.com.\n"
    assert "paused already" in said(capsys, "recipients", "pause", ANA, *here)[1]
    out, _ = said(capsys, "recipients", "list", *here)
    first, second = out.splitlines()
    assert (
        first.split()
        == (
            "ana@example.com (Ana Admin) weekly on Friday at 18:30 Europe/Berlin account 1: Territories, Workflows paused"
        ).split()
    )
    assert "all accounts: all modules; a sign of life each week" in second
    assert "  next 20" in second
    assert said(capsys, "recipients", "resume", ANA, *here)[1] == "Resumed the digests to ana@example.com.\n"
    assert said(capsys, "recipients", "remove", ANA, "--dry-run", *here)[1] == "Would remove ana@example.com.\n"
    assert said(capsys, "recipients", "remove", ANA, *here)[1] == "Removed ana@example.com.\n"
    assert [one["email"] for one in documents(capsys, "recipients", "list", *here)] == [BEN]
    log = documents(capsys, "log", "--module", "Audit log", *here)
    assert [entry["descriptions"][0].partition(" (")[0] for entry in log] == [
        "Removed digest recipient ana@example.com",
        "Resumed the digests to ana@example.com",
        "Paused the digests to ana@example.com",
        "Added digest recipient ben@example.com",
        "Added digest recipient ana@example.com",
    ]


def test_changing_a_recipient_changes_what_is_given_and_keeps_their_place(
    crm_dsn: str, crm_conn: Connection, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)
    add(crm_conn, name="Ana", accounts=["1"], modules=["Territories"], timezone="Europe/Berlin")
    cut(crm_conn)
    rename(crm_conn, "Europe")
    before = recipients.find(crm_conn, ANA)
    (document,) = documents(capsys, "recipients", "list", *here)
    change = ("recipients", "change", ANA)
    line = "ana@example.com: daily at 18:30 Asia/Tokyo, all accounts: Territories; a sign of life each week."
    choices = ("--timezone", "Asia/Tokyo", "--at", "18:30", "--no-account")
    assert said(capsys, *change, *choices, "--dry-run", *here) == ("", f"Would be changed to {line}\n")
    assert documents(capsys, "recipients", "list", *here) == [document]
    assert said(capsys, *change, *choices, *here) == ("", f"Changed to {line}\n")
    assert said(capsys, *change, *choices, *here) == ("", f"Is so already: {line}\n")
    assert recipients.find(crm_conn, ANA) == replace(before, timezone="Asia/Tokyo", send_at=time(18, 30), accounts=None)
    said(capsys, *change, "--no-name", "--no-module", *here)
    said(capsys, *change, "--cadence", "weekly", "--weekday", "fri", "--when-empty", "never", *here)
    said(capsys, *change, "--module", "workflows", "--module", "Territories", "--name", "Anna", "--account", "2", *here)
    said(capsys, *change, "--email", "anna@Example.com", *here)
    assert recipients.read(crm_conn) == [
        replace(
            before,
            email="anna@example.com",
            name="Anna",
            timezone="Asia/Tokyo",
            send_at=time(18, 30),
            cadence="weekly",
            weekday=5,
            when_empty="never",
            accounts=("2",),
            modules=("Workflows", "Territories"),
        )
    ]
    entries = documents(capsys, "log", "--module", "Audit log", "--type", "Updated", *here)
    assert "Changed the time zone of the digests to ana@example.com from Europe/Berlin to Asia/Tokyo" in str(entries)
    said(capsys, "recipients", "change", "anna@example.com", "--no-account", *here)
    (again,) = cut(crm_conn, now=True)
    assert (again.serial, again.email) == (before.serial + 1, "anna@example.com")
    assert told(crm_conn, "Europe") == 1


def test_changes_that_cannot_be_meant_are_refused_in_one_line(
    crm_dsn: str, crm_conn: Connection, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)
    add(crm_conn)
    add(crm_conn, BEN)
    before = recipients.read(crm_conn)
    for arguments, message in (
        ([ANA], "nothing to change was given: name what, as --timezone Europe/Berlin or --no-account"),
        (["eve@example.com", "--no-name"], "is no recipient"),
        ([ANA, "--email", "BEN@example.com"], "BEN@example.com is a recipient already"),
        ([ANA, "--email", "x"], "is no mail address"),
        ([ANA, "--account", "1", "--no-account"], "--account and --no-account exclude each other: choose one"),
        ([ANA, "--name", "A", "--no-name"], "exclude each other"),
        ([ANA, "--module", "Territories", "--no-module"], "exclude each other"),
        ([ANA, "--module", "Teritories"], "Did you mean 'Territories'?"),
        ([ANA, "--timezone", "Berlin"], "Did you mean Europe/Berlin?"),
        ([ANA, "--account", " "], "the account is empty"),
        ([ANA, "--name", ""], "is no name"),
        ([ANA, "--at", "25:00"], "is no time of day"),
        ([ANA, "--weekday", "x"], "unknown weekday"),
    ):
        assert message in refused(capsys, 2, "recipients", "change", *arguments, *here), arguments
    assert recipients.read(crm_conn) == before


def test_a_change_waits_for_nobody_elses_choices(crm_dsn: str, crm_conn: Connection) -> None:
    """Two who change one recipient at once both have their way: neither writes what it has not been given."""
    add(crm_conn)
    with psycopg.connect(crm_dsn) as other, ThreadPoolExecutor() as pool:
        recipients.change(other, CATALOGUE, ANA, {"accounts": ["7"]})
        done = pool.submit(recipients.change, crm_conn, CATALOGUE, ANA, {"timezone": "Asia/Tokyo"})
        with psycopg.connect(crm_dsn, autocommit=True) as third:
            while not done.done() and not third.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                time_module.sleep(0.01)
        other.commit()
        done.result(20)
    one = recipients.find(crm_conn, ANA)
    assert (one.accounts, one.timezone) == (("7",), "Asia/Tokyo")


def test_every_choice_can_be_given(crm_dsn: str, capsys: Capture) -> None:
    here = ("--dsn", crm_dsn)
    choices = "--cadence hourly --language en-us --account 1 --account 2 --sensitivity high --no-alerts"
    line = (
        f"{ANA}: hourly, UTC, accounts 1, 2: all modules; high sensitivity alone; a sign of life each week; no alerts."
    )
    assert said(capsys, "recipients", "add", ANA, *choices.split(), *here) == ("", f"Added {line}\n")
    (one,) = documents(capsys, "recipients", "list", *here)
    assert (one["cadence"], one["language"], one["accounts"]) == ("hourly", "en-US", ["1", "2"])
    assert (one["sensitivity"], one["alerts"]) == ("high", False)
    assert datetime.fromisoformat(one["next_due"]).strftime("%M:%S") == "00:00"
    change = ("recipients", "change", ANA, "--language", "de", "--account", "2", "--sensitivity", "low", "--alerts")
    (two,) = documents(capsys, *change, "--cadence", "weekly", *here)
    assert two == one | {
        "language": "de",
        "accounts": ["2"],
        "sensitivity": "low",
        "alerts": True,
        "cadence": "weekly",
        "next_due": two["next_due"],
    }
    (three,) = documents(capsys, "recipients", "pause", ANA, "--reason", "on [b]leave", *here)
    assert three == two | {"held": "paused", "paused": True, "paused_reason": "on [b]leave", "next_due": None}
    assert "paused: on [b]leave" in said(capsys, "recipients", "list", *here)[0]
    assert documents(capsys, "recipients", "resume", ANA, *here) == [two]
    assert documents(capsys, "recipients", "remove", ANA, "--dry-run", *here) == [two]
    assert documents(capsys, "recipients", "remove", ANA, *here) == [two]
    assert documents(capsys, "recipients", "list", *here) == []


def test_wrong_recipients_are_refused_in_one_line(crm_dsn: str, crm_conn: Connection, capsys: Capture) -> None:
    here = ("--dsn", crm_dsn)
    said(capsys, "recipients", "add", ANA, *here)
    for arguments, message in (
        (["add", "ANA@Example.com"], "is a recipient already"),
        (["add", "ben"], "is no mail address: write one such as ana@example.com"),
        (["add", "ben@example.com\nBcc: eve@example.com"], "is no mail address"),
        (["add", BEN, "--timezone", "Berlin"], "Did you mean Europe/Berlin?"),
        (["add", BEN, "--module", "Teritories"], "Did you mean 'Territories'?"),
        (["add", BEN, "--cadence", "monthly"], "daily"),
        (["add", BEN, "--when-empty", "sometimes"], "never"),
        (["add", BEN, "--at", "25:00"], "--at '25:00' is no time of day: write one such as 07:00"),
        (["add", BEN, "--at", "7"], "is no time of day"),
        (["add", BEN, "--at", "07:00", "--cadence", "hourly"], "comes at each full hour: leave out --at"),
        (["add", BEN, "--language", "de_DE"], "'de_DE' is no language tag: write one such as en-GB, de or pt-BR"),
        (["add", BEN, "--language", "xx"], "unknown language 'xx'"),
        (["add", BEN, "--sensitivity", "secret"], "normal"),
        (["add", BEN, "--account", "1", "--account", "\t"], "the account is empty"),
        (["add", BEN, "--account", "1\x1b[31m"], "cannot be printed"),
        (["pause", ANA, "--reason", " "], "the reason cannot be kept"),
        (["pause", ANA, "--reason", "x" * 201], "write a line of 1 to 200 characters"),
        (["add", BEN, "--weekday", "x"], "unknown weekday 'x'"),
        (["add", BEN, "--name", "\x1b]0;x"], "is no name"),
        (["add", BEN, "--account", ""], "the account is empty: leave --account out for all accounts"),
        (["remove", "x@y@z"], "is no mail address"),
        (["add"], "Missing argument"),
        (["pause", "anna@example.com"], "did you mean ana@example.com?"),
        (["resume", BEN], "is no recipient"),
        (["remove", "nobody@elsewhere.test"], "is no recipient"),
    ):
        assert message in refused(capsys, 2, "recipients", *arguments, *here), arguments
    assert crm_conn.execute("SELECT array_agg(email) FROM audit.recipient").fetchone() == ([ANA],)


def test_an_address_of_sql_that_is_none_can_be_removed(crm_dsn: str, crm_conn: Connection, capsys: Capture) -> None:
    crm_conn.execute("INSERT INTO audit.recipient (email, first_incarnation, first_xid) VALUES ('x@y@z', 1, '3')")
    here = ("--dsn", crm_dsn)
    assert said(capsys, "recipients", "pause", "X@y@z", *here)[1] == "Paused the digests to X@y@z.\n"
    assert said(capsys, "recipients", "remove", "x@y@z", *here)[1] == "Removed x@y@z.\n"


def test_a_reader_of_the_log_may_not_choose_recipients(crm_dsn: str, crm_conn: Connection, capsys: Capture) -> None:
    crm_conn.execute("DROP ROLE IF EXISTS digest_reader")
    crm_conn.execute("CREATE ROLE digest_reader LOGIN IN ROLE audit_reader")
    add(crm_conn)
    here = ("--dsn", login(crm_dsn, "digest_reader"))
    assert "permission denied" in refused(capsys, 4, "recipients", "add", BEN, *here)
    assert len(documents(capsys, "recipients", "list", *here)) == 1
    assert documents(capsys, "digest", "list", *here) == []


def test_the_next_digest_is_named_rightly_after_a_clock_that_was_ahead(
    crm_dsn: str, crm_conn: Connection, capsys: Capture
) -> None:
    """The last digest names a time that is yet to come, and was cut then too; or its clock was right when it was cut."""
    here = ("--dsn", crm_dsn)
    add(crm_conn)
    cut(crm_conn)
    crm_conn.execute("UPDATE audit.digest SET window_end = now() + interval '400 days'")
    (one,) = documents(capsys, "recipients", "list", *here)
    due = datetime.fromisoformat(one["next_due"])
    assert timedelta() < due - datetime.now(UTC) <= timedelta(days=1)
    assert "overdue" not in str(documents(capsys, "status", *here)[0]["problems"])
    crm_conn.execute("UPDATE audit.digest SET cut_at = now() + interval '400 days'")
    assert "  due since 20" in said(capsys, "recipients", "list", *here)[0]
    (one,) = documents(capsys, "recipients", "list", *here)
    assert timedelta() < datetime.now(UTC) - datetime.fromisoformat(one["next_due"]) <= timedelta(days=1)


def test_the_list_names_what_is_amiss(crm_dsn: str, crm_conn: Connection, capsys: Capture) -> None:
    add(crm_conn)
    add(crm_conn, BEN)
    crm_conn.execute("UPDATE audit.recipient SET timezone = 'Mars/Base' WHERE email = %s", (BEN,))
    one, two = said(capsys, "recipients", "list", "--dsn", crm_dsn)[0].splitlines()
    assert "  due since 20" in one
    assert "unknown time zone: UTC is used" in two
    assert [each["timezone_known"] for each in documents(capsys, "recipients", "list", "--dsn", crm_dsn)] == [
        True,
        False,
    ]
