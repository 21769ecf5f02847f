"""The alerts and the requests that were made, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

from capture.resources import query

State = Literal["pending", "retry", "sent", "parked"]


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert without its message. `recipient` is None when they were removed; `window_start` is when its oldest change was made."""

    id: int
    recipient: str | None
    serial: int
    window_start: datetime
    window_end: datetime
    entries: int
    subject: str
    message_id: str
    cut_at: datetime
    address: str
    state: State
    tries: int
    not_before: datetime
    answer: str | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request to the webhook without its body. `oldest_at` is when its oldest change was made."""

    id: int
    webhook_id: str
    part: int
    entries: int
    oldest_at: datetime
    cut_at: datetime
    state: State
    tries: int
    not_before: datetime
    answer: str | None
    sent_at: datetime | None


def last_alerts(conn: psycopg.Connection[Any], limit: int) -> list[KeptAlert]:
    """Return the last alerts, newest first."""
    with conn.cursor(row_factory=class_row(KeptAlert)) as cursor:
        return cursor.execute(query("alert_list"), {"limit": limit}).fetchall()


def last_requests(conn: psycopg.Connection[Any], limit: int) -> list[KeptRequest]:
    """Return the last requests to the webhook, newest first."""
    with conn.cursor(row_factory=class_row(KeptRequest)) as cursor:
        return cursor.execute(query("webhook_list"), {"limit": limit}).fetchall()
