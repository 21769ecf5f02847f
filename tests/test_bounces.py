"""Mails that come back: what it takes until nothing is sent to an address, what ends that, and that nothing is lost over it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from capture.catalogue import Catalogue
from capture.entries.describe import entries
from capture.errors import MailError
from capture.filters import Filters
from reports import recipients
from reports.outbox import send_waiting, waiting
from tests.commands import Capture, documents, refused, said
from tests.digests import ANA, BEN, CATALOGUE, EVE, cut, due_again, rename, told
from tests.fix_smtp import Mailbox
from tests.test_outbox import states

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server
GONE = "550 5.1.1 no such user"


def again(conn: Connection, mailbox: Mailbox, name: str) -> None:
    """Make a change, cut what is due, and send."""
    rename(conn, name)
    due_again(conn)
    cut(conn)
    send_waiting(conn, mailbox.server())


def log_of(conn: Connection) -> list[str]:
    """Return what the log says of the recipients, the last first."""
    filters = Filters(modules=("Audit log",), types=("Updated",))
    return [text for entry in entries(conn, Catalogue(name="none"), filters) for text in entry.descriptions]


def held(conn: Connection, email: str = ANA) -> str | None:
    """Return why nothing is mailed to a recipient."""
    return recipients.find(conn, email).held


@pytest.mark.parametrize(
    "refusal",
    [
        GONE,
        "550 no such user here",
        "551 user not local",
        "553 5.1.3 bad address",
        "550 5.1.10 recipient not found",
        "550 5.2.1 mailbox disabled",
    ],
)
def test_an_address_that_is_refused_gets_nothing_more(
    cut_for_three: Connection, mailbox: Mailbox, refusal: str
) -> None:
    conn = cut_for_three
    mailbox.refusals[ANA] = refusal
    send_waiting(conn, mailbox.server())
    one = recipients.find(conn, ANA)
    assert (one.held, one.bounce) == ("bounced", refusal)
    assert one.bounced_at is not None
    assert [held(conn, email) for email in (BEN, EVE)] == [None, None]
    rename(conn, "Europa")
    due_again(conn)
    assert sorted(made.email for made in cut(conn)) == [BEN, EVE]
    assert log_of(conn)[0] == f"Stopped the mails to {ANA}, for they come back ({refusal})"


@pytest.mark.parametrize("refusal", ["550 5.2.2 mailbox full", "552 mailbox full", "550 5.6.7 address not supported"])
def test_three_mails_that_are_given_up_are_as_much_as_an_address_that_is_refused(
    cut_for_three: Connection, mailbox: Mailbox, refusal: str
) -> None:
    conn = cut_for_three
    mailbox.refusals[ANA] = refusal
    send_waiting(conn, mailbox.server())
    assert states(conn)[ANA] == "parked"
    assert held(conn) is None
    again(conn, mailbox, "Europa")
    assert held(conn) is None
    again(conn, mailbox, "Europe")
    assert (held(conn), recipients.find(conn, ANA).bounce) == ("bounced", refusal)


def test_only_mails_in_a_row_count(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    send_waiting(conn, mailbox.server())
    for number, full in enumerate([True, True, False, True, True]):
        mailbox.refusals = {ANA: "552 mailbox full"} if full else {}
        again(conn, mailbox, f"Name {number}")
    assert held(conn) is None
    assert log_of(conn) == []  # what only counts is no change of the subscription


@pytest.mark.parametrize("answer", ["554 5.7.1 looks like spam", "554 5.6.0 no", "552 5.3.4 too large"])
def test_what_is_said_of_the_message_is_not_said_of_the_address(
    cut_for_three: Connection, mailbox: Mailbox, answer: str
) -> None:
    mailbox.data.append(answer)
    send_waiting(cut_for_three, mailbox.server())
    assert states(cut_for_three)[ANA] == "parked"
    assert held(cut_for_three) is None


def test_an_address_may_be_refused_after_the_message_too(cut_for_three: Connection, mailbox: Mailbox) -> None:
    mailbox.data.append("550 5.1.1 unknown in virtual mailbox table")
    send_waiting(cut_for_three, mailbox.server())
    assert held(cut_for_three) == "bounced"


def test_a_fault_of_ours_makes_nobody_bounce(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals |= dict.fromkeys((ANA, BEN, EVE), "554 5.7.1 Relay access denied")
    for _ in range(4):
        with pytest.raises(MailError):
            send_waiting(conn, mailbox.server(), at_once=True)
    assert [held(conn, email) for email in (ANA, BEN, EVE)] == [None] * 3
    mailbox.refusals = {ANA: "451 4.7.1 greylisted"}
    for _ in range(4):
        send_waiting(conn, mailbox.server(), at_once=True)
    assert held(conn) is None


def test_resuming_sends_what_came_back_and_tells_everything_since(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals[ANA] = GONE
    send_waiting(conn, mailbox.server())
    again(conn, mailbox, "Europa")
    mailbox.refusals.clear()
    assert waiting(conn) == []
    assert recipients.resume(conn, ANA, by="Dana Admin")
    assert not recipients.resume(conn, ANA)
    assert held(conn) is None
    assert log_of(conn)[0] == f"Resumed the mails to {ANA}, which came back"
    cut(conn)
    assert [(one.address, one.serial, one.state) for one in send_waiting(conn, mailbox.server())] == [
        (ANA, 1, "sent"),
        (ANA, 2, "sent"),
    ]
    assert told(conn, "Europa") == 3  # of three recipients, once each


def test_another_address_ends_it_and_gets_what_came_back(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals[ANA] = GONE
    send_waiting(conn, mailbox.server())
    recipients.change(conn, CATALOGUE, ANA, {"name": "Ana"})
    recipients.change(conn, CATALOGUE, ANA, {"email": "ANA@example.com"})
    assert held(conn) == "bounced"
    recipients.change(conn, CATALOGUE, ANA, {"email": "anna@example.com"})
    assert held(conn, "anna@example.com") is None
    assert [(one.address, one.state) for one in send_waiting(conn, mailbox.server())] == [("anna@example.com", "sent")]


def test_what_is_said_of_an_old_address_is_not_said_of_the_new_one(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    recipients.change(conn, CATALOGUE, ANA, {"email": "anna@example.com"})
    mailbox.refusals[ANA] = GONE
    send_waiting(conn, mailbox.server())
    assert states(conn)[ANA] == "parked"
    assert held(conn, "anna@example.com") is None


def test_a_mail_that_arrives_after_all_ends_it(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals[ANA] = GONE
    send_waiting(conn, mailbox.server())
    assert waiting(conn) == []
    assert send_waiting(conn, mailbox.server()) == []
    assert [one.address for one in waiting(conn, at_once=True)] == [ANA]
    mailbox.refusals.clear()
    send_waiting(conn, mailbox.server(), at_once=True)
    assert held(conn) is None
    assert log_of(conn)[0] == f"Resumed the mails to {ANA}, which came back"


def test_a_digest_that_waits_for_another_try_waits_until_the_address_is_right(
    cut_for_three: Connection, mailbox: Mailbox
) -> None:
    """A second mail to an address that was refused since is not tried: it would only come back too."""
    conn = cut_for_three
    mailbox.data.append("451 4.3.0 later")
    send_waiting(conn, mailbox.server())
    mailbox.refusals[ANA] = GONE
    again(conn, mailbox, "Europa")
    conn.execute("UPDATE audit.delivery SET not_before = now() - interval '1 hour' WHERE state = 'retry'")
    assert waiting(conn) == []
    assert send_waiting(conn, mailbox.server()) == []
    mailbox.refusals.clear()
    recipients.resume(conn, ANA)
    assert {(one.address, one.state) for one in send_waiting(conn, mailbox.server())} == {(ANA, "sent")}
    assert set(states(conn).values()) == {"sent"}


def test_who_changes_a_recipient_meanwhile_is_waited_for(
    crm_dsn: str, cut_for_three: Connection, mailbox: Mailbox
) -> None:
    """Neither waits for the other in a circle, and what is written down in the end is of the address that was refused."""
    mailbox.refusals[ANA] = GONE
    with (
        psycopg.connect(crm_dsn) as other,
        psycopg.connect(crm_dsn, autocommit=True) as mine,
        ThreadPoolExecutor() as pool,
    ):
        recipients.change(other, CATALOGUE, ANA, {"name": "Ana"})
        done = pool.submit(send_waiting, mine, mailbox.server())
        while not done.done() and not cut_for_three.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            time.sleep(0.01)
        assert states(cut_for_three)[ANA] == "pending"
        other.commit()
        assert [one.state for one in done.result(20)] == ["parked", "sent", "sent"]
    one = recipients.find(cut_for_three, ANA)
    assert (one.name, one.held) == ("Ana", "bounced")


def test_people_are_told(crm_dsn: str, cut_for_three: Connection, mailbox: Mailbox, capsys: Capture) -> None:
    here = ("--dsn", crm_dsn)
    mailbox.refusals[ANA] = f"{GONE} \x1b[31m"
    send_waiting(cut_for_three, mailbox.server())
    line = said(capsys, "recipients", "list", *here)[0].splitlines()[0]
    assert f"mails come back: {GONE}" in line
    assert "\x1b" not in line
    one = documents(capsys, "recipients", "list", *here)[0]
    assert (one["held"], one["bounce"].startswith(GONE), one["next_due"]) == ("bounced", True, None)
    (status,) = documents(capsys, "status", *here, code=1)
    assert [problem for problem in status["problems"] if "come back" in problem] == [
        f"mails to {ANA} come back ({one['bounce']}): put mailbox or address right, then run  whochanged recipients resume {ANA}"
    ]
    assert status["bounced"] == [{"email": ANA, "answer": one["bounce"]}]
    assert said(capsys, "recipients", "resume", ANA, *here)[1] == f"Resumed the digests to {ANA}.\n"
    assert documents(capsys, "status", *here)[0]["bounced"] == []
    mailbox.refusals[BEN] = GONE
    again(cut_for_three, mailbox, "Europa")
    resume = ("recipients", "resume", "--bounced")
    both = [f"the digests to {email}.\n" for email in (ANA, BEN)]
    assert said(capsys, *resume, "--dry-run", *here)[1] == "".join(f"Would resume {each}" for each in both)
    assert said(capsys, *resume, *here)[1] == "".join(f"Resumed {each}" for each in both)
    assert said(capsys, *resume, *here)[1] == "No mails came back.\n"
    assert "or give --bounced" in refused(capsys, 2, "recipients", "resume", *here)
    assert "or give --bounced" in refused(capsys, 2, *resume, ANA, *here)
