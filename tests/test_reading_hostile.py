"""What a writer may put into the log to spoil it for its readers: sizes, depths, and names that are not theirs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from rich.console import Console

from capture.entries.actor import address, shown, source
from capture.entries.values import HIDDEN
from capture.model import FieldChange, Transaction
from capture.reading import DEEPEST, load_json
from tests.commands import documents, refused, said
from tests.saving import only, save
from tests.test_cli_output import ENTRY, NOW
from whochanged.output.machine import to_json, write_csv, write_json_lines
from whochanged.output.terminal import Painter, print_log

Connection = psycopg.Connection[Any]
Capture = pytest.CaptureFixture[str]


def _nested(depth: int, inside: str = "1", name: str = "a") -> str:
    return f'{{"{name}":' * depth + inside + "}" * depth


def _many(count: int, before: str = "step {0} old", after: str = "step {0} new") -> Any:
    changes = tuple(
        FieldChange("crm.p", {"id": n}, "name", "name", before.format(n), after.format(n)) for n in range(count)
    )
    sentences = tuple(f"Renamed “{change.before}” to “{change.after}”" for change in changes)
    return replace(ENTRY, descriptions=sentences, changes=changes)


def _printed(entry: Any) -> str:
    file = io.StringIO()
    print_log(Console(file=file, width=100_000, markup=False, highlight=False), [entry], ZoneInfo("UTC"))
    return file.getvalue()


# Large saves ---------------------------------------------------------------------------------------------------------


def test_a_large_save_prints_its_first_sentences_and_says_how_many_more() -> None:
    text = _printed(_many(100_000))
    assert len(text.splitlines()) == 4 + 20
    assert text.endswith("  and 99,980 more: whochanged show abc\n")
    assert "more" not in _printed(_many(20))


def test_programs_get_all_sentences_of_a_large_save() -> None:
    lines, table = io.StringIO(), io.StringIO()
    write_json_lines([_many(500)], lines)
    write_csv([_many(500)], table)
    assert len(json.loads(lines.getvalue())["descriptions"]) == 500
    [_, row] = csv.reader(io.StringIO(table.getvalue()))
    assert row[9].count("Renamed") == 500


def test_fields_are_sorted_once_for_all_sentences_of_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    from whochanged.output import terminal

    asked = 0
    own = terminal._own

    def counted(*arguments: Any) -> bool:
        nonlocal asked
        asked += 1
        return own(*arguments)

    monkeypatch.setattr(terminal, "_own", counted)
    painter = Painter(_many(3_000))
    for description in _many(3_000).descriptions[:300]:
        painter.text(description)
    assert asked == 3_000


@pytest.mark.parametrize("before", ["step {0} old", "{0}", "“{0}”", "same"])
def test_few_fields_are_looked_for_in_a_sentence(before: str) -> None:
    entry = _many(3_000, before, "{0} new")
    painter = Painter(entry)
    assert max(len(painter.candidates(text)) for text in entry.descriptions[::100]) <= 64
    assert len(painter.text(entry.descriptions[7]).spans) >= 2


# Deep values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, DEEPEST - 1])
def test_a_value_of_ordinary_depth_is_read_as_it_is(depth: int) -> None:
    value = f'{{"x": {_nested(depth)}, "s": "{"[{" * 200}\\"", "n": 1.10}}'
    assert load_json(value) == json.loads(value, parse_float=Decimal)
    assert load_json(value.encode()) == load_json(value)


@pytest.mark.parametrize("depth", [101, 400, 3_000, 100_000])
def test_a_value_nested_too_deep_is_read_as_its_text(depth: int) -> None:
    deep, array = _nested(depth), "[" * depth + "]" * depth
    found = load_json(f'{{"x": {deep}, "y": {{"z": [2]}}, "l": {array}}}')
    assert found == {"x": deep, "y": {"z": [2]}, "l": array}
    assert to_json(found)


def test_a_deep_value_with_a_secret_in_it_stays_hidden() -> None:
    deep = _nested(150, '"hunter2"', "password")
    assert load_json(f'{{"x": {deep}}}') == {"x": HIDDEN}


def test_a_number_of_very_many_digits_is_read_and_written() -> None:
    value = load_json(f'{{"n": {"9" * 20_000}}}')
    assert to_json(value) == json.dumps({"n": "9" * 20_000})
    assert to_json({"n": Decimal("1E+100000"), "m": Decimal("2.0")}) == '{"n": "1E+100000", "m": 2}'


@pytest.mark.one_server
def test_deep_values_and_contexts_break_no_reader(crm_conn: Connection, crm_dsn: str, capsys: Capture) -> None:
    for number, depth in enumerate((150, 400, 3_000)):
        with crm_conn.transaction():
            context = {"set": f"set_config('audit.context', '{_nested(depth + 2_000)}', true)"}
            crm_conn.execute(f"SELECT {context['set']}".encode())
            crm_conn.execute("CREATE TABLE IF NOT EXISTS crm.deep (id int PRIMARY KEY, value jsonb)")
            if not number:
                crm_conn.execute("SELECT audit.track('crm.deep')")
            crm_conn.execute("INSERT INTO crm.deep VALUES (%s, %s)", [number, _nested(depth)])
        crm_conn.execute("UPDATE crm.deep SET value = %s WHERE id = %s", [_nested(depth, "2"), number])
        crm_conn.execute("UPDATE crm.deep SET value = '{\"a\": 1}' WHERE id = %s", [number])
    found = documents(capsys, "log", "--dsn", crm_dsn)
    assert len(found) >= 9
    for arguments in (["log"], ["log", "--csv"], ["history", "crm.deep", "2"], ["show", found[0]["id"]]):
        assert said(capsys, *arguments, "--dsn", crm_dsn)[0]


def test_a_context_that_is_too_long_is_kept_by_its_beginning(conn: Connection) -> None:
    raw = json.dumps({"a": "x" * 100_000})
    rows = conn.execute("SELECT audit.context_of(%s, %s)", [raw, "n" * 20_000]).fetchone()
    assert rows is not None
    assert rows[0] == {"unparsed": raw[:10_000], "actor": "n" * 10_000}


# Names and addresses -------------------------------------------------------------------------------------------------


def _transaction(**facts: Any) -> Transaction:
    known: dict[str, Any] = {"actor": None, "context": {}, "database_user": "app", "role": None, "application": None}
    return Transaction(**{"transaction_id": 1, "at": NOW, "client_addr": "192.0.2.1", **known, **facts})


@pytest.mark.parametrize("name", ["System", "system", " SYSTEM\t"])
def test_nobody_can_pass_for_the_product(name: str) -> None:
    found = shown(_transaction(actor=name, gateway=True, signature="valid:k"), ["cloudfon_app"])
    assert (found.name, found.kind, found.trust) == ("“System” (claimed)", "user", "claimed")
    assert shown(_transaction(actor=name, database_user="cloudfon_app"), ["cloudfon_app"]).name == name


def test_a_name_of_blanks_is_none() -> None:
    found = shown(_transaction(actor=" \t"))
    assert (found.name, found.kind) == ("app", "database")


@pytest.mark.parametrize(
    "said_ip", [{"a": 1}, ["198.51.100.7"], 7, True, "x" * 5_000, "nowhere", "", "fe80::1%" + "x" * 99]
)
def test_an_address_that_is_none_gives_way_to_the_clients(said_ip: Any) -> None:
    assert address(_transaction(context={"ip": said_ip})) == "192.0.2.1"


@pytest.mark.parametrize("ip", ["198.51.100.7", "2001:db8::1"])
def test_an_address_is_shown(ip: str) -> None:
    assert address(_transaction(context={"ip": ip})) == ip


@pytest.mark.parametrize(
    "request_id, kept",
    [
        ("r1", "r1"),
        (7, "7"),
        (Decimal("1.5"), "1.5"),
        ("x" * 500, "x" * 200),
        ({"a": 1}, None),
        (True, None),
        ("", None),
    ],
)
def test_a_request_is_text_or_a_number(request_id: Any, kept: str | None) -> None:
    assert source(_transaction(context={"request_id": request_id})).request_id == kept


def test_the_view_shows_the_same_names_and_addresses(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id int PRIMARY KEY)")
    conn.execute("SELECT audit.track('public.t')")
    for number, (name, context) in enumerate((("sYstem ", '{"ip": {"a": 1}}'), ("  ", '{"ip": "198.51.100.7"}'))):
        with conn.transaction():
            conn.execute(
                "SELECT set_config('audit.actor', %s, true), set_config('audit.context', %s, true)", [name, context]
            )
            conn.execute("INSERT INTO t VALUES (%s)", [number])
    assert conn.execute("SELECT actor, actor_kind, ip FROM audit.log ORDER BY id").fetchall() == [
        ("“System” (claimed)", "user", None),
        ("postgres", "database", "198.51.100.7"),
    ]


@pytest.mark.one_server
def test_a_second_actor_is_shown_everywhere(crm_conn: Connection, crm_dsn: str, capsys: Capture) -> None:
    entry = only(
        save(
            crm_conn,
            "UPDATE territories SET name = 'Europe' WHERE id = 1",
            "SELECT set_config('audit.actor', 'Second', true)",
            "UPDATE territories SET name = 'Asia' WHERE id = 1",
            "SELECT set_config('audit.actor', 'system', true)",
            "UPDATE territories SET name = 'Africa' WHERE id = 1",
            context={"other_actors": "forged"},
        )
    )
    assert entry.source.other_actors == ("Second", "“System” (claimed)")
    [found] = documents(capsys, "log", "--limit", "1", "--dsn", crm_dsn)
    assert (found["actor"], found["source"]["other_actors"]) == ("Ana Admin", ["Second", "“System” (claimed)"])
    assert "Ana Admin, also Second, “System” (claimed)" in said(capsys, "log", "--limit", "1", "--dsn", crm_dsn)[0]
    assert "Also            Second, “System” (claimed)\n" in said(capsys, "show", entry.id, "--dsn", crm_dsn)[0]


def test_an_application_cannot_forge_a_second_actor(crm_conn: Connection) -> None:
    entry = only(
        save(crm_conn, "UPDATE territories SET name = 'Europe' WHERE id = 1", context={"other_actors": ["Ben"]})
    )
    assert entry.source.other_actors == ()


def test_many_other_actors_are_counted() -> None:
    many = replace(ENTRY, source=replace(ENTRY.source, other_actors=tuple(f"P{n}" for n in range(2_000))))
    assert "Ana Admin (203.0.113.24), also P0, P1, P2 and 1,997 more  Updated" in _printed(many)


def test_a_limit_beyond_all_sense_is_refused(capsys: Capture) -> None:
    assert "1000000" in refused(capsys, 2, "log", "--limit", "99999999999999999999")
