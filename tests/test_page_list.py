"""The list in a real browser: finding, opening and passing on entries, with a mouse, by keyboard, and without JavaScript."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import psycopg
from playwright.sync_api import Browser, Page, expect

from tests.fix_page import Served, sign_in, watched


def asked(page: Page) -> dict[str, str]:
    """Return what stands in the address of a page."""
    return dict(parse_qsl(urlsplit(page.url).query))


def test_somebody_signs_in_looks_and_signs_out(served: Served, browser: Browser) -> None:
    """After signing out, the page is closed to the same browser."""
    context = browser.new_context()
    page = watched(context)
    sign_in(page, served.url)
    expect(page.get_by_role("navigation", name="Control panel")).to_contain_text("Audit Log")
    expect(page.locator(".me")).to_contain_text("Ana Admin")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(served.url + "/overview")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()


def test_an_entry_says_who_what_when_and_from_where(tab: Page) -> None:
    """The list has the columns of the documented page, a day above its entries, and the zone of the times."""
    tab.goto("/?q=Nordics+moved&module=Auto-assignment")
    entry = tab.locator(".entry")
    expect(entry).to_have_count(1)
    summary = entry.locator("summary")
    for said in (
        "Priya Nair",
        "2001:db8:12::5a",
        "Updated",
        "Auto-assignment",
        "Moved territory “Nordics” from position 4 to 1",
    ):
        expect(summary).to_contain_text(said)
    assert re.search(r"\d\d:\d\d:\d\d", summary.inner_text())
    expect(tab.locator(".columns")).to_have_text(re.compile("Performed by.*Type of change.*What changed", re.DOTALL))
    expect(tab.locator(".day h2")).to_contain_text("2026" if "2026" in tab.locator(".day h2").inner_text() else "20")
    expect(tab.locator(".facts-line")).to_contain_text("Europe/Berlin")
    expect(tab.locator(".facts-line")).to_contain_text("last 90 days; the oldest entry is from")


def test_a_line_an_entry_still_says_what_must_not_be_missed(tab: Page, served: Served) -> None:
    """Compact leaves out module and address, never that a change is sensitive or what it is a consequence of."""
    with psycopg.connect(served.dsn, autocommit=True) as conn:
        conn.execute("INSERT INTO crm.territories (id, account_id, name, position) VALUES (77, 1, 'Atlantis', 77)")
        conn.execute(
            "UPDATE crm.assignment_rules SET territory_id = 77 WHERE id = (SELECT min(id) FROM crm.assignment_rules)"
        )
        conn.execute("DELETE FROM crm.territories WHERE id = 77")
    tab.goto("/?density=compact")
    expect(tab.locator(".entry .flag").first).to_be_visible()
    expect(tab.locator(".entry .where").first).to_be_hidden()
    expect(tab.locator(".entry small", has_text="as a consequence of").first).to_be_visible()


def test_opening_an_entry_shows_before_and_after_and_its_source(tab: Page) -> None:
    """What is gone and what is new are marked word by word, for eyes and for screen readers."""
    tab.goto("/?q=DE+FR+IT")
    entry = tab.locator(".entry", has_text="Changed a condition of rule")
    entry.locator("summary").click()
    added = entry.locator(".fields ins").first
    expect(added).to_have_text(re.compile(r"added: , IT"))
    expect(entry.locator(".source")).to_contain_text("vouched for by the trusted gateway cloudfon_app")
    expect(entry.locator(".source")).to_contain_text("req-")
    expect(entry.get_by_role("button", name="Copy link")).to_be_visible()


def test_who_stands_behind_a_name_is_said_in_words(tab: Page) -> None:
    """The product, a person in psql, and a name that nothing vouches for are told apart."""
    for kind, said in (
        ("system", "the product itself"),
        ("database", "direct SQL"),
        ("user", "claimed by cloudfon_report"),
    ):
        tab.goto(f"/?kind={kind}")
        expect(tab.locator(".who .mark", has_text=said).first).to_be_visible()


def test_filters_stand_in_the_address_and_as_chips_that_can_be_removed(tab: Page) -> None:
    """Choosing puts the list in place without losing the form; a chip takes its filter away."""
    tab.goto("/")
    tab.get_by_text("Module: choose modules").click()
    tab.get_by_label("Workflows").check()
    expect(tab.locator(".chip")).to_have_text([re.compile("Module Workflows")])
    assert asked(tab) == {"module": "Workflows"}
    tab.get_by_label("Words in names, sentences and values").fill("notify")
    expect(tab.locator(".chip")).to_have_count(2)
    expect(tab.get_by_label("Words in names, sentences and values")).to_be_focused()
    assert asked(tab) == {"module": "Workflows", "q": "notify"}
    for sentence in tab.locator(".entry .what small:first-of-type").all_inner_texts():
        assert sentence.startswith("Workflows")
    tab.get_by_role("link", name="Remove the filter Module: Workflows").click()
    expect(tab.locator(".chip")).to_have_text([re.compile("Text “notify”")])
    assert asked(tab) == {"q": "notify"}
    tab.go_back()
    expect(tab.locator(".chip")).to_have_count(2)


def test_the_form_works_without_javascript_and_leaves_a_tidy_address(plain: Page) -> None:
    """Period, type and text are sent by the form; empty fields do not stay in the address."""
    plain.goto("/")
    plain.get_by_label("Words in names, sentences and values").fill("workflow")
    plain.locator("summary", has_text="Any time").click()
    plain.get_by_label("Last 7 days").check()
    plain.locator("summary", has_text="Any time").click()
    plain.get_by_text("Type: choose types of change").click()
    plain.get_by_label("Deleted").check()
    plain.get_by_role("button", name="Apply").last.click()
    assert asked(plain) == {"since": "7d", "type": "Deleted", "q": "workflow"}
    expect(plain.locator(".entry")).to_have_count(1)
    plain.locator(".entry summary").click()
    expect(plain.locator(".entry .fields")).to_contain_text("Old flow")
    plain.get_by_role("link", name="Open entry").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Deleted workflow “Old flow” (1 condition)")
    plain.get_by_role("link", name="Its history").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Workflow “Old flow”")


def test_a_day_is_typed_whole_before_it_is_asked_for(tab: Page) -> None:
    """No digit of a year asks for another day; a period that means nothing is said in place, and the reader stays where they type."""
    tab.goto("/?q=Welcome")
    tab.locator("summary", has_text="choose a period").click()
    queries: list[str] = []
    tab.on("request", lambda request: queries.append(urlsplit(request.url).query))
    first, last = tab.get_by_label("First day"), tab.get_by_label("Last day")
    first.focus()
    tab.keyboard.type("11302026")
    last.focus()
    expect(tab.locator(".chip", has_text="From")).to_have_text(re.compile("30 Nov 2026"))
    tab.keyboard.type("11292026")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("alert")).to_contain_text("The period ends before it begins")
    expect(last).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowUp")
    assert last.input_value() == "2026-11-30"
    first.focus()
    expect(tab.get_by_role("alert")).to_have_count(0)
    assert asked(tab) == {"q": "Welcome", "since": "2026-11-30", "until": "2026-11-30"}
    first.focus()
    tab.keyboard.press("Backspace")
    tab.get_by_label("Words in names, sentences and values").fill("Welcome 2")
    tab.keyboard.press("Enter")
    expect(tab.locator(".chip", has_text="Welcome 2")).to_be_visible()
    assert asked(tab) == {"q": "Welcome 2", "until": "2026-11-30"}
    assert not any("0002" in query or "0020" in query or "0202" in query for query in queries)


def test_pages_are_turned_by_links_and_end_honestly(plain: Page) -> None:
    """No entry stands on two pages, none is left out, and the last page says that it is the last."""
    plain.goto("/")
    total = int(plain.locator("#count").inner_text().split()[0])
    first = plain.locator(".entry").evaluate_all("all => all.map(one => one.id)")
    plain.get_by_role("link", name="Older").click()
    expect(plain.locator(".pager")).to_contain_text("This is the oldest entry")
    second = plain.locator(".entry").evaluate_all("all => all.map(one => one.id)")
    assert len(first) == 50
    assert len({*first, *second}) == len(first) + len(second) == total
    plain.get_by_role("link", name="Newer").click()
    expect(plain.get_by_role("link", name="Older")).to_be_visible()
    assert plain.locator(".entry").evaluate_all("all => all.map(one => one.id)") == first


def test_nothing_found_says_what_to_do(tab: Page) -> None:
    """An empty list offers the way out, and a filter that means nothing says so."""
    tab.goto("/?q=there-is-no-such-word")
    expect(tab.locator(".empty")).to_contain_text("Nothing matches")
    expect(tab.locator(".empty p")).to_have_text(re.compile(r"by this filter\. Remove it above\.$"))
    tab.goto("/?q=there-is-no-such-word&since=7d")
    expect(tab.locator(".empty p")).to_have_text(re.compile(r"Remove one of them above, or look at a longer period\.$"))
    tab.get_by_role("link", name="Show all entries").click()
    expect(tab.locator(".entry").first).to_be_visible()
    tab.goto("/?since=once+upon+a+time")
    expect(tab.locator("main")).to_contain_text("is not a time: write a date (2026-11-24)")


def test_the_list_is_read_by_keyboard_alone(tab: Page) -> None:
    """Search, walk, open, close, help: no mouse, and every key can be switched off."""
    tab.goto("/")
    tab.keyboard.press("/")
    expect(tab.get_by_label("Words in names, sentences and values")).to_be_focused()
    tab.keyboard.type("jj")
    expect(tab.get_by_label("Words in names, sentences and values")).to_have_value("jj")
    tab.keyboard.press("Control+a")
    tab.keyboard.type("work")
    tab.keyboard.press("Escape")
    expect(tab.get_by_label("Words in names, sentences and values")).not_to_be_focused()
    expect(tab.locator(".chip")).to_have_text([re.compile("Text “work”")])
    expect(tab.get_by_label("Words in names, sentences and values")).to_have_value("work")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    expect(tab.locator(".entry").nth(1).locator("summary")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator(".entry").nth(1)).to_have_attribute("open", "")
    tab.keyboard.press("k")
    expect(tab.locator(".entry").nth(0).locator("summary")).to_be_focused()
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Keyboard")).to_be_visible()
    tab.get_by_label("Use keys of one letter").uncheck()
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_be_hidden()


def test_a_search_is_one_step_back_however_it_was_typed(tab: Page) -> None:
    """Each pause of the typing shows what is found; going back leaves the search and not its last word."""
    tab.goto("/?module=Workflows")
    words = tab.get_by_label("Words in names, sentences and values")
    for text in ("not", "notify"):
        words.fill(text)
        expect(tab.locator(".chip").last).to_have_text(re.compile(f"Text “{text}”"))
    tab.go_back()
    expect(tab.locator(".chip")).to_have_count(1)
    assert asked(tab) == {"module": "Workflows"}


def test_the_skip_link_leads_into_the_page(tab: Page) -> None:
    """It moves the focus and loads nothing anew."""
    tab.goto("/?type=Deleted")
    tab.evaluate("() => { window.same = true }")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("#main")).to_be_focused()
    tab.wait_for_load_state("networkidle")
    expect(tab.locator("#main")).to_be_focused()
    assert tab.evaluate("() => window.same")


def test_no_menu_traps_the_keyboard(tab: Page) -> None:
    """Tab goes from the first to the last control of the page and leaves it, and closes a menu behind it; Escape stays at its button."""
    tab.goto("/?type=Deleted")
    tab.locator("summary", has_text="Person").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("details.pick[open]")).to_have_count(1)
    tab.keyboard.press("Tab")
    tab.keyboard.press("Escape")
    expect(tab.locator("details.pick[open]")).to_have_count(0)
    expect(tab.locator("summary", has_text="Person")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Shift+Tab")
    expect(tab.locator("details.pick[open]")).to_have_count(0)
    seen = set()
    for _ in range(80):
        tab.keyboard.press("Tab")
        seen.add(
            tab.evaluate("() => document.activeElement === document.body ? 'left' : document.activeElement.outerHTML")
        )
        if "left" in seen:
            break
    assert any("Export" in one for one in seen) or any("rel=" in one for one in seen) or "left" in seen


def test_new_entries_are_told_of_and_move_nothing(tab: Page, served: Served) -> None:
    """The list stays as it is; the banner counts, a screen reader hears it, and following it shows them."""
    tab.clock.install()
    tab.goto("/?module=Territories")
    before = tab.locator(".entry").evaluate_all("all => all.map(one => one.id)")
    with psycopg.connect(served.dsn, autocommit=True) as conn:
        for text in ("One", "Two"):
            conn.execute("UPDATE crm.territories SET description = %s WHERE name = 'Nordics'", (text,))
        conn.execute("UPDATE crm.workflows SET enabled = not enabled WHERE id = 1")
    tab.clock.fast_forward(21_000)
    banner = tab.locator(".fresh")
    expect(banner).to_have_text("2 new entries")
    tab.clock.fast_forward(1_000)
    expect(tab.get_by_role("status")).to_have_text("2 new entries")
    assert tab.locator(".entry").evaluate_all("all => all.map(one => one.id)") == before
    banner.click()
    expect(tab.locator(".entry")).to_have_count(len(before) + 2)
    expect(tab.locator(".fresh")).to_be_hidden()


def test_times_are_shown_in_utc_on_demand(tab: Page) -> None:
    """The switch keeps the filters, also those just typed, and the dates of the form are those of the zone that is shown."""
    tab.goto("/")
    tab.get_by_label("Words in names, sentences and values").fill("Nordics moved")
    expect(tab.locator(".chip")).to_have_count(1)
    local = tab.locator(".entry time").first
    clock, moment = local.inner_text(), local.get_attribute("datetime")
    tab.get_by_role("link", name="Show UTC").click()
    assert asked(tab) == {"q": "Nordics moved", "zone": "utc"}
    assert tab.locator(".entry time").first.inner_text() != clock
    assert tab.locator(".entry time").first.inner_text() == moment.split("T")[1][:8] if moment else False
    expect(tab.locator(".facts-line")).to_contain_text("Times in UTC")
