"""The page as it is served: a demo day with things worth attacking in it, two people who may sign in, a real browser."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import psycopg
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from reports.web.app import create_app
from reports.web.config import HashCost, WebConfig
from reports.web.signin import passwords
from tests.fix_postgres import NEWEST, Servers, login
from whochanged.demo import play, prepare, read_day

PASSWORD = "correct horse battery staple"
ADMIN, OLGA = "ana@acme.test", "olga@globex.test"
ZONE = "Europe/Berlin"
COST = HashCost(rounds=1, memory=8, lanes=1)

MARKUP = "<img src=x onerror=\"document.title='owned'\">{{7*7}}“</title><script>document.title='owned'</script>"
"""What is stored in every field of one save: if any of it is taken for markup, the title says so."""

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Served:
    """A page that is served: its address without a slash at the end, and that of its database for the superuser."""

    url: str
    dsn: str


@pytest.fixture(scope="session")
def served(servers: Servers) -> Iterator[Served]:
    """Serve the log of the demo's day from the newest PostgreSQL."""
    with servers[NEWEST].database() as dsn:
        day = read_day()
        for _ in play(prepare(dsn, day, database=None), day, ZoneInfo(ZONE)):
            pass
        _fill(dsn)
        with listening(WebConfig(login(dsn, "page_login"), timezone=ZONE, cost=COST, connections=6)) as url:
            yield Served(url, dsn)


def _fill(dsn: str) -> None:
    """Add who may sign in, and a save with markup in every field."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        if conn.execute("SELECT FROM pg_roles WHERE rolname = 'page_login'").fetchone() is None:
            conn.execute("CREATE ROLE page_login LOGIN")
        conn.execute("GRANT audit_web, audit_reader TO page_login")
        hashed = passwords.hash_password(PASSWORD, COST)
        for name, full, role, accounts in (
            (ADMIN, "Ana Admin", "admin", None),
            (OLGA, "Olga Petrova", "account_admin", ["2"]),
        ):
            conn.execute(
                "INSERT INTO audit.web_user (name, full_name, role, accounts, may_export, password_hash)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (name, full, role, accounts, role == "admin", hashed),
            )
        with conn.transaction():
            context = json.dumps({"ip": "203.0.113.9", "request_id": MARKUP})
            conn.execute(
                "SELECT set_config('audit.actor', %s, true), set_config('audit.context', %s, true)", (MARKUP, context)
            )
            conn.execute("SELECT set_config('application_name', %s, true)", (MARKUP[:60],))
            conn.execute("UPDATE crm.territories SET name = %s, description = %s WHERE id = 2", (MARKUP, MARKUP * 3))


class listening:  # noqa: N801 - read as a verb: with listening(...) as url
    """Serve an application on a free port of loopback, in a thread, as long as the block lasts."""

    def __init__(self, config: WebConfig, wrap: Callable[[Any], Any] = lambda app: app) -> None:
        """Take a free port."""
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.app = create_app(config)
        self.server = uvicorn.Server(uvicorn.Config(wrap(self.app), log_level="error", lifespan="on"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)

    def __enter__(self) -> str:
        """Start, and give the address."""
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            assert time.monotonic() < until, "the server did not start in time"
            time.sleep(0.02)
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.server.should_exit = True
        self.thread.join(20)
        self.app.state.web.database.close()
        self.socket.close()


def sign_in(page: Page, url: str, name: str = ADMIN) -> None:
    """Sign in by the form."""
    page.goto(url + "/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("h1:has-text('Audit Log')")


@pytest.fixture(scope="session")
def cookies(served: Served, browser: Browser) -> dict[str, Any]:
    """Give what a browser keeps of the sign-in of each of the two, so that most tests need not sign in."""
    found: dict[str, Any] = {}
    for name in (ADMIN, OLGA):
        context = browser.new_context()
        sign_in(context.new_page(), served.url, name)
        found[name] = context.storage_state()
        context.close()
    return found


@pytest.fixture
def tab(served: Served, browser: Browser, cookies: dict[str, Any]) -> Iterator[Page]:
    """Give a tab of the Admin; what goes wrong in its scripts fails the test."""
    context = browser.new_context(
        base_url=served.url, storage_state=cookies[ADMIN], viewport={"width": 1280, "height": 900}
    )
    yield watched(context)
    context.close()


@pytest.fixture
def plain(served: Served, browser: Browser, cookies: dict[str, Any]) -> Iterator[Page]:
    """Give a tab without JavaScript."""
    context = browser.new_context(base_url=served.url, storage_state=cookies[ADMIN], java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


def watched(context: BrowserContext) -> Page:
    """Return a new tab in which no script may fail and no policy may be broken."""
    page = context.new_page()
    page.set_default_timeout(10_000)

    def failed(message: object) -> None:
        raise AssertionError(f"in the browser: {message}")

    page.on("pageerror", failed)
    page.on(
        "console",
        lambda message: failed(message.text) if message.type == "error" and "40" not in message.text else None,
    )
    return page
