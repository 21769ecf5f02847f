"""DDL on tracked tables is an entry, by whomever, and nobody but the log writes it: attacks, on every version."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.catalogue import Catalogue
from capture.entries.describe import entries
from capture.filters import Filters
from capture.install import track_table
from tests.fix_ddl import Owner, noted, watched
from tests.fix_postgres import TestServer
from tests.test_capture_rows import log
from tests.test_restore import run

Connection = psycopg.Connection[Any]
NONE = Catalogue(name="none")
ALL = "audit_delete, audit_insert, audit_replicated, audit_truncate, audit_truncated, audit_update"


def told(conn: Connection) -> list[str]:
    """Return the sentences of module Audit log, oldest first."""
    found = [text for entry in entries(conn, NONE, Filters(modules=("Audit log",))) for text in entry.descriptions]
    return found[::-1]


def do(conn: Connection, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    for statement in statements:
        conn.execute(statement.encode())


def test_columns_are_told_with_their_types_and_names_before_and_after(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.t")
    assert noted(conn) == []
    do(
        owner.conn,
        "alter table biz.t add discount numeric(5, 2) not null default 0, add gone int",
        "alter table biz.t drop gone",
        "alter table biz.t rename v to label",
        "alter table biz.t alter label type varchar(20) using 'all ' || label",
        "alter table biz.t alter discount drop not null, alter discount set default 1",
    )
    assert noted(conn) == [
        ("column", "discount", "added", None, "numeric(5,2)"),
        ("column", "gone", "added", None, "integer"),
        ("column", "gone", "dropped", "integer", None),
        ("column", "label", "renamed", "v", "label"),
        ("table", None, "rewritten", None, "a new type"),
        ("column", "label", "retyped", "text", "character varying(20)"),
        ("column", "discount", "default", None, None),
        ("column", "discount", "optional", None, None),
    ]
    assert log(conn) == []
    assert told(conn) == [
        "Added column discount (numeric(5,2)) to biz.t",
        "Added column gone (integer) to biz.t",
        "Dropped column gone (integer) of biz.t",
        "Renamed column v of biz.t to label",
        "Rewrote every row of biz.t (a new type): values may have changed without an entry of their own",
        "Changed the type of column label of biz.t from text to character varying(20)",
        "Changed the default of column discount of biz.t",
        "Made column discount of biz.t optional",
    ]


def test_the_table_itself_is_told_renamed_moved_given_away_and_dropped(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.t")
    do(conn, "create schema other", "alter table biz.t rename to u", "alter table biz.u set schema other")
    do(conn, "alter schema other rename to another", "alter table another.u owner to postgres", "drop table another.u")
    assert told(conn) == [
        "Renamed the tracked table biz.t to biz.u",
        "Renamed the tracked table biz.u to other.u",
        "Renamed the tracked table other.u to another.u",
        f"Changed the owner of biz.t from {owner.name} to postgres",
        "Dropped the tracked table biz.t",
    ]


@pytest.mark.parametrize(
    "statement", ["drop schema biz cascade", "drop owned by {owner} cascade", "drop table biz.t, biz.p"]
)
def test_a_table_that_is_dropped_along_with_others_is_told(conn: Connection, owner: Owner, statement: str) -> None:
    track_table(conn, "biz.t")
    track_table(conn, "biz.p", key_columns=["id"])
    conn.execute(statement.format(owner=owner.name).encode())
    assert sorted(told(conn)) == ["Dropped the tracked table biz.p", "Dropped the tracked table biz.t"]


def test_what_goes_round_capture_is_told(conn: Connection, owner: Owner) -> None:
    """Rules, triggers that run before, row security: an owner may, and everybody sees it."""
    track_table(conn, "biz.t")
    track_table(conn, "biz.p", key_columns=["id"])
    do(
        owner.conn,
        "create rule quiet as on update to biz.t do instead nothing",
        "drop rule quiet on biz.t",
        "create trigger first before update on biz.t for each row execute function biz.nothing()",
        "alter table biz.t disable trigger first",
        "drop trigger first on biz.t",
        "create trigger first before update on biz.p1 for each row execute function biz.nothing()",
        "alter table biz.t enable row level security",
        "create policy mine on biz.t using (id > 1)",
        "alter policy mine on biz.t using (true)",
        "drop policy mine on biz.t",
        "alter table biz.t add constraint positive check (id > 0)",
        "alter table biz.t drop constraint positive",
    )
    assert told(conn) == [
        "Added rule quiet to biz.t",
        "Dropped rule quiet of biz.t",
        "Added trigger first to biz.t",
        "Altered trigger first of biz.t",
        "Dropped trigger first of biz.t",
        "Added trigger biz.p1.first to biz.p",
        "Enabled row security on biz.t",
        "Added policy mine to biz.t",
        "Altered policy mine of biz.t",
        "Dropped policy mine of biz.t",
        "Added constraint positive to biz.t",
        "Dropped constraint positive of biz.t",
    ]


def test_a_superuser_who_switches_capture_off_is_named(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.t")
    with conn.transaction():
        conn.execute("select set_config('audit.actor', 'Dana DBA', true)")
        conn.execute("alter table biz.t disable trigger all")
    do(conn, "alter table biz.t enable trigger all", "drop trigger audit_update on biz.t")
    track_table(conn, "biz.t")
    do(conn, "create or replace trigger audit_update after update on biz.t execute function biz.nothing()")
    assert told(conn) == [
        f"Switched off the capture of biz.t ({ALL})",
        f"Set the capture of biz.t to leave out replicated sessions ({ALL})",
        "Removed the capture of biz.t (audit_update)",
        "Switched the capture of biz.t on again (audit_delete, audit_insert, audit_replicated, audit_truncate, audit_truncated)",
        "Removed the capture of biz.t (audit_update)",
        "Added trigger audit_update to biz.t",
    ]
    off = list(entries(conn, NONE))[-1]
    assert (off.actor, off.type, off.module, off.entity_name, off.sensitivity) == (
        "Dana DBA",
        "Created",
        "Audit log",
        "biz.t",
        "high",
    )


def test_the_end_of_a_watch_is_told_once(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.p", key_columns=["id"])
    do(conn, "select audit.untrack('biz.p')", "alter table biz.p add x int", "drop table biz.p")
    assert told(conn) == ["Ended the watch over biz.p: nothing of it is recorded any more"]


def test_tracking_again_and_upgrading_say_nothing(conn: Connection, owner: Owner) -> None:
    owner.conn.execute("create table biz.names (id int primary key, label text, more text)")
    for about in (["label"], ["label", "more"], ["more"]):
        track_table(conn, "biz.names", kind="label", about=about)
        track_table(conn, "biz.t", ignored=["v"], registered=True)
    track_table(conn, "biz.names", label_column="label")
    assert noted(conn) == []
    assert watched(conn, "biz.names").ok


def test_hostile_names_are_told_as_they_are(conn: Connection, owner: Owner) -> None:
    owner.conn.execute('create type biz."a ""t"" %s" as enum (\'x\'); create table biz."T %I" (id int primary key)')
    track_table(conn, "biz.T %I")
    owner.conn.execute(
        'alter table biz."T %I" add "x\'); drop table audit.change; --" biz."a ""t"" %s", add "{{ 7 * 7 }}" text, add "$1" int'
    )
    assert noted(conn, "table_name, name, new_value") == [
        ("biz.T %I", "$1", "integer"),
        ("biz.T %I", "x'); drop table audit.change; --", 'biz."a ""t"" %s"'),
        ("biz.T %I", "{{ 7 * 7 }}", "text"),
    ]
    assert "Added column {{ 7 * 7 }} (text) to biz.T %I" in told(conn)


def test_code_of_the_owner_never_runs_with_the_logs_rights(conn: Connection, owner: Owner) -> None:
    """Defaults, checks, policies, rules, domains, conditions of triggers: they are looked at, and never evaluated."""
    do(
        owner.conn,
        "create table biz.ran (who text); grant insert on biz.ran to public; grant usage on schema biz to public",
        "create function biz.evil(int) returns int language plpgsql as"
        " 'begin insert into biz.ran values (current_user); return $1; end'",
        "create domain biz.small as int check (biz.evil(value) > 0)",
    )
    track_table(conn, "biz.t")
    do(
        owner.conn,
        "alter table biz.t add a int default biz.evil(1), add b biz.small default 1, add check (biz.evil(id) > 0)",
        "create policy p on biz.t using (biz.evil(id) > 0)",
        "create rule r as on update to biz.t where biz.evil(old.id) > 0 do also select 1",
        "create trigger x before insert on biz.t for each row when (biz.evil(new.id) > 0) execute function biz.nothing()",
        "alter table biz.t alter a type bigint using biz.evil(id)",
    )
    assert len(noted(conn)) >= 8
    assert conn.execute("select distinct who from biz.ran").fetchall() == [(owner.name,)]


def test_a_default_that_is_a_secret_is_never_kept(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.t")
    do(
        owner.conn,
        "alter table biz.t add api_token text default 'hunter2'",
        "alter table biz.t alter api_token set default 'hunter3'",
    )
    kept = conn.execute(
        "select string_agg(s::text, '') || (select string_agg(c::text, '') from audit.schema_change as c)"
        " || (select string_agg(c::text, '') from audit.change as c) from audit.table_shape as s"
    ).fetchone()
    assert kept is not None
    assert "hunter" not in kept[0]


def test_ddl_that_is_rolled_back_is_not_told(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.t")
    with owner.conn.transaction(force_rollback=True):
        owner.conn.execute("alter table biz.t add x int; drop table biz.t")
    with owner.conn.transaction():
        with owner.conn.transaction(force_rollback=True):
            owner.conn.execute("alter table biz.t add y int")
        owner.conn.execute("alter table biz.t add z int")
    assert told(conn) == ["Added column z (integer) to biz.t"]


def test_what_is_not_tracked_and_temporary_tables_are_none_of_its_business(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.t")
    do(
        owner.conn,
        "create temporary table t (id int)",
        "create temporary table p (id int) partition by list (id)",
        "create temporary table p1 partition of p default",
        "alter table pg_temp.t add x int",
        "drop table pg_temp.t, pg_temp.p",
        "create table biz.free (id int primary key); alter table biz.free add x text default 'x'",
        "alter table biz.free alter x type varchar(3)",
        "create view biz.v as select * from biz.free",
        "alter view biz.v rename to w",
        "create materialized view biz.m as select 1 as a",
        "alter table biz.free rename to fr",
        "drop table biz.fr cascade",
        "create index on biz.t (v)",
        "comment on table biz.t is 'x'",
        "analyze biz.t",
    )
    assert noted(conn) == []


def test_a_log_that_is_broken_says_what_to_do_and_hinders_nobody_else(conn: Connection, owner: Owner) -> None:
    track_table(conn, "biz.t")
    conn.execute("drop table audit.table_shape")
    do(owner.conn, "create table biz.free (id int); alter table biz.free add x int", "drop table biz.free")
    with pytest.raises(psycopg.errors.UndefinedObject) as caught:
        owner.conn.execute("alter table biz.t add x int")
    assert str(caught.value.diag.message_primary).startswith("the audit log cannot write down this ALTER TABLE: ")
    assert "ALTER EVENT TRIGGER audit_log_ddl DISABLE" in str(caught.value.diag.message_hint)
    conn.execute("alter event trigger audit_log_ddl disable")
    owner.conn.execute("alter table biz.t add x int")
    conn.execute("drop table audit.tracked_table cascade; alter event trigger audit_log_ddl enable always")
    do(owner.conn, "create table biz.free (id int); alter table biz.free add x int", "drop table biz.free")


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_ddl_in_a_transaction_of_a_higher_isolation_level_is_told(
    conn: Connection, owner: Owner, isolation: str
) -> None:
    track_table(conn, "biz.t")
    owner.conn.execute(
        f"begin isolation level {isolation}; select 1; alter table biz.t add x int; alter table biz.t drop x; commit".encode()
    )
    assert [row[2] for row in noted(conn)] == ["added", "dropped"]


def test_a_restore_with_triggers_off_is_told_and_not_refused(
    server: TestServer, conn: Connection, dsn: str, owner: Owner
) -> None:
    track_table(conn, "biz.t")
    dump = run(server.process, "pg_dump", "--format=custom", "--data-only", "--table=biz.t", dsn)
    conn.execute("delete from biz.t")
    run(server.process, "pg_restore", "--exit-on-error", "--data-only", "--disable-triggers", "-d", dsn, given=dump)
    assert [text.split(" (")[0] for text in told(conn)] == [
        "Switched off the capture of biz.t",
        "Set the capture of biz.t to leave out replicated sessions",
    ]


def test_a_whole_restore_brings_the_event_triggers_and_says_nothing(
    server: TestServer, conn: Connection, dsn: str, owner: Owner
) -> None:
    do(owner.conn, "alter table biz.t add gone int", "alter table biz.t drop gone")
    track_table(conn, "biz.t")
    track_table(conn, "biz.p", key_columns=["id"])
    do(owner.conn, "alter table biz.t add x int")
    before = noted(conn)
    dump = run(server.process, "pg_dump", "--format=custom", dsn)
    with server.database() as other:
        run(server.process, "pg_restore", "--exit-on-error", "-d", other, given=dump)
        with psycopg.connect(other, autocommit=True) as restored:
            assert noted(restored) == before
            assert watched(restored, "biz.p").ok
            track_table(restored, "biz.t")
            do(restored, "alter table biz.t add y int", "create table biz.p2 partition of biz.p default")
            assert [row[:3] for row in noted(restored)[len(before) :]][:1] == [("column", "y", "added")]
            assert watched(restored, "biz.p").ok
