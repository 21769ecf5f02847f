"""The API: what it answers is what its OpenAPI document says, whatever it is asked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route

from tests.fix_postgres import NEWEST, Servers, _install_crm
from tests.fix_web import Site, served, site_over

CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance]
EXAMPLES = int(os.environ.get("WHOCHANGED_API_EXAMPLES", "3"))
"""Requests of each operation and kind; `make test-long` makes up two hundred."""


@pytest.fixture(scope="module")
def api(servers: Servers) -> Iterator[tuple[Site, dict[str, str]]]:
    """Give the page over a small log, and a token that may read and export."""
    server = servers[NEWEST]
    with server.database(server.template("crm", _install_crm)) as dsn, site_over(dsn) as site:
        for number in range(12):
            site.run("UPDATE crm.territories SET name = %s WHERE id = 1", f"Name {number}")
        site.run("UPDATE crm.workflows SET enabled = NOT enabled WHERE id = 1")
        yield site, site.token(scopes=("read", "export"))


def described(api: tuple[Site, dict[str, str]]) -> dict[str, Any]:
    """Return the OpenAPI document."""
    site, token = api
    found: dict[str, Any] = site.browser().get("/api/v1/openapi.json", headers=token).json()
    return found


def test_the_document_is_openapi_and_has_every_route(api: tuple[Site, dict[str, str]]) -> None:
    document = described(api)
    validate(document)
    assert document["openapi"].startswith("3.1")
    routes = {
        route.path.replace(":key", "")
        for route in api[0].app.routes
        if isinstance(route, Route) and route.path.startswith("/api/")
    }
    assert routes == set(document["paths"])


def test_answers_are_as_described_and_as_the_command_prints_them(api: tuple[Site, dict[str, str]]) -> None:
    from capture.catalogue.installing import installed_catalogue
    from capture.filters import Filters
    from capture.pages import entries
    from reports.export import entry_document, to_json

    site, token = api
    document = described(api)
    for path, schema in (
        ("/api/v1/entries?limit=200&count=true", "Page"),
        ("/api/v1/history/crm.territories/1", "Page"),
        ("/api/v1/choices", "Choices"),
        ("/api/v1/arrived", "Arrived"),
        ("/api/v1/health", "Health"),
        ("/api/v1/entries?limit=0", "Problem"),
    ):
        found = site.browser().get(path, headers=token).json()
        whole = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
        Draft202012Validator(whole).validate(found)
    found = site.browser().get("/api/v1/entries?limit=200", headers=token).json()["entries"]
    with psycopg.connect(site.dsn) as conn:
        catalogue = installed_catalogue(conn)
        assert catalogue is not None
        expected = [json.loads(to_json(entry_document(one))) for one in entries(conn, catalogue, Filters(limit=200))]
    assert found == expected


def test_pages_follow_each_other_and_lose_nothing(api: tuple[Site, dict[str, str]]) -> None:
    site, token = api
    browser = site.browser()
    whole = browser.get("/api/v1/entries?limit=200&module=Territories", headers=token).json()["entries"]
    assert len(whole) == 12
    seen, cursor = [], ""
    while True:
        page = browser.get(f"/api/v1/entries?limit=5&module=Territories{cursor}", headers=token).json()
        seen += page["entries"]
        if page["older"] is None:
            break
        cursor = f"&cursor={page['older']}"
    assert seen == whole
    back = browser.get(f"/api/v1/entries?limit=5&module=Territories&cursor={page['newer']}", headers=token).json()
    assert back["entries"] == whole[5:10]


def test_history_tells_of_one_row(api: tuple[Site, dict[str, str]]) -> None:
    site, token = api
    found = site.browser().get("/api/v1/history/crm.workflows/1?count=true", headers=token).json()
    assert [entry["entity"] for entry in found["entries"]] == ["workflow"]
    assert found["count"] == {"number": 1, "capped": False}


def test_an_export_is_the_same_as_csv_and_as_json_and_an_entry_of_the_log(api: tuple[Site, dict[str, str]]) -> None:
    site, token = api
    browser = site.browser()
    answer = browser.get("/api/v1/export?module=Territories&since=2020-01-01", headers=token)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) == 12
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith('attachment; filename="audit-log-2')
    table = browser.get("/api/v1/export?module=Territories&format=csv", headers=token)
    assert table.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert len(table.text.splitlines()) == 13
    told = site.told("access.exported")
    assert told[:2] == [
        "Exported the audit log as csv (module Territories)",
        "Exported the audit log as jsonl (since 2020-01-01, module Territories)",
    ]


def test_what_came_since_is_counted(api: tuple[Site, dict[str, str]]) -> None:
    site, token = api
    browser = site.browser()
    first = browser.get("/api/v1/arrived", headers=token).json()
    assert first["number"] == 0
    site.run("UPDATE crm.workflows SET description = 'x' || random() WHERE id = 2")
    again = browser.get(f"/api/v1/arrived?marker={first['marker']}&module=Workflows", headers=token).json()
    assert again["number"] == 1
    assert browser.get("/api/v1/arrived?marker=nonsense", headers=token).status_code == 400


def test_a_token_is_shown_once_kept_as_a_hash_and_can_be_revoked(api: tuple[Site, dict[str, str]]) -> None:
    from whochanged.cli import run

    site, _ = api
    token = site.token("short-lived")
    secret = token["Authorization"].removeprefix("Bearer ")
    assert secret.startswith("wc_")
    for table in ("web_token", "change"):
        assert site.run(f"SELECT count(*) FROM audit.{table} AS t WHERE t::text LIKE %s", f"%{secret}%") == [(0,)]
    browser = site.browser()
    assert browser.get("/api/v1/entries", headers=token).status_code == 200
    assert site.run("SELECT last_used_at IS NOT NULL FROM audit.web_token WHERE name = 'short-lived'") == [(True,)]
    assert run(["tokens", "revoke", "SHORT-LIVED", "--dsn", site.dsn]) == 0
    answer = browser.get("/api/v1/entries", headers=token)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer.headers["content-type"] == "application/problem+json"
    for wrong in ("Bearer", "Bearer ", "Basic YTpi", "wc_x", f"Token {secret}", f"Bearer {secret}x"):
        assert browser.get("/api/v1/entries", headers={"Authorization": wrong}).status_code == 401


def test_healthz_tells_admins_more_than_others(api: tuple[Site, dict[str, str]]) -> None:
    site, token = api
    stranger = site.browser().get("/healthz")
    assert (stranger.status_code, stranger.json()) == (200, {"status": "ok"})
    assert site.browser().get("/healthz?live").json() == {"status": "ok"}
    assert "watermark" in site.browser().get("/healthz", headers=token).json()
    assert site.signed_in("olga").get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_schemathesis_finds_no_server_error(api: tuple[Site, dict[str, str]], mode: GenerationMode) -> None:
    """Made-up requests, right and wrong ones, of every operation, over a real connection."""
    site, token = api
    schema = schemathesis.openapi.from_dict(described(api))
    looked_at: set[str] = set()
    with site_over(site.dsn, hosts=("127.0.0.1", "testserver")) as open_site, served(open_site.app) as address:
        for found in schema.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr] # the document was validated before

            @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                # Of a malformed Authorization header the request's own client would stumble.
                case.headers = {}
                answer = case.call(base_url=address, headers=token, timeout=20)
                case.validate_response(answer, checks=CHECKS)
                looked_at.add(case.operation.path)

            with suppress(Unsatisfiable):  # an operation without parameters cannot be asked wrongly
                ask()
    assert len(looked_at) >= (8 if mode is GenerationMode.POSITIVE else 6)
