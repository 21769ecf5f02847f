"""What somebody made on the log's own tables and views: `status` names it, and the statement that takes it away."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.rights import weaknesses
from tests.commands import Capture, documents, said
from tests.fix_postgres import TestServer, login
from tests.test_capture_rows import make

Connection = psycopg.Connection[Any]

QUIET = "create function public.quiet() returns trigger language plpgsql as $$begin return null; end$$;"
ADDED = {
    "a trigger that drops rows": (
        "create trigger quiet before insert on audit.change for each row execute function public.quiet()",
        "trigger quiet on audit.change",
    ),
    "a trigger of one partition": (
        "create trigger quiet before insert on audit.change_{day} for each row execute function public.quiet()",
        "trigger quiet on audit.change_{day}",
    ),
    "a trigger by a name of ours": (
        "create trigger audit_insert after insert on audit.transaction for each statement execute function audit.capture_truncate()",
        "trigger audit_insert on audit.transaction",
    ),
    "a deferred trigger": (
        "create constraint trigger late after insert on audit.change_spill deferrable for each row execute function public.quiet()",
        "trigger late on audit.change_spill",
    ),
    "a trigger of what is under watch": (
        "create trigger quiet before update on audit.setting for each row execute function public.quiet()",
        "trigger quiet on audit.setting",
    ),
    "a trigger of a view": (
        "create trigger quiet instead of delete on audit.log for each row execute function public.quiet()",
        "trigger quiet on audit.log",
    ),
    "a rule": (
        "create rule nothing as on insert to audit.transaction do instead nothing",
        "rule nothing on audit.transaction",
    ),
    "a policy": ("create policy few on audit.entity using (false)", "policy few on audit.entity"),
    "row security": ("alter table audit.change enable row level security", "row security on audit.change"),
    "a constraint": (
        "alter table audit.change add constraint small check (id < 1000000)",
        "constraint small of audit.change",
    ),
    "a foreign key to it": (
        "create table public.mine (name text constraint holds references audit.setting)",
        "constraint holds of mine",
    ),
    "an index that refuses": (
        "create unique index once on audit.change_spill (table_id)",
        "index audit.once",
    ),
    "an index that runs code": ("create index long on audit.change (length(account))", "index audit.long"),
    "a partition from elsewhere": (
        "create table public.hidden partition of audit.change for values from ('2001-01-01') to ('2001-01-02')",
        "part hidden of audit.change",
    ),
}


@pytest.mark.parametrize("statement,what", ADDED.values(), ids=ADDED)
def test_what_was_made_on_the_log_is_found_and_taken_away(
    conn: Connection, dsn: str, capsys: Capture, statement: str, what: str
) -> None:
    (day,) = conn.execute("select to_char(now() at time zone 'UTC', 'YYYYMMDD')").fetchone() or ("",)
    conn.execute(QUIET.encode() + statement.replace("{day}", str(day)).encode())
    (found,) = weaknesses(conn)
    assert found.said == f"somebody made the {what.replace('{day}', str(day))}"
    out, _ = said(capsys, "status", "--dsn", dsn, code=1)
    assert f"! {found.said}: run {found.remedy}" in " ".join(out.split())
    conn.execute(found.remedy.encode())
    said(capsys, "status", "--dsn", dsn)


def test_a_trigger_on_the_log_runs_with_the_rights_of_capture_and_no_more(
    conn: Connection, server: TestServer, dsn: str
) -> None:
    """Only the log's owner can make one; then it may do what capture may, now or deferred: neither read the log nor remove from it."""
    make(conn, "id int primary key")
    conn.execute("create table public.seen (moment text, role name); grant insert on public.seen to public")
    conn.execute(
        "create function public.look() returns trigger language plpgsql as $$begin"
        " insert into public.seen values (tg_name, current_user);"
        " begin delete from audit.change; insert into public.seen values (tg_name, 'could delete');"
        " exception when insufficient_privilege then null; end; return null; end$$;"
        "create trigger early after insert on audit.change for each row execute function public.look();"
        "create constraint trigger late after insert on audit.change deferrable initially deferred"
        " for each row execute function public.look()"
    )
    conn.execute("drop role if exists clerk; create role clerk login; grant insert on t to clerk")
    try:
        with psycopg.connect(login(dsn, "clerk"), autocommit=True) as clerk:
            clerk.execute("insert into public.t values (1)")
        seen = dict(conn.execute("select moment, role from public.seen").fetchall())
        # Before 18 a deferred trigger runs as whoever commits.
        assert seen == {"early": "audit_capture", "late": "audit_capture" if server.version >= 18 else "clerk"}
        assert conn.execute("select count(*) from audit.log where table_name = 'public.t'").fetchone() == (1,)
        assert [each.said for each in weaknesses(conn)] == [
            "somebody made the trigger early on audit.change",
            "somebody made the trigger late on audit.change",
        ]
    finally:
        conn.execute("drop owned by clerk; drop role clerk")


