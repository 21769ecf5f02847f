"""`whochanged show`: one entry in full."""

from __future__ import annotations

from typing import Annotated

import typer

from capture.errors import UsageError
from whochanged.commands import common
from whochanged.commands.log import Catalog
from whochanged.commands.reading import catalogue_of
from whochanged.output.detail import print_entry
from whochanged.output.machine import write_json_lines
from whochanged.output.times import zone


def show(
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="The entry's id, as log --json prints it.")],
    timezone: common.Timezone = None,
    as_json: common.AsJson = False,
    catalog: Catalog = None,
    dsn: common.Dsn = None,
) -> None:
    """Print one entry in full: every field before and after, and where it came from."""
    reading_zone = zone(timezone)
    with common.installed(dsn) as connection:
        from capture.pages import find

        entry = find(connection, catalogue_of(connection, catalog), entry_id)
        if entry is None:
            message = f"no entry has the id '{entry_id}': whochanged log --json prints the ids (field id)"
            raise UsageError(message)
        if as_json:
            write_json_lines([entry], common.out())
        else:
            print_entry(common.data(), entry, reading_zone)
