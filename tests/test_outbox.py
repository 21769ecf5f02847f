"""Sending: at least once, the same bytes under the same Message-ID, and never to somebody who has it already."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from capture.errors import MailError, UsageError
from reports import outbox, recipients
from reports.outbox import BACK_OFF, Outcome, send_waiting, sending, waiting
from reports.smtp import Answer, MailServer
from tests.digests import ANA, BEN, EVE, add, cut, due_again, frozen, rename, text_of
from tests.fix_smtp import Mailbox

Connection = psycopg.Connection[Any]

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.one_server


def states(conn: Connection) -> dict[str, str]:
    """Return the state of the delivery to each address."""
    return dict(conn.execute("SELECT address, state FROM audit.delivery ORDER BY digest_id").fetchall())


def messages(conn: Connection) -> dict[str, bytes]:
    """Return the frozen message for each address."""
    statement = "SELECT v.address, d.message FROM audit.delivery AS v JOIN audit.digest AS d ON d.id = v.digest_id"
    return dict(conn.execute(statement).fetchall())


def hasten(conn: Connection) -> None:
    """Let all that waits be due, as if the time had passed."""
    conn.execute("UPDATE audit.delivery SET not_before = now() - interval '1 second' WHERE state <> 'sent'")


def program(dsn: str, mailbox: Mailbox, *arguments: str) -> subprocess.Popen[str]:
    """Start the program in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WHOCHANGED_SMTP_URL": mailbox.url(),
        "WHOCHANGED_MAIL_FROM": "Cloudfon CX <audit@example.com>",
    }
    code = "from whochanged.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments, "--dsn", dsn]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_each_gets_the_frozen_bytes_once(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    outcomes = send_waiting(conn, mailbox.server())
    assert [(one.address, one.state, one.answer, one.tries) for one in outcomes] == [
        (email, "sent", "250 2.0.0 queued", 1) for email in (ANA, BEN, EVE)
    ]
    assert {mail.address: mail.message for mail in mailbox.taken} == messages(conn)
    assert {mail.sender for mail in mailbox.taken} == {"audit@example.com"}
    assert send_waiting(conn, mailbox.server()) == []
    assert send_waiting(conn, mailbox.server(), at_once=True) == []
    assert len(mailbox.taken) == 3
    left = conn.execute("SELECT count(*) FROM audit.delivery WHERE lease IS NOT NULL OR sent_at IS NULL").fetchone()
    assert left == (0,)


def test_a_refused_recipient_is_parked_and_the_others_are_served_once(
    cut_for_three: Connection, mailbox: Mailbox
) -> None:
    mailbox.refusals[BEN] = "550 5.1.1 no such user here"
    outcomes = send_waiting(cut_for_three, mailbox.server())
    assert {one.address: (one.state, one.answer) for one in outcomes}[BEN] == ("parked", "550 5.1.1 no such user here")
    del mailbox.refusals[BEN]
    hasten(cut_for_three)
    assert send_waiting(cut_for_three, mailbox.server()) == []
    assert mailbox.addresses() == [ANA, EVE]
    assert states(cut_for_three) == {ANA: "sent", BEN: "parked", EVE: "sent"}


