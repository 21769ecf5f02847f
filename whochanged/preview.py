"""A digest to look at: as a recipient would get it now, or of any time; nothing is frozen and nothing is sent."""

from __future__ import annotations

import os
import sys
import webbrowser
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
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
from reports.digest.render import Rendered
from reports.recipients import find
from whochanged.mail import sender, words_and_product
from whochanged.output.periods import NEXT, period
from whochanged.output.times import moment
from whochanged.settings import Settings

NOBODY = "reader@example.com"
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which time the preview is asked for: a named one (`--period`), or from `since` to `until`. None of them: what is new."""

    period: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def next(self) -> bool:
        """Whether what is new is asked for."""
        return (self.period or NEXT).strip().lower() == NEXT and self.since is None and self.until is None


def make_preview(
    connection: psycopg.Connection[Any],
    settings: Settings,
    asked: Asked,
    *,
    reader: str | None = None,
    timezone: str | None = None,
) -> tuple[Mail, bool]:
    """Return the mail that the recipient *reader* would get now, or that tells them the time that is *asked* for.

    Also whether it would be mailed: not where there is nothing to tell and no sign of life is due.

    Without a recipient it tells everything, in the zone *timezone*, of the last 24 hours where no time is given.
    Raises UsageError for an unknown recipient, zone or time.
    """
    catalogue, product = words_and_product(connection)
    origin = sender(settings) if settings.mail_from else "whochanged@localhost"
    recipient = find(connection, reader) if reader else None
    mail = MailSettings(origin, settings.base_url, product)
    if asked.period is not None and asked.next and not recipient:
        raise UsageError(f"--period {NEXT} is what a recipient gets next: say with --as whose")
    if recipient and asked.next:
        return cut_to_look_at(connection, catalogue, mail, recipient)
    to = reader_of(recipient) if recipient else Reader(NOBODY, None, zone_of(timezone or "UTC").key, None, None)
    mark, at = watermark(connection), clock(connection)
    span = _span(at, to, asked)
    wanted = Filters(
        since=span.start,
        until=span.end,
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
        span,
        window=Window(mark, mark),
        number=recipient.id if recipient else 0,
        serial=recipient.serial + 1 if recipient else 1,
        date=at,
    )
    return made, True


def write_preview(mail: Mail, folder: Path) -> list[Path]:
    """Write the mail as it would be sent, and its two parts, to a folder, and return the paths."""
    return write_parts("digest", mail.message, mail.rendered, folder)


def write_parts(name: str, message: bytes, rendered: Rendered, folder: Path) -> list[Path]:
    """Write NAME.eml, NAME.html and NAME.txt to a folder, and return the paths. Raises UsageError where that cannot be."""
    parts = {f"{name}.eml": message, f"{name}.html": rendered.html.encode(), f"{name}.txt": rendered.text.encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in parts.items():
            (folder / file).write_bytes(content)
    except OSError as error:
        problem = f"cannot write to {folder} ({error.strerror}): choose another folder with --out"
        raise UsageError(problem) from error
    return [folder / file for file in parts]


def page_of(mail: Mail) -> Path:
    """Write the HTML part where only its owner can read it, and return the path; it stays there for the browser."""
    page = Path(mkdtemp(prefix="whochanged-")) / "digest.html"
    page.write_text(mail.rendered.html, encoding="utf-8")
    return page


def show_in_browser(page: Path) -> bool:
    """Open a page in the browser of this machine, and return whether there is one.

    Without a display nothing is tried: a browser of the terminal would take that over.
    """
    displayed = sys.platform in {"darwin", "win32"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    return displayed and webbrowser.open(page.resolve().as_uri())


def _span(at: datetime, reader: Reader, asked: Asked) -> Period:
    """Return the time that is meant in the reader's zone: 24 hours where no beginning is given."""
    now = at.astimezone(ZoneInfo(reader.timezone))
    if asked.period is not None and not asked.next:
        return Period(*period(asked.period, now), "now")
    since, until = asked.since, asked.until
    end = at if until is None else moment(until, option="--until", now=now, end=True)
    start = end - _DAY if since is None else moment(since, option="--since", now=now, end=False)
    if start >= end:
        message = (
            f"--since {since} is not before {'now' if until is None else f'--until {until}'}: nothing can be between"
        )
        raise UsageError(message)
    return Period(start, end, "now")
