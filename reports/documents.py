"""Entries as JSON objects, under the public names that every way out of the log has in common."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from capture.model import Entry

_DIGITS = 1000
"""A whole number of more digits is written as text: Python refuses to print it as a number."""


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


def plain(value: object) -> object:
    """Return what JSON has no form for as one that it has: numbers with all their digits, times in UTC, the rest as text."""
    if isinstance(value, Decimal):
        short = value.is_finite() and abs(value.adjusted()) < _DIGITS
        return int(value) if short and value == value.to_integral_value() else str(value)
    if isinstance(value, datetime):
        return utc(value)
    return str(value)


def ascii_line(document: object) -> str:
    """Return the document as one line of JSON in ASCII: the same bytes everywhere, and harmless to print."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"), default=plain)
