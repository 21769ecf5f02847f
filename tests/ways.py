"""The log in a form that a test can state row for row."""

from __future__ import annotations

from typing import Any

import psycopg

from capture.install import track_table
from tests.test_capture_rows import log

Connection = psycopg.Connection[Any]


def watch(conn: Connection, definition: str, *tables: str) -> None:
    """Run the statements of *definition*, then track each of *tables*, which are in schema public."""
    conn.execute(definition.encode())
    for table in tables:
        track_table(conn, f"public.{table}")


def told(conn: Connection) -> list[str]:
    """Return a line for each row of the log, in its order: `+t id=1 n=a`, `~t 1 n=a>b`, `-t id=1 n=b` and, of a TRUNCATE, `!t`."""
    found = []
    for table, operation, key, old, new in log(conn, "table_name, operation, key, old, new"):
        name = table.removeprefix("public.")
        if operation == "UPDATE":
            changes = " ".join(f"{column}={_text(old[column])}>{_text(new[column])}" for column in _sorted(new))
            found.append(f"~{name} {','.join(_text(key[column]) for column in _sorted(key))} {changes}")
        elif operation == "TRUNCATE":
            found.append(f"!{name}")
        else:
            sign, image = ("+", new) if operation == "INSERT" else ("-", old)
            found.append(f"{sign}{name} " + " ".join(f"{column}={_text(image[column])}" for column in _sorted(image)))
    return found


def _sorted(image: dict[str, Any]) -> list[str]:
    return sorted(image, key=lambda column: (column != "id", column))


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
