"""whochanged reconcile finds what went past the log, and says of each row how it differs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capture.catalogue import Catalogue
from capture.entries.describe import entries
from capture.filters import Filters
from capture.install import track_table
from capture.reconcile import reconcile
from capture.retention import purge
from tests.aging import age, value
from tests.commands import Capture, documents, refused, said
from tests.fix_postgres import TestServer, login
from tests.reconciling import baseline, compare, differences
from tests.test_capture_hostile import EVIL, HOSTILE, ran

pytestmark = pytest.mark.ends

Connection = psycopg.Connection[Any]

ROOT = Path(__file__).resolve().parent.parent
ROWS = int(os.environ.get("WHOCHANGED_RECONCILE_ROWS", "100000"))
"""Rows of the large table; `make test-long` takes a million."""
MOST_MB = 150
TRIGGERS = ("insert", "update", "delete", "truncate", "truncated")
ON = "; ".join(
    [
        *(f"alter table t enable always trigger audit_{what}" for what in TRIGGERS),
        "alter table t enable replica trigger audit_replicated",
    ]
)


@pytest.fixture
def t(conn: Connection) -> Connection:
    """Give a tracked table with three rows and a baseline, and changes after it."""
    conn.execute("create table t (id int primary key, v int, n numeric(8, 4), password text)")
    conn.execute("insert into t values (1, 1, 1.5, 'a'), (2, 2, 2.5, 'b'), (3, 3, 3.5, 'c')")
    track_table(conn, "public.t")
    baseline(conn)
    conn.execute("update t set v = v + 10 where id <> 3")
    conn.execute("insert into t values (4, 4, 4.5, 'd'); delete from t where id = 2")
    return conn


def test_a_table_that_was_only_written_under_watch_agrees(t: Connection) -> None:
    assert differences(t) == []


def test_what_was_written_with_triggers_off_is_found(t: Connection) -> None:
    t.execute("alter table t disable trigger all")
    t.execute("update t set v = 99, password = 'x' where id = 1; delete from t where id = 3")
    t.execute(f"insert into t values (5, 5, 5, 'e'); {ON}")
    found = [
        ("differs", 1, "v", 11, 99),
        ("missing", 3, None, {"id": 3, "v": 3, "n": 3.5}, None),
        ("unexpected", 5, None, None, {"id": 5, "v": 5, "n": 5}),
    ]
    assert differences(t) == found
    # It stays found, also when the row is written under watch again.
    t.execute("update t set n = 7 where id = 1")
    assert differences(t) == found


def test_a_hidden_value_that_was_written_over_under_watch_is_no_difference_any_more(t: Connection) -> None:
    t.execute(
        f"alter table t disable trigger all; update t set v = 99 where id = 1; {ON}; update t set v = 100 where id = 1"
    )
    assert differences(t) == []


def test_a_session_of_a_replica_hides_nothing(t: Connection) -> None:
    t.execute("set session_replication_role = replica; update t set v = 98; reset session_replication_role")
    assert differences(t) == []
    assert value(t, "select count(*) from audit.log where new ->> 'v' = '98'") == 3


def test_a_rewrite_of_the_table_that_changed_values_is_found(t: Connection) -> None:
    t.execute("alter table t alter column v type bigint using v * 2, alter column n type numeric(8, 0)")
    assert differences(t) == [
        ("differs", 1, "n", 1.5, 2),
        ("differs", 1, "v", 11, 22),
        ("differs", 3, "n", 3.5, 4),
        ("differs", 3, "v", 3, 6),
        ("differs", 4, "n", 4.5, 5),
        ("differs", 4, "v", 4, 8),
    ]


def test_a_table_that_was_dropped_and_restored_from_an_older_copy_is_found(t: Connection) -> None:
    t.execute("create table copy as select * from t; update t set v = 50 where id = 3; drop table t")
    t.execute("create table t (like copy); insert into t select * from copy; alter table t add primary key (id)")
    track_table(t, "public.t")
    assert differences(t) == [("differs", 3, "v", 50, 3)]


def test_a_purge_hands_on_what_it_takes(t: Connection) -> None:
    """All that was logged goes, in two purges; what was hidden before, between and after is found all the same."""
    t.execute(f"alter table t disable trigger all; update t set v = 77 where id = 3; {ON}")
    ids = [row[0] for row in t.execute("select distinct transaction_id::text::bigint from audit.change order by 1")]
    for number in ids[1::2]:
        age(t, number, 100 * 24)
    assert purge(t).changes > 0
    assert differences(t) == [("differs", 3, "v", 3, 77)]
    t.execute("update t set n = 8 where id = 1; delete from t where id = 4; insert into t values (2, 2, 2, 'b')")
    for (number,) in t.execute("select distinct transaction_id::text::bigint from audit.change").fetchall():
        age(t, number, 95 * 24)
    assert purge(t).changes > 0
    assert (
        value(
            t,
            "select count(*) from audit.change as c join audit.tracked_table as t on t.id = c.table_id where relid = 't'::regclass",
        )
        == 0
    )
    assert differences(t) == [("differs", 3, "v", 3, 77)]
    # Only what is there is kept, and by its values: the baseline is no second log.
    kept = t.execute(
        "select key, image, rest from audit.baseline as b join audit.tracked_table as t on t.id = b.table_id"
        " where t.relid = 't'::regclass order by 1"
    ).fetchall()
    assert kept == [
        ({"id": 1}, {"id": 1, "v": 11, "n": 8}, None),
        ({"id": 2}, {"id": 2, "v": 2, "n": 2}, None),
        ({"id": 3}, {"id": 3, "v": 3, "n": 3.5}, None),
    ]


def test_a_day_that_was_detached_and_not_dropped_yet_counts(t: Connection) -> None:
    number = value(t, "select max(transaction_id::text::bigint) from audit.change")
    age(t, number, 100 * 24)
    day = value(t, "select 'change_' || to_char(min(at) at time zone 'UTC', 'YYYYMMDD') from audit.change")
    t.execute(f"alter table audit.change detach partition audit.{day}")
    assert differences(t) == []
    purge(t)
    assert differences(t) == []


def test_a_database_in_another_cluster_goes_on(t: Connection) -> None:
    """Transaction numbers of the new cluster are lower, and high ones are of the old one."""
    t.execute("update audit.change set transaction_id = '9000000000' where id < (select max(id) from audit.change)")
    t.execute("update audit.incarnation set system_identifier = 1")
    baseline_of_now = "begin isolation level repeatable read; lock table t in share update exclusive mode;"
    t.execute(
        baseline_of_now
        + "select audit.take_baseline(id) from audit.tracked_table where table_name = 'public.t'; commit"
    )
    t.execute("update t set v = 5; insert into t values (9, 9, 9)")
    assert differences(t) == []


def test_the_command_says_what_differs_and_how_to_accept_it(t: Connection, dsn: str, capsys: Capture) -> None:
    assert said(capsys, "reconcile", "public.t", "--dsn", dsn) == ("", "public.t: agrees with the log\n")
    t.execute(f"alter table t disable trigger all; update t set v = 99 where id < 4; delete from t where id = 4; {ON}")
    out, err = said(capsys, "reconcile", "public.t", "--dsn", dsn, code=1)
    assert out.splitlines() == [
        "public.t id 1: v: log says 11, table has 99",
        "public.t id 3: v: log says 3, table has 99",
        "public.t id 4: missing, the log says that there is such a row",
    ]
    assert err == "public.t: 3 differences; to accept them run  whochanged reconcile --rebase public.t\n"
    first, *_, last = documents(capsys, "reconcile", "public.t", "--dsn", dsn, code=1)
    assert first == {
        "type": "difference",
        "table": "public.t",
        "key": {"id": 1},
        "kind": "differs",
        "column": "v",
        "log_says": 11,
        "table_has": 99,
        "rows": 1,
    }
    assert (last["type"], last["table"], last["differences"], last["reason"]) == ("table", "public.t", 3, None)

    said(capsys, "reconcile", "--rebase", "--dry-run", "public.t", "--dsn", dsn, code=1)
    assert "3 differences" in said(capsys, "reconcile", "--rebase", "public.t", "--dsn", dsn)[1]
    assert said(capsys, "reconcile", "--dsn", dsn)[0] == ""
    (told,) = [one for one in entries(t, Catalogue(name="none"), Filters()) if one.entity == "baseline"]
    assert told.module == "Audit log"
    assert told.descriptions == (
        "Accepted the present rows of public.t as its baseline, with 3 differences from the log",
    )
    assert value(t, "select accepted -> 0 ->> 'column' from audit.rebase") == "v"
    assert "Reconciled" in said(capsys, "status", "--dsn", dsn)[0]


def test_a_table_without_a_baseline_asks_for_one(conn: Connection, dsn: str, capsys: Capture) -> None:
    conn.execute("create table t (id int primary key); create table k (id int)")
    track_table(conn, "public.t")
    track_table(conn, "public.k")
    assert said(capsys, "reconcile", "public.t", "public.k", "--dsn", dsn, code=1)[1].splitlines() == [
        "public.k: not compared: it has no baseline; run  whochanged reconcile --rebase public.k",
        "public.t: not compared: it has no baseline; run  whochanged reconcile --rebase public.t",
    ]
    said(capsys, "reconcile", "--rebase", "public.t", "--dsn", dsn)
    said(capsys, "reconcile", "public.t", "--dsn", dsn)
    assert "no table is tracked as public.x" in refused(capsys, 2, "reconcile", "public.x", "--dsn", dsn)


def test_installing_takes_the_baselines(crm_conn: Connection, crm_dsn: str, capsys: Capture) -> None:
    said(capsys, "install", "--dsn", crm_dsn)
    crm_conn.execute("update crm.workflows set name = name || '!'; update crm.users set name = 'X' where id = 1")
    out, err = said(capsys, "reconcile", "--dsn", crm_dsn)
    assert out == ""
    assert "crm.workflows: agrees with the log" in err
    said(capsys, "install", "--dsn", crm_dsn)
    assert value(crm_conn, "select min(t.taken_at) <> max(t.taken_at) from audit.baseline_table as t")


@pytest.mark.parametrize("attack", HOSTILE)
def test_code_of_a_tables_owner_does_not_run_when_it_is_compared(conn: Connection, attack: str) -> None:
    conn.execute(EVIL + "create table biz.t (id int primary key, v text); insert into biz.t values (1, 'a')")
    track_table(conn, "biz.t")
    baseline(conn)
    conn.execute(f"{HOSTILE[attack]}; set biz.armed = 'on'")
    before = ran(conn)
    found, (result,) = compare(conn, "biz.t")
    assert found == []
    assert result.reason is not None
    assert "would run code of its owner" in result.reason
    assert ran(conn) == before


def test_an_index_of_the_owner_cannot_come_while_its_table_is_compared(t: Connection, dsn: str) -> None:
    comparing = reconcile(t, ["public.t"], rebase=True)
    next(comparing)
    with psycopg.connect(dsn, autocommit=True) as owner, pytest.raises(psycopg.errors.LockNotAvailable):
        owner.execute("set lock_timeout = '50ms'; create index on t (abs(v))")
    comparing.close()


def test_rows_that_row_security_hides_are_not_called_missing(t: Connection, dsn: str) -> None:
    if value(t, "select to_regrole('helper') is null"):
        t.execute("create role helper login")
    t.execute("grant audit_owner to helper; alter table t owner to helper; alter table t enable row level security")
    t.execute("alter table t force row level security; grant usage on schema public to helper")
    with psycopg.connect(login(dsn, "helper"), autocommit=True) as helper:
        found, (result,) = compare(helper, "public.t")
    assert found == []
    assert result.reason == "row security hides rows of public.t from helper"


def test_who_does_not_own_the_tables_is_told_so(t: Connection, dsn: str, capsys: Capture) -> None:
    if value(t, "select to_regrole('helper') is null"):
        t.execute("create role helper login")
    t.execute("grant audit_owner to helper")
    assert (
        "not compared: helper is not its owner"
        in said(capsys, "reconcile", "public.t", "--dsn", login(dsn, "helper"), code=1)[1]
    )


@pytest.mark.one_server
@pytest.mark.timeout(900)
def test_a_large_table_is_compared_in_little_memory(
    conn: Connection, dsn: str, server: TestServer, capsys: Capture
) -> None:
    """Every row was written once since the baseline, and then every row differs: all of them pass through."""
    conn.execute("create table t (id bigint primary key, v int, name text, at timestamptz)")
    conn.execute("insert into t select g, g, 'name ' || g, now() from generate_series(1, %s) as g", (ROWS,))
    conn.execute("vacuum analyze t")
    track_table(conn, "public.t")
    baseline(conn)
    # getrusage would tell the memory of this process, which the new one shares until it has started.
    program = (
        "import re, sys; from whochanged.cli import run; code = run(['reconcile', 'public.t', '--dsn', sys.argv[1]]);"
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read());"
        "print(code, int(peak[1]) // 1024, file=sys.stderr)"
    )
    figures = []
    for statement, code in (
        ("select 1", 0),
        ("update t set v = v + 1", 0),
        (f"alter table t disable trigger all; update t set v = 0; {ON}", 1),
    ):
        conn.execute(statement.encode())
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", program, dsn], cwd=ROOT, check=True, capture_output=True, text=True
        )
        ended, memory = map(int, done.stderr.splitlines()[-1].split())
        assert (ended, done.stdout.count("\n")) == (code, ROWS if code else 0)
        assert memory < MOST_MB
        figures.append(f"{time.monotonic() - begun:.1f} s, {memory} MB")
    with capsys.disabled():
        sys.stdout.write(f"\nreconcile: {ROWS:,} rows untouched, all updated, all different: {'; '.join(figures)}\n")
