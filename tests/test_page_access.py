"""Everybody can use the page: by screen reader and keyboard, in light and dark, on a phone and on a wide screen, and on paper."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.fix_page import ADMIN, Served, watched

PAGES = {
    "sign-in": "/sign-in",
    "list": "/?module=Workflows",
    "list that is filtered": "/?q=Welcome&module=Sales+Sequence&type=Updated&since=30d",
    "list of one line an entry": "/?density=compact&type=Created",
    "empty list": "/?q=there-is-no-such-word",
    "entry": "ENTRY",
    "entry with markup in it": "HOSTILE",
    "entry that is no more": "/entries/BXHmO3JQAAAAAAAAAAAB-KsNLyG7OrQAAAAAAAAA",
    "history": "HISTORY",
    "two moments": "HISTORY?from=2020-01-01T00:00&to=2099-01-01T00:00",
    "a moment": "HISTORY?at=2099-01-01T00:00",
    "overview": "/overview?days=30",
    "coverage": "/coverage",
    "settings": "/settings",
    "no such page": "/nothing-is-here",
    "unsubscribing": "/unsubscribe/00000000-0000-4000-8000-000000000000",
}

WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".sr, .wide, svg, [hidden]") && one.checkVisibility())
    .map(one => one.outerHTML.slice(0, 120))"""

LEFT = "one => { const range = document.createRange(); range.selectNodeContents(one); return range.getBoundingClientRect().left }"
"""Where the text of an element begins."""


@pytest.fixture(scope="module")
def links(served: Served, browser: Browser, cookies: dict[str, Any]) -> dict[str, str]:
    """Give the addresses that only the list knows: of an entry, of one with markup in every field, and of a history."""
    context = browser.new_context(base_url=served.url, storage_state=cookies[ADMIN])
    page = watched(context)
    found = {}
    for name, query in (("ENTRY", "/?q=DE+FR+IT"), ("HOSTILE", "/?q=onerror&module=Territories")):
        page.goto(query)
        found[name] = page.locator(".acts a", has_text="Open entry").first.get_attribute("href") or ""
    page.goto("/?module=Sales+Sequence&q=Welcome")
    found["HISTORY"] = page.locator(".acts a", has_text="Its history").first.get_attribute("href") or ""
    context.close()
    return found


def opened(page: Page, path: str, links: dict[str, str]) -> None:
    """Go to one of PAGES and open what can be opened on it."""
    name, mark, query = path.partition("?")
    page.goto(links.get(name, name) + mark + query)
    page.evaluate(
        "() => { for (const one of [...document.querySelectorAll('details:not(.pick)')].slice(0, 12)) one.open = true }"
    )


@pytest.mark.parametrize("name", PAGES)
def test_anybody_can_use_the_page(
    served: Served, browser: Browser, cookies: dict[str, Any], links: dict[str, str], name: str
) -> None:
    """Axe finds nothing to complain of in light and dark, and from 320 to 1600 pixels nothing is wider than the screen."""
    state = None if name == "sign-in" else cookies[ADMIN]
    context = browser.new_context(base_url=served.url, storage_state=state, viewport={"width": 1280, "height": 900})
    page = watched(context)
    opened(page, PAGES[name], links)
    light = Axe().run(page, options={"resultTypes": ["violations"]})
    assert light.violations_count == 0, light.generate_report()
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(14, 16, 19)"
    dark = Axe().run(page, options={"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]})
    assert dark.violations_count == 0, dark.generate_report()
    for width in (320, 768, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(WIDE) == [], f"at {width} pixels"
    context.close()


def test_a_stranger_sees_a_form_and_no_empty_frame(served: Served, browser: Browser) -> None:
    """The side bar is for who is signed in; the form begins where its title does, and its button says its word in the middle."""
    context = browser.new_context(base_url=served.url)
    page = watched(context)
    for path in ("/sign-in", PAGES["unsubscribing"], "/nothing-is-here"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".side")).to_have_count(0)
    page.goto("/sign-in")
    brand, name, button = (page.locator(part).bounding_box() for part in (".brand svg", "#name", "form .button"))
    assert brand
    assert name
    assert button
    assert brand["x"] == name["x"] == button["x"]
    left = page.locator("form .button").evaluate(LEFT) - button["x"]
    assert left > button["width"] / 3
    context.close()


def test_a_menu_shows_its_last_control(tab: Page) -> None:
    """On a screen of a laptop nothing of a period has to be scrolled to."""
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.goto("/")
    tab.locator("summary", has_text="choose a period").click()
    assert tab.locator("details[open] .menu").evaluate("menu => menu.scrollHeight <= menu.clientHeight")


def test_menus_are_as_accessible_as_the_page(tab: Page) -> None:
    """Each menu of the list, open, and the help."""
    tab.goto("/?type=Deleted")
    for menu in tab.locator("details.pick > summary").all():
        menu.click()
        found = Axe().run(tab, context="details.pick[open]", options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_be_visible()
    found = Axe().run(tab, context="dialog", options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


def test_stored_markup_is_shown_and_never_obeyed(tab: Page, links: dict[str, str]) -> None:
    """Names, values, the actor, the application and the request of one save are markup, on every page that shows them."""
    table = "/history/crm.territories/2"
    for path in ("/?q=onerror", links["HOSTILE"], table, f"{table}?at=2099-01-01T00:00", "/overview"):
        tab.goto(path)
        assert "owned" not in tab.title().replace("title='owned'", "")
        assert tab.locator("img[onerror], main script").count() == 0
        expect(tab.locator("main")).to_contain_text("<img src=x onerror=")


def test_a_printed_list_has_its_entries_and_no_buttons(tab: Page) -> None:
    """On paper stand the entries, with what was opened; what can only be clicked is not there."""
    tab.goto("/?module=Workflows")
    tab.locator(".entry summary").first.click()
    tab.emulate_media(media="print", color_scheme="dark")
    for gone in (".side", ".filters", ".tools", ".pager", ".acts"):
        assert not tab.locator(gone).first.is_visible()
    expect(tab.get_by_text("Show UTC")).to_be_hidden()
    edges = [tab.locator(f"{part} >> nth=0").evaluate(LEFT) for part in (".columns span", ".day > h2", ".entry .who")]
    assert len({round(edge) for edge in edges}) == 1
    expect(tab.locator(".entry .fields").first).to_be_visible()
    assert tab.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(tab.pdf()) > 10_000
    tab.goto("/overview?days=30")
    expect(tab.get_by_text("As a table").first).to_be_hidden()
    tab.emulate_media(media="screen")


def test_nothing_moves_for_who_wants_it_still(tab: Page) -> None:
    """What turns or fades otherwise does not, where the system asks for less motion."""
    tab.emulate_media(reduced_motion="reduce")
    tab.goto("/?type=Deleted")
    for part in (".chevron", ".log"):
        assert tab.evaluate("part => getComputedStyle(document.querySelector(part)).transitionDuration", part) == "0s"
