"""The command digest preview: just what would be sent, of any time, and nothing is sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.commands import Capture, documents, refused, said
from tests.digests import ANA, BEN, Clock, add, frozen, parsed, rename, text_of
from tests.fix_postgres import login
from tests.fix_smtp import Mailbox

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server
SENDER = "Cloudfon CX <audit@example.com>"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox) -> pytest.MonkeyPatch:
    """Set what sending needs, and give the way to set more."""
    monkeypatch.setenv("WHOCHANGED_SMTP_URL", mailbox.url())
    monkeypatch.setenv("WHOCHANGED_MAIL_FROM", SENDER)
    return monkeypatch


def test_preview_writes_and_freezes_nothing(
    crm_dsn: str, crm_conn: Connection, tmp_path: Path, capsys: Capture
) -> None:
    here = ("--dsn", crm_dsn)
    add(crm_conn, name="Ana Admin", modules=["Territories"], timezone="Europe/Berlin")
    rename(crm_conn, "Europe")
    folder = tmp_path / "a" / "preview"
    out, err = said(capsys, "digest", "preview", "--as", ANA, "--out", str(folder), *here)
    names = ["digest.eml", "digest.html", "digest.txt"]
    assert out.splitlines() == [str(folder / name) for name in names]
    assert re.search(r"1 entry, \d+ KB; nothing was sent", err)
    mail = parsed((folder / "digest.eml").read_bytes())
    assert (mail["To"], mail["X-Audit-Serial"]) == ("Ana Admin <ana@example.com>", "1")
    assert text_of((folder / "digest.eml").read_bytes()) == " ".join((folder / "digest.txt").read_text().split())
    assert "&ldquo;Europe&rdquo;" in (folder / "digest.html").read_text()
    assert frozen(crm_conn) == []
    # With nobody named: everything of the last day, or of the given time.
    out, err = said(capsys, "digest", "preview", *here)
    assert "2 configuration changes in 2 modules" in out
    assert "2 entries" in err
    out, err = said(capsys, "digest", "preview", "--until", "1h", "--timezone", "Asia/Kathmandu", *here)
    assert "0 entries" in err
    assert "Times in Asia/Kathmandu, UTC+5:45" in out
    assert "1 entry" in said(capsys, "digest", "preview", "--as", ANA, "--since", "1h", *here)[1]
    for arguments, message in (
        (["--as", BEN], "ben@example.com is no recipient"),
        (["--since", "soon"], "is not a time"),
        (["--since", "1h", "--until", "2h"], "is not before"),
        (["--timezone", "Berlin"], "Did you mean Europe/Berlin?"),
        (["--out", str(folder / "digest.txt")], "choose another folder with --out"),
        (["--period", "soon"], "--period 'soon' is not a time: write next, today, yesterday, this week"),
        (["--period", "next"], "say with --as whose"),
        (["--period", "2026-11-08..2026-11-01"], "ends before it begins"),
        (["--period", "..2026-11-01"], "has no beginning"),
        (["--period", "today", "--since", "1h"], "exclude each other"),
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
    """Byte for byte but for Date and Message-ID, with all that a digest may have to say: what was removed, what is held back."""
    here = ("--dsn", crm_dsn)
    monkeypatch.setattr("reports.digest.cut.clock", Clock(datetime.now(UTC)))

    def same(message: bytes, other: bytes) -> bool:
        """Compare two messages without the lines that say when they were made, and that is what they are called by."""
        changing = re.compile(rb"^(Date: .*|Message-ID: .*|X-Audit-Window: .*)\r\n|digest-[0-9a-f]{32}", re.MULTILINE)
        return changing.sub(b"", message) == changing.sub(b"", other)

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
    assert same(message := (tmp_path / "digest.eml").read_bytes(), mailbox.taken[0].message)
    assert message.count(b"Date: ") == 1

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
    assert same((tmp_path / "digest.eml").read_bytes(), mailbox.taken[1].message)
    assert (mail := mailbox.taken[1].parsed)["X-Audit-Previous"] == "1"
    assert mail["X-Audit-Serial"] == "2"
    assert "Follows digest 1 of" in seen[1]


def test_a_preview_is_printed_written_or_shown(
    crm_dsn: str, crm_conn: Connection, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(crm_conn, modules=["Territories"])
    rename(crm_conn, "Europe")
    here = ("digest", "preview", "--as", ANA, "--dsn", crm_dsn)
    out, err = said(capsys, *here)
    assert out.startswith("Cloudfon CX audit log")
    assert re.fullmatch(r"“\[Cloudfon CX\] 1 configuration change,? .*”, 1 entry, \d+ KB; nothing was sent.\n", err)
    assert said(capsys, *here, "--format", "html")[0].startswith("<!DOCTYPE html>")
    assert parsed(said(capsys, *here, "--format", "eml")[0].encode())["To"] == ANA
    (document,) = documents(capsys, *here)
    assert (document["to"], document["entries"], document["mailed"]) == (ANA, 1, True)
    assert document["text"] == out
    assert {"subject", "preheader", "message_id", "changes", "bytes", "html"} < set(document)

    opened: list[str] = []

    def shown(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", shown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    out, err = said(capsys, *here, "--open")
    assert (opened, "There is no browser here: open the file elsewhere." in err) == ([], True)
    page = Path(out.strip())
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert page.parent.stat().st_mode & 0o077 == 0, "nobody else may read it"
    monkeypatch.setenv("DISPLAY", ":7")
    out, err = said(capsys, *here, "--open", "--out", str(tmp_path / "kept"))
    assert opened == [(tmp_path / "kept" / "digest.html").as_uri()]
    assert "no browser" not in err


def test_a_preview_of_a_named_time(
    crm_dsn: str, crm_conn: Connection, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the recipient's zone; what its digests told, and what it may see, stay as they are."""
    monkeypatch.setattr("whochanged.preview.clock", Clock(datetime(2026, 11, 25, 12, tzinfo=UTC)))
    add(crm_conn, timezone="Europe/Berlin", modules=["Territories"])
    rename(crm_conn, "Europe")
    for asked, title in (
        ("yesterday", "Tuesday, 24 November 2026"),
        ("Last Week", "16–22 November 2026"),
        ("this week", "23 November 2026, 00:00 – 25 November 2026, 13:00"),
        ("last month", "1–31 October 2026"),
        ("this month", "1 November 2026, 00:00 – 25 November 2026, 13:00"),
        ("today", "Wednesday, 25 November 2026, 00:00–13:00"),
        ("2026-11-01..2026-11-08", "1–8 November 2026"),
        ("2026-11-24T09:00..2026-11-24T10:30", "Tuesday, 24 November 2026, 09:00–10:30"),
        ("2026-11-20..", "20 November 2026, 00:00 – 25 November 2026, 13:00"),
        ("2026-11-20", "Friday, 20 November 2026"),
        ("12h", "Wednesday, 25 November 2026, 01:00–13:00"),
    ):
        out, _ = said(capsys, "digest", "preview", "--as", ANA, "--period", asked, "--dsn", crm_dsn)
        assert title in out.splitlines(), asked
    assert frozen(crm_conn) == []


def test_a_reader_of_the_log_may_preview(crm_dsn: str, crm_conn: Connection, tmp_path: Path, capsys: Capture) -> None:
    crm_conn.execute("DROP ROLE IF EXISTS digest_reader")
    crm_conn.execute("CREATE ROLE digest_reader LOGIN IN ROLE audit_reader")
    add(crm_conn)
    here = ("--dsn", login(crm_dsn, "digest_reader"), "--out", str(tmp_path))
    assert "1 entry" in said(capsys, "digest", "preview", "--as", ANA, *here)[1]
