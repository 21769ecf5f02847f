"""Entries on a terminal, as JSON and as CSV: readable, and harmless whatever was stored."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from capture.errors import UsageError
from capture.model import ChangeType, Entry, FieldChange, Source
from whochanged.output.detail import print_entry
from whochanged.output.machine import CSV_COLUMNS, entry_document, to_json, write_csv, write_json_lines
from whochanged.output.safety import cell, neutral
from whochanged.output.terminal import print_log
from whochanged.output.times import moment, zone

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 10, 30, tzinfo=BERLIN)
ENTRY = Entry(
    id="abc",
    at=datetime(2026, 11, 23, 23, 14, 3, tzinfo=UTC),
    actor="Ana Admin",
    actor_kind="user",
    actor_trust="claimed",
    ip="203.0.113.24",
    type=ChangeType.UPDATED,
    module="Territories",
    entity="territory",
    entity_id="1",
    entity_name="Europe",
    account="1",
    descriptions=("Renamed territory “EMEA” to “Europe”",),
    kinds=("territory.name_updated",),
    sensitivity="normal",
    consequence_of=None,
    changes=(FieldChange("crm.territories", {"id": 1}, "name", "name", "EMEA", "Europe"),),
    transaction_id=77,
    source=Source("cloudfon_app", "cloudfon-web", None, "req-1"),
)
NASTY = "x\x1b[31m\x9b2J\r\n\u202egnp.exe\x00"


def _log(*entries: Entry, width: int = 100_000, colour: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        markup=False,
        highlight=False,
    )
    print_log(console, entries, BERLIN)
    return file.getvalue()


def test_piped_log_is_plain_and_unwrapped() -> None:
    assert _log(ENTRY) == (
        "Tuesday, 24 November 2026\n\n"
        "00:14:03 CET  Ana Admin (203.0.113.24)  Updated · Territories · “Europe”\n"
        "  Renamed territory “EMEA” to “Europe”\n"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = replace(ENTRY, entity_name="Name " * 40, descriptions=("Word " * 60,))
    assert max(len(line) for line in _log(ENTRY, long, width=width).splitlines()) <= width


def test_before_and_after_have_their_colours() -> None:
    text = _log(ENTRY, width=100, colour=True)
    assert "\x1b[31mEMEA\x1b[0m" in text
    assert "\x1b[32mEurope\x1b[0m" in text


def test_rows_that_only_made_room_colour_nothing() -> None:
    changes = tuple(
        FieldChange("crm.territories", {"id": number}, "position", "position", before, after)
        for number, before, after in ((2, "1", "2"), (3, "3", "4"), (1, "4", "1"))
    )
    moved = replace(ENTRY, descriptions=("Moved “Europe” from position 4 to 1 (3 others shifted)",), changes=changes)
    text = _log(moved, width=100, colour=True)
    assert "position \x1b[31m4\x1b[0m to \x1b[32m1\x1b[0m (3 others shifted)" in text


def test_of_equal_words_those_beside_each_other_are_meant() -> None:
    changes = (FieldChange("crm.territories", {"id": 1}, "description", "description", "Europe", "Europe and Africa"),)
    told = replace(ENTRY, descriptions=("Changed “Europe” from “Europe” to “Europe and Africa”",), changes=changes)
    text = _log(told, width=100, colour=True)
    assert "“Europe” from “\x1b[31mEurope\x1b[0m” to “\x1b[32mEurope and Africa\x1b[0m”" in text


def test_a_field_that_no_sentence_tells_gets_a_line() -> None:
    untold = replace(ENTRY, descriptions=("Changed territory “Europe”",))
    assert "  name  EMEA → Europe\n" in _log(untold)


def test_days_are_those_of_the_readers_zone() -> None:
    earlier = replace(ENTRY, at=datetime(2026, 11, 23, 22, 0, tzinfo=UTC))
    text = _log(ENTRY, earlier)
    assert text.index("Tuesday, 24 November") < text.index("Monday, 23 November")


def test_direct_sql_is_marked() -> None:
    assert "dana_dba (direct SQL)" in _log(replace(ENTRY, actor="dana_dba", actor_kind="database", ip=None))


@pytest.mark.parametrize("width", [60, 120, 100_000])
def test_stored_escape_codes_are_shown_and_never_sent(width: int) -> None:
    change = FieldChange("crm.t", {"id": 1}, NASTY, NASTY, NASTY, NASTY + "2")
    nasty = replace(
        ENTRY, actor=NASTY, ip=NASTY, module=NASTY, entity_name=NASTY, descriptions=(NASTY,), changes=(change,)
    )
    file = io.StringIO()
    print_entry(Console(file=file, width=width, color_system=None, markup=False), nasty, BERLIN)
    text = _log(nasty, width=width) + file.getvalue()
    assert not set(text) & set("\x1b\x9b\r\x00\u202e")
    assert "␛" in text


def test_markup_in_values_is_text() -> None:
    assert "[red]x[/red]" in _log(replace(ENTRY, descriptions=("[red]x[/red]",)))


def test_neutral_keeps_letters_of_every_script() -> None:
    text = "Zürich 東京 العربية 👩‍👩‍👧 “quoted” — ok"
    assert neutral(text) == text


def test_json_has_the_public_names_in_their_order() -> None:
    assert (
        list(entry_document(ENTRY))
        == (
            "id at actor actor_kind actor_trust ip type module entity entity_id entity_name account descriptions kinds "
            "sensitivity consequence_of changes transaction_id source"
        ).split()
    )
    assert entry_document(ENTRY)["at"] == "2026-11-23T23:14:03.000000Z"


def test_json_is_harmless_to_print_and_loses_nothing() -> None:
    line = to_json({"value": NASTY + "\ud800\U000e0041"})
    assert not set(line) & set("\x1b\x9b\r\n\x00\u202e")
    line.encode("utf-8")
    assert json.loads(line) == {"value": NASTY + "\ud800\U000e0041"}


def test_json_lines_are_one_each() -> None:
    out = io.StringIO()
    assert write_json_lines([ENTRY, replace(ENTRY, descriptions=("a\nb",))], out) == 2
    assert [json.loads(line)["id"] for line in out.getvalue().splitlines()] == ["abc", "abc"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝"])
def test_csv_never_starts_a_formula(start: str) -> None:
    assert cell(f"{start}HYPERLINK()").startswith("'")


def test_csv_leaves_ordinary_text_alone() -> None:
    assert [cell(text) for text in ("Europe", "a-b", "", None)] == ["Europe", "a-b", "", ""]


def test_csv_reads_back() -> None:
    out = io.StringIO()
    write_csv([replace(ENTRY, entity_name='=1+1,"x"')], out)
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert tuple(row) == CSV_COLUMNS
    assert row["entity_name"] == '\'=1+1,"x"'
    assert row["at"] == "2026-11-23T23:14:03.000000Z"


@pytest.mark.parametrize(
    "text,end,expected",
    [
        ("2026-11-20", False, "2026-11-20T00:00:00+01:00"),
        ("2026-11-20", True, "2026-11-21T00:00:00+01:00"),
        ("2026-11-20T08:00", False, "2026-11-20T08:00:00+01:00"),
        ("2026-11-20 08:00Z", True, "2026-11-20T08:00:00+00:00"),
        ("2h", False, "2026-11-24T07:30:00+00:00"),
        ("7d", False, "2026-11-17T09:30:00+00:00"),
        ("30 min ago", False, "2026-11-24T09:00:00+00:00"),
        ("today", False, "2026-11-24T00:00:00+01:00"),
        ("Yesterday", False, "2026-11-23T00:00:00+01:00"),
        ("yesterday", True, "2026-11-24T00:00:00+01:00"),
        ("now", True, "2026-11-24T10:30:00+01:00"),
    ],
)
def test_times_as_people_write_them(text: str, end: bool, expected: str) -> None:
    assert moment(text, option="--since", now=NOW, end=end).isoformat() == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "99999999999d", "-2h", "2"])
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match=r"--since .* is not a time: write a date"):
        moment(text, option="--since", now=NOW, end=False)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "Europe", "\x00"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="unknown timezone"):
        zone(name)
