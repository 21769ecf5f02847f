"""What would weaken capture is refused to owners of tables, by whatever statement: attacks, on every version."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.install import install, track_table, uninstall
from tests.fix_ddl import Owner, noted, watched
from tests.fix_postgres import login
from tests.test_capture_rows import log
from tests.test_install_log import let_grant
from whochanged.cli import run

Connection = psycopg.Connection[Any]

ATTACKS = {
    "disable all": "alter table biz.t disable trigger all",
    "disable user": "alter table biz.t disable trigger user",
    "disable one": "alter table biz.t disable trigger audit_update",
    "disable one and go on in the same command": "alter table biz.t disable trigger audit_update, add column x int",
    "enable, no more always": "alter table biz.t enable trigger audit_update",
    "enable all, no more always": "alter table biz.t enable trigger all",
    "for replicas alone": "alter table biz.t enable replica trigger audit_update",
    "rename": "alter trigger audit_update on biz.t rename to mine",
    "rename to the name of another": "alter trigger audit_update on biz.t rename to audit_older",
    "drop": "drop trigger audit_delete on biz.t",
    "drop the truncate trigger": "drop trigger audit_truncated on biz.t",
    "drop all five": "drop trigger audit_insert on biz.t; drop trigger audit_update on biz.t",
    "drop that of replication": "drop trigger audit_replicated on biz.t",
    "disable that of replication": "alter table biz.t disable trigger audit_replicated",
    "let that of replication fire always": "alter table biz.t enable always trigger audit_replicated",
    "replace": "create or replace trigger audit_update after update on biz.t execute function biz.nothing()",
    "replace by a row trigger": "create or replace trigger audit_insert before insert on biz.t for each row execute function biz.nothing()",
    "let an extension take it along": "alter trigger audit_update on biz.t depends on extension plpgsql",
    "in a block that swallows the error": (
        "do $$ begin begin alter table biz.t disable trigger user; exception when others then null; end;"
        " if (select bool_and(tgenabled in ('A', 'R')) from pg_trigger where tgrelid = 'biz.t'::regclass) then"
        " raise insufficient_privilege; end if; end $$"
    ),
    "off, write, on again": "alter table biz.t disable trigger user; update biz.t set v = 'x'; alter table biz.t enable trigger user",
    "by way of a subtransaction": (
        "do $$ begin begin alter table biz.t disable trigger user; exception when sqlstate '00001' then end; end $$"
    ),
    "of a partitioned table": "alter table biz.p disable trigger all",
    "of a partition": "alter table biz.p1 disable trigger audit_insert",
    "drop that of a partition": "drop trigger audit_insert on biz.p1",
    "rename that of a partition": "alter trigger audit_insert on biz.p1 rename to mine",
    "of a table that lends names": "alter table biz.names disable trigger all",
    "drop that of a table that lends names": "drop trigger audit_update on biz.names",
    "by dropping the column that it looks at": "alter table biz.names drop column label cascade",
    "by the table's owner's own function": "select biz.off()",
}


@pytest.fixture
def tracked(conn: Connection, owner: Owner) -> Owner:
    """Give the owner, whose tables are tracked."""
    owner.conn.execute(
        "create table biz.names (id int primary key, label text);"
        "create function biz.off() returns void language sql security definer as 'alter table biz.t disable trigger user'"
    )
    track_table(conn, "biz.t")
    track_table(conn, "biz.p", key_columns=["id"])
    track_table(conn, "biz.names", kind="label", about=["label"])
    return owner


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_owner_cannot_weaken_the_triggers(conn: Connection, tracked: Owner, attack: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught, tracked.conn.transaction():
        tracked.conn.execute(ATTACKS[attack].encode())
    if "swallows" not in attack:
        assert "belongs to the audit log" in str(caught.value.diag.message_primary)
        assert "select audit.untrack('biz." in str(caught.value.diag.message_hint)
    assert all(watched(conn, table).ok for table in ("biz.t", "biz.p", "biz.names"))
    assert noted(conn) == []
    tracked.conn.execute("update biz.t set v = 'after'")
    assert len(log(conn)) == 1


def test_a_hint_names_the_root_of_a_partition_as_it_is_written(conn: Connection, owner: Owner) -> None:
    owner.conn.execute(
        'create table biz."My ""own"" %s" (id int) partition by list (id); create table biz."p %I" partition of biz."My ""own"" %s" default'
    )
    track_table(conn, 'biz.My "own" %s', key_columns=["id"])
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        owner.conn.execute('alter table biz."p %I" disable trigger all')
    assert caught.value.diag.message_primary == (
        'the trigger audit_delete of biz."p %I" belongs to the audit log: it can be neither disabled nor renamed, replaced or dropped'
    )
    hint = str(caught.value.diag.message_hint)
    conn.execute(hint.partition(": ")[2].encode())
    assert noted(conn, "table_name, action") == [('biz.My "own" %s', "ended")]
    owner.conn.execute('alter table biz."p %I" disable trigger all')


def test_an_application_that_may_write_only_gets_no_further(conn: Connection, tracked: Owner, dsn: str) -> None:
    conn.execute("create role app login; grant usage on schema biz to app; grant all on biz.t to app")
    try:
        with psycopg.connect(login(dsn, "app"), autocommit=True) as app:
            for attack in ("replace", "replace by a row trigger"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(ATTACKS[attack].encode())
    finally:
        conn.execute("drop owned by app; drop role app")


def test_what_is_not_the_logs_is_not_its_business(conn: Connection, tracked: Owner) -> None:
    """A trigger of that name on a table that nobody tracks, other triggers of a tracked one, and everything else."""
    for statement in (
        "create table biz.free (id int)",
        "create trigger audit_insert after insert on biz.free execute function biz.nothing()",
        "create or replace trigger audit_insert after update on biz.free execute function biz.nothing()",
        "alter trigger audit_insert on biz.free rename to audit_update",
        "alter table biz.free disable trigger all",
        "drop trigger audit_update on biz.free",
        "create trigger mine after insert on biz.t execute function biz.nothing()",
        "alter table biz.t disable trigger mine",
        "alter trigger mine on biz.t rename to my",
        "drop trigger my on biz.t",
        "alter table biz.t add x int",
        "create index on biz.t (v)",
        "vacuum full biz.t",
        "cluster biz.t using t_pkey",
    ):
        tracked.conn.execute(statement.encode())
    assert watched(conn, "biz.t").ok


def test_what_a_superuser_switched_off_does_not_stand_in_the_way_of_others(conn: Connection, tracked: Owner) -> None:
    conn.execute("alter table biz.t disable trigger all")
    tracked.conn.execute("alter table biz.t add x int; alter table biz.t rename x to y")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        tracked.conn.execute("alter table biz.t enable trigger all")
    assert not watched(conn, "biz.t").ok


def test_an_installer_without_superuser_tracks_untracks_and_uninstalls_as_before(
    conn: Connection, tracked: Owner, dsn: str
) -> None:
    """Event triggers that a superuser made are in nobody's way who may do it: members of audit_owner."""
    conn.execute("create role dba login createrole")
    let_grant(conn, "dba")
    conn.execute(f'grant {tracked.name} to dba; alter database "{conn.info.dbname}" owner to dba')
    try:
        with psycopg.connect(login(dsn, "dba"), autocommit=True) as dba:
            # Its membership in audit_capture is what it installs by, and would let it run code as a superuser.
            assert "a member of audit_capture could run code as a superuser" in str(install(dba).ddl.trouble)
            dba.execute("alter table biz.t disable trigger audit_update")
            track_table(dba, "biz.t", ignored=["v"])
            assert watched(conn, "biz.t").ok
            dba.execute("select audit.untrack('biz.t')")
            assert noted(conn, "command, name, action") == [
                ("ALTER TABLE", "audit_update", "switched off"),
                ("audit.track", "audit_update", "switched on"),
                ("audit.untrack", None, "ended"),
            ]
            track_table(dba, "biz.t")
            uninstall(dba)
            assert conn.execute("select count(*) from pg_event_trigger").fetchone() == (0,)
            assert conn.execute("select to_regnamespace('audit')").fetchone() == (None,)
    finally:
        uninstall(conn)
        conn.execute(f'alter database "{conn.info.dbname}" owner to postgres')
        conn.execute("drop owned by dba; drop role dba")


