"""The history of one row: what is found by its key, and what of the log is read for that."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import psycopg
import pytest

from capture.catalogue import load_shipped
from capture.entries.describe import entries
from capture.filters import Filters
from capture.reading import key_forms
from capture.resources import query
from tests.commands import Capture, documents, refused
from tests.commands import said as printed
from tests.saving import Connection, said, save

pytestmark = pytest.mark.one_server


def history(conn: Connection, table: str, key: str) -> list[str]:
    return said(list(entries(conn, load_shipped(), Filters(row=(table, key)))))


@pytest.mark.parametrize(
    "text, columns, forms",
    [
        ("7", ("id",), ['{"id": "7"}', '{"id": 7}']),
        ("-1.5", ("id",), ['{"id": "-1.5"}', '{"id": -1.5}']),
        ("007", ("id",), ['{"id": "007"}']),
        ("a,b", ("id",), ['{"id": "a,b"}']),
        ("1,x", ("b", "a"), ['{"a": "1", "b": "x"}', '{"a": 1, "b": "x"}']),
        ("1,x,y", ("a", "b"), []),
        ("9" * 2_000, ("id",), [f'{{"id": "{"9" * 2_000}"}}']),
        ('"', ('"',), ['{"\\"": "\\""}']),
        ("x", (), []),
    ],
)
def test_a_key_is_looked_for_in_all_its_forms(text: str, columns: tuple[str, ...], forms: list[str]) -> None:
    assert key_forms(text, columns) == forms
    assert all(json.loads(form) for form in forms)


@pytest.mark.parametrize(
    "kind, key", [("bigint", "42"), ("text", "42"), ("text", "007"), ("numeric", "4.20"), ("text", "a,b")]
)
def test_a_row_is_found_whatever_the_type_of_its_key(crm_conn: Connection, kind: str, key: str) -> None:
    crm_conn.execute(f"CREATE TABLE crm.things (id {kind} PRIMARY KEY, v int)".encode())
    crm_conn.execute("SELECT audit.track('crm.things')")
    crm_conn.execute("INSERT INTO crm.things VALUES (%s, 1), ('5', 1)", [key])
    assert history(crm_conn, "crm.things", key) == [f"Created thing {key}"]


def test_a_row_is_found_after_its_key_was_renamed(crm_conn: Connection) -> None:
    crm_conn.execute("CREATE TABLE crm.things (id int, part text, v int, PRIMARY KEY (id, part))")
    crm_conn.execute("SELECT audit.track('crm.things')")
    crm_conn.execute("INSERT INTO crm.things VALUES (1, 'a,b', 1), (1, 'c', 1)")
    crm_conn.execute("ALTER TABLE crm.things RENAME id TO number")
    crm_conn.execute("SELECT audit.track('crm.things')")
    assert history(crm_conn, "crm.things", "1,c") == ["Created thing 1,c"]
    assert history(crm_conn, "crm.things", "1,a,b") == ["Created thing 1,a,b"]


def test_every_day_of_changes_is_read_once_and_transactions_by_their_index(crm_conn: Connection) -> None:
    crm_conn.execute(
        "SELECT audit.make_partition(p, d::date) FROM unnest(array['change', 'transaction']) AS p, "
        "generate_series(current_date - 4, current_date - 1, interval '1 day') AS d"
    )
    parameters = {"since": None, "until": None, "tables": [1], "columns": ["id"], "forms": ['{"id": 1}'], "key": "1"}
    statement = "EXPLAIN (FORMAT JSON) " + query("reading_history")
    [[plan]] = psycopg.ClientCursor(crm_conn).execute(statement, parameters).fetchall()
    scans = Counter(node["Relation Name"] for node in nodes(plan[0]["Plan"]) if "Relation Name" in node)
    assert len([name for name in scans if name.startswith("change_")]) >= 6
    assert set(scans.values()) == {1}
    assert not [name for name in scans if name.startswith("transaction")]
    assert not [node for node in nodes(plan[0]["Plan"]) if node.get("Parent Relationship") == "SubPlan"]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all nodes of a plan."""
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes(part))]


def test_the_history_of_a_row_that_lends_its_name_is_that_of_its_name(
    crm_conn: Connection, crm_dsn: str, capsys: Capture
) -> None:
    save(crm_conn, "INSERT INTO users (id, account_id, name, email, role) VALUES (90, 1, 'Li', 'li@x.test', 'user')")
    save(crm_conn, "UPDATE users SET name = 'Lee', email = 'lee@x.test' WHERE id = 90")
    save(crm_conn, "UPDATE users SET email = 'l@x.test' WHERE id = 90")
    save(crm_conn, "DELETE FROM users WHERE id = 90")
    found = documents(capsys, "history", "crm.users", "90", "--dsn", crm_dsn)
    assert [document["descriptions"] for document in found] == [
        ["Deleted user “Lee”"],
        ["Renamed user “Li” to “Lee”"],
        ["Created user “Li”"],
    ]
    out, err = printed(capsys, "history", "crm.users", "90", "--dsn", crm_dsn)
    assert "Renamed user “Li” to “Lee”" in out
    assert "crm.users lends names to others: only its rows' coming and going and account_id, name are watched" in (
        " ".join(err.split())
    )
    out, err = printed(capsys, "history", "crm.users", "91", "--dsn", crm_dsn)
    assert out == ""
    assert err.startswith("No change of crm.users 91 is in the log.")
    assert documents(capsys, "log", "--search", "user “", "--dsn", crm_dsn) == []


def test_the_history_of_a_table_without_key_is_refused(crm_conn: Connection, crm_dsn: str, capsys: Capture) -> None:
    crm_conn.execute("CREATE TABLE crm.loose (v int); SELECT audit.track('crm.loose')")
    assert "has no key" in refused(capsys, 4, "history", "crm.loose", "1", "--dsn", crm_dsn)
