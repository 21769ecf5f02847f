"""Every statement that writes rows leaves exactly those rows in the log: one that writes none, nothing."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.ways import told, watch

Connection = psycopg.Connection[Any]

T = "create table t (id int primary key, n text); insert into t values (1, 'a'), (2, 'b');"
U = "create table u (id int primary key, n text); insert into u values (1, 'a'), (2, 'b');"


def test_several_statements_in_a_with_clause_are_each_logged_with_their_own_rows(conn: Connection) -> None:
    watch(conn, T + U, "t", "u")
    conn.execute(
        "with come as (insert into t values (3, 'c') returning id), other as (update u set n = 'x' where id = 1 returning id),"
        " go as (delete from u where id = 2 returning *) update t set n = 'y' where id = 1"
    )
    assert sorted(told(conn)) == ["+t id=3 n=c", "-u id=2 n=b", "~t 1 n=a>y", "~u 1 n=a>x"]


def test_rows_that_a_with_clause_moves_to_another_table_are_deleted_and_inserted(conn: Connection) -> None:
    watch(conn, T + "create table u (id int primary key, n text)", "t", "u")
    conn.execute(
        "with go as (delete from t returning *), come as (insert into u select id + 10, n from go returning *) table come"
    )
    assert sorted(told(conn)) == ["+u id=11 n=a", "+u id=12 n=b", "-t id=1 n=a", "-t id=2 n=b"]


@pytest.mark.parametrize("rows", [1, 60])
def test_a_with_clause_that_writes_a_table_twice_pairs_each_row_with_itself(conn: Connection, rows: int) -> None:
    watch(conn, "create table t (id int primary key, n text)", "t")
    conn.execute("insert into t select g, 'a' from generate_series(1, %s) g", (2 * rows,))
    conn.execute("truncate audit.change")
    conn.execute(
        "with low as (update t set n = 'low' || id where id <= %(rows)s returning 1),"
        " high as (update t set n = 'high' || id where id > %(rows)s returning 1) select from low, high",
        {"rows": rows},
    )
    assert sorted(told(conn)) == sorted(
        f"~t {number} n=a>{'low' if number <= rows else 'high'}{number}" for number in range(1, 2 * rows + 1)
    )


def test_a_rule_is_logged_as_what_it_does_instead_and_also(conn: Connection) -> None:
    watch(conn, T + "create table u (id int, n text)", "t", "u")
    conn.execute("create rule soft as on delete to t do instead update t set n = 'gone' where id = old.id")
    conn.execute("create rule copied as on insert to t do also insert into u values (new.id, new.n)")
    conn.execute("delete from t where id = 1")
    conn.execute("insert into t values (3, 'c')")
    assert told(conn) == ["~t 1 n=a>gone", "+t id=3 n=c", "+u id=3 n=c"]
    conn.execute("create rule never as on update to t do instead nothing")
    conn.execute("update t set n = 'x'")
    assert len(told(conn)) == 3


@pytest.mark.parametrize("options", ["", "with (security_barrier)", "with (security_invoker)"])
def test_a_write_through_a_view_is_logged_under_its_table(conn: Connection, options: str) -> None:
    watch(conn, T, "t")
    conn.execute(f"create view v {options} as select n as name, id from t where id < 9 with check option")
    conn.execute("insert into v values ('c', 3); update v set name = 'd' where id = 3; delete from v where id = 1")
    with pytest.raises(psycopg.errors.WithCheckOptionViolation):
        conn.execute("update v set id = 10")
    with pytest.raises(psycopg.errors.WithCheckOptionViolation):
        conn.execute("insert into v values ('e', 11)")
    assert told(conn) == ["+t id=3 n=c", "~t 3 n=c>d", "-t id=1 n=a"]


def test_a_write_through_a_view_with_instead_of_triggers_is_logged_as_what_they_write(conn: Connection) -> None:
    watch(conn, T + U, "t", "u")
    conn.execute(
        "create view v as select t.id, t.n as tn, u.n as un from t join u using (id);"
        "create function split() returns trigger language plpgsql as $$begin"
        " if tg_op = 'INSERT' then insert into t values (new.id, new.tn); insert into u values (new.id, new.un);"
        " elsif tg_op = 'UPDATE' then update t set n = new.tn where id = new.id; update u set n = new.un where id = new.id;"
        " else delete from u where id = old.id; end if; return coalesce(new, old); end$$;"
        "create trigger split instead of insert or update or delete on v for each row execute function split()"
    )
    conn.execute("insert into v values (3, 'c', 'd'); update v set un = 'x' where id = 1; delete from v where id = 2")
    assert told(conn) == ["+t id=3 n=c", "+u id=3 n=d", "~u 1 n=a>x", "-u id=2 n=b"]


def test_an_upsert_is_logged_as_the_insert_or_update_that_it_was(conn: Connection) -> None:
    watch(conn, T, "t")
    conn.execute(
        "insert into t as o values (2, 'x'), (3, 'c'), (1, 'a'), (4, 'd') on conflict (id) do update set n = excluded.n where o.id <> 9"
    )
    assert sorted(told(conn)) == ["+t id=3 n=c", "+t id=4 n=d", "~t 2 n=b>x"]
    conn.execute("insert into t values (1, 'z'), (5, 'e') on conflict do nothing")
    assert told(conn)[3:] == ["+t id=5 n=e"]


def test_a_merge_is_logged_as_what_it_did_to_each_row(conn: Connection) -> None:
    watch(conn, T + "insert into t values (3, 'c'), (4, 'd')", "t")
    conn.execute(
        "merge into t using (values (1, 'x'), (2, null), (3, 'keep'), (5, 'e'), (6, null)) as s(id, n) on s.id = t.id"
        " when matched and s.n = 'keep' then do nothing when matched and s.n is null then delete"
        " when matched then update set n = s.n when not matched and s.n is null then do nothing"
        " when not matched then insert values (s.id, s.n)"
    )
    assert sorted(told(conn)) == ["+t id=5 n=e", "-t id=2 n=b", "~t 1 n=a>x"]


@pytest.mark.pg(">= 17")
def test_a_merge_by_source_that_returns_rows_is_logged(conn: Connection) -> None:
    watch(conn, T, "t")
    found = conn.execute(
        "merge into t using (values (1, 'x'), (3, 'c')) as s(id, n) on s.id = t.id when matched then update set n = s.n"
        " when not matched by target then insert values (s.id, s.n) when not matched by source then delete"
        " returning merge_action(), t.id"
    ).fetchall()
    assert sorted(found) == [("DELETE", 2), ("INSERT", 3), ("UPDATE", 1)]
    assert sorted(told(conn)) == ["+t id=3 n=c", "-t id=2 n=b", "~t 1 n=a>x"]


@pytest.mark.pg(">= 17")
def test_a_merge_into_a_view_is_logged_under_its_table(conn: Connection) -> None:
    watch(conn, T + "create view v as select id, n from t", "t")
    conn.execute(
        "merge into v using (values (1), (3)) as s(id) on s.id = v.id when matched then delete"
        " when not matched then insert values (s.id, 'c')"
    )
    assert sorted(told(conn)) == ["+t id=3 n=c", "-t id=1 n=a"]


@pytest.mark.parametrize("form", ["csv", "text", "binary"])
def test_copied_rows_are_inserts_and_copying_out_is_nothing(conn: Connection, form: str) -> None:
    watch(conn, T + "create table u (id int primary key, n text)", "t", "u")
    with conn.cursor().copy(f"copy t to stdout ({form_of(form)})".encode()) as out:
        data = b"".join(bytes(part) for part in out)
    with conn.cursor().copy(
        f"copy (delete from t where id = 2 returning *) to stdout ({form_of(form)})".encode()
    ) as out:
        assert list(out)
    with conn.cursor().copy(f"copy u from stdin ({form_of(form)})".encode()) as copy:
        copy.write(data)
    assert told(conn) == ["-t id=2 n=b", "+u id=1 n=a", "+u id=2 n=b"]


def form_of(name: str) -> str:
    """Return the option of COPY for a format."""
    return f"format {name}"


def test_rows_that_are_copied_frozen_are_inserts(conn: Connection) -> None:
    watch(conn, T, "t")
    with conn.transaction():
        conn.execute("truncate t")
        with conn.cursor().copy("copy t from stdin (freeze)") as copy:
            copy.write(b"7\tx\n")
    assert told(conn) == ["-t id=1 n=a", "-t id=2 n=b", "!t", "+t id=7 n=x"]


def test_a_write_at_a_cursor_is_logged(conn: Connection) -> None:
    watch(conn, T, "t")
    with conn.transaction():
        conn.execute("declare c cursor for select * from t order by id for update")
        conn.execute("fetch c")
        conn.execute("update t set n = 'x' where current of c")
        conn.execute("fetch c")
        conn.execute("delete from t where current of c")
    assert told(conn) == ["~t 1 n=a>x", "-t id=2 n=b"]


def test_what_writes_no_row_of_a_table_is_not_logged(conn: Connection) -> None:
    """Locks, sequences, large objects, upkeep, and statements that find no row: not even the transaction is noted."""
    watch(conn, T + "create sequence s", "t")
    conn.execute("select * from t for update; select * from t for no key update; lock table t in share mode")
    conn.execute("select nextval('s'); select setval('s', 9); select lo_create(0)")
    conn.execute(
        "update t set n = 'x' where id = 99; delete from t where false; insert into t select * from t where false"
    )
    conn.execute("analyze t; create index on t (n); comment on table t is 'x'")
    conn.execute("cluster t using t_pkey")
    conn.execute("vacuum full t")
    assert told(conn) == []
    assert conn.execute("select count(*) from audit.transaction").fetchone() == (0,)


def test_generated_and_identity_columns_are_logged_with_the_values_that_they_got(conn: Connection) -> None:
    watch(
        conn,
        "create table t (id int generated always as identity primary key, a int default 5, twice int generated always as (a * 2) stored)",
        "t",
    )
    conn.execute("insert into t default values")
    conn.execute("insert into t (id, a) overriding system value values (9, 1)")
    conn.execute("update t set a = 7, twice = default where id = 9")
    conn.execute("update t set id = default, a = default where id = 9")
    assert told(conn) == [
        "+t id=1 a=5 twice=10",
        "+t id=9 a=1 twice=2",
        "~t 9 a=1>7 twice=2>14",
        "~t 2 id=9>2 a=7>5 twice=14>10",
    ]


def test_a_rewrite_of_the_table_is_not_logged_as_rows(conn: Connection) -> None:
    watch(conn, T, "t")
    conn.execute("alter table t add column x int default 5, add column y float default random()")
    conn.execute("alter table t alter column n type int using length(n)")
    assert told(conn) == []
    conn.execute("update t set n = 2 where id = 1")
    assert told(conn) == ["~t 1 n=1>2"]
