"""Capture against owners of tables who would use the log's rights, and triggers that take the places of the log's."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.coverage import TableCoverage, coverage
from capture.errors import DatabaseError
from capture.install import track_table

Connection = psycopg.Connection[Any]

# A function that says it is IMMUTABLE, and forges a row of the log wherever it runs with rights that are not its owner's.
EVIL = """
create schema biz;
create table biz.ran (by_role name default current_user);
grant usage on schema biz to public; grant insert on biz.ran to public;
create function biz.vol() returns int language plpgsql volatile as $$begin
  insert into biz.ran default values; return 1; end$$;
create function biz.evil(int) returns boolean language plpgsql immutable as $$begin
  if current_user = 'audit_capture' or current_setting('biz.armed', true) = 'on' then perform biz.vol(); end if;
  return true; end$$;
create operator biz.@@@ (rightarg = int, function = biz.evil);
create domain biz.short as int check (biz.evil(value));
"""

HOSTILE = {
    "predicate": "create index bad on biz.t (id) where biz.evil(1)",
    "expression": "create index bad on biz.t ((case when biz.evil(1) then id end))",
    "operator": "create index bad on biz.t (id) where operator(biz.@@@) 1",
    "domain": "create index bad on biz.t ((('1'::text)::biz.short::int + id))",
    "statistics": "create statistics biz.bad on (case when biz.evil(1) then id end), v from biz.t",
}


@pytest.fixture
def evil(conn: Connection) -> Connection:
    """Give a database with a table biz.t, whose owner has code that waits to run as the log."""
    conn.execute(EVIL + "create table biz.t (id int primary key, v text)")
    return conn


def log(conn: Connection, table: str = "biz.t") -> list[tuple[Any, ...]]:
    """Return operation and old values of each row of the log."""
    return conn.execute("select operation, old from audit.log where table_name = %s order by id", (table,)).fetchall()


def covered(conn: Connection, table: str = "biz.t") -> TableCoverage:
    """Return what the watch over a table is worth."""
    return next(one for one in coverage(conn) if one.table_name == table)


def ran(conn: Connection) -> int:
    """Return how often the owner's code ran with rights that are not its owner's."""
    row = conn.execute("select count(*) from biz.ran").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("ddl", HOSTILE.values(), ids=HOSTILE)
def test_truncate_runs_no_code_of_the_owner(evil: Connection, ddl: str, registered: bool) -> None:
    """The planner would work out the owner's expressions as the log: such a table is emptied without its rows."""
    track_table(evil, "biz.t", registered=registered)
    assert covered(evil).truncate_keeps_rows
    evil.execute(ddl)
    assert not covered(evil).truncate_keeps_rows
    evil.execute("insert into biz.t values (1, 'a')")
    evil.execute("truncate biz.t")
    assert ran(evil) == 0
    assert [row[0] for row in log(evil)] == ["INSERT", "TRUNCATE"]


# A value of a domain is not worked out while planning today; the check refuses it all the same.
REAL = {name: ddl for name, ddl in HOSTILE.items() if name != "domain"}


@pytest.mark.parametrize("ddl", REAL.values(), ids=REAL)
def test_without_the_check_the_code_would_run(evil: Connection, ddl: str) -> None:
    """The attacks of these tests are real: without the check they run as the log."""
    track_table(evil, "biz.t")
    evil.execute(
        "create or replace function audit.planned_code(relation oid) returns text language sql as 'select null::text'"
    )
    evil.execute(f"{ddl}; insert into biz.t values (1, 'a')")
    evil.execute("truncate biz.t")
    assert evil.execute("select distinct by_role::text from biz.ran").fetchall() == [("audit_capture",)]


def test_truncate_of_an_older_snapshot_reads_nothing(evil: Connection, dsn: str) -> None:
    """A transaction that does not see the newest indexes cannot tell what the planner would run."""
    track_table(evil, "biz.t")
    evil.execute("insert into biz.t values (1, 'a')")
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select count(*) from biz.t")
        evil.execute(HOSTILE["predicate"])
        other.execute("truncate biz.t")
    assert ran(evil) == 0
    assert [row[0] for row in log(evil)] == ["INSERT", "TRUNCATE"]


