"""The page, made in this process over a real database: who can sign in, and browsers that try."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import psycopg
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from reports.web.app import create_app
from reports.web.config import HashCost, WebConfig
from reports.web.server import listener, service
from reports.web.signin import users
from reports.web.signin.passwords import hash_password
from reports.web.tokens import Scope
from reports.web.tokens import add as add_token
from tests.fix_postgres import NEWEST, Servers, _install_crm

COST = HashCost(rounds=1, memory=8, lanes=1)
"""As little work as argon2 takes, so that tests of thousands of sign-ins end."""

PASSWORD = "correct horse battery staple"
HASH = hash_password(PASSWORD, COST)
BASE = "http://testserver"

PEOPLE: dict[str, dict[str, Any]] = {
    "ada": dict(full_name="Ada Admin"),
    "nora": dict(full_name="Nora Noexport", may_export=False),
    "olga": dict(full_name="Olga Petrova", accounts=["2"]),
    "omar": dict(full_name="Omar Onlyread", accounts=["1"], may_export=False),
    "both": dict(full_name="Bea Both", accounts=["1", "2"]),
    "gone": dict(full_name="Gus Gone"),
}
"""Local accounts: two Admins, Account Admins of one account, of the other, and of both, and one that is disabled."""


@dataclass
class Browser:
    """A browser: it keeps cookies, sends forms with their token, and follows nothing by itself."""

    client: httpx2.Client

    def get(self, path: str, **more: Any) -> httpx2.Response:
        """Ask for a page."""
        return self.client.get(path, **more)

    def form(self, page: str = "/sign-in") -> str:
        """Return the token of the forms of a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(page).text)
        assert found, f"{page} has no form"
        return found[1]

    def post(
        self, path: str, *, page: str = "/sign-in", headers: dict[str, str] | None = None, **fields: str
    ) -> httpx2.Response:
        """Send a form of a page."""
        return self.client.post(path, data={"csrf": self.form(page), **fields}, headers=headers)

    def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx2.Response:
        """Try to sign in."""
        return self.post("/sign-in", page="/sign-in", headers=None, name=name, password=password, **fields)

    @property
    def session(self) -> str | None:
        """What the cookie of the session holds."""
        return self.client.cookies.get("whochanged_session")


@dataclass
class Site:
    """The page over a database, and what it takes to look at it from outside."""

    dsn: str
    app: Starlette
    stack: ExitStack = field(default_factory=ExitStack)

    def browser(self, address: str = "198.51.100.1", base: str = BASE, **more: Any) -> Browser:
        """Return a browser at an address."""
        client = TestClient(self.app, base, client=(address, 40000), follow_redirects=False, **more)
        return Browser(self.stack.enter_context(client))

    def signed_in(self, name: str, **more: Any) -> Browser:
        """Return a browser in which somebody is signed in."""
        browser = self.browser(**more)
        answer = browser.sign_in(name)
        assert answer.status_code == 303, answer.text
        return browser

    def token(self, name: str = "program", scopes: tuple[Scope, ...] = ("read",), **more: Any) -> dict[str, str]:
        """Make a token and return the header that holds it."""
        with psycopg.connect(self.dsn) as conn:
            return {"Authorization": f"Bearer {add_token(conn, name, scopes=scopes, **more)}"}

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser."""
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            cursor = conn.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def told(self, kind: str) -> list[str]:
        """Return the sentences of a kind that the log has, newest first."""
        from capture.catalogue import Catalogue
        from capture.filters import Filters
        from capture.pages import entries

        with psycopg.connect(self.dsn) as conn:
            found = list(entries(conn, Catalogue(name="none"), Filters(modules=("Audit log",))))
        return [text for entry in found for k, text in zip(entry.kinds, entry.descriptions, strict=True) if k == kind]


@contextmanager
def site_over(dsn: str, **config: Any) -> Iterator[Site]:
    """Give the page over a database where PEOPLE have accounts."""
    wanted = replace(WebConfig(dsn, hosts=("testserver",), cost=COST), **config)
    with psycopg.connect(dsn, autocommit=True) as conn:
        for name, person in PEOPLE.items():
            if not users.read(conn, name):
                users.add(conn, name, HASH, **person)
        users.disable(conn, "gone")
    app = create_app(wanted)
    with ExitStack() as stack:
        stack.callback(app.state.web.database.close)
        yield Site(dsn, app, stack)


@contextmanager
def served(app: Starlette, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve an application as `whochanged serve` does, in a thread, and give its address."""
    running = service(app)
    with listener(host, 0) as sock:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [sock]}, name="page", daemon=True)
        thread.start()
        try:
            until = time.monotonic() + 20
            while not running.started and time.monotonic() < until:
                time.sleep(0.01)
            assert running.started
            yield f"http://{host}:{sock.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(20)


@pytest.fixture
def site(crm_dsn: str) -> Iterator[Site]:
    """Give the page over the reference CRM."""
    with site_over(crm_dsn) as found:
        yield found


@pytest.fixture(scope="module")
def shared(servers: Servers) -> Iterator[Site]:
    """Give the page over the reference CRM, once for a module: for tests that leave it as they found it."""
    server = servers[NEWEST]
    with server.database(server.template("crm", _install_crm)) as dsn, site_over(dsn) as found:
        yield found
