"""What is done to the tables, and how it is measured."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.contenders import TABLES, Contender
from whochanged.embedded import Server

Connection = psycopg.Connection[Any]

FILL_ITEM = (
    "INSERT INTO item SELECT g, g % 100, 'Name ' || g, 'A description of row ' || g, 'kind ' || g % 5, g, g % 2 = 0, g / 7.0, "
    "jsonb_build_object('to', 'owner', 'days', g % 10), array['a' || g % 3, 'b'], now(), now() FROM generate_series(1, {rows}) AS g"
)
FILL_WIDE = (
    "INSERT INTO wide SELECT (jsonb_populate_record(null::wide, "
    "(SELECT jsonb_object_agg('c' || n, 'value ' || n * g) FROM generate_series(1, 99) AS n) || jsonb_build_object('id', g))).* "
    "FROM generate_series(1, {rows}) AS g"
)
# Random digits, so that the value is kept out of line and does not shrink.
FILL_HEAVY = (
    "INSERT INTO heavy SELECT g, g, jsonb_build_object('text', "
    "(SELECT string_agg(md5(g::text || n::text), '') FROM generate_series(1, 3200) AS n)) FROM generate_series(1, {rows}) AS g"
)


@dataclass(frozen=True, slots=True)
class Bulk:
    """A statement over many rows; `{rows}` stands for how many.

    It touches `each` rows, else that `share` of the rows of a run; it is run `times` times, to take long enough to be measured.
    """

    key: str
    title: str
    statement: str
    share: float = 1.0
    each: int = 0
    times: int = 1
    table: str = "item"

    def touched(self, rows: int) -> int:
        """Return how many rows one run of it touches."""
        return self.each or round(rows * self.share)


BULK = (
    Bulk("insert", "insert", FILL_ITEM),
    Bulk("update-one", "update of one column", "UPDATE item SET position = position + 1"),
    Bulk(
        "update-all",
        "update of all columns",
        "UPDATE item SET account_id = account_id + 1, name = name || '!', description = description || '!', kind = kind || '!', "
        "position = position + 1, enabled = NOT enabled, amount = amount + 1, "
        "config = config || jsonb_build_object('more', 1), tags = tags || 'c'::text, "
        "created_at = created_at + interval '1 second', updated_at = updated_at + interval '1 second'",
    ),
    Bulk("delete", "delete", "DELETE FROM item"),
    Bulk(
        "ten",
        "updates of 10 rows",
        "UPDATE item SET position = position + 1 WHERE id BETWEEN {{n}} * 10 + 1 AND {{n}} * 10 + 10",
        each=10,
        times=100,
    ),
    Bulk(
        "thousand",
        "updates of 1,000 rows",
        "UPDATE item SET position = position + 1 WHERE id BETWEEN {{n}} * 1000 + 1 AND {{n}} * 1000 + 1000",
        each=1000,
        times=5,
    ),
    Bulk("wide", "wide table: 1 of 100 columns", "UPDATE wide SET c50 = c50 || '!'", share=0.05, table="wide"),
    Bulk(
        "heavy",
        "heavy table: a column beside 100 KB of jsonb",
        "UPDATE heavy SET position = position + 1",
        share=0.002,
        table="heavy",
    ),
)


READY = ("insert", "update-one", "update-all", "delete")
"""The statements whose floor is measured: the bare statement, and the INSERT of the rows that the log writes for it."""

COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"""


def empty(conn: Connection, contender: Contender) -> None:
    """Empty the tables and whatever the contender has written of them."""
    for table in TABLES:
        conn.execute(
            f"ALTER TABLE {table} DISABLE TRIGGER USER; TRUNCATE {table}; ALTER TABLE {table} ENABLE TRIGGER USER".encode()
        )
        if contender.key.startswith("ours"):
            # The one for replication is REPLICA when nobody has touched it, and costs nothing; enabled it is called for each row.
            conn.execute(f"ALTER TABLE {table} ENABLE REPLICA TRIGGER audit_replicated".encode())
    empty_log(conn, contender)


def empty_log(conn: Connection, contender: Contender) -> None:
    """Empty what the contender has written."""
    if contender.log.startswith("audit."):
        tables = "audit.change, audit.transaction" if not contender.peer else "audit.activity"
        conn.execute(f"TRUNCATE {tables}".encode())
    elif contender.log:
        for (name,) in conn.execute(LOG_TABLES, (contender.log,)).fetchall():
            conn.execute(f"TRUNCATE {name}".encode())
    conn.execute(b"CHECKPOINT")


LOG_TABLES = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'r' AND relnamespace::regnamespace::text || '.' || relname LIKE %s
      AND relname <> 'auditrum_applied_triggers' AND NOT relispartition"""
LOG_BYTES = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
    WHERE relkind = 'r' AND relnamespace::regnamespace::text || '.' || relname LIKE %s"""


def log_bytes(conn: Connection, contender: Contender) -> int:
    """Return the bytes of what the contender has written, indexes and all."""
    row = conn.execute(LOG_BYTES, (contender.log,)).fetchone()
    return int(row[0]) if row else 0


def keep_ready_rows(conn: Connection, rows: int) -> None:
    """Let the log write what each statement of BULK gives, keep it as ready-made rows, and end the watch."""
    for bulk in BULK:
        if bulk.key in READY:
            conn.execute(b"TRUNCATE audit.change, audit.transaction")
            run_bulk(conn, bulk, rows)
            conn.execute(f'CREATE TABLE "ready-{bulk.key}" AS SELECT * FROM audit.change ORDER BY id'.encode())
            conn.execute(f'ALTER TABLE "ready-{bulk.key}" DROP COLUMN id'.encode())
    for table in TABLES:
        conn.execute(f"SELECT audit.untrack('{table}')".encode())


def insert_ready_rows(conn: Connection, bulk: Bulk, rows: int) -> float:
    """Insert the ready-made rows of a statement, and return the microseconds a row."""
    found = conn.execute(COLUMNS, (f'"ready-{bulk.key}"',)).fetchone()
    columns = str(found[0]) if found else ""
    start = time.perf_counter()
    conn.execute(f'INSERT INTO audit.change ({columns}) SELECT {columns} FROM "ready-{bulk.key}"'.encode())
    return (time.perf_counter() - start) / rows * 1e6


def run_bulk(conn: Connection, bulk: Bulk, rows: int) -> float:
    """Run a statement as often as it says, and return the microseconds a row."""
    statements = [bulk.statement.format(rows=rows).format(n=n).encode() for n in range(bulk.times)]
    start = time.perf_counter()
    for statement in statements:
        conn.execute(statement)
    return (time.perf_counter() - start) / (bulk.touched(rows) * bulk.times) * 1e6


def one_row(server: Server, dsn: str, contender: Contender, clients: int, seconds: float, *, waits: bool) -> float:
    """Return the transactions a second, each of which updates one row, of as many clients of pgbench.

    `waits` says whether a commit waits for the disk (synchronous_commit).
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "update.sql"
        script.write_text(
            f"\\set id random(1, 1000)\n{contender.before}UPDATE item SET position = position + 1 WHERE id = :id;\n"
        )
        arguments = [
            "-n",
            "-c",
            str(clients),
            "-j",
            str(min(clients, 2)),
            "-T",
            str(max(1, round(seconds))),
            "-f",
            str(script),
        ]
        options = f"{dsn} options='-c synchronous_commit={'on' if waits else 'off'}'"
        program = [str(server.programs / "pgbench"), *arguments, options]
        said = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    line = next(line for line in said.splitlines() if line.startswith("tps"))
    return float(line.split()[2])
