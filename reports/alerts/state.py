"""How the alerts are: what waits, what is held back, what was given up, and how long nobody looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row, tuple_row

from capture.resources import query
from capture.upkeep import one
from capture.window import Watermark, Window, oldest_in, watermark

LATE = timedelta(minutes=10)
"""An alert that waits so long is late: it is promised within a minute."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """What waits and why.

    `mails_` are alerts to recipients, `requests_` those to the webhook: waiting for a try, and given up (parked). `oldest_` is the time of
    the oldest change in what waits, `..._waiting_since` when the first of it was cut. `held` entries are held back for the next alert of
    somebody to whom mails may go, the oldest made at `held_since`. `unseen_since` is when the oldest transaction was made that no look
    has seen, though somebody wants alerts. `webhook_stopped_at` is when the receiver said that it is gone.
    """

    mails_waiting: int
    mails_parked: int
    oldest_mail: datetime | None
    mails_waiting_since: datetime | None
    requests_waiting: int
    requests_parked: int
    oldest_request: datetime | None
    requests_waiting_since: datetime | None
    webhook_answer: str | None
    held: int
    held_since: datetime | None
    webhook_stopped_at: datetime | None
    webhook_stopped_for: str | None
    unseen_since: datetime | None

    @property
    def oldest_pending(self) -> datetime | None:
        """The time of the oldest sensitive change that somebody should know and does not yet; None where all is told."""
        times = (self.oldest_mail, self.oldest_request, self.held_since, self.unseen_since)
        return min((at for at in times if at is not None), default=None)


def alert_state(conn: psycopg.Connection[Any]) -> AlertState | None:
    """Return the state of the alerts; None in a database of an older version. Costs a few look-ups of indexes."""
    if one(conn, "select pg_catalog.to_regclass('audit.alert_stand')") is None:
        return None
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("alert_state")).fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    return AlertState(**row, unseen_since=_unseen(conn))


def _unseen(conn: psycopg.Connection[Any]) -> datetime | None:
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("alert_unseen")).fetchone()
    if row is None:
        return None
    place, mark = Watermark(*row), watermark(conn)
    return oldest_in(conn, Window(place, mark)) if place < mark else None
