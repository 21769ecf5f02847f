"""Comparing a table with its log, in few words."""

from __future__ import annotations

from typing import Any

import psycopg

from capture.baseline import take_missing
from capture.reconcile import Compared, Difference, reconcile

Connection = psycopg.Connection[Any]


def baseline(conn: Connection) -> None:
    """Take the baselines that an installation takes."""
    assert take_missing(conn, lambda _: None) == []


def compare(conn: Connection, *names: str) -> tuple[list[Difference], list[Compared]]:
    """Return what differs, and what became of each table."""
    found = list(reconcile(conn, names))
    return [one for one in found if isinstance(one, Difference)], [one for one in found if isinstance(one, Compared)]


def differences(conn: Connection) -> list[tuple[Any, ...]]:
    """Return what differs in table t, which was compared; its key has one column."""
    found, (result,) = compare(conn, "public.t")
    assert result.reason is None
    return [(one.kind, *one.key.values(), one.column, one.log_says, one.table_has) for one in found]
