"""Where the list leads to, in a real browser: the page of an entry, the history of a thing, and a link that was cut."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def test_an_entrys_page_names_each_row_once_and_can_show_utc(tab: Page) -> None:
    """The fields of a row stand under its name, and the times are those of UTC on demand, as on the list."""
    tab.goto("/?q=Win-back&type=Created")
    tab.locator(".entry summary").first.click()
    tab.get_by_role("link", name="Open entry").click()
    rows = tab.locator(".fields .of-row").all_inner_texts()
    assert len(rows) == len(set(rows)) > 1
    assert rows[0].startswith("crm.sales_sequences id=")
    assert tab.locator("main").inner_text().count(rows[0]) == 1
    local = tab.locator("main time").first.inner_text()
    tab.get_by_role("link", name="Show UTC").click()
    expect(tab.locator("main time").first).to_have_text(re.compile("UTC$"))
    tab.get_by_role("link", name="Show Europe/Berlin").click()
    expect(tab.locator("main time").first).to_have_text(local)


def test_a_link_that_was_cut_says_so_and_leads_back(tab: Page) -> None:
    """In words and not in those of HTTP, with the way back beside the way to the log."""
    tab.goto("/?type=Deleted")
    link = tab.locator(".acts a", has_text="Open entry").first.get_attribute("href") or ""
    tab.goto(link[:-4])
    expect(tab.get_by_role("heading", level=1)).to_have_text("This link is not complete")
    expect(tab.locator("main")).not_to_contain_text("whochanged log")
    expect(tab.locator("main")).to_contain_text("Part of the address is missing or wrong")
    expect(tab.get_by_role("link", name="To the Audit Log")).to_be_visible()
    tab.get_by_role("button", name="Back").click()
    expect(tab.locator(".chip")).to_have_count(1)


def test_the_last_change_is_compared_unless_other_moments_are_chosen(plain: Page) -> None:
    """The two newest points of a timeline are chosen beforehand, so that the button beside it always compares something."""
    plain.goto("/?module=Sales+Sequence&q=Welcome")
    plain.locator(".entry summary").first.click()
    plain.get_by_role("link", name="Its history").first.click()
    plain.get_by_role("button", name="Compare").click()
    expect(plain.get_by_role("heading", name="What differs between")).to_be_visible()
    expect(plain.locator("#difference .fields tbody tr")).not_to_have_count(0)
    newest = plain.locator(".timeline input[name=to]").first
    expect(newest).to_be_checked()
    assert plain.locator(".timeline input[name=from]:checked").count() == 1
    plain.get_by_label("Compare from here: before all of these").check()
    plain.get_by_role("button", name="Compare").click()
    expect(plain.get_by_label("Compare from here: before all of these")).to_be_checked()
