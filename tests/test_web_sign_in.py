"""Signing in with a password, the session that follows, and its end."""

from __future__ import annotations

import re

import pytest

from tests.fix_web import PASSWORD, Site

pytestmark = pytest.mark.one_server


def test_who_is_not_signed_in_is_asked_to_and_comes_back(site: Site) -> None:
    browser = site.browser()
    answer = browser.get("/?module=Territories&q=a%26b")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2F%3Fmodule%3DTerritories%26q%3Da%2526b"
    asked = browser.get(answer.headers["location"])
    found = re.search(r'name="next" value="([^"]+)"', asked.text)
    assert found
    back = browser.sign_in("ADA", next=found[1].replace("&amp;", "&"))
    assert (back.status_code, back.headers["location"]) == (303, "/?module=Territories&q=a%26b")
    assert browser.get("/").status_code == 200


def test_the_cookie_is_for_us_alone_and_the_database_keeps_only_its_hash(site: Site) -> None:
    browser = site.browser()
    cookie = browser.sign_in("ada").headers["set-cookie"]
    assert re.search(r"whochanged_session=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax", cookie)
    assert browser.session is not None
    ((kept, expected),) = site.run(
        "SELECT token_hash, sha256(convert_to(%s, 'UTF8')) FROM audit.web_session", browser.session
    )
    assert kept == expected


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(site: Site) -> None:
    browser = site.browser(base="https://testserver")
    cookies = browser.sign_in("ada").headers.get_list("set-cookie")
    assert all("; Secure" in cookie for cookie in cookies)
    assert any(cookie.startswith("__Host-whochanged_session=") for cookie in cookies)
    assert browser.get("/").headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "name,password", [("ada", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("", ""), ("a\0da", "x")]
)
def test_one_answer_says_that_name_or_password_is_wrong(site: Site, name: str, password: str) -> None:
    answer = site.browser().sign_in(name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "whochanged_session" not in answer.headers.get("set-cookie", "")


def test_a_sign_in_and_a_sign_out_are_entries_of_the_log(site: Site) -> None:
    browser = site.signed_in("ada")
    assert browser.post("/sign-out", page="/").headers["location"] == "/sign-in"
    assert "You are signed out." in browser.get("/sign-in").text
    assert "You are signed out." not in browser.get("/sign-in").text
    assert site.told("access.signed_in") == ["Signed in to the audit log by password (198.51.100.1)"]
    assert site.told("access.signed_out") == ["Signed out of the audit log"]
    ((actor, ip),) = site.run("SELECT DISTINCT actor, ip FROM audit.log WHERE table_name = 'audit.access'")
    assert (actor, ip) == ("Ada Admin", "198.51.100.1")


def test_after_the_sign_out_the_old_cookie_is_worth_nothing(site: Site) -> None:
    browser = site.signed_in("ada")
    stolen = browser.session
    browser.post("/sign-out", page="/")
    thief = site.browser(cookies={"whochanged_session": stolen})
    assert thief.get("/").status_code == 303


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE audit.web_session SET seen_at = now() - interval '31 minutes'",
        "UPDATE audit.web_session SET expires_at = now() - interval '1 second'",
        "UPDATE audit.web_user SET disabled = true WHERE name = 'ada'",
        "UPDATE audit.web_user SET password_set_at = now() + interval '1 second' WHERE name = 'ada'",
        "DELETE FROM audit.web_user WHERE name = 'ada'",
        "DELETE FROM audit.web_session",
    ],
)
def test_a_session_ends_when_idle_when_old_and_when_the_account_changes(site: Site, end: str) -> None:
    browser = site.signed_in("ada")
    assert browser.get("/").status_code == 200
    site.run(end)
    assert browser.get("/").status_code == 303
    assert browser.get("/api/v1/entries").status_code == 401


def test_a_session_that_is_used_stays_and_polling_is_no_use(site: Site) -> None:
    browser = site.signed_in("ada")
    seen = "SELECT seen_at > now() - interval '1 minute' FROM audit.web_session"
    site.run("UPDATE audit.web_session SET seen_at = now() - interval '20 minutes'")
    assert browser.get("/api/v1/arrived").status_code == 200
    assert site.run(seen) == [(False,)]
    news = re.search(r'data-news="([^"]+)"', browser.get("/").text)
    assert news
    site.run("UPDATE audit.web_session SET seen_at = now() - interval '20 minutes'")
    assert browser.get(news[1].replace("&amp;", "&")).status_code == 200
    assert site.run(seen) == [(False,)]
    assert browser.get("/").status_code == 200
    assert site.run(seen) == [(True,)]


def test_rights_are_those_of_this_moment(site: Site) -> None:
    browser = site.signed_in("ada")
    assert browser.get("/api/v1/health").status_code == 200
    site.run("UPDATE audit.web_user SET role = 'account_admin', accounts = '{2}' WHERE name = 'ada'")
    assert browser.get("/api/v1/health").status_code == 403


def test_sessions_that_are_over_are_forgotten(site: Site) -> None:
    site.signed_in("ada")
    site.run("UPDATE audit.web_session SET expires_at = now() - interval '1 hour'")
    site.signed_in("olga")
    assert site.run("SELECT count(*) FROM audit.web_session") == [(1,)]


def test_a_password_kept_in_an_older_way_is_kept_anew_and_nobody_is_told(site: Site) -> None:
    from reports.web.config import HashCost
    from reports.web.signin.passwords import hash_password

    old = hash_password(PASSWORD, HashCost(rounds=2, memory=8, lanes=1))
    site.run("UPDATE audit.web_user SET password_hash = %s WHERE name = 'ada'", old)
    site.signed_in("ada")
    ((kept,),) = site.run("SELECT password_hash FROM audit.web_user WHERE name = 'ada'")
    assert "t=1," in kept
    assert site.told("page_account.password_changed") == []
    assert site.run("SELECT count(*) FROM audit.change WHERE (old, new)::text LIKE '%argon2%'") == [(0,)]


def test_without_passwords_there_is_no_form_and_none_is_taken(site: Site) -> None:
    from tests.fix_web import site_over

    with site_over(site.dsn, passwords=False) as closed:
        browser = closed.browser()
        assert 'name="password"' not in browser.get("/sign-in").text
        token = site.browser().form()
        assert (
            browser.client.post("/sign-in", data={"name": "ada", "password": PASSWORD, "csrf": token}).status_code
            == 403
        )
