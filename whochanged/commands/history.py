"""`whochanged history`: the life of one row, from the log's own view."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import DatabaseError, UsageError
from whochanged.commands import common
from whochanged.output.machine import to_json
from whochanged.output.rows import RowChange, print_rows, row_document
from whochanged.output.times import zone

if TYPE_CHECKING:
    import psycopg

_COLUMNS = "id, at, actor, actor_kind, ip, operation, key, old, new, transaction_id::text, database_user"


def history(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table, as schema.table.")],
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The row's key: 42, or '1,4' for two columns, or a JSON object.")
    ],
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many changes.")] = 100,
    timezone: common.Timezone = None,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """Print every recorded change of one row, newest first."""
    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        columns = _key_columns(connection, table)
        rows = _read(connection, table, _key(key, columns, table), limit)
        if as_json:
            for row in rows:
                common.out().write(to_json(row_document(row)) + "\n")
        elif rows:
            print_rows(common.data(), rows, reading_zone)
        if not rows:
            common.talk().print(f"No change of {table} {key} is in the log.")


def _key_columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    found = connection.execute("SELECT key_columns FROM audit.tracked_table WHERE table_name = %s", (table,)).fetchone()
    if found is None:
        message = f"table '{table}' is not tracked: whochanged status lists those that are, as schema.table"
        raise UsageError(message)
    if not found[0]:
        message = f"table '{table}' has no key: its rows cannot be told apart (view audit.log has their changes)"
        raise DatabaseError(message)
    return list(found[0])


def _key(text: str, columns: list[str], table: str) -> dict[str, str]:
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            message = f"KEY '{text}' is no JSON object: write {{\"{columns[0]}\": ...}}"
            raise UsageError(message) from None
        values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    else:
        parts = [text] if len(columns) == 1 else [part.strip() for part in text.split(",")]
        values = dict(zip(columns, parts, strict=False)) if len(parts) == len(columns) else {}
    if set(values) != set(columns):
        message = f"the key of {table} is {', '.join(columns)}: write their values in this order, parted by commas"
        raise UsageError(message)
    return values


def _read(connection: psycopg.Connection[Any], table: str, key: dict[str, str], limit: int) -> list[RowChange]:
    wanted = " AND ".join("%s IN (key ->> %s, old ->> %s)" for _ in key)
    values = [value for name, wanted_value in key.items() for value in (wanted_value, name, name)]
    statement = f"SELECT {_COLUMNS} FROM audit.log WHERE table_name = %s AND {wanted} ORDER BY at DESC, id DESC LIMIT %s"  # noqa: S608 - names of ours
    rows: dict[int, RowChange] = {}
    for row in connection.execute(statement.encode(), (table, *values, limit)):
        change = RowChange(*row)
        # A change of columns of two modules is two rows of the view, with one id.
        rows[change.id] = rows[change.id].joined(change) if change.id in rows else change
    return list(rows.values())
