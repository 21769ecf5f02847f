"""Entries for programs: JSON lines with the public names, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, TextIO

from reports.documents import entry_document, plain, utc
from whochanged.output.safety import cell, json_neutral

if TYPE_CHECKING:
    from collections.abc import Iterable

    from capture.model import Entry, FieldChange

__all__ = ["CSV_COLUMNS", "change_text", "csv_row", "entry_document", "to_json", "utc", "write_csv", "write_json_lines"]

CSV_COLUMNS = (
    "at",
    "actor",
    "actor_kind",
    "ip",
    "type",
    "module",
    "entity",
    "entity_name",
    "account",
    "description",
    "changes",
    "consequence_of",
    "transaction_id",
    "id",
    "actor_trust",
)


def to_json(document: object) -> str:
    """One line of JSON, readable, and harmless on a terminal."""
    return json_neutral(json.dumps(document, ensure_ascii=False, default=plain))


def write_json_lines(entries: Iterable[Entry], out: TextIO) -> int:
    """Write each entry as one line; gives their number."""
    count = 0
    for entry in entries:
        out.write(to_json(entry_document(entry)) + "\n")
        count += 1
    return count


def change_text(change: FieldChange) -> str:
    """Before and after of one field as a phrase: 'name: EMEA → Europe'."""
    return f"{change.label}: {change.before if change.before is not None else '(none)'} → " + (
        change.after if change.after is not None else "(none)"
    )


def csv_row(entry: Entry) -> list[str]:
    """The entry as cells, in the order of CSV_COLUMNS."""
    cells = (
        utc(entry.at),
        entry.actor,
        entry.actor_kind,
        entry.ip,
        entry.type.value,
        entry.module,
        entry.entity,
        entry.entity_name,
        entry.account,
        entry.sentence,
        "; ".join(change_text(change) for change in entry.changes),
        entry.consequence_of,
        str(entry.transaction_id),
        entry.id,
        entry.actor_trust,
    )
    return [cell(value) for value in cells]


def write_csv(entries: Iterable[Entry], out: TextIO) -> int:
    """Write a heading and one row an entry; gives the number of entries."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    count = 0
    for entry in entries:
        writer.writerow(csv_row(entry))
        count += 1
    return count
