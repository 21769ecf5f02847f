"""The command digest: what it prints, how it ends, and that nothing is half done."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.errors import ConfigurationError
from tests.commands import Capture, documents, refused, said
from tests.digests import ANA, BEN, Clock, add, due_again, frozen, parsed, rename, text_of
from tests.fix_postgres import login
from tests.fix_smtp import PASSWORD, USER, Authority, Mailbox, running
from whochanged.settings import load_settings

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server
SENDER = "Cloudfon CX <audit@example.com>"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox) -> pytest.MonkeyPatch:
    """Set what sending needs, and give the way to set more."""
    monkeypatch.setenv("WHOCHANGED_SMTP_URL", mailbox.url())
    monkeypatch.setenv("WHOCHANGED_MAIL_FROM", SENDER)
    return monkeypatch


def test_send_says_what_happened(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, mailbox: Mailbox, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)
    assert said(capsys, "digest", "send", *here) == ("", "Nobody gets digests yet: whochanged recipients add EMAIL\n")
    for email in (ANA, BEN):
        add(crm_conn, email, when_empty="never")
    rename(crm_conn, "Europe")
    out, err = said(capsys, "digest", "send", "--dry-run", *here)
    assert err == ""
    assert out.splitlines()[0].startswith(
        "ana@example.com  no. 1 would be cut: 3 entries; “[Cloudfon CX] 3 configuration"
    )
    assert (frozen(crm_conn), mailbox.taken) == ([], [])
    out, err = said(capsys, "digest", "send", *here)
    assert (out.splitlines(), err) == ([f"{email}  no. 1 sent: 250 2.0.0 queued" for email in (ANA, BEN)], "")
    assert "to “Europe”" in mailbox.taken[0].text
    assert said(capsys, "digest", "send", *here) == ("", "Nothing to send.\n")
    assert said(capsys, "digest", "send", "--now", *here) == ("", "Nothing to send.\n")
    due_again(crm_conn)
    assert said(capsys, "digest", "send", *here)[0].splitlines() == [
        f"{email}  no. 2 cut: 0 entries; nothing to tell, no mail" for email in (ANA, BEN)
    ]
    rename(crm_conn, "Europa")
    mailbox.refusals[BEN] = "451 4.7.1 greylisted"
    out, _ = said(capsys, "digest", "send", "--now", *here)
    assert out.splitlines()[1] == "ben@example.com  no. 3 not sent, waits: 451 4.7.1 greylisted"
    assert said(capsys, "digest", "send", *here) == ("", "Nothing to send.\n")
    assert said(capsys, "digest", "send", "--now", "--dry-run", *here)[0].splitlines() == [
        "ben@example.com  no. 3 would be sent, after 1 try: 451 4.7.1 greylisted"
    ]
    mailbox.refusals[BEN] = "550 5.1.1 no such user"
    out, err = said(capsys, "digest", "send", "--now", *here, code=5)
    assert out == "ben@example.com  no. 3 not sent, parked: 550 5.1.1 no such user\n"
    assert err == "whochanged: 1 mail cannot be delivered: whochanged digest list  shows the answer\n"
    held = "Nothing to send; 1 of 2 get nothing now: whochanged recipients list  says why.\n"
    assert said(capsys, "digest", "send", *here) == ("", held)
    mailbox.refusals.clear()
    first, second = said(capsys, "digest", "send", "--now", "--dry-run", *here)[0].splitlines()
    assert first == "ben@example.com  no. 3 would be sent, after 2 tries: 550 5.1.1 no such user"
    # That mails to Ben come back is news for Ana.
    assert second.startswith("ana@example.com  no. 4 would be cut: 1 entry; “[Cloudfon CX] 1 configuration change on")
    sent = sorted(said(capsys, "digest", "send", "--now", *here)[0].splitlines())
    assert sent == [f"{one} sent: 250 2.0.0 queued" for one in (f"{ANA}  no. 4", f"{BEN}  no. 3")]


def test_sending_by_cron_is_written_down_as_by_the_scheduler(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, mailbox: Mailbox, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)

    def runs() -> list[tuple[str, dict[str, int], str | None]]:
        statement = "SELECT outcome, detail - 'checked_at', error FROM audit.job_run WHERE job = 'digest' ORDER BY id"
        return crm_conn.execute(statement).fetchall()

    add(crm_conn)
    said(capsys, "digest", "send", "--dry-run", *here)
    assert runs() == []
    said(capsys, "digest", "send", *here)
    one = {"cut": 1, "sent": 1, "retry": 0, "parked": 0}
    assert runs() == [("done", one, None)]
    said(capsys, "digest", "send", *here)
    assert runs() == [("done", one, None)], "a look that finds nothing leaves its time"
    (run,) = documents(capsys, "status", *here)[0]["runs"]
    assert (run["job"], run["outcome"], "checked_at" in run["detail"]) == ("digest", "done", True)
    rename(crm_conn, "Europe")
    mailbox.refusals["audit@example.com"] = "550 who are you"
    refused(capsys, 5, "digest", "send", "--now", *here)
    outcome, detail, error = runs()[1]
    assert (outcome, detail["cut"]) == ("failed", 1)
    assert error is not None
    assert "refuses the sender" in error
    (status,) = documents(capsys, "status", *here, code=1)
    assert any("the last run of digest failed: mail server" in problem for problem in status["problems"])
    mailbox.refusals.clear()
    said(capsys, "digest", "send", "--now", *here)
    assert runs()[2:] == [("done", {"cut": 0, "sent": 1, "retry": 0, "parked": 0}, None)]
    left = crm_conn.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    assert left == (0,), "a pooler would keep a lock of the session"


def test_list_shows_what_became_of_each(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, mailbox: Mailbox, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)
    assert "No digest was cut yet" in said(capsys, "digest", "list", *here)[1]
    for email in (ANA, BEN):
        add(crm_conn, email, when_empty="never")
    mailbox.refusals[BEN] = "550 5.2.2 mailbox full"
    said(capsys, "digest", "send", *here, code=5)
    due_again(crm_conn)
    said(capsys, "digest", "send", *here)
    said(capsys, "recipients", "remove", BEN, *here)
    found = documents(capsys, "digest", "list", *here)
    assert [(one["recipient"], one["serial"], one["subject"] is None) for one in found] == [
        (None, 2, True),
        (ANA, 2, True),
        (None, 1, False),
        (ANA, 1, False),
    ]
    assert (found[0]["deliveries"], found[0]["message_id"]) == ([], None)
    (parked,), (sent,) = found[2]["deliveries"], found[3]["deliveries"]
    assert (parked["state"], parked["answer"], parked["sent_at"], parked["tries"]) == (
        "parked",
        "550 5.2.2 mailbox full",
        None,
        1,
    )
    assert (sent["state"], sent["not_before"], sent["under_way"]) == ("sent", None, False)
    assert set(found[0]) == {
        *("id", "recipient", "serial", "cadence", "window_start", "window_end", "entries", "changes", "subject"),
        *("message_id", "cut_at", "deliveries"),
    }
    out, _ = said(capsys, "digest", "list", "--timezone", "UTC", *here)
    assert "  ben@example.com  parked  550 5.2.2 mailbox full" in out.splitlines()
    assert "  nothing to tell: not mailed" in out.splitlines()
    assert "ana@example.com  no. 1  daily  " in out
    assert len(documents(capsys, "digest", "list", "--limit", "1", *here)) == 1


def test_preview_writes_and_freezes_nothing(
    crm_dsn: str, crm_conn: Connection, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ("--dsn", crm_dsn)
    add(crm_conn, name="Ana Admin", modules=["Territories"], timezone="Europe/Berlin")
    rename(crm_conn, "Europe")
    folder = tmp_path / "a" / "preview"
    out, err = said(capsys, "digest", "preview", "--as", ANA, "--out", str(folder), *here)
    names = ["digest.eml", "digest.html", "digest.txt"]
    assert out.splitlines() == [str(folder / name) for name in names]
    assert "1 entry; nothing was sent" in err
    mail = parsed((folder / "digest.eml").read_bytes())
    assert (mail["To"], mail["X-Audit-Serial"]) == ("Ana Admin <ana@example.com>", "1")
    assert text_of((folder / "digest.eml").read_bytes()) == " ".join((folder / "digest.txt").read_text().split())
    assert "“Europe”" in (folder / "digest.html").read_text()
    assert frozen(crm_conn) == []
    # With nobody named: everything of the last day, or of the given time.
    monkeypatch.chdir(tmp_path)
    out, err = said(capsys, "digest", "preview", *here)
    assert out.splitlines() == [f"digest-preview/{name}" for name in names]
    assert "2 entries" in err
    assert "0 entries" in said(capsys, "digest", "preview", "--until", "1h", "--timezone", "Asia/Kathmandu", *here)[1]
    assert "Asia/Kathmandu" in Path("digest-preview/digest.txt").read_text()
    assert "1 entry" in said(capsys, "digest", "preview", "--as", ANA, "--since", "1h", *here)[1]
    for arguments, message in (
        (["--as", BEN], "ben@example.com is no recipient"),
        (["--since", "soon"], "is not a time"),
        (["--since", "1h", "--until", "2h"], "is not before"),
        (["--timezone", "Berlin"], "Did you mean Europe/Berlin?"),
        (["--out", str(folder / "digest.txt")], "choose another folder with --out"),
    ):
        assert message in refused(capsys, 2, "digest", "preview", *arguments, *here), arguments


def test_a_preview_is_what_would_be_sent(
    crm_dsn: str,
    crm_conn: Connection,
    env: pytest.MonkeyPatch,
    mailbox: Mailbox,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With all that a digest may have to say: what was removed, what is held back, a clock that was ahead."""
    here = ("--dsn", crm_dsn)
    monkeypatch.setattr("reports.digest.cut.clock", Clock(datetime.now(UTC)))

    def previewed() -> tuple[str, str, str, str]:
        err = said(capsys, "digest", "preview", "--as", ANA, "--out", str(tmp_path), *here)[1]
        return (*parts((tmp_path / "digest.eml").read_bytes()), err)

    def parts(message: bytes) -> tuple[str, str, str]:
        mail = parsed(message)
        html = mail.get_body(("html",))
        assert html is not None
        return mail["Subject"], text_of(message), html.get_content()

    add(crm_conn, modules=["Territories"], when_empty="never", added_at=datetime.now(UTC) - timedelta(days=9))
    day = datetime.now(UTC).date() - timedelta(days=4)
    purge = "INSERT INTO audit.purge (first_day, last_day, changes, bytes, retention_days) VALUES (%s, %s, 7, 1, 1)"
    crm_conn.execute(purge, (day, day))
    *seen, err = previewed()
    assert "removed untold" in seen[0]
    assert "would not be mailed" not in err
    said(capsys, "digest", "send", "--now", *here)
    assert tuple(seen) == parts(mailbox.taken[0].message)

    *seen, err = previewed()
    assert "would not be mailed: there is nothing to tell" in err
    assert "Nothing to tell" in seen[0] or "Nothing new" in seen[0]
    said(capsys, "digest", "send", "--now", *here)
    assert len(mailbox.taken) == 1

    crm_conn.execute("UPDATE audit.digest SET window_end = window_end + interval '400 days'")
    crm_conn.execute("UPDATE audit.recipient SET when_empty = 'always'")
    rename(crm_conn, "Europe")
    with psycopg.connect(crm_dsn) as other:
        other.execute("SELECT pg_current_xact_id()")
        rename(crm_conn, "Asia")
        *seen, _ = previewed()
        said(capsys, "digest", "send", "--now", *here)
    assert "to “Europe”" in seen[1]
    assert tuple(seen) == parts(mailbox.taken[1].message)


