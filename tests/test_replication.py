"""What a subscription applies is logged as what it is, and once, whatever applies it."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import psycopg
import pytest

from capture.coverage import coverage
from capture.install import track_table
from reports.findings import complaints
from tests.fix_replication import SLOT, Connection, Subscribe, caught_up, wait
from tests.test_capture_rows import HIDDEN, log
from whochanged.cli import run

T = "create table t (id int primary key, n text)"


def both(publisher: Connection, conn: Connection, statement: str) -> None:
    """Run a statement in both databases."""
    for each in (publisher, conn):
        each.execute(statement.encode())


def short(conn: Connection) -> list[tuple[Any, ...]]:
    """Return operation and number of each row of the log, in its order."""
    return [(row[0], (row[1] or {}).get("id")) for row in log(conn)]


def test_what_a_subscription_applies_is_logged_as_it_was_written(
    publisher: Connection, conn: Connection, subscribe: Subscribe
) -> None:
    both(publisher, conn, "create type mood as enum ('sad', 'glad')")
    both(publisher, conn, "create table t (id int primary key, n text, m mood, seen int, api_token text, pad text)")
    track_table(conn, "public.t", ignored=["seen", "pad"])
    subscribe()
    publisher.execute(
        "insert into t select g, 'a', 'sad', 1, 'hush', (select string_agg(md5(s::text), '') from generate_series(1, 400) s)"
        " from generate_series(1, 3) g"
    )
    publisher.execute("update t set n = 'b', api_token = 'new' where id = 1")
    publisher.execute("update t set id = 9, m = 'glad' where id = 1")
    publisher.execute("update t set n = n, seen = 2")
    publisher.execute("delete from t where id = 2")
    caught_up(publisher)
    row = {"n": "a", "m": "sad", "api_token": HIDDEN}
    assert log(conn) == [
        *(("INSERT", {"id": number}, None, {"id": number, **row}) for number in (1, 2, 3)),
        ("UPDATE", {"id": 1}, {"n": "a", "api_token": HIDDEN}, {"n": "b", "api_token": HIDDEN}),
        ("UPDATE", {"id": 9}, {"id": 1, "m": "sad"}, {"id": 9, "m": "glad"}),
        ("DELETE", {"id": 2}, {"id": 2, **row}, None),
    ]
    assert set(log(conn, "actor, actor_kind, application")) == {("postgres", "database", "replication feed")}
    conn.execute("update t set n = 'by hand' where id = 9")
    assert log(conn, "application")[-1] == (None,)


def test_a_replicated_truncate_keeps_its_rows_and_says_who_applied_it(
    publisher: Connection, conn: Connection, subscribe: Subscribe
) -> None:
    both(publisher, conn, T)
    track_table(conn, "public.t")
    subscribe()
    publisher.execute("insert into t values (1, 'a'), (2, 'b'); truncate t")
    caught_up(publisher)
    assert short(conn) == [("INSERT", 1), ("INSERT", 2), ("DELETE", 1), ("DELETE", 2), ("TRUNCATE", None)]
    publisher.execute("truncate t")
    caught_up(publisher)
    assert {row[0] for row in log(conn, "application")} == {"replication feed"}


def test_the_first_copy_and_what_is_written_meanwhile_is_logged_once(
    publisher: Connection, conn: Connection, empty_dsn: str, subscribe: Subscribe
) -> None:
    """The rows that were there come by COPY, whose statement triggers fire; the others one by one."""
    both(publisher, conn, T)
    track_table(conn, "public.t")
    publisher.execute("insert into t select g, 'a' from generate_series(1, 20000) g")
    done = threading.Event()

    def write() -> None:
        with psycopg.connect(empty_dsn, autocommit=True) as writer:
            while not done.is_set():
                writer.execute("insert into t select max(id) + 1, 'later' from t")
                time.sleep(
                    0.002
                )  # the subscriber applies row by row: without a pause it would have minutes to make up for

    thread = threading.Thread(target=write)
    thread.start()
    try:
        subscribe()
    finally:
        done.set()
        thread.join()
    caught_up(publisher)
    found = conn.execute(
        "select count(*), count(distinct key), array_agg(distinct operation), (select count(*) from t) from audit.change"
    ).fetchone()
    total = publisher.execute("select count(*) from t").fetchone()
    assert total is not None
    assert total[0] > 20000
    assert found == (total[0], total[0], ["I"], total[0])
    assert conn.execute("select array_agg(distinct application) from audit.transaction").fetchone() == (
        ["replication feed"],
    )


@pytest.mark.parametrize("root", [True, False])
def test_replicated_partitions_are_logged_under_their_root(
    publisher: Connection, conn: Connection, subscribe: Subscribe, root: bool
) -> None:
    both(
        publisher,
        conn,
        "create table t (id int primary key, n text) partition by range (id);"
        "create table t_low partition of t for values from (0) to (10) partition by range (id);"
        "create table t_leaf partition of t_low for values from (0) to (10);"
        "create table t_high (n text, gone int, id int not null); alter table t_high drop column gone;"
        "alter table t attach partition t_high for values from (10) to (20)",
    )
    track_table(conn, "public.t")
    publisher.execute("insert into t values (0, 'copied')")
    subscribe(f"for all tables with (publish_via_partition_root = {root})")
    publisher.execute("insert into t values (1, 'a'), (11, 'b')")
    publisher.execute("update t set n = 'c'")
    publisher.execute("update t set id = 12 where id = 1")
    publisher.execute("truncate t")
    caught_up(publisher)
    found = short(conn)
    assert found[:3] == [("INSERT", 0), ("INSERT", 1), ("INSERT", 11)]
    assert sorted(found[3:6]) == [("UPDATE", 0), ("UPDATE", 1), ("UPDATE", 11)]
    # The publisher sends a move as one update of its root; of its partitions, as a row that went and one that came.
    assert found[6:8] == [("DELETE", 1), ("INSERT", 12)]
    assert sorted(found[8:11]) == [("DELETE", 0), ("DELETE", 11), ("DELETE", 12)]
    assert found[11:] in ([("TRUNCATE", None)], [("TRUNCATE", None)] * 2)
    assert {row[0] for row in log(conn, "table_name")} == {"public.t"}


@pytest.mark.parametrize("streaming", ["on", pytest.param("parallel", marks=pytest.mark.pg(">= 16"))])
def test_a_transaction_that_is_streamed_before_its_end_is_logged_once(
    publisher: Connection, conn: Connection, empty_dsn: str, subscribe: Subscribe, streaming: str
) -> None:
    both(publisher, conn, T)
    track_table(conn, "public.t")
    name = publisher.info.dbname
    publisher.execute(f"alter database {name} set logical_decoding_work_mem = '64kB'")
    subscribe(options=f", streaming = {streaming}")
    # Only when it has seen that all tables are copied does the subscription let others apply in parallel.
    publisher.execute("insert into t values (0, 'x')")
    caught_up(publisher)
    with psycopg.connect(empty_dsn) as writer:
        writer.execute("insert into t select g, repeat('x', 100) from generate_series(1, 3000) g")
        with writer.transaction(force_rollback=True):
            writer.execute("insert into t select g, repeat('x', 100) from generate_series(3001, 6000) g")
        writer.execute("update t set n = 'y' where id <= 1000")
        writer.commit()
        writer.execute("insert into t select g, repeat('x', 100) from generate_series(6001, 9000) g")
        writer.rollback()
    caught_up(publisher)
    found = conn.execute(
        "select operation, count(*), count(distinct key), count(distinct transaction_id) from audit.change group by 1 order by 1"
    ).fetchall()
    assert found == [("I", 3001, 3001, 2), ("U", 1001, 1001, 1)]
    wait(publisher, f"select stream_txns > 0 from pg_stat_replication_slots where slot_name = '{SLOT}'")
    if streaming == "parallel":
        assert conn.execute("select count(distinct backend_pid) from audit.transaction").fetchone() == (2,)


def test_a_transaction_that_was_prepared_on_the_publisher_is_logged_when_it_commits(
    publisher: Connection, conn: Connection, subscribe: Subscribe
) -> None:
    both(publisher, conn, T)
    track_table(conn, "public.t")
    subscribe(options=", two_phase = true", two_phase=True)
    wait(conn, "select subtwophasestate = 'e' from pg_subscription")
    publisher.execute("begin; insert into t values (1, 'a'); prepare transaction 'one'")
    publisher.execute("begin; insert into t values (2, 'a'); prepare transaction 'two'")
    caught_up(publisher)
    wait(conn, "select count(*) = 2 from pg_prepared_xacts where database = current_database()")
    assert log(conn) == []
    publisher.execute("rollback prepared 'one'")
    publisher.execute("commit prepared 'two'")
    caught_up(publisher)
    assert short(conn) == [("INSERT", 2)]


def test_what_a_trigger_writes_while_a_subscription_is_applied_is_logged_once(
    publisher: Connection, conn: Connection, subscribe: Subscribe
) -> None:
    """Its statements fire the triggers of statements, and the row trigger too: only one of them may log."""
    both(publisher, conn, T)
    conn.execute(
        "create table u (id int primary key, n text);"
        "create function follow() returns trigger language plpgsql as $$begin"
        " insert into public.u values (new.id, 'followed'); update public.t set n = n || '!' where id = new.id; return null; end$$;"
        "create trigger follow after insert on t for each row execute function follow();"
        "alter table t enable always trigger follow"
    )
    track_table(conn, "public.t")
    track_table(conn, "public.u")
    subscribe("for table t")
    publisher.execute("insert into t values (1, 'a')")
    caught_up(publisher)
    assert sorted(log(conn, "table_name, operation, new")) == [
        ("public.t", "INSERT", {"id": 1, "n": "a"}),
        ("public.t", "UPDATE", {"n": "a!"}),
        ("public.u", "INSERT", {"id": 1, "n": "followed"}),
    ]


def test_a_subscription_that_applies_in_a_stricter_isolation_level_is_logged_alike(
    publisher: Connection, conn: Connection, subscribe: Subscribe
) -> None:
    both(publisher, conn, T)
    track_table(conn, "public.t")
    conn.execute(f"alter database {conn.info.dbname} set default_transaction_isolation = 'repeatable read'")
    subscribe()
    publisher.execute("insert into t values (1, 'a')")
    caught_up(publisher)
    conn.execute("alter table t add column x text")
    publisher.execute("alter table t add column x text; update t set n = 'b', x = 'c'")
    caught_up(publisher)
    assert log(conn, "operation, new") == [("INSERT", {"id": 1, "n": "a"}), ("UPDATE", {"n": "b", "x": "c"})]


def test_a_replicated_name_is_kept_for_what_refers_to_it(
    publisher: Connection, conn: Connection, subscribe: Subscribe
) -> None:
    both(publisher, conn, T)
    track_table(conn, "public.t", kind="label", label_column="n")
    subscribe()
    publisher.execute("insert into t values (1, 'a'); update t set n = 'b'; delete from t")
    caught_up(publisher)
    assert conn.execute("select operation, old ->> 'n', new ->> 'n' from audit.change order by id").fetchall() == [
        ("I", None, "a"),
        ("U", "a", "b"),
        ("D", "b", None),
    ]


@pytest.mark.pg(">= 16")
def test_a_subscription_whose_owner_has_no_right_on_the_log_is_logged_under_its_owner(
    publisher: Connection, conn: Connection, subscribe: Subscribe
) -> None:
    role = f"feeder_{uuid.uuid4().hex[:8]}"
    both(publisher, conn, T)
    track_table(conn, "public.t")
    conn.execute(f"create role {role} login in role pg_create_subscription; alter table t owner to {role}")
    conn.execute(f"grant create on database {conn.info.dbname} to {role}")
    try:
        subscribe(options=", password_required = false")
        conn.execute(f"alter subscription feed owner to {role}")
        publisher.execute("insert into t values (1, 'a')")
        caught_up(publisher)
        assert log(conn, "actor, actor_kind, application, operation") == [
            (role, "database", "replication feed", "INSERT")
        ]
    finally:
        conn.execute(f"alter subscription feed owner to postgres; drop owned by {role}; drop role {role}")


@pytest.mark.parametrize("rows", [1, 60])
def test_a_session_in_replica_mode_is_logged_once(conn: Connection, rows: int) -> None:
    conn.execute("create table t (id int, n text) partition by list (id); create table t1 partition of t default")
    track_table(conn, "public.t", key_columns=["id"])
    conn.execute("set session_replication_role = replica")
    conn.execute("insert into t select g, 'a' from generate_series(1, %s) g", (rows,))
    conn.execute("update t set n = 'b'; delete from t1")
    assert [row[0] for row in log(conn)] == ["INSERT"] * rows + ["UPDATE"] * rows + ["DELETE"] * rows


@pytest.mark.parametrize(
    "harm, said",
    [
        ("drop trigger audit_replicated on t", "triggers missing"),
        ("alter table t disable trigger audit_replicated", "triggers disabled"),
        ("alter table t enable trigger audit_replicated", "triggers enabled, but not as they should be"),
        ("alter table t enable always trigger audit_replicated", "triggers enabled, but not as they should be"),
    ],
)
def test_status_tells_when_what_a_subscription_applies_would_be_missed(
    conn: Connection, dsn: str, harm: str, said: str
) -> None:
    conn.execute(T)
    track_table(conn, "public.t")
    assert run(["status", "--dsn", dsn]) == 0
    conn.execute(harm)
    (found,) = [table for table in coverage(conn) if table.table_name == "public.t"]
    assert complaints(found) == [f"{said}: audit_replicated: run  whochanged install"]
    assert run(["status", "--dsn", dsn]) == 1
    track_table(conn, "public.t")
    assert run(["status", "--dsn", dsn]) == 0


WRITES = {
    "a default in SQL": ("sql volatile", "insert into audited_k (n) values ('of a default') returning id"),
    "a default in PL/pgSQL": (
        "plpgsql volatile",
        "declare got int; begin insert into audited_k (n) values ('of a default') returning id into got; return got; end",
    ),
    "a default that runs text": (
        "plpgsql volatile",
        "declare got int; begin execute 'insert into audited_k (n) values (''x\npg_1'') returning id' into got; return got; end",
    ),
}


@pytest.mark.parametrize("language,body", WRITES.values(), ids=WRITES)
def test_what_a_default_writes_while_a_subscription_is_applied_is_logged_once(
    publisher: Connection, conn: Connection, subscribe: Subscribe, language: str, body: str
) -> None:
    """A column that the publisher does not have gets its default, whose function writes another tracked table, and itself."""
    publisher.execute(T)
    conn.execute("create table audited_k (id int generated always as identity primary key, n text)")
    conn.execute(f"create function made() returns int language {language} set search_path = public as $${body}$$")
    conn.execute("create table t (id int primary key, n text, k int default made(), check (n <> made()::text))")
    for table in ("public.t", "public.audited_k"):
        track_table(conn, table)
    subscribe()
    publisher.execute("insert into t values (1, 'a'), (2, 'b')")
    publisher.execute("update t set n = 'c' where id = 1; delete from t where id = 2")
    caught_up(publisher)
    of = "table_name = 'public.{}'"
    ids = conn.execute("select array_agg(id order by id) from audited_k").fetchone()
    logged = conn.execute(
        "select array_agg((key ->> 'id')::int order by (key ->> 'id')::int) from audit.log where table_name = 'public.audited_k'"
    ).fetchone()
    assert logged == ids
    operations = f"select operation from audit.log where {of.format('t')} order by id"
    assert [row[0] for row in conn.execute(operations.encode())] == ["INSERT", "INSERT", "UPDATE", "DELETE"]
