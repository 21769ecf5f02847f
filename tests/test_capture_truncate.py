"""TRUNCATE of partitions: which one was emptied is kept, whatever else the transaction holds."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.catalogue.model import Catalogue
from capture.entries.describe import entries
from capture.filters import Filters
from capture.install import track_table

Connection = psycopg.Connection[Any]

TREE = (
    "create table calls (id int primary key, n text) partition by range (id);"
    "create table calls_low partition of calls for values from (0) to (10) partition by range (id);"
    "create table calls_1 partition of calls_low for values from (0) to (5);"
    "create table calls_2 partition of calls_low for values from (5) to (10);"
    "create table calls_high partition of calls for values from (10) to (20)"
)
CATALOGUE = Catalogue.model_validate(
    {
        "name": "Calls",
        "table": [{"name": "public.calls", "module": "Calls", "entity": "call", "label": "n"}],
    }
)


@pytest.fixture(params=[False, True], ids=["plain", "registered"])
def calls(conn: Connection, request: pytest.FixtureRequest) -> Connection:
    """Give a table with partitions on two levels and a row in each leaf."""
    conn.execute(TREE)
    track_table(conn, "public.calls", label_column="n", about=["n"], registered=request.param)
    conn.execute("insert into calls values (1, 'one'), (6, 'six'), (11, 'eleven')")
    return conn


def emptied(conn: Connection) -> list[tuple[Any, ...]]:
    """Return the partition of each logged TRUNCATE, and the ids of the rows that were logged as removed since the last."""
    found: list[tuple[Any, ...]] = []
    removed: list[int] = []
    for operation, key, partition in conn.execute("select operation, key, partition from audit.log order by at, id"):
        if operation == "DELETE":
            removed.append(key["id"])
        elif operation == "TRUNCATE":
            found.append((partition, sorted(removed)))
            removed = []
    return found


@pytest.mark.parametrize(
    "statement, expected",
    [
        ("truncate calls", [(None, [1, 6, 11])]),
        ("truncate calls_low", [("public.calls_low", [1, 6])]),
        ("truncate calls_2", [("public.calls_2", [6])]),
        ("truncate calls_1, calls_2", [("public.calls_1", [1, 6]), ("public.calls_2", [])]),
        ("lock table calls; truncate calls_2", [("public.calls_2", [6])]),
        ("alter table calls add x int; truncate calls_low", [("public.calls_low", [1, 6])]),
        ("truncate calls_2; truncate calls", [("public.calls_2", [6]), (None, [1, 11])]),
        (
            "truncate calls; insert into calls values (2, 'two'); truncate calls_1",
            [(None, [1, 6, 11]), ("public.calls_1", [2])],
        ),
    ],
)
def test_each_truncate_says_once_what_it_emptied(calls: Connection, statement: str, expected: list[Any]) -> None:
    """Also where the transaction has locked the table above for another reason."""
    calls.execute(f"begin; {statement}; commit")
    assert emptied(calls) == expected


def told(conn: Connection) -> list[str]:
    """Return the sentences of the newest transaction."""
    found = list(entries(conn, CATALOGUE, Filters()))
    return [text for entry in found if entry.transaction_id == found[0].transaction_id for text in entry.descriptions]


def test_an_emptied_partition_does_not_read_as_the_whole_table(calls: Connection) -> None:
    calls.execute("truncate calls_low")
    assert told(calls) == [
        "Emptied the partition “public.calls_low” of the table of calls: removed 2 calls: “one”, “six”"
    ]


def test_what_else_was_saved_is_told_beside_an_emptied_partition(calls: Connection) -> None:
    with calls.transaction():
        for statement in (
            "update calls set n = 'ELEVEN' where id = 11",
            "update calls set n = 'SIX' where id = 6",
            "insert into calls values (7, 'seven')",
            "delete from calls where id = 1",
            "truncate calls_2",
            "insert into calls values (8, 'eight')",
        ):
            calls.execute(statement.encode())
    assert sorted(told(calls)) == [
        "Created call “eight”",
        "Deleted call “one”",
        "Emptied the partition “public.calls_2” of the table of calls: removed 1 call: “six”",
        "Renamed call “eleven” to “ELEVEN”",
    ]


def test_two_partitions_emptied_in_one_save_are_two_entries(calls: Connection) -> None:
    calls.execute("truncate calls_1, calls_high")
    found = list(entries(calls, CATALOGUE, Filters(types=("Deleted",))))
    assert len({entry.id for entry in found}) == 2
    assert {entry.entity_name for entry in found} == {"all calls in public.calls_1", "all calls in public.calls_high"}


def test_the_registry_knows_that_emptied_rows_are_gone(conn: Connection) -> None:
    conn.execute(TREE)
    track_table(conn, "public.calls", label_column="n", registered=True)
    conn.execute("insert into calls values (1, 'one'), (6, 'six'); truncate calls_1")
    assert conn.execute("select key, deleted_at is null from audit.entity order by key").fetchall() == [
        ({"id": 1}, False),
        ({"id": 6}, True),
    ]
