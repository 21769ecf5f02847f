"""What the tests of alerts share: sensitive changes that are easy to find, looks, and the alerts that were frozen."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from reports.alerts.look import Alert, cut_alerts
from tests.digests import CATALOGUE, MAIL, parsed, text_of

Connection = psycopg.Connection[Any]


def ask_to_leave(conn: Connection, reason: str, account: int = 1) -> None:
    """Make a sensitive change that is easy to find in a mail: a request for cancellation with a reason."""
    conn.execute(
        "INSERT INTO crm.account_cancellation_requests (account_id, requested_by, reason) VALUES (%s, 1, %s)",
        (account, reason),
    )


def look(conn: Connection, *, per_hour: int = 1000, dry_run: bool = False) -> list[Alert]:
    """Look once, with the shipped catalogue."""
    return cut_alerts(conn, CATALOGUE, MAIL, per_hour=per_hour, dry_run=dry_run)


def rows(conn: Connection) -> list[Any]:
    """Return the alerts that were frozen, in their order."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute("SELECT * FROM audit.digest WHERE kind = 'alert' ORDER BY id").fetchall()


def messages(conn: Connection) -> list[EmailMessage]:
    """Return the frozen alerts, parsed."""
    return [parsed(row.message) for row in rows(conn)]


def texts(conn: Connection) -> list[str]:
    """Return the text parts of the frozen alerts, each in one line."""
    return [text_of(row.message) for row in rows(conn)]


def told(conn: Connection, reason: str) -> int:
    """Return in how many alerts a reason stands."""
    return sum(f"“{reason}”" in text for text in texts(conn))


def stand(conn: Connection, reader: int = 1, channel: str = "mail") -> Any:
    """Return where a reader stands."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(
            "SELECT * FROM audit.alert_stand WHERE channel = %s AND reader = %s", (channel, reader)
        ).fetchone()


def delivered(conn: Connection) -> None:
    """Make all mails sent, as the mail server would."""
    conn.execute("UPDATE audit.delivery SET state = 'sent', sent_at = now() WHERE state = 'pending'")


def older(conn: Connection, by: timedelta) -> None:
    """Make all alerts as old as if they had been cut so long ago."""
    conn.execute("UPDATE audit.digest SET cut_at = cut_at - %s WHERE kind = 'alert'", (by,))
