"""Cutting digests: nothing is missed, nothing is told twice, whatever transactions, clocks and servers do."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.catalogue import Catalogue
from capture.errors import ConfigurationError, UsageError
from capture.resources import query
from capture.window import watermark
from reports.digest.content import Reader
from reports.digest.cut import MailSettings, cut_due
from reports.digest.message import build_message
from reports.digest.notes import waiting_since
from tests.digests import (
    ANA,
    BEN,
    CATALOGUE,
    MAIL,
    add,
    cut,
    due_again,
    frozen,
    parsed,
    rename,
    text_of,
    texts,
    told,
)
from tests.fix_postgres import TestServer

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]


def rename_and_undo(conn: Connection, name: str) -> None:
    """Make a change and roll it back."""
    with conn.transaction() as transaction:
        rename(conn, name)
        raise psycopg.Rollback(transaction)


def test_each_digest_begins_where_the_last_one_ended(crm_conn: Connection) -> None:
    added = add(crm_conn, timezone="Europe/Berlin", name="Ana Admin")
    rename(crm_conn, "Europe")
    (first,) = cut(crm_conn)
    assert (first.email, first.serial, first.cadence, first.mailed) == (ANA, 1, "daily", True)
    assert first.window_start == added.told_until
    assert (first.entries, first.changes) == (2, 1 + 12)
    assert cut(crm_conn) == []
    rename(crm_conn, "Europa")
    due_again(crm_conn)
    (second,) = cut(crm_conn)
    assert (second.serial, second.entries) == (2, 1)
    one, two = frozen(crm_conn)
    assert (one.first_incarnation, one.first_xid) == (added.begin.incarnation, str(added.begin.xid))
    assert (two.first_incarnation, two.first_xid) == (one.next_incarnation, one.next_xid)
    assert two.window_start == one.window_end
    assert (told(crm_conn, "Europe"), told(crm_conn, "Europa")) == (1, 1)
    assert "Added digest recipient ana@example.com" in texts(crm_conn)[0]


@pytest.mark.one_server
def test_two_databases_never_use_the_same_message_id(server: TestServer, crm_conn: Connection) -> None:
    """Copies of one database have the same recipients, and the windows of one cluster may be the same."""
    add(crm_conn)
    cut(crm_conn)
    (one,) = frozen(crm_conn)
    name = crm_conn.info.dbname
    crm_conn.close()
    with server.database(name) as copy, psycopg.connect(copy, autocommit=True) as conn:
        conn.execute("DELETE FROM audit.digest")
        assert len(cut(conn)) == 1
        (two,) = frozen(conn)
        assert conn.execute("SELECT count(*) FROM audit.recipient").fetchone() == (1,)
    names = [row.message_id.partition("@")[0].split(".") for row in (one, two)]
    assert names[0][:3] == names[1][:3]
    assert names[0][-1] != names[1][-1]


@pytest.mark.one_server
def test_a_frozen_mail_is_whole(crm_conn: Connection) -> None:
    recipient = add(crm_conn, name="Ana Admin")
    rename(crm_conn, "Europe")
    (made,) = cut(crm_conn, mail=MailSettings("Cloudfon CX <audit@mail.example.com>", "https://audit.example.com"))
    (row,) = frozen(crm_conn)
    mail = parsed(row.message)
    window = f"{row.first_incarnation}.{row.first_xid}-{row.next_incarnation}.{row.next_xid}"
    mark = crm_conn.execute(query("database_mark")).fetchone()
    assert mark is not None
    assert row.message_id == f"<digest.{recipient.id}.{window}.{mark[0]}@mail.example.com>" == mail["Message-ID"]
    assert (mail["From"], mail["To"], mail["X-Audit-Serial"], mail["X-Audit-Window"]) == (
        "Cloudfon CX <audit@mail.example.com>",
        "Ana Admin <ana@example.com>",
        "1",
        window,
    )
    assert made.subject == row.subject == mail["Subject"]
    deliveries = crm_conn.execute("SELECT digest_id, address, state, tries FROM audit.delivery").fetchall()
    assert deliveries == [(row.id, ANA, "pending", 0)]
    assert all(line.endswith(b"\r") for line in row.message.split(b"\n")[:-1])


def test_a_change_that_commits_late_is_in_the_next_digest(crm_dsn: str, crm_conn: Connection) -> None:
    add(crm_conn)
    with psycopg.connect(crm_dsn) as early:
        rename(early, "Early", territory=1)
        rename(crm_conn, "Late", territory=2)
        cut(crm_conn, now=True)
        early.commit()
    cut(crm_conn, now=True)
    assert (told(crm_conn, "Early"), told(crm_conn, "Late")) == (1, 1)
    with psycopg.connect(crm_dsn) as early:
        early.execute("SELECT pg_current_xact_id()")
        rename(crm_conn, "Before", territory=2)
        rename(early, "After", territory=1)
        cut(crm_conn, now=True)
        assert told(crm_conn, "Before") == 0
    cut(crm_conn, now=True)
    assert (told(crm_conn, "Before"), told(crm_conn, "After")) == (1, 1)
    assert [row.serial for row in frozen(crm_conn)] == [1, 2, 3]


def test_what_was_rolled_back_is_in_none(crm_conn: Connection) -> None:
    add(crm_conn)
    with crm_conn.transaction():
        rename(crm_conn, "Kept")
        rename_and_undo(crm_conn, "Undone")  # a savepoint
        rename(crm_conn, "Kept too", territory=2)
    rename_and_undo(crm_conn, "Gone")
    cut(crm_conn, now=True)
    assert [told(crm_conn, name) for name in ("Kept", "Kept too", "Undone", "Gone")] == [1, 1, 0, 0]


def test_a_prepared_transaction_comes_when_it_is_committed(crm_dsn: str, crm_conn: Connection) -> None:
    add(crm_conn)
    with psycopg.connect(crm_dsn, autocommit=True) as other:
        other.execute("BEGIN")
        rename(other, "Prepared")
        other.execute("PREPARE TRANSACTION 'late'")
    rename(crm_conn, "Meanwhile", territory=2)
    cut(crm_conn, now=True)
    before = (told(crm_conn, "Prepared"), told(crm_conn, "Meanwhile"))
    crm_conn.execute("COMMIT PREPARED 'late'")  # else it would hold back the digests of all other tests
    assert before == (0, 0)
    cut(crm_conn, now=True)
    assert (told(crm_conn, "Prepared"), told(crm_conn, "Meanwhile")) == (1, 1)


def test_an_open_transaction_holds_a_digest_back_and_that_is_said(crm_dsn: str, crm_conn: Connection) -> None:
    add(crm_conn, when_empty="always")
    with psycopg.connect(crm_dsn) as other:
        other.execute("SELECT pg_current_xact_id()")
        rename(crm_conn, "Europe")
        # In the first hours of a UTC day that is the day before.
        for parent in ("transaction", "change"):
            crm_conn.execute(
                "SELECT audit.make_partition(%s, ((now() - interval '3 hours') AT TIME ZONE 'UTC')::date)", (parent,)
            )
        crm_conn.execute("SET session_replication_role = replica")
        crm_conn.execute("UPDATE audit.change SET at = at - interval '2 hours'")
        crm_conn.execute("UPDATE audit.transaction SET at = at - interval '2 hours'")
        crm_conn.execute("RESET session_replication_role")
        cut(crm_conn)
        assert "Changes made since" in texts(crm_conn)[0]
        assert told(crm_conn, "Europe") == 0
        # Nothing at all was finished since: the next one stays due until the other transaction ends.
        due_again(crm_conn)
        assert cut(crm_conn) == []
        assert waiting_since(crm_conn, watermark(crm_conn)) is not None
    assert waiting_since(crm_conn, watermark(crm_conn)) is None
    assert [made.serial for made in cut(crm_conn)] == [2]
    assert told(crm_conn, "Europe") == 1
    assert "Changes made since" not in texts(crm_conn)[1]


def test_a_reader_sees_the_own_account_and_modules_only(crm_conn: Connection) -> None:
    for email, accounts, modules in (
        ("one", ["1"], ()),
        ("two", ["2"], ()),
        ("three", ["3"], ()),
        ("some", (), ["Territories"]),
    ):
        add(crm_conn, f"{email}@example.com", accounts=accounts, modules=modules, when_empty="never")
    crm_conn.execute("INSERT INTO crm.accounts (id, name) VALUES (2, 'Globex')")
    crm_conn.execute("INSERT INTO crm.territories (id, account_id, name, position) VALUES (50, 2, 'Northern', 1)")
    rename(crm_conn, "Europe")
    rename(crm_conn, "North", territory=50)
    crm_conn.execute("UPDATE crm.workflows SET enabled = NOT enabled WHERE id = 1")
    entries = {made.email: made.entries for made in cut(crm_conn)}
    assert entries == {"one@example.com": 3, "two@example.com": 3, "three@example.com": 1, "some@example.com": 3}
    said = {parsed(row.message)["To"]: text_of(row.message) for row in frozen(crm_conn)}
    words = ("“Europe”", "“North”", "workflow “Notify owner”", *(f"Added digest recipient {email}" for email in said))
    # What became of an account's recipients is the account's own business, like all its entries.
    assert {email: [word in text for word in words] for email, text in said.items()} == {
        "one@example.com": [True, False, True, True, False, False, False],
        "two@example.com": [False, True, False, False, True, False, False],
        "three@example.com": [False, False, False, False, False, True, False],
        "some@example.com": [True, True, False, False, False, False, False],
    }


@pytest.mark.one_server
def test_a_save_without_net_effect_is_passed_over(crm_conn: Connection) -> None:
    add(crm_conn, when_empty="never")
    cut(crm_conn)
    with crm_conn.transaction():
        rename(crm_conn, "Europe")
        rename(crm_conn, "EMEA")
    assert cut(crm_conn, now=True) == []
    due_again(crm_conn)
    (made,) = cut(crm_conn)
    assert (made.entries, made.mailed) == (0, False)
    rows = frozen(crm_conn)
    assert int(rows[1].next_xid) > int(rows[1].first_xid)


def test_a_move_to_another_server_is_told_once(crm_conn: Connection) -> None:
    add(crm_conn, timezone="Europe/Berlin")
    cut(crm_conn)
    rename(crm_conn, "Old server")
    # The old server had given out many more transaction ids than the new one has.
    crm_conn.execute(
        "UPDATE audit.digest SET first_xid = (first_xid::text::bigint + 1000000)::text::xid8,"
        " next_xid = (next_xid::text::bigint + 1000000)::text::xid8"
    )
    for table in ("transaction", "change"):
        crm_conn.execute(
            f"UPDATE audit.{table} SET transaction_id = (transaction_id::text::bigint + 1000000)::text::xid8"
        )
    crm_conn.execute("UPDATE audit.incarnation SET system_identifier = 1")
    crm_conn.execute("DISCARD PLANS")  # a new session, as after a restore
    rename(crm_conn, "New server")  # before any of our programs ran there
    due_again(crm_conn)
    (made,) = cut(crm_conn)
    assert made.entries == 2
    since = crm_conn.execute("SELECT since FROM audit.incarnation WHERE id = 2").fetchone()
    assert since is not None
    assert "The database moved to another server: this was noticed on " in texts(crm_conn)[1]
    assert f"{since[0]:%B %Y}" in texts(crm_conn)[1]
    row = frozen(crm_conn)[1]
    assert (row.first_incarnation, row.next_incarnation) == (1, 2)
    assert int(row.next_xid) < int(row.first_xid)
    rename(crm_conn, "Later")
    cut(crm_conn, now=True)
    assert [told(crm_conn, name) for name in ("Old server", "New server", "Later")] == [1, 1, 1]
    assert "another server" not in texts(crm_conn)[2]


@pytest.mark.one_server
def test_a_move_alone_is_worth_a_mail(crm_conn: Connection) -> None:
    add(crm_conn, when_empty="never")
    cut(crm_conn)
    crm_conn.execute("UPDATE audit.incarnation SET system_identifier = 1")
    (made,) = cut(crm_conn, now=True)
    assert (made.entries, made.mailed) == (0, True)
    assert cut(crm_conn, now=True) == []


@pytest.mark.one_server
def test_an_unknown_zone_gets_utc_and_a_note(crm_conn: Connection) -> None:
    add(crm_conn)
    crm_conn.execute("UPDATE audit.recipient SET timezone = 'Mars/Base'")
    (made,) = cut(crm_conn)
    assert made.mailed
    assert "The time zone “Mars/Base” is not known here: all times are in UTC." in texts(crm_conn)[0]


@pytest.mark.one_server
def test_a_module_that_is_no_more_is_named(crm_conn: Connection) -> None:
    add(crm_conn, modules=["Territories"], when_empty="always")
    crm_conn.execute("UPDATE audit.recipient SET modules = '{Regions,territories}'")
    cut(crm_conn)
    assert "The catalogue has no module “Regions” any more" in texts(crm_conn)[0]
    assert "no module “territories”" not in texts(crm_conn)[0]


@pytest.mark.one_server
def test_one_who_cannot_be_mailed_does_not_stop_the_others(crm_conn: Connection) -> None:
    crm_conn.execute(
        "INSERT INTO audit.recipient (email, added_at, first_incarnation, first_xid)"
        " VALUES ('änne@example.com', now() - interval '2 days', 1, '3')"
    )
    add(crm_conn)
    with pytest.raises(
        ConfigurationError, match=r"^recipient no\. 1 gets no digest: 'änne@example.com' is no mail address"
    ):
        cut(crm_conn)
    assert [row.recipient_id for row in frozen(crm_conn)] == [2]


@pytest.mark.one_server
def test_a_cut_that_fails_leaves_nothing_and_stops_nobody(
    crm_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(crm_conn)
    add(crm_conn, BEN)
    rename(crm_conn, "Europe")

    def fail(rendered: Any, reader: Reader, **options: Any) -> bytes:
        if reader.email == ANA:
            raise RuntimeError("out of paper")
        return build_message(rendered, reader, **options)

    with monkeypatch.context() as broken:
        broken.setattr("reports.digest.compose.build_message", fail)
        with pytest.raises(RuntimeError, match="out of paper"):
            cut(crm_conn)
    assert [row.recipient_id for row in frozen(crm_conn)] == [2]
    assert [(made.email, made.serial) for made in cut(crm_conn)] == [(ANA, 1)]
    assert told(crm_conn, "Europe") == 2


@pytest.mark.one_server
def test_a_dry_run_tells_and_does_nothing(crm_conn: Connection) -> None:
    add(crm_conn)
    rename(crm_conn, "Europe")
    (made,) = cut_due(crm_conn, CATALOGUE, MAIL, dry_run=True)
    assert (made.entries, made.mailed) == (2, True)
    assert frozen(crm_conn) == []
    assert [again.subject for again in cut(crm_conn)] == [made.subject]


@pytest.mark.one_server
def test_cutting_wants_transactions_of_its_own(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("SELECT 1")
        with pytest.raises(UsageError, match="commit it before"):
            cut_due(conn, Catalogue(name="none"), MAIL)
        conn.rollback()
        add(conn)
        conn.commit()
        conn.execute("SET default_transaction_isolation = 'repeatable read'")
        conn.commit()
        assert len(cut_due(conn, Catalogue(name="none"), MAIL)) == 1
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
