"""The authorisation matrix: role times route times account, each with the answer that tests/data/web_matrix.toml expects."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from reports.web.call import NEEDS, Need
from tests.fix_postgres import NEWEST, Servers, _install_crm
from tests.fix_web import Browser, Site, site_over

MATRIX = tomllib.loads((Path(__file__).parent / "data" / "web_matrix.toml").read_text(encoding="utf-8"))
VISITORS: list[str] = MATRIX["visitors"]
STATUS: dict[str, list[int]] = MATRIX["status"]
SEES: dict[str, list[str]] = MATRIX["sees"]

WORDS = {"1": "Firstwords", "2": "Secondwords", "-": "page account"}
"""What only entries of an account say; of none, those of the log itself."""

OPEN = {"/sign-in", "/sign-out", "/healthz", "/unsubscribe/{token}", "/sign-in/oidc", "/sign-in/oidc/callback"}
"""Routes that need no sign-in; the second one does nothing without."""

EVERYTHING = "since=2000-01-01&account=1&account=2"
FILTERED = (
    "GET /",
    "GET /export.csv",
    "GET /export.jsonl",
    "GET /overview",
    "GET /api/v1/entries",
    "GET /api/v1/choices",
    "GET /api/v1/export",
    "GET /api/v1/history/crm.territories/1",
    "GET /history/crm.territories/1",
)


@dataclass
class World:
    """A page with entries of two accounts, and a browser for each visitor, with the headers it sends."""

    site: Site
    visitors: dict[str, tuple[Browser, dict[str, str]]]
    ids: dict[str, str]

    def ask(self, visitor: str, what: str, query: str = "") -> httpx2.Response:
        """Do what a row of the matrix says."""
        method, path = what.split(" ", 1)
        path = re.sub(r"\{id:(.+?)\}", lambda match: self.ids[match[1]], path)
        browser, headers = self.visitors[visitor]
        return browser.client.request(method, path + (f"?{query}" if query else ""), headers=headers)


@pytest.fixture(scope="module")
def world(servers: Servers) -> Iterator[World]:
    """Give the world, once for the module: nothing here changes it."""
    server = servers[NEWEST]
    with server.database(server.template("crm", _install_crm)) as dsn, site_over(dsn) as site:
        site.run("UPDATE crm.territories SET name = 'Firstwords' WHERE id = 1")
        site.run("INSERT INTO crm.accounts (id, name) VALUES (2, 'Globex')")
        site.run("INSERT INTO crm.territories (account_id, name, position) VALUES (2, 'Secondwords', 1)")
        site.run("UPDATE crm.territories SET account_id = 2, description = 'Thirdwords' WHERE id = 3")
        visitors: dict[str, tuple[Browser, dict[str, str]]] = {
            "stranger": (site.browser(), {}),
            "admin": (site.signed_in("ada"), {}),
            "admin, no export": (site.signed_in("nora"), {}),
            "account 1, no export": (site.signed_in("omar"), {}),
            "account 2": (site.signed_in("olga"), {}),
            "accounts 1 and 2": (site.signed_in("both"), {}),
            "token read": (site.browser(), site.token("one", ("read",))),
            "token export": (site.browser(), site.token("two", ("export",))),
            "token read, account 2": (site.browser(), site.token("three", ("read",), accounts=["2"])),
            "token ended": (site.browser(), site.token("four", ("read", "export"))),
            "token of nobody": (site.browser(), {"Authorization": "Bearer wc_0123456789"}),
        }
        site.run("UPDATE audit.web_token SET expires_at = now() WHERE name = 'four'")
        everything = (
            visitors["token read"][0].get("/api/v1/entries?limit=200", headers=visitors["token read"][1]).json()
        )
        ids = {"-": next(e["id"] for e in everything["entries"] if e["account"] is None)}
        for entry in everything["entries"]:
            if entry["entity"] == "territory":
                words = str(entry)
                key = "1" if "Firstwords" in words else "2" if "Secondwords" in words else "1>2"
                ids[key] = entry["id"]
        yield World(site, visitors, ids)


def present(world: World, what: str) -> bool:
    """Return whether the application has a route; a page that is not here yet is in the matrix already."""
    path = what.split(" ", 1)[1]
    if path in {"/nowhere", "/static/page.css"}:
        return True
    path = re.sub(r"\{id:.+?\}", "x", path)
    return any(isinstance(route, Route) and route.path_regex.match(path) for route in world.site.app.routes)


@pytest.mark.parametrize("what", STATUS)
def test_every_visitor_gets_what_the_matrix_says(world: World, what: str) -> None:
    if not present(world, what):
        pytest.skip("there is no such page yet")
    found = {visitor: world.ask(visitor, what).status_code for visitor in VISITORS}
    assert found == dict(zip(VISITORS, STATUS[what], strict=True))


@pytest.mark.parametrize("what", FILTERED)
@pytest.mark.parametrize("query", ["", EVERYTHING, "account=1", "q=words"])
def test_no_filter_shows_what_a_visitor_may_not_see(world: World, what: str, query: str) -> None:
    """An account that is not one's own may be asked for: it has no entries."""
    if not present(world, what):
        pytest.skip("there is no such page yet")
    for visitor, accounts in SEES.items():
        answer = world.ask(visitor, what, query if "choices" not in what and "history" not in what else "")
        if answer.status_code != 200:
            continue
        for account, words in WORDS.items():
            # Choices and overview name no entry, but the nouns of those that there are.
            if account not in accounts:
                assert words not in answer.text, (visitor, account)


