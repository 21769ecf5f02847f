"""Available tables against writers who would use the policy to write unlogged, and what no policy swallows."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.failing import FAILURES, TYPES, fill
from tests.fix_postgres import login
from tests.test_capture_rows import log, make

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]

# To any depth, each level in a savepoint of its own: the deepest levels have less stack left than a row of the log needs.
DIG = """
create function dig(level int) returns void language plpgsql as $$
begin
  begin
    insert into t values (level, '{"a": [1, [2, [3, [4]]]]}');
  exception when others then
    null;
  end;
  begin
    perform dig(level + 1);
  exception when others then
    null;
  end;
end$$
"""


@pytest.fixture
def table(conn: Connection) -> Connection:
    """Give a database with an available table public.t of one row."""
    make(conn, "id int primary key, v text", failure="available")
    conn.execute("insert into t values (1, 'a')")
    return conn


@pytest.mark.parametrize("policy", ["strict", "available"])
def test_a_cancelled_statement_is_not_swallowed(conn: Connection, dsn: str, policy: str) -> None:
    """Neither a timeout nor a cancel while the log is waited for lets a write through."""
    make(conn, "id int primary key", failure=policy)
    with psycopg.connect(dsn) as other:
        other.execute("lock table audit.change in access exclusive mode")
        with pytest.raises(errors.QueryCanceled):
            conn.execute("set statement_timeout = '200ms'; insert into t values (1)")
        conn.execute("reset statement_timeout")
        with pytest.raises(errors.LockNotAvailable):
            conn.execute("set lock_timeout = '200ms'; insert into t values (1)")
        conn.execute("reset lock_timeout")
        killer = threading.Timer(0.5, conn.cancel)
        killer.start()
        with pytest.raises(errors.QueryCanceled):
            conn.execute("insert into t values (1)")
        killer.join()
    assert conn.execute("select count(*) from t").fetchone() == (0,)
    assert log(conn) == []


@pytest.mark.parametrize("policy", ["strict", "available"])
def test_a_deadlock_with_the_log_is_not_swallowed(conn: Connection, dsn: str, policy: str) -> None:
    make(conn, "id int primary key, v int", failure=policy)
    conn.execute("insert into t values (1, 1)")
    failures: list[BaseException] = []

    def write() -> None:
        try:
            conn.execute("set deadlock_timeout = '100ms'; update t set v = 2")
        except psycopg.Error as error:
            failures.append(error)

    with psycopg.connect(dsn) as other:
        other.execute("set deadlock_timeout = '1min'")
        other.execute("lock table audit.transaction in access exclusive mode")
        thread = threading.Thread(target=write)
        thread.start()
        waits(dsn)
        other.execute("delete from t")
        thread.join(30)
        other.rollback()
    assert [type(error) for error in failures] == [errors.DeadlockDetected]
    assert conn.execute("select v from t").fetchall() == [(1,)]
    assert [row[0] for row in log(conn)] == ["INSERT"]


def waits(dsn: str) -> None:
    """Wait until some session waits for a lock."""
    end = time.monotonic() + 30
    with psycopg.connect(dsn, autocommit=True) as conn:
        while conn.execute("select count(*) from pg_locks where not granted").fetchone() == (0,):
            assert time.monotonic() < end
            time.sleep(0.02)


@pytest.mark.parametrize("policy", ["strict", "available"])
@pytest.mark.parametrize("statement", ["insert into t values (2, 'b')", "truncate t"])
def test_an_older_snapshot_is_refused_by_either_policy(conn: Connection, dsn: str, policy: str, statement: str) -> None:
    make(conn, "id int primary key, v text", failure=policy)
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select 1 from audit.setting")
        conn.execute("alter table t add w text")
        with pytest.raises(errors.SerializationFailure):
            other.execute(statement)


@pytest.mark.parametrize("policy", ["strict", "available"])
def test_a_writer_who_makes_the_transaction_read_only_writes_nothing(conn: Connection, policy: str) -> None:
    """An expression of the write itself could: the row is written after it, the log cannot be."""
    make(conn, "id int primary key, v text", failure=policy)
    with pytest.raises(errors.ReadOnlySqlTransaction):
        conn.execute("insert into t values (1, set_config('transaction_read_only', 'on', true))")
    assert conn.execute("select count(*) from t").fetchone() == (0,)


def test_a_writer_near_the_end_of_the_stack_writes_nothing_unlogged(table: Connection) -> None:
    """Where the stack is too short for the log's row, it is too short for the write."""
    table.execute("alter table t alter v type json using to_json(v)")
    table.execute(DIG + "; set max_stack_depth = '256kB'")
    table.execute("select dig(2)")
    table.execute("reset max_stack_depth")
    written = {row[0] for row in table.execute("select id from t")}
    assert len(written) > 5
    logged = {row[0]["id"] for row in log(table, "key") if row[0]}
    degraded = sum(row[0]["rows"] for row in log(table, "degraded") if row[0] and "columns" not in row[0])
    assert len(written - logged) == degraded
    assert table.execute("select is_called from audit.unrecorded").fetchone() == (False,)