def test_a_reader_of_the_log_may_preview(crm_dsn: str, crm_conn: Connection, tmp_path: Path, capsys: Capture) -> None:
    crm_conn.execute("DROP ROLE IF EXISTS digest_reader")
    crm_conn.execute("CREATE ROLE digest_reader LOGIN IN ROLE audit_reader")
    add(crm_conn)
    here = ("--dsn", login(crm_dsn, "digest_reader"), "--out", str(tmp_path))
    assert "1 entry" in said(capsys, "digest", "preview", "--as", ANA, *here)[1]


def test_without_a_server_or_a_sender_nothing_is_cut(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, capsys: Capture
) -> None:
    add(crm_conn)
    here = ("--dsn", crm_dsn)
    for name, value, message in (
        ("MAIL_FROM", None, "mails need a sender: set WHOCHANGED_MAIL_FROM"),
        ("MAIL_FROM", "nobody", "WHOCHANGED_MAIL_FROM is not usable: 'nobody' is no mail address"),
        ("BASE_URL", "audit.example.com", "WHOCHANGED_BASE_URL is not usable: must look like https://"),
        ("SMTP_TIMEOUT", "0", "WHOCHANGED_SMTP_TIMEOUT is not usable"),
        ("SMTP_URL", f"smtp://a:{PASSWORD}@mail:port", "WHOCHANGED_SMTP_URL is not usable"),
        ("SMTP_URL", None, "no mail server is configured: set WHOCHANGED_SMTP_URL, as smtp://"),
    ):
        with env.context() as changed:
            if value is None:
                changed.delenv(f"WHOCHANGED_{name}")
            else:
                changed.setenv(f"WHOCHANGED_{name}", value)
            for more in ([], ["--now"], ["--dry-run"]):
                error = refused(capsys, 3, "digest", "send", *more, *here)
                assert message in error
                assert PASSWORD not in error
    assert frozen(crm_conn) == []


