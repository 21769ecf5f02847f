"""The service as a process: where it listens, how it ends, and who cannot hold it."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from capture.errors import ConfigurationError
from reports.web import database, server
from reports.web.api import routes
from tests.commands import Capture, refused
from tests.fix_smtp import Authority
from tests.fix_web import Site, served, site_over
from whochanged import workers

pytestmark = pytest.mark.one_server

HERE = Path(__file__).resolve().parent.parent
PATIENCE = 60
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the tests are about


@contextmanager
def serving(*arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run `whochanged serve`, and give the process, its address and what it said of who can sign in."""
    command = [sys.executable, "-m", "whochanged.cli", "serve", "--port", "0", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(HERE), **settings}
    with subprocess.Popen(command, cwd=HERE, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert said.startswith("The audit log is at "), said + process.stderr.read()
            yield process, said.split()[-1].rstrip("/"), process.stderr.readline()
        finally:
            process.kill()


def test_it_starts_without_accounts_says_how_to_make_one_and_ends_in_order(crm_dsn: str) -> None:
    with serving("--dsn", crm_dsn) as (process, address, told):
        assert told == "Nobody can sign in yet: make the first account with  whochanged users add NAME\n"
        assert httpx2.get(f"{address}/healthz", timeout=PATIENCE).json() == {"status": "ok"}
        page = httpx2.get(f"{address}/", timeout=PATIENCE)
        assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=%2F")
        assert "server" not in page.headers
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def children(pid: int) -> list[int]:
    """Return the processes that a process has begun and that live."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def serving_from(dsn: str) -> list[int]:
    """Return the processes that serve the page over a database."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = one.read_bytes().split(b"\0")
            if dsn.encode() in words and b"--workers" in words:
                found.append(int(one.parent.name))
    return found


def test_several_processes_share_a_port_and_one_that_dies_is_begun_anew(crm_dsn: str) -> None:
    with serving("--dsn", crm_dsn, "--workers", "2") as (process, address, _):
        first = eventually(lambda: children(process.pid), 2)
        assert httpx2.get(f"{address}/healthz", timeout=PATIENCE).json() == {"status": "ok"}
        os.kill(first[0], signal.SIGKILL)
        second = eventually(lambda: [one for one in children(process.pid) if one != first[0]], 2)
        assert first[1] in second
        for _ in range(10):
            assert httpx2.get(f"{address}/healthz", timeout=PATIENCE).json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert not any(Path(f"/proc/{one}").exists() for one in second)


@pytest.mark.parametrize("waits", [0.0, 0.01, 0.03, 0.1])
def test_a_signal_while_processes_begin_ends_them_all(crm_dsn: str, waits: float) -> None:
    with serving("--dsn", crm_dsn, "--workers", "16") as (process, _, _):
        time.sleep(waits)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in {0, -signal.SIGTERM}
        eventually(lambda: serving_from(crm_dsn), 0)


def test_processes_do_not_outlive_the_one_that_began_them(crm_dsn: str) -> None:
    with serving("--dsn", crm_dsn, "--workers", "2") as (process, _, _):
        begun = eventually(lambda: children(process.pid), 2)
        process.kill()
        eventually(lambda: [one for one in begun if not Path(f"/proc/{one}").exists()], 2)


def test_processes_that_only_fail_are_not_begun_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_PAUSE", 0.0)
    with pytest.raises(ConfigurationError, match="end as soon as they have begun"):
        workers.serve_by(2, lambda: sys.exit(3))


def eventually(look: Callable[[], list[int]], number: int) -> list[int]:
    """Return what is found as soon as it has so many."""
    until = time.monotonic() + PATIENCE
    while len(found := look()) != number:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def test_it_serves_https_with_a_certificate_beyond_loopback_too(
    site: Site, authority: Authority, tmp_path: Path
) -> None:
    cert = authority.ca.issue_cert("localhost", "127.0.0.1")
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    files = ("--certificate", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    with serving("--dsn", site.dsn, "--host", EVERYWHERE, *files, WHOCHANGED_BASE_URL="https://localhost") as found:
        _, address, told = found
        assert told == "Who can sign in: 5 local accounts.\n"
        port = address.rpartition(":")[2]
        import ssl

        trust = ssl.create_default_context(cafile=str(authority.file))
        answer = httpx2.get(f"https://localhost:{port}/sign-in", verify=trust, timeout=PATIENCE)
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    "arguments,settings,message",
    [
        (["--host", EVERYWHERE], {}, "at 0.0.0.0 the network could read passwords and the log"),
        (["--host", "::"], {}, "the network could read passwords"),
        (["--host", "192.0.2.1"], {}, "the network could read passwords"),
        (["--host", EVERYWHERE], {"TRUSTED_PROXIES": "10.0.0.5"}, "say under which name the page is asked for"),
        ([], {"TRUSTED_PROXIES": "0.0.0.0/0"}, "WHOCHANGED_TRUSTED_PROXIES is not usable: must not be everybody"),
        ([], {"TRUSTED_PROXIES": "proxy"}, "must be addresses or networks"),
        ([], {"PROXY_USER_HEADER": "X-User"}, "nobody's headers count"),
        ([], {"PROXY_USER_HEADER": "X User"}, "must be the name of a header"),
        ([], {"PROXY_USER_HEADER": "X-User", "TRUSTED_PROXIES": "10.0.0.5"}, "say in WHOCHANGED_WEB_ADMINS"),
        ([], {"OIDC_ISSUER": "https://id.example"}, "belong together"),
        ([], {"WEB_HOSTS": "https://audit.example.com"}, "must be names without scheme and port"),
        ([], {"FRAME_ANCESTORS": "https://a.example; script-src *"}, "must be origins"),
        ([], {"WEB_TIMEZONE": "Europe/Atlantis"}, "unknown time zone"),
    ],
)
def test_what_would_not_be_safe_is_refused(
    conn: object,
    dsn: str,
    arguments: list[str],
    settings: dict[str, str],
    message: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"WHOCHANGED_{name}", value)
    code = 2 if "TIMEZONE" in str(settings) else 3
    assert message in refused(capsys, code, "serve", "--dsn", dsn, *arguments)


def test_a_port_that_is_taken_and_half_a_certificate(dsn: str, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "cannot listen at 127.0.0.1" in refused(capsys, 2, "serve", "--dsn", dsn, "--port", port)
    assert "belong together" in refused(capsys, 2, "serve", "--dsn", dsn, "--certificate", "x.pem")
    both = ("--certificate", __file__, "--key", __file__)
    assert "cannot be used" in refused(capsys, 3, "serve", "--dsn", dsn, *both)


def test_without_a_log_it_says_what_to_do(empty_dsn: str, capsys: Capture) -> None:
    assert "run  whochanged install" in refused(capsys, 4, "serve", "--dsn", empty_dsn)


def test_slow_requests_are_hung_up_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads and bodies that come drop by drop hold no place, and nobody else waits for them."""
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.5)
    with (
        site_over(site.dsn, hosts=("127.0.0.1",), body_seconds=0.5) as quick,
        served(quick.app) as address,
    ):
        port = int(address.rpartition(":")[2])
        head = "POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        starts = {
            "nothing": b"",
            "half a head": head.encode(),
            "no body": f"{head}Content-Length: 100\r\n\r\n".encode(),
            "half a body": f"{head}Content-Length: 100\r\n\r\nname=a".encode(),
        }
        slow = [(start, socket.create_connection(("127.0.0.1", port))) for start in starts.values() for _ in range(3)]
        for start, connection in slow:
            connection.sendall(start)
        assert httpx2.get(f"{address}/sign-in", timeout=PATIENCE).status_code == 200
        for start, connection in slow:
            with connection:
                connection.settimeout(PATIENCE)
                try:
                    got = connection.recv(65536)
                except ConnectionResetError:
                    got = b""
                assert got == b"" or got.startswith(b"HTTP/1.1 408 "), (start, got[:100])


def test_an_oversize_head_is_refused(site: Site) -> None:
    with site_over(site.dsn, hosts=("127.0.0.1",)) as open_site, served(open_site.app) as address:
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as connection:
            connection.settimeout(PATIENCE)
            got = b""
            # The connection is broken off while we still send.
            with suppress(ConnectionError):
                for _ in range(1000):
                    connection.sendall(b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Long: " + b"x" * 1000)
                got = connection.recv(65536)
            assert got == b"" or got.startswith(b"HTTP/1.1 400 ")
        assert httpx2.get(f"{address}/sign-in", timeout=PATIENCE).status_code == 200


def test_an_export_that_nobody_reads_to_its_end_gives_its_connection_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(routes._LINES, "jsonl", lambda _: itertools.repeat("x" * 1000 + "\n"))
    token = site.token(scopes=("read", "export"))
    with site_over(site.dsn, hosts=("127.0.0.1",)) as open_site, served(open_site.app) as address:
        for _ in range(4):
            with httpx2.stream("GET", f"{address}/api/v1/export", headers=token, timeout=PATIENCE) as answer:
                assert answer.status_code == 200
                next(answer.iter_bytes(1000))
        until = time.monotonic() + PATIENCE
        lane = open_site.app.state.web.lane("export")
        while lane._present and time.monotonic() < until:
            time.sleep(0.05)
        assert lane._present == 0
        answer = httpx2.get(f"{address}/api/v1/export?format=csv", headers=token, timeout=PATIENCE)
        assert answer.text.count("Exported the audit log as jsonl") == 4


def test_a_database_that_is_away_is_told_and_comes_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.5)
    lost = make_conninfo(site.dsn, port="1", connect_timeout="2")
    with site_over(site.dsn) as away:
        away.app.state.web.database._address = lost
        for path in ("/", "/api/v1/entries", "/healthz"):
            answer = away.browser().get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
        away.app.state.web.database.close()
        away.app.state.web.database._address = site.dsn
        assert away.browser().get("/sign-in").status_code == 200


def test_a_login_with_the_roles_of_the_page_is_enough(site: Site) -> None:
    """What docs/permissions.md says: audit_reader and audit_web, and no right to change the log."""
    from tests.fix_postgres import login

    name = "page_login"
    site.run(f"DROP ROLE IF EXISTS {name}")
    site.run(f"CREATE ROLE {name} LOGIN")
    site.run(f"GRANT audit_reader, audit_web TO {name}")
    try:
        with site_over(site.dsn) as own:
            own.app.state.web.database._address = login(site.dsn, name)
            ada = own.signed_in("ada")
            assert ada.get("/").status_code == 200
            assert ada.get("/api/v1/export").status_code == 200
            assert ada.get("/healthz").status_code == 200
            assert ada.post("/sign-out", page="/").status_code == 303
            assert own.browser().sign_in("ada", "wrong").status_code == 401
            with (
                psycopg.connect(login(site.dsn, name)) as conn,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                conn.execute("DELETE FROM audit.change")
    finally:
        site.run(f"DROP OWNED BY {name}")
        site.run(f"DROP ROLE {name}")
