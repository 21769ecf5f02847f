"""Who may do what to the log: each role with each statement, on real PostgreSQL."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from capture.install import track_table
from tests.fix_postgres import TestServer, login

Connection = psycopg.Connection[Any]

ROLES = ("owner", "app", "reader", "operator", "stranger")
"""The owner of the business tables; their application; a reader and an operator of the log (audit_reader, audit_owner);
somebody without rights."""

READ = {"reader", "operator"}
OPERATE = {"operator"}
NOBODY: set[str] = set()

# To who may not grant it is a warning; what counts is whether anybody got anything.
GRANT = (
    "do $$ begin grant delete on audit.change to public;"
    " if not has_table_privilege('audit_reader', 'audit.change', 'delete') then raise insufficient_privilege; end if; end $$"
)

STATEMENTS: dict[str, tuple[str, set[str]]] = {
    # The business table: its own people write it, and it is logged.
    "write": ("insert into biz.t values (2, 'x')", {"owner", "app"}),
    "write many": ("insert into biz.t select g, 'x' from generate_series(10, 99) g", {"owner", "app"}),
    "update": ("update biz.t set v = 'y'", {"owner", "app"}),
    "upsert": ("insert into biz.t values (1, 'z') on conflict (id) do update set v = excluded.v", {"owner", "app"}),
    "delete": ("delete from biz.t", {"owner", "app"}),
    "truncate": ("truncate biz.t", {"owner"}),
    # Reading the log.
    "read the view": ("select * from audit.log", READ),
    "read the fields": ("select * from audit.log_field", READ),
    "read changes": ("select * from audit.change", READ),
    "read transactions": ("select * from audit.transaction", READ),
    "read the registry": ("select * from audit.entity", READ),
    "read settings": ("select * from audit.setting", READ),
    "read a partition": ("select * from audit.change_{day}", OPERATE),
    "copy the log": ("copy (select * from audit.change) to stdout", READ),
    # Forging it.
    "insert a change": ("insert into audit.change (table_id, operation) values (1, 'I')", OPERATE),
    "insert into a partition": (
        "insert into audit.change_{day} (id, table_id, operation) overriding system value values (1, 1, 'I')",
        OPERATE,
    ),
    "insert a spilled change": ("insert into audit.change_spill (table_id, operation) values (1, 'I')", OPERATE),
    "insert a transaction": (
        "insert into audit.transaction (setting_key, incarnation, database_user) values ('', 1, 'ana')",
        OPERATE,
    ),
    "write a change by the log's function": (
        "select audit.write_change(t, 'I', null, '{{}}', null, '{{}}') from audit.tracked_table as t where t.table_name = 'biz.t'",
        OPERATE,
    ),
    "write a transaction by the log's function": ("select audit.write_transaction()", OPERATE),
    "build a statement": ("select audit.many_statement(null, 'I', 'biz.t'::regclass, null, 'x')", OPERATE),
    "forge the registry": ("insert into audit.entity (table_id, key) values (1, '{{}}')", OPERATE),
    "move a sequence": ("select setval('audit.change_id_seq', 1)", OPERATE),
    "use a sequence": ("select nextval('audit.change_id_seq')", OPERATE),
    # Changing and removing it.
    "update changes": ("update audit.change set old = null", OPERATE),
    "update transactions": ("update audit.transaction set actor = 'Ben'", OPERATE),
    "delete changes": ("delete from audit.change", OPERATE),
    "delete transactions": ("delete from audit.transaction", OPERATE),
    "truncate changes": ("truncate audit.change", OPERATE),
    "truncate a partition": ("truncate audit.change_{day}", OPERATE),
    "drop a partition": ("drop table audit.change_{day}", OPERATE),
    "detach a partition": ("alter table audit.change detach partition audit.change_{day}", OPERATE),
    "drop the log": ("drop table audit.change cascade", OPERATE),
    "drop the schema": ("drop schema audit cascade", OPERATE),
    "drop the view": ("drop view audit.log cascade", OPERATE),
    "add a trigger to the log": (
        "create trigger x before insert on audit.change for each row execute function suppress_redundant_updates_trigger()",
        OPERATE,
    ),
    "add a rule to the log": ("create rule x as on insert to audit.transaction do instead nothing", OPERATE),
    "index with own code": ("create index on audit.change ((biz.own(id)))", OPERATE),
    "row security on the log": ("alter table audit.change enable row level security", OPERATE),
    "change the view": ("alter view audit.log rename to x", OPERATE),
    "forge what is told of DDL": (
        "insert into audit.schema_change (command, table_name, thing, action) values ('x', 'biz.t', 'capture', 'ended')",
        OPERATE,
    ),
    "forge what a table looked like": ("update audit.table_shape set busy = true", OPERATE),
    "call an event trigger function": ("select audit.log_ddl()", NOBODY),
    "replace an event trigger function": (
        "create or replace function audit.guard_ddl() returns event_trigger language plpgsql as 'begin end'",
        NOBODY,
    ),
    "replace what runs as a superuser": (
        "create or replace function audit.enrol_partitions() returns event_trigger language plpgsql as 'begin end'",
        NOBODY,
    ),
    "alter what runs as a superuser": ("alter function audit.log_ddl() security invoker", NOBODY),
    "disable an event trigger": ("alter event trigger audit_guard_ddl disable", NOBODY),
    "drop an event trigger": ("drop event trigger audit_log_ddl", NOBODY),
    # Switching capture off, also by the owner of the table: event triggers refuse it (tests/test_ddl_refused.py).
    "disable the triggers": ("alter table biz.t disable trigger user", NOBODY),
    "drop a trigger": ("drop trigger audit_update on biz.t", NOBODY),
    "rename a trigger": ("alter trigger audit_update on biz.t rename to x", NOBODY),
    "replica role": ("set session_replication_role = replica", NOBODY),
    "end the watch": ("select audit.untrack('biz.t'::regclass)", NOBODY),
    "end the watch by name": ("select audit.untrack('biz.t')", NOBODY),
    "switch the watch off": ("update audit.tracked_table set until = now()", OPERATE),
    "mask everything": ("update audit.tracked_table set masked = '{{v}}'", OPERATE),
    "ignore everything": ("update audit.tracked_table set ignored = '{{v}}'", OPERATE),
    "track anew": ("select audit.track('biz.t', ignored => array['v'])", OPERATE),
    "retention": ("update audit.setting set value = '0' where name = 'retention_days'", OPERATE),
    # Replacing its code.
    "replace the trigger function": (
        "create or replace function audit.capture() returns trigger language plpgsql as 'begin return null; end'",
        NOBODY,
    ),
    "drop the trigger function": ("drop function audit.capture() cascade", OPERATE),
    "alter the trigger function": ("alter function audit.capture() security invoker", NOBODY),
    "replace a helper": (
        "create or replace function audit.looks_secret(name text) returns boolean language sql as 'select true'",
        OPERATE,
    ),
    "make a function in the schema": ("create function audit.x() returns int language sql as 'select 1'", OPERATE),
    "make a table in the schema": ("create table audit.x (a int)", OPERATE),
    "own trigger with the log's function": (
        "create table pg_temp.x (a int); create trigger x after insert on pg_temp.x for each row execute function audit.capture_label()",
        OPERATE,
    ),
    # Becoming somebody.
    "become the owner of the log": ("set role audit_owner", OPERATE),
    "become capture": ("set role audit_capture", NOBODY),
    "session authorization": ("set session authorization audit_owner", NOBODY),
    "grant oneself": ("grant audit_owner to {self}", NOBODY),
    "grant on the log": (
        GRANT,
        OPERATE,
    ),
    "own the log": ("alter table audit.change owner to {self}", OPERATE),
}
CELLS = len(STATEMENTS) * len(ROLES)


@pytest.fixture
def people(conn: Connection, server: TestServer) -> Iterator[dict[str, str]]:
    """Give the login of each role, over a tracked table biz.t with one row."""
    tag = uuid.uuid4().hex[:8]
    names = {role: f"{role}_{tag}" for role in ROLES}
    for name in names.values():
        conn.execute(f"create role {name} login")
    conn.execute(
        f"grant audit_reader to {names['reader']}; grant audit_owner to {names['operator']};"
        f"create schema biz authorization {names['owner']}; grant usage on schema biz to public;"
        f"set role {names['owner']}; create table biz.t (id int primary key, v text);"
        "create function biz.own(bigint) returns bigint language sql immutable as 'select $1';"
        f"grant select, insert, update, delete on biz.t to {names['app']}; reset role; insert into biz.t values (1, 'a')"
    )
    track_table(conn, "biz.t")
    yield names
    conn.execute("drop schema if exists biz cascade")
    for name in names.values():
        conn.execute(f"drop owned by {name}; drop role {name}")


def verdict(connection: Connection, statement: str) -> str:
    """Return whether the statement is allowed, refused for want of rights, or fails for another reason."""
    try:
        with connection.transaction(force_rollback=True):
            if statement.startswith("copy"):
                with connection.cursor().copy(statement.encode()) as copy:
                    list(copy)
            else:
                connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return "refused"
    except psycopg.Error as error:
        return f"{type(error).__name__}: {error.diag.message_primary}"
    return "allowed"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_just_this(dsn: str, conn: Connection, people: dict[str, str], role: str) -> None:
    """More than 150 cells: the statements that are not expected to be allowed are refused for want of rights."""
    day = conn.execute("select to_char(now() at time zone 'UTC', 'YYYYMMDD')").fetchone()
    assert day is not None
    with psycopg.connect(login(dsn, people[role])) as connection:
        found = {
            name: verdict(connection, statement.format(day=day[0], self=people[role]))
            for name, (statement, _) in STATEMENTS.items()
        }
    assert found == {name: "allowed" if role in allowed else "refused" for name, (_, allowed) in STATEMENTS.items()}


def test_the_matrix_has_more_than_150_cells(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\nprivileges: {CELLS} cells on each server\n")
    assert CELLS >= 150
