"""What the tests of digests share: recipients who wait, a clock that the test sets, and the mails that were frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from typing import Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from capture.catalogue import load_shipped
from capture.catalogue.own import with_own
from reports import recipients
from reports.digest.cut import Cut, MailSettings, cut_due
from reports.recipients import Recipient

Connection = psycopg.Connection[Any]

CATALOGUE = with_own(load_shipped())
MAIL = MailSettings("Cloudfon CX <audit@example.com>", None)
ANA, BEN, EVE = "ana@example.com", "ben@example.com", "eve@example.com"


@dataclass
class Clock:
    """The database's clock, as the parts that cut and send see it: it stands still until the test moves it."""

    at: datetime

    def __call__(self, conn: Connection) -> datetime:
        """Return the time, as `reports.clock.clock` does."""
        del conn
        return self.at

    def set(self, text: str) -> None:
        """Move the clock to a time in UTC."""
        self.at = datetime.fromisoformat(text).replace(tzinfo=UTC)


def stopped_clock(monkeypatch: pytest.MonkeyPatch, text: str) -> Clock:
    """Stop the clock at a time in UTC."""
    clock = Clock(datetime.fromisoformat(text).replace(tzinfo=UTC))
    monkeypatch.setattr("reports.digest.cut.clock", clock)
    return clock


def add(conn: Connection, email: str = ANA, *, added_at: datetime | str | None = None, **choices: Any) -> Recipient:
    """Add a recipient; one that was added a while ago, for whom a digest is due, unless a time is given."""
    recipients.add(conn, CATALOGUE, email, **choices)
    at = added_at or datetime.now(UTC) - timedelta(days=3)
    conn.execute("UPDATE audit.recipient SET added_at = %s WHERE email = %s", (at, email))
    return recipients.find(conn, email)


def due_again(conn: Connection, days: int = 3) -> None:
    """Make the next digests due, as if the last ones had been cut some days earlier."""
    conn.execute(
        "UPDATE audit.digest SET window_start = window_start - make_interval(days => %(days)s),"
        " window_end = window_end - make_interval(days => %(days)s)",
        {"days": days},
    )


def cut(conn: Connection, *, now: bool = False, mail: MailSettings = MAIL) -> list[Cut]:
    """Cut what is due with the shipped catalogue."""
    return cut_due(conn, CATALOGUE, mail, now=now)


def rename(conn: Connection, name: str, territory: int = 1) -> None:
    """Make a change that is easy to find in a mail: "Renamed territory ... to “name”"."""
    conn.execute("UPDATE crm.territories SET name = %s WHERE id = %s", (name, territory))


def frozen(conn: Connection) -> list[Any]:
    """Return the rows of audit.digest in the order they were cut."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute("SELECT * FROM audit.digest ORDER BY id").fetchall()


def parsed(message: bytes) -> EmailMessage:
    """Return a frozen message, parsed."""
    found = BytesParser(policy=SMTP).parsebytes(message)
    assert isinstance(found, EmailMessage)
    return found


def text_of(message: bytes) -> str:
    """Return the text part of a message in one line, as its lines are folded."""
    part = parsed(message).get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


def texts(conn: Connection) -> list[str]:
    """Return the text parts of the mails that were frozen."""
    return [text_of(row.message) for row in frozen(conn) if row.message]


def told(conn: Connection, name: str) -> int:
    """Return in how many mails a territory's new name stands."""
    return sum(f"to “{name}”" in text for text in texts(conn))
