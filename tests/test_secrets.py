"""Secrets come from the environment or from files, and are printed nowhere, whatever goes wrong."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.errors import ConfigurationError
from tests.commands import Capture
from tests.digests import add, rename
from tests.fix_postgres import ROOT
from tests.fix_smtp import PASSWORD, USER, Authority, Mailbox
from tests.fix_smtp import running as mail_server
from whochanged.cli import run
from whochanged.settings import load_settings, resolve_dsn

Connection = psycopg.Connection[Any]

CANARY = "hunter2canary"
FILE = "WHOCHANGED_SMTP_URL_FILE"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without settings."""
    for name in list(os.environ):
        if name.startswith(("WHOCHANGED_", "PG")) or name == "DATABASE_URL":
            monkeypatch.delenv(name)


def test_a_file_may_hold_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("smtps://a:b@mail\r\n", encoding="utf-8-sig")
    monkeypatch.setenv(FILE, str(file))
    found = load_settings().smtp_url
    assert found is not None
    assert found.get_secret_value() == "smtps://a:b@mail"
    for name in ("WHOCHANGED_DATABASE_URL_FILE", "DATABASE_URL_FILE"):
        file.write_text("postgresql://a:b@one/x\n")
        assert resolve_dsn(None, {name: str(file)}) == "postgresql://a:b@one/x"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"smtp://a:hunter2canary@x\nmore", b"\xff\xfe hunter2canary", b"x" * 70_000]
)
def test_a_file_that_holds_no_secret_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    monkeypatch.setenv(FILE, str(file))
    with pytest.raises(ConfigurationError, match=f"^{FILE} names {file}, which ") as caught:
        load_settings()
    assert CANARY not in str(caught.value)


def test_a_file_that_is_not_there_is_named_and_two_places_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FILE, str(tmp_path / "no"))
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_settings()
    monkeypatch.setenv(FILE, str(tmp_path))
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load_settings()
    monkeypatch.setenv("WHOCHANGED_SMTP_URL", f"smtp://a:{CANARY}@mail")
    with pytest.raises(
        ConfigurationError, match="both WHOCHANGED_SMTP_URL and WHOCHANGED_SMTP_URL_FILE are set"
    ) as caught:
        load_settings()
    assert CANARY not in str(caught.value)


def told(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Capture, **environment: str) -> str:
    """Run a command with these variables, and return its exit code and all that it printed."""
    with monkeypatch.context() as patch:
        for name, text in {"WHOCHANGED_MAIL_FROM": "audit@example.com", **environment}.items():
            patch.setenv(name, text)
        code = run([*arguments])
    printed = capsys.readouterr()
    return f"{code} {printed.out}{printed.err}"


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _addresses(port: int, dsn: str) -> dict[str, str]:
    """Return addresses of databases with the canary for password, none of which leads to the log."""
    return {
        "nobody listens": f"postgresql://audit:{CANARY}@127.0.0.1:{port}/x",
        "no such host": f"postgresql://audit:{CANARY}@no.such.host.invalid/x",
        "no such user": f"{dsn} user=nobody_at_all password={CANARY}",
        "unreadable": f"postgresql://audit:{CANARY}@[::1/x",
        "two at signs": f"postgresql://audit:x@{CANARY}@127.0.0.1/x",
        "of another kind": f"mysql://audit:{CANARY}@127.0.0.1/x",
        "words": f"host=127.0.0.1 port={port} password={CANARY} sslmode=require",
        "bad option": f"host=127.0.0.1 password={CANARY} nonsense=1",
    }


@pytest.mark.one_server
@pytest.mark.usefixtures("loggers_as_before")
def test_no_way_to_miss_the_database_prints_its_password(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for address in _addresses(free_port(), dsn).values():
        for command in (("status", "--json"), ("run",), ("metrics",)):
            printed = told(command, monkeypatch, capsys, WHOCHANGED_DATABASE_URL=address)
            assert printed.startswith(("3 ", "4 ")), printed
            assert CANARY not in printed
        assert CANARY not in told(("health", "--dsn", address), monkeypatch, capsys)


@pytest.mark.one_server
def test_no_way_to_miss_the_mail_server_prints_its_password(
    crm_dsn: str,
    crm_conn: Connection,
    mailbox: Mailbox,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    add(crm_conn)
    rename(crm_conn, "Europe")
    send = ("digest", "send", "--now", "--dsn", crm_dsn)
    login, encrypted = Mailbox(), Mailbox()
    echo = Mailbox(greeting=f"554 {CANARY} is not welcome")
    context: Callable[[str], ssl.SSLContext] = authority.context
    with (
        mail_server(login, tls=context("localhost"), login=True),
        mail_server(encrypted, tls=context("localhost"), wrapped=True),
        mail_server(echo),
    ):
        urls = [
            f"smtp://audit:{CANARY}@127.0.0.1:{free_port()}",
            f"smtp://audit:{CANARY}@no.such.host.invalid",
            f"smtp://{USER}:{CANARY}@127.0.0.1:{login.port}",
            f"smtp+starttls://{USER}:{CANARY}@localhost:{login.port}",
            f"smtps://{USER}:{CANARY}@localhost:{encrypted.port}",
            f"smtps://{USER}:{CANARY}@localhost:{login.port}",
            f"smtp+starttls://{USER}:{CANARY}@127.0.0.1:{mailbox.port}",
            f"smtp://audit:{CANARY}@127.0.0.1:{echo.port}",
            f"smtp://audit:{CANARY}/@127.0.0.1",
            f"smtp://audit@127.0.0.1:{CANARY}",
            f"http://audit:{CANARY}@127.0.0.1",
        ]
        for url in urls:
            printed = told(send, monkeypatch, capsys, WHOCHANGED_SMTP_URL=url)
            assert printed.startswith(("3 ", "5 ")), printed
            assert CANARY not in printed
        right = f"smtp://{USER}:{PASSWORD}@127.0.0.1:{login.port}"
        assert PASSWORD not in told(send, monkeypatch, capsys, WHOCHANGED_SMTP_URL=right)
    for command in (("status", "--json"), ("digest", "list", "--json"), ("digest", "send", "-h"), ("run", "--dry-run")):
        assert CANARY not in told((*command, "--dsn", crm_dsn), monkeypatch, capsys, WHOCHANGED_SMTP_URL=urls[2])
    kept = crm_conn.execute("SELECT string_agg(answer, ' ') FROM audit.delivery").fetchone()
    errors = crm_conn.execute("SELECT string_agg(error, ' ') FROM audit.job_run").fetchone()
    assert CANARY not in f"{kept}{errors}"


def test_a_fault_of_ours_prints_no_settings(tmp_path: Path) -> None:
    """The traceback of what we did not foresee has places and no values."""
    (tmp_path / "sitecustomize.py").write_text(
        "import whochanged.database as d\n"
        "def connect(*a, **k):\n    raise ZeroDivisionError('oh')\n"
        "d.connect = connect\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "WHOCHANGED_DATABASE_URL": f"postgresql://audit:{CANARY}@127.0.0.1/x",
    }
    command = [sys.executable, "-m", "whochanged.cli", "status"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "ZeroDivisionError: oh" in done.stderr
    assert CANARY not in done.stdout + done.stderr
