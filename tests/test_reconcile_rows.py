"""Tables without a key are compared too: how many rows of each content there should be, and how many there are."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.install import track_table
from capture.reconcile import reconcile
from capture.retention import purge
from tests.aging import age
from tests.commands import Capture, said
from tests.reconciling import baseline, compare

Connection = psycopg.Connection[Any]


@pytest.fixture
def t(conn: Connection) -> Connection:
    """Give a tracked table without a key, with equal rows, a baseline, and changes after it."""
    conn.execute("create table t (v int, w text, n numeric, password text)")
    conn.execute("insert into t select g % 3, 'w', 1.50, 'x' from generate_series(1, 9) as g")
    track_table(conn, "public.t")
    baseline(conn)
    conn.execute("update t set v = v + 10 where v = 1; update t set w = 'u', password = 'y' where v = 2")
    conn.execute("insert into t select 7, null, 1, 'z' from generate_series(1, 60); update t set v = 8 where v = 7")
    conn.execute("delete from t where ctid = (select ctid from t where v = 8 limit 1)")
    return conn


def found(conn: Connection) -> list[tuple[Any, ...]]:
    """Return what differs in table t: kind, the row, how many."""
    differences, (result,) = compare(conn, "public.t")
    assert result.reason is None
    return [(one.kind, one.log_says or one.table_has, one.rows) for one in differences]


def hidden(conn: Connection, statement: str) -> None:
    """Write past the triggers."""
    conn.execute("alter table t disable trigger user")
    conn.execute(statement.encode())
    conn.execute(
        "do $$ declare n text; begin for n in select tgname from pg_trigger where tgrelid = 't'::regclass loop"
        " execute format('alter table t enable %s trigger %I', case n when 'audit_replicated' then 'replica' else 'always' end, n);"
        " end loop; end $$"
    )


def gone(conn: Connection) -> None:
    """Let a purge take all of the log."""
    for (number,) in conn.execute("select distinct transaction_id::text::bigint from audit.change").fetchall():
        age(conn, number, 24 * 95)
    assert purge(conn).changes > 0


def test_what_was_written_under_watch_agrees(t: Connection) -> None:
    assert found(t) == []


def test_what_went_past_the_log_is_found_and_counted(t: Connection) -> None:
    row = {"v": 8, "w": None, "n": 1}
    hidden(t, "insert into t select 8, null, 1.0 from generate_series(1, 3); delete from t where v = 11")
    assert found(t) == [("unexpected", row, 3), ("missing", {"v": 11, "w": "w", "n": 1.5}, 3)]


def test_one_row_changed_among_equal_ones_is_found(t: Connection) -> None:
    hidden(t, "update t set n = 9 where ctid = (select ctid from t where v = 8 limit 1)")
    assert found(t) == [
        ("missing", {"v": 8, "w": None, "n": 1}, 1),
        ("unexpected", {"v": 8, "w": None, "n": 9}, 1),
    ]


def test_a_masked_value_is_not_compared(t: Connection) -> None:
    hidden(t, "update t set password = 'q'")
    assert found(t) == []


def test_a_purge_hands_on_what_it_takes(t: Connection) -> None:
    gone(t)
    assert found(t) == []
    t.execute("update t set v = v + 100 where v > 7; delete from t where v = 0")
    assert found(t) == []
    hidden(t, "delete from t where v = 108")
    assert [(kind, rows) for kind, _, rows in found(t)] == [("missing", 59)]


@pytest.mark.parametrize(
    "ddl",
    [
        "alter table t add x int default 5",
        "alter table t drop n",
        "alter table t rename w to word",
        "alter table t alter v type bigint",
        "alter table t alter n type text",
        "alter table t rename to other; alter table other rename to t",
    ],
)
def test_a_table_that_was_altered_agrees(t: Connection, ddl: str) -> None:
    t.execute(ddl.encode())
    assert found(t) == []
    t.execute(
        "update t set v = v + 1; insert into t (v) select 5 from generate_series(1, 60); update t set v = 6 where v = 5"
    )
    assert found(t) == []
    hidden(t, "delete from t where v = 6")
    assert [(kind, rows) for kind, _, rows in found(t)] == [("missing", 60)]
    gone(t)
    assert [(kind, rows) for kind, _, rows in found(t)] == [("missing", 60)]


def test_an_update_of_an_earlier_version_asks_for_a_new_baseline(t: Connection) -> None:
    """It did not keep what stayed, so nobody knows which row it was."""
    t.execute("update audit.change set about = null where operation = 'U' and about is not null")
    (result,) = compare(t, "public.t")[1]
    assert "the log cannot say what its rows are" in (result.reason or "")
    list(reconcile(t, ["public.t"], rebase=True))
    assert found(t) == []


def test_a_key_that_came_later_asks_for_a_new_baseline(t: Connection) -> None:
    t.execute("alter table t add id int generated always as identity primary key")
    track_table(t, "public.t")
    assert compare(t, "public.t")[1][0].reason == "its key is another one than that of the baseline"
    list(reconcile(t, ["public.t"], rebase=True))
    t.execute("update t set v = 1")
    assert found(t) == []


def test_the_command_says_how_many_rows_of_what(t: Connection, dsn: str, capsys: Capture) -> None:
    hidden(t, "delete from t where v = 11; insert into t values (99)")
    out, err = said(capsys, "reconcile", "public.t", "--dsn", dsn, code=1)
    assert out.splitlines() == [
        'public.t: 1 row unexpected of {"n": null, "v": 99, "w": null}: the log says that there are fewer',
        'public.t: 3 rows missing of {"n": "1.50", "v": 11, "w": "w"}: the log says that there are more',
    ]
    assert "public.t: 2 differences; to accept them run  whochanged reconcile --rebase public.t" in err


@pytest.mark.one_server
def test_the_baseline_of_a_table_whose_watch_ended_goes_with_its_log(t: Connection) -> None:
    """Until then whoever tracks it again finds what was written meanwhile."""
    count = (
        "select count(*), count(distinct table_id) from audit.baseline where table_id in"
        " (select id from audit.tracked_table where table_name = 'public.t')"
    )
    before = t.execute(count.encode()).fetchone()
    t.execute("select audit.untrack('t'::regclass); insert into t values (42)")
    purge(t)
    assert t.execute(count.encode()).fetchone() == before
    track_table(t, "public.t")
    assert [(kind, rows) for kind, _, rows in found(t)] == [("unexpected", 1)]
    t.execute("select audit.untrack('t'::regclass)")
    t.execute("update audit.tracked_table set until = now() - interval '99 days' where table_name = 'public.t'")
    purge(t)
    assert t.execute(count.encode()).fetchone() == (0, 0)


@pytest.mark.one_server
def test_a_table_is_looked_for_only_where_the_log_has_changes_of_it(t: Connection) -> None:
    """The log is read once to find out: a quiet table costs nothing, however busy the others are."""
    t.execute("create table quiet (id int primary key); insert into quiet values (1)")
    track_table(t, "public.quiet")
    baseline(t)
    days = dict(
        t.execute(
            "select table_id, days from audit.changed_in(array['audit.change', 'audit.change_spill']::regclass[])"
        ).fetchall()
    )
    numbers = dict(t.execute("select table_name, id from audit.tracked_table").fetchall())
    assert numbers["public.quiet"] not in days
    assert len(days[numbers["public.t"]]) == 1
    differences, results = compare(t, "public.t", "public.quiet")
    assert (differences, [one.agrees for one in results]) == ([], [True, True])


@pytest.mark.one_server
@pytest.mark.parametrize("key", ["", " primary key"], ids=["rows without a key", "rows with one"])
def test_rows_that_come_and_go_with_a_partition_are_found(conn: Connection, key: str) -> None:
    """No statement writes them: the partition is an entry, its rows are not."""
    conn.execute(
        f"create table t (id int{key}) partition by range (id); create table t1 partition of t for values from (0) to (10)"
    )
    conn.execute("insert into t values (1), (2)")
    track_table(conn, "public.t")
    baseline(conn)
    conn.execute("create table t2 (like t including all); insert into t2 values (20)")
    conn.execute("alter table t attach partition t2 for values from (20) to (30); alter table t detach partition t1")
    differences, (result,) = compare(conn, "public.t")
    assert result.reason is None
    assert [(one.kind, one.log_says or one.table_has) for one in differences] == [
        ("missing", {"id": 1}),
        ("missing", {"id": 2}),
        ("unexpected", {"id": 20}),
    ]
    assert conn.execute(
        "select array_agg(action order by id) from audit.schema_change where thing = 'partition'"
    ).fetchone() == (["added", "detached"],)
