"""Who gets alerts by mail, how far each was told, and what keeps an alert back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

from capture.errors import UsageError
from capture.filters import Filters
from capture.resources import query
from capture.window import Watermark
from reports.admins import Admins
from reports.digest.compose import reader_of
from reports.recipients import Recipient, read

Channel = Literal["mail", "webhook"]

Held = Literal["rate", "paused", "bounced", "no_admin", "undelivered", "address", "stopped", "down"]
"""Why nothing is cut: too many lately; paused; mails come back; no admin of all that is told, by the query of admins; an earlier one waits
for the mail server; an address that no mail can go to; the webhook wants nothing any more; the webhook does not answer."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a reader is: all before `told` is told; all before `looked` was looked at, and of that `held` entries are not told yet.

    `held_since` is when the oldest of these was made, `serial` the number of the last alert.
    """

    told: Watermark
    looked: Watermark
    held: int = 0
    held_since: datetime | None = None
    serial: int = 0

    def hold(self, number: int, oldest: datetime | None, mark: Watermark) -> Stand:
        """Return the stand after a look that held back so many further entries."""
        since = min((at for at in (self.held_since, oldest) if at is not None), default=None)
        return replace(self, looked=mark, held=self.held + number, held_since=since)

    def tell(self, mark: Watermark, alerts: int) -> Stand:
        """Return the stand after so many alerts that told all before the mark."""
        return Stand(mark, mark, serial=self.serial + alerts)


@dataclass(frozen=True, slots=True)
class MailReader:
    """A recipient, their stand, whether they want alerts, and what keeps the next one back."""

    recipient: Recipient
    stand: Stand
    wants: bool
    held_for: Held | None

    @property
    def filters(self) -> Filters:
        """What the recipient may know: the same as of digests."""
        recipient = self.recipient
        return Filters(
            accounts=None if recipient.accounts is None else frozenset(recipient.accounts),
            modules=recipient.modules or (),
            sensitivity=recipient.sensitivity,
        )


def mail_readers(
    conn: psycopg.Connection[Any], numbers: list[int], at: datetime, per_hour: int, admins: Admins
) -> list[MailReader]:
    """Return the readers with these numbers. *per_hour* is how many mails each may get in an hour, *at* the database's time."""
    everyone = {recipient.id: recipient for recipient in read(conn)}
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("alert_readers"), {"at": at, "ids": numbers}).fetchall()
    return [
        MailReader(
            recipient=everyone[row["reader"]],
            stand=stand_of(row),
            wants=everyone[row["reader"]].alerts,
            held_for=_held_for(row, everyone[row["reader"]], per_hour, admins),
        )
        for row in rows
        if row["reader"] in everyone
    ]


def stand_of(row: dict[str, Any]) -> Stand:
    """Return the stand that a row of audit.alert_stand says."""
    return Stand(
        told=Watermark(row["told_incarnation"], row["told_xid"]),
        looked=Watermark(row["looked_incarnation"], row["looked_xid"]),
        held=row["held"],
        held_since=row["held_since"],
        serial=row.get("serial", 0),
    )


def move(conn: psycopg.Connection[Any], channel: Channel, reader: int, stand: Stand, held_for: Held | None) -> None:
    """Write down where a reader stands."""
    values = {
        "channel": channel,
        "reader": reader,
        "told_incarnation": stand.told.incarnation,
        "told_xid": str(stand.told.xid),
        "looked_incarnation": stand.looked.incarnation,
        "looked_xid": str(stand.looked.xid),
        "held": stand.held,
        "held_since": stand.held_since,
        "held_for": held_for if stand.held else None,
        "serial": stand.serial,
    }
    conn.execute(query("alert_move"), values)


def quarter_of(per_hour: int) -> int:
    """Return how many mails of an hour's may go in a quarter of one: a burst must not use up the hour, and hide what follows."""
    return -(-per_hour // 4)


def _held_for(row: dict[str, Any], recipient: Recipient, per_hour: int, admins: Admins) -> Held | None:
    if recipient.held in {"paused", "bounced"}:
        return recipient.held
    if not admins.may_get(recipient.email, recipient.accounts):
        return "no_admin"
    try:
        reader_of(recipient)
    except UsageError:
        return "address"
    if row["undelivered"]:
        return "undelivered"
    if row["last_hour"] >= per_hour or row["last_quarter"] >= quarter_of(per_hour):
        return "rate"
    return None
