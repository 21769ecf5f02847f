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

    from capture.reading import Tracked


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
        from capture.pages import entries

        watched = _watched(connection, table)
        row = (table, _key(key, list(watched.key_columns), table))
        wanted = filters(zone=reading_zone, limit=limit, row=row)
        catalogue = catalogue_of(connection, None)
        if watched.kind == "label":
            catalogue = catalogue.telling(table)
        found = entries(connection, catalogue, wanted)
        count = write_json_lines(found, common.out()) if as_json else print_log(common.data(), found, reading_zone)
        if not count:
            common.talk().print(f"No change of {table} {key} is in the log.")
        if watched.kind == "label":
            names = ", ".join(sorted(watched.about)) or "of no column"
            common.talk().print(
                f"{table} lends names to others: only its rows' coming and going and {names} are watched."
            )


def _watched(connection: psycopg.Connection[Any], table: str) -> Tracked:
    from capture.reading import tracked

    found = tracked(connection, table)
    if not found:
        message = f"table '{table}' is not tracked: whochanged status lists those that are, as schema.table"
        raise UsageError(message)
    if not found[0].key_columns:
        message = f"table '{table}' has no key, so its rows cannot be told apart: read their changes in view audit.log"
        raise DatabaseError(message)
    return found[0]


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
