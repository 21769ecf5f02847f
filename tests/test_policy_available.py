"""Available tables: a write that cannot be logged goes through, and the log says what it lacks."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.install import track_table
from tests.failing import FAILURES, TYPES, Failure, fill, statements
from tests.test_capture_rows import HIDDEN, log, make

Connection = psycopg.Connection[Any]

KEPT = {name: failure for name, failure in FAILURES.items() if failure.kept is not None}
LOST = {name: failure for name, failure in FAILURES.items() if failure.kept is None}


def unrecorded(conn: Connection) -> int:
    """Return how many statements went through without a trace in the log."""
    row = conn.execute("select case when is_called then last_value else 0 end from audit.unrecorded").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("failure", KEPT.values(), ids=KEPT)
def test_a_write_goes_through_and_a_degraded_row_says_what_is_missing(
    conn: Connection, failure: Failure, rows: int
) -> None:
    """Whatever can be stored of its rows is; the columns that cannot stand as hidden."""
    fill(conn, failure, "available", rows)
    seen = 0
    for operation, statement in statements(failure, rows).items():
        if operation == "TRUNCATE":
            # The log is broken: DDL of a tracked table could not be written down.
            conn.execute("alter event trigger audit_log_ddl disable")
            conn.execute("alter table t disable trigger user")
            conn.execute(f"insert into t select g, 'a', {failure.value} from generate_series(1, {rows}) as g")
            conn.execute("alter table t enable always trigger audit_truncate, enable always trigger audit_truncated")
        written = conn.execute(statement).rowcount
        count = rows if operation == "TRUNCATE" else written
        found = log(conn, "operation, key, old, new, degraded")[seen:]
        seen += len(found)
        said = [row for row in found if row[4] is not None]
        whole = [row for row in found if row[4] is None and row[0] != "TRUNCATE"]
        named = "DELETE" if operation == "TRUNCATE" else operation
        assert [row[:4] for row in said] == [(named, None, None, None)]
        told = said[0][4]
        assert told["rows"] == count
        assert told["sqlstate"] == failure.state
        assert failure.said in told["message"] or failure.said.replace("77", "78") in told["message"]
        if not failure.kept:
            assert whole == []
            assert "columns" not in told
            continue
        assert told["columns"] == list(failure.missing)
        assert len(whole) == count
        for row in whole:
            assert row[0] == named
            assert row[1].keys() == {"id"}
            image = row[3] or row[2]
            assert {column: image[column] for column in failure.missing} == dict.fromkeys(failure.missing, HIDDEN)
    assert unrecorded(conn) == 0


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("failure", LOST.values(), ids=LOST)
def test_a_log_that_cannot_be_written_gives_a_warning_and_is_counted(
    conn: Connection, failure: Failure, rows: int
) -> None:
    """There is no place for a degraded row: the write goes through, the server's log has a warning, status a number."""
    fill(conn, failure, "available", rows)
    warnings: list[str | None] = []
    conn.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    for number, statement in enumerate(list(statements(failure, rows).values())[:3], 1):
        conn.execute(statement)
        assert unrecorded(conn) == number
        assert len(warnings) == number
        assert "a write of table public.t is not in the log, which cannot be written: " in (warnings[-1] or "")
    assert conn.execute("select count(*) from t").fetchone() == (0,)
    conn.execute("truncate t")
    assert len(warnings) > 3


@pytest.mark.parametrize(
    "broken", ["revoke all on sequence audit.unrecorded from audit_capture", "drop sequence audit.unrecorded"]
)
def test_a_counter_that_cannot_be_used_leaves_the_warnings(conn: Connection, broken: str) -> None:
    fill(conn, FAILURES["the right to write changes"], "available", 1)
    conn.execute(broken)
    warnings: list[str | None] = []
    conn.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
    conn.execute("update t set v = 'b'")
    assert conn.execute("select v from t").fetchall() == [("b",)]
    assert [(warning or "").split(":")[0] for warning in warnings] == [
        "a write of table public.t is not in the log, which cannot be written",
        "nor can it be counted",
    ]


def test_an_update_that_changes_nothing_leaves_no_trace(conn: Connection) -> None:
    """Bytes are compared where values cannot be read: no false alarm, and no change that goes by unseen."""
    fill(conn, FAILURES["output function"], "available", 2)
    conn.execute("update t set v = v, b = b")
    assert log(conn) == []
    conn.execute("update t set b = '78' where id = 1")
    assert log(conn, "operation, key, old, new") == [
        ("UPDATE", {"id": 1}, {"b": HIDDEN}, {"b": HIDDEN}),
        ("UPDATE", None, None, None),
    ]


def test_ignored_and_masked_columns_are_not_missed(conn: Connection) -> None:
    """Their values are in no log: a statement over them is logged in full though they cannot be read."""
    conn.execute(TYPES)
    make(conn, "id int primary key, seen bad, pin bad, v text", ignored=["seen"], masked=["pin"], failure="available")
    conn.execute("insert into t values (1, '5', '6', 'a')")
    conn.execute("update t set seen = '7'")
    conn.execute("update t set pin = '8'")
    assert log(conn, "operation, old, new, degraded") == [
        ("INSERT", None, {"id": 1, "pin": HIDDEN, "v": "a"}, None),
        ("UPDATE", {"pin": HIDDEN}, {"pin": HIDDEN}, None),
    ]


