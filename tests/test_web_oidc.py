"""Signing in by OpenID Connect, with a provider on loopback that is honest, and with one that lies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey

from reports.web.config import Provider as Config
from reports.web.config import RoleNames
from tests.fix_web import Browser, Site, site_over
from tests.oidc_provider import CLIENT, SECRET, Provider, running, shared_secret

pytestmark = pytest.mark.one_server

ROLES = RoleNames(frozenset({"audit-admins"}), frozenset({"tenants"}))
ADA = {"sub": "248289761001", "name": "Ada Lovelace", "email": "ada@example.com", "groups": ["staff", "audit-admins"]}
OLGA = {"sub": "2", "name": "Olga", "groups": "tenants", "accounts": ["2", 3]}


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Give a provider at which Ada is signed in."""
    with running() as found:
        found.claims = dict(ADA)
        yield found


@pytest.fixture
def single(site: Site, provider: Provider) -> Iterator[Site]:
    """Give the page with single sign-on by the provider."""
    config = Config(provider.issuer, CLIENT, SECRET, label="Example ID")
    with site_over(site.dsn, provider=config, roles=ROLES) as found:
        yield found


def begin(browser: Browser, target: str = "/") -> str:
    """Go to the provider, and return the address that the browser is sent to."""
    answer = browser.get(f"/sign-in/oidc?next={target}")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def sign_in(browser: Browser, provider: Provider) -> httpx2.Response:
    """Go to the provider, be let in there, and come back."""
    return browser.get(provider.authorize(begin(browser)))


