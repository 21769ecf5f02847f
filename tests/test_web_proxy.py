"""Signed in by a trusted reverse proxy: its headers count, in its own requests and in nobody else's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest

from reports.web.config import ProxyHeaders, RoleNames
from reports.web.viewer import Viewer
from tests.fix_web import Site, site_over

pytestmark = pytest.mark.one_server

PROXY = "10.0.0.5"
ADA = {"X-Forwarded-User": "u-17", "X-Forwarded-Name": "Ada", "X-Forwarded-Groups": "staff, Log-Admins"}
OLGA = {"X-Forwarded-User": "u-18", "X-Forwarded-Groups": "tenants", "X-Forwarded-Accounts": "2, 3"}
ROLES = RoleNames(frozenset({"log-admins"}), frozenset({"tenants"}), frozenset({"log-admins"}))


@pytest.fixture
def proxied(site: Site) -> Iterator[Site]:
    """Give the page behind a trusted proxy that names who is signed in."""
    networks = (ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("::1/128"))
    headers = ProxyHeaders(user="X-Forwarded-User")
    with site_over(site.dsn, proxies=networks, headers=headers, roles=ROLES) as found:
        yield found


def test_the_trusted_proxy_says_who_looks_and_what_they_see(proxied: Site) -> None:
    browser = proxied.browser(PROXY)
    assert '<b><bdi>Ada</bdi></b><br><small class="soft">Admin</small>' in browser.get("/", headers=ADA).text
    assert '<b><bdi>u-18</bdi></b><br><small class="soft">Account Admin</small>' in browser.get("/", headers=OLGA).text
    assert browser.get("/api/v1/export", headers=ADA).status_code == 200
    assert browser.get("/api/v1/export", headers=OLGA).status_code == 403
    assert browser.get("/api/v1/health", headers=OLGA).status_code == 403


@pytest.mark.parametrize("address", ["10.0.1.5", "198.51.100.1", "::ffff:198.51.100.1", "127.0.0.1", "2001:db8::1"])
def test_forged_headers_from_another_address(proxied: Site, address: str) -> None:
    assert proxied.browser(address).get("/", headers=ADA).status_code == 303
    chained = {**ADA, "X-Forwarded-For": PROXY, "Forwarded": f"for={PROXY}", "X-Real-IP": PROXY}
    assert proxied.browser(address).get("/", headers=chained).status_code == 303


def test_an_address_of_ipv4_written_as_one_of_ipv6_is_the_same(proxied: Site) -> None:
    assert proxied.browser(f"::ffff:{PROXY}").get("/", headers=ADA).status_code == 200


def test_a_header_that_comes_twice_is_refused(proxied: Site) -> None:
    """A client sent one, and the proxy added its own."""
    sent = [*ADA.items(), ("X-Forwarded-User", "root")]
    assert proxied.browser(PROXY).client.get("/", headers=sent).status_code == 400
    sent = [*OLGA.items(), ("X-Forwarded-Groups", "log-admins")]
    assert proxied.browser(PROXY).client.get("/", headers=sent).status_code == 400


@pytest.mark.parametrize(
    "headers,said",
    [
        ({"X-Forwarded-User": "u"}, "neither Admin nor Account Admin"),
        ({"X-Forwarded-User": "u", "X-Forwarded-Groups": "log-admins-not"}, "neither Admin nor Account Admin"),
        ({"X-Forwarded-User": "u", "X-Forwarded-Groups": "tenants"}, "Account Admin of no account"),
        ({"X-Forwarded-User": "u", "X-Forwarded-Groups": "tenants", "X-Forwarded-Accounts": " , "}, "of no account"),
    ],
)
def test_who_has_no_role_is_told_so_and_the_log_too(proxied: Site, headers: dict[str, str], said: str) -> None:
    answer = proxied.browser(PROXY).get("/", headers=headers)
    assert answer.status_code == 403
    assert said in answer.text
    assert proxied.told("access.refused") == [f"Refused a sign-in to the audit log by reverse proxy ({PROXY})"]


def test_whom_the_proxy_does_not_name_is_not_signed_in(proxied: Site) -> None:
    nameless = {**ADA, "X-Forwarded-User": "  "}
    assert proxied.browser(PROXY).get("/", headers=nameless).status_code == 303
    assert proxied.browser(PROXY).get("/").status_code == 303


def test_a_sign_in_is_told_once_until_they_were_away(proxied: Site) -> None:
    browser = proxied.browser(PROXY)
    for _ in range(3):
        browser.get("/", headers={**ADA, "X-Forwarded-For": "192.0.2.7"})
    said = "Signed in to the audit log by reverse proxy (192.0.2.7)"
    assert proxied.told("access.signed_in") == [said]
    proxied.run("UPDATE audit.web_session SET seen_at = now() - interval '1 hour'")
    browser.get("/", headers={**ADA, "X-Forwarded-For": "192.0.2.7"})
    assert proxied.told("access.signed_in") == [said, said]


def test_the_session_of_a_proxy_is_no_cookie_for_anybody(proxied: Site) -> None:
    proxied.browser(PROXY).get("/", headers=ADA)
    for cookie in ("proxy:u-17", "u-17"):
        assert proxied.browser(cookies={"whochanged_session": cookie}).get("/").status_code == 303


@pytest.mark.parametrize(
    "chain,seen",
    [
        ("203.0.113.4", "203.0.113.4"),
        ("127.0.0.1, 203.0.113.4", "203.0.113.4"),
        ("1.2.3.4, 203.0.113.4, 10.0.0.9", "203.0.113.4"),
        ("garbage", PROXY),
        ("203.0.113.4, garbage", PROXY),
        ("", PROXY),
    ],
)
def test_the_address_is_the_last_that_no_proxy_has(proxied: Site, chain: str, seen: str) -> None:
    proxied.browser(PROXY).post("/sign-in", name="ada", password="wrong", headers={"X-Forwarded-For": chain})
    assert proxied.run("SELECT address FROM audit.access") == [(seen,)]


def test_the_proxy_says_that_it_was_asked_by_https(proxied: Site) -> None:
    headers = {"X-Forwarded-Proto": "https"}
    assert "strict-transport-security" in proxied.browser(PROXY).get("/sign-in", headers=headers).headers
    assert "strict-transport-security" not in proxied.browser("10.0.9.9").get("/sign-in", headers=headers).headers


def test_listening_to_the_network_only_the_proxy_is_answered(proxied: Site) -> None:
    networks = (ipaddress.ip_network(f"{PROXY}/32"),)
    with site_over(proxied.dsn, proxies=networks, only_proxies=True) as closed:
        assert closed.browser(PROXY).get("/sign-in").status_code == 200
        assert closed.browser("127.0.0.1").get("/healthz").status_code == 200
        for path in ("/sign-in", "/healthz", "/static/page.css"):
            assert closed.browser("198.51.100.1").get(path).status_code == 403


def test_a_host_application_says_who_looks(site: Site) -> None:
    viewer = Viewer("Hanna Host", "account_admin", frozenset({"1"}), may_export=False, timezone=None, subject="host:7")
    with site_over(site.dsn, identify=lambda request: viewer if request.headers.get("x-host") else None) as hosted:
        assert "Hanna Host" in hosted.browser().get("/", headers={"x-host": "1"}).text
        assert hosted.browser().get("/").status_code == 303
        assert "Sign out" not in hosted.browser().get("/", headers={"x-host": "1"}).text


def test_an_account_admin_without_accounts_cannot_be(site: Site) -> None:
    for role, accounts in (("account_admin", None), ("admin", frozenset({"1"}))):
        with pytest.raises(ValueError, match="sees all accounts"):
            Viewer("x", role, accounts, may_export=True, timezone=None, subject="x")  # type: ignore[arg-type]
