"""`whochanged log`: what happened, newest first."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from capture.filters import KINDS, SENSITIVITIES
from capture.model import ChangeType
from whochanged.commands import common
from whochanged.commands.reading import catalogue_of, filters
from whochanged.output.machine import write_csv, write_json_lines
from whochanged.output.terminal import print_log
from whochanged.output.times import zone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from capture.model import Entry

Kinds = StrEnum("Kinds", {word: word for word in KINDS})  # type: ignore[misc]
Levels = StrEnum("Levels", {word: word for word in SENSITIVITIES})  # type: ignore[misc]
Types = StrEnum("Types", {word.name: word.value for word in ChangeType})  # type: ignore[misc]

Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="From this time on: a date, a time, an age (2h, 7d), today or yesterday."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Before this time; a date includes that day.")]
Module = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Of this module; may be given again.")]
Type = Annotated[
    list[Types] | None,
    typer.Option(
        "--type", metavar="TYPE", case_sensitive=False, help="Created, Updated or Deleted; may be given again."
    ),
]
Actor = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="By this person, System, or database role; may be given again."),
]
ActorKind = Annotated[
    Kinds | None, typer.Option("--actor-kind", metavar="KIND", help="By a user, the system, or a database role itself.")
]
Sensitivity = Annotated[
    Levels | None, typer.Option("--sensitivity", metavar="LEVEL", help="At least so sensitive: low, normal or high.")
]
Entity = Annotated[str | None, typer.Option(metavar="NAME", help="Of the entity of this name.")]
Account = Annotated[str | None, typer.Option(metavar="ID", help="Of this account.")]
Search = Annotated[
    str | None, typer.Option(metavar="TEXT", help="With these words in it; of each, the beginning is enough.")
]
Catalog = Annotated[
    str | None,
    typer.Option("--catalog", metavar="FILE", help="Say it in the words of this catalogue, not the installed one."),
]


def log(
    since: Since = None,
    until: Until = None,
    module: Module = None,
    change_type: Type = None,
    actor: Actor = None,
    actor_kind: ActorKind = None,
    sensitivity: Sensitivity = None,
    entity: Entity = None,
    account: Account = None,
    search: Search = None,
    limit: common.Limit = 100,
    timezone: common.Timezone = None,
    as_json: common.AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with UTC times, safe to open in a spreadsheet.")] = (
        False
    ),
    ids: Annotated[bool, typer.Option("--ids", help="Print each entry's id too, for whochanged show.")] = False,
    catalog: Catalog = None,
    dsn: common.Dsn = None,
) -> None:
    """Print who changed what, newest first.

    [dim]whochanged log --since yesterday --module Territories
    whochanged log --actor "Ana Admin" --csv > ana.csv[/]
    """
    common.only_one(json=as_json, csv=as_csv)
    reading_zone = zone(timezone)
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
        limit=limit,
        zone=reading_zone,
    )
    with common.installed(dsn) as connection:
        from capture.pages import entries

        words = catalogue_of(connection, catalog)
        found: Iterable[Entry] = entries(connection, words, wanted)
        if as_json:
            count = write_json_lines(found, common.out())
        elif as_csv:
            count = write_csv(found, common.out())
        else:
            count = print_log(common.data(), found, reading_zone, ids=ids)
        _remark(count, limit, filtered=wanted != filters(limit=limit, zone=reading_zone))
        unknown = {name.casefold() for name in module or ()} - {name.casefold() for name in words.modules}
        if count == 0 and unknown:
            common.talk().print(f"The catalogue has the modules {', '.join(words.modules) or 'of no table'}.")


def _remark(count: int, limit: int, *, filtered: bool) -> None:
    talk = common.talk()
    if count == 0 and filtered:
        talk.print("Nothing matches: widen the filters.")
    elif count == 0:
        talk.print("The log is empty: nothing was changed in the tracked tables since the log was installed.")
    elif count >= limit:
        talk.print(f"\nThese are the newest {count}: --limit shows more, --since and the other filters choose.")
