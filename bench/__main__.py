"""Measure with and without triggers, in one run: `make bench` writes bench/results.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import psycopg

from bench.cases import CASES, FLOOR, SETUP, Case, one_row_updates
from bench.report import Figures, report
from whochanged.embedded import DEFAULT_MAJOR, Server, programs

DAYS = 103
"""Partitions beyond today's: as many as a log of 90 days has, 14 days ahead."""

RESULTS = Path(__file__).parent / "results.md"
OPTIONS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",
    # The mood of a shared disk would decide what one-row transactions cost; waiting for it makes the ratio better.
    "fsync": "off",
}


def main() -> int:
    """Run the rounds and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of each bulk statement")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; the median counts")
    parser.add_argument("--seconds", type=float, default=3, help="length of each measurement of one-row updates")
    parser.add_argument("--major", type=int, default=DEFAULT_MAJOR, help="version of PostgreSQL")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whochanged-bench-") as folder:
        server = Server(programs(arguments.major), Path(folder) / "data", OPTIONS)
        Path(folder).chmod(0o755)
        server.start()
        try:
            figures = measure(server, arguments.rows, arguments.rounds, arguments.seconds)
            text = report(figures, arguments.rows, arguments.rounds, figures.version)
        finally:
            server.stop()
    RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def measure(server: Server, rows: int, rounds: int, seconds: float) -> Figures:
    """Take every measurement, the tables without and with triggers by turns."""
    from capture.install import install, track_table
    from capture.partitions import make_ahead

    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(SETUP.encode())
        install(connection)
        track_table(connection, "bench.tracked")
        make_ahead(connection, DAYS)
        connection.execute(FLOOR.encode())
        version = str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]
        figures = Figures(version)
        for number in range(1, rounds + 1):
            # The one that goes first changes by turns, so that a warming machine favours neither.
            tables = ("bare", "tracked") if number % 2 else ("tracked", "bare")
            for table in tables:
                _clear(connection, table)
                for case in CASES:
                    _bulk(connection, figures, case, table, rows)
            every = ("bare", "floor", "tracked") if number % 2 else ("tracked", "floor", "bare")
            for table in every:
                _clear(connection, table)
                connection.execute(CASES[0].statement(table, 1000).encode())
            for clients in (1, 8):
                for table in every:
                    print(f"round {number}: one-row updates, {clients} clients, {table}", file=sys.stderr)
                    figures.add(f"one-row, {clients}", table, one_row_updates(server, table, clients, seconds))
    return figures


def _clear(connection: psycopg.Connection[tuple[object, ...]], table: str) -> None:
    connection.execute(f"ALTER TABLE bench.{table} DISABLE TRIGGER USER".encode())
    connection.execute(f"TRUNCATE bench.{table}".encode())
    connection.execute(f"ALTER TABLE bench.{table} ENABLE TRIGGER USER".encode())
    if table == "tracked":
        # The one for replication is REPLICA when nobody has touched it, and costs nothing; enabled otherwise it is called for each row.
        connection.execute("ALTER TABLE bench.tracked ENABLE REPLICA TRIGGER audit_replicated")
    connection.execute(b"TRUNCATE audit.change, audit.transaction")
    connection.execute(b"CHECKPOINT")


def _bulk(
    connection: psycopg.Connection[tuple[object, ...]], figures: Figures, case: Case, table: str, rows: int
) -> None:
    print(f"{case.name}, {table}", file=sys.stderr)
    before = _log_bytes(connection)
    figures.add(case.name, table, case.run(connection, table, rows) / rows * 1e6)
    if table == "tracked":
        figures.add(f"bytes, {case.name}", table, (_log_bytes(connection) - before) / rows)
    connection.execute(f"VACUUM bench.{table}".encode())


def _log_bytes(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    found = connection.execute(
        b"SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree('audit.change') WHERE isleaf"
    ).fetchone()
    return int(str(found[0])) if found else 0


if __name__ == "__main__":
    sys.exit(main())
