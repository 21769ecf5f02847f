"""The digests that were cut, and what became of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

from capture.resources import query


@dataclass(frozen=True, slots=True)
class Delivery:
    """A digest on its way to an address. `not_before` tells when a retry is due; `answer` is what the server said last."""

    digest_id: int
    address: str
    state: Literal["pending", "retry", "sent", "parked"]
    tries: int
    not_before: datetime
    answer: str | None
    sent_at: datetime | None
    under_way: bool


@dataclass(frozen=True, slots=True)
class KeptDigest:
    """A digest without its message. `recipient` is None when they were removed; without a subject nothing was mailed."""

    id: int
    recipient: str | None
    serial: int
    cadence: Literal["hourly", "daily", "weekly", "now"]
    window_start: datetime
    window_end: datetime
    entries: int
    changes: int
    subject: str | None
    message_id: str | None
    cut_at: datetime


def last_digests(conn: psycopg.Connection[Any], limit: int) -> list[tuple[KeptDigest, list[Delivery]]]:
    """Return the last digests, newest first, each with its deliveries."""
    with conn.cursor(row_factory=class_row(KeptDigest)) as cursor:
        digests = cursor.execute(query("digest_list"), {"limit": limit}).fetchall()
    deliveries: dict[int, list[Delivery]] = defaultdict(list)
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        for delivery in cursor.execute(query("delivery_list"), {"ids": [digest.id for digest in digests]}):
            deliveries[delivery.digest_id].append(delivery)
    return [(digest, deliveries[digest.id]) for digest in digests]
