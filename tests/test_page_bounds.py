"""What the page may not tell or promise wrongly: bounds of accounts in what surrounds the entries, moments, exports, ways in."""

from __future__ import annotations

import re
from dataclasses import replace

import psycopg
import pytest

from reports import recipients
from reports.admins import ask
from reports.web.app import create_app
from reports.web.signin import users
from reports.web.view.wanted import Wanted
from tests.digests import CATALOGUE
from tests.fix_web import HASH, Site
from tests.test_page_server import links, save, text

pytestmark = pytest.mark.one_server


def test_the_oldest_entry_is_the_viewers_own(site: Site) -> None:
    """An Account Admin is not told when somebody of another account was at work."""
    save(site, "UPDATE crm.territories SET name = 'First' WHERE id = 1")
    save(site, "INSERT INTO crm.accounts (id, name) VALUES (2, 'Globex')")
    save(site, "INSERT INTO crm.territories (account_id, name, position) VALUES (2, 'Second', 9)")
    olga = site.signed_in("olga")
    own = [entry["at"] for entry in olga.get("/api/v1/entries").json()["entries"]]
    found = re.search(r'oldest entry is \w+ <time datetime="([^"]+)"', olga.get("/").text)
    assert found
    assert found[1] == min(own)


def test_a_moment_of_a_history_is_the_same_in_every_zone(site: Site) -> None:
    """The switch to UTC shows what it was at that moment, not at the same clock time of another zone."""
    site.run("UPDATE audit.web_user SET timezone = 'Asia/Tokyo' WHERE name = 'ada'")
    ada = site.signed_in("ada")
    save(site, "UPDATE crm.territories SET name = 'Before' WHERE id = 1")
    page = ada.get("/history/crm.territories/1?at=2026-03-01T09:30").text
    assert "1 Mar 2026, 09:30" in text(page)
    (switch,) = [link for link in links(page, "/history/crm.territories/1?") if "zone=utc" in link and "at=" in link][
        :1
    ]
    assert "at=2026-03-01T00%3A30Z" in switch
    assert "1 Mar 2026, 00:30" in text(ada.get(switch.replace("&amp;", "&")).text)


def test_a_moment_that_a_clock_shows_twice_is_told_with_its_offset(site: Site) -> None:
    site.run("UPDATE audit.web_user SET timezone = 'Europe/Berlin' WHERE name = 'ada'")
    save(site, "UPDATE crm.territories SET name = 'Before' WHERE id = 1")
    browser = site.signed_in("ada")
    said = [
        re.findall(r"As it was on ([^<]+)<", browser.get(f"/history/crm.territories/1?at=2026-10-25T{at}").text)[0]
        for at in ("00:30Z", "01:30Z")
    ]
    assert len(set(said)) == 2
    assert all("25 Oct 2026, 02:30" in one for one in said)


def test_an_export_has_what_the_list_had_and_says_in_words_what_was_asked(site: Site) -> None:
    """The entry of the export is not in its own file, though its words would match."""
    ada = site.signed_in("ada")
    save(site, "UPDATE crm.territories SET name = 'Bär & Söhne' WHERE id = 1")
    answer = ada.get("/export.jsonl?q=Bär&zone=utc")
    assert len(answer.text.splitlines()) == 1
    assert "(q Bär)" in text(ada.get("/?module=Audit+log&q=Exported").text)


def test_an_export_refuses_a_misspelt_filter_and_another_site(site: Site) -> None:
    """Nobody takes the whole log away by a letter, and no other site has anybody take anything away."""
    ada = site.signed_in("ada")
    refused = ada.get("/export.csv?modul=Workflows")
    assert refused.status_code == 400
    assert "Unknown parameter &#39;modul&#39;" in refused.text
    elsewhere = ada.client.get("/export.csv", headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    assert "asked for by another site" in elsewhere.text


def test_where_a_host_says_who_is_signed_in_no_password_is_asked_for(site: Site) -> None:
    """The form would lead nowhere: the host knows nobody still."""
    hosted = Site(site.dsn, create_app(replace(site.app.state.web.config, identify=lambda _: None)), site.stack)
    answer = hosted.browser().get("/sign-in?next=/")
    assert answer.status_code == 403
    assert "Sign in to the application that this page is a part of" in text(answer.text)


def test_since_yesterday_is_not_the_period_yesterday() -> None:
    """It goes on until now, and says so."""
    wanted = Wanted.of([("since", "yesterday")])
    assert (wanted.period, [chip.words for chip in wanted.chips({})]) == ("dates", ["From: yesterday"])
    assert Wanted.of([("period", "yesterday")]).period == "yesterday"


@pytest.fixture
def bob(crm_conn: psycopg.Connection[tuple[object, ...]]) -> psycopg.Connection[tuple[object, ...]]:
    """Give a log whose digest goes to Bob, who is an Admin of the page."""
    users.add(crm_conn, "bob@x.test", HASH)
    recipients.add(crm_conn, CATALOGUE, "Bob@X.test", name="Bob")
    return crm_conn


def test_a_mail_tells_nobody_more_than_their_account_of_the_page(bob: psycopg.Connection[tuple[object, ...]]) -> None:
    assert ask(bob).may_get("bob@x.test", None)
    bob.execute("UPDATE audit.web_user SET role = 'account_admin', accounts = '{2}'")
    assert not ask(bob).may_get("Bob@x.test", None)
    assert ask(bob).may_get("bob@x.test", ["2"])
    assert not ask(bob).may_get("bob@x.test", ["1", "2"])
    assert ask(bob).may_get("somebody@else.test", None)
    users.disable(bob, "bob@x.test")
    assert not ask(bob).may_get("bob@x.test", ["2"])


def test_who_is_removed_from_the_page_gets_no_more_digests(bob: psycopg.Connection[tuple[object, ...]]) -> None:
    users.remove(bob, "bob@x.test")
    (found,) = recipients.read(bob)
    assert (found.held, found.paused_reason) == ("paused", "the account of the page was removed")


@pytest.mark.parametrize(
    "given, said",
    [
        ("1h", "From: 1 hour ago"),
        ("7200m", "From: 7200 minutes ago"),
        ("2026-11-30T16:32:17+01:00", "From: 30 Nov 2026, 16:32"),
        ("2026-11-30", "From: 30 Nov 2026"),
        ("soon", "From: soon"),
    ],
)
def test_a_chip_says_a_moment_as_people_do(given: str, said: str) -> None:
    assert [chip.words for chip in Wanted.of([("since", given)]).chips({})] == [said]
