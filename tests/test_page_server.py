"""The pages as the server answers them: entries that are gone, exports, settings, and what an Account Admin may not see."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from reports import recipients
from tests.digests import CATALOGUE
from tests.fix_web import Browser, Site

pytestmark = pytest.mark.one_server


def save(site: Site, statement: str, actor: str = "Ana Admin") -> None:
    """Change something as a person."""
    with psycopg.connect(site.dsn) as conn:
        conn.execute("SELECT set_config('audit.actor', %s, true)", (actor,))
        conn.execute(statement.encode())


def links(page: str, start: str) -> list[str]:
    """Return the addresses on a page that begin so."""
    return list(dict.fromkeys(re.findall(rf'href="({re.escape(start)}[^"]*)"', page)))


def text(page: str) -> str:
    """Return what can be read on a page, in one line."""
    main = page.split("<main", 1)[1]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def test_an_entry_keeps_its_address_until_it_is_purged_and_says_so_after(site: Site) -> None:
    """Before: 200. After the purge: 410, with the day and the reason; an address that never was one: 400 or 404."""
    ada = site.signed_in("ada")
    save(site, "UPDATE crm.territories SET name = 'Europe' WHERE id = 1")
    (address,) = links(ada.get("/?module=Territories").text, "/entries/")
    assert "Renamed territory" in ada.get(address).text
    site.run("DELETE FROM audit.change")
    assert ada.get(address).status_code == 404
    today = site.run("SELECT (now() AT TIME ZONE 'UTC')::date")[0][0]
    site.run(
        "INSERT INTO audit.purge (first_day, last_day, changes, bytes, retention_days) VALUES (%s, %s, 1, 1, 30)",
        today,
        today,
    )
    gone = ada.get(address)
    assert gone.status_code == 410
    assert "was purged on" in text(gone.text)
    assert "entries are kept for 30 days" in text(gone.text)
    assert ada.get("/entries/nonsense").status_code == 400


def test_an_account_admin_reads_nothing_of_other_accounts(site: Site) -> None:
    """List, entry, history, news and overview of account 1 are closed to the Account Admin of account 2."""
    ada, olga = site.signed_in("ada"), site.signed_in("olga")
    marker = re.search(r'data-news="([^"]+)"', olga.get("/").text)
    assert marker
    save(site, "UPDATE crm.territories SET name = 'Secret plan' WHERE id = 1")
    (address,) = links(ada.get("/?q=Secret+plan").text, "/entries/")
    (history,) = links(ada.get("/?q=Secret+plan").text, "/history/")
    news = marker[1].replace("&amp;", "&")
    assert olga.get(news).json()["count"] == 0
    assert ada.get(news).json()["words"] == "1 new entry"
    for path in (
        "/",
        "/?account=1",
        "/?q=Secret+plan",
        "/overview",
        history,
        f"{history}?at=2099-01-01T00:00",
        address,
    ):
        assert "Secret plan" not in text(olga.get(path).text).replace("Text Secret plan", "").replace(
            "“Secret plan”", ""
        )
    assert olga.get(address).status_code == 404
    assert "No change of it is in the log" in olga.get(history).text
    assert "crm.territories" in olga.get("/coverage").text


def test_an_export_has_what_the_list_has_and_is_an_entry_itself(site: Site) -> None:
    """CSV and JSON lines of the filters, safe for spreadsheets, in UTC; who may only look is refused."""
    save(site, "UPDATE crm.territories SET name = '=1+1' WHERE id = 1")
    save(site, "UPDATE crm.workflows SET name = 'Other' WHERE id = 1")
    ada = site.signed_in("ada")
    answer = ada.get("/export.csv?module=Territories")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert [row["entity_name"] for row in rows] == ["'=1+1"]
    assert rows[0]["at"].endswith("Z")
    (line,) = ada.get("/export.jsonl?module=Workflows").text.splitlines()
    assert json.loads(line)["entity_name"] == "Other"
    assert text(ada.get("/?module=Audit+log").text).count("Exported") == 2
    assert site.signed_in("nora").get("/export.csv").status_code == 403
    assert "/export.csv" not in site.signed_in("nora").get("/").text


def test_a_filter_of_a_form_becomes_a_tidy_address(site: Site) -> None:
    """Empty fields and the period of the form are sent on to the address that can be passed on."""
    ada = site.signed_in("ada")
    answer = ada.get("/?q=&actor=&period=yesterday&since=&until=&type=Deleted")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?since=yesterday&until=yesterday&type=Deleted")
    assert ada.get("/?q=&period=").headers["location"] == "/?"


def test_a_filter_that_means_nothing_is_said_beside_the_form_that_keeps_it(site: Site) -> None:
    """The address is refused, and what was chosen can be put right where it was chosen."""
    ada = site.signed_in("ada")
    answer = ada.get("/?since=2026-10-05&until=2026-10-01&module=Territories")
    assert answer.status_code == 400
    assert "The period ends before it begins: choose a first day that is not after the last" in text(answer.text)
    assert 'name="since" value="2026-10-05"' in answer.text
    assert 'value="Territories" checked' in answer.text
    assert "/news" not in answer.text
    assert "Sensitivity is one of" in text(ada.get("/?sensitivity=wild").text)
    assert "begin at the first page again" in text(ada.get("/?cursor=nonsense").text)


def test_history_refuses_what_is_no_moment_and_no_table(site: Site) -> None:
    """Each mistake is said in a sentence."""
    ada = site.signed_in("ada")
    for address in ("/history/crm.nothing/1", "/history/a%00b/1", "/history/crm.territories/%00"):
        assert ada.get(address).status_code == 404
    save(site, "UPDATE crm.territories SET name = 'Europe' WHERE id = 1")
    for query, said in (
        ("at=soon", "is no moment"),
        ("from=2026-01-01T00:00", "choose two points"),
        ("at=9999-12-31T23:59", "As it was"),
        ("at=0001-01-01T00:00:00%2B14:00", "is no moment"),
    ):
        assert said.lower() in text(ada.get(f"/history/crm.territories/1?{query}").text).lower()


def test_a_history_is_found_whatever_its_key_is_made_of(site: Site) -> None:
    """The links of the list and of the API lead to a row whose key has what means something in an address."""
    site.run("CREATE TABLE crm.codes (code text PRIMARY KEY, note text)")
    site.run("SELECT audit.track('crm.codes')")
    save(site, "INSERT INTO crm.codes VALUES (E'a/b?c#d\ne;f é\n', 'one')")
    ada = site.signed_in("ada")
    (address,) = links(ada.get("/?q=code").text, "/history/crm.codes/")
    assert "1 change" in text(ada.get(address).text)
    program = ada.get(f"/api/v1{address}")
    assert [entry["entity_id"] for entry in program.json()["entries"]] == ["a/b?c#d\ne;f é\n"]


def subscription(site: Site, email: str) -> recipients.Recipient | None:
    """Return a recipient."""
    with psycopg.connect(site.dsn) as conn:
        return next((one for one in recipients.read(conn) if one.email == email), None)


FORM: dict[str, Any] = {
    "cadence": "weekly",
    "timezone": "Asia/Tokyo",
    "send_at": "09:30",
    "weekday": "3",
    "sensitivity": "high",
    "when_empty": "never",
    "module:Territories": "on",
}


ELSE: dict[str, Any] = {"account:1": "on", "email": "eve@evil.test"}
"""What a form may not say: another account, another address."""


@pytest.fixture
def mira(site: Site) -> Browser:
    """Give the browser of an Account Admin of account 2 who has a mail address."""
    site.run(
        "INSERT INTO audit.web_user (name, full_name, role, accounts, password_hash)"
        " SELECT 'mira@globex.test', 'Mira', 'account_admin', '{2}', password_hash FROM audit.web_user WHERE name = 'ada'"
    )
    return site.signed_in("mira@globex.test")


def test_a_viewer_subscribes_changes_pauses_and_ends_their_own_digest(site: Site, mira: Browser) -> None:
    """Never to another address, never for more accounts than they see; each step is an entry by their name."""
    assert "You get no digest" in mira.get("/settings").text
    assert mira.post("/settings/digest", page="/settings", **FORM, **ELSE).status_code == 303
    found = subscription(site, "mira@globex.test")
    assert found
    assert (found.cadence, found.timezone, found.weekday, found.accounts) == ("weekly", "Asia/Tokyo", 3, ("2",))
    assert (found.modules, found.sensitivity, found.alerts) == (("Territories",), "high", False)
    assert subscription(site, "eve@evil.test") is None
    page = mira.get("/settings").text
    assert "You get the digest at mira@globex.test from now on." in page
    assert 'name="module:Territories" checked' in page
    mira.post("/settings/digest", page="/settings", **{**FORM, "cadence": "hourly", "alerts": "on"})
    mira.post("/settings/digest/hold", page="/settings", do="pause")
    found = subscription(site, "mira@globex.test")
    assert found
    assert (found.cadence, found.alerts, found.paused) == ("hourly", True, True)
    mira.post("/settings/digest/hold", page="/settings", do="resume")
    mira.post("/settings/digest/end", page="/settings")
    assert subscription(site, "mira@globex.test") is None
    told = text(site.signed_in("ada").get("/?module=Audit+log&entity=digest+recipient").text)
    assert told.count("Mira") >= 4


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("timezone", "Mars/Olympus", "Mars/Olympus"),
        ("send_at", "soon", "The time of the digest is none"),
        ("cadence", "always", "The form was not filled in"),
        ("weekday", "8", "The weekday is none"),
        ("module:Nothing", "on", "unknown module"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(site: Site, mira: Browser, field: str, value: str, said: str) -> None:
    """In a sentence, and nothing is written."""
    answer = mira.post("/settings/digest", page="/settings", **{**FORM, field: value})
    assert answer.status_code == 400
    assert said.lower() in answer.text.lower()
    assert subscription(site, "mira@globex.test") is None


def test_who_has_no_mail_address_is_told_so(site: Site) -> None:
    """The page says what to do, and the form's address refuses."""
    ada = site.signed_in("ada")
    assert "Your sign-in has no mail address" in ada.get("/settings").text
    assert ada.post("/settings/digest", page="/settings", **FORM).status_code == 403


