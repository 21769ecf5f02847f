"""Whatever is done to a table, the log replays to it, and undone backwards gives the start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from capture.install import track_table
from tests.fix_postgres import TestServer

Connection = psycopg.Connection[Any]

TYPES = {
    "integer": "(({i} * 7919) % 1000)",
    "text": "case when {i} % 5 = 0 then null else 'x' || ({i} % 7) || '\"\\''é' end",
    "numeric(20,4)": "{i} / 7.0",
    "double precision": "{i} / 3.0",
    "timestamptz": "timestamptz '2026-03-29 00:59:59+00' + {i} * interval '1 hour'",
    "date": "date '2026-01-01' + ({i} % 500)",
    "interval": "{i} * interval '1 hour 1 second'",
    "boolean": "({i} % 3 = 0)",
    "jsonb": "jsonb_build_object('a', {i} % 4, 'b', null)",
    "uuid": "md5(({i} % 50)::text)::uuid",
    "bytea": "decode(md5(({i} % 9)::text), 'hex')",
    "mood": "case when {i} % 2 = 0 then 'sad' else 'glad' end::mood",
    "char(5)": "'c' || ({i} % 3)",
    "int4range": "int4range({i}, {i} + 3)",
}

tables = st.fixed_dictionaries(
    {
        "columns": st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=5),
        "key": st.sampled_from(["none", "one", "two"]),
        "parted": st.booleans(),
        "failure": st.sampled_from(["strict", "available"]),
    }
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["insert", "update", "key", "delete", "truncate", "savepoint", "upsert"]),
        st.sampled_from([1, 2, 3, 60]),
        st.integers(0, 400),
        st.integers(0, 1000),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def database(server: TestServer) -> Iterator[Connection]:
    """Give one connection for all examples."""
    from capture.install import install

    with server.database() as dsn, psycopg.connect(dsn, autocommit=True) as conn:
        install(conn)
        conn.execute("create type mood as enum ('sad', 'glad')")
        yield conn


def build(conn: Connection, table: dict[str, Any]) -> list[str]:
    """Make and track the table; return its columns."""
    names = [f'c {number} é"' for number in range(len(table["columns"]))]
    quoted = ", ".join(
        f'"{name.replace(chr(34), chr(34) * 2)}" {kind}' for name, kind in zip(names, table["columns"], strict=True)
    )
    key = {"none": "", "one": ", primary key (id)", "two": ", primary key (half, id)"}[table["key"]]
    tail = " partition by range (id)" if table["parted"] else ""
    conn.execute("drop table if exists t; truncate audit.change, audit.transaction, audit.tracked_table")
    conn.execute(f"create table t (id int, half int not null default 1, {quoted}{key}){tail}")
    if table["parted"]:
        conn.execute("create table t_low partition of t for values from (minvalue) to (150)")
        conn.execute("create table t_high partition of t for values from (150) to (maxvalue)")
    track_table(conn, "public.t", masked=[], failure=table["failure"])
    return ["id", "half", *names]


def run(
    conn: Connection, table: dict[str, Any], names: list[str], what: tuple[str, int, int, int], *, split: bool
) -> None:
    """Do one step: in one statement, or in a statement for each row."""
    kind, rows, start, seed = what
    column = names[2 + seed % len(table["columns"])]
    value = TYPES[table["columns"][seed % len(table["columns"])]].replace("%", "%%")
    ids = [[number] for number in range(start, start + rows)] if split else [list(range(start, start + rows))]
    target = sql.SQL("t")
    statement: sql.Composable
    if kind == "truncate":
        conn.execute("truncate t")
        return
    if kind == "savepoint":
        with conn.transaction():
            run(conn, table, names, ("update", rows, start, seed + 1), split=split)
            with conn.transaction(force_rollback=True):
                run(conn, table, names, ("delete", rows, start, seed), split=split)
            run(conn, table, names, ("insert", rows, start + 500, seed), split=split)
        return
    for some in ids:
        if kind in ("insert", "upsert"):
            made = ", ".join(TYPES[each].replace("%", "%%").format(i=f"(g + {seed})") for each in table["columns"])
            statement = sql.SQL("insert into {} select g, 1, " + made + " from unnest(%s::int[]) as g").format(target)
            if table["key"] != "none":
                columns: sql.Composable = sql.Identifier("id") if table["key"] == "one" else sql.SQL("half, id")
                action: sql.Composable = sql.SQL("do nothing")
                if kind == "upsert":
                    action = sql.SQL("do update set {0} = excluded.{0}").format(sql.Identifier(column))
                statement = statement + sql.SQL(" on conflict ({}) ").format(columns) + action
        elif kind == "update":
            made = value.format(i=f"(id + {seed})")
            statement = sql.SQL("update t set {} = " + made + " where id = any (%s)").format(sql.Identifier(column))
        elif kind == "key":
            statement = sql.SQL("update t set id = id + 2000, half = half + 1 where id = any (%s)")
        else:
            statement = sql.SQL("delete from t where id = any (%s)")
        try:
            with conn.transaction():
                conn.execute(statement, (some,))
        except psycopg.errors.UniqueViolation:
            return


def frozen(row: Any) -> Any:
    """Return the row in a form that can be counted."""
    if isinstance(row, dict):
        return tuple(sorted((key, frozen(value)) for key, value in row.items()))
    return tuple(map(frozen, row)) if isinstance(row, list) else repr(row)


def content(conn: Connection) -> Counter[Any]:
    """Return the table's rows as the log spells them."""
    conn.execute("set timezone = 'UTC'; set intervalstyle = 'postgres'")
    found = conn.execute("select to_jsonb(t.*) from t").fetchall()
    return Counter(frozen(row[0]) for row in found)


