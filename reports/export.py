"""Entries for programs: JSON lines with the public names, and CSV for spreadsheets; line by line, so that a million need no memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain

from capture.model import Entry, FieldChange
from reports.documents import entry_document, plain, utc
from reports.safety import cell, json_neutral

__all__ = ["CSV_COLUMNS", "csv_lines", "csv_row", "entry_document", "json_lines", "to_json", "utc"]

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


def json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield each entry as one line of JSON, its end included."""
    for entry in entries:
        yield to_json(entry_document(entry)) + "\n"


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the heading, then each entry, as CSV: a line each, unless a value has several. No cell is one that a spreadsheet calculates."""
    line = StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for cells in chain([CSV_COLUMNS], (csv_row(entry) for entry in entries)):
        writer.writerow(cells)
        yield line.getvalue()
        line.seek(0)
        line.truncate()
