"""What a recipient chooses besides when and where: hours, several accounts, a language, a least sensitivity, alerts; and how they leave."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation, UniqueViolation

from capture.baseline import take_missing
from capture.entries.describe import entries
from capture.errors import UsageError
from capture.filters import Filters
from reports.choices import language_of
from reports.outbox import send_waiting
from reports.recipients import unsubscribe
from tests.commands import Capture, documents, said
from tests.digests import ANA, BEN, CATALOGUE, add, cut, frozen, parsed, rename, stopped_clock, text_of, texts, told
from tests.fix_smtp import Mailbox
from whochanged import recipients

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


def log_of(conn: Connection) -> list[str]:
    """Return what the log says of the recipients, the first first."""
    found = [*entries(conn, CATALOGUE, Filters(modules=("Audit log",)))]
    return [text for entry in found[::-1] for text in entry.descriptions]


def test_an_application_manages_recipients(crm_conn: Connection) -> None:
    conn = crm_conn
    added = recipients.add(
        conn,
        "ana@Example.com",
        name="Ana Admin",
        timezone="Asia/Kathmandu",
        language="en-us",
        cadence="hourly",
        accounts=["1", "2", "1"],
        modules=["territories"],
        sensitivity="high",
        alerts=False,
        by="Dana Admin",
    )
    assert (added.email, added.language, added.cadence, added.accounts) == (ANA, "en-US", "hourly", ("1", "2"))
    assert (added.modules, added.sensitivity, added.alerts, added.held) == (("Territories",), "high", False, None)
    assert recipients.list(conn) == (added,)
    changed = recipients.change(conn, ANA, cadence="daily", send_at=time(18), accounts=["1"], by="Dana Admin")
    assert (changed.cadence, changed.send_at, changed.accounts) == ("daily", time(18), ("1",))
    paused = recipients.pause(conn, ANA, reason="on leave", by="Dana Admin")
    assert (paused.held, paused.paused, paused.paused_reason) == ("paused", True, "on leave")
    assert recipients.resume(conn, ANA, by="Dana Admin") == changed
    assert recipients.find(conn, "ANA@example.com") == changed
    assert recipients.remove(conn, ANA, by="Dana Admin") == changed
    with pytest.raises(recipients.UsageError, match="is no recipient"):
        recipients.find(conn, ANA)
    assert log_of(conn) == [
        f"Added digest recipient {ANA} (Ana Admin; hourly, Asia/Kathmandu; accounts 1, 2; Territories; high sensitivity and up)",
        f"Changed the digests to {ANA} from accounts 1, 2 to account 1",
        f"Changed the digests to {ANA} from hourly to daily",
        f"Changed the time of the digests to {ANA} from 07:00 to 18:00",
        f"Paused the digests to {ANA} (on leave)",
        f"Resumed the digests to {ANA}",
        f"Removed digest recipient {ANA}",
    ]
    assert {entry.actor for entry in entries(conn, CATALOGUE, Filters(modules=("Audit log",)))} == {"Dana Admin"}


def test_an_application_changes_its_transaction_or_none(crm_dsn: str) -> None:
    with psycopg.connect(crm_dsn) as conn:
        recipients.add(conn, ANA)
        conn.rollback()
        recipients.add(conn, BEN)
    with psycopg.connect(crm_dsn) as conn:
        assert [one.email for one in recipients.list(conn)] == [BEN]


def test_each_of_these_choices_is_an_entry_of_its_own(crm_conn: Connection) -> None:
    conn = crm_conn
    recipients.add(conn, ANA)
    for choice in (
        {"accounts": ["1"]},
        {"accounts": ["1", "2"]},
        {"accounts": ["3"]},
        {"accounts": ()},
        {"accounts": ["1", "2"]},
        {"accounts": ()},
        {"language": "de"},
        {"sensitivity": "normal"},
        {"alerts": False},
        {"alerts": True},
    ):
        recipients.change(conn, ANA, **choice)
    assert log_of(conn)[1:] == [
        f"Limited the digests to {ANA} to account 1",
        f"Changed the digests to {ANA} from account 1 to accounts 1, 2",
        f"Changed the digests to {ANA} from accounts 1, 2 to account 3",
        f"Widened the digests to {ANA} from account 3 to all accounts",
        f"Limited the digests to {ANA} to accounts 1, 2",
        f"Widened the digests to {ANA} from accounts 1, 2 to all accounts",
        f"Changed the language of the digests to {ANA} from en to de",
        f"Changed the least sensitivity that {ANA} is told of from low to normal",
        f"Switched the alerts to {ANA} off",
        f"Switched the alerts to {ANA} on",
    ]


@pytest.mark.parametrize(
    "given,kept",
    [
        ("de", "de"),
        (" EN-us ", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("zh-TW", "zh-TW"),
        ("es-419", "es-419"),
        ("fil", "fil"),
    ],
)
def test_a_language_is_kept_in_its_usual_spelling(given: str, kept: str) -> None:
    assert language_of(given) == kept
    assert language_of(kept) == kept


@pytest.mark.parametrize(
    "given",
    ["", "d", "de_DE", "de.UTF-8", "en@x", "xx", "und", "root", "tlh", "de-1996", "en-US-u-hc-h23", "x-a", "d\n"],
)
def test_what_is_no_language_is_refused_in_one_line(given: str) -> None:
    with pytest.raises(UsageError, match=r"write one such as en-GB, de or pt-BR$") as caught:
        language_of(given)
    assert len(str(caught.value).splitlines()) == 1


def test_only_what_is_sensitive_enough_is_told_and_the_digest_says_so(crm_conn: Connection) -> None:
    conn = crm_conn
    for level in ("low", "normal", "high"):
        add(
            conn,
            f"{level}@example.com",
            sensitivity=level,
            modules=["Territories", "Plans and Billing"],
            when_empty="never",
        )
    rename(conn, "Europe")
    conn.execute(
        "UPDATE crm.subscriptions SET plan_id = (SELECT max(id) FROM crm.plans WHERE id <> plan_id) WHERE id = 1"
    )
    made = {one.email: one.entries for one in cut(conn)}
    assert made == {"low@example.com": 2, "normal@example.com": 2, "high@example.com": 1}
    said_to = {parsed(row.message)["To"]: text_of(row.message) for row in frozen(conn)}
    assert "“Europe”" not in said_to["high@example.com"]
    limits = {email: re.search(r"Limited to (.*?)(?= \d| This)", text) for email, text in said_to.items()}
    scope = "modules Territories and Plans and Billing"
    assert "sensitivity" not in said_to["low@example.com"]
    assert f"Limited to {scope}; changes of normal and high sensitivity" in said_to["normal@example.com"], limits
    assert f"Limited to {scope}; sensitive changes" in said_to["high@example.com"], limits


def test_several_accounts_are_told_and_no_other(crm_conn: Connection) -> None:
    conn = crm_conn
    conn.execute("INSERT INTO crm.accounts (id, name) VALUES (2, 'Globex'), (3, 'Initech')")
    conn.execute("INSERT INTO crm.territories (id, account_id, name, position) VALUES (50, 2, 'N', 1), (60, 3, 'S', 1)")
    add(conn, accounts=["1", "2"], modules=["Territories"])
    for name, territory in (("Europe", 1), ("North", 50), ("South", 60)):
        rename(conn, name, territory)
    (made,) = cut(conn)
    assert made.entries == 2
    assert [told(conn, name) for name in ("Europe", "North", "South")] == [1, 1, 0]
    (text,) = texts(conn)
    assert "Limited to accounts 1 and 2; module Territories" in text
    assert [row.accounts for row in frozen(conn)] == [["1", "2"]]


def test_an_hourly_digest_comes_at_each_full_hour(crm_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = stopped_clock(monkeypatch, "2026-11-24 00:14:59")
    add(crm_conn, added_at="2026-11-23 23:20+00", timezone="Asia/Kathmandu", cadence="hourly", when_empty="never")
    rename(crm_conn, "Europe")
    assert cut(crm_conn) == []
    clock.set("2026-11-24 00:15")
    (made,) = cut(crm_conn)
    assert (made.cadence, made.window_end) == ("hourly", datetime(2026, 11, 24, 0, 15, tzinfo=UTC))
    assert "gets this hourly digest" in texts(crm_conn)[0]
    assert "catch" not in texts(crm_conn)[0]
    clock.set("2026-11-24 01:14")
    assert cut(crm_conn) == []


@pytest.mark.parametrize(
    "cadence,now", [("hourly", "2026-11-23 14:10"), ("daily", "2026-11-23 14:10"), ("weekly", "2026-12-10")]
)
def test_a_digest_that_catches_up_is_one_and_says_so(
    crm_conn: Connection, monkeypatch: pytest.MonkeyPatch, cadence: str, now: str
) -> None:
    clock = stopped_clock(monkeypatch, "2026-11-20 06:00:30")
    add(crm_conn, added_at="2026-11-20 05:30+00", timezone="Europe/Berlin", cadence=cadence)
    cut(crm_conn, now=cadence == "weekly")
    rename(crm_conn, "Europe")
    clock.set(now)
    (made,) = cut(crm_conn)
    since = (
        "No digest was cut for you since 20 November 2026 at 07:00 (Europe/Berlin): this one tells all of that time."
    )
    first, second = texts(crm_conn)
    assert since not in first
    assert since in second
    assert (made.entries, cut(crm_conn)) == (1, [])


@pytest.mark.parametrize(
    "language,heading",
    [("en", "23 November 2026, 07:00"), ("en-US", "November 23, 2026, 7:00 AM"), ("de", "23 November")],
)
def test_times_are_written_as_in_the_readers_region(
    crm_conn: Connection, monkeypatch: pytest.MonkeyPatch, language: str, heading: str
) -> None:
    stopped_clock(monkeypatch, "2026-11-24 06:00")
    add(crm_conn, added_at="2026-11-23 06:00+00", timezone="Europe/Berlin", language=language)
    rename(crm_conn, "Europe")
    cut(crm_conn)
    assert heading in texts(crm_conn)[0]
    html = parsed(frozen(crm_conn)[0].message).get_body(("html",))
    assert html is not None
    assert f'<html lang="{"en-US" if language == "en-US" else "en"}"' in html.get_content()


def test_a_link_in_a_mail_pauses_its_reader(crm_conn: Connection, mailbox: Mailbox) -> None:
    conn = crm_conn
    token = add(conn).unsubscribe_token
    add(conn, BEN)
    cut(conn)
    for _ in range(2):
        left = unsubscribe(conn, str(token))
        assert left is not None
        assert (left.email, left.held, left.paused_reason) == (ANA, "paused", "unsubscribed")
    assert unsubscribe(conn, token) == recipients.find(conn, ANA)
    assert recipients.find(conn, BEN).held is None
    assert [one.address for one in send_waiting(conn, mailbox.server())] == [BEN]
    assert log_of(conn)[-1] == f"Paused the digests to {ANA} (unsubscribed)"
    assert sum("unsubscribed" in text for text in log_of(conn)) == 1
    resumed = recipients.resume(conn, ANA)
    assert (resumed.held, resumed.unsubscribe_token) == (None, token)


def test_leaving_counts_more_than_a_pause_for_another_reason(crm_conn: Connection) -> None:
    token = add(crm_conn).unsubscribe_token
    recipients.pause(crm_conn, ANA, reason="on leave")
    unsubscribe(crm_conn, token)
    assert recipients.find(crm_conn, ANA).paused_reason == "unsubscribed"
    assert recipients.pause(crm_conn, ANA).paused_reason == "unsubscribed"


@pytest.mark.parametrize("token", [str(uuid4()), uuid4(), "", "x", "' OR true --", "0" * 32, "\x00", "é" * 36])
def test_a_token_of_nobody_pauses_nobody(crm_conn: Connection, token: str | UUID) -> None:
    add(crm_conn)
    assert unsubscribe(crm_conn, token) is None
    assert recipients.find(crm_conn, ANA).held is None


def test_a_token_is_new_for_each_and_shown_nowhere(crm_dsn: str, crm_conn: Connection, capsys: Capture) -> None:
    conn, here = crm_conn, ("--dsn", crm_dsn)
    one = add(conn)
    add(conn, BEN)
    recipients.remove(conn, ANA)
    again = add(conn)
    tokens = {one.unsubscribe_token, again.unsubscribe_token, recipients.find(conn, BEN).unsubscribe_token}
    assert len(tokens) == 3
    assert all(token.version == 4 for token in tokens)
    printed = repr(one) + str(one)
    for line in ("recipients list", "recipients list --json", "log --json", "log --csv", "log"):
        printed += str(said(capsys, *line.split(), *here))
    printed += str(said(capsys, "status", "--json", *here, code=1))
    for entry in documents(capsys, "log", *here):
        printed += str(said(capsys, "show", entry["id"], "--json", *here))
    take_missing(conn, lambda _: None)
    for table in ("all_change", "baseline", "entity"):
        rows = conn.execute(f"SELECT t::text FROM audit.{table} AS t").fetchall()
        assert any("ana@example.com" in row[0] for row in rows) or table == "entity"
        printed += str(rows)
    assert not [token for token in tokens if str(token) in printed or token.hex in printed]


def test_a_subscription_has_one_digest_for_a_period(crm_conn: Connection) -> None:
    """Whoever would tell a period, or a transaction, twice is refused by the table itself."""
    conn = crm_conn
    add(conn)
    cut(conn)
    copy = (
        "INSERT INTO audit.digest (recipient_id, serial, cadence, window_start, window_end, first_incarnation, first_xid,"
        " next_incarnation, next_xid, entries, changes) SELECT recipient_id, {}, cadence, {}, window_end, first_incarnation, {},"
        " next_incarnation, next_xid, 0, 0 FROM audit.digest"
    )
    for serial, start, xid in (
        ("serial + 1", "window_start", "'1'::xid8"),
        ("serial", "window_start - interval '1 h'", "'1'::xid8"),
        ("serial + 1", "window_start - interval '1 h'", "first_xid"),
    ):
        with pytest.raises(UniqueViolation):
            conn.execute(copy.format(serial, start, xid).encode())
    with pytest.raises(CheckViolation):
        conn.execute("UPDATE audit.delivery SET state = 'lost'")


def test_what_sql_writes_is_checked_by_the_table(crm_conn: Connection) -> None:
    add(crm_conn)
    for wrong in (
        "cadence = 'monthly'",
        "language = 'de_DE'",
        "sensitivity = 'secret'",
        "accounts = '{1}'",
        "account = '1', accounts = '{1,2}'",
        "bounced_at = now()",
    ):
        with pytest.raises(CheckViolation):
            crm_conn.execute(f"UPDATE audit.recipient SET {wrong}".encode())
    crm_conn.execute("UPDATE audit.recipient SET account = '7', language = 'xx-YY'")
    assert recipients.find(crm_conn, ANA).accounts == ("7",)
    rename(crm_conn, "Europe")
    assert len(cut(crm_conn)) == 1
