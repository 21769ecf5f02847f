"""Strict tables: a write that cannot be logged fails, and nothing of it stays."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg import errors

from capture.coverage import coverage
from capture.errors import DatabaseError
from capture.install import install, track_table
from capture.resources import MIGRATIONS
from tests.failing import FAILURES, Failure, fill, statements
from tests.test_capture_rows import log, make

Connection = psycopg.Connection[Any]


@pytest.mark.parametrize("rows", [1, 3, 60])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_write_that_cannot_be_logged_fails_and_says_of_which_table_and_column(
    conn: Connection, failure: Failure, rows: int
) -> None:
    """The SQLSTATE is the server's own, as is the reason; the context says that it was the log."""
    fill(conn, failure, "strict", rows)
    for operation, statement in statements(failure, rows).items():
        with pytest.raises(psycopg.Error, match=failure.said) as refused:
            conn.execute(statement)
        said = refused.value.diag
        column = "b" if failure.kind != "text" else None
        begins = (
            f"column {column} of public.t cannot be logged: " if column else "a write of public.t cannot be logged: "
        )
        assert (said.message_primary or "").startswith(begins)
        assert (said.sqlstate, said.schema_name, said.table_name) == (failure.state, "public", "t")
        assert said.column_name == column
        assert said.message_detail
        assert said.message_hint
        function = r"audit\.capture_truncate\(\)" if operation == "TRUNCATE" else r"audit\.capture(_\d+)?\(\)"
        assert re.search(f"PL/pgSQL function {function}", said.context or "")
    assert conn.execute("select count(*), count(distinct v), min(v) from t").fetchone() == (rows, 1, "a")


@pytest.mark.parametrize("rows", [1, 3, 60])
def test_what_is_no_failure_of_capture_stays_as_it_is(conn: Connection, rows: int) -> None:
    """A transaction that is to run again says so in the words that a framework looks for."""
    make(conn, "id int primary key, v text")
    conn.execute(
        "create function audit.late() returns trigger language plpgsql as"
        " $$begin raise 'could not serialize' using errcode = '40001'; end$$;"
        "create trigger late before insert on audit.change for each row execute function audit.late()"
    )
    with pytest.raises(errors.SerializationFailure) as refused:
        conn.execute(f"insert into t select g, 'a' from generate_series(1, {rows}) as g")
    assert refused.value.diag.message_primary == "could not serialize"
    assert refused.value.diag.table_name is None


def test_reading_takes_no_transaction_id_of_its_own(conn: Connection) -> None:
    """One id a transaction, however many statements it has: more than 64 would overflow what a session shows of its subtransactions."""
    make(conn, "id int primary key, v text, j json")
    several = "insert into t select g, 'b', '{}' from generate_series(%s::int, %s::int) as g"
    with conn.transaction():
        first = conn.execute("select pg_current_xact_id()::text::bigint").fetchone()
        for number in range(100):
            conn.execute("insert into t values (%s, 'a', null)", (number,))
        conn.execute(several, (1000, 1003))
        conn.execute(several, (2000, 2100))
        conn.execute("update t set v = v || '!'")
        found = conn.execute(
            "select s.subxact_count, s.subxact_overflowed from pg_stat_get_backend_idset() as i"
            " cross join pg_stat_get_backend_subxact(i) as s where pg_stat_get_backend_pid(i) = pg_backend_pid()"
            if conn.info.server_version >= 160000
            else "select 0, false"
        ).fetchone()
        assert found == (0, False)
    following = conn.execute("select pg_current_xact_id()::text::bigint").fetchone()
    assert first is not None
    assert following == (first[0] + 1,)


@pytest.mark.one_server
@pytest.mark.parametrize(
    "values, said, column",
    [
        ("repeat('x', 268435456), 'y'", "string too long to represent as jsonb string", "v"),
        (
            "repeat('x', 140000000), repeat('y', 140000000)",
            "total size of jsonb object elements exceeds the maximum",
            None,
        ),
    ],
    ids=["one value", "all of them together"],
)
def test_a_value_over_the_limits_of_jsonb_fails(conn: Connection, values: str, said: str, column: str | None) -> None:
    make(conn, "id int primary key, v text, w text")
    with pytest.raises(errors.ProgramLimitExceeded, match=said) as refused:
        conn.execute(f"insert into t values (1, {values})")
    assert (refused.value.diag.table_name, refused.value.diag.column_name) == ("t", column)
    assert conn.execute("select count(*) from t").fetchone() == (0,)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_key_that_no_index_row_has_room_for_is_told(conn: Connection, rows: int) -> None:
    """An index of the business may have room for a key of many columns where the log's, which names them, has none."""
    names = [f"k{sha256(bytes([number])).hexdigest()[:60]}" for number in range(32)]
    make(
        conn,
        f"{' numeric, '.join(names)} numeric, v text, primary key ({', '.join(names)})",
        about=["v"],
        registered=True,
    )
    numbers = ", ".join(f"{number}123456789.0123456789 + g" for number in range(32))
    with pytest.raises(errors.ProgramLimitExceeded, match=r"a write of public\.t cannot be logged: index row size"):
        conn.execute(f"insert into t select {numbers}, 'a' from generate_series(1, {rows}) as g")


