"""Who is no admin any more is not mailed: the operator's query is asked at each cut and each mail, and nothing is lost over it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.errors import ConfigurationError
from reports import outbox, recipients
from reports.admins import Admins, Asking, ask, try_out
from reports.digest.cut import cut_due
from reports.jobs import Mailing, digest_job
from reports.outbox import send_waiting
from reports.smtp import Answer, MailServer, deliver
from tests.commands import Capture, documents, refused, said
from tests.digests import ANA, BEN, CATALOGUE, MAIL, add, cut, due_again, rename, told
from tests.fix_smtp import Mailbox
from tests.test_bounces import held, log_of
from tests.test_outbox import states

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server
BY_ROLE = """
SELECT email, CASE role WHEN 'admin' THEN '*' ELSE account_id::text END AS account -- all of them
FROM crm.users WHERE role LIKE '%admin' -- % is a %;
"""


@pytest.fixture
def people(crm_conn: Connection) -> Connection:
    """Give a connection to the CRM whose users are Ana, who is admin of account 1, and Ben, who is admin of all."""
    crm_conn.execute("UPDATE crm.users SET email = replace(email, 'acme.test', 'Example.com')")
    crm_conn.execute("GRANT USAGE ON SCHEMA crm TO audit_owner")
    crm_conn.execute("GRANT SELECT ON crm.users TO audit_owner")
    store(crm_conn, BY_ROLE)
    return crm_conn


def store(conn: Connection, text: str) -> None:
    """Store a query as install does."""
    conn.execute(
        "INSERT INTO audit.setting (name, value) VALUES ('admins_query', %s)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (text,),
    )


@pytest.mark.parametrize(
    "email,accounts,may",
    [
        (BEN, None, True),
        (BEN, ["1", "2"], True),
        (ANA, ["1"], True),
        ("ANA@EXAMPLE.COM", ["1"], True),
        (ANA, None, False),
        (ANA, ["2"], False),
        (ANA, ["1", "2"], False),
        ("mara@example.com", ["1"], False),
        ("eve@example.com", None, False),
        ("x@y@z", None, False),
    ],
)
def test_an_admin_may_be_told_of_accounts_that_they_may_see(
    people: Connection, email: str, accounts: list[str] | None, may: bool
) -> None:
    assert ask(people).may_get(email, accounts) is may


def test_without_a_query_everybody_may_be_mailed(crm_conn: Connection) -> None:
    assert ask(crm_conn) == Admins(None)
    store(crm_conn, "")
    assert ask(crm_conn).may_get(ANA, None)


def test_a_query_of_addresses_alone_is_about_all_accounts(people: Connection) -> None:
    store(people, "VALUES_OF")  # a name that is none
    with pytest.raises(ConfigurationError):
        ask(people)
    store(people, "WITH a AS (SELECT email FROM crm.users) SELECT email FROM a;")
    assert ask(people).may_get("mara@example.com", None)


def test_an_account_that_is_null_gives_no_right(people: Connection) -> None:
    store(people, "SELECT 'ana@example.com' AS email, NULL::integer AS account")
    assert not ask(people).may_get(ANA, None)
    assert not ask(people).may_get(ANA, ["1"])


def test_nothing_is_cut_for_who_is_no_admin_and_all_is_told_when_they_are_one_again(people: Connection) -> None:
    conn = people
    add(conn, ANA, accounts=["1"])
    add(conn, BEN)
    cut(conn)
    conn.execute("UPDATE crm.users SET role = 'user' WHERE id = 1")
    rename(conn, "Europa")
    due_again(conn)
    assert [made.email for made in cut(conn)] == [BEN]
    assert cut(conn, now=True) == []
    assert (held(conn, ANA), held(conn, BEN)) == ("no_admin", None)
    stopped = f"Stopped the mails to {ANA}: the query of admins does not allow them any more"
    assert log_of(conn).count(stopped) == 1
    conn.execute("UPDATE crm.users SET role = 'account_admin' WHERE id = 1")
    assert [made.email for made in cut(conn)] == [ANA]
    assert log_of(conn)[0] == f"Resumed the mails to {ANA}: the query of admins allows them again"
    assert told(conn, "Europa") == 2


def test_who_is_told_of_more_than_they_may_see_is_told_nothing(people: Connection) -> None:
    add(people, ANA, accounts=["1", "2"])
    assert cut(people) == []
    assert held(people) == "no_admin"
    recipients.change(people, CATALOGUE, ANA, {"accounts": ["1"]})
    assert [made.email for made in cut(people)] == [ANA]
    assert held(people) is None


def test_a_dry_run_asks_and_writes_nothing_down(people: Connection) -> None:
    add(people, "mara@example.com")
    add(people, BEN)
    assert [made.email for made in cut_due(people, CATALOGUE, MAIL, dry_run=True)] == [BEN]
    assert held(people, "mara@example.com") is None


def test_a_mail_that_waits_is_not_sent_to_who_is_no_admin_any_more(people: Connection, mailbox: Mailbox) -> None:
    conn = people
    add(conn, ANA, accounts=["1"])
    add(conn, BEN)
    cut(conn)
    conn.execute("UPDATE crm.users SET role = 'user' WHERE id = 1")
    assert [one.address for one in send_waiting(conn, mailbox.server())] == [BEN]
    assert states(conn) == {ANA: "pending", BEN: "sent"}
    row = conn.execute(
        "SELECT tries, lease, not_before > now() + interval '50 minutes', answer FROM audit.delivery WHERE address = %s",
        (ANA,),
    ).fetchone()
    assert row == (0, None, True, "waits: the query of admins does not name this address for all that it tells")
    assert send_waiting(conn, mailbox.server(), at_once=True) == []
    conn.execute("UPDATE crm.users SET role = 'admin' WHERE id = 1")
    assert [one.state for one in send_waiting(conn, mailbox.server(), at_once=True)] == ["sent"]


def test_it_is_asked_at_the_time_of_sending_and_not_of_the_run(
    people: Connection, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first mail is under way, the second one's recipient loses the right."""
    conn = people
    monkeypatch.setattr("reports.admins.FRESH", 0.0)
    add(conn, BEN)
    add(conn, ANA, accounts=["1"])
    cut(conn)

    def slow(server: MailServer, sender: str, address: str, message: bytes) -> Answer:
        conn.execute("UPDATE crm.users SET role = 'user' WHERE id = 1")
        return deliver(server, sender, address, message)

    monkeypatch.setattr(outbox, "deliver", slow)
    assert [one.address for one in send_waiting(conn, mailbox.server())] == [BEN]
    assert mailbox.addresses() == [BEN]


