"""The statements that are measured."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from whochanged.embedded import Server

COLUMNS = """
  id bigint PRIMARY KEY, account_id bigint NOT NULL, name text NOT NULL, description text, kind text NOT NULL,
  position integer NOT NULL, enabled boolean NOT NULL, amount numeric(12,2), config jsonb NOT NULL,
  starts_on date, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL"""
SETUP = "CREATE SCHEMA bench;" + "".join(
    f"CREATE TABLE bench.{name} ({COLUMNS});" for name in ("bare", "floor", "tracked")
)
FLOOR = (Path(__file__).parent / "floor.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Case:
    """A statement over many rows; `{table}` and `{rows}` stand for what it is run on."""

    name: str
    template: str

    def statement(self, table: str, rows: int) -> str:
        """The statement for that table."""
        return self.template.format(table=f"bench.{table}", rows=rows)

    def run(self, connection: psycopg.Connection[Any], table: str, rows: int) -> float:
        """Run it and give the seconds that it took."""
        statement = self.statement(table, rows).encode()
        start = time.perf_counter()
        connection.execute(statement)
        return time.perf_counter() - start


CASES = (
    Case(
        "insert",
        "INSERT INTO {table} SELECT g, g % 100, 'Name ' || g, 'A description of row ' || g, 'kind ' || g % 5, g, "
        "g % 2 = 0, g / 7.0, jsonb_build_object('to', 'owner', 'days', g % 10), date '2026-01-01' + g % 365, now(), now() "
        "FROM generate_series(1, {rows}) AS g",
    ),
    Case("update", "UPDATE {table} SET name = name || '!', position = position + 1"),
    Case("delete", "DELETE FROM {table}"),
)


def one_row_updates(server: Server, table: str, clients: int, seconds: float) -> float:
    """Transactions a second, each of which updates one row, by as many clients of pgbench."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "update.sql"
        script.write_text(
            f"\\set id random(1, 1000)\nUPDATE bench.{table} SET position = position + 1 WHERE id = :id;\n"
        )
        arguments = ["-n", "-c", str(clients), "-j", str(min(clients, 2))]
        arguments += ["-T", str(max(1, round(seconds))), "-f", str(script), server.dsn()]
        program = [str(server.programs / "pgbench"), *arguments]
        said = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    line = next(line for line in said.splitlines() if line.startswith("tps"))
    return float(line.split()[2])
