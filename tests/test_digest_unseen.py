"""What a digest could not see is said in it: when capture was off, what could not be recorded, what lies in the wrong place."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from capture.install import track_table
from tests.digests import BEN, add, cut, due_again, frozen, parsed, rename, text_of, texts

Connection = psycopg.Connection[Any]
TIME = r"\d\d:\d\d"
DAY = r"\d+ \w+ \d{4}"

pytestmark = pytest.mark.one_server


def last_text(conn: Connection) -> str:
    """Cut what is new, and return the text of the last mail in one line."""
    assert cut(conn, now=True)
    return texts(conn)[-1]


def test_when_capture_was_off_is_said(crm_conn: Connection) -> None:
    """From when to when, of what, and only in the digest in which it happened."""
    add(crm_conn, BEN, modules=["Workflows"])
    add(crm_conn)
    crm_conn.execute("ALTER TABLE crm.territories DISABLE TRIGGER audit_update")
    rename(crm_conn, "Unseen")
    crm_conn.execute("ALTER TABLE crm.territories ENABLE ALWAYS TRIGGER audit_update")
    crm_conn.execute("UPDATE crm.workflows SET name = 'Hello' WHERE id = 1")
    cut(crm_conn, now=True)
    ben, ana = texts(crm_conn)
    said = rf"! What was updated in territories \(crm\.territories\) (at|from {TIME} to) {TIME} on {DAY} was not recorded: its capture was"
    assert re.search(f"What could not be seen -+ {said} switched off", ana)
    assert "Unseen" not in ana
    assert "could not be seen" not in ben, "he is told of workflows alone"
    rename(crm_conn, "Europe")
    assert "What was updated in" not in last_text(crm_conn)


def test_what_is_still_off_is_said_in_every_digest(crm_conn: Connection) -> None:
    add(crm_conn, modules=["Territories", "Workflows"])
    crm_conn.execute("ALTER TABLE crm.territories DISABLE TRIGGER USER")
    for name in ("One", "Two"):
        crm_conn.execute("UPDATE crm.workflows SET name = %s WHERE id = 1", (name,))
        text = last_text(crm_conn)
        assert re.search(
            rf"What was changed in territories \(crm\.territories\) since {DAY}, {TIME} is not recorded", text
        )
        assert "1 is not watched fully (crm.territories): changes may be missing" in text


def test_a_watch_that_ended_and_goes_on_is_said(crm_conn: Connection) -> None:
    add(crm_conn)
    crm_conn.execute("SELECT audit.untrack('crm.territories')")
    text = last_text(crm_conn)
    assert re.search(
        rf"in territories \(crm\.territories\) since {DAY}, {TIME} is not recorded: the watch over it was ended", text
    )
    track_table(crm_conn, "crm.territories")
    text = last_text(crm_conn)
    assert "Switched the capture of crm.territories on again" in text
    assert re.search(
        rf"in territories \(crm\.territories\) (at|from {TIME} to) {TIME} on {DAY} was not recorded: the watch", text
    )
    rename(crm_conn, "Europe")
    assert "could not be seen" not in last_text(crm_conn)


def test_a_trigger_that_was_removed_and_is_back_is_said_without_a_time_that_nobody_knows(crm_conn: Connection) -> None:
    add(crm_conn)
    crm_conn.execute("DROP TRIGGER audit_delete ON crm.territories")
    crm_conn.execute("SELECT audit.put_triggers('crm.territories', 'tracked', '{}')")
    text = last_text(crm_conn)
    assert re.search(
        rf"What was deleted in territories \(crm\.territories\) was not recorded for a time that began on {DAY}, {TIME}: its capture"
        r" was removed\. It is in place now\.",
        text,
    )


def test_what_could_not_be_recorded_is_counted_for_every_reader(crm_conn: Connection) -> None:
    """Also for one of an account: the entry that says it belongs to none, and so would never reach them."""
    add(crm_conn, accounts=["1"])
    crm_conn.execute(
        "INSERT INTO audit.change (at, transaction_id, table_id, operation, degraded)"
        ' SELECT now(), pg_current_xact_id(), t.id, \'U\', \'{"rows": 12, "sqlstate": "22P03", "message": "no"}\''
        " FROM audit.tracked_table AS t, (SELECT audit.write_transaction()) AS w WHERE t.table_name = 'crm.workflows'"
    )
    rename(crm_conn, "Europe")
    text = last_text(crm_conn)
    assert re.search(
        rf"! 1 statement \(12 rows\) on workflows \(crm\.workflows\) could not be recorded in full at {TIME} on {DAY}\.",
        text,
    )
    rename(crm_conn, "Asia")
    assert "could not be recorded" not in last_text(crm_conn)


def test_changes_without_a_partition_are_told_and_remarked(crm_conn: Connection) -> None:
    add(crm_conn)
    add(crm_conn, BEN, accounts=["1"])
    rename(crm_conn, "Europe")
    for name in ("change", "transaction"):
        crm_conn.execute(
            f"WITH moved AS (DELETE FROM audit.{name} RETURNING *) INSERT INTO audit.{name}_spill OVERRIDING SYSTEM VALUE"
            f" SELECT * FROM moved"
        )
    cut(crm_conn, now=True)
    ana, ben = texts(crm_conn)
    assert "to “Europe”" in ana
    assert (
        "have no partition of their own day yet. They are told like all others; whoever keeps the log should run" in ana
    )
    assert "no partition" not in ben, "it is none of the business of an account's admin"


def test_the_digest_before_is_named(crm_conn: Connection) -> None:
    add(crm_conn, when_empty="never")
    rename(crm_conn, "Europe")
    assert "Your first digest" in last_text(crm_conn)
    due_again(crm_conn)
    assert not cut(crm_conn)[0].mailed
    rename(crm_conn, "Asia")
    text = last_text(crm_conn)
    assert re.search(rf"Follows digest 1 of {DAY}", text)
    assert "Digest no. 2 had nothing to tell and was not mailed" in text
    mail = parsed(frozen(crm_conn)[-1].message)
    assert (mail["X-Audit-Serial"], mail["X-Audit-Previous"]) == ("3", "1")
    assert text_of(frozen(crm_conn)[-1].message) == text
