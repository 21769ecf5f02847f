"""A long log to read: one day that was played, written again and again for three hours, indexed once, and copied to all hours and days."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.index.build import catch_up
from whochanged.demo import play, prepare, read_day
from whochanged.embedded import Server

HERE = Path(__file__).parent
CHANGES_A_TRANSACTION = 1.18
"""What the played day has."""

BLOCKS = 8
"""A day is eight times the same three hours: putting them into words once is enough."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log that was made: where it is, its size, and how fast a day of it was indexed."""

    address: str
    changes: int
    entries: int
    days: int
    entries_a_second: float
    log_bytes: int
    index_bytes: int


def make_log(server: Server, changes: int, days: int) -> Log:
    """Make a database with a log of so many changes in so many days up to yesterday, vacuumed."""
    address = prepare(make_conninfo(server.dsn(), dbname=f"bench_{changes}"), read_day(), database=f"bench_{changes}")
    for _ in play(address, read_day(), UTC):
        pass
    last = datetime.now(UTC).date() - timedelta(days=1)
    with psycopg.connect(address, autocommit=True) as conn:
        for name in ("reading_data", "reading_clone"):
            conn.execute((HERE / f"{name}.sql").read_bytes())
        conn.execute("SELECT bench.fill(%s, %s)", (last, round(changes / days / BLOCKS / CHANGES_A_TRANSACTION)))
        conn.execute("VACUUM ANALYZE audit.transaction, audit.change, audit.entity")
        speed = _index(conn)
        # One by one into an index of terms takes longer than all of them at once.
        conn.execute("DROP INDEX audit.entry_terms_idx")
        for back in range(1, days * BLOCKS):
            conn.execute("SELECT bench.clone(%s, %s)", (last, back))
        conn.execute("SELECT bench.tally(%s, %s)", (last, days))
        conn.execute("SET maintenance_work_mem = '1GB'")
        conn.execute("CREATE INDEX entry_terms_idx ON audit.entry USING gin (terms)")
        conn.execute("VACUUM ANALYZE audit.transaction, audit.change, audit.entry, audit.entry_tally, audit.entry_sum")
        found = conn.execute(SIZES.encode()).fetchall()[0]
    return Log(address, found[0], found[1], days, speed, int(found[2]), int(found[3]))


def _index(conn: psycopg.Connection[Any]) -> float:
    """Index everything, and give the entries a second of processor time that this program needed for them."""
    catalogue = installed_catalogue(conn) or Catalogue(name="none")
    began = time.process_time()
    report = catch_up(conn, catalogue)
    return 0 if report is None else report.filled / (time.process_time() - began)


SIZES = """
SELECT (SELECT count(*) FROM audit.change), (SELECT count(*) FROM audit.entry),
  (SELECT sum(pg_total_relation_size(relid)) FROM (SELECT relid FROM pg_partition_tree('audit.change')
    UNION ALL SELECT relid FROM pg_partition_tree('audit.transaction')) AS t),
  (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('audit.entry'))
    + pg_total_relation_size('audit.entry_tally') + pg_total_relation_size('audit.entry_sum') + pg_total_relation_size('audit.entry_name')
"""
