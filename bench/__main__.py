"""Measure this log beside its peers, in one run: `make bench` writes bench/results.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg

from bench.contenders import CONTENDERS, Connection, Contender, make, peers_versions
from bench.figures import Figures
from bench.report import report
from bench.workloads import (
    BULK,
    FILL_HEAVY,
    FILL_ITEM,
    FILL_WIDE,
    READY,
    Bulk,
    empty,
    empty_log,
    insert_ready_rows,
    keep_ready_rows,
    log_bytes,
    one_row,
    run_bulk,
)
from whochanged.embedded import DEFAULT_MAJOR, Server, programs

RESULTS = Path(__file__).parent / "results.md"
OPTIONS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",
    "max_locks_per_transaction": "256",
    "synchronous_commit": "off",
    # The mood of a shared disk would decide what one-row transactions cost. Where commits are to wait for it, it is switched on.
    "fsync": "off",
}
CLIENTS = (1, 8)


def main() -> int:
    """Run the rounds and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of each bulk statement")
    parser.add_argument(
        "--rounds", type=int, default=5, help="interleaved rounds after one to warm up; the median counts"
    )
    parser.add_argument("--seconds", type=float, default=2, help="length of each measurement of one-row updates")
    parser.add_argument("--major", type=int, default=DEFAULT_MAJOR, help="version of PostgreSQL")
    parser.add_argument("--only", nargs="*", default=[], help="measure only these contenders (and the bare tables)")
    arguments = parser.parse_args()
    chosen = [one for one in CONTENDERS if not arguments.only or one.key in {"bare", *arguments.only}]
    with tempfile.TemporaryDirectory(prefix="whochanged-bench-") as folder:
        server = Server(programs(arguments.major), Path(folder) / "data", OPTIONS)
        Path(folder).chmod(0o755)
        server.start()
        try:
            figures = measure(server, chosen, arguments.rows, arguments.rounds, arguments.seconds)
        finally:
            server.stop()
    text = report(figures, chosen, arguments.rows, arguments.rounds)
    if not arguments.only:
        RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def measure(server: Server, chosen: Sequence[Contender], rows: int, rounds: int, seconds: float) -> Figures:
    """Take every measurement, the contenders by turns; the first round only warms up."""
    for contender in chosen:
        _say(f"preparing {contender.title}")
        make(contender, server.dsn(), server.dsn(contender.key))
        if contender.key == "ready":
            with closing(_open(server, contender)) as conn:
                keep_ready_rows(conn, rows)
    with psycopg.connect(server.dsn()) as conn:
        version = str(conn.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]
    figures = Figures(version, peers_versions() if any(one.peer for one in chosen) else [])
    for number in range(rounds + 1):
        # The one that goes first changes by turns, so that a warming machine favours nobody.
        order = [*chosen[number % len(chosen) :], *chosen[: number % len(chosen)]]
        for contender in order:
            _say(f"round {number} of {rounds}: {contender.title}")
            taken = figures if number else Figures(version, [])
            with closing(_open(server, contender)) as conn:
                if not contender.one_row_only:
                    _bulk(conn, taken, contender, rows)
                if not contender.bulk_only:
                    _one_row(server, conn, taken, contender, seconds)
    return figures


def _open(server: Server, contender: Contender) -> Connection:
    return psycopg.connect(server.dsn(contender.key), autocommit=True)


def _bulk(conn: Connection, figures: Figures, contender: Contender, rows: int) -> None:
    """Take the statements over many rows, and what each leaves in the log."""
    empty(conn, contender)
    for bulk in BULK:
        if contender.key == "ready" and bulk.key not in READY:
            continue
        _prepare(conn, bulk, contender, rows)
        before = log_bytes(conn, contender)
        spent = run_bulk(conn, bulk, rows)
        if contender.key == "ready":
            spent += insert_ready_rows(conn, bulk, rows)
        figures.add(bulk.key, contender.key, spent)
        touched = bulk.touched(rows) * bulk.times
        figures.add(f"bytes {bulk.key}", contender.key, (log_bytes(conn, contender) - before) / touched)


def _prepare(conn: Connection, bulk: Bulk, contender: Contender, rows: int) -> None:
    """Bring the tables into the state that a statement begins with."""
    fill = {"wide": FILL_WIDE, "heavy": FILL_HEAVY}.get(bulk.table)
    if fill is not None:
        conn.execute(fill.format(rows=bulk.touched(rows)).encode())
    elif bulk.key == "ten":
        # All rows were deleted by the statement before.
        conn.execute(FILL_ITEM.format(rows=min(rows, 10_000)).encode())
    empty_log(conn, contender)
    conn.execute(f"VACUUM ANALYZE {bulk.table}".encode())


def _one_row(server: Server, conn: Connection, figures: Figures, contender: Contender, seconds: float) -> None:
    """Take transactions of one row, those that wait for the disk too."""
    empty(conn, contender)
    conn.execute(FILL_ITEM.format(rows=1000).encode())
    conn.execute(b"VACUUM ANALYZE item")
    for waits in (False, True):
        _sync(conn, on=waits)
        for clients in CLIENTS:
            empty_log(conn, contender)
            speed = one_row(server, server.dsn(contender.key), contender, clients, seconds, waits=waits)
            figures.add(f"one-row {clients} {'on' if waits else 'off'}", contender.key, speed)
    _sync(conn, on=False)


def _sync(conn: Connection, *, on: bool) -> None:
    conn.execute(f"ALTER SYSTEM SET fsync = {'on' if on else 'off'}".encode())
    conn.execute(b"SELECT pg_reload_conf()")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
