"""The addresses that a mail leads to: the page of the log, one entry, one module's changes, a row's history, the settings.

Without the address of the page (WHOCHANGED_BASE_URL) there are none: a mail has no link that leads nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

from capture.errors import ConfigurationError
from reports import safety

_URL = re.compile(r"[^\s<>\"'\\\x00-\x20\x7f]+")
_LONGEST_NAME = 60
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses. `base` is that of the page, without a slash at its end; `token` is what stops the mails to one reader."""

    base: str
    since: datetime
    until: datetime
    token: str | None = None

    def entry(self, entry_id: str) -> str:
        """Return where one entry is shown, with all that is known of it."""
        return f"{self.base}/entries/{_path(entry_id)}"

    def history(self, row: tuple[str, str]) -> str:
        """Return where all changes of a row are shown; *row* is its table and its key as text."""
        return f"{self.base}/history/{_path(row[0])}/{_path(row[1])}"

    def module(self, name: str) -> str | None:
        """Return where the changes of a module are shown, of the time of the digest; None for a name that no module has."""
        if safety.line(name, _LONGEST_NAME) != name:
            return None
        return f"{self.base}/?{self._query(module=name)}"

    @property
    def log(self) -> str:
        """Where all changes of the time of the digest are shown."""
        return f"{self.base}/?{self._query()}"

    @property
    def settings(self) -> str:
        """Where a reader changes what is mailed."""
        return f"{self.base}/settings"

    @property
    def unsubscribe(self) -> str | None:
        """Where the mails are stopped, without a login; None where the reader has no token."""
        return unsubscribe(self.base, self.token)

    def _query(self, **wanted: str) -> str:
        # The page's end is not included, like the digest's; both are whole seconds around what is told.
        until = self.until if self.until.microsecond == 0 else self.until.replace(microsecond=0) + _SECOND
        return urlencode(wanted | {"since": _utc(self.since), "until": _utc(until)}, quote_via=quote, safe=":")


def unsubscribe(base_url: str | None, token: str | None) -> str | None:
    """Return the address that stops the mails to whoever has the token; None without a page or a token."""
    return f"{base_url.rstrip('/')}/unsubscribe/{_path(token)}" if base_url and token else None


def checked(url: str) -> str:
    """Return the address of the log's page without a slash at its end. Raises ConfigurationError where it is none."""
    problem = ConfigurationError(f"{url!r} is no address of a page: write one such as https://audit.example.com.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise problem from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii() or not _URL.fullmatch(url):
        raise problem
    return url.rstrip("/")


def _path(text: str) -> str:
    """Return a text as one part of a path. A part of dots alone would be taken for a folder."""
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
