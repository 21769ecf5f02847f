"""Moving spilled rows, whose day had no partition when they were written, to where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from capture.resources import query
from capture.upkeep import one


@dataclass(frozen=True, slots=True)
class Drained:
    """What was moved: the partitions that were made for it, the numbers of changes and of rows of audit.transaction."""

    made: tuple[str, ...] = ()
    changes: int = 0
    transactions: int = 0


def drain(conn: psycopg.Connection[Any]) -> Drained:
    """Move the spilled rows to the partitions of their days, which are made where they are missing.

    All is one transaction: whoever reads sees each row once, before or after. A row that a transaction is still writing stays
    for the next time. Acts with the rights of audit_owner.
    """
    if not one(conn, query("spill_any")):
        return Drained()
    with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        made = [str(row[0]) for row in cursor.execute(query("spill_days")).fetchall() if row[0] is not None]
        conn.execute(query("spill_same"))
        transactions = one(conn, query("spill_transactions"))
        return Drained(tuple(made), one(conn, query("spill_changes")), transactions)