def test_a_viewer_chooses_the_zone_of_the_pages(site: Site) -> None:
    """From then on, times are shown in it."""
    ada = site.signed_in("ada")
    assert ada.post("/settings/zone", page="/settings", timezone="Asia/Kolkata").status_code == 303
    assert "Asia/Kolkata (UTC+5:30)" in ada.get("/").text
    assert ada.post("/settings/zone", page="/settings", timezone="nowhere").status_code == 400


def test_the_link_of_a_mail_unsubscribes_by_a_button_only(site: Site) -> None:
    """Without a sign-in: looking changes nothing, a wrong token tells nothing, the post pauses, also as mail programs send it."""
    with psycopg.connect(site.dsn) as conn:
        token = recipients.add(conn, CATALOGUE, "ana@example.com").unsubscribe_token
    stranger = site.browser()
    asked = stranger.get(f"/unsubscribe/{token}")
    assert asked.status_code == 200
    assert "ana@example.com" not in asked.text
    found = subscription(site, "ana@example.com")
    assert found
    assert not found.paused
    wrong = stranger.client.post("/unsubscribe/00000000-0000-4000-8000-000000000000")
    done = stranger.client.post(f"/unsubscribe/{token}", data={"List-Unsubscribe": "One-Click"})
    assert (wrong.status_code, done.status_code) == (200, 200)
    assert text(wrong.text) == text(done.text)
    found = subscription(site, "ana@example.com")
    assert found
    assert (found.paused, found.paused_reason) == (True, recipients.UNSUBSCRIBED)


