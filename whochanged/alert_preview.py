"""An alert to look at: of the sensitive changes of a time; nothing is frozen and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from capture.catalogue import Catalogue
from capture.entries.describe import entries
from capture.filters import Filters
from capture.model import Entry
from capture.window import Window, watermark
from reports.alerts.gather import ALERTED, Bundle
from reports.alerts.mail import AlertMail, compose_alert
from reports.alerts.readers import Stand
from reports.clock import clock
from reports.digest.compose import MailSettings, reader_of
from reports.digest.content import Reader
from reports.recipients import find
from whochanged.mail import sender, words_and_product
from whochanged.output.times import moment
from whochanged.preview import NOBODY, write_parts
from whochanged.settings import Settings

_DAY = timedelta(hours=24)


def make_alert_preview(
    connection: psycopg.Connection[Any], settings: Settings, *, reader: str | None = None, since: str | None = None
) -> AlertMail | None:
    """Return the alert that would tell a recipient the sensitive changes since a time (24 hours ago); None where there are none.

    Raises UsageError for an unknown recipient or time.
    """
    catalogue, product = words_and_product(connection)
    origin = sender(settings) if settings.mail_from else "whochanged@localhost"
    recipient = find(connection, reader) if reader else None
    to = reader_of(recipient) if recipient else Reader(NOBODY, None, "UTC", None, None)
    mark, at = watermark(connection), clock(connection)
    start = at - _DAY
    if since is not None:
        start = moment(since, option="--since", now=at.astimezone(ZoneInfo(to.timezone)), end=False)
    wanted = Filters(
        since=start,
        accounts=None if to.accounts is None else frozenset(to.accounts),
        modules=to.modules or (),
        sensitivity=to.sensitivity,
    )
    oldest = min((entry.at for entry in _sensitive(connection, catalogue, wanted)), default=None)
    if oldest is None:
        return None
    bundle = Bundle(wanted, reader=to, until=at)
    bundle.begin(oldest)
    for entry in _sensitive(connection, catalogue, wanted):
        bundle.offer(entry)
    mail = MailSettings(origin, settings.base_url, product)
    stand = Stand(mark, mark)
    number = recipient.id if recipient else 0
    return compose_alert(connection, mail, number, stand, bundle, Window(mark, mark), at)


def _sensitive(connection: psycopg.Connection[Any], catalogue: Catalogue, wanted: Filters) -> Iterator[Entry]:
    return (entry for entry in entries(connection, catalogue, wanted) if entry.sensitivity == ALERTED)


def write_alert(mail: AlertMail, folder: Path) -> list[Path]:
    """Write the mail as it would be sent, and its two parts, to a folder, and return the paths."""
    return write_parts("alert", mail.message, mail.rendered, folder)