def test_a_frozen_mail_goes_to_nobody_who_may_not_know_all_of_it(people: Connection, mailbox: Mailbox) -> None:
    """It was cut for accounts that the recipient gave up, and may not see any more."""
    conn = people
    conn.execute("UPDATE crm.users SET role = 'admin' WHERE id = 1")
    add(conn, ANA, accounts=["1", "2"])
    rename(conn, "Europa")
    cut(conn)
    conn.execute("UPDATE crm.users SET role = 'account_admin' WHERE id = 1")
    recipients.change(conn, CATALOGUE, ANA, {"accounts": ["1"]})
    assert send_waiting(conn, mailbox.server()) == []
    assert held(conn) is None
    assert states(conn) == {ANA: "pending"}


def test_a_mail_goes_to_the_new_address_where_the_old_one_is_no_admins(people: Connection, mailbox: Mailbox) -> None:
    conn = people
    add(conn, BEN)
    cut(conn)
    conn.execute("UPDATE crm.users SET email = 'ben.ito@example.com' WHERE id = 2")
    recipients.change(conn, CATALOGUE, BEN, {"email": "ben.ito@example.com"})
    assert send_waiting(conn, mailbox.server()) == []
    assert [one.address for one in send_waiting(conn, mailbox.server())] == ["ben.ito@example.com"]