def test_truncate_keeps_rows_where_only_built_in_code_runs(evil: Connection) -> None:
    """Expressions of PostgreSQL's own functions and of enums are safe; so are CHECKs, which are not planned."""
    evil.execute(
        "create type biz.mood as enum ('sad', 'glad'); alter table biz.t add m biz.mood default 'sad';"
        "create index on biz.t (lower(v)) where id > 0; create index on biz.t (id) where m = 'sad';"
        "create index on biz.t (id) where m in ('sad', 'glad');"
        "create statistics biz.s on (id % 3), lower(v) from biz.t;"
        "alter table biz.t add check (biz.evil(1)), add check (v <> '')"
    )
    track_table(evil, "biz.t")
    assert covered(evil).truncate_keeps_rows
    evil.execute("insert into biz.t values (1, 'a')")
    evil.execute("set constraint_exclusion = on; truncate biz.t")
    assert log(evil)[1:] == [("DELETE", {"id": 1, "v": "a", "m": "sad"}), ("TRUNCATE", None)]
    assert ran(evil) == 0


def test_registering_runs_no_code_of_the_owner(evil: Connection) -> None:
    """Who installs the log may be a superuser: a table with such code in an index, below it too, is refused."""
    evil.execute(HOSTILE["predicate"])
    evil.execute("set biz.armed = on")
    with pytest.raises(DatabaseError, match=r"biz\.t cannot be registered: the index biz\.bad of biz\.t runs code"):
        track_table(evil, "biz.t", registered=True)
    assert ran(evil) == 0
    evil.execute("set biz.armed = off")
    evil.execute(
        "create table biz.p (id int, v text) partition by range (id);"
        "create table biz.p1 partition of biz.p for values from (0) to (9);"
        "create index bad1 on biz.p1 (id) where biz.evil(1);"
        "create table biz.k (id int, v text) partition by range ((case when biz.evil(1) then id end));"
    )
    evil.execute("set biz.armed = on")
    with pytest.raises(DatabaseError, match=r"biz\.p cannot be registered: the index biz\.bad1 of biz\.p1 runs code"):
        track_table(evil, "biz.p", key_columns=["id"], registered=True)
    with pytest.raises(DatabaseError, match=r"biz\.k cannot be registered: the partition key of biz\.k runs code"):
        track_table(evil, "biz.k", key_columns=["id"], registered=True)
    assert ran(evil) == 0


def test_a_partition_key_of_the_owner_runs_nowhere(evil: Connection, dsn: str) -> None:
    """Tracking and emptying a partition leave its root's key alone; lending names would not, and is refused."""
    evil.execute(
        "create table biz.k (id int, v text) partition by range ((case when biz.evil(1) then id end));"
        "create table biz.k1 partition of biz.k for values from (0) to (9); insert into biz.k values (1, 'a')"
    )
    with psycopg.connect(dsn, autocommit=True) as fresh:
        fresh.execute("set biz.armed = on")
        with pytest.raises(DatabaseError, match=r"biz\.k cannot lend names: the partition key of biz\.k runs code"):
            track_table(fresh, "biz.k", key_columns=["id"], kind="label", about=["v"])
        track_table(fresh, "biz.k", key_columns=["id"])
        assert covered(fresh, "biz.k").ok
    with psycopg.connect(dsn, autocommit=True) as fresh:
        fresh.execute("truncate biz.k1")
    assert ran(evil) == 0
    assert [row[0] for row in log(evil, "biz.k")] == ["DELETE", "TRUNCATE"]


def test_registering_needs_the_newest_snapshot(evil: Connection) -> None:
    """An older snapshot does not show what the planner would run."""
    evil.execute("set default_transaction_isolation = 'repeatable read'")
    with pytest.raises(DatabaseError, match="read committed only"):
        track_table(evil, "biz.t", registered=True)


@pytest.mark.parametrize(
    "name", ["audit_insert", "audit_update", "audit_delete", "audit_truncate", "audit_truncated", "audit_replicated"]
)
def test_triggers_of_others_stay(evil: Connection, name: str) -> None:
    """A trigger that has the name of one of ours is not dropped: the table is refused, and nothing changes."""
    event = {"audit_truncated": "truncate", "audit_replicated": "insert"}.get(name, name.removeprefix("audit_"))
    evil.execute(
        "create function biz.own() returns trigger language plpgsql as $$begin return null; end$$;"
        f"create trigger {name} after {event} on biz.t for each statement execute function biz.own()"
    )
    with pytest.raises(DatabaseError, match=rf"table biz\.t has a trigger {name} of its own: rename it"):
        track_table(evil, "biz.t")
    assert evil.execute(
        "select tgname, tgfoid::regproc::text from pg_trigger where tgrelid = 'biz.t'::regclass"
    ).fetchall() == [(name, "biz.own")]
    evil.execute(f"alter trigger {name} on biz.t rename to {name}_own")
    track_table(evil, "biz.t")
    assert covered(evil).ok
    assert evil.execute("select count(*) from pg_trigger where tgfoid = 'biz.own'::regproc").fetchone() == (1,)