def test_what_fails_for_now_goes_again_later(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals[ANA] = "451 4.7.1 greylisted"
    assert [one.state for one in send_waiting(conn, mailbox.server())] == ["retry", "sent", "sent"]
    wait = conn.execute("SELECT not_before - now() FROM audit.delivery WHERE state = 'retry'").fetchone()
    assert wait is not None
    assert timedelta(seconds=50) < wait[0] <= BACK_OFF[0]
    mailbox.refusals.clear()
    assert waiting(conn) == []
    assert send_waiting(conn, mailbox.server()) == []
    (soon,) = waiting(conn, at_once=True)
    assert (soon.address, soon.state, soon.tries, soon.answer) == (ANA, "retry", 1, "451 4.7.1 greylisted")
    (outcome,) = send_waiting(conn, mailbox.server(), at_once=True)
    assert (outcome.state, outcome.tries) == ("sent", 2)
    assert mailbox.taken[-1].message == messages(conn)[ANA]


def test_the_waits_grow(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals |= dict.fromkeys((ANA, BEN, EVE), "451 4.3.0 later")
    for email in (BEN, EVE):
        recipients.pause(conn, email)
    waits = []
    for _ in range(8):
        send_waiting(conn, mailbox.server(), at_once=True)
        row = conn.execute("SELECT not_before - now() FROM audit.delivery WHERE address = %s", (ANA,)).fetchone()
        assert row is not None
        waits.append(round(row[0].total_seconds() / 60))
    assert waits == [1, 5, 15, 60, 180, 360, 360, 360]


def test_after_a_week_it_is_given_up_visibly(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.refusals[ANA] = "451 4.3.0 later"
    conn.execute("UPDATE audit.digest SET cut_at = now() - interval '169 hours'")
    conn.execute("UPDATE audit.delivery SET tries = 8 WHERE address = %s", (ANA,))
    assert [one.state for one in send_waiting(conn, mailbox.server())] == ["retry", "sent", "sent"]
    (outcome,) = send_waiting(conn, mailbox.server(), at_once=True)
    assert (outcome.state, outcome.answer, outcome.tries) == ("parked", "451 4.3.0 later", 10)
    assert send_waiting(conn, mailbox.server()) == []


@pytest.mark.parametrize("end", ["drop", "lose"])
def test_an_unknown_outcome_means_the_same_bytes_again(cut_for_three: Connection, mailbox: Mailbox, end: str) -> None:
    mailbox.data.append(end)
    assert [one.state for one in send_waiting(cut_for_three, mailbox.server())] == ["retry", "sent", "sent"]
    send_waiting(cut_for_three, mailbox.server(), at_once=True)
    got = [mail.message for mail in mailbox.taken if mail.address == ANA]
    assert got == [messages(cut_for_three)[ANA]] * (2 if end == "drop" else 1)


def test_a_server_that_hangs_up_after_taking_it_has_it(cut_for_three: Connection, mailbox: Mailbox) -> None:
    mailbox.drop_at_quit = True
    assert [one.state for one in send_waiting(cut_for_three, mailbox.server())] == ["sent"] * 3


def test_a_fault_of_the_configuration_stops_the_run_and_loses_nothing(
    cut_for_three: Connection, mailbox: Mailbox
) -> None:
    conn = cut_for_three
    conn.execute("UPDATE audit.digest SET cut_at = now() - interval '30 days'")
    conn.execute("UPDATE audit.delivery SET tries = 50")
    mailbox.refusals["audit@example.com"] = "550 5.7.1 not you"
    with pytest.raises(MailError, match=r"refuses the sender audit@example.com \(550 5.7.1 not you\): check"):
        send_waiting(conn, mailbox.server())
    assert states(conn) == {ANA: "retry", BEN: "pending", EVE: "pending"}
    with pytest.raises(MailError, match="cannot reach mail server"):
        send_waiting(conn, MailServer("127.0.0.1", 1, timeout=2))
    mailbox.refusals.clear()
    assert sorted(one.address for one in send_waiting(conn, mailbox.server(), at_once=True)) == [ANA, BEN, EVE]


def test_no_transaction_is_open_while_the_server_thinks(
    cut_for_three: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []
    dsn = cut_for_three.info.dsn

    def deliver(_server: MailServer, _sender: str, address: str, _message: bytes) -> Answer:
        with psycopg.connect(dsn) as other:
            statement = (
                "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()"
            )
            row = other.execute(statement).fetchone()
            assert row is not None
            lease = other.execute(
                "SELECT lease IS NOT NULL FROM audit.delivery WHERE address = %s", (address,)
            ).fetchone()
            assert lease is not None
            seen.append((row[0], conn.info.transaction_status, lease[0]))
        return Answer("sent", "250 ok")

    monkeypatch.setattr(outbox, "deliver", deliver)
    with psycopg.connect(dsn) as conn:  # one that opens a transaction with its first statement
        assert len(send_waiting(conn, MailServer("unused", 25))) == 3
    assert seen == [(0, TransactionStatus.IDLE, True)] * 3


def test_sending_wants_transactions_of_its_own(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("SELECT 1")
        with pytest.raises(UsageError, match="commit it before"):
            send_waiting(conn, MailServer("unused", 25))


def test_another_process_sends_what_was_cut_before_a_crash(
    crm_dsn: str, cut_for_three: Connection, mailbox: Mailbox
) -> None:
    before = messages(cut_for_three)
    rename(cut_for_three, "Changed after the cut")
    with program(crm_dsn, mailbox, "digest", "send") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == [f"{email}  no. 1 sent: 250 2.0.0 queued" for email in (ANA, BEN, EVE)]
    assert {mail.address: mail.message for mail in mailbox.taken} == before


def test_who_dies_with_a_lease_is_followed_when_it_ends(
    crm_dsn: str, cut_for_three: Connection, mailbox: Mailbox
) -> None:
    conn = cut_for_three
    mailbox.data.append("stall")
    with program(crm_dsn, mailbox, "digest", "send") as process:
        for _ in range(600):
            if mailbox.taken:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (first,) = mailbox.taken
    leased = conn.execute("SELECT address, tries, leased_until > now() FROM audit.delivery WHERE lease IS NOT NULL")
    assert leased.fetchall() == [(first.address, 1, True)]
    # As long as the lease lasts, nobody else touches that mail: the process might be alive.
    assert [one.address for one in send_waiting(conn, mailbox.server(), at_once=True)] == [BEN, EVE]
    conn.execute("UPDATE audit.delivery SET leased_until = now() WHERE lease IS NOT NULL")
    (outcome,) = send_waiting(conn, mailbox.server())
    assert (outcome.address, outcome.state, outcome.tries) == (first.address, "sent", 2)
    assert [mail.message for mail in mailbox.taken if mail.address == first.address] == [first.message] * 2


def test_who_lost_the_lease_may_only_say_that_it_was_taken(
    cut_for_three: Connection, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = cut_for_three
    conn.execute("UPDATE audit.delivery SET state = 'parked' WHERE address <> %s", (ANA,))

    def slow(answer: Answer) -> None:
        def deliver(*_arguments: Any) -> Answer:
            conn.execute("UPDATE audit.delivery SET lease = gen_random_uuid() WHERE lease IS NOT NULL")
            return answer

        monkeypatch.setattr(outbox, "deliver", deliver)

    slow(Answer("refused", "550 no"))
    send_waiting(conn, mailbox.server())
    assert states(conn)[ANA] == "pending"
    conn.execute("UPDATE audit.delivery SET leased_until = now() WHERE lease IS NOT NULL")
    slow(Answer("sent", "250 ok"))
    send_waiting(conn, mailbox.server())
    assert states(conn)[ANA] == "sent"


def test_several_processes_send_each_mail_once(crm_dsn: str, cut_for_three: Connection, mailbox: Mailbox) -> None:
    ready, outcomes = threading.Barrier(3), list[Outcome]()

    def work() -> None:
        with psycopg.connect(crm_dsn, autocommit=True) as conn:
            ready.wait()
            outcomes.extend(sending(conn, mailbox.server()))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.address for one in outcomes) == sorted(mailbox.addresses()) == [ANA, BEN, EVE]


def test_nothing_is_sent_to_who_was_removed_or_is_paused(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    recipients.remove(conn, ANA)
    recipients.pause(conn, BEN)
    conn.execute("DELETE FROM audit.recipient WHERE email = %s", (EVE,))  # around our program
    assert send_waiting(conn, mailbox.server(), at_once=True) == []
    assert states(conn) == {ANA: "parked", BEN: "pending", EVE: "parked"}
    answers = conn.execute("SELECT DISTINCT answer FROM audit.delivery WHERE state = 'parked'").fetchall()
    assert answers == [("recipient was removed",)]
    # Added again they are somebody new: what was for the one before is not sent.
    add(conn, ANA)
    recipients.pause(conn, BEN, paused=False)
    assert [one.address for one in send_waiting(conn, mailbox.server(), at_once=True)] == [BEN]
    assert mailbox.addresses() == [BEN]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_fails_nothing_is_missed_or_told_in_two_digests(
    crm_conn: Connection, mailbox: Mailbox, seed: int
) -> None:
    """Faults at every command, in any order: in the end each has each change, in one digest, maybe more than once."""
    chance = random.Random(seed)  # noqa: S311 - the same faults in each run
    everyone = (ANA, BEN)
    for email in everyone:
        add(crm_conn, email, when_empty="never")
    faults = ["drop", "lose", "451 4.3.0 later", "421 4.3.2 closing"]
    names = [f"Name {number}" for number in range(8)]
    for name in names:
        rename(crm_conn, name)
        if chance.random() < 0.7:
            cut(crm_conn, now=True)
        mailbox.data[:] = [chance.choice([*faults, "250 ok"]) for _ in range(chance.randrange(4))]
        mailbox.greeting = chance.choice([None, None, "drop", "421 4.3.2 busy"])
        mailbox.refusals = {chance.choice(everyone): "450 4.2.1 busy"} if chance.random() < 0.3 else {}
        send_waiting(crm_conn, mailbox.server(), at_once=True)
    mailbox.data.clear()
    mailbox.refusals.clear()
    mailbox.greeting = None
    cut(crm_conn, now=True)
    send_waiting(crm_conn, mailbox.server(), at_once=True)
    assert set(states(crm_conn).values()) == {"sent"}
    for email in everyone:
        copies = defaultdict(set)
        for mail in mailbox.taken:
            if mail.address == email:
                copies[mail.parsed["Message-ID"]].add(mail.message)
        assert all(len(same) == 1 for same in copies.values())
        texts = [text_of(next(iter(same))) for same in copies.values()]
        assert [sum(f"to “{name}”" in text for text in texts) for name in names] == [1] * len(names)


def test_later_digests_do_not_wait_for_one_that_is_stuck(cut_for_three: Connection, mailbox: Mailbox) -> None:
    conn = cut_for_three
    mailbox.data.append("451 4.3.0 later")
    send_waiting(conn, mailbox.server())
    rename(conn, "Europa")
    due_again(conn)
    cut(conn)
    assert [(one.address, one.serial, one.state) for one in send_waiting(conn, mailbox.server())] == [
        (email, 2, "sent") for email in (ANA, BEN, EVE)
    ]
    assert len(frozen(conn)) == 6
