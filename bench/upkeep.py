"""Measure how long business writes wait while days of the log are made and dropped: `make bench-upkeep` writes bench/upkeep.md.

All the while another business transaction is open for two seconds at a time: it has written, read the log, and holds its locks.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path

import psycopg

from bench.reading_log import Log, make_log
from capture.partitions import make_ahead
from capture.retention import purge
from whochanged.database import connect
from whochanged.embedded import DEFAULT_MAJOR, Server, programs

RESULTS = Path(__file__).parent / "upkeep.md"
OPTIONS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "30min", "fsync": "off"}
DAYS = 110
"""So many days the log has at first: with a retention of 90, and one less each time, there is always a day to drop."""

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
OPEN_SECONDS = 2.0
WRITERS = 4
CHANGE = "UPDATE crm.territories SET description = clock_timestamp()::text WHERE id = %s"

HEAD = f"""# Business writes while the log is kept

Milliseconds that a transaction of one row takes, of {WRITERS} sessions that write all the time, into a log
of so many changes over {DAYS} days; beside them a session whose transaction has written, has read the log,
and stays open for {OPEN_SECONDS:.0f} seconds, again and again.
`make bench-upkeep` writes this page.

| changes | meanwhile | days | writes | median | 99th percentile | 99.9th | worst |
|---|---|---|---|---|---|---|---|
"""


def main() -> int:
    """Make a log, measure, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.upkeep", description=__doc__)
    parser.add_argument("--changes", type=int, nargs="+", default=SIZES, help="changes in the log, over 110 days")
    parser.add_argument("--seconds", type=float, default=30, help="length of each measurement")
    parser.add_argument("--major", type=int, default=DEFAULT_MAJOR, help="version of PostgreSQL")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whochanged-bench-") as folder:
        Path(folder).chmod(0o755)
        server = Server(programs(arguments.major), Path(folder) / "data", OPTIONS)
        server.start()
        try:
            rows = []
            for changes in arguments.changes:
                rows += measure(make_log(server, changes, DAYS), arguments.seconds)
        finally:
            server.stop()
    text = HEAD + "\n".join(rows) + "\n"
    RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def measure(log: Log, seconds: float) -> list[str]:
    """Return the lines of one log: writes with nothing else going on, while days are made, while days are dropped."""
    rows = []
    for title, work in (("nothing else", _nothing), ("days are made", _make), ("days are dropped", _drop)):
        times, done = _writes(log.address, seconds, work)
        cut = statistics.quantiles(times, n=1000)
        rows.append(
            f"| {log.changes:,} | {title} | {done} | {len(times):,} "
            f"| {statistics.median(times):.1f} | {cut[989]:.1f} | {cut[998]:.1f} | {max(times):.1f} |"
        )
    return rows


def _nothing(_: psycopg.Connection[tuple[object, ...]], until: float) -> int:
    time.sleep(max(until - time.monotonic(), 0))
    return 0


def _make(conn: psycopg.Connection[tuple[object, ...]], until: float) -> int:
    """Make a day after the other, as the daily job does."""
    ahead, made = 20, 0
    while time.monotonic() < until:
        ahead += 1
        made += len(make_ahead(conn, ahead)) > 0
        time.sleep(0.2)
    return made


def _drop(conn: psycopg.Connection[tuple[object, ...]], until: float) -> int:
    """Drop a day after the other, as the purge does: each time the retention is one day shorter."""
    days: set[date] = set()
    retention = DAYS
    while time.monotonic() < until and retention > 1:
        retention -= 1
        conn.execute(
            "INSERT INTO audit.setting (name, value) VALUES ('retention_days', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (str(retention),),
        )
        days |= {day.day for day in purge(conn).days}
    return len(days)


def _writes(
    dsn: str, seconds: float, work: Callable[[psycopg.Connection[tuple[object, ...]], float], int]
) -> tuple[list[float], int]:
    """Return the milliseconds of each write while the work is done, and what it did."""
    until = time.monotonic() + seconds
    times: list[list[float]] = [[] for _ in range(WRITERS)]

    def write(number: int) -> None:
        with closing(connect(dsn, autocommit=True)) as conn:
            conn.execute(CHANGE, (number + 1,))
            while time.monotonic() < until:
                began = time.perf_counter()
                conn.execute(CHANGE, (number + 1,))
                times[number].append((time.perf_counter() - began) * 1e3)
                time.sleep(0.005)

    def stay() -> None:
        with closing(connect(dsn)) as conn:
            while time.monotonic() < until:
                conn.execute(CHANGE, (WRITERS + 1,))
                conn.execute("SELECT count(*) FROM (SELECT FROM audit.log LIMIT 10) AS newest")
                time.sleep(OPEN_SECONDS)
                conn.commit()

    with ThreadPoolExecutor(WRITERS + 1) as crowd:
        jobs = [*(crowd.submit(write, number) for number in range(WRITERS)), crowd.submit(stay)]
        with closing(connect(dsn, autocommit=True)) as conn:
            done = work(conn, until)
        for job in jobs:
            job.result()
    return [one for some in times for one in some], done


if __name__ == "__main__":
    sys.exit(main())
