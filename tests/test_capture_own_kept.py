"""How the trigger functions of single tables are kept: made, compared, renewed and dropped, by whom, and beside writers."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from capture.coverage import coverage, outdated_objects
from capture.errors import DatabaseError
from capture.install import install, track_table
from capture.rights import weaknesses
from tests.test_capture_own import TRIGGERS, functions, own
from tests.test_capture_rows import HIDDEN, log

Connection = psycopg.Connection[Any]

WRONG = {
    "silenced": "create or replace function audit.{f} returns trigger language plpgsql as 'begin return null; end'",
    "with the rights of the writer": "alter function audit.{f} security invoker",
    "with another setting": "alter function audit.{f} set extra_float_digits = -15",
    "of another owner": "alter function audit.{f} owner to postgres",
    "gone": "drop function audit.{f} cascade",
    "of other options": "update audit.tracked_table set masked = '{{v}}' where table_name = 'public.t'",
}


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG)
def test_one_that_was_altered_by_hand_is_found_and_put_right(conn: Connection, statement: str) -> None:
    conn.execute("create table t (id int primary key, v text)")
    track_table(conn, "public.t")
    (function,) = own(conn)
    conn.execute(statement.format(f=function.removeprefix("audit.")).encode())
    assert outdated_objects(conn) == [function]
    assert function in install(conn).objects
    assert outdated_objects(conn) == []
    assert not install(conn).changed
    assert all(table.ok for table in coverage(conn))
    conn.execute("insert into t values (1, 'a')")
    assert len([row for row in log(conn) if row[1] == {"id": 1}]) == 1


def test_it_goes_with_the_watch_or_with_what_it_is_for(conn: Connection) -> None:
    conn.execute("create table t (id int primary key, v text)")
    for end in ("t", "'public.t'", "gone"):
        track_table(conn, "public.t")
        assert len(own(conn)) == 1
        if end == "gone":
            conn.execute("drop table t; select audit.untrack('public.t')")
        else:
            conn.execute(f"select audit.untrack('{end}'::regclass)" if end == "t" else f"select audit.untrack({end})")
        assert own(conn) == []
    conn.execute("create table t (id int primary key)")
    track_table(conn, "public.t")
    track_table(conn, "public.t", failure="available")
    assert own(conn) == []


def test_an_installation_puts_the_triggers_of_an_older_one_right_without_a_catalogue(conn: Connection) -> None:
    """An older version had the common function for all; its tables go on being logged, and have their own afterwards."""
    conn.execute("create table t (id int primary key, v text)")
    track_table(conn, "public.t")
    for event, images in TRIGGERS.items():
        conn.execute(
            f"create or replace trigger audit_{event} after {event} on t {images}"
            " for each statement execute function audit.capture()".encode()
        )
    (function,) = own(conn)
    conn.execute(f"drop function {function}".encode())
    conn.execute("insert into t values (1, 'a')")
    assert install(conn).objects == (function, "triggers of public.t")
    assert functions(conn) == {"capture_n"}
    conn.execute("insert into t values (2, 'a')")
    assert [row[0] for row in log(conn)] == ["INSERT", "INSERT"]


def test_tables_are_tracked_at_the_same_time(conn: Connection, dsn: str) -> None:
    """Making a function alters the rights of the schema for a moment: two that do so wait for each other."""
    conn.execute("create table t (id int primary key); create table u (id int primary key)")
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as two:
        track_table(one, "public.t")

        def track() -> None:
            track_table(two, "public.u")
            two.commit()

        thread = threading.Thread(target=track)
        thread.start()
        time.sleep(0.3)
        one.commit()
        thread.join(30)
    assert len(own(conn)) == 2
    assert weaknesses(conn) == []


def test_who_may_track_may_make_it(conn: Connection, dsn: str) -> None:
    """A member of audit_owner that owns the table, and is neither superuser nor a member of audit_capture."""
    name = f"dba_{uuid.uuid4().hex[:8]}"
    conn.execute(
        f"create role {name} login; grant audit_owner to {name}; grant create on schema public to {name}".encode()
    )
    try:
        with psycopg.connect(make_conninfo(dsn, user=name), autocommit=True) as dba:
            dba.execute("create table t (id int primary key, v text)")
            track_table(dba, "public.t")
            dba.execute("insert into t values (1, 'a')")
            track_table(dba, "public.t", ignored=["v"])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                dba.execute("select audit.make_capture(id) from audit.tracked_table where table_name = 'public.t'")
            dba.execute("select audit.untrack('public.t')")
        assert own(conn) == []
        assert weaknesses(conn) == []
    finally:
        conn.execute(f"drop owned by {name}; drop role {name}".encode())


def test_a_tampered_capture_is_no_source_of_others(conn: Connection) -> None:
    conn.execute("create table t (id int primary key)")
    conn.execute("create or replace function audit.write_transaction() returns boolean language sql as 'select true'")
    with pytest.raises(
        DatabaseError, match=r"audit\.capture\(\) and audit\.write_transaction\(\) are not as this version makes them"
    ):
        track_table(conn, "public.t")
    install(conn)
    track_table(conn, "public.t")
    assert outdated_objects(conn) == []


@pytest.mark.parametrize("option", ["about", "key_columns", "masked", "ignored"])
def test_options_of_any_number_of_columns(conn: Connection, option: str) -> None:
    """A function takes a hundred arguments, and an option may name more; a name that is NULL is none."""
    names = [f"c{number}" for number in range(120)]
    conn.execute(
        f"create table t (id int primary key, v int, {', '.join(f'{name} int default 1' for name in names)})".encode()
    )
    options: dict[str, Any] = {option: [*names, None] if option != "ignored" else names}
    number = track_table(conn, "public.t", **options)
    conn.execute("insert into t values (1)")
    conn.execute("update t set v = 2")
    conn.execute("delete from t")
    found = conn.execute(
        "select operation::text, key, about from audit.change where table_id = %s order by id", (number,)
    ).fetchall()
    key = dict.fromkeys(names, 1) if option == "key_columns" else {"id": 1}
    about = dict.fromkeys(names, 1) if option == "about" else None
    assert found == [("I", key, None), ("U", key, about), ("D", key, None)]


def test_partitions_that_come_from_another_tracked_table_or_are_under_watch_themselves(conn: Connection) -> None:
    conn.execute(
        "create table hot (id int, k int, primary key (id, k)) partition by range (k);"
        "create table p1 partition of hot for values from (0) to (10);"
        "create table cold (id int, k int, primary key (id, k)) partition by range (k);"
        "create table solo (id int, k int, primary key (id, k))"
    )
    for table in ("hot", "cold", "solo"):
        track_table(conn, f"public.{table}")
    conn.execute(
        "alter table hot detach partition p1; alter table cold attach partition p1 for values from (0) to (10);"
        "alter table cold attach partition solo for values from (20) to (30)"
    )
    conn.execute(
        "insert into cold values (1, 1), (1, 21); insert into p1 values (2, 2); insert into solo values (2, 22)"
    )
    assert log(conn, "table_name, key") == [
        ("public.cold", {"id": 1, "k": 1}),
        ("public.cold", {"id": 1, "k": 21}),
        ("public.cold", {"id": 2, "k": 2}),
        ("public.solo", {"id": 2, "k": 22}),
    ]
    install(conn)
    assert [table.table_name for table in coverage(conn) if not table.ok] == []
    assert not install(conn).changed
    conn.execute("alter table cold add v text")
    assert not install(conn).changed


def test_what_a_detached_partition_still_calls_is_the_common_function(conn: Connection) -> None:
    conn.execute(
        "create table t (id int primary key) partition by range (id); create table p partition of t for values from (0) to (9)"
    )
    track_table(conn, "public.t")
    (function,) = own(conn)
    conn.execute("alter table t detach partition p; select audit.untrack('t'::regclass)")
    same = "select count(distinct prosrc) from pg_proc where oid in ('audit.capture()'::regprocedure, %s::regprocedure)"
    assert conn.execute(same, (function,)).fetchone() == (1,)
    conn.execute("insert into p values (1)")
    conn.execute("select audit.untrack('p'::regclass)")
    assert own(conn) == []


def test_other_options_wait_for_who_writes(conn: Connection, dsn: str) -> None:
    """An open transaction that has written before would log one more write by what it knows: a secret in clear."""
    conn.execute("create table t (id int primary key, v text); insert into t values (1, 'a')")
    track_table(conn, "public.t")
    with psycopg.connect(dsn) as other:
        for number in range(20):
            other.execute("update t set v = %s where id = %s", (f"w{number}", 1))
        conn.execute("set lock_timeout = '200ms'")
        with pytest.raises(DatabaseError, match="lock timeout"):
            track_table(conn, "public.t", masked=["v"])
        track_table(conn, "public.t")
        other.commit()
        track_table(conn, "public.t", masked=["v"])
        for number in range(3):
            other.execute("update t set v = %s where id = %s", (f"secret{number}", 1))
    assert [row[3] for row in log(conn)[-3:]] == [{"v": HIDDEN}] * 3


def test_who_tracks_what_is_as_it_should_be_waits_for_nobody(conn: Connection, dsn: str) -> None:
    conn.execute("create table a (id int primary key); create table b (id int primary key)")
    track_table(conn, "public.a")
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as two:
        track_table(one, "public.b")
        two.execute("set lock_timeout = '2s'")
        track_table(two, "public.a")


def test_a_table_that_cannot_be_put_right_keeps_no_other_from_it(conn: Connection) -> None:
    conn.execute(
        "create table a (id int primary key); create table b (id int primary key);"
        "create function own() returns trigger language plpgsql as 'begin return null; end'"
    )
    for table in ("a", "b"):
        track_table(conn, f"public.{table}")
        conn.execute(f"drop trigger audit_update on {table}".encode())
    conn.execute("create trigger audit_update after update on a for each statement execute function own()")
    with pytest.raises(DatabaseError, match=r"table public\.a has a trigger audit_update of its own: rename it"):
        install(conn)
    assert [table.table_name for table in coverage(conn) if not table.ok] == ["public.a"]
