"""What is parked, what is a fault of the settings, and how a run ends before all is sent."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.errors import MailError
from reports import recipients
from reports.outbox import Outcome, send_waiting, sending, waiting
from tests.digests import ANA, BEN, EVE, add, cut
from tests.fix_smtp import Mailbox
from tests.test_outbox import messages, states

Connection = psycopg.Connection[Any]
pytestmark = pytest.mark.one_server


def test_a_parked_mail_is_sent_at_once_when_its_mailbox_is_repaired(
    cut_for_three: Connection, mailbox: Mailbox
) -> None:
    conn = cut_for_three
    mailbox.refusals |= dict.fromkeys((ANA, BEN, EVE), "550 5.1.1 no such user")
    assert {one.state for one in send_waiting(conn, mailbox.server())} == {"parked"}
    recipients.pause(conn, BEN)
    recipients.remove(conn, EVE)
    assert waiting(conn) == []
    (soon,) = waiting(conn, at_once=True)
    assert (soon.address, soon.state, soon.tries, soon.answer) == (ANA, "parked", 1, "550 5.1.1 no such user")
    (outcome,) = send_waiting(conn, mailbox.server(), at_once=True)
    assert (outcome.address, outcome.state, outcome.tries) == (ANA, "parked", 2)
    mailbox.refusals.clear()
    (outcome,) = send_waiting(conn, mailbox.server(), at_once=True)
    assert (outcome.state, outcome.tries) == ("sent", 3)
    assert [(mail.address, mail.message) for mail in mailbox.taken] == [(ANA, messages(conn)[ANA])]
    assert states(conn) == {ANA: "sent", BEN: "parked", EVE: "parked"}


def test_a_parked_mail_goes_to_the_address_that_was_put_right(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    before = messages(conn)[ANA]
    mailbox.refusals[ANA] = "550 5.1.1 no such user"
    send_waiting(conn, mailbox.server())
    conn.execute("UPDATE audit.recipient SET email = 'x@y@z' WHERE email = %s", (ANA,))
    assert [one.address for one in waiting(conn, at_once=True)] == [ANA]
    conn.execute("UPDATE audit.recipient SET email = 'anna@Example.com' WHERE email = 'x@y@z'")
    assert [one.address for one in waiting(conn, at_once=True)] == ["anna@example.com"]
    (outcome,) = send_waiting(conn, mailbox.server(), at_once=True)
    assert (outcome.address, outcome.state) == ("anna@example.com", "sent")
    assert mailbox.taken[-1].message == before


def test_a_server_that_does_not_relay_for_us_parks_nothing(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals |= dict.fromkeys((ANA, BEN, EVE), "554 5.7.1 Relay access denied")
    with pytest.raises(MailError, match="Relay access denied"):
        send_waiting(conn, mailbox.server())
    assert states(conn) == dict.fromkeys((ANA, BEN, EVE), "retry")
    mailbox.refusals.clear()
    assert len(send_waiting(conn, mailbox.server(), at_once=True)) == 3


EXIM, CLOSED = "550 relay not permitted", "550 5.7.1 you may not post to this list"


def wait_for(conn: Connection, hours: int, tries: int = 0) -> None:
    """Let time pass since the digests were cut, and so many tries."""
    conn.execute("UPDATE audit.digest SET cut_at = cut_at - make_interval(hours => %s)", (hours,))
    conn.execute("UPDATE audit.delivery SET tries = tries + %s, not_before = now() WHERE state <> 'sent'", (tries,))


def test_a_server_that_does_not_relay_and_gives_no_number_parks_nothing_however_long(
    cut_for_three: Connection, mailbox: Mailbox
) -> None:
    """As Exim says it; the tries go on, with their waits, and each run that makes some fails."""
    conn = cut_for_three
    mailbox.refusals |= dict.fromkeys((ANA, BEN, EVE), EXIM)
    with pytest.raises(
        MailError, match=r"for ana@example.com and 2 more from us \(550 relay not permitted\): check user"
    ):
        send_waiting(conn, mailbox.server())
    wait = conn.execute("SELECT min(not_before) > now() + interval '50 seconds' FROM audit.delivery").fetchone()
    assert wait == (True,)
    wait_for(conn, hours=24 * 30, tries=50)
    with pytest.raises(MailError, match="relay not permitted"):
        send_waiting(conn, mailbox.server())
    assert states(conn) == dict.fromkeys((ANA, BEN, EVE), "retry")
    mailbox.refusals.clear()
    assert len(send_waiting(conn, mailbox.server(), at_once=True)) == 3


def test_a_server_that_relays_for_nobody_ends_the_run(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    add(conn, "fay@example.com")
    cut(conn)
    mailbox.refusals |= dict.fromkeys((ANA, BEN, EVE, "fay@example.com"), EXIM)
    with pytest.raises(MailError):
        send_waiting(conn, mailbox.server())
    assert list(states(conn).values()) == ["retry"] * 3 + ["pending"]


@pytest.mark.parametrize("first", [True, False])
def test_a_list_that_takes_no_mail_from_us_is_parked_where_others_are_served(
    cut_for_three: Connection, mailbox: Mailbox, *, first: bool
) -> None:
    conn, closed = cut_for_three, ANA if first else EVE
    mailbox.refusals[closed] = CLOSED
    outcomes = {one.address: (one.state, one.answer) for one in send_waiting(conn, mailbox.server())}
    assert outcomes[closed] == ("parked", CLOSED)
    assert sorted(state for state, _ in outcomes.values()) == ["parked", "sent", "sent"]
    assert states(conn)[closed] == "parked"
    assert send_waiting(conn, mailbox.server()) == []
    (again,) = send_waiting(conn, mailbox.server(), at_once=True)
    assert (again.state, again.tries) == ("parked", 2)
    mailbox.refusals.clear()
    (again,) = send_waiting(conn, mailbox.server(), at_once=True)
    assert again.state == "sent"


def test_a_list_alone_is_a_fault_for_a_day_and_then_parked(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    for email in (BEN, EVE):
        recipients.pause(conn, email)
    mailbox.refusals[ANA] = CLOSED
    for hours, tries in ((0, 0), (23, 10), (0, 0)):
        wait_for(conn, hours, tries)
        with pytest.raises(MailError, match="you may not post to this list"):
            send_waiting(conn, mailbox.server())
        assert states(conn)[ANA] == "retry"
    wait_for(conn, hours=2)
    (outcome,) = send_waiting(conn, mailbox.server())
    assert (outcome.address, outcome.state, outcome.answer) == (ANA, "parked", CLOSED)
    assert send_waiting(conn, mailbox.server()) == []


def test_a_server_that_takes_only_its_own_mails_alarms_for_a_day_and_then_parks_the_others(
    cut_for_three: Connection, mailbox: Mailbox
) -> None:
    conn = cut_for_three
    mailbox.refusals[BEN] = EXIM
    outcomes = list[Outcome]()
    with pytest.raises(MailError, match=r"does not take mails for ben@example\.com from us"):
        outcomes.extend(sending(conn, mailbox.server()))
    assert [(one.address, one.state) for one in outcomes] == [(ANA, "sent"), (EVE, "sent")]
    assert states(conn)[BEN] == "retry"
    wait_for(conn, hours=25)
    with pytest.raises(MailError, match="relay not permitted"):
        send_waiting(conn, mailbox.server())
    wait_for(conn, hours=0, tries=3)
    (outcome,) = send_waiting(conn, mailbox.server())
    assert (outcome.address, outcome.state) == (BEN, "parked")


def test_who_is_asked_to_stop_finishes_the_mail_under_way(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    outcomes = send_waiting(conn, mailbox.server(), stop=lambda: bool(mailbox.taken))
    assert [(one.address, one.state) for one in outcomes] == [(ANA, "sent")]
    assert states(conn) == {ANA: "sent", BEN: "pending", EVE: "pending"}
    leased = conn.execute("SELECT count(*) FROM audit.delivery WHERE lease IS NOT NULL OR tries > 1").fetchone()
    assert leased == (0,)
    assert [one.address for one in send_waiting(conn, mailbox.server())] == [BEN, EVE]


def test_a_server_that_does_not_answer_time_after_time_ends_the_run(
    cut_for_three: Connection, mailbox: Mailbox
) -> None:
    conn = cut_for_three
    add(conn, "fay@example.com")
    cut(conn)
    mailbox.data += ["stall"] * 3
    outcomes = list[Outcome]()
    with pytest.raises(MailError, match=r"does not answer \(.*timed out.*\), all that is left waits: check"):
        outcomes.extend(sending(conn, mailbox.server(timeout=0.3)))
    assert [one.state for one in outcomes] == ["retry"] * 3
    assert list(states(conn).values()) == ["retry", "retry", "retry", "pending"]
    # One that is answered in between begins the count anew.
    mailbox.data += ["stall", "stall", "250 ok", "stall"]
    outcomes = send_waiting(conn, mailbox.server(timeout=0.3), at_once=True)
    assert sorted(one.state for one in outcomes) == ["retry", "retry", "retry", "sent"]
