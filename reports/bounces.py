"""Mails that come back: what it takes until nothing is sent to an address any more, and what ends that.

One mail whose address is refused for good, or BOUNCES in a row that were given up for another reason. It ends when somebody resumes the
recipient or changes the address, or when a mail arrives after all (`whochanged digest send --now` tries). Nothing is cut meanwhile,
and nothing is lost: the first digest afterwards tells everything since the last.
"""

from __future__ import annotations

from typing import Any

import psycopg

from capture.resources import query
from reports.smtp import Answer

BOUNCES = 3


def note_bounce(conn: psycopg.Connection[Any], recipient_id: int, address: str, answer: Answer) -> None:
    """Write down that a mail was given up; what is said of an address that the recipient has no more is not."""
    values = {
        "id": recipient_id,
        "address": address,
        "hard": answer.hard,
        "answer": answer.said or "no answer",
        "most": BOUNCES,
    }
    conn.execute(query("recipient_bounce"), values)


def note_taken(conn: psycopg.Connection[Any], recipient_id: int, address: str) -> None:
    """Write down that a mail was taken: the address works."""
    conn.execute(query("recipient_taken"), {"id": recipient_id, "address": address})