def test_trouble_with_the_server_is_one_line_and_the_digest_waits(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, mailbox: Mailbox, capsys: Capture
) -> None:
    add(crm_conn)
    here = ("--dsn", crm_dsn)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    with env.context() as changed:
        changed.setenv("WHOCHANGED_SMTP_URL", f"smtp://{USER}:{PASSWORD}@127.0.0.1:{closed}")
        error = refused(capsys, 5, "digest", "send", *here)
        assert "cannot reach mail server 127.0.0.1" in error
        assert PASSWORD not in error
    mailbox.refusals[ANA] = "554 5.7.1 Relay access denied"
    assert "Relay access denied" in refused(capsys, 5, "digest", "send", "--now", *here)
    mailbox.refusals["audit@example.com"] = "550 5.7.1 not you"
    assert "check WHOCHANGED_MAIL_FROM" in refused(capsys, 5, "digest", "send", "--now", *here)
    mailbox.refusals.clear()
    with running(Mailbox(), login=True) as other, env.context() as changed:
        changed.setenv("WHOCHANGED_SMTP_URL", f"smtp://{USER}:wrong@127.0.0.1:{other.port}")
        assert "check user and password" in refused(capsys, 5, "digest", "send", "--now", *here)
    (row,) = frozen(crm_conn)
    assert said(capsys, "digest", "send", "--now", *here)[0] == "ana@example.com  no. 1 sent: 250 2.0.0 queued\n"
    assert [mail.message for mail in mailbox.taken] == [row.message]