def test_uninstalling_leaves_no_event_trigger_and_installing_brings_them_back(conn: Connection) -> None:
    uninstall(conn, keep_log=True)
    assert conn.execute("select count(*) from pg_event_trigger").fetchone() == (0,)
    conn.execute("create table t (id int); alter table t add x int; drop table t")
    assert install(conn).ddl.trouble is None
    conn.execute("create role visitor; grant audit_capture to visitor")
    conn.execute("drop event trigger audit_log_ddl")
    try:
        assert "REVOKE audit_capture FROM visitor" in str(install(conn).ddl.trouble)
    finally:
        conn.execute("drop role visitor")
    assert install(conn).ddl.trouble is None


def test_status_tells_of_event_triggers_that_are_gone_or_off(
    conn: Connection, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status", "--dsn", dsn]) == 0
    assert "DDL            refused where it would switch capture off" in capsys.readouterr().out
    everything = (
        "audit_guard_ddl, audit_guard_drop, audit_log_ddl, audit_log_drop, audit_log_rewrite, audit_new_partitions"
    )
    for statements, said in (
        ("alter event trigger audit_guard_ddl disable", "event triggers disabled: audit_guard_ddl: run"),
        ("drop event trigger audit_log_drop", "event triggers missing: audit_log_drop; disabled: audit_guard_ddl: run"),
        (
            f"drop event trigger {everything.replace('audit_log_drop, ', '')}",
            f"event triggers missing: {everything}: run",
        ),
    ):
        conn.execute(statements.encode())
        assert run(["status", "--dsn", dsn]) == 1
        assert f"! {said}  whochanged install  as a superuser" in " ".join(capsys.readouterr().out.split("\n"))
    assert install(conn).objects == ("events",)
    assert run(["status", "--dsn", dsn]) == 0