@pytest.mark.parametrize(
    "text,reason",
    [
        ("SELECT email FROM crm.people", 'relation "crm.people" does not exist'),
        ("SELECT name FROM crm.users", "it gives the columns name: name them email and, if you like, account"),
        ("SELECT email, role FROM crm.users", "it gives the columns email, role"),
        ("SELECT email FROM crm.users WHERE false", "it names nobody"),
        ("SELECT email FROM crm.users; DELETE FROM crm.users", "syntax error"),
        ("SELECT email FROM crm.users) AS a; DELETE FROM crm.users; SELECT (1", "cannot insert multiple commands"),
        ("DELETE FROM crm.users RETURNING email", "syntax error"),
        ("WITH d AS (DELETE FROM crm.users RETURNING email) SELECT email FROM d", "data-modifying"),
        ("SELECT email FROM crm.users FOR UPDATE", "read-only transaction"),
        ("SELECT email, pg_sleep(1)::text AS account FROM crm.users", "it took longer than"),
        ("SELECT email FROM crm.accounts, crm.users", "GRANT SELECT ON ... TO audit_owner"),
        ("SELECT nextval('crm.users_id_seq')::text AS email", "permission denied"),
    ],
)
def test_a_query_that_cannot_tell_is_a_fault_that_alarms_and_all_waits(
    people: Connection,
    crm_dsn: str,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    text: str,
    reason: str,
) -> None:
    conn = people
    monkeypatch.setattr("reports.admins.PATIENCE", 0.3)
    add(conn, BEN)
    cut(conn)
    due_again(conn)
    store(conn, text)
    mailing = Mailing(mailbox.server(), "audit@example.com", None)
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            digest_job(conn, mailing)
        assert reason in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
    assert (mailbox.taken, states(conn), held(conn, BEN)) == ([], {BEN: "pending"}, None)
    failed = conn.execute("SELECT outcome, detail ->> 'times' FROM audit.job_run WHERE job = 'digest'").fetchall()
    assert failed == [("failed", "2")]  # what fails every minute does not fill the table
    assert conn.execute("SELECT count(*), current_user = session_user FROM crm.users").fetchone() == (4, True)
    problems = documents(capsys, "status", "--dsn", crm_dsn, code=1)[0]["problems"]
    assert any("the last run of digest failed: the query of WHOCHANGED_ADMINS_QUERY cannot tell" in p for p in problems)
    store(conn, BY_ROLE)
    digest_job(conn, mailing)
    assert set(states(conn).values()) == {"sent"}


def test_an_answer_is_old_after_seconds(people: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = Asking(people)
    assert asking.now() is asking.now()
    monkeypatch.setattr("reports.admins.FRESH", 0.0)
    fresh = Asking(people)
    assert fresh.now() is not fresh.now()


def test_the_query_changes_nothing_even_if_it_could(people: Connection) -> None:
    """What a function of it sets is gone with its transaction."""
    store(people, "SELECT email FROM crm.users WHERE set_config('app.x', 'y', false) = 'y'")
    ask(people)
    assert people.execute("SELECT coalesce(current_setting('app.x', true), '')").fetchone() == ("",)
    assert try_out(people, BY_ROLE, as_owner=False) == 2


def test_installing_stores_the_query_and_logs_its_change(
    crm_dsn: str, crm_conn: Connection, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)
    monkeypatch.setenv("WHOCHANGED_ADMINS_QUERY", "SELECT email FROM crm.people")
    assert 'relation "crm.people" does not exist' in refused(capsys, 3, "install", *here)
    monkeypatch.setenv("WHOCHANGED_ADMINS_QUERY", f"{BY_ROLE.strip()};")
    (status,) = documents(capsys, "status", *here, code=1)
    assert any("WHOCHANGED_ADMINS_QUERY is" in problem for problem in status["problems"])
    err = said(capsys, "install", *here)[1]
    assert "permission denied for schema crm: run  GRANT SELECT ON ... TO audit_owner" in err
    crm_conn.execute("GRANT USAGE ON SCHEMA crm TO audit_owner")
    crm_conn.execute("GRANT SELECT ON crm.users TO audit_owner")
    assert "2 addresses may be mailed, by the query of admins" in said(capsys, "install", *here)[1]
    assert ask(crm_conn).may_get("ben@acme.test", None)
    entry = documents(capsys, "log", "--module", "Audit log", "--limit", "1", *here)[0]
    assert entry["descriptions"][0].startswith("Set the query of admins to SELECT email")
    monkeypatch.setenv("WHOCHANGED_ADMINS_QUERY", "none")
    said(capsys, "install", *here)
    assert ask(crm_conn) == Admins(None)


def test_people_see_who_is_no_admin(people: Connection, crm_dsn: str, capsys: Capture) -> None:
    here = ("--dsn", crm_dsn)
    add(people, "mara@example.com")
    cut(people)
    assert "not allowed by the query of admins" in said(capsys, "recipients", "list", *here)[0]
    (one,) = documents(capsys, "recipients", "list", *here)
    assert (one["held"], one["next_due"]) == ("no_admin", None)
    assert one["no_admin_since"] is not None
    (status,) = documents(capsys, "status", *here)
    assert status["no_admins"] == ["mara@example.com"]
    assert any("nothing is mailed to mara@example.com" in remark for remark in status["remarks"])
    assert "does not allow it" in said(capsys, "recipients", "resume", "mara@example.com", *here)[1]
    store(people, "")
    cut(people)
    assert held(people, "mara@example.com") is None
