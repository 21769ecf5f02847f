"""A tracked table whose changes can be made old, as only a superuser can, and a writer that measures how long it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from capture.install import track_table

Connection = psycopg.Connection[tuple[Any, ...]]


def track(conn: Connection) -> None:
    """Make table t and put it under watch."""
    conn.execute("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n text)")
    track_table(conn, "public.t")


def change(conn: Connection, *, rows: int = 1, hours: float = 0) -> int:
    """Insert rows into t in one transaction that is *hours* old afterwards; return its number."""
    with conn.transaction():
        row = conn.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        conn.execute("INSERT INTO t (n) SELECT 'x' FROM generate_series(1, %s)", (rows,))
    assert row is not None
    if hours:
        age(conn, row[0], hours)
    return int(row[0])


def age(conn: Connection, transaction_id: int, hours: float) -> None:
    """Make a transaction so old, in a partition of its day."""
    for parent in ("transaction", "change"):
        ago = {"hours": f"{hours} hours", "id": str(transaction_id), "parent": parent}
        conn.execute(
            "SELECT audit.make_partition(%(parent)s, ((now() - %(hours)s::interval) AT TIME ZONE 'UTC')::date)", ago
        )
        conn.execute(
            f"UPDATE audit.{parent} SET at = now() - %(hours)s::interval WHERE transaction_id = %(id)s::text::xid8", ago
        )


def value(conn: Connection, statement: str, *parameters: Any) -> Any:
    """Return the one value of a query."""
    row = conn.execute(statement, parameters or None).fetchone()
    assert row is not None
    return row[0]


def day_tables(conn: Connection) -> set[str]:
    """Return the names of the tables of days, partitions or not."""
    rows = conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'audit'::regnamespace AND relname ~ '_[0-9]{8}$' AND relkind = 'r'"
    )
    return {row[0] for row in rows.fetchall()}


def past_tables(conn: Connection) -> list[str]:
    """Return the names of the tables of changes of days that are over."""
    today = value(conn, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")
    return sorted(name for name in day_tables(conn) if name.startswith("change_") and name < f"change_{today}")


@contextmanager
def held_open(dsn: str, statement: str, seconds: float) -> Iterator[None]:
    """Run a statement in a transaction that stays open for so long, whatever the block does."""
    started = threading.Event()

    def hold() -> None:
        with psycopg.connect(dsn) as conn:
            conn.execute(statement)
            started.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    assert started.wait(10)
    try:
        yield
    finally:
        thread.join()


class Writer(threading.Thread):
    """Writes to t until it is told to end, and measures each write.

    The server writes down each wait of it for a lock that lasts longer than 100 ms: a slow machine alone makes none.
    """

    def __init__(self, dsn: str, log: Path) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.over = threading.Event()
        self._conn = psycopg.connect(dsn, autocommit=True)
        self._conn.execute("SET deadlock_timeout = '100ms'")
        self._conn.execute("SET log_lock_waits = on")
        self._pid = self._conn.info.backend_pid
        self._log = log
        self._begin = log.stat().st_size

    def run(self) -> None:
        """Write."""
        with self._conn as conn:
            while not self.over.is_set():
                began = time.monotonic()
                conn.execute("INSERT INTO t (n) VALUES ('w')")
                self.waits.append(time.monotonic() - began)
                time.sleep(0.001)

    def long_waits(self) -> list[str]:
        """Return what the server wrote down."""
        with self._log.open("rb") as file:
            file.seek(self._begin)
            text = file.read().decode(errors="replace")
        return [line for line in text.splitlines() if f"process {self._pid} still waiting" in line]


@contextmanager
def writing(dsn: str, log: Path) -> Iterator[Writer]:
    """Let a writer write while the block lasts."""
    writer = Writer(dsn, log)
    writer.start()
    try:
        yield writer
    finally:
        writer.over.set()
        writer.join()
