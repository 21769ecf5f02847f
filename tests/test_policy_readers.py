"""What people read of statements that could not be logged: entries, the view, status and digests."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from capture.catalogue.model import Catalogue, Column, Parent, Table
from capture.entries.describe import entries
from capture.filters import Filters
from capture.model import Entry
from tests.digests import add, cut
from tests.failing import FAILURES, TYPES, fill
from tests.test_capture_rows import make
from whochanged.cli import run

pytestmark = pytest.mark.one_server
Connection = psycopg.Connection[Any]

DEALS = Table(
    name="public.t",
    module="Sales",
    entity="deal",
    label="v",
    columns={"b": Column(label="forecast")},
    failure="available",
)
CATALOGUE = Catalogue(name="test", table=(DEALS,))


def told(conn: Connection, catalogue: Catalogue = CATALOGUE, **filters: Any) -> list[Entry]:
    """Return the entries about what could not be recorded, the first first."""
    found = [one for one in entries(conn, catalogue, Filters(**filters)) if one.kinds[0].endswith(".not_recorded")]
    return found[::-1]


def test_an_entry_says_what_could_not_be_recorded_and_who_it_was(conn: Connection) -> None:
    """It stands in its table's module, is sensitive, and is found by the search that status names."""
    fill(conn, FAILURES["output function"], "available", 2)
    with conn.transaction():
        conn.execute("select set_config('audit.actor', 'Ana Admin', true)")
        conn.execute("update t set v = 'c', b = '78'")
    (entry,) = told(conn, search="could not be recorded")
    assert entry.descriptions == (
        "Updating 2 deals could not be recorded in full (forecast): invalid internal value for enum: 77",
    )
    assert (entry.actor, entry.module, entry.type, entry.sensitivity) == ("Ana Admin", "Sales", "Updated", "high")
    assert (entry.account, entry.kinds) == (None, ("deal.not_recorded",))
    # What could be recorded of the rows is told as ever.
    others = [one for one in entries(conn, CATALOGUE, Filters()) if one.kinds != entry.kinds]
    assert [one.entity_id for one in others] == ["2", "1"]


def test_each_operation_has_its_words(conn: Connection) -> None:
    make(conn, "id int primary key, v text, b text", failure="available")
    conn.execute("insert into t values (1, 'a', 'x')")
    conn.execute(
        "alter table audit.change add constraint mine check (degraded is not null or operation = 'T') not valid"
    )
    conn.execute("insert into t values (2, 'b', 'x')")
    conn.execute("update t set v = 'c'")
    conn.execute("delete from t")
    conn.execute("insert into t values (3, 'b', 'x')")
    conn.execute("truncate t")
    (why,) = conn.execute("select min(degraded ->> 'message') from audit.log").fetchone() or ("",)
    assert 'violates check constraint "mine"' in why
    assert [(one.type, one.sentence) for one in told(conn)] == [
        ("Created", f"Creating 1 deal could not be recorded: {why}"),
        ("Updated", f"Updating 2 deals could not be recorded: {why}"),
        ("Deleted", f"Deleting 2 deals could not be recorded: {why}"),
        ("Created", f"Creating 1 deal could not be recorded: {why}"),
        ("Deleted", f"Deleting 1 deal could not be recorded: {why}"),
    ]
    unknown = told(conn, Catalogue(name="none"))
    assert unknown[0].sentence == f"Creating 1 t could not be recorded: {why}"
    assert unknown[0].module == "Other"


def test_an_emptied_table_is_not_said_to_have_had_nothing_in_it(conn: Connection) -> None:
    """Its rows are in no log: the entry counts them all the same."""
    fill(conn, FAILURES["output function"], "available", 1001)
    conn.execute("truncate t")
    assert [one.sentence.split(":")[0] for one in entries(conn, CATALOGUE, Filters())] == [
        "Emptied the table of deals",
        "Deleting 1001 deals could not be recorded",
    ]
    assert next(entries(conn, CATALOGUE, Filters())).sentence == (
        "Emptied the table of deals: removed 1001 deals that could not be recorded"
    )


