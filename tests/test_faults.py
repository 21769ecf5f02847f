"""Mails against all faults: nothing is missed, nothing told twice, whatever becomes of mail server, processes and transactions."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.digests import ANA, BEN, EVE, add
from tests.faults_mail import FAULTS, FaultyMailbox, FaultySession
from tests.faults_proof import prove
from tests.faults_stage import Stage
from tests.faults_writers import Writer
from tests.fix_smtp import PASSWORD, USER, Authority, running

Connection = psycopg.Connection[Any]

LEAST_FAULTS = int(os.environ.get("WHOCHANGED_FAULTS", "100"))
LEAST_KILLS = int(os.environ.get("WHOCHANGED_FAULTS_KILLS", "15"))
SECONDS = float(os.environ.get("WHOCHANGED_FAULTS_SECONDS", "240"))
"""After so long it ends without its figures, and fails."""

WRITERS = 4
LONG = 2.0
SCOPES = {ANA: None, BEN: "1", EVE: "2"}
UNSETTLED = "SELECT count(*) FROM audit.delivery WHERE state <> 'sent'"


def settle(stage: Stage, conn: Connection) -> None:
    """Send what is left, and cut what is new, until nothing waits: a lease that a killed process left ends by itself."""
    end = time.monotonic() + 120
    while True:
        code = stage.send_now()
        row = conn.execute(UNSETTLED).fetchone()
        if row == (0,) and code == 0:
            return
        assert time.monotonic() < end, (row, code, stage.said("operator"))
        time.sleep(0.5)


# A mail server that breaks TLS off in the middle leaves the socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning")
@pytest.mark.one_server
@pytest.mark.timeout(SECONDS + 300)
def test_whatever_happens_each_change_is_in_one_digest(
    crm_dsn: str, crm_conn: Connection, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox = FaultyMailbox(chance=random.Random(7), well=True)  # noqa: S311 - the same in each run
    crm_conn.execute("INSERT INTO crm.accounts (id, name) VALUES (2, 'Globex')")
    for email, account in SCOPES.items():
        add(crm_conn, email, accounts=[account] if account else [], when_empty="never", alerts=False)
    over = threading.Event()
    writers = [Writer(crm_dsn, number, over, long=LONG) for number in range(1, WRITERS + 1)]
    with running(mailbox, tls=authority.context("localhost"), login=True, kind=FaultySession):
        environment = {
            "WHOCHANGED_SMTP_URL": f"smtp+starttls://{USER}:{PASSWORD}@localhost:{mailbox.port}",
            "WHOCHANGED_SMTP_TIMEOUT": "1",
            "WHOCHANGED_MAIL_FROM": "Cloudfon CX <audit@example.com>",
            "SSL_CERT_FILE": str(authority.file),
        }
        stage = Stage(crm_dsn, mailbox, environment, tmp_path)
        settle(stage, crm_conn)  # what the preparations changed
        mailbox.accepted.clear()
        began, mailbox.well = time.monotonic(), False
        helpers = [threading.Thread(target=work) for work in (stage.operate, stage.operate, stage.pass_days)]
        try:
            stage.start("a", "b", "c")
            for thread in (*writers, *helpers):
                thread.start()
            while stage.killed < LEAST_KILLS or mailbox.fired.total() < LEAST_FAULTS:
                assert time.monotonic() - began < SECONDS, (stage.kills, mailbox.fired.total())
                # Who is killed all the time meets no other fault.
                if stage.killed * LEAST_FAULTS <= mailbox.fired.total() * LEAST_KILLS:
                    stage.kill_one(crm_conn)
                time.sleep(0.05)
                assert [error for error in (stage.error, *(writer.error for writer in writers)) if error] == []
        finally:
            over.set()
            stage.over.set()
            for thread in (*writers, *helpers):
                thread.join(60)
            codes = stage.stop()
        mailbox.well = True
        settle(stage, crm_conn)
        stage.nursery.close()
    gc.collect()
    committed = [change for writer in writers for change in writer.committed]
    figures = prove(committed, SCOPES, mailbox.accepted, mailbox.contents)
    did = sum((writer.did for writer in writers), start=type(writers[0].did)())
    with capsys.disabled():
        sys.stdout.write(
            f"\nfaults: {mailbox.fired.total():,} of {len(mailbox.fired)} kinds in {mailbox.sessions:,} sessions, "
            f"{stage.killed} SIGKILLs {dict(stage.kills)}, {time.monotonic() - began:.0f} s; transactions {dict(did)}; "
            f"digest send ended with {dict(stage.codes)}\n{figures}\n"
        )
    assert stage.tracebacks() == []
    assert set(codes.values()) <= {0, -signal.SIGTERM}, codes
    assert set(stage.codes) <= {0, 5, -signal.SIGKILL}, stage.said("operator")
    assert (figures.missed, figures.twice, figures.altered, figures.wrong) == (0, 0, 0, 0)
    assert figures.told == sum(account in {None, change.account} for change in committed for account in SCOPES.values())
    assert figures.named > 0
    undone = set[str]().union(*(writer.undone for writer in writers))
    assert not any(name.encode() in content for content in mailbox.contents.values() for name in undone)
    # What the log calls sent was taken, all of it, and nothing else.
    kept = crm_conn.execute("SELECT message_id FROM audit.digest WHERE message IS NOT NULL").fetchall()
    assert {row[0] for row in kept} == set(mailbox.contents)
    if LEAST_FAULTS >= 1000:
        assert set(mailbox.fired) == set(FAULTS)