def test_coverage_tells_admins_what_to_do_and_others_that_something_is_missed(site: Site) -> None:
    """A trigger that was dropped is named with its table; addresses and roles are not for Account Admins."""
    site.run("DROP TRIGGER audit_update ON crm.workflows")
    site.run("CREATE TABLE crm.loose (id int primary key)")
    with psycopg.connect(site.dsn) as conn:
        recipients.add(conn, CATALOGUE, "late@example.com")
    site.run("UPDATE audit.recipient SET added_at = %s", datetime.now().astimezone() - timedelta(days=5))
    admin, other = (text(site.signed_in(name).get("/coverage").text) for name in ("ada", "olga"))
    for page in (admin, other):
        assert "1 table can be changed without a trace" in page
        assert "Triggers missing: audit_update" in page
    assert "late@example.com" in admin
    assert "crm.loose" in admin
    assert "late@example.com" not in other
    assert "crm.loose" not in other


def test_the_overview_counts_what_its_links_list(site: Site) -> None:
    """Each number leads to as many entries."""
    save(site, "UPDATE crm.territories SET name = 'Europe' WHERE id = 1")
    save(site, "UPDATE crm.workflows SET name = 'Other' WHERE id = 1", "Ben Ito")
    site.run("UPDATE crm.workflows SET name = 'Another' WHERE id = 1")
    ada = site.signed_in("ada")
    page = ada.get("/overview?days=7").text
    tiles = re.findall(r'<a href="([^"]+)"><b>([\d,]+)</b>', page)
    assert len(tiles) == 4
    for address, number in tiles:
        found = re.search(r'id="count">([\d,]+)', ada.get(address.replace("&amp;", "&")).text)
        assert found
        assert found[1] == number
    bars = re.findall(r'<a href="([^"]+)" aria-label="[^:]+: ([\d,]+) changes?', page)
    assert bars
    for address, number in bars:
        found = re.search(r'id="count">([\d,]+)', ada.get(address.replace("&amp;", "&")).text)
        assert found
        assert found[1] == number


def test_the_page_fits_into_a_host_without_a_frame(site: Site) -> None:
    """Mounted elsewhere, every link stays below the mount, and the control panel's navigation is the host's."""
    from dataclasses import replace

    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.testclient import TestClient

    from reports.web.app import create_app
    from reports.web.viewer import Viewer

    viewer = Viewer("Hana Host", "admin", None, may_export=True, timezone=None, subject="host:hana")
    config = replace(site.app.state.web.config, framed=False, identify=lambda _: viewer)
    inner = create_app(config)
    client = TestClient(Starlette(routes=[Mount("/logs/audit", inner)]), "http://testserver", follow_redirects=False)
    save(site, "UPDATE crm.territories SET name = 'Europe' WHERE id = 1")
    page = client.get("/logs/audit/").text
    assert 'class="side"' not in page
    assert 'class="tabs"' in page
    wrong = [one for one in re.findall(r'(?:href|action|src)="([^"#]*)"', page) if not one.startswith("/logs/audit/")]
    assert wrong == []
    for address in links(page, "/logs/audit/entries/")[:1] + links(page, "/logs/audit/history/")[:1]:
        assert client.get(address.replace("&amp;", "&")).status_code == 200
    inner.state.web.database.close()
