"""The digest as it is read: the same facts in HTML and in text, small, well-formed, and harmless whatever was stored.

The golden files are tests/data/digest/*.html and *.txt. Where a change of them is wanted, `WHOCHANGED_RENEW=1 make test
ARGS="-k golden"` writes them anew; that run fails where one differs, so that nobody takes it for a green one: read the difference
(`git diff tests/data/digest`), then run again without.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

import html5lib
import pytest

from capture.errors import ConfigurationError
from capture.model import ChangeType, Entry
from reports.digest import layout
from reports.digest.content import Digest, Period, Watch
from reports.digest.render import Rendered, render
from tests.test_digest_content import ANA, BERLIN, DATA, MONDAY, WEEK, backwards, busy_day, collected, demo_day, entry

PAGE = "https://audit.acme.test"
XHTML = "{http://www.w3.org/1999/xhtml}"


def weekly() -> Digest:
    """Return a digest of the demo's changes on seven days, for one account's admin, with something to note."""
    entries = [replace(one, at=one.at - timedelta(days=place // 10 + 1)) for place, one in enumerate(demo_day())]
    mine = [one for one in entries if one.account == "1"]
    mine.sort(key=lambda one: one.at, reverse=True)
    notes = ["The database moved to another server: this was noticed on 20 November 2026 at 09:12 (Europe/Berlin)."]
    return collected(mine, replace(ANA, accounts=("1",)), WEEK, notes=notes, watch=Watch(24, 2))


def dst_night() -> Digest:
    """Return a digest of the night on which the clock is put back, and of a change that was late."""
    night = Period(datetime(2026, 10, 25, tzinfo=BERLIN), datetime(2026, 10, 26, tzinfo=BERLIN), "daily")
    times = ["2026-10-25T20:00", "2026-10-25T01:30", "2026-10-25T00:30", "2026-10-25T00:10", "2026-10-24T21:50"]
    switches = ["Enabled", "Disabled"] * 3
    entries = [
        entry(at=datetime.fromisoformat(at).replace(tzinfo=UTC), descriptions=(f"{switch} workflow “Notify team”",))
        for at, switch in zip(times, switches, strict=False)
    ]
    return collected(entries, period=night)


GOLDEN: dict[str, Callable[[], Rendered]] = {
    "busy_day": lambda: render(collected(busy_day(), watch=Watch(24)), serial=12, base_url=PAGE),
    "heartbeat": lambda: render(collected([], period=WEEK, watch=Watch(24)), serial=3, base_url=None),
    "weekly": lambda: render(weekly(), serial=4, base_url=PAGE),
    "dst_night": lambda: render(dst_night(), serial=1_200, base_url=None),
}


def document(rendered: Rendered) -> Element:
    """Return the HTML as a tree; it fails where a browser would have to guess."""
    tree: Element = html5lib.HTMLParser(strict=True).parse(rendered.html)
    return tree


def elements(tree: Element, *names: str) -> list[Element]:
    """Return the elements of these names."""
    return [found for found in tree.iter() if found.tag in {XHTML + name for name in names}]


def words_of(tree: Element) -> str:
    """Return all text of the body, with single spaces."""
    return " ".join(" ".join(elements(tree, "body")[0].itertext()).split())


def first_lines(rendered: Rendered) -> str:
    """Return the text part with single spaces, so that it can be searched wherever its lines end."""
    return " ".join(rendered.text.split())


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_files(name: str) -> None:
    rendered = GOLDEN[name]()
    files = {DATA / f"{name}.html": rendered.html, DATA / f"{name}.txt": rendered.text}
    changed = [path for path, now in files.items() if not path.exists() or path.read_text(encoding="utf-8") != now]
    if changed and os.environ.get("WHOCHANGED_RENEW") == "1":
        for path in changed:
            path.write_text(files[path], encoding="utf-8")
        pytest.fail("Written anew: read the difference, then run without WHOCHANGED_RENEW.")
    for path in changed:
        assert path.exists()
        assert files[path] == path.read_text(encoding="utf-8"), "Where this is wanted, run with WHOCHANGED_RENEW=1."


@pytest.mark.parametrize("name", GOLDEN)
def test_html_is_well_formed_and_its_tables_are_what_they_say(name: str) -> None:
    tree = document(GOLDEN[name]())
    for table in elements(tree, "table"):
        cells = [cell for row in elements(table, "tr") for cell in row]
        if table.get("role") == "presentation":
            continue
        assert elements(table, "caption")
        assert all(cell.get("scope") in {"row", "col"} for cell in cells if cell.tag == XHTML + "th")
        assert elements(table, "th")
    assert elements(tree, "html")[0].get("lang") == "en"
    assert elements(tree, "title")[0].text
    assert len(elements(tree, "h1")) == 1
    assert not elements(tree, "img", "script", "link", "iframe", "form")


@pytest.mark.parametrize("name", GOLDEN)
def test_both_parts_say_the_same(name: str) -> None:
    digests = {
        "busy_day": collected(busy_day()),
        "weekly": weekly(),
        "dst_night": dst_night(),
        "heartbeat": collected([]),
    }
    digest = digests[name]
    rendered = render(digest, serial=1, base_url=None)
    html, text = words_of(document(rendered)), first_lines(rendered)
    for part in digest.sections:
        shown = [f"{line.at.clock} {line.sentences[0]}" for line in part.lines if not line.at.offset]
        for said in (part.module, *shown):
            assert said in text
            assert said in html
    for row in digest.people.rows:
        assert row.person.name in text
        assert row.person.name in html


@pytest.mark.parametrize("name", GOLDEN)
def test_text_fits_78_columns(name: str) -> None:
    assert max(map(layout.columns, GOLDEN[name]().text.splitlines())) <= 78


def test_many_modules_are_summed_up() -> None:
    entries = [entry(module=f"Module {place:03}") for place in range(100)]
    text = first_lines(render(collected(entries), serial=1, base_url=None))
    assert "100 changes in 100 modules" in text
    assert "and 80 more modules with 80 changes: 80 updated" in text


PLAN = {
    "kinds": ("plan.upgraded",),
    "sensitivity": "high",
    "descriptions": ("Upgraded the plan from Pro to Enterprise",),
}
IRREGULAR = Period(datetime(2026, 11, 21, 7, tzinfo=BERLIN), datetime(2026, 11, 22, 7, tzinfo=BERLIN), "now")


@pytest.mark.parametrize(
    "entries,period,subject",
    [
        ([], MONDAY, "Nothing new since you were added (23 Nov 2026)"),
        ([], WEEK, "Nothing new since you were added (16–22 Nov 2026)"),
        (backwards(1), MONDAY, "1 configuration change on 23 Nov 2026 (Workflows)"),
        (backwards(14), WEEK, "14 configuration changes, 16–22 Nov 2026 (Workflows)"),
        (backwards(2, module="M" * 30), MONDAY, "2 configuration changes on 23 Nov 2026 (1 module)"),
        ([entry(module=name) for name in "abc"], MONDAY, "3 configuration changes on 23 Nov 2026 (3 modules)"),
        (backwards(14), IRREGULAR, "14 configuration changes, 21–22 Nov 2026 (Workflows)"),
        ([entry(**PLAN)], MONDAY, "Plan upgraded on 23 Nov 2026"),
        ([*backwards(13), entry(**PLAN)], MONDAY, "Plan upgraded + 13 other changes on 23 Nov 2026"),
        ([*backwards(1), entry(**PLAN)], WEEK, "Plan upgraded + 1 other change, 16–22 Nov 2026"),
        ([*backwards(13), entry(**PLAN)], IRREGULAR, "Plan upgraded + 13 other changes, 21–22 Nov 2026"),
        (
            [*backwards(13), entry(**PLAN | {"kinds": ("assignment_rule.table_emptied_by_hand",)})],
            MONDAY,
            "Sensitive change + 13 other changes on 23 Nov 2026",
        ),
    ],
)
def test_the_subject_answers_whether_to_open_the_mail(entries: list[Entry], period: Period, subject: str) -> None:
    rendered = render(collected(entries, period=period), serial=1, base_url=None)
    assert rendered.subject == f"[Cloudfon CX] {subject}"
    assert len(subject) <= 60


def test_the_preheader_is_the_sentence_that_must_not_be_missed() -> None:
    entries = [entry(), entry(**PLAN), entry(type=ChangeType.DELETED)]
    rendered = render(collected(entries), serial=1, base_url=None)
    assert rendered.preheader == "Upgraded the plan from Pro to Enterprise"
    assert words_of(document(rendered)).startswith(rendered.preheader)


def test_a_heartbeat_says_since_when_and_that_the_log_works() -> None:
    text = first_lines(GOLDEN["heartbeat"]())
    assert "Nothing new since digest 2." in text
    assert (
        "Its time is from Monday, 16 November 2026, 00:00 to Monday, 23 November 2026, 00:00; what an earlier digest told"
        in text
    )
    assert "This mail is a sign of life. The log works: it watches 24 tables" in text


def test_an_empty_digest_claims_nothing_about_a_time() -> None:
    for serial, by_time, said in (
        (1, False, "Nothing new since you were added"),
        (1_201, False, "Nothing new since digest 1,200"),
        (1, True, "Nothing to tell"),
    ):
        rendered = render(collected([]), serial=serial, base_url=None, by_time=by_time)
        for part in (first_lines(rendered), words_of(document(rendered)), rendered.preheader, rendered.subject):
            assert said in part
            assert "No configuration change" not in part
            assert "Nothing changed" not in part


def test_a_log_that_may_miss_changes_does_not_say_that_it_works() -> None:
    rendered = render(collected([], watch=Watch(24, 1)), serial=1, base_url=None)
    for part in (first_lines(rendered), words_of(document(rendered)), rendered.preheader):
        assert "Of 24 tables that should be watched, 1 is not watched fully: changes may be missing." in part
        assert "works" not in part


def test_the_page_is_linked_where_there_is_one() -> None:
    many = collected(backwards(33))
    linked, alone = render(many, serial=1, base_url=f"{PAGE}/"), render(many, serial=1, base_url=None)
    assert {link.get("href") for link in elements(document(linked), "a")} == {PAGE}
    assert f"Audit log: {PAGE}\n" in linked.text
    assert not elements(document(alone), "a")
    for rendered in (linked, alone):
        assert "and 23 more: 23 updated" in rendered.text
        assert "and 23 more: 23 updated" in rendered.html


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "audit.acme.test",
        "https://",
        "https://a b",
        'https://a"b',
        "https://a\n",
        "https://ä.test",
    ],
)
def test_what_is_no_page_is_not_linked(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a page"):
        render(collected([]), serial=1, base_url=url)
