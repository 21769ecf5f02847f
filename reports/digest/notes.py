"""What a digest says about itself: whatever makes it less, or other, than its reader expects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from capture.catalogue.model import Catalogue
from capture.resources import query
from capture.window import Watermark, Window
from reports.digest.style import style_of
from reports.recipients import Recipient, known_modules

_HELD_BACK = timedelta(hours=1)
"""From this age on a change that waits for an open transaction is spoken of; younger ones are everyday life."""


@dataclass(frozen=True, slots=True)
class Lost:
    """UTC days of which the retention removed what no digest had told; `certain` says that there were changes on them."""

    first_day: date
    last_day: date
    certain: bool

    @property
    def sentence(self) -> str:
        """What the reader must know."""
        return f"Changes of {self._days} {self._verb} removed by the retention before this digest could tell them."

    @property
    def headlines(self) -> tuple[str, str]:
        """The same for a subject, in full and in short."""
        return f"Changes of {self._days} {self._verb} removed untold", f"Changes {self._verb} removed untold"

    @property
    def _verb(self) -> str:
        return "were" if self.certain else "may have been"

    @property
    def _days(self) -> str:
        first, last = self.first_day, self.last_day
        year = "" if first.year == last.year else " %Y"
        days = f"{last.day} {last:%B{year}}"
        if first != last:
            same = (first.year, first.month) == (last.year, last.month)
            days = f"{first.day}{'' if same else f' {first:%B{year}}'} to {days}"
        return days


def lost(conn: psycopg.Connection[Any], recipient: Recipient) -> Lost | None:
    """Return what the retention took away since the recipient's last digest and before any could tell it; None without that."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("digest_lost"), {"recipient_id": recipient.id}).fetchone()
    return Lost(*row) if row else None


def moves(conn: psycopg.Connection[Any], window: Window) -> list[datetime]:
    """Return when the database was noticed to have moved to another server, for each move inside a window."""
    if window.first.incarnation == window.next.incarnation:
        return []
    with conn.cursor(row_factory=tuple_row) as cursor:
        parameters = {"first": window.first.incarnation, "next": window.next.incarnation}
        return [row[0] for row in cursor.execute(query("digest_moves"), parameters)]


def waiting_since(conn: psycopg.Connection[Any], mark: Watermark) -> datetime | None:
    """Return the time of the oldest committed change that an open transaction keeps above a watermark; None without one.

    Such a transaction may be in any database of the server, and a prepared one that was forgotten holds all digests back.
    """
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            query("digest_waiting"), {"incarnation": mark.incarnation, "xid": str(mark.xid)}
        ).fetchone()
    return row[0] if row else None


def notes(
    recipient: Recipient,
    catalogue: Catalogue,
    moved: list[datetime],
    waiting: datetime | None,
    clock: datetime,
    *,
    lost: Lost | None = None,
    empty: bool = False,
    nothing_since: datetime | None = None,
) -> tuple[str, ...]:
    """Return the sentences, in the order of their weight; times are those of the reader's zone.

    A digest that is `empty` says what is held back, however short a time: it would seem that there is nothing. One that tells
    several periods in one says so: `nothing_since` is when the one before it ended.
    """

    def shown(at: datetime) -> str:
        local = at.astimezone(recipient.schedule.zone)
        style = style_of(recipient.language)
        return f"{style.day(local)} at {style.clock(local)} ({recipient.schedule.zone.key})"

    said = [lost.sentence] if lost else []
    if nothing_since is not None:
        said.append(f"No digest was cut for you since {shown(nothing_since)}: this one tells all of that time.")
    said += [f"The database moved to another server: this was noticed on {shown(at)}." for at in moved]
    if waiting is not None and (empty or clock - waiting >= _HELD_BACK):
        said.append(
            f"Changes made since {shown(waiting)} may be missing here: a transaction that is still open holds them back."
            " They will be in a later digest."
        )
    if recipient.zone is None:
        said.append(f"The time zone “{recipient.timezone}” is not known here: all times are in UTC.")
    known = {module.casefold() for module in known_modules(catalogue)}
    said += [
        f"The catalogue has no module “{module}” any more: this digest cannot tell anything of it."
        for module in recipient.modules or ()
        if module.casefold() not in known
    ]
    if unmailed := _unmailed(recipient):
        said.append(f"{unmailed} had nothing to tell and {'was' if ' to ' not in unmailed else 'were'} not mailed.")
    return tuple(said)


def reasons(moved: list[datetime], lost: Lost | None) -> tuple[str, ...]:
    """Return what a digest without a change is mailed for, the fullest wording first; nothing where it is a sign of life."""
    if lost:
        return lost.headlines
    return ("The database moved to another server",) if moved else ()


def _unmailed(recipient: Recipient) -> str:
    """Name the digests since the last mailed one, so that a gap in the numbers is not taken for a lost mail."""
    first, last = recipient.mailed_serial + 1, recipient.serial
    if first > last:
        return ""
    return f"Digest no. {first}" if first == last else f"Digests no. {first} to {last}"
