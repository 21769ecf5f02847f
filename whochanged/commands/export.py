"""`whochanged export`: many entries into a file, as CSV or JSON lines."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capture.errors import UsageError
from capture.model import ChangeType
from whochanged.commands import common
from whochanged.commands import log as filtered
from whochanged.commands.reading import catalogue_of, filters
from whochanged.output.times import zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import TextIO


class Format(StrEnum):
    """How the entries are written."""

    csv = "csv"
    json = "json"


def export(
    since: filtered.Since = None,
    until: filtered.Until = None,
    module: filtered.Module = None,
    change_type: filtered.Type = None,
    actor: filtered.Actor = None,
    actor_kind: filtered.ActorKind = None,
    sensitivity: filtered.Sensitivity = None,
    entity: filtered.Entity = None,
    account: filtered.Account = None,
    search: filtered.Search = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", metavar="FORMAT", help="csv or json (one object a line); without, what the file is called."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write this file, not standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file where there is one.")] = False,
    timezone: common.Timezone = None,
    as_json: common.AsJson = False,
    catalog: filtered.Catalog = None,
    dsn: common.Dsn = None,
) -> None:
    """Write all entries that the filters want, newest first, however many there are.

    [dim]whochanged export --since 7d --out week.csv
    whochanged export --module Territories --format json | gzip > territories.jsonl.gz[/]
    """
    from reports.export import csv_lines, json_lines

    chosen = _form(form, out, as_json=as_json)
    wanted = filters(
        since=since,
        until=until,
        modules=module,
        types=[ChangeType(word.value) for word in change_type or []],
        actors=actor,
        actor_kind=actor_kind,
        sensitivity=sensitivity,
        entity=entity,
        account=account,
        search=search,
        limit=None,
        zone=zone(timezone),
    )
    with common.installed(dsn) as connection:
        from capture.pages import entries

        found = entries(connection, catalogue_of(connection, catalog), wanted)
        lines: Iterator[str] = csv_lines(found) if chosen is Format.csv else json_lines(found)
        with _file(out, force=force) as file:
            count = 0
            for line in lines:
                file.write(line)
                count += 1
        count -= chosen is Format.csv  # the heading
    common.talk().print(f"{count:,} {'entry' if count == 1 else 'entries'} written.")


def _form(form: Format | None, out: Path | None, *, as_json: bool) -> Format:
    if as_json and form is Format.csv:
        raise UsageError("--json and --format csv exclude each other: choose one")
    named = Format.json if out is not None and out.suffix in {".json", ".jsonl", ".ndjson"} else Format.csv
    return Format.json if as_json else form or named


def _file(out: Path | None, *, force: bool) -> AbstractContextManager[TextIO]:
    if out in {None, Path("-")}:
        from contextlib import nullcontext

        common.out()
        return nullcontext(sys.stdout)
    try:
        # Only its owner may read what was changed.
        if not force:
            out.touch(mode=0o600, exist_ok=False)
        return out.open("w", encoding="utf-8", newline="")
    except FileExistsError:
        message = f"there is a file {out} already: name another, or say --force"
        raise UsageError(message) from None
    except OSError as error:
        message = f"cannot write {out}: {error.strerror}"
        raise UsageError(message) from error