def test_a_save_over_a_table_is_one_entry(conn: Connection) -> None:
    """Several failing statements of a transaction over a table are one entry; the same words are said once."""
    fill(conn, FAILURES["output function"], "available", 1)
    with conn.transaction():
        conn.execute("update t set b = '78'")
        conn.execute("insert into t values (2, 'b', '77')")
        conn.execute("insert into t values (3, 'b', '77')")
    (entry,) = told(conn)
    assert entry.type == "Updated"
    assert [text.split(" could")[0] for text in entry.descriptions] == ["Updating 1 deal", "Creating 1 deal"]
    assert len(entry.kinds) == 2


def test_parts_and_masked_messages(conn: Connection) -> None:
    """A part that comes or goes is an update of something; a message that was not kept is its SQLSTATE."""
    conn.execute(TYPES)
    make(conn, "id int primary key, v text, pin bad, b bad", masked=["pin"], failure="available")
    conn.execute("insert into t values (1, 'a', '424242', '5')")
    part = Table(name="public.t", module="Sales", entity="item", parent=Parent(table="public.deals", key="v"))
    (entry,) = told(conn, Catalogue(name="test", table=(part,)))
    assert entry.type == "Updated"
    assert entry.sentence == "Creating 1 item could not be recorded in full (b): SQLSTATE 22P03"


def test_the_view_shows_degraded_rows_with_their_module(conn: Connection) -> None:
    fill(conn, FAILURES["output function"], "available", 1)
    conn.execute("update t set b = '78'")
    assert conn.execute(
        "select module, operation, change_type, database_user, old, new, degraded ->> 'sqlstate' from audit.log"
        " where degraded is not null"
    ).fetchall() == [("Other", "UPDATE", "Updated", "postgres", None, None, "22P03")]


def status(capsys: pytest.CaptureFixture[str], dsn: str, code: int) -> dict[str, Any]:
    """Return what status prints for programs."""
    assert run(["status", "--json", "--dsn", dsn]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_status_counts_degraded_rows_of_the_last_days(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(conn, FAILURES["output function"], "available", 1)
    assert run(["status", "--dsn", dsn]) == 0
    assert "every change; available" in capsys.readouterr().out
    conn.execute("update t set b = '78'")
    conn.execute("insert into t values (2, 'b', '77')")
    found = status(capsys, dsn, 1)
    assert (found["degraded"], found["unrecorded"]) == ({"public.t": 2}, 0)
    assert found["problems"] == [
        (
            "2 statements of the last 7 days could not be recorded in full, over public.t: run  "
            "whochanged log --search 'could not be recorded'"
        )
    ]
    assert [table["failure"] for table in found["tables"] if table["table_name"] == "public.t"] == ["available"]
    conn.execute("delete from audit.change where degraded is not null")
    assert status(capsys, dsn, 0)["degraded"] == {}


def test_status_tells_of_writes_without_a_trace(conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The log could not be written, and no rollback takes the count back, until somebody who has seen to it sets it back."""
    fill(conn, FAILURES["the right to write changes"], "available", 1)
    conn.execute("update t set v = 'b'")
    conn.execute("grant insert on audit.change to audit_capture")
    found = status(capsys, dsn, 1)
    assert found["unrecorded"] == 1
    assert found["problems"][0].startswith("1 statement went through without any trace in the log")
    conn.execute("alter sequence audit.unrecorded restart")
    assert status(capsys, dsn, 0)["unrecorded"] == 0


def test_a_digest_tells_what_could_not_be_recorded(crm_conn: Connection) -> None:
    add(crm_conn)
    crm_conn.execute(TYPES)
    make(crm_conn, "id int primary key, v text, b bad", failure="available")
    crm_conn.execute("insert into t values (1, 'a', '5')")
    cut(crm_conn)
    row = crm_conn.execute(
        "select convert_from(message, 'UTF8') from audit.digest where message is not null"
    ).fetchone()
    assert row is not None
    assert "could not be recorded in full (b)" in " ".join(row[0].replace("=\n", "").split())
