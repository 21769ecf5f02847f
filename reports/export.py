"""Entries for programs: JSON lines with the public names, and CSV for spreadsheets; line by line, so that a million need no memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from itertools import chain
from typing import Any

from capture.model import Entry, FieldChange
from reports.safety import cell, json_neutral

_DIGITS = 1000
"""A whole number of more digits is written as text: Python refuses to print it as a number."""

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


def utc(at: datetime) -> str:
    """The moment in ISO 8601 and UTC, always with microseconds, so that times sort as text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def entry_document(entry: Entry) -> dict[str, Any]:
    """The entry under its public names, in their documented order."""
    return {
        "id": entry.id,
        "at": utc(entry.at),
        "actor": entry.actor,
        "actor_kind": entry.actor_kind,
        "actor_trust": entry.actor_trust,
        "ip": entry.ip,
        "type": entry.type.value,
        "module": entry.module,
        "entity": entry.entity,
        "entity_id": entry.entity_id,
        "entity_name": entry.entity_name,
        "account": entry.account,
        "descriptions": list(entry.descriptions),
        "kinds": list(entry.kinds),
        "sensitivity": entry.sensitivity,
        "consequence_of": entry.consequence_of,
        "changes": [
            {
                "table": change.table,
                "key": None if change.key is None else dict(change.key),
                "field": change.field,
                "label": change.label,
                "before": change.before,
                "after": change.after,
            }
            for change in entry.changes
        ],
        "transaction_id": entry.transaction_id,
        "source": {
            "database_user": entry.source.database_user,
            "application": entry.source.application,
            "client_addr": entry.source.client_addr,
            "request_id": entry.source.request_id,
            "other_actors": list(entry.source.other_actors),
            "signature": entry.source.signature,
        },
    }


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        short = value.is_finite() and abs(value.adjusted()) < _DIGITS
        return int(value) if short and value == value.to_integral_value() else str(value)
    if isinstance(value, datetime):
        return utc(value)
    return str(value)


def to_json(document: object) -> str:
    """One line of JSON, readable, and harmless on a terminal."""
    return json_neutral(json.dumps(document, ensure_ascii=False, default=_plain))


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