REPLACED = {
    "function": "after update on biz.t for each statement execute function biz.own()",
    "condition": "after update on biz.t referencing old table as old_rows new table as new_rows"
    " for each statement when (1 = 2) execute function audit.capture()",
    "rows": "after update on biz.t referencing old table as o new table as new_rows"
    " for each statement execute function audit.capture()",
    "event": "after delete on biz.t referencing old table as old_rows for each statement execute function audit.capture()",
    "columns": "after update of v on biz.t for each statement execute function audit.capture()",
    "level": "after update on biz.t for each row execute function audit.capture()",
}


@pytest.mark.parametrize("ddl", REPLACED.values(), ids=REPLACED)
def test_a_replaced_trigger_is_found_and_repaired(evil: Connection, ddl: str) -> None:
    """CREATE OR REPLACE TRIGGER keeps our comment: what the trigger does is looked at."""
    evil.execute("create function biz.own() returns trigger language plpgsql as $$begin return null; end$$")
    track_table(evil, "biz.t")
    evil.execute("insert into biz.t values (1, 'a')")
    evil.execute(f"create or replace trigger audit_update {ddl}; alter table biz.t enable always trigger audit_update")
    found = covered(evil)
    assert (found.triggers_present, found.triggers_enabled, found.triggers_current) == (6, 6, 5)
    track_table(evil, "biz.t")
    assert covered(evil).ok
    evil.execute("update biz.t set v = 'b'")
    assert log(evil)[-1] == ("UPDATE", {"v": "a"})


def test_a_replaced_condition_of_a_label_is_found_and_repaired(evil: Connection) -> None:
    """The condition of a table that lends names is compared, whatever its columns are called."""
    evil.execute('create table biz."L x" ("Né %" int, "a "")b" text, c text, primary key ("Né %"))')
    track_table(evil, "biz.L x", kind="label", about=['a ")b', "c"])
    assert covered(evil, "biz.L x").ok
    ids = "select array_agg(oid order by oid) from pg_trigger where tgrelid = 'biz.\"L x\"'::regclass"
    before = evil.execute(ids).fetchone()
    track_table(evil, "biz.L x", kind="label", about=['a ")b', "c"])
    assert evil.execute(ids).fetchone() == before
    evil.execute(
        'create or replace trigger audit_update after update on biz."L x" for each row'
        " when (record_image_ne(row(old.c), row(new.c))) execute function audit.capture_label();"
        'alter table biz."L x" enable always trigger audit_update'
    )
    assert covered(evil, "biz.L x").triggers_current == 4
    track_table(evil, "biz.L x", kind="label", about=['a ")b', "c"])
    assert covered(evil, "biz.L x").ok


def test_masked_columns_name_neither_account_nor_parent(evil: Connection) -> None:
    """The log keeps account and parent key in clear, so they cannot be masked, not by a guess either."""
    evil.execute("create table biz.c (id int primary key, t_token int, pin text)")
    refused: tuple[dict[str, Any], ...] = (
        {"account_column": "pin"},
        {"masked": ["pin"], "account_column": "pin"},
        {"parent_table": "biz.t", "parent_columns": ["t_token"]},
    )
    for options in refused:
        with pytest.raises(DatabaseError, match=r"account and parent columns of biz\.c cannot be masked"):
            track_table(evil, "biz.c", **options)
    track_table(evil, "biz.c", masked=[], account_column="pin")


@pytest.mark.parametrize("registered", [False, True])
def test_truncate_of_a_label_keeps_only_names(evil: Connection, registered: bool) -> None:
    """Of a table that lends names, only key and names are kept, whatever removes its rows."""
    evil.execute("create table biz.label (id int primary key, name text, salary int)")
    track_table(evil, "biz.label", kind="label", about=["name"], registered=registered)
    evil.execute("insert into biz.label select g, 'n' || g, 100 from generate_series(1, 60) as g")
    evil.execute("truncate biz.label")
    rows = evil.execute("select old from audit.change where operation = 'D' order by id").fetchall()
    assert [row[0] for row in rows] == [{"id": number, "name": f"n{number}"} for number in range(1, 61)]
