"""`whochanged users` and `whochanged tokens`: accounts and tokens are made here, and their secrets are shown once or never."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pytest

from reports.web.signin import passwords
from reports.web.signin.users import read
from tests.commands import Capture, documents, refused, said
from whochanged.commands import users as command

pytestmark = pytest.mark.one_server

Connection = psycopg.Connection[Any]
PASSWORD = "four words and a comma,"


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the password on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work."""
    from tests.fix_web import COST

    monkeypatch.setattr(command, "_hashed", lambda password: passwords.hash_password(password, COST))


def test_an_account_is_made_with_a_password_from_a_pipe(
    conn: Connection, dsn: str, piped: None, capsys: Capture
) -> None:
    out, err = said(
        capsys, "users", "add", "ana", "--full-name", "Ana Admin", "--timezone", "Europe/Berlin", "--dsn", dsn
    )
    assert (out, err) == ("", "Made the Admin ana.\n")
    ((user, kept),) = read(conn, "ANA")
    assert (user.shown, user.role, user.accounts, user.may_export) == ("Ana Admin", "admin", None, True)
    assert kept.startswith("$argon2id$")
    from tests.fix_web import COST

    assert passwords.verify(PASSWORD, kept, COST)
    (told,) = documents(capsys, "log", "--dsn", dsn)
    assert told["descriptions"] == ["Gave ana access to the audit log's page (Ana Admin; Admin; may export)"]
    assert "argon2" not in str(told)


def test_an_account_admin_has_accounts_and_a_made_password_is_printed_once(
    conn: Connection, dsn: str, capsys: Capture
) -> None:
    out, _ = said(
        capsys, "users", "add", "olga", "--account", "2", "--account", "3", "--no-export", "--generate", "--dsn", dsn
    )
    assert len(out.strip()) == 32
    ((user, kept),) = read(conn, "olga")
    assert (user.role, user.accounts, user.may_export) == ("account_admin", ("2", "3"), False)
    from tests.fix_web import COST

    assert passwords.verify(out.strip(), kept, COST)
    (document,) = documents(capsys, "users", "list", "--dsn", dsn)
    assert document["accounts"] == ["2", "3"]
    assert out.strip() not in str(document)
    assert (
        "olga  Account Admin, accounts 2, 3  no export  may sign in" in said(capsys, "users", "list", "--dsn", dsn)[0]
    )


@pytest.mark.parametrize(
    "password,message",
    [
        ("short", "the password has 5 characters: take at least 15"),
        ("", "the password has 0 characters"),
        ("aaaaaaaaaaaaaaaaaaaa", "the same few characters"),
        ("anastasia-the-great1", "little more than the name"),
        ("x" * 2000, "take at most 1024"),
    ],
)
def test_a_weak_password_is_refused(
    dsn: str, password: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    assert message in refused(capsys, 2, "users", "add", "anastasia-the-great", "--dsn", dsn)


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["a b"], "is no name to sign in with"),
        (["a\u202eb"], "is no name to sign in with"),
        (["ana", "--account", " "], "the account is empty"),
        (["ana", "--timezone", "Europe/Berlln"], "Did you mean Europe/Berlin?"),
        (["ana", "--full-name", "x\ny"], "is no name"),
    ],
)
def test_what_cannot_be_meant_is_refused(dsn: str, arguments: list[str], message: str, capsys: Capture) -> None:
    assert message in refused(capsys, 2, "users", "add", *arguments, "--generate", "--dsn", dsn)


def test_an_account_is_there_once_and_missing_ones_are_guessed(dsn: str, capsys: Capture) -> None:
    said(capsys, "users", "add", "ana", "--generate", "--dsn", dsn)
    assert "there is an account ANA already" in refused(capsys, 2, "users", "add", "ANA", "--generate", "--dsn", dsn)
    for verb in ("passwd", "disable", "enable", "remove"):
        assert "did you mean ana?" in refused(capsys, 2, "users", verb, "anna", "--dsn", dsn)


def test_an_account_is_disabled_enabled_given_a_password_and_removed(
    conn: Connection, dsn: str, capsys: Capture
) -> None:
    said(capsys, "users", "add", "ana", "--generate", "--dsn", dsn)
    for arguments, message in (
        (["disable", "ana"], "Disabled ana."),
        (["disable", "ana"], "ana is disabled already."),
        (["enable", "ana"], "Enabled ana."),
        (["enable", "ana"], "ana was not disabled; wrong passwords hold it up no longer."),
        (["passwd", "ana", "--generate"], "Gave ana a new password; sessions end."),
        (["remove", "ana"], "Removed ana."),
    ):
        assert message in said(capsys, "users", *arguments, "--dsn", dsn)[1]
    assert read(conn) == []
    kinds = [kind for entry in documents(capsys, "log", "--dsn", dsn) for kind in entry["kinds"]]
    assert kinds == [
        "page_account.removed",
        "page_account.password_changed",
        "page_account.disabled.disabled",
        "page_account.disabled.enabled",
        "page_account.added",
    ]


def test_a_dry_run_makes_nothing_and_prints_no_secret(conn: Connection, dsn: str, capsys: Capture) -> None:
    for arguments in (["users", "add", "ana", "--generate"], ["tokens", "add", "siem"]):
        out, err = said(capsys, *arguments, "--dry-run", "--dsn", dsn)
        assert out == ""
        assert err.startswith("Would make")
    assert conn.execute(
        "SELECT (SELECT count(*) FROM audit.web_user) + (SELECT count(*) FROM audit.web_token)"
    ).fetchone() == (0,)


def test_a_token_is_made_listed_and_revoked(dsn: str, capsys: Capture) -> None:
    out, err = said(
        capsys, "tokens", "add", "siem", "--scope", "export", "--scope", "read", "--account", "2", "--dsn", dsn
    )
    assert out.startswith("wc_")
    assert "nobody can read it again" in err
    assert "there is a token SIEM already" in refused(capsys, 2, "tokens", "add", "SIEM", "--dsn", dsn)
    (document,) = documents(capsys, "tokens", "list", "--dsn", dsn)
    assert (document["scopes"], document["accounts"], document["revoked_at"]) == (["read", "export"], ["2"], None)
    shown = said(capsys, "tokens", "list", "--timezone", "UTC", "--dsn", dsn)[0]
    assert shown.startswith("siem  read and export, account 2  until ")
    assert out.strip() not in shown + str(document)
    assert said(capsys, "tokens", "revoke", "siem", "--dsn", dsn)[1] == "Revoked token siem.\n"
    assert "no valid token is named siem" in refused(capsys, 2, "tokens", "revoke", "siem", "--dsn", dsn)
    told = [text for entry in documents(capsys, "log", "--dsn", dsn) for text in entry["descriptions"]]
    assert told == ["Revoked API token siem", "Made API token siem: it may read and export account 2"]


def test_nothing_there_says_how_to_make_it(dsn: str, capsys: Capture) -> None:
    assert "whochanged users add NAME" in said(capsys, "users", "list", "--dsn", dsn)[1]
    assert "whochanged tokens add NAME" in said(capsys, "tokens", "list", "--dsn", dsn)[1]
