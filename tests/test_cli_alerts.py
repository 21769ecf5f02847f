"""`whochanged alerts` and what `status` says of alerts, as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.aging import age, value
from tests.alerting import ask_to_leave
from tests.commands import Capture, documents, refused, said
from tests.digests import ANA, add, parsed
from tests.fix_http import SECRET, Receiver
from tests.fix_smtp import Mailbox
from whochanged.cli import run

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


@pytest.fixture
def mails(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """Give a mail server that the settings name."""
    monkeypatch.setenv("WHOCHANGED_SMTP_URL", mailbox.url())
    monkeypatch.setenv("WHOCHANGED_MAIL_FROM", "audit@example.com")
    monkeypatch.setenv("WHOCHANGED_ALERTS_PER_HOUR", "1000")
    return mailbox


@pytest.fixture
def hooked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """Give a receiver that the settings name."""
    monkeypatch.setenv("WHOCHANGED_WEBHOOK_URL", receiver.url("/hook?token=hunter2"))
    monkeypatch.setenv("WHOCHANGED_WEBHOOK_SECRET", SECRET)
    return receiver


def problems(capsys: Capture, dsn: str, what: str) -> list[str]:
    """Return what `status` finds amiss that has these words."""
    run(["status", "--json", "--dsn", dsn])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return [one for one in found["problems"] if what in one]


def test_send_tells_what_is_new_and_list_shows_it(
    crm_conn: Connection, crm_dsn: str, capsys: Capture, mails: Mailbox, hooked: Receiver
) -> None:
    add(crm_conn)
    out, err = said(capsys, "alerts", "send", "--dsn", crm_dsn)
    assert out == "ana@example.com  alert no. 1 sent: 250 2.0.0 queued\n"
    ask_to_leave(crm_conn, "Too dear")
    out, _ = said(capsys, "alerts", "send", "--dry-run", "--dsn", crm_dsn)
    assert "ana@example.com  would be told: “[Cloudfon CX] Alert: Cancellation requested”" in out
    assert "1 requests to the webhook would be sent" in out
    assert len(mails.taken) == 1
    out, err = said(capsys, "alerts", "send", "--dsn", crm_dsn)
    assert out.splitlines() == [
        "ana@example.com  alert no. 2 sent: 250 2.0.0 queued",
        "webhook  1 entry sent: 204 No Content",
    ]
    assert said(capsys, "alerts", "send", "--dsn", crm_dsn) == ("", "Nothing to send.\n")
    first, second, request = documents(capsys, "alerts", "list", "--dsn", crm_dsn)
    assert (first["serial"], first["state"], first["address"], second["serial"]) == (2, "sent", ANA, 1)
    assert (request["kind"], request["entries"], request["state"]) == ("webhook", 1, "sent")
    out, err = said(capsys, "alerts", "list", "--timezone", "UTC", "--dsn", crm_dsn)
    assert out.splitlines()[0] == "ana@example.com  no. 2  [Cloudfon CX] Alert: Cancellation requested"
    assert "hunter2" not in out + err
    assert SECRET not in out + err


def test_a_server_at_fault_ends_with_5_and_the_other_way_is_gone(
    crm_conn: Connection, crm_dsn: str, capsys: Capture, mails: Mailbox, hooked: Receiver
) -> None:
    add(crm_conn)
    run(["alerts", "send", "--dsn", crm_dsn])
    ask_to_leave(crm_conn, "Too dear")
    capsys.readouterr()
    mails.refusals["audit@example.com"] = "550 5.7.1 go away"
    out, err = said(capsys, "alerts", "send", "--dsn", crm_dsn, code=5)
    assert "refuses the sender" in err
    assert out == "webhook  1 entry sent: 204 No Content\n"


def test_without_any_way_it_says_which_there_are(crm_dsn: str, capsys: Capture) -> None:
    assert "WHOCHANGED_WEBHOOK_URL" in refused(capsys, 3, "alerts", "send", "--dsn", crm_dsn)


def test_a_webhook_needs_a_secret_which_may_stand_in_a_file(
    crm_conn: Connection,
    crm_dsn: str,
    capsys: Capture,
    hooked: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("WHOCHANGED_WEBHOOK_SECRET")
    assert "no secret to sign with" in refused(capsys, 3, "alerts", "send", "--dsn", crm_dsn)
    out, _ = said(capsys, "alerts", "secret")
    file = tmp_path / "secret"
    file.write_text(out)
    monkeypatch.setenv("WHOCHANGED_WEBHOOK_SECRET_FILE", str(file))
    assert said(capsys, "alerts", "test", "--webhook", "--dsn", crm_dsn)[0] == "webhook  sent: 204 No Content\n"
    assert hooked.got[0].is_signed_with(out.strip())
    assert hooked.got[0].json["type"] == "audit.test"
    file.unlink()
    assert "cannot be read" in refused(capsys, 3, "alerts", "test", "--webhook", "--dsn", crm_dsn)


def test_a_test_mail_says_that_it_is_one(crm_dsn: str, capsys: Capture, mails: Mailbox) -> None:
    assert said(capsys, "alerts", "test", "ana@example.com", "--dsn", crm_dsn)[0].startswith(
        "ana@example.com  sent: 250"
    )
    (mail,) = mails.taken
    assert mail.parsed["Subject"] == "[Cloudfon CX] Test of the alerts"
    assert "tells no change" in mail.text
    mails.refusals["ana@example.com"] = "550 5.1.1 no such user"
    assert "no such user" in refused(capsys, 5, "alerts", "test", "ana@example.com", "--dsn", crm_dsn)
    assert "nothing to test" in refused(capsys, 2, "alerts", "test", "--dsn", crm_dsn)


def test_a_preview_is_what_would_be_sent_and_sends_nothing(
    crm_conn: Connection, crm_dsn: str, capsys: Capture, mails: Mailbox, tmp_path: Path
) -> None:
    add(crm_conn)
    ask_to_leave(crm_conn, "Too dear")
    said(capsys, "alerts", "preview", "--as", ANA, "--out", str(tmp_path), "--dsn", crm_dsn)
    shown = (tmp_path / "alert.txt").read_text()
    assert "“Too dear”" in shown
    run(["alerts", "send", "--dsn", crm_dsn])
    sent = mails.taken[0].text.replace("\r\n", "\n")
    lines = [
        line for line in shown.splitlines() if "Alert" not in line and "November" not in line and ":" not in line[:6]
    ]
    assert [line for line in lines if line.strip() and line not in sent] == []
    assert parsed((tmp_path / "alert.eml").read_bytes())["X-Audit-Kind"] == "alert"


def test_status_tells_of_alerts_that_are_in_trouble(
    crm_conn: Connection, crm_dsn: str, capsys: Capture, mails: Mailbox, hooked: Receiver
) -> None:
    add(crm_conn)
    run(["alerts", "send", "--dsn", crm_dsn])
    ask_to_leave(crm_conn, "Too dear")
    mails.refusals[ANA] = "550 5.1.1 no such user"
    hooked.answers = [410]
    assert run(["alerts", "send", "--dsn", crm_dsn]) == 5
    capsys.readouterr()
    assert problems(capsys, crm_dsn, "1 alert was given up: whochanged alerts list")
    assert problems(capsys, crm_dsn, "the webhook is stopped, its receiver answered 410 Gone")
    assert problems(capsys, crm_dsn, "mail was given up") == []
    said(capsys, "alerts", "resume", "--dsn", crm_dsn)
    assert said(capsys, "alerts", "resume", "--dsn", crm_dsn)[1] == "The webhook is not stopped: nothing to do.\n"
    crm_conn.execute("UPDATE audit.webhook_request SET cut_at = now() - interval '11 minutes'")
    assert problems(capsys, crm_dsn, "1 request to the webhook has waited for more than 10 minutes")
    mails.refusals = {}
    assert run(["alerts", "send", "--now", "--dsn", crm_dsn]) == 0
    capsys.readouterr()
    assert problems(capsys, crm_dsn, "alert") == []


def test_status_tells_that_nobody_looks_for_alerts(crm_conn: Connection, crm_dsn: str, capsys: Capture) -> None:
    add(crm_conn)
    ask_to_leave(crm_conn, "Too dear")
    crm_conn.execute(
        "INSERT INTO audit.alert_stand (channel, reader, told_incarnation, told_xid, looked_incarnation, looked_xid)"
        " SELECT 'mail', id, first_incarnation, first_xid, first_incarnation, first_xid FROM audit.recipient"
    )
    assert problems(capsys, crm_dsn, "nobody has looked") == []
    age(crm_conn, value(crm_conn, "SELECT max(transaction_id)::text::bigint FROM audit.transaction"), 2)
    (problem,) = problems(capsys, crm_dsn, "nobody has looked")
    assert "whochanged alerts send" in problem
    crm_conn.execute("UPDATE audit.recipient SET alerts = false")
    assert problems(capsys, crm_dsn, "nobody has looked") == []