def test_without_the_allow_list_a_short_stack_would_let_writes_through(table: Connection) -> None:
    """The attack is real: were every failure of the log forgiven, rows would be written without any row of the log."""
    table.execute(
        "create or replace function audit.log_is_unusable(state text) returns boolean language sql as 'select true'"
    )
    table.execute("alter table t alter v type json using to_json(v)")
    table.execute(DIG + "; set max_stack_depth = '256kB'")
    table.execute("select dig(2)")
    written = {row[0] for row in table.execute("select id from t")}
    assert written - {row[0]["id"] for row in log(table, "key") if row[0]}


@pytest.mark.parametrize("rows", [1, 60])
def test_a_value_that_nobody_can_read_hides_no_other_column(conn: Connection, rows: int) -> None:
    """Whoever has such a type cannot hide behind it what else the statement did, nor that there was a statement."""
    conn.execute(TYPES)
    make(conn, "id int primary key, price int, shield bad", failure="available")
    conn.execute(f"insert into t select g, 1, null from generate_series(1, {rows}) as g")
    conn.execute("update t set price = 999, shield = '5'")
    found = log(conn, "operation, old -> 'price', new -> 'price', degraded ->> 'rows'")[rows:]
    assert found == [("UPDATE", 1, 999, None)] * rows + [("UPDATE", None, None, str(rows))]


def test_an_enum_and_a_domain_cannot_make_capture_fail(conn: Connection) -> None:
    """What an ordinary owner of types can make of them: values that no longer fit are read all the same."""
    conn.execute(
        "create type mood as enum ('sad', 'glad'); create domain short as text;"
        "create function never(text) returns boolean language plpgsql as $$begin raise 'never'; end$$;"
        "create type m as range (subtype = mood); create cast (mood as json) with inout;"
    )
    make(conn, "id int primary key, m mood, s short, r m, a mood[]", failure="available")
    conn.execute("insert into t values (1, 'sad', 'x', '[sad,glad]', '{sad}')")
    conn.execute("alter type mood rename value 'sad' to 'blue'")
    conn.execute("alter domain short add constraint c check (never(value)) not valid")
    conn.execute("update t set id = 2")
    conn.execute("delete from t")
    assert [row[0] for row in log(conn, "degraded")] == [None, None, None]


def test_the_owner_of_a_table_cannot_make_it_available(conn: Connection, dsn: str) -> None:
    """Only members of audit_owner choose the policy, and nobody puts the triggers on a table by hand."""
    make(conn, "id int primary key")
    conn.execute("create role maker login; alter table t owner to maker; grant usage on schema audit to maker")
    try:
        with psycopg.connect(login(dsn, "maker"), autocommit=True) as maker:
            for statement in (
                "select audit.track('t', failure => 'available')",
                "update audit.tracked_table set failure = 'available'",
                (
                    "create trigger x after insert on t referencing new table as new_rows"
                    " for each statement execute function audit.capture_available()"
                ),
                "select nextval('audit.unrecorded')",
                "select audit.write_degraded(null, 'I', 1, '', '', null, null)",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    maker.execute(statement)
    finally:
        conn.execute("drop owned by maker; drop role maker")


@pytest.mark.parametrize(
    "state,passes,unusable",
    [
        ("40001", True, False),
        ("40P01", True, False),
        ("57014", True, False),
        ("57P01", True, False),
        ("53100", True, False),
        ("53200", True, False),
        ("55P03", True, False),
        ("25006", True, False),
        ("22P05", False, False),
        ("54000", False, False),
        ("54001", False, False),
        ("XX000", False, False),
        ("42501", False, True),
        ("42P01", False, True),
        ("23514", False, True),
        ("58030", False, True),
        ("XX001", False, True),
    ],
)
@pytest.mark.one_server
def test_what_is_a_failure_of_capture(conn: Connection, state: str, passes: bool, unusable: bool) -> None:
    """Only what the writer cannot bring about lets a write through without any row of the log."""
    found = conn.execute("select audit.passes_on(%s), audit.log_is_unusable(%s)", (state, state)).fetchone()
    assert found == (passes, unusable)


def test_a_transaction_goes_on_after_a_degraded_row(conn: Connection) -> None:
    """What failed is rolled back to before the log's own work, and never further."""
    fill(conn, FAILURES["output function"], "available", 1)
    with conn.transaction():
        conn.execute("update t set v = 'b', b = '5'")
        conn.execute("insert into t values (2, 'b', null)")
        conn.execute("savepoint s")
        conn.execute("delete from t")
        conn.execute("rollback to s")
    assert conn.execute("select id, v from t order by id").fetchall() == [(1, "b"), (2, "b")]
    assert [row[0] for row in log(conn)] == ["UPDATE", "UPDATE", "INSERT"]
