"""Values before and after, the links into the page, and that neither of them can be turned against the reader."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from capture.entries.identity import Identity, encode
from capture.model import ChangeType, Entry, FieldChange
from reports.digest.bars import Bar, bar, blocks
from reports.digest.fields import FIELDS_SHOWN, fields_of, history_of
from reports.digest.message import build_message
from reports.digest.render import LARGEST, render
from reports.digest.tally import Totals
from tests.test_digest_content import ANA, NOON, backwards, collected, entry, section
from tests.test_digest_hostile import LONG, NASTY
from tests.test_digest_message import DAY, built, parsed
from tests.test_digest_render import GOLDEN, PAGE, document, elements, first_lines, words_of

TOKEN = "3f0c5c1e-9a7e-4a35-8e83-2f6b6f0a5d11"


def field(label: str, before: str | None, after: str | None, key: int = 7, table: str = "crm.workflows") -> FieldChange:
    """Return the change of a field of a workflow."""
    return FieldChange(table, {"id": key}, label.replace(" ", "_"), label, before, after)


def saved(*changes: FieldChange, **facts: object) -> Entry:
    """Return an entry of workflow 7, with an id as the log makes them."""
    found = Identity(NOON, 900, "Workflows", "crm.workflows", "7")
    return entry(id=encode(found), changes=changes, **facts)


def shown(one: Entry) -> list[tuple[str, str, str, bool]]:
    """Return the fields that a mail shows of an entry."""
    return [(found.label, found.before, found.after, found.said) for found in fields_of(one, one.descriptions)]


def test_what_no_sentence_says_comes_first() -> None:
    one = saved(
        field("plan", "Pro", "Growth"),
        field("user licences", "14", "8"),
        descriptions=("Changed the plan from Pro to Growth; 18 licences",),
    )
    assert shown(one) == [("User licences", "14", "8", False), ("Plan", "Pro", "Growth", True)]


def test_a_switch_is_said_by_its_sentence() -> None:
    assert shown(saved(field("enabled", "Yes", "No"))) == [("Enabled", "Yes", "No", True)]


@pytest.mark.parametrize("kind", [ChangeType.CREATED, ChangeType.DELETED])
def test_of_what_came_or_went_the_sentence_tells(kind: ChangeType) -> None:
    assert shown(saved(field("name", "a", "b"), type=kind)) == []
    assert shown(saved(field("step", None, "Call"), field("step", "Call", None))) == []


def test_other_rows_that_only_moved_up_are_left_out() -> None:
    one = saved(
        field("position", "4", "1"), field("position", "1", "2", key=8), field("delay", "2", "3", 9, "crm.steps")
    )
    assert [values[1:3] for values in shown(one)] == [("4", "1"), ("2", "3")]


def test_few_fields_are_shown_and_an_empty_text_can_be_seen() -> None:
    one = saved(*(field(f"field {place}", "", str(place)) for place in range(100)))
    assert len(shown(one)) == FIELDS_SHOWN
    assert shown(one)[0] == ("Field 0", "“”", "0", False)


def test_both_parts_show_before_and_after() -> None:
    """Of a sensitive change always, of another where no sentence says it."""
    plan = saved(field("plan", "Pro", "Growth"), descriptions=("Downgraded Pro to Growth",), sensitivity="high")
    quiet = [
        entry(changes=(field("plan", "Basic", "Free"),), descriptions=("From Basic to Free",)),
        entry(changes=(field("due", "1 day", "2 days"),), descriptions=("Changed an action",)),
    ]
    rendered = render(collected([plan, *quiet]), serial=1, base_url=None)
    tree = document(rendered)
    values = [" ".join("".join(found.itertext()).split()) for tag in ("del", "ins") for found in elements(tree, tag)]
    assert values == ["Pro", "1 day", "Growth", "2 days"]
    for said in ("Plan: Pro → Growth", "Due: 1 day → 2 days"):
        assert said in first_lines(rendered)
    assert "Plan: Basic" not in rendered.text


def test_values_of_five_megabytes_make_a_small_mail() -> None:
    huge = "<b>5 MB" + "ü" * 5 * 1024**2
    longer = f"{huge}!"
    entries = [
        saved(field(huge, huge, longer), descriptions=(huge,) * 3, sensitivity=level, actor=huge, module=f"M{place}")
        for place, level in enumerate(["high", "normal"] * 12)
    ]
    rendered = render(collected(entries), serial=1, base_url=PAGE)
    message = build_message(
        rendered,
        ANA,
        sender="audit@acme.test",
        message_id="<digest.1@acme.test>",
        window="1.2-1.3",
        date=datetime(2026, 11, 24, tzinfo=UTC),
        serial=1,
        base_url=PAGE,
    )
    assert len(message) < LARGEST
    assert "24 configuration changes in 24 modules" in first_lines(rendered)


def test_the_history_is_that_of_the_row_that_the_entry_is_about() -> None:
    """A part of it may have the same number: the id of the entry tells which table it is."""
    one = saved(field("delay", "1", "2", table="crm.steps"), field("name", "a", "b"))
    assert history_of(one) == ("crm.workflows", "7")
    assert history_of(saved(field("delay", "1", "2", table="crm.steps"))) is None
    assert history_of(replace(one, id="no id at all")) is None
    assert history_of(replace(one, entity_id="")) is None


FORMS = [
    r"/entries/[A-Za-z0-9_%.-]+",
    r"/history/[A-Za-z0-9_%.-]+/[A-Za-z0-9_%.,-]+",
    r"/\?(module=[^&]+&)?since=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ&until=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    r"/settings",
    rf"/unsubscribe/{TOKEN}",
]


@pytest.mark.parametrize("name", ["busy_day", "weekly"])
def test_every_link_leads_to_what_the_page_has(name: str) -> None:
    rendered = GOLDEN[name]()
    links = [str(link.get("href")) for link in elements(document(rendered), "a")]
    links += re.findall(rf"{PAGE}\S*", rendered.text)
    assert len(links) > 60
    for link in links:
        assert any(re.fullmatch(re.escape(PAGE) + form, link) for form in FORMS), link
    assert sum("/history/" in link for link in links) >= 4


def test_a_module_leads_to_its_changes_of_the_time_that_is_told() -> None:
    """The time is wide enough for entries from before the period."""
    late = entry(at=datetime(2026, 11, 20, 8, 30, 1, 500, tzinfo=UTC), module="Account & CRM settings")
    digest = collected([*backwards(12, module="Account & CRM settings"), late])
    (link,) = [
        link.get("href") or ""
        for link in elements(document(render(digest, serial=1, base_url=f"{PAGE}/log/")), "a")
        if "module" in (link.get("href") or "")
    ]
    assert urlsplit(link).path == "/log/"
    assert parse_qs(urlsplit(link).query) == {
        "module": ["Account & CRM settings"],
        "since": ["2026-11-20T08:30:01Z"],
        "until": ["2026-11-23T23:00:00Z"],
    }


def test_names_in_a_link_stay_one_part_of_it() -> None:
    """Neither a key nor a module can lead elsewhere, and one that no module can have is not linked."""
    key = '../?x=1&y#"><b>'
    found = Identity(NOON, 900, "Workflows", "crm.we ird/t", key)
    change = FieldChange("crm.we ird/t", {"id": key}, "name", "name", "a", "b")
    one = entry(id=encode(found), entity_id=key, changes=(change,), sensitivity="high")
    digest = collected(
        [one, *backwards(12, module="R&D <b>"), *backwards(12, module=NASTY), *backwards(12, module=LONG)]
    )
    links = [link.get("href") or "" for link in elements(document(render(digest, serial=1, base_url=PAGE)), "a")]
    assert f"{PAGE}/history/crm.we%20ird%2Ft/..%2F%3Fx%3D1%26y%23%22%3E%3Cb%3E" in links
    assert [link for link in links if "module=" in link] == [
        f"{PAGE}/?module=R%26D%20%3Cb%3E&since=2026-11-22T23:00:00Z&until=2026-11-23T23:00:00Z"
    ]


def test_one_click_stops_the_mails_where_the_page_can_be_reached() -> None:
    reader = replace(ANA, token=TOKEN)
    secure = parsed(built(reader=reader, base_url=f"{PAGE}/log"))
    assert secure["List-Unsubscribe"] == (
        f"<{PAGE}/log/unsubscribe/{TOKEN}>, <mailto:audit@acme.test?subject=Unsubscribe%20ana%40acme.test>"
    )
    assert secure["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert secure["List-Id"] == "<audit-digest.acme.test>"
    plain = parsed(built(reader=reader, base_url="http://audit.acme.test"))
    assert plain["List-Unsubscribe"].startswith(f"<http://audit.acme.test/unsubscribe/{TOKEN}>, <mailto:")
    assert "List-Unsubscribe-Post" not in plain, "RFC 8058 wants HTTPS"
    for message in (parsed(built(reader=reader)), parsed(built(base_url=PAGE))):
        assert message["List-Unsubscribe"].startswith("<mailto:")
        assert "List-Unsubscribe-Post" not in message
    assert TOKEN not in DAY.html + DAY.text


def test_the_link_that_stops_the_mails_is_seen_and_is_not_clipped() -> None:
    """Gmail cuts a mail off at 102 KB; where no link can be, the mail says whom to ask."""
    linked = GOLDEN["busy_day"]()
    assert f"Unsubscribe: {PAGE}/unsubscribe/{TOKEN}\n" in linked.text
    assert linked.html.index(TOKEN) < 80 * 1024
    assert "Unsubscribe" in words_of(document(linked))
    alone = GOLDEN["dst_night"]()
    assert "To stop it or to change what it holds, reply to this mail" in first_lines(alone)
    assert "Unsubscribe" not in words_of(document(alone))


@pytest.mark.parametrize(
    "totals,largest,found",
    [
        (Totals(0, 10, 0), 10, Bar(0, 100, 0, 0)),
        (Totals(1, 2, 1), 8, Bar(12, 25, 12, 51)),
        (Totals(1, 100_000, 1), 100_002, Bar(2, 96, 2, 0)),
        (Totals(1, 1, 1), 100_000, Bar(2, 2, 2, 94)),
        (Totals(), 10, Bar(0, 0, 0, 100)),
    ],
)
def test_a_bar_shows_what_is_there_however_little(totals: Totals, largest: int, found: Bar) -> None:
    assert bar(totals, largest) == found
    assert len(blocks(totals, largest, 36)) <= 36


def test_a_section_is_left_out_where_all_of_it_is_shown_above() -> None:
    rendered = render(collected([entry(sensitivity="high")]), serial=1, base_url=None)
    assert section(collected([entry(sensitivity="high")])).lines == ()
    assert rendered.text.count("Enabled workflow “Notify team”") == 1