def test_who_may_see_an_account_does_see_it(world: World) -> None:
    for visitor, accounts in SEES.items():
        if visitor == "token export":
            continue
        text = world.ask(visitor, "GET /api/v1/entries", "limit=200").text
        assert {account for account, words in WORDS.items() if words in text} == set(accounts)


def test_of_a_row_that_moved_each_account_sees_it_and_no_more(world: World) -> None:
    for visitor in ("account 1, no export", "account 2"):
        entry = world.ask(visitor, "GET /api/v1/entries/{id:1>2}").json()
        assert entry["account"] in {"1", "2"}


def test_cursors_and_markers_of_an_admin_show_an_account_admin_no_more(world: World) -> None:
    page: dict[str, Any] = world.ask("admin", "GET /api/v1/entries", "limit=1").json()
    seen = []
    for _ in range(30):
        if page["older"] is None:
            break
        answer = world.ask("account 2", "GET /api/v1/entries", f"limit=1&cursor={page['older']}")
        assert answer.status_code == 200
        seen += answer.json()["entries"]
        page = world.ask("admin", "GET /api/v1/entries", f"limit=1&cursor={page['older']}").json()
    assert seen
    assert all(WORDS["1"] not in str(entry) and entry["account"] is not None for entry in seen)
    arrived = world.ask("account 2", "GET /api/v1/arrived", "marker=1:1:").json()
    everything = world.ask("admin", "GET /api/v1/arrived", "marker=1:1:").json()
    assert 0 < arrived["number"] < everything["number"]


def test_every_route_is_in_the_matrix_and_made_at_the_door(world: World) -> None:
    """A page that is added is added here, or this fails."""
    samples = {re.sub(r"\{id:.+?\}", "x", what) for what in STATUS}
    for route in world.site.app.routes:
        if not isinstance(route, Route):
            continue
        assert route.endpoint in NEEDS, f"{route.path} was not made by reports.web.call.route"
        assert (NEEDS[route.endpoint] is Need.NOTHING) == (route.path in OPEN), route.path
        if "oidc" in route.path or "unsubscribe" in route.path:
            continue
        for method in (route.methods or set()) - {"HEAD"}:
            assert any(
                sample.startswith(f"{method} ") and route.path_regex.match(sample.split(" ", 1)[1])
                for sample in samples
            ), f"{method} {route.path} is not in tests/data/web_matrix.toml"
