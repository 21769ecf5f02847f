"""A digest to look at: as a recipient would get it now, or of any time; nothing is frozen and nothing is sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from capture.entries.describe import entries
from capture.errors import UsageError
from capture.filters import Filters
from capture.window import Window, watermark
from reports.calendar import zone_of
from reports.clock import clock
from reports.digest.compose import Mail, MailSettings, compose, reader_of
from reports.digest.content import Period, Reader
from reports.digest.cut import cut_to_look_at
from reports.recipients import find
from whochanged.mail import sender, words_and_product
from whochanged.output.times import moment
from whochanged.settings import Settings

NOBODY = "reader@example.com"
_DAY = timedelta(hours=24)


def make_preview(
    connection: psycopg.Connection[Any],
    settings: Settings,
    *,
    reader: str | None = None,
    since: str | None = None,
    until: str | None = None,
    timezone: str | None = None,
) -> tuple[Mail, bool]:
    """Return the mail that the recipient *reader* would get now, or that tells the time from *since* to *until*.

    Also whether it would be mailed: not where there is nothing to tell and no sign of life is due.

    Without a recipient it tells everything, in the zone *timezone*, of the last 24 hours where no time is given.
    Raises UsageError for an unknown recipient, zone or time.
    """
    catalogue, product = words_and_product(connection)
    origin = sender(settings) if settings.mail_from else "whochanged@localhost"
    recipient = find(connection, reader) if reader else None
    mail = MailSettings(origin, settings.base_url, product)
    if recipient and since is None and until is None:
        return cut_to_look_at(connection, catalogue, mail, recipient)
    to = reader_of(recipient) if recipient else Reader(NOBODY, None, zone_of(timezone or "UTC").key, None, None)
    mark, at = watermark(connection), clock(connection)
    period = _period(at, to, since, until)
    wanted = Filters(
        since=period.start,
        until=period.end,
        accounts=None if to.accounts is None else frozenset(to.accounts),
        modules=to.modules or (),
        sensitivity=to.sensitivity,
    )
    made = compose(
        connection,
        catalogue,
        mail,
        entries(connection, catalogue, wanted),
        to,
        period,
        window=Window(mark, mark),
        number=recipient.id if recipient else 0,
        serial=recipient.serial + 1 if recipient else 1,
        date=at,
    )
    return made, True


def _period(at: datetime, reader: Reader, since: str | None, until: str | None) -> Period:
    """Return the time that the options mean in the reader's zone: 24 hours where no beginning is given."""
    now = at.astimezone(ZoneInfo(reader.timezone))
    end = at if until is None else moment(until, option="--until", now=now, end=True)
    start = end - _DAY if since is None else moment(since, option="--since", now=now, end=False)
    if start >= end:
        message = (
            f"--since {since} is not before {'now' if until is None else f'--until {until}'}: nothing can be between"
        )
        raise UsageError(message)
    return Period(start, end, "now")


def write_preview(mail: Mail, folder: Path) -> list[Path]:
    """Write the mail as it would be sent, and its two parts, to a folder, and return the paths."""
    parts = {
        "digest.eml": mail.message,
        "digest.html": mail.rendered.html.encode(),
        "digest.txt": mail.rendered.text.encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in parts.items():
            (folder / name).write_bytes(part)
    except OSError as error:
        message = f"cannot write to {folder} ({error.strerror}): choose another folder with --out"
        raise UsageError(message) from error
    return [folder / name for name in parts]
