"""The changes of one row, for `whochanged history`: columns as they are stored, without a catalogue's words."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from capture.model import FieldChange
from whochanged.output.machine import utc
from whochanged.output.safety import neutral
from whochanged.output.terminal import change_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from rich.console import Console

_STYLES = {"INSERT": "bold green", "UPDATE": "bold cyan", "DELETE": "bold red", "TRUNCATE": "bold red"}


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row of the view audit.log."""

    id: int
    at: datetime
    actor: str
    actor_kind: str
    ip: str | None
    operation: str
    key: dict[str, Any] | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    transaction_id: str
    database_user: str

    def joined(self, other: RowChange) -> RowChange:
        """This change with the columns that the view shows under another module."""
        return replace(self, old={**(other.old or {}), **(self.old or {})}, new={**(other.new or {}), **(self.new or {})})


def row_document(row: RowChange) -> dict[str, Any]:
    """The change as a JSON object."""
    return {
        "id": row.id,
        "at": utc(row.at),
        "actor": row.actor,
        "actor_kind": row.actor_kind,
        "ip": None if row.ip is None else str(row.ip),
        "operation": row.operation,
        "key": row.key,
        "old": row.old,
        "new": row.new,
        "transaction_id": int(row.transaction_id),
        "database_user": row.database_user,
    }


def print_rows(console: Console, rows: Sequence[RowChange], zone: tzinfo) -> None:
    """Print each change with its columns."""
    for number, row in enumerate(rows):
        if number:
            console.print()
        at = row.at.astimezone(zone)
        head = Text(f"{at:%Y-%m-%d %H:%M:%S}", style="bold")
        head.append(f" {at.tzname() or 'UTC'}  ", style="not bold dim")
        head.append(neutral(row.actor), style="bold")
        if row.ip:
            head.append(f" ({neutral(str(row.ip))})", style="not bold dim")
        head.append(f"  {row.operation}", style=_STYLES.get(row.operation, "bold"))
        console.print(head)
        for column in {**(row.old or {}), **(row.new or {})}:
            change = FieldChange("", None, column, column, _text(row.old, column), _text(row.new, column))
            line = change_line(change) if row.operation == "UPDATE" else _single(change)
            console.print(Padding(line, (0, 0, 0, 2), expand=False))


def _single(change: FieldChange) -> Text:
    text = Text(neutral(change.label) + "  ", style="dim")
    inserted = change.after is not None
    text.append(neutral(change.after if change.after is not None else change.before or "(none)"), style="not dim green" if inserted else "not dim red")
    return text


def _text(image: dict[str, Any] | None, column: str) -> str | None:
    value = (image or {}).get(column)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