def test_strict_is_what_a_table_is_unless_somebody_says_otherwise(conn: Connection) -> None:
    make(conn, "id int primary key")
    assert conn.execute("select failure from audit.tracked_table where table_name = 'public.t'").fetchone() == (
        "strict",
    )
    # Positional callers of before give ten arguments or eleven.
    conn.execute("select audit.track('t', null, '{}', null, '{}', null, null, null, null, 'tracked', false)")
    assert [one.failure for one in coverage(conn) if one.table_name == "public.t"] == ["strict"]
    assert triggers(conn) == ["capture_n", "capture_replicated", "capture_truncate"]


def triggers(conn: Connection) -> list[str]:
    """Return the functions of the triggers of public.t; n stands for its number."""
    return [
        row[0]
        for row in conn.execute(
            "select distinct regexp_replace(p.proname, '[0-9]+', 'n') from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid"
            " where t.tgrelid = 't'::regclass order by 1"
        )
    ]


def test_the_policy_follows_the_last_word(conn: Connection) -> None:
    make(conn, "id int primary key", failure="available")
    assert triggers(conn) == ["capture_available", "capture_replicated", "capture_truncate_available"]
    assert all(one.ok for one in coverage(conn))
    track_table(conn, "public.t")
    assert triggers(conn) == ["capture_n", "capture_replicated", "capture_truncate"]
    assert all(one.ok for one in coverage(conn))


def test_a_strict_table_with_the_triggers_of_an_available_one_is_not_sound(conn: Connection) -> None:
    """Nobody makes a table available behind the registry's back."""
    make(conn, "id int primary key")
    conn.execute(
        "create or replace trigger audit_insert after insert on t referencing new table as new_rows"
        " for each statement execute function audit.capture_available()"
    )
    (found,) = (one for one in coverage(conn) if one.table_name == "public.t")
    assert (found.triggers_current, found.ok) == (found.triggers_wanted - 1, False)
    track_table(conn, "public.t")
    assert all(one.ok for one in coverage(conn))


@pytest.mark.parametrize(
    "options, said",
    [
        ({"failure": "lenient"}, "failure of public.t is 'lenient': give strict or available"),
        (
            {"failure": "available", "kind": "label"},
            "public.t lends names only, row by row: its failure is always strict",
        ),
    ],
)
def test_a_policy_that_there_is_not_is_refused(conn: Connection, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DatabaseError, match=said):
        make(conn, "id int primary key, n text", **options)


FORMER = """
drop view audit.log_field, audit.log, audit.all_change;
alter table audit.change drop column degraded;
alter table audit.change_spill drop column degraded;
drop sequence audit.unrecorded;
drop function audit.track(regclass, text[], text[], text[], text[], text, text, regclass, text[], text, boolean, text);
create function audit.track(regclass, text[] default null, text[] default '{}', text[] default null, text[] default '{}', text default null,
  text default null, regclass default null, text[] default null, text default 'tracked', boolean default false)
returns integer language sql as 'select 1';
alter function audit.track(regclass, text[], text[], text[], text[], text, text, regclass, text[], text, boolean) owner to audit_owner;
alter table audit.tracked_table drop column failure;
update audit.alembic_version set version_num = '0003';
"""


def test_tables_of_an_earlier_version_are_strict_after_an_upgrade(conn: Connection) -> None:
    """There is one audit.track afterwards, whatever it is called with; running the migration again changes nothing."""
    make(conn, "id int primary key")
    conn.execute(FORMER)
    install(conn)
    assert not install(conn).changed
    conn.execute((MIGRATIONS / "sql" / "0004_2_policy.sql").read_bytes())
    assert conn.execute("select count(*) from pg_proc where proname = 'track'").fetchone() == (1,)
    assert [(one.failure, one.ok) for one in coverage(conn) if one.table_name == "public.t"] == [("strict", True)]
    track_table(conn, "public.t", failure="available")
    conn.execute("insert into t values (1)")
    assert all(one.ok for one in coverage(conn))
    assert len(log(conn)) == 1


def test_an_untracked_table_loses_the_triggers_of_either_policy(conn: Connection) -> None:
    make(conn, "id int primary key", failure="available")
    conn.execute("select audit.untrack('t'::regclass); insert into t values (1)")
    assert triggers(conn) == []
    assert log(conn) == []