def test_who_is_signed_in_there_is_signed_in_here(single: Site, provider: Provider) -> None:
    browser = single.browser()
    assert "Sign in with Example ID" in browser.get("/sign-in").text
    address = begin(browser, "%2F%3Fq%3Dx")
    asked = parse_qs(urlsplit(address).query)
    assert asked["scope"] == ["openid profile email"]
    assert asked["redirect_uri"] == ["http://testserver/sign-in/oidc/callback"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    answer = browser.get(provider.authorize(address))
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=x")
    assert '<b><bdi>Ada Lovelace</bdi></b><br><small class="soft">Admin</small>' in browser.get("/").text
    assert single.told("access.signed_in") == ["Signed in to the audit log by single sign-on (198.51.100.1)"]
    assert browser.post("/sign-out", page="/").status_code == 303
    assert browser.get("/").status_code == 303


def test_an_account_admin_sees_the_accounts_that_the_provider_names(single: Site, provider: Provider) -> None:
    provider.claims = dict(OLGA)
    browser = single.browser()
    sign_in(browser, provider)
    assert '<b><bdi>Olga</bdi></b><br><small class="soft">Account Admin</small>' in browser.get("/").text
    ((viewer,),) = single.run("SELECT viewer FROM audit.web_session")
    assert (viewer["role"], viewer["accounts"]) == ("account_admin", ["2", "3"])


def test_claims_that_the_token_lacks_are_asked_for(single: Site, provider: Provider) -> None:
    provider.claims, provider.userinfo = {"sub": "1"}, {**ADA, "sub": "1"}
    browser = single.browser()
    assert sign_in(browser, provider).status_code == 303
    assert "Ada Lovelace" in browser.get("/").text
    provider.userinfo = {**ADA, "sub": "another"}
    assert sign_in(single.browser(), provider).status_code == 403


def test_a_key_that_is_new_there_is_learnt(single: Site, provider: Provider) -> None:
    assert sign_in(single.browser(), provider).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
    assert sign_in(single.browser(), provider).status_code == 403
    provider.key = RSAKey.generate_key(2048, {"kid": "two"}, private=True)
    assert [path for path in provider.asked if path == "/keys"] == ["/keys"]


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another issuer": lambda claims: claims.update(iss="https://evil.example"),
    "no issuer": lambda claims: claims.pop("iss"),
    "for another client": lambda claims: claims.update(aud="another"),
    "for two clients, made for the other": lambda claims: claims.update(aud=[CLIENT, "another"], azp="another"),
    "no audience": lambda claims: claims.pop("aud"),
    "ended": lambda claims: claims.update(exp=int(time.time()) - 3600),
    "without an end": lambda claims: claims.pop("exp"),
    "not valid yet": lambda claims: claims.update(nbf=int(time.time()) + 3600),
    "another nonce": lambda claims: claims.update(nonce="x"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "nobody": lambda claims: claims.pop("sub"),
    "another access token": lambda claims: claims.update(at_hash="x"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_agree_lets_nobody_in(single: Site, provider: Provider, lie: str) -> None:
    provider.lie = LIES[lie]
    browser = single.browser()
    assert sign_in(browser, provider).status_code == 403
    assert browser.get("/").status_code == 303
    assert single.told("access.refused") == ["Refused a sign-in to the audit log by single sign-on (198.51.100.1)"]


def test_a_token_signed_by_others_by_the_secret_or_by_nobody(single: Site, provider: Provider) -> None:
    provider.sign_with = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
    assert sign_in(single.browser(), provider).status_code == 403
    provider.algorithm, provider.sign_with = "HS256", shared_secret()
    assert sign_in(single.browser(), provider).status_code == 403


def test_who_has_no_role_there_is_nobody_here(single: Site, provider: Provider) -> None:
    provider.claims = {**ADA, "groups": ["staff"]}
    answer = sign_in(single.browser(), provider)
    assert answer.status_code == 403
    assert "neither Admin nor Account Admin" in answer.text


def test_a_sign_in_is_finished_in_the_browser_that_began_it_and_once(single: Site, provider: Provider) -> None:
    victim, attacker = single.browser(), single.browser()
    back = provider.authorize(begin(attacker))
    assert victim.get(back).status_code == 403
    begin(victim)
    assert victim.get(back).status_code == 403
    assert attacker.get(back).status_code == 303
    assert attacker.get(back).status_code == 403


def test_a_code_without_its_verifier_is_worth_nothing(single: Site, provider: Provider) -> None:
    """PKCE: whoever reads the code on its way cannot use it in a sign-in of his own."""
    victim, attacker = single.browser(), single.browser()
    stolen = parse_qs(urlsplit(provider.authorize(begin(victim))).query)["code"][0]
    own = parse_qs(urlsplit(begin(attacker)).query)["state"][0]
    assert attacker.get(f"/sign-in/oidc/callback?code={stolen}&state={own}").status_code == 403


def test_an_answer_from_another_provider_is_refused(single: Site, provider: Provider) -> None:
    provider.issuer_sent = "https://evil.example"
    assert sign_in(single.browser(), provider).status_code == 403
    provider.issuer_sent = provider.issuer
    assert sign_in(single.browser(), provider).status_code == 303


@pytest.mark.parametrize("query", ["", "?error=access_denied", "?code=x", "?state=x&code=x", "?error=%3Cscript%3E"])
def test_a_callback_out_of_nowhere(single: Site, query: str) -> None:
    answer = single.browser().get(f"/sign-in/oidc/callback{query}")
    assert answer.status_code == 403
    assert "<script>" not in answer.text


def test_a_provider_that_calls_itself_otherwise_or_is_not_there(single: Site, provider: Provider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}
    assert single.browser().get("/sign-in/oidc").status_code == 503
    provider.metadata = {"token_endpoint": "http://evil.example/token"}
    assert single.browser().get("/sign-in/oidc").status_code == 503
    with site_over(single.dsn, provider=Config("http://127.0.0.1:9", CLIENT), roles=ROLES) as lost:
        assert lost.browser().get("/sign-in/oidc").status_code == 503
    with site_over(single.dsn, provider=Config("http://id.example", CLIENT), roles=ROLES) as plain:
        assert "must be asked by https" in plain.browser().get("/sign-in/oidc").text


def test_the_secret_shows_nowhere(single: Site, provider: Provider) -> None:
    assert SECRET not in repr(single.app.state.web.config)
    answer = sign_in(single.browser(), provider)
    assert SECRET not in answer.text + str(answer.headers)