def test_nobody_but_its_owner_can_make_a_trigger_on_the_log(conn: Connection, dsn: str) -> None:
    conn.execute(QUIET)
    conn.execute("drop role if exists clerk; create role clerk login; grant usage on schema audit to clerk")
    conn.execute("grant create on schema public to clerk; grant audit_reader to clerk")
    try:
        with psycopg.connect(login(dsn, "clerk"), autocommit=True) as clerk:
            for statement in (
                "create trigger quiet before insert on audit.change for each row execute function public.quiet()",
                "create rule quiet as on insert to audit.change do instead nothing",
                "create policy quiet on audit.change",
                "alter table audit.change enable row level security",
                "create index on audit.change (id)",
                "create table public.part partition of audit.change for values from ('2001-01-01') to ('2001-01-02')",
                "create table public.child () inherits (audit.setting)",
                "create table public.mine (name text references audit.setting)",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    clerk.execute(statement.encode())
    finally:
        conn.execute("drop owned by clerk; drop role clerk")


@pytest.mark.parametrize("whole", [True, False], ids=["reassign owned", "event triggers disabled"])
def test_ddl_that_no_event_trigger_sees_is_a_remark(conn: Connection, dsn: str, capsys: Capture, whole: bool) -> None:
    """REASSIGN OWNED gives a tracked table away without a word; the next DDL tells of it."""
    make(conn, "id int primary key, v text")
    conn.execute("drop role if exists giver; drop role if exists taker; create role giver; create role taker")
    try:
        conn.execute("alter table t owner to giver")
        (document,) = documents(capsys, "status", "--dsn", dsn)
        assert document["remarks"] == []
        if whole:
            conn.execute("reassign owned by giver to taker")
            what = "given away from giver to taker"
        else:
            conn.execute(
                "alter event trigger audit_log_ddl disable; alter table t add w int; alter table t rename v to x"
            )
            conn.execute("alter event trigger audit_log_ddl enable always")
            what = "column w added, column x renamed"
        (document,) = documents(capsys, "status", "--dsn", dsn)
        assert document["remarks"] == [
            f"public.t was altered unseen: {what}: the next DDL on it is told together with this"
        ]
        conn.execute("alter table t add z int")
        (document,) = documents(capsys, "status", "--dsn", dsn)
        assert document["remarks"] == []
        assert conn.execute(
            "select count(*) from audit.schema_change where action in ('given away', 'renamed')"
        ).fetchone() == (2,)
    finally:
        conn.execute("drop table t; drop owned by giver; drop owned by taker; drop role giver; drop role taker")


def test_drop_owned_by_the_owner_of_a_tracked_table_is_an_entry(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute(
        "drop role if exists giver; create role giver; alter table t owner to giver; drop owned by giver; drop role giver"
    )
    assert conn.execute("select name, action from audit.schema_change order by id desc limit 1").fetchone() == (
        None,
        "dropped",
    )
