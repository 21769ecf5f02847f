"""Attacks on the page, each named after itself."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_web import PASSWORD, Site, site_over

pytestmark = pytest.mark.one_server

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
TARGETS = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/\t/evil.example/",
    "javascript:alert(1)",
    "/%0d%0aSet-Cookie:x=1",
    "/\r\nSet-Cookie: x=1",
    "evil.example",
    "",
    "/../../etc/passwd",
    "/sign-in?next=/sign-in",
    "/sign-out",
    "/" + "a" * 5000,
    "http:evil.example",
    "///evil.example",
    "/ /evil.example",
]


@pytest.mark.parametrize("target", TARGETS)
def test_open_redirect(shared: Site, target: str) -> None:
    answer = shared.browser().sign_in("ada", next=target)
    assert answer.status_code == 303
    assert answer.headers["location"] in {"/", "/%0d%0aSet-Cookie:x=1"}
    assert "x=1" not in answer.headers["set-cookie"]


def test_open_redirect_below_a_mount_leads_to_no_other_application(shared: Site) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    host = Starlette(routes=[Mount("/logs/audit", shared.app)])
    browser = Site(shared.dsn, host, shared.stack).browser()
    asked = browser.get("/logs/audit/")
    assert asked.headers["location"] == "/logs/audit/sign-in?next=%2Flogs%2Faudit%2F"
    for target, expected in (("/admin/delete", "/logs/audit/"), ("/logs/audit/?q=x", "/logs/audit/?q=x")):
        token = browser.form("/logs/audit/sign-in")
        data = {"csrf": token, "name": "ada", "password": PASSWORD, "next": target}
        answer = browser.client.post("/logs/audit/sign-in", data=data)
        assert answer.headers["location"] == expected
        assert "Path=/logs/audit;" in answer.headers["set-cookie"]
        browser.client.cookies.clear()


@pytest.mark.parametrize("asked", ["/logs/audit", ""])
def test_open_redirect_below_a_proxys_path(shared: Site, asked: str) -> None:
    """Whether the proxy takes its path away or not, links and cookies stay below it."""
    with site_over(shared.dsn, root="/logs/audit") as below:
        browser = below.browser()
        assert browser.get(f"{asked}/").headers["location"] == "/logs/audit/sign-in?next=%2Flogs%2Faudit%2F"
        page = browser.get(f"{asked}/sign-in")
        assert 'action="/logs/audit/sign-in"' in page.text
        assert "Path=/logs/audit;" in page.headers["set-cookie"]
        assert browser.get(f"{asked}/static/page.css").status_code == 200
        assert browser.get(f"{asked}/healthz?live").status_code == 200


def test_csrf_without_with_a_foreign_and_with_another_sessions_token(shared: Site) -> None:
    ada, olga = shared.signed_in("ada"), shared.signed_in("olga")
    for data in ({}, {"csrf": ""}, {"csrf": "a.b"}, {"csrf": olga.form("/")}, {"csrf": shared.browser().form()}):
        assert ada.client.post("/sign-out", data=data).status_code == 403
    assert ada.get("/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://testserver"},
    ],
)
def test_csrf_from_another_site_even_with_the_right_token(shared: Site, headers: dict[str, str]) -> None:
    ada = shared.signed_in("ada")
    assert ada.post("/sign-out", page="/", headers=headers).status_code == 403
    assert ada.post("/sign-out", page="/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_csrf_of_the_sign_in_itself(shared: Site) -> None:
    """An attacker could sign somebody in as himself, and read what they do."""
    victim, attacker = shared.browser(), shared.browser()
    data = {"csrf": attacker.form(), "name": "omar", "password": PASSWORD}
    assert victim.client.post("/sign-in", data=data).status_code == 403


def test_session_fixation(site: Site) -> None:
    """What the attacker put into the browser before the sign-in is no session after it."""
    planted = "A" * 43
    browser = site.browser(cookies={"whochanged_session": planted, "whochanged_browser": "planted"})
    browser.sign_in("ada")
    mine = [cookie.value for cookie in browser.client.cookies.jar if cookie.name == "whochanged_session"]
    assert any(value != planted for value in mine)
    assert site.browser(cookies={"whochanged_session": planted}).get("/").status_code == 303
    first = site.signed_in("ada")
    before = first.session
    # A second sign-in in the same browser ends the first session.
    token = first.form("/")
    first.client.post("/sign-in", data={"csrf": token, "name": "ada", "password": PASSWORD})
    assert first.session != before
    assert site.browser(cookies={"whochanged_session": before}).get("/").status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "'; DROP TABLE audit.web_session; --", "\x00", "é" * 50, "A" * 8000])
def test_forged_session_cookies(site: Site, cookie: str) -> None:
    header = f"whochanged_session={cookie}".encode("latin-1", "replace")
    assert site.browser().get("/", headers={"Cookie": header}).status_code == 303
    assert site.run("SELECT count(*) FROM audit.web_session") == [(0,)]


def test_forged_headers_from_anybody_but_the_proxy(site: Site) -> None:
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "admins", "X-Forwarded-For": "127.0.0.1"}
    assert site.browser().get("/", headers=headers).status_code == 303
    assert site.browser("127.0.0.1").get("/", headers=headers).status_code == 303
    site.browser().post("/sign-in", name="ada", password="wrong", headers=headers)
    assert site.run("SELECT address FROM audit.access") == [("198.51.100.1",)]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "testserver.evil.example", "testserver:80@evil.example", "", "testserver:x", "[testserver]"],
)
def test_host_header(shared: Site, host: str) -> None:
    answer = shared.browser().get("/sign-in", headers={"Host": host})
    assert answer.status_code == 421
    assert host not in answer.text or not host
    assert "content-security-policy" in answer.headers


def test_host_header_given_twice(shared: Site) -> None:
    sent = [("Host", "testserver"), ("Host", "evil.example")]
    assert shared.browser().client.get("/sign-in", headers=sent).status_code == 421


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/..%5c..%5capp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/page.css%00.html",
        "/entries/..%2f..%2fetc%2fpasswd",
        "/api/v1/entries/%00",
        "/api/v1/entries/%ff%fe",
        "/api/v1/entries/%ed%a0%80",
        "/api/v1/history/crm.workflows/%00",
        "/api/v1/history/..%2f..%2f/1",
        "/api/v1/history/pg_catalog.pg_authid/1",
        "/api/v1/history/crm.workflows;DROP%20TABLE%20audit.change/1",
        "//evil.example/%2e%2e",
    ],
)
def test_path_tricks(shared: Site, path: str) -> None:
    answer = shared.signed_in("ada").get(path)
    assert answer.status_code in {200, 303, 400, 404, 405}
    assert "root:" not in answer.text
    assert "create_app" not in answer.text
    assert "evil.example" not in answer.headers.get("location", "").partition("?")[0]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=AAAA",
        "cursor=" + "A" * 5000,
        "cursor=%00",
        "cursor=-1%20OR%201=1",
        "since=%00",
        "since=99999999d",
        "since=0001-01-01",
        "until=9999-12-31",
        "since=2026-13-45",
        "type=Dropped",
        "sensitivity=none",
        "kind=root",
        "actor=%00",
        "q=%00",
        "q=" + "x" * 600,
        "q=%ed%a0%80",
        "q=%27%3B%20DROP%20TABLE%20audit.change%3B--",
        "account=" + "9" * 400,
        "limit=99999999999999999999",
        "limit=-1",
        "limit=1e3",
        "limit=%D9%A1",
        "&".join("actor=x" for _ in range(60)),
        "zone=utc",
        "accounts=1",
    ],
)
def test_cursor_and_filter_tampering(shared: Site, query: str) -> None:
    ada = shared.signed_in("olga")
    answer = ada.get(f"/api/v1/entries?{query}")
    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code == 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    assert ada.get(f"/?{query}").status_code in {200, 400}
    assert shared.run("SELECT to_regclass('audit.change') IS NOT NULL") == [(True,)]


def test_markup_in_every_field(site: Site) -> None:
    """Whatever was stored, the page shows it and a browser does nothing with it."""
    with psycopg.connect(site.dsn, autocommit=True) as conn, conn.transaction():
        conn.execute("SELECT set_config('audit.actor', %s, true)", (MARKUP,))
        context = json.dumps({"ip": MARKUP[:45], "request_id": MARKUP, "reason": MARKUP, "on_behalf_of": MARKUP})
        conn.execute("SELECT set_config('audit.context', %s, true)", (context,))
        conn.execute("UPDATE crm.territories SET name = %s, description = %s WHERE id = 1", (MARKUP, MARKUP))
        conn.execute("UPDATE crm.workflows SET name = %s WHERE id = 1", (MARKUP,))
        conn.execute("UPDATE crm.workflow_conditions SET field = %s WHERE id = 1", (MARKUP,))
    ada = site.signed_in("ada")
    pages = ["/", f"/?q={MARKUP}", f"/?actor={MARKUP}&module={MARKUP}", f"/sign-in?next={MARKUP}", f"/{MARKUP}"]
    for page in pages:
        text = ada.get(page).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "49" not in re.findall(r"\{\{7\*7\}\}|\b49\b", text)
    wrong = site.browser().sign_in(MARKUP, "x")
    assert "<script>alert" not in wrong.text
    assert "&lt;script&gt;alert" in wrong.text


def test_no_page_lets_a_browser_run_what_is_not_ours(shared: Site) -> None:
    for path in ("/", "/sign-in", "/nowhere", "/api/v1/entries", "/static/page.css", "/healthz"):
        headers = shared.browser().get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert re.fullmatch(r"'self' 'nonce-[\w-]{22}'", policy["script-src"])
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
    for template in (Path("reports") / "web" / "templates").glob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\son\w+=|style=|javascript:", text), template
        assert "|safe" not in text.replace(" ", ""), template


def test_a_host_may_frame_the_page_where_it_is_named(site: Site) -> None:
    with site_over(site.dsn, ancestors=("https://panel.example",)) as framed:
        headers = framed.browser().get("/sign-in").headers
        assert "frame-ancestors https://panel.example" in headers["content-security-policy"]
        assert "x-frame-options" not in headers


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_csv_formulas(site: Site, start: str) -> None:
    formula = f'{start}HYPERLINK("http://evil.example","x")'
    site.run("UPDATE crm.territories SET name = %s WHERE id = 1", formula)
    answer = site.signed_in("ada").get("/api/v1/export?format=csv&module=Territories")
    assert answer.status_code == 200
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 2
    assert all(not cell.startswith(tuple("=+-@\t\r")) for cell in rows[1])


def test_response_splitting(shared: Site) -> None:
    ada = shared.signed_in("ada")
    for path in ("/api/v1/export?q=%0d%0aX-Evil:%201", "/?q=%0d%0aX-Evil:%201", "/sign-in?next=%0d%0aX-Evil:%201"):
        assert "x-evil" not in ada.get(path).headers
    assert "x-evil" not in shared.browser().get("/?q=%0d%0aX-Evil:%201").headers


def test_what_may_be_kept_by_caches(shared: Site) -> None:
    ada = shared.signed_in("ada")
    for path in ("/", "/api/v1/entries", "/sign-in", "/nowhere"):
        assert ada.get(path).headers["cache-control"] == "no-store"
    assert "immutable" in ada.get("/static/page.css?v=1").headers["cache-control"]


def test_a_look_at_the_head_of_an_export_exports_nothing(site: Site) -> None:
    ada = site.signed_in("ada")
    answer = ada.client.head("/api/v1/export")
    assert (answer.status_code, answer.text) == (200, "")
    assert site.told("access.exported") == []


def test_names_that_are_alike_have_subjects_that_are_not(site: Site) -> None:
    site.signed_in("ada").get("/api/v1/export")
    site.browser().get("/api/v1/export", headers=site.token("Ada Admin", ("export",)))
    rows = site.run("SELECT actor, context ->> 'subject' FROM audit.log WHERE new ->> 'kind' = 'exported' ORDER BY id")
    assert rows == [("Ada Admin", "password:ada"), ("Ada Admin (API token)", "token:1")]


def test_oversize_bodies(shared: Site) -> None:
    browser = shared.browser()
    token = browser.form()
    huge = {"csrf": token, "name": "ada", "password": "x" * 100_000}
    assert browser.client.post("/sign-in", data=huge).status_code == 413

    def endless() -> Any:
        for _ in range(1000):
            yield b"a=" + b"x" * 1000 + b"&"

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.client.post("/sign-in", content=endless(), headers=headers).status_code == 413
    many = "&".join(f"f{one}=1" for one in range(3000))
    assert browser.client.post("/sign-in", content=many, headers=headers).status_code == 400
    files = {"name": ("a.txt", b"ada")}
    assert browser.client.post("/sign-in", files=files, data={"csrf": token}).status_code == 403


def test_a_failure_tells_a_visitor_nothing_of_its_inside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = site.signed_in("ada")

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("capture.pages.page", broken)
    for path in ("/", "/api/v1/entries"):
        answer = ada.get(path)
        assert answer.status_code == 500
        assert "secret inside" not in answer.text
        assert "content-security-policy" in answer.headers
