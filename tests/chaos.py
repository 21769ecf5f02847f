"""Writers that do everything at once, and the proof that afterwards the log replays to the data."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import tuple_row

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

SETUP = """
create sequence fresh start 100000 increment 1000;
create table parent (id bigint primary key, account int, name text);
create table child (id bigint primary key, parent_id bigint references parent on delete cascade, v jsonb, n numeric);
create table parted (id bigint primary key, v int) partition by range (id);
create table parted_low partition of parted for values from (minvalue) to (100);
create table parted_high partition of parted for values from (100) to (maxvalue);
create table loose (id bigint primary key, mood mood, at timestamptz default clock_timestamp());
"""
TABLES = ("parent", "child", "parted", "loose")

UPSERT_PARENT = (
    "insert into parent values ({one}, {few}, 'p')"
    " on conflict (id) do update set name = parent.name || 'x', account = excluded.account"
)
UPSERT_CHILD = (
    "insert into child values ({one}, (select id from parent order by random() limit 1), '{{\"a\": {few}}}', {few}.50)"
    " on conflict (id) do update set v = excluded.v, parent_id = excluded.parent_id"
)
UPSERT_PARTED = "insert into parted select g, {few} from generate_series({one}, {one} + 3) g on conflict (id) do update set v = excluded.v"
MOVE_LOOSE = (
    "with gone as (delete from loose where id % 5 = {few} returning id)"
    " insert into loose select id + nextval('fresh'), 'glad' from gone"
)
OTHER = "from pg_stat_activity where application_name = 'chaos' and pid <> pg_backend_pid() and {few} < 3 order by random() limit 1"
STATEMENTS = (
    UPSERT_PARENT,
    "insert into parent select g, 1, 'many' from generate_series({one}, {one} + 60) g on conflict do nothing",
    UPSERT_CHILD,
    "update child set n = n + 1 where id % 7 = {few}",
    "update child set v = jsonb_build_object('b', id) where id between {one} and {one} + 80",
    "update child set id = id + nextval('fresh') where id = (select id from child order by random() limit 1)",
    "update parent set name = 'renamed {few}' where id = {one}",
    "update parent set account = account",
    "delete from parent where id = {one}",
    "delete from child where id % 11 = {few}",
    UPSERT_PARTED,
    "update parted set id = id + nextval('fresh') where id = (select min(id) from parted)",
    "update parted set v = v + 1 where v = {few}",
    "delete from parted where id < 50",
    "insert into loose values ({one}, 'sad') on conflict (id) do update set mood = 'glad'",
    "update loose set at = clock_timestamp() where id % 5 = {few}",
    MOVE_LOOSE,
    "truncate loose",
    "truncate parted_low",
    "select pg_cancel_backend(pid) " + OTHER,
    "select pg_terminate_backend(pid) " + OTHER,
)

EXPECTED = ("08", "40", "57", "23", "55P03")
"""SQLSTATEs that such a life brings: connections that end, deadlocks and serialization, cancelling, duplicates and missing parents."""


class Writer(threading.Thread):
    """Writes until it is told to stop; stands still while `go` is not set."""

    def __init__(self, dsn: Callable[[], str], go: threading.Event, stop: threading.Event, seed: int) -> None:
        """Write to the database at that address."""
        super().__init__(name=f"writer {seed}", daemon=True)
        self.dsn, self.go, self.stop, self.random = dsn, go, stop, random.Random(seed)  # noqa: S311 - no secret
        self.still = threading.Event()
        self.did: Counter[str] = Counter()
        self.unexpected: list[str] = []

    def run(self) -> None:
        """Connect again whenever the connection ends."""
        while not self.stop.is_set():
            if not self.go.is_set():
                self.still.set()
                self.go.wait(1)
                continue
            self.still.clear()
            try:
                with psycopg.connect(self.dsn(), application_name="chaos", connect_timeout=5) as conn:
                    while self.go.is_set() and not self.stop.is_set() and not conn.broken:
                        self._transaction(conn)
            except psycopg.Error as error:
                self._note(error)
                self.stop.wait(0.05)
        self.still.set()

    def _transaction(self, conn: Connection) -> None:
        conn.isolation_level = self.random.choice(
            [None, None, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]
        )
        try:
            with conn.transaction():
                conn.execute("set local deadlock_timeout = '20ms'")
                conn.execute("select set_config('audit.actor', %s, true)", (self.name,))
                for _ in range(self.random.randint(1, 5)):
                    self._step(conn)
            self.did["committed"] += 1
        except psycopg.Error as error:
            self._note(error)

    def _step(self, conn: Connection) -> None:
        one, few = self.random.randint(1, 200), self.random.randint(0, 6)
        statement = self.random.choice(STATEMENTS).format(one=one, few=few)
        with conn.transaction(force_rollback=self.random.random() < 0.2):
            conn.execute(statement.encode())
        self.did["statements"] += 1

    def _note(self, error: psycopg.Error) -> None:
        state = error.sqlstate or "08000"
        self.did[state] += 1
        if not state.startswith(EXPECTED):
            self.unexpected.append(f"{state} {error}")


def replayed(conn: Connection, table: str) -> dict[str, Row]:
    """Return the rows that the log gives from an empty table, by the text of their keys."""
    rows: dict[str, Row] = {}
    cursor = conn.cursor(row_factory=tuple_row)
    cursor.execute(
        "select c.operation::text, c.key, c.old, c.new, c.partition"
        " from audit.all_change as c join audit.tracked_table as t on t.id = c.table_id"
        " where t.table_name = %s order by c.id",
        (f"public.{table}",),
    )
    for operation, key, old, new, partition in cursor:
        if operation == "T":
            # A TRUNCATE of an older snapshot has no rows of its own.
            low = partition is not None and partition[-1] == "public.parted_low"
            rows = {text: row for text, row in rows.items() if low and row["id"] >= 100}
        elif operation == "I":
            rows[json.dumps(key)] = new
        else:
            before = json.dumps({name: (old or {}).get(name, value) for name, value in key.items()})
            row = rows.pop(before)
            if operation == "U":
                assert {name: row[name] for name in old} == old, (table, row, logged(conn, table, key))
                rows[json.dumps(key)] = {**row, **new}
            else:
                assert row == old, (table, row, logged(conn, table, key))
    return rows


def logged(conn: Connection, table: str, key: Row) -> list[Any]:
    """Return all that the log says of a row, for whoever has to find out why it disagrees."""
    return conn.execute(
        "select c.id, c.at::text, c.transaction_id::text, c.operation::text, c.old, c.new,"
        " exists (select from audit.change_spill as s where s.id = c.id) as spilled"
        " from audit.all_change as c join audit.tracked_table as t on t.id = c.table_id"
        " where t.table_name = %s and (c.key = %s or c.old -> 'id' = %s) order by c.id",
        (f"public.{table}", json.dumps(key), json.dumps(key["id"])),
    ).fetchall()


def present(conn: Connection, table: str) -> dict[str, Row]:
    """Return the rows of the table itself."""
    found = conn.execute(f"select jsonb_build_object('id', t.id), to_jsonb(t) from {table} as t")
    return {json.dumps(key): row for key, row in found}


def agree(conn: Connection) -> int:
    """Assert that data and log agree row for row, and that every change has its transaction; return the number of changes."""
    with conn.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
    for table in TABLES:
        data, log = present(conn, table), replayed(conn, table)
        assert data.keys() == log.keys(), (table, data.keys() ^ log.keys())
        assert data == log, table
    orphans = conn.execute(
        "select count(*) from audit.all_change as c where not exists ("
        " select from audit.transaction as t where t.at = c.at and t.transaction_id = c.transaction_id)"
    ).fetchone()
    assert orphans == (0,)
    row = conn.execute("select count(*) from audit.change").fetchone()
    assert row is not None
    return int(row[0])
