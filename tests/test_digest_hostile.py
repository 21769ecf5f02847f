"""The digest against whoever writes names to harm its reader, or to hide what others did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.model import ChangeType, Entry
from reports import safety
from reports.digest.content import Watch
from reports.digest.message import build_message
from reports.digest.render import LARGEST, Rendered, render
from tests.test_digest_content import ANA, backwards, collected, entry
from tests.test_digest_render import PAGE, XHTML, document, elements, first_lines

NASTY = "<script>alert('1')</script>\x1b[31m\u202egnp.exe\u2066\r\nBcc: x@y.test\x00&lt;\ud800\ufdd0"
LONG = "x" * 10_000
NAMES = [
    NASTY + LONG,
    "<b>" + LONG,
    "مرحبا بالعالم " * 800,
    "👩‍👩‍👧" * 2_000,
    "e" + "\u0301" * 10_000,
    "東京" * 5_000,
    "“q” & \"d\" 's'",
    "",
]


def hostile(number: int) -> Iterator[Entry]:
    """Yield entries, newest first, in which every text is as long and as nasty as somebody can make it."""
    at = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
    types = list(ChangeType)
    for place in range(number):
        name = NAMES[place % len(NAMES)]
        yield entry(
            at=at - timedelta(milliseconds=10 * place),
            actor=f"{name}{place % 1_500}",
            actor_kind=("user", "database", "system")[place % 3],
            actor_trust=("claimed", "vouched")[place % 2],
            ip=name,
            type=types[place % 7 % 3],
            module=f"{name[:40]}{place % 30}" if place % 2 else "Workflows",
            entity=name,
            entity_name=name,
            account=name,
            descriptions=(f"Renamed workflow “{name}” to “{name}”",) * (1 + place % 5),
            kinds=(name,),
            sensitivity=("normal", "high", "low")[place % 11 % 3],
            consequence_of=name,
        )


def test_a_hundred_thousand_hostile_entries_make_a_small_mail() -> None:
    """However many and however long: every byte of the message counts, and what cannot be shown is counted."""
    digest = collected(hostile(100_000), product=NAMES[0], notes=NAMES, watch=Watch(24, 2))
    rendered = render(digest, serial=10**6, base_url=PAGE)
    message = build_message(
        rendered,
        replace(ANA, name=NAMES[3]),
        sender="Audit log <audit@acme.test>",
        message_id="<digest.1@acme.test>",
        window="1 2 3 4",
        date=datetime(2026, 11, 24, tzinfo=UTC),
        serial=10**6,
        base_url=PAGE,
    )
    assert len(message) < LARGEST
    assert "100,000 configuration changes in 61 modules" in first_lines(rendered)
    document(rendered)


def test_long_names_do_not_push_out_other_entries() -> None:
    """Whoever writes long names makes sentences shorter, and does not take the places of others."""
    flood = [replace(one, descriptions=(f"Renamed workflow “{LONG}”",) * 3, entity_name=LONG) for one in backwards(60)]
    spread = [replace(one, module=f"Module {place % 6}") for place, one in enumerate(flood)]
    rendered = render(collected(spread), serial=1, base_url=None)
    assert rendered.text.count("Renamed workflow") == 60


TAGS = set(
    "html head meta title style body div table tbody tr td th h1 h2 h3 p br a b i bdi del ins small span caption colgroup col time".split()
)
REFERENCE = re.compile(r"&(#\d+|(?!(?:amp|lt|gt|quot);)\w+);")


def plain(html: str) -> str:
    """Return a document with the letters that are written as references for the mail, in single spaces."""
    return " ".join(REFERENCE.sub(lambda match: unescape(match[0]), html).split())


ATTRIBUTES = set(
    "class style scope role datetime lang dir name content charset align valign href cellpadding cellspacing border width height"
    " aria-hidden".split()
)
OURS = set("\n\u2068\u2069")


def assert_harmless(rendered: Rendered) -> None:
    """Fail where a stored text became a tag, an attribute, or a character that acts or hides."""
    tree = document(rendered)
    for found in tree.iter():
        if isinstance(found.tag, str):
            assert found.tag.removeprefix(XHTML) in TAGS
            assert set(found.keys()) <= ATTRIBUTES
    shown = rendered.text + plain(rendered.html) + rendered.subject + rendered.preheader
    assert set(shown) & {character for character in shown if safety.neutral(character) != character} <= OURS
    assert "\n" not in rendered.subject + rendered.preheader


def test_nothing_stored_becomes_markup_or_acts() -> None:
    rendered = render(collected(hostile(64), product=NASTY, notes=[NASTY]), serial=1, base_url=PAGE)
    assert_harmless(rendered)
    assert "&lt;script&gt;alert('1')&lt;/script&gt;␛[31m\\u202egnp.exe" in plain(rendered.html)
    assert "<script>alert('1')</script>␛[31m\\u202egnp.exe" in rendered.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(st.characters(exclude_categories=[]), max_size=80),
    st.text("\u202e\u2066<>&\"'“”\n\r\x00{}%#اب", max_size=300),
)
def test_any_name_is_shown_as_it_is_and_does_nothing(name: str, sentence: str) -> None:
    hostile_entry = entry(actor=name, entity_name=name, descriptions=(sentence, name), module=name, account=sentence)
    rendered = render(collected([hostile_entry, entry(account="2")], product=name), serial=1, base_url=None)
    assert_harmless(rendered)
    said = safety.line(name, 60) or "(no name)"
    shown = [" ".join("".join(found.itertext()).split()) for found in elements(document(rendered), "bdi")]
    assert " ".join(said.split()) in shown


@given(st.text(st.characters(exclude_categories=[])), st.integers(2, 60))
def test_a_line_is_short_and_harmless_and_stays_so(text: str, limit: int) -> None:
    said = safety.line(text, limit)
    assert len(said) <= limit
    assert len(said.encode()) <= 2 * limit
    assert safety.neutral(said) == said
    assert safety.line(said, limit) == said


@pytest.mark.parametrize(
    "text,limit,said",
    [
        ("Europe", 6, "Europe"),
        ("European", 6, "Europ…"),
        ("ok\n\u202e", 20, "ok␊\\u202e"),
        ("  spaces  ", 20, "spaces"),
        ("👩‍👩‍👧👩‍👩‍👧", 7, "👩‍👩…"),
        ("ab👩‍👩‍👧", 5, "ab…"),
        ("ae\u0301\u0301\u0301\u0301\u0301", 20, "ae\u0301\u0301\u0301"),
        ("Zürich, 東京, العربية", 40, "Zürich, 東京, العربية"),
    ],
)
def test_a_line_is_cut_between_letters(text: str, limit: int, said: str) -> None:
    assert safety.line(text, limit) == said


def test_names_that_run_from_right_to_left_turn_nothing_else_around() -> None:
    rendered = render(collected([entry(descriptions=("Renamed “مرحبا” to “x (1 → 2)”",))]), serial=1, base_url=None)
    assert "<bdi>Renamed “<bdi>مرحبا</bdi>” to “<bdi>x (1 → 2)</bdi>”</bdi>" in plain(rendered.html)
    assert "Renamed “\u2068مرحبا\u2069” to “\u2068x (1 → 2)\u2069”" in rendered.text
