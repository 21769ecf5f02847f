"""What the pages show, before it is HTML: differences of words, moments of an entity, bars, filters in an address."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.entries.identity import Identity, encode
from capture.model import ChangeType, Entry, FieldChange, Source
from reports.web.view.charts import HEIGHT, chart
from reports.web.view.diff import Difference, difference
from reports.web.view.moments import contrast, state
from reports.web.view.pieces import names
from reports.web.view.times import day_words, offset_words, when, zone_title
from reports.web.view.wanted import Wanted

BERLIN = ZoneInfo("Europe/Berlin")


def marked(found: Difference) -> str:
    """Return a difference in signs: -gone- and +new+."""
    signs = {"gone": "-", "new": "+", "same": ""}
    return "".join(
        f"{signs[one.kind]}{one.text}{signs[one.kind]}" + (f"…{one.left_out}…" if one.left_out else "")
        for one in found.pieces
    )


@pytest.mark.parametrize(
    "before, after, said",
    [
        ("Country is in DE, FR", "Country is in DE, FR, IT", "Country is in DE, FR+, IT+"),
        ("Europe and Africa", "Europe, the Middle East and Africa", "Europe+, the Middle East+ and Africa"),
        ("Hi all,\nplease call us", "Hi all,\nplease write us", "Hi all,\nplease -call-+write+ us"),
        ("Pro", "Enterprise", "-Pro-+Enterprise+"),
        ("09:00", "14:00", "-09:00-+14:00+"),
        ("1,000", "1,500", "-1,000-+1,500+"),
        ("same", "same", "same"),
        ("", "x", "+x+"),
        ("x", "", "-x-"),
        (None, "x", "+x+"),
        ("x", None, "-x-"),
        (None, None, ""),
    ],
)
def test_a_difference_is_told_word_by_word(before: str | None, after: str | None, said: str) -> None:
    """Numbers, times and names change as a whole; values that share nothing stand side by side."""
    assert marked(difference(before, after, limit=1000)) == said


@given(st.text("ab ,.\n", max_size=60), st.text("ab ,.\n", max_size=60))
def test_a_difference_holds_both_values_whole(before: str, after: str) -> None:
    """What is the same and what is gone make the old value, what is the same and what is new the new one."""
    found = difference(before, after, limit=1000)
    assert "".join(one.text for one in found.pieces if one.kind != "new") == before
    assert "".join(one.text for one in found.pieces if one.kind != "gone") == after


def test_a_long_text_shows_what_is_around_its_changes() -> None:
    """In a list the middle of an unchanged passage is left out, and counted."""
    text = "word " * 200
    found = difference(f"{text}old end", f"{text}new end", limit=5000, brief=True)
    assert sum(len(one.text) for one in found.pieces) < 300
    assert sum(one.left_out for one in found.pieces) > 700
    assert {one.text for one in found.pieces if one.kind != "same"} == {"old", "new"}


def test_a_difference_is_bounded_and_harmless() -> None:
    """A value of a million letters is cut and the rest counted; what acts on a reader is made visible, line breaks stay."""
    assert difference("x" * 1_000_000, "y", limit=600).cut == 999_400
    assert marked(difference("a\x1b[31m\u202eb", "c\nd", limit=100)) == "-a␛[31m\\u202eb-+c\nd+"


def test_thousands_of_words_take_no_time() -> None:
    """Two letters without a word in common are not compared word by word."""
    one, other = (" ".join(f"{sign}{number}" for number in range(9000)) for sign in "ab")
    assert difference(one, other, limit=100_000).whole


def entry(minute: int, *changes: FieldChange, table: str = "crm.rules", key: str = "1") -> Entry:
    """Return an entry of a minute after nine, about the rule 1 unless told otherwise."""
    at = datetime(2026, 11, 24, 9, minute, tzinfo=UTC)
    return Entry(
        id=encode(Identity(at, minute, "Rules", table, key)),
        at=at,
        actor="Ana",
        actor_kind="user",
        actor_trust="vouched",
        ip=None,
        type=ChangeType.UPDATED,
        module="Rules",
        entity="rule",
        entity_id=key,
        entity_name="EU",
        account=None,
        descriptions=("Changed",),
        kinds=("rule.updated",),
        sensitivity="normal",
        consequence_of=None,
        changes=changes,
        transaction_id=minute,
        source=Source("app", None, None, None),
    )


def change(field: str, before: str | None, after: str | None, table: str = "crm.rules", key: int = 1) -> FieldChange:
    """Return the change of a field, named like its column."""
    return FieldChange(table, {"id": key}, field, field, before, after)


HISTORY = [
    entry(30, change("name", "EU 2", "EU 3"), change("position", "4", "5", key=2)),
    entry(
        20, change("condition", "A is 1", None, "crm.conditions", 7), change("order", "1", None, "crm.conditions", 7)
    ),
    entry(15, change("position", "3", "1"), change("name", "Nordics", "North", key=9), key="9"),
    entry(10, change("name", "EU", "EU 2"), change("condition", None, "A is 1", "crm.conditions", 7)),
]
ROW = ("crm.rules", "1")


def at(minute: int) -> datetime:
    """Return a minute after nine."""
    return datetime(2026, 11, 24, 9, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    "minute, known",
    [
        (5, {"name": "EU", "position": "3", "order": "1"}),
        (10, {"name": "EU 2", "position": "3", "condition": "A is 1", "order": "1"}),
        (16, {"name": "EU 2", "position": "1", "condition": "A is 1", "order": "1"}),
        (25, {"name": "EU 2", "position": "1"}),
        (59, {"name": "EU 3", "position": "1"}),
    ],
)
def test_the_state_at_a_moment_is_put_together_from_changes(minute: int, known: dict[str, str]) -> None:
    """A field has the value of its last change, before it the old one; parts that were removed are gone, rows beside are left out."""
    found = {line.label: line.value for line in state(HISTORY, ROW, at(minute)) if line.value is not None}
    assert found == known


def test_two_moments_differ_by_the_net_effect() -> None:
    """What came and went between them is no difference, whichever moment is given first."""
    found = contrast(HISTORY, ROW, at(59), at(5))
    assert [(one.label, marked(one.difference)) for one in found] == [
        ("name", "EU+ 3+"),
        ("position", "-3-+1+"),
        ("order", "-1-"),
    ]
    assert contrast(HISTORY, ROW, at(30), at(59)) == []


def test_bars_are_as_high_as_their_numbers() -> None:
    """The highest day fits under the upper line, one change among a thousand can be seen, and the pieces stand on each other."""
    days = [date(2026, 11, day) for day in (22, 23, 24)]
    found = chart(days, {days[0]: {"A": 900, "B": 100}, days[2]: {"B": 1}}, ["A", "B"])
    assert (found.top, found.total, [bar.total for bar in found.bars]) == (1000, 1001, [1000, 0, 1])
    first, second = found.bars[0].segments
    assert (first.height, second.height, first.y + first.height, second.y + second.height) == (
        90.0,
        10.0,
        HEIGHT,
        first.y,
    )
    assert found.bars[2].segments[0].height > 1
    assert [bar.x for bar in found.bars] == [0.0, 1.0, 2.0]
    assert chart(days, {}, ["A"]).top == 1


def test_filters_are_read_from_an_address_and_written_back() -> None:
    """What an address says and what it is made of again are the same, in one order, without what is empty."""
    pairs = [
        ("q", " EU "),
        ("module", "Workflows"),
        ("module", "Territories"),
        ("type", ""),
        ("zone", "utc"),
        ("nothing", "x"),
    ]
    wanted = Wanted.of(pairs)
    assert wanted.query() == "?q=EU&module=Workflows&module=Territories&zone=utc"
    assert Wanted.of(wanted.pairs()) == wanted
    assert [chip.words for chip in wanted.chips({})] == ["Module: Workflows", "Module: Territories", "Text: “EU”"]
    assert wanted.chips({})[0].without == "?q=EU&module=Territories&zone=utc"


@pytest.mark.parametrize(
    "pairs, query, words",
    [
        ([("period", "7d")], "?since=7d", ["Period: Last 7 days"]),
        ([("period", "yesterday"), ("since", "2026-01-01")], "?since=yesterday&until=yesterday", ["Period: Yesterday"]),
        (
            [("period", "dates"), ("since", "2026-11-01"), ("until", "2026-11-07")],
            "?since=2026-11-01&until=2026-11-07",
            ["From: 1 Nov 2026", "Until: 7 Nov 2026"],
        ),
        ([("period", "dates")], "", []),
        (
            [("account", "2"), ("sensitivity", "high")],
            "?account=2&sensitivity=high",
            ["Account: Globex", "Sensitivity: Sensitive only"],
        ),
    ],
)
def test_periods_and_names_are_said_in_words(pairs: list[tuple[str, str]], query: str, words: list[str]) -> None:
    """A preset stands for its times, an account for its name."""
    wanted = Wanted.of(pairs)
    assert wanted.query() == query
    assert [chip.words for chip in wanted.chips({"2": "Globex"})] == words


def test_times_are_those_of_the_reader() -> None:
    """The zone is named once, another offset beside each time that has it, and days by their distance."""
    winter, summer = datetime(2026, 12, 1, 23, 30, tzinfo=UTC), datetime(2026, 8, 1, 23, 30, tzinfo=UTC)
    assert (when(winter, BERLIN, winter).clock, when(winter, BERLIN, winter).offset) == ("00:30:00", None)
    assert when(summer, BERLIN, winter).offset == "UTC+2"
    assert when(winter, BERLIN, winter).iso == "2026-12-01T23:30:00.000000Z"
    assert when(summer, BERLIN, winter).full == "Sunday, 2 August 2026, 01:30:00.000 Europe/Berlin (UTC+2)"
    assert when(winter, ZoneInfo("UTC"), winter).full == "Tuesday, 1 December 2026, 23:30:00.000 UTC"
    assert zone_title(BERLIN, winter) == "Europe/Berlin (UTC+1)"
    assert zone_title(ZoneInfo("UTC"), winter) == "UTC"
    assert offset_words(winter.astimezone(ZoneInfo("America/St_Johns"))) == "UTC−3:30"
    assert day_words(date(2026, 12, 1), date(2026, 12, 2)) == ("Yesterday", "Tuesday, 1 December 2026")


def test_names_stand_out_and_are_escaped() -> None:
    """What is between quotation marks is closed off from the direction of the letters around it, and never markup."""
    assert names("Renamed “<b>” to “x”") == 'Renamed “<bdi class="q">&lt;b&gt;</bdi>” to “<bdi class="q">x</bdi>”'
