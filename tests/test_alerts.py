"""Alerts by mail: each sensitive change once, to those who may know it, in few mails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from capture.errors import ConfigurationError
from reports.alerts.look import anything_new
from reports.alerts.state import alert_state
from reports.outbox import send_waiting, sending
from tests.alerting import ask_to_leave, delivered, look, messages, older, rows, stand, texts, told
from tests.digests import ANA, BEN, EVE, add, cut, rename
from tests.digests import texts as digest_texts
from tests.fix_smtp import Mailbox

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


@pytest.fixture
def ana(crm_conn: Connection) -> Connection:
    """Give a connection to the CRM with one recipient, who was told that she was added."""
    add(crm_conn)
    look(crm_conn)
    delivered(crm_conn)
    crm_conn.execute("DELETE FROM audit.digest WHERE kind = 'alert'")
    return crm_conn


def test_a_sensitive_change_is_told_at_once_and_no_other(ana: Connection) -> None:
    rename(ana, "Europe")
    assert look(ana) == []
    ask_to_leave(ana, "Too dear")
    (alert,) = look(ana)
    assert (alert.email, alert.entries) == (ANA, 1)
    assert told(ana, "Too dear") == 1
    assert "Europe" not in texts(ana)[0]
    assert look(ana) == []


def test_the_digest_tells_what_an_alert_told(ana: Connection) -> None:
    ask_to_leave(ana, "Too dear")
    look(ana)
    cut(ana)
    assert sum("Too dear" in text for text in digest_texts(ana)) == 2


def test_who_is_added_is_told_first_that_this_was_done(crm_conn: Connection) -> None:
    ask_to_leave(crm_conn, "Before")
    add(crm_conn)
    (alert,) = look(crm_conn)
    assert alert.subject == "[Cloudfon CX] Alert: Recipient added"
    assert told(crm_conn, "Before") == 0


def test_a_bulk_change_is_one_mail_below_80_kb(ana: Connection) -> None:
    """Two thousand rows of one entity, four hundred entities by one transaction, and thirty transactions."""
    ana.execute(
        "INSERT INTO crm.users (id, account_id, name, email, role)"
        " SELECT 100000 + g, 1, 'User ' || g, 'u' || g || '@example.com', 'user' FROM generate_series(1, 2000) AS g"
    )
    for number in range(30):
        ask_to_leave(ana, f"Reason {number}")
    ana.execute(
        "INSERT INTO crm.account_cancellation_requests (account_id, requested_by, reason)"
        " SELECT 1, 1, 'Reason ' || g FROM generate_series(1, 400) AS g"
    )
    ana.execute(
        "INSERT INTO crm.assignment_rule_users (rule_id, user_id) SELECT 1, 100000 + g FROM generate_series(1, 2000) AS g"
    )
    (alert,) = look(ana)
    assert alert.entries == 431
    (row,) = rows(ana)
    assert len(row.message) < 80 * 1024
    assert "Cancellation requested 430, Rule user access given 1" in texts(ana)[0]
    assert "and 1,997 more changes in this save" in texts(ana)[0]
    assert alert.subject == "[Cloudfon CX] Alert: Rule user access given + 430 others"


def test_a_bulk_change_does_not_bury_the_one_beside_it(ana: Connection) -> None:
    ask_to_leave(ana, "Buried")
    for number in range(40):
        ana.execute("UPDATE crm.subscriptions SET user_licenses = %s WHERE account_id = 1", (100 + number,))
    (alert,) = look(ana)
    assert alert.subject == "[Cloudfon CX] Alert: Cancellation requested + 40 others"
    (text,) = texts(ana)
    assert text.index("“Buried”") < text.index("user licence")


def test_nobody_reads_of_another_account(crm_conn: Connection) -> None:
    crm_conn.execute("INSERT INTO crm.accounts (id, name) VALUES (2, 'Globex')")
    add(crm_conn, ANA, accounts=["1"])
    add(crm_conn, BEN, accounts=["2"])
    add(crm_conn, EVE)
    look(crm_conn)
    delivered(crm_conn)
    ask_to_leave(crm_conn, "One leaves", 1)
    ask_to_leave(crm_conn, "Two leaves", 2)
    cut_now = {alert.email: alert.entries for alert in look(crm_conn)}
    assert cut_now == {ANA: 1, BEN: 1, EVE: 2}
    said = dict(zip((row.recipient_id for row in rows(crm_conn)), texts(crm_conn), strict=False))
    last = {
        message["To"].split("<")[-1]: text for message, text in zip(messages(crm_conn), texts(crm_conn), strict=True)
    }
    assert said
    assert ("One leaves" in last[ANA], "Two leaves" in last[ANA]) == (True, False)
    assert ("One leaves" in last[BEN], "Two leaves" in last[BEN]) == (False, True)
    assert "Globex" not in last[ANA]


def test_modules_that_a_reader_left_out_are_not_told(crm_conn: Connection) -> None:
    add(crm_conn, ANA, modules=["Workflows"])
    add(crm_conn, BEN, modules=["Account & CRM settings"])
    ask_to_leave(crm_conn, "Too dear")
    assert [(alert.email, alert.entries) for alert in look(crm_conn)] == [(BEN, 1)]


def test_who_wants_no_alerts_gets_none_and_later_nothing_of_before(ana: Connection) -> None:
    ana.execute("UPDATE audit.recipient SET alerts = false")
    ask_to_leave(ana, "Unheard")
    assert look(ana) == []
    ana.execute("UPDATE audit.recipient SET alerts = true")
    ask_to_leave(ana, "Heard")
    look(ana)
    assert (told(ana, "Unheard"), told(ana, "Heard")) == (0, 1)


def test_a_limit_holds_back_and_drops_nothing(ana: Connection) -> None:
    """Four mails an hour are one in a quarter of it; what is held back comes in the next mail, which says so."""
    for number in range(5):
        ask_to_leave(ana, f"Reason {number}")
        assert len(look(ana, per_hour=4)) == (number == 0)
        delivered(ana)
    assert (stand(ana).held, stand(ana).held_for) == (4, "rate")
    state = alert_state(ana)
    assert state is not None
    assert state.held == 4
    assert state.oldest_pending == stand(ana).held_since
    older(ana, timedelta(minutes=16))
    (alert,) = look(ana, per_hour=4)
    assert alert.entries == 4
    assert [told(ana, f"Reason {number}") for number in range(5)] == [1] * 5
    assert "4 of these changes were held back" in texts(ana)[-1]
    assert "held back" not in texts(ana)[0]
    assert (stand(ana).held, stand(ana).held_for) == (0, None)


def test_no_hour_has_more_mails_than_the_limit(ana: Connection) -> None:
    for number in range(12):
        ask_to_leave(ana, f"Reason {number}")
        look(ana, per_hour=4)
        delivered(ana)
        older(ana, timedelta(minutes=10))
    cut_at = [row.cut_at for row in rows(ana)]
    assert all(sum(at - timedelta(hours=1) < other <= at for other in cut_at) <= 4 for at in cut_at)
    assert sum(row.entries for row in rows(ana)) + stand(ana).held == 12


def test_while_a_mail_waits_for_its_server_what_follows_is_one_mail(ana: Connection, mailbox: Mailbox) -> None:
    ask_to_leave(ana, "First")
    look(ana)
    mailbox.data = ["451 4.3.0 later"]
    assert [outcome.state for outcome in send_waiting(ana, mailbox.server())] == ["retry"]
    for number in range(3):
        ask_to_leave(ana, f"Reason {number}")
        assert look(ana) == []
    assert stand(ana).held_for == "undelivered"
    send_waiting(ana, mailbox.server(), at_once=True)
    (alert,) = look(ana)
    assert alert.entries == 3
    send_waiting(ana, mailbox.server())
    assert len(mailbox.taken) == 2
    assert all(mail.parsed["X-Audit-Kind"] == "alert" for mail in mailbox.taken)


def test_an_alert_goes_again_byte_for_byte_soon(ana: Connection, mailbox: Mailbox) -> None:
    ask_to_leave(ana, "First")
    look(ana)
    mailbox.data = ["drop"]
    send_waiting(ana, mailbox.server())
    wait = ana.execute(
        "SELECT extract(epoch FROM not_before - now()) FROM audit.delivery WHERE state = 'retry'"
    ).fetchone()
    assert wait is not None
    assert 0 < wait[0] <= 20
    send_waiting(ana, mailbox.server(), at_once=True)
    first, second = mailbox.taken
    assert first.message == second.message


def test_alerts_go_before_digests_and_can_go_alone(ana: Connection, mailbox: Mailbox) -> None:
    cut(ana)
    ask_to_leave(ana, "First")
    look(ana)
    assert [outcome.kind for outcome in sending(ana, mailbox.server(), kind="alert")] == ["alert"]
    ask_to_leave(ana, "Second")
    look(ana)
    assert [outcome.kind for outcome in send_waiting(ana, mailbox.server())] == ["alert", "digest"]


def test_who_is_paused_is_told_afterwards(ana: Connection) -> None:
    ana.execute("UPDATE audit.recipient SET paused = true")
    ask_to_leave(ana, "Meanwhile")
    assert look(ana) == []
    state = alert_state(ana)
    assert state is not None
    assert (state.held, stand(ana).held_for) == (0, "paused")
    ana.execute("UPDATE audit.recipient SET paused = false")
    look(ana)
    assert told(ana, "Meanwhile") == 1


def test_an_address_that_no_mail_can_go_to_does_not_keep_the_others(ana: Connection) -> None:
    add(ana, BEN)
    ana.execute("UPDATE audit.recipient SET email = 'ana@-' WHERE email = %s", (ANA,))
    ask_to_leave(ana, "Too dear")
    with pytest.raises(ConfigurationError, match=r"^recipient no\. 1 gets no alerts"):
        look(ana)
    assert told(ana, "Too dear") == 1
    ana.execute("UPDATE audit.recipient SET email = %s WHERE id = 1", (ANA,))
    look(ana)
    assert told(ana, "Too dear") == 2


def test_a_look_without_anything_new_writes_nothing(ana: Connection) -> None:
    look(ana)
    before = ana.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
    for _ in range(5):
        assert not anything_new(ana, "mail")
        look(ana)
    assert ana.execute("SELECT pg_current_wal_insert_lsn()").fetchone() == before


def test_looks_while_something_is_held_back_move_nothing_but_once(ana: Connection) -> None:
    for number in range(2):
        ask_to_leave(ana, f"Reason {number}")
        look(ana, per_hour=1)
        delivered(ana)
    held = stand(ana)
    for _ in range(3):
        assert look(ana, per_hour=1) == []
    assert stand(ana) == held
    assert held.held == 1


def test_a_dry_run_keeps_nothing(ana: Connection) -> None:
    ask_to_leave(ana, "Too dear")
    before = stand(ana)
    assert [alert.entries for alert in look(ana, dry_run=True)] == [1]
    assert (rows(ana), stand(ana)) == ([], before)


def test_what_an_open_transaction_holds_back_is_told_when_it_ends(ana: Connection, crm_dsn: str) -> None:
    with psycopg.connect(crm_dsn) as other:
        ask_to_leave(other, "Slow")
        ask_to_leave(ana, "Fast")
        assert look(ana) == []
        other.commit()
    (alert,) = look(ana)
    assert alert.entries == 2


def test_two_that_look_at_once_tell_it_once(ana: Connection, crm_dsn: str) -> None:
    ask_to_leave(ana, "Too dear")
    with psycopg.connect(crm_dsn, autocommit=True) as other, ana.transaction():
        ana.execute("SELECT FROM audit.alert_stand FOR UPDATE")
        assert look(other) == []
    look(ana)
    assert told(ana, "Too dear") == 1


def test_numbers_of_alerts_run_without_gaps_also_after_a_purge(ana: Connection) -> None:
    for number in range(2):
        ask_to_leave(ana, f"Reason {number}")
        look(ana)
        delivered(ana)
    ana.execute("DELETE FROM audit.digest WHERE kind = 'alert'")
    ask_to_leave(ana, "Third")
    (alert,) = look(ana)
    assert alert.serial == stand(ana).serial == 4


def test_who_is_no_admin_any_more_is_told_nothing_until_they_are_again(ana: Connection) -> None:
    """By the operator's query: asked when an alert is cut, of every account that it tells."""
    ana.execute("CREATE TABLE admins (email text, account text)")
    ana.execute("INSERT INTO admins VALUES ('ben@example.com', '*')")
    ana.execute("GRANT SELECT ON admins TO audit_owner")
    ana.execute("INSERT INTO audit.setting VALUES ('admins_query', 'SELECT email, account FROM public.admins')")
    ask_to_leave(ana, "Secret")
    assert look(ana) == []
    assert stand(ana).held_for == "no_admin"
    ana.execute("INSERT INTO admins VALUES (%s, '1')", (ANA,))
    assert look(ana) == [], "an admin of one account is not told of all"
    ana.execute("UPDATE admins SET account = '*'")
    look(ana)
    assert told(ana, "Secret") == 1
    ana.execute("DROP TABLE admins")
    ask_to_leave(ana, "Later")
    with pytest.raises(ConfigurationError):
        look(ana)
    assert told(ana, "Later") == 0


def test_an_alert_that_is_frozen_waits_where_its_reader_lost_an_account(ana: Connection, mailbox: Mailbox) -> None:
    ask_to_leave(ana, "Secret")
    look(ana)
    ana.execute("CREATE TABLE admins AS SELECT %s AS email, '1' AS account", (ANA,))
    ana.execute("GRANT SELECT ON admins TO audit_owner")
    ana.execute("INSERT INTO audit.setting VALUES ('admins_query', 'SELECT email, account FROM public.admins')")
    assert send_waiting(ana, mailbox.server()) == []
    assert mailbox.taken == []


def test_whose_mails_come_back_is_told_afterwards(ana: Connection) -> None:
    ana.execute("UPDATE audit.recipient SET bounced_at = now(), bounce = '550 no such user'")
    ask_to_leave(ana, "Meanwhile")
    assert look(ana) == []
    assert stand(ana).held_for == "bounced"
    ana.execute("UPDATE audit.recipient SET bounced_at = NULL, bounce = NULL")
    look(ana)
    assert told(ana, "Meanwhile") == 1