def entries(conn: Connection) -> list[Any]:
    """Return the log in its order."""
    return conn.execute("select operation, key, old, new, transaction_id from audit.log order by at, id").fetchall()


def replay(log: list[Any], state: Counter[Any], *, forwards: bool) -> Counter[Any]:
    """Apply the log to *state*, or undo it; a row of a table without key is known by its values."""
    images: dict[Any, Any] = {}
    for row in state.elements():
        images.setdefault(row, 0)
        images[row] += 1
    for operation, _, old, new, _ in log if forwards else reversed(log):
        gone, come = (old, new) if forwards else (new, old)
        if operation == "UPDATE":
            found = next(row for row in images if all((name, frozen(value)) in row for name, value in gone.items()))
            changed = dict(found) | {name: frozen(value) for name, value in come.items()}
            take(images, found)
            put(images, tuple(sorted(changed.items())))
        elif operation != "TRUNCATE":
            if gone is not None:
                take(images, frozen(gone))
            if come is not None:
                put(images, frozen(come))
        elif forwards:
            assert not images
    return Counter(images)


def take(images: dict[Any, int], row: Any) -> None:
    """Take one row out; it must be there."""
    images[row] -= 1
    if not images[row]:
        del images[row]


def put(images: dict[Any, int], row: Any) -> None:
    """Put one row in."""
    images[row] = images.get(row, 0) + 1


@pytest.mark.timeout(600)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables, done=steps)
def test_the_log_replays(database: Connection, table: dict[str, Any], done: list[tuple[str, int, int, int]]) -> None:
    """The log rebuilds the table; undone, it gives the empty table; row by row it is the same log."""
    logs = []
    for split in (False, True):
        names = build(database, table)
        for step in done:
            run(database, table, names, step, split=split)
        log = entries(database)
        if table["key"] != "none":
            keyed = with_keys(log)
            assert keyed == content(database)
        inserted = [row for row in log if row[0] in ("INSERT", "DELETE", "TRUNCATE")]
        if len(inserted) == len(log):
            assert replay(log, Counter(), forwards=True) == content(database)
            assert replay(log, content(database), forwards=False) == Counter()
        logs.append(Counter((row[0], frozen(row[1]), frozen(row[2]), frozen(row[3])) for row in log))
    assert logs[0] == logs[1]


def with_keys(log: list[Any]) -> Counter[Any]:
    """Apply the log by key, forwards and then backwards."""
    rows: dict[Any, dict[str, Any]] = {}
    for operation, key, old, new, _ in log:
        if operation == "TRUNCATE":
            assert not rows
            continue
        before = frozen({**key, **{name: value for name, value in (old or {}).items() if name in key}})
        gone = rows.pop(before, None) if operation != "INSERT" else {}
        assert gone is not None, (operation, key)
        assert all(frozen(gone[name]) == frozen(value) for name, value in (old or {}).items())
        if operation != "DELETE":
            rows[frozen(key)] = {**gone, **new}
    final = Counter(frozen(row) for row in rows.values())
    for operation, key, old, new, _ in reversed(log):
        if operation == "TRUNCATE":
            assert not rows
            continue
        come = rows.pop(frozen(key)) if operation != "DELETE" else {}
        assert all(frozen(come[name]) == frozen(value) for name, value in (new or {}).items())
        if operation != "INSERT":
            rows[frozen({**key, **{name: value for name, value in old.items() if name in key}})] = {**come, **old}
    assert not rows
    return final