def test_sending_over_tls_with_a_login(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, trusted: Authority, capsys: Capture
) -> None:
    add(crm_conn)
    with running(Mailbox(), tls=trusted.context("localhost"), login=True) as mailbox:
        env.setenv("WHOCHANGED_SMTP_URL", f"smtp+starttls://{USER}:{PASSWORD}@localhost:{mailbox.port}")
        said(capsys, "digest", "send", "--dsn", crm_dsn)
        assert (mailbox.addresses(), mailbox.logins) == ([ANA], [(USER, True)])


def test_a_recipient_that_cannot_be_mailed_does_not_keep_the_others_waiting(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, mailbox: Mailbox, capsys: Capture
) -> None:
    crm_conn.execute(
        "INSERT INTO audit.recipient (email, added_at, first_incarnation, first_xid)"
        " VALUES ('änne@example.com', now() - interval '2 days', 1, '3')"
    )
    add(crm_conn)
    _, err = said(capsys, "digest", "send", "--dsn", crm_dsn, code=3)
    assert "recipient no. 1 gets no digest: 'änne@example.com' is no mail address" in err
    assert mailbox.addresses() == [ANA]


def test_an_open_transaction_is_named_as_the_reason(
    crm_dsn: str, crm_conn: Connection, env: pytest.MonkeyPatch, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)
    add(crm_conn)
    with psycopg.connect(crm_dsn) as other:
        other.execute("SELECT pg_current_xact_id()")
        said(capsys, "digest", "send", "--now", *here)
        rename(crm_conn, "Europe")
        assert "a transaction that is still open" in said(capsys, "digest", "send", "--now", *here)[1]


def test_a_database_without_a_catalogue_is_called_by_its_name(
    conn: Connection, dsn: str, env: pytest.MonkeyPatch, mailbox: Mailbox, capsys: Capture
) -> None:
    said(capsys, "recipients", "add", ANA, "--module", "other", "--module", "Audit log", "--dsn", dsn)
    said(capsys, "digest", "send", "--now", "--dsn", dsn)
    assert mailbox.taken[0].parsed["Subject"].startswith(f"[{conn.info.dbname}] 1 configuration change")


def test_settings_of_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().smtp_timeout == 30
    monkeypatch.setenv("WHOCHANGED_SMTP_TIMEOUT", "2.5")
    monkeypatch.setenv("WHOCHANGED_BASE_URL", "https://audit.example.com/log/")
    assert (load_settings().smtp_timeout, load_settings().base_url) == (2.5, "https://audit.example.com/log/")
    for wrong in ("javascript:alert(1)", "https://", "https://a b", "https://a/?x"):
        monkeypatch.setenv("WHOCHANGED_BASE_URL", wrong)
        with pytest.raises(ConfigurationError):
            load_settings()
