"""Saving something in the reference CRM as its application would, and reading the entries that came of it."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from capture.catalogue import Catalogue, load_shipped
from capture.entries.describe import entries
from capture.filters import Filters
from capture.model import Entry

Connection = psycopg.Connection[tuple[Any, ...]]


def save(
    conn: Connection,
    *statements: str,
    actor: str | None = "Ana Admin",
    context: dict[str, Any] | None = None,
    catalogue: Catalogue | None = None,
) -> list[Entry]:
    """Run the statements as one save and return its entries, the last first."""
    conn.execute("SET search_path = crm")
    with conn.transaction():
        if actor:
            conn.execute("SELECT set_config('audit.actor', %s, true)", [actor])
        if context:
            conn.execute("SELECT set_config('audit.context', %s, true)", [json.dumps(context)])
        for statement in statements:
            conn.execute(statement.encode())
        row = conn.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    found = entries(conn, catalogue or load_shipped(), Filters())
    return [entry for entry in found if entry.transaction_id == row[0]]


def said(found: list[Entry]) -> list[str]:
    """Return all sentences of the entries."""
    return [text for entry in found for text in entry.descriptions]


def only(found: list[Entry]) -> Entry:
    """Return the one entry; fail where there are more or none."""
    assert len(found) == 1, [(entry.module, entry.entity_name, entry.descriptions) for entry in found]
    return found[0]
