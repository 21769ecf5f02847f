"""Requests to the webhook: each sensitive entry in exactly one, frozen, tried until it arrives, and never in the way of the mails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from capture.errors import MailError
from reports.alerts.bodies import ENTRIES_A_REQUEST, LARGEST, TEXT
from reports.alerts.job import Alerting, send_alerts
from reports.alerts.requests import GIVE_UP, begin_webhook, cut_requests, posting, resume
from reports.alerts.state import alert_state
from reports.jobs import Mailing
from tests.alerting import ask_to_leave, stand
from tests.digests import CATALOGUE, add, rename
from tests.fix_http import Receiver
from tests.fix_smtp import Mailbox

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


@pytest.fixture
def hook(crm_conn: Connection) -> Connection:
    """Give a connection to the CRM whose webhook is told from now on."""
    begin_webhook(crm_conn)
    return crm_conn


def cut(conn: Connection) -> int:
    """Cut what is new."""
    return cut_requests(conn, CATALOGUE, "Cloudfon CX")


def send(conn: Connection, receiver: Receiver, *, at_once: bool = False) -> list[str]:
    """Send what waits, and return what became of each."""
    return [posted.state for posted in posting(conn, receiver.webhook(), at_once=at_once)]


def reasons(receiver: Receiver) -> list[str]:
    """Return what the arrived entries say, in their order."""
    return [entry["descriptions"][0] for got in receiver.got for entry in got.json["data"]["entries"]]


def test_a_sensitive_entry_is_posted_under_its_public_names(hook: Connection, receiver: Receiver) -> None:
    rename(hook, "Europe")
    ask_to_leave(hook, "Too dear")
    assert cut(hook) == 1
    assert send(hook, receiver) == ["sent"]
    (got,) = receiver.got
    assert got.json["type"] == "audit.alert"
    data = got.json["data"]
    assert (data["product"], data["part"], data["last"]) == ("Cloudfon CX", 1, True)
    (entry,) = data["entries"]
    assert (entry["kinds"], entry["sensitivity"], entry["truncated"]) == (["cancellation.requested"], "high", False)
    assert got.json["timestamp"] == entry["at"]
    assert "." not in got.headers["webhook-id"]
    assert (cut(hook), send(hook, receiver)) == (0, [])


def test_a_bulk_change_is_several_requests_with_each_entry_once(hook: Connection, receiver: Receiver) -> None:
    hook.execute(
        "INSERT INTO crm.account_cancellation_requests (account_id, requested_by, reason)"
        " SELECT 1, 1, 'Reason ' || g FROM generate_series(1, 250) AS g"
    )
    assert cut(hook) == 3
    send(hook, receiver)
    assert [len(got.ids) for got in receiver.got] == [ENTRIES_A_REQUEST, ENTRIES_A_REQUEST, 50]
    assert [got.json["data"]["last"] for got in receiver.got] == [False, False, True]
    ids = [one for got in receiver.got for one in got.ids]
    assert len(set(ids)) == len(ids) == 250


def test_entries_come_in_the_order_of_their_transactions(hook: Connection, receiver: Receiver) -> None:
    for number in range(5):
        ask_to_leave(hook, f"Reason {number}")
    cut(hook)
    send(hook, receiver)
    assert [f"“Reason {number}”" in said for number, said in enumerate(reasons(receiver))] == [True] * 5


def test_long_values_are_cut_and_say_so(hook: Connection, receiver: Receiver) -> None:
    ask_to_leave(hook, "\x1b[31m\u202e" + "x" * 5_000_000)
    cut(hook)
    send(hook, receiver)
    (got,) = receiver.got
    assert len(got.body) < LARGEST
    assert got.body.isascii()
    assert b"\x1b" not in got.body
    (entry,) = got.json["data"]["entries"]
    assert entry["truncated"]
    assert max(len(change["after"] or "") for change in entry["changes"]) <= TEXT


def test_a_try_that_failed_is_repeated_byte_for_byte_under_its_id(hook: Connection, receiver: Receiver) -> None:
    ask_to_leave(hook, "Too dear")
    cut(hook)
    receiver.answers = ["drop", 500]
    assert send(hook, receiver) == ["retry"]
    assert send(hook, receiver) == []
    assert send(hook, receiver, at_once=True) == ["retry"]
    assert send(hook, receiver, at_once=True) == ["sent"]
    assert len({got.body for got in receiver.got}) == len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len(receiver.got) == 3


def test_while_the_receiver_is_down_what_is_new_is_held_back_and_told_together(
    hook: Connection, receiver: Receiver
) -> None:
    ask_to_leave(hook, "First")
    cut(hook)
    receiver.answers = [503]
    send(hook, receiver)
    for number in range(3):
        ask_to_leave(hook, f"Reason {number}")
        assert cut(hook) == 0
    assert (stand(hook, 0, "webhook").held, stand(hook, 0, "webhook").held_for) == (3, "down")
    assert send(hook, receiver, at_once=True) == ["sent"]
    assert cut(hook) == 1
    send(hook, receiver)
    assert [len(got.ids) for got in receiver.got] == [1, 1, 3]


def test_a_request_that_is_refused_does_not_keep_the_others(hook: Connection, receiver: Receiver) -> None:
    receiver.answers = [413]
    for reason in ("First", "Second"):
        ask_to_leave(hook, reason)
        cut(hook)
    assert send(hook, receiver) == ["retry", "sent"]


def test_gone_stops_visibly_until_somebody_resumes(hook: Connection, receiver: Receiver) -> None:
    ask_to_leave(hook, "First")
    cut(hook)
    receiver.answers = [410]
    (posted,) = posting(hook, receiver.webhook())
    assert (posted.state, posted.gone) == ("retry", True)
    ask_to_leave(hook, "Second")
    assert (cut(hook), send(hook, receiver, at_once=True)) == (0, [])
    state = alert_state(hook)
    assert state is not None
    assert state.webhook_stopped_at is not None
    assert (state.held, state.requests_waiting) == (1, 1)
    assert resume(hook)
    assert not resume(hook)
    assert send(hook, receiver, at_once=True) == ["sent"]
    assert cut(hook) == 1
    assert send(hook, receiver) == ["sent"]
    assert len(reasons(receiver)) == 3


def test_what_nobody_takes_for_days_is_given_up_visibly_and_can_be_tried_again(
    hook: Connection, receiver: Receiver
) -> None:
    ask_to_leave(hook, "First")
    cut(hook)
    hook.execute("UPDATE audit.webhook_request SET cut_at = now() - %s, tries = 9", (GIVE_UP + timedelta(hours=1),))
    receiver.answers = [500]
    assert send(hook, receiver) == ["parked"]
    state = alert_state(hook)
    assert state is not None
    assert (state.requests_parked, state.webhook_answer) == (1, "500 Internal Server Error")
    assert send(hook, receiver, at_once=True) == ["sent"]


def test_a_lease_keeps_two_from_one_request_and_ends_by_itself(hook: Connection, receiver: Receiver) -> None:
    ask_to_leave(hook, "First")
    cut(hook)
    held = "UPDATE audit.webhook_request SET lease = gen_random_uuid(), leased_until = now() + %s"
    hook.execute(held, (timedelta(minutes=1),))
    assert send(hook, receiver, at_once=True) == []
    hook.execute(held, (-timedelta(seconds=1),))
    assert send(hook, receiver) == ["sent"]


def test_a_webhook_that_is_down_is_no_matter_of_the_mails(
    crm_conn: Connection, receiver: Receiver, mailbox: Mailbox
) -> None:
    add(crm_conn)
    mailing = Mailing(mailbox.server(), "Audit log <audit@example.com>", None)
    alerting = Alerting(mailing, receiver.webhook(timeout=0.3), 1000)
    for way in alerting.ways:
        send_alerts(crm_conn, way, alerting, tell=lambda _: None)
    ask_to_leave(crm_conn, "Too dear")
    receiver.answers = ["stall"] * 3
    for way in reversed(alerting.ways):
        send_alerts(crm_conn, way, alerting, tell=lambda _: None)
    assert sum("Too dear" in mail.text for mail in mailbox.taken) == 1
    mailbox.refusals["audit@example.com"] = "550 5.7.1 go away"
    ask_to_leave(crm_conn, "Twice")
    with pytest.raises(MailError):
        send_alerts(crm_conn, "alerts", alerting, tell=lambda _: None)
    send_alerts(crm_conn, "webhook", alerting, now=True, tell=lambda _: None)
    receiver.answers = []
    send_alerts(crm_conn, "webhook", alerting, now=True, tell=lambda _: None)
    send_alerts(crm_conn, "webhook", alerting, now=True, tell=lambda _: None)
    assert any("Twice" in said for said in reasons(receiver))