def test_a_message_that_may_quote_a_masked_value_is_not_kept(conn: Connection) -> None:
    """An output function's message names the value: of a masked column not even that is kept."""
    conn.execute(TYPES)
    make(conn, "id int primary key, pin bad, b bad, v text", masked=["pin"], failure="available")
    conn.execute("insert into t values (1, '424242', null, 'a')")
    conn.execute("insert into t values (2, '424242', '5', 'a')")
    conn.execute("insert into t values (3, null, '5', 'a')")
    conn.execute("insert into t select g, '424242', '5', 'a' from generate_series(10, 2000) as g")
    assert [row[0] for row in log(conn, "degraded") if row[0]] == [
        {"rows": 1, "sqlstate": "22P03", "columns": ["b"]},
        {"rows": 1, "sqlstate": "22P03", "columns": ["b"], "message": "invalid internal value for enum: 5"},
        {"rows": 1991, "sqlstate": "22P03"},
    ]
    everything = conn.execute("select string_agg(c::text, '') from audit.change as c").fetchone()
    assert everything is not None
    assert "424242" not in everything[0]


def test_many_rows_are_one_degraded_row(conn: Connection) -> None:
    """Beyond 1,000 rows nothing is tried row by row: a bulk statement does not get slower by the hour."""
    fill(conn, FAILURES["output function"], "available", 1001)
    conn.execute("update t set v = 'c'")
    ((operation, degraded),) = log(conn, "operation, degraded")
    assert (operation, degraded["rows"], degraded.get("columns")) == ("UPDATE", 1001, None)


def test_a_key_that_cannot_be_read_leaves_rows_without_a_key(conn: Connection) -> None:
    conn.execute(TYPES)
    make(
        conn,
        "b bad, v text, account bad",
        key_columns=["b"],
        about=["v"],
        account_column="account",
        registered=True,
        failure="available",
    )
    conn.execute("insert into t values ('5', 'x', '6')")
    assert log(conn, "key, new, account, degraded -> 'columns'") == [
        (None, {"b": HIDDEN, "v": "x", "account": HIDDEN}, None, None),
        (None, None, None, ["b", "account"]),
    ]


def test_a_child_still_finds_its_entity(conn: Connection) -> None:
    """Parent, key and account are kept with what can be stored of a row."""
    conn.execute(TYPES)
    make(conn, "id int primary key, name text, b bad", about=["name"], registered=True, failure="available")
    conn.execute("insert into t values (1, 'Deal', '5')")
    conn.execute("create table c (id int primary key, t_id int, b bad)")
    track_table(conn, "public.c", parent_table="public.t", parent_columns=["t_id"], failure="available")
    conn.execute("insert into c values (10, 1, '6')")
    assert conn.execute(
        "select key, root_key from audit.change where table_id = (select max(id) from audit.tracked_table) and degraded is null"
    ).fetchall() == [({"id": 10}, {"id": 1})]
    assert conn.execute("select key, about from audit.entity").fetchall() == [({"id": 1}, {"name": "Deal"})]


@pytest.mark.parametrize("leaf", [False, True])
def test_partitions_are_available_too(conn: Connection, leaf: bool) -> None:
    conn.execute(TYPES)
    conn.execute(
        "create table t (id int primary key, b bad) partition by range (id);"
        "create table t1 partition of t for values from (0) to (100)"
    )
    track_table(conn, "public.t", failure="available")
    conn.execute(f"insert into {'t1' if leaf else 't'} values (1, '5')")
    conn.execute("truncate t")
    assert log(conn, "table_name, operation, degraded -> 'columns', partition") == [
        ("public.t", "INSERT", None, None),
        ("public.t", "INSERT", ["b"], None),
        ("public.t", "DELETE", None, "public.t1"),
        ("public.t", "TRUNCATE", None, None),
    ]


@pytest.mark.one_server
def test_values_over_the_limits_of_jsonb(conn: Connection) -> None:
    """One that is too long is missing; where only all together are too long, what names the row is kept."""
    make(conn, "id int primary key, name text, v text, w text", about=["name"], failure="available")
    conn.execute("insert into t values (1, 'One', repeat('x', 268435456), 'y')")
    conn.execute("insert into t values (2, 'Two', repeat('x', 140000000), repeat('y', 140000000))")
    assert log(conn, "new, degraded -> 'columns', degraded ->> 'sqlstate'") == [
        ({"id": 1, "name": "One", "v": HIDDEN, "w": "y"}, None, None),
        (None, ["v"], "54000"),
        ({"id": 2, "name": "Two", "v": HIDDEN, "w": HIDDEN}, None, None),
        (None, ["v", "w"], "54000"),
    ]


def test_a_savepoint_takes_its_degraded_row_back(conn: Connection) -> None:
    fill(conn, FAILURES["output function"], "available", 1)
    with conn.transaction():
        conn.execute("insert into t values (10, 'x', '5')")
        with conn.transaction(force_rollback=True):
            conn.execute("insert into t values (11, 'x', '5')")
        conn.execute("insert into t values (12, 'x', null)")
    assert log(conn, "key, degraded is not null") == [({"id": 10}, False), (None, True), ({"id": 12}, False)]


def test_a_day_without_a_partition_has_its_degraded_rows_in_the_spill(conn: Connection) -> None:
    fill(conn, FAILURES["output function"], "available", 1)
    (statement,) = conn.execute(
        "select format('drop table audit.change_%s', to_char(now() at time zone 'UTC', 'YYYYMMDD'))"
    ).fetchone() or ("",)
    conn.execute(statement)
    conn.execute("delete from t")
    assert conn.execute("select degraded ->> 'rows' from audit.change_spill order by id").fetchall() == [
        (None,),
        ("1",),
    ]
