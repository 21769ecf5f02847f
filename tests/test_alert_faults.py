"""`whochanged run` tells alerts while it is killed and its servers fail: none missed, none in two mails, the same bytes where twice."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from typing import Any

import psycopg
import pytest

from reports.alerts.requests import begin_webhook
from tests.alerting import ask_to_leave
from tests.digests import add
from tests.fix_http import SECRET, Receiver
from tests.fix_smtp import Mailbox, Taken
from tests.processes import Process

Connection = psycopg.Connection[Any]

pytestmark = [pytest.mark.one_server, pytest.mark.timeout(180)]

SECONDS = 10.0

EAGER = "import reports.scheduler as s; s.Scheduler.__init__.__kwdefaults__['alert_look'] = 0.2"
"""A scheduler that looks for alerts more often."""


def environment(mailbox: Mailbox, receiver: Receiver) -> dict[str, str]:
    """Return the settings of a scheduler with both ways."""
    return {
        "WHOCHANGED_SMTP_URL": mailbox.url(),
        "WHOCHANGED_SMTP_TIMEOUT": "2",
        "WHOCHANGED_MAIL_FROM": "audit@example.com",
        "WHOCHANGED_WEBHOOK_URL": receiver.url(),
        "WHOCHANGED_WEBHOOK_SECRET": SECRET,
        "WHOCHANGED_WEBHOOK_TIMEOUT": "2",
        "WHOCHANGED_ALERTS_PER_HOUR": "3600",
    }


def hurry(conn: Connection) -> None:
    """Make what waits due, as if its time had passed, and end the leases of those who were killed."""
    conn.execute("UPDATE audit.delivery SET not_before = now() WHERE state = 'retry'")
    conn.execute("UPDATE audit.delivery SET leased_until = now() - interval '1 s' WHERE lease IS NOT NULL")
    conn.execute("UPDATE audit.webhook_request SET not_before = now() WHERE state = 'retry'")
    conn.execute("UPDATE audit.webhook_request SET leased_until = now() - interval '1 s' WHERE lease IS NOT NULL")


def test_killed_and_refused_again_and_again_each_change_is_in_one_alert(
    crm_dsn: str, crm_conn: Connection, mailbox: Mailbox, receiver: Receiver
) -> None:
    add(crm_conn)
    begin_webhook(crm_conn)
    mailbox.data = ["drop", "451 4.3.0 later", "lose"] * 3
    receiver.answers = [503, "drop", "garbage", 400]
    written, stop = list[str](), threading.Event()

    def write() -> None:
        with psycopg.connect(crm_dsn) as conn:
            number = 0
            while not stop.wait(0.15):
                number += 1
                ask_to_leave(conn, f"Reason {number}.")
                if number % 5:
                    conn.commit()
                    written.append(f"Reason {number}.")
                else:
                    conn.rollback()

    settings, kills = environment(mailbox, receiver), 0
    writer = threading.Thread(target=write)
    writer.start()
    pair = [Process(crm_dsn, settings, before=EAGER), Process(crm_dsn, settings, before=EAGER)]
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            before = len(mailbox.taken) + len(receiver.got)
            until = time.monotonic() + 4
            while time.monotonic() < until and len(mailbox.taken) + len(receiver.got) == before:
                time.sleep(0.01)
            leader = next((one for one in pair if any("leading" in line for line in one.lines)), pair[0])
            leader.kill()
            kills += 1
            hurry(crm_conn)
            pair = [*(one for one in pair if one is not leader), Process(crm_dsn, settings, before=EAGER)]
    finally:
        stop.set()
        writer.join()
        for one in pair:
            one.kill()
    _settle(crm_dsn, crm_conn, settings, written, mailbox, receiver)
    _check(written, mailbox, receiver, kills)


def _settle(
    dsn: str, conn: Connection, settings: dict[str, str], written: list[str], mailbox: Mailbox, receiver: Receiver
) -> None:
    """Let one scheduler that nobody kills send the rest."""
    mailbox.data, receiver.answers = [], []
    last = Process(dsn, settings, before=EAGER)
    try:
        end = time.monotonic() + 60
        while not _all_told(written, mailbox, receiver):
            assert time.monotonic() < end, (last.lines, _numbers(written, mailbox, receiver))
            hurry(conn)
            time.sleep(0.5)
    finally:
        last.kill()


def _numbers(written: list[str], mailbox: Mailbox, receiver: Receiver) -> tuple[int, int, int]:
    """Return how many changes there are, how many were posted, and how many the alerts say that they tell."""
    posted = {
        text for got in list(receiver.got) for entry in got.json["data"]["entries"] for text in entry["descriptions"]
    }
    counted = {mail.parsed["Message-ID"]: _counted(mail.text) for mail in _alerts(mailbox)}
    return len(written), len(posted), sum(counted.values())


def _all_told(written: list[str], mailbox: Mailbox, receiver: Receiver) -> bool:
    changes, posted, mailed = _numbers(written, mailbox, receiver)
    return posted >= changes and mailed > changes


def _alerts(mailbox: Mailbox) -> list[Taken]:
    return [mail for mail in list(mailbox.taken) if mail.parsed["X-Audit-Kind"] == "alert"]


def _counted(text: str) -> int:
    """Return how many changes an alert says that it tells."""
    many = re.search(r"^([\d,]+) sensitive changes\s*$", text, re.MULTILINE)
    return int(many[1].replace(",", "")) if many else 1


def _check(written: list[str], mailbox: Mailbox, receiver: Receiver, kills: int) -> None:
    mails: dict[str, set[bytes]] = defaultdict(set)
    for mail in _alerts(mailbox):
        mails[mail.parsed["Message-ID"]].add(mail.message)
    assert [len(copies) for copies in mails.values() if len(copies) > 1] == []
    told = {mail.parsed["Message-ID"]: mail.text for mail in _alerts(mailbox)}
    assert sum(map(_counted, told.values())) == len(written) + 1  # the first tells that the recipient was added
    shown = Counter(reason for text in told.values() for reason in re.findall(r"“(Reason \d+\.)”", text))
    assert {number for number in shown.values() if number > 1} == set()
    requests: dict[str, set[bytes]] = defaultdict(set)
    for got in receiver.got:
        assert got.is_signed_with(SECRET)
        requests[got.headers["webhook-id"]].add(got.body)
    assert [len(copies) for copies in requests.values() if len(copies) > 1] == []
    posted = Counter(entry["id"] for (body,) in requests.values() for entry in json.loads(body)["data"]["entries"])
    assert set(posted.values()) == {1}
    said = "".join(text for (body,) in requests.values() for text in re.findall(r"Reason \d+\.", body.decode()))
    assert [reason for reason in written if reason not in said] == []
    twice = len(_alerts(mailbox)) - len(mails), len(receiver.got) - len(requests)
    sys.stdout.write(
        f"{len(written)} changes, {kills} kills, {twice[0]} mails and {twice[1]} requests again, none missed\n"
    )
