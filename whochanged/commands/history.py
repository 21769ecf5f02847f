"""`whochanged history`: the life of one row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import DatabaseError, UsageError
from whochanged.commands import common
from whochanged.commands.reading import catalogue_of, filters
from whochanged.output.machine import write_json_lines
from whochanged.output.terminal import print_log
from whochanged.output.times import zone

if TYPE_CHECKING:
    import psycopg


def history(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table, as schema.table.")],
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The row's key: 42, or '1,4' for two columns, or a JSON object.")
    ],
    limit: common.Limit = 100,
    timezone: common.Timezone = None,
    as_json: common.AsJson = False,
    dsn: common.Dsn = None,
) -> None:
    """Print every recorded change of one row and of the parts that belong to it, newest first.

    [dim]whochanged history crm.workflows 1
    whochanged history crm.assignment_rule_users 1,4[/]
    """
    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from capture.entries.describe import entries

        row = (table, _key(key, _key_columns(connection, table), table))
        wanted = filters(zone=reading_zone, limit=limit, row=row)
        found = entries(connection, catalogue_of(connection, None), wanted)
        count = write_json_lines(found, common.out()) if as_json else print_log(common.data(), found, reading_zone)
        if not count:
            common.talk().print(f"No change of {table} {key} is in the log.")


def _key_columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    from capture.resources import query

    found = connection.execute(query("reading_watch"), {"table": table}).fetchone()
    if found is None:
        message = f"table '{table}' is not tracked: whochanged status lists those that are, as schema.table"
        raise UsageError(message)
    if found[1] == "label":
        message = (
            f"table '{table}' is watched for its names only, which other entries show: its own changes are not logged"
        )
        raise DatabaseError(message)
    if not found[0]:
        message = f"table '{table}' has no key, so its rows cannot be told apart: read their changes in view audit.log"
        raise DatabaseError(message)
    return list(found[0])


def _key(text: str, columns: list[str], table: str) -> str:
    """The key as the log's text: the values in the order of the columns' names."""
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            message = f'KEY {text} is no JSON object: write {{"{columns[0]}": ...}}'
            raise UsageError(message) from None
        values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    else:
        parts = [text] if len(columns) == 1 else [part.strip() for part in text.split(",")]
        values = dict(zip(columns, parts, strict=False)) if len(parts) == len(columns) else {}
    if set(values) != set(columns):
        message = f"the key of {table} is {', '.join(columns)}: write the values in this order, parted by commas"
        raise UsageError(message)
    return ",".join(values[name] for name in sorted(columns))
