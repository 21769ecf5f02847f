"""Mails that were given up, and how they are tried again: to the address that their recipient has then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from capture.errors import UsageError
from capture.resources import query
from reports.addresses import checked_address
from reports.clock import clock


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that was parked, of somebody who is a recipient still; `email` is their address now."""

    digest_id: int
    recipient_id: int
    address: str
    email: str
    serial: int
    tries: int
    answer: str | None

    @property
    def goes_to(self) -> str:
        """The address that it goes to next: somebody may have put it right since the cut."""
        return address_now(self.email) or self.address


def address_now(email: str) -> str | None:
    """Return a recipient's address as mails go there; None where SQL has written what is none."""
    try:
        return checked_address(email)
    except UsageError:
        return None


def parked(conn: psycopg.Connection[Any]) -> list[Parked]:
    """Return what is parked, but for what waits for a recipient who is paused."""
    with conn.cursor(row_factory=class_row(Parked)) as cursor:
        return cursor.execute(query("delivery_parked")).fetchall()


def unpark(conn: psycopg.Connection[Any], recipient_id: int | None = None, *, began: datetime | None = None) -> None:
    """Let what is parked be tried again, of all recipients or of one; it is due since *began*, else from now on."""
    since = began or clock(conn)
    for one in parked(conn):
        if recipient_id in {None, one.recipient_id}:
            mail = {"digest_id": one.digest_id, "address": one.address}
            conn.execute(query("delivery_unpark"), {**mail, "now": one.goes_to, "began": since})
