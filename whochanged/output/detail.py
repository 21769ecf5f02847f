"""One entry in full, for `whochanged show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from reports.provenance import trust_words
from whochanged.output.safety import neutral
from whochanged.output.terminal import Painter, actor_text, change_line, facts_text

if TYPE_CHECKING:
    from datetime import tzinfo

    from capture.model import Entry


def print_entry(console: Console, entry: Entry, zone: tzinfo) -> None:
    """Print everything that is known of the entry."""
    at = entry.at.astimezone(zone)
    console.print(facts_text(entry))
    painter = Painter(entry)
    for description in entry.descriptions:
        console.print(Padding(painter.text(description), (0, 0, 0, 2), expand=False))
    console.print()
    facts = [
        ("When", Text(f"{at:%A}, {at.day} {at:%B %Y %H:%M:%S.%f} {at.tzname() or 'UTC'}")),
        ("Who", actor_text(entry, others=False)),
        *((label, Text(neutral(value))) for label, value in _facts(entry) if value),
    ]
    for label, fact in facts:
        console.print(Text.assemble((f"{label:16}", "dim"), fact))
    if entry.changes:
        console.print()
    several = len({change.table for change in entry.changes}) > 1
    table = None
    for change in entry.changes:
        place = change.table if change.key is None else f"{change.table} {_key(change.key)}"
        if several and place != table:
            console.print(Text(neutral(place), style="bold"))
            table = place
        console.print(Padding(change_line(change, whole=True, kind=entry.type), (0, 0, 0, 2), expand=False))


def _facts(entry: Entry) -> list[tuple[str, str | None]]:
    source = entry.source
    return [
        ("Also", ", ".join(source.other_actors)),
        ("Trust", trust_words(entry)),
        ("Entity", f"{entry.entity} {entry.entity_id}".strip()),
        ("Account", entry.account),
        ("Consequence of", entry.consequence_of),
        ("Kinds", ", ".join(entry.kinds)),
        ("Database user", source.database_user),
        ("Application", source.application),
        ("Client address", source.client_addr),
        ("Request", source.request_id),
        ("Transaction", str(entry.transaction_id)),
        ("Entry", entry.id),
    ]


def _key(key: object) -> str:
    if not hasattr(key, "items"):
        return ""
    return ", ".join(f"{name}={value}" for name, value in key.items())
