"""What the triggers write: on real PostgreSQL, every version that is present."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.errors import DatabaseError
from capture.install import track_table

Connection = psycopg.Connection[Any]
HIDDEN = "••••••"


def log(conn: Connection, columns: str = "operation, key, old, new") -> list[tuple[Any, ...]]:
    """Return the log in its order, without what it says of DDL."""
    return conn.execute(
        f"select {columns} from audit.log where table_name <> 'audit.schema_change' order by at, id"
    ).fetchall()


def make(conn: Connection, definition: str, **options: Any) -> None:
    """Make table public.t and track it."""
    conn.execute(f"create table t ({definition})")
    track_table(conn, "public.t", **options)


def test_only_changed_columns(conn: Connection) -> None:
    make(conn, "id int primary key, a text, b text", label_column="a")
    conn.execute("insert into t values (1, 'x', 'y')")
    conn.execute("update t set b = 'z'")
    conn.execute("update t set b = 'z', a = a")
    conn.execute("update t set id = 2")
    conn.execute("delete from t")
    assert log(conn, "operation, key, old, new, entity_name") == [
        ("INSERT", {"id": 1}, None, {"id": 1, "a": "x", "b": "y"}, "x"),
        ("UPDATE", {"id": 1}, {"b": "y"}, {"b": "z"}, "x"),
        ("UPDATE", {"id": 2}, {"id": 1}, {"id": 2}, "x"),
        ("DELETE", {"id": 2}, {"id": 2, "a": "x", "b": "z"}, None, "x"),
    ]


@pytest.mark.parametrize("rows", [1, 3, 60])
def test_ignored_and_masked(conn: Connection, rows: int) -> None:
    make(conn, "id int primary key, seen int, api_token text, n text", ignored=["seen"])
    conn.execute("insert into t select g, 1, 'very', 'n' from generate_series(1, %s) as g", (rows,))
    conn.execute("update t set seen = 2")
    conn.execute("update t set api_token = 'quiet'")
    conn.execute("update t set api_token = api_token, seen = 5")
    found = log(conn)
    assert len(found) == 2 * rows
    assert found[0] == ("INSERT", {"id": 1}, None, {"id": 1, "api_token": HIDDEN, "n": "n"})
    assert found[-1][2:] == ({"api_token": HIDDEN}, {"api_token": HIDDEN})
    everything = conn.execute("select string_agg(c::text, '') from audit.change as c").fetchone()
    assert everything is not None
    assert "very" not in everything[0]
    assert "quiet" not in everything[0]


def test_columns_named_as_everything(conn: Connection) -> None:
    names = (
        "config n o x t k e s p image before after number same key old_rows new_rows operation written tg_op".split()
    )
    make(
        conn, "id int primary key, " + ", ".join(f'"{name}" text' for name in names), label_column="n", about=["config"]
    )
    conn.execute("insert into t (id, n, x) values (1, 'a', 'b')")
    conn.execute("update t set n = 'c', image = 'd'")
    conn.execute("insert into t (id, n, o) select g, 'a', 'b' from generate_series(2, 100) as g")
    conn.execute("update t set number = 'd'")
    conn.execute("delete from t")
    assert len(log(conn)) == 1 + 1 + 99 + 100 + 100
    assert log(conn)[1] == ("UPDATE", {"id": 1}, {"n": "a", "image": None}, {"n": "c", "image": "d"})


def test_names_need_quotes(conn: Connection) -> None:
    conn.execute('create schema "Größe %s"')
    conn.execute('create table "Größe %s"."a ""b"" c" ("Né %L" int primary key, "50%%" text)')
    track_table(conn, 'Größe %s.a "b" c')
    for rows in (1, 2, 60):
        conn.execute(
            'insert into "Größe %s"."a ""b"" c" select g, $$x$$ from generate_series(1, $1) as g'.replace(
                "$1", str(rows)
            )
        )
        conn.execute('update "Größe %s"."a ""b"" c" set "50%%" = $$y$$')
        conn.execute('truncate "Größe %s"."a ""b"" c"')
    assert len(log(conn)) == 3 * 63 + 3
    assert log(conn, "table_name, new")[0] == ('Größe %s.a "b" c', {"Né %L": 1, "50%%": "x"})


def test_user_types_run_no_casts(conn: Connection) -> None:
    conn.execute("create type mood as enum ('sad', 'glad'); create type pair as (a int, b text)")
    conn.execute("create domain short as text check (length(value) < 9)")
    conn.execute(
        "create function lie(mood) returns json language plpgsql as $$ begin delete from audit.change; return '1'; end $$"
    )
    conn.execute("create cast (mood as json) with function lie(mood)")
    make(conn, "id int primary key, m mood, ms mood[], p pair, s short, j json")
    conn.execute("insert into t values (1, 'sad', '{sad}', (1, 'x'), 's', '{\"a\": 1}')")
    conn.execute("update t set m = 'glad'")
    conn.execute("insert into t (id, m) select g, 'sad' from generate_series(2, 80) as g")
    conn.execute("update t set m = 'glad', p = row(null, null)")
    found = log(conn)
    assert found[0][3] == {"id": 1, "m": "sad", "ms": "{sad}", "p": "(1,x)", "s": "s", "j": {"a": 1}}
    assert found[1][2:] == ({"m": "sad"}, {"m": "glad"})
    assert found[-1][2:] == ({"m": "sad", "p": None}, {"m": "glad", "p": "(,)"})
    conn.execute("alter table t drop column m, drop column ms, drop column p, drop column s")
    conn.execute("update t set j = '[]' where id = 1")
    assert log(conn)[-1][2:] == ({"j": {"a": 1}}, {"j": []})


@pytest.mark.pg(">= 18")
def test_virtual_columns_are_left_out(conn: Connection) -> None:
    make(
        conn,
        "id int primary key, a int, v int generated always as (a * 2) virtual, s int generated always as (a * 3) stored",
    )
    conn.execute("insert into t (id, a) values (1, 2)")
    conn.execute("update t set a = 3")
    assert log(conn) == [
        ("INSERT", {"id": 1}, None, {"id": 1, "a": 2, "s": 6}),
        ("UPDATE", {"id": 1}, {"a": 2, "s": 6}, {"a": 3, "s": 9}),
    ]


def test_settings_of_the_writer_do_not_matter(conn: Connection) -> None:
    make(conn, "id int primary key, f float8, t timestamptz, b bytea, i interval")
    values = "0.1::float8 + 0.2, '2026-01-01 00:00+00'::timestamptz, '\\x00ff'::bytea, '1 day 2 hours'::interval"
    conn.execute(f"insert into t select 1, {values}")
    conn.execute(
        "set timezone = 'Asia/Tokyo'; set extra_float_digits = -15; set bytea_output = 'escape';"
        "set intervalstyle = 'iso_8601'; set datestyle = 'German'; set search_path = pg_temp, public"
    )
    conn.execute(f"insert into t select 2, {values}")
    conn.execute("update t set f = f + 1e-15")
    conn.execute("reset all")
    first, second = (row[3] for row in log(conn)[:2])
    assert {**first, "id": 2} == second
    assert len(log(conn)) == 4


def test_keys(conn: Connection) -> None:
    conn.execute("create table none_at_all (a int); create table two (a int, b int, c int, primary key (b, a))")
    conn.execute("create table uniq (a int not null unique, b int unique)")
    for name in ("none_at_all", "two", "uniq"):
        track_table(conn, f"public.{name}")
    conn.execute("insert into none_at_all values (1); insert into two values (1, 2, 3); insert into uniq values (1, 2)")
    assert log(conn, "key, entity_id") == [(None, None), ({"a": 1, "b": 2}, "1,2"), ({"a": 1}, "1")]


def test_copy_upsert_merge_and_cascade(conn: Connection) -> None:
    make(conn, "id int primary key, up int references t on update cascade on delete set null, n text")
    with conn.cursor().copy("copy t (id, n) from stdin") as copy:
        copy.write_row((1, "a"))
        copy.write_row((2, "b"))
    conn.execute("insert into t values (2, 1, 'c'), (3, 1, 'd') on conflict (id) do update set n = excluded.n, up = 1")
    conn.execute(
        "merge into t using (values (1), (9)) as s(id) on s.id = t.id "
        "when matched then delete when not matched then insert values (s.id, null, 'new')"
    )
    short = [(row[0], row[1]["id"]) for row in log(conn)]
    assert short[:2] == [("INSERT", 1), ("INSERT", 2)]
    assert sorted(short[2:4]) == [("INSERT", 3), ("UPDATE", 2)]
    assert sorted(short[4:]) == [("DELETE", 1), ("INSERT", 9), ("UPDATE", 2), ("UPDATE", 3)]


def test_partitions_on_every_level(conn: Connection) -> None:
    conn.execute(
        "create table t (id int, n text) partition by range (id);"
        "create table t_low partition of t for values from (0) to (10) partition by range (id);"
        "create table t_leaf partition of t_low for values from (0) to (10);"
        "create table t_high (n text, gone int, id int); alter table t_high drop column gone;"
        "alter table t attach partition t_high for values from (10) to (20)"
    )
    track_table(conn, "public.t", key_columns=["id"])
    conn.execute("insert into t values (1, 'a')")
    conn.execute("insert into t_low values (2, 'b')")
    conn.execute("insert into t_leaf values (3, 'c')")
    conn.execute("update t set id = 11 where id = 1")
    conn.execute("update t_high set n = 'z'")
    conn.execute("truncate t")
    conn.execute("insert into t_leaf values (4, 'd'); truncate t_low")
    found = [(row[0], (row[1] or {}).get("id")) for row in log(conn)]
    assert found[:5] == [("INSERT", 1), ("INSERT", 2), ("INSERT", 3), ("UPDATE", 11), ("UPDATE", 11)]
    assert sorted(found[5:8]) == [("DELETE", 2), ("DELETE", 3), ("DELETE", 11)]
    assert found[8:] == [("TRUNCATE", None), ("INSERT", 4), ("DELETE", 4), ("TRUNCATE", None)]
    assert {row[0] for row in log(conn, "table_name")} == {"public.t"}


def test_rows_lost_on_their_way_to_a_partition(conn: Connection) -> None:
    conn.execute(
        "create table t (id int primary key, n int) partition by range (id);"
        "create table t1 partition of t for values from (0) to (100);"
        "create table t2 partition of t for values from (100) to (1000);"
        "create function no() returns trigger language plpgsql as $$ begin"
        " if new.n = 3 then return null; end if; return new; end $$;"
        "create trigger no before insert on t2 for each row execute function no()"
    )
    track_table(conn, "public.t")
    conn.execute("insert into t select g, g from generate_series(1, 5) as g")
    conn.execute("update t set id = id + 100")
    moved = log(conn)[5:]
    assert [row[0] for row in moved] == ["DELETE"] * 5 + ["INSERT"] * 4
    assert sorted(row[3]["n"] for row in moved[5:]) == [1, 2, 4, 5]


def test_replica_mode_and_rollback(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute("set session_replication_role = replica; insert into t values (1); reset session_replication_role")
    with conn.transaction():
        conn.execute("insert into t values (2)")
        with conn.transaction(force_rollback=True):
            conn.execute("insert into t values (3)")
    with conn.transaction(force_rollback=True):
        conn.execute("insert into t values (4)")
    assert [row[1]["id"] for row in log(conn)] == [1, 2]


def test_missing_partition_spills(conn: Connection) -> None:
    make(conn, "id int primary key, n int")
    conn.execute("insert into t values (1)")
    names = conn.execute("select to_char(now() at time zone 'UTC', 'YYYYMMDD')").fetchone()
    assert names is not None
    conn.execute(f"drop table audit.change_{names[0]}")
    conn.execute("insert into t values (2)")
    conn.execute(f"drop table audit.transaction_{names[0]}")
    conn.execute("insert into t select g from generate_series(3, 99) as g")
    conn.execute("update t set n = 5 where id = 7")
    conn.execute("truncate t")
    found = log(conn, "operation, database_user")
    assert len(found) == 1 + 97 + 1 + 99 + 1
    assert found[-1] == ("TRUNCATE", "postgres")


def test_truncate_without_the_right_to_read(conn: Connection) -> None:
    make(conn, "id int primary key")
    conn.execute("insert into t values (1); revoke select on t from audit_capture; truncate t")
    conn.execute(
        "grant select on t to audit_capture; insert into t values (2); alter table t enable row level security"
    )
    conn.execute("truncate t")
    assert [row[0] for row in log(conn)] == ["INSERT", "TRUNCATE", "INSERT", "TRUNCATE"]


@pytest.mark.parametrize(
    "statement, advice",
    [
        ("create view x as select 1", "track the tables under it"),
        ("create materialized view x as select 1", "track the tables under it"),
        ("create temporary table x (a int)", "only lasting tables"),
        ("create sequence x", "only tables"),
        ("create table y (a int) partition by list (a); create table x partition of y default", "track its root"),
    ],
)
def test_refused_tables(conn: Connection, statement: str, advice: str) -> None:
    conn.execute(statement)
    with pytest.raises(DatabaseError, match=advice):
        track_table(conn, "x")
    with pytest.raises(DatabaseError, match="your own tables"):
        track_table(conn, "pg_catalog.pg_class")


def test_refused_options(conn: Connection) -> None:
    conn.execute("create table t (id int primary key, a text); create table k (a text)")
    with pytest.raises(DatabaseError, match=r"public.t has no column nope"):
        track_table(conn, "public.t", about=["nope"])
    with pytest.raises(DatabaseError, match="cannot be ignored or masked"):
        track_table(conn, "public.t", masked=["id"])
    with pytest.raises(DatabaseError, match="cannot be registered"):
        track_table(conn, "public.k", registered=True)
    with pytest.raises(DatabaseError, match="does not exist"):
        track_table(conn, "public.nope")
