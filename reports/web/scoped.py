"""The log as one viewer sees it: the only way in which pages and API read it, so that nobody can forget whom they read for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from capture import pages
from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.filters import Filters
from capture.model import Entry
from capture.overview import Choices, Tallies
from capture.pages import Count, Page, Reader
from reports.web.viewer import Viewer


class ScopedLog:
    """Reads what a viewer may see, and nothing else."""

    def __init__(self, conn: psycopg.Connection[Any], viewer: Viewer, *, before: datetime | None = None) -> None:
        """With *before*, what began at that time or later is left out."""
        self._before = before
        self._conn = conn
        self._viewer = viewer
        self._catalogue: Catalogue | None = None
        self._reader: Reader | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The installed catalogue; one without tables where none is installed."""
        if self._catalogue is None:
            self._catalogue = installed_catalogue(self._conn) or Catalogue(name="none")
        return self._catalogue

    @property
    def reader(self) -> Reader:
        """What reads the log for page and count alike: how far its index has come is looked up once."""
        if self._reader is None:
            self._reader = Reader(self._conn, self.catalogue)
        return self._reader

    def within(self, filters: Filters) -> Filters:
        """Return the filters with the viewer's accounts in them: whatever was asked for, nothing beyond them is read."""
        ends = [end for end in (filters.until, self._before) if end is not None]
        return replace(filters, accounts=self._viewer.accounts, until=min(ends, default=None))

    def page(self, filters: Filters, *, cursor: str | None = None, size: int = 50) -> Page:
        """Return a page of entries, newest first. Raises UsageError for a cursor that is none."""
        wish = self.within(filters)
        return pages.page(self._conn, self.catalogue, wish, cursor=cursor, size=size, reader=self.reader)

    def entries(self, filters: Filters) -> Iterator[Entry]:
        """Yield all entries that the filters want, newest first, in bounded memory."""
        return pages.entries(self._conn, self.catalogue, self.within(filters))

    def count(self, filters: Filters, *, cap: int = 2000) -> Count:
        """Return how many entries the filters want, counted up to the cap."""
        return pages.count(self._conn, self.catalogue, self.within(filters), cap=cap, reader=self.reader)

    def find(self, entry_id: str) -> Entry | None:
        """Return one entry, None where the log has it no more, or it is none of the viewer's. Raises UsageError on a malformed id."""
        return pages.find(self._conn, self.catalogue, entry_id, self._viewer.accounts)

    def related(self, entry: Entry) -> list[Entry]:
        """Return the other entries of an entry's transaction, as far as the viewer may see them."""
        moment = Filters(since=entry.at, until=entry.at + timedelta(microseconds=1))
        return [
            other
            for other in self.entries(moment)
            if other.transaction_id == entry.transaction_id and other.id != entry.id
        ]

    def choices(self, filters: Filters | None = None) -> Choices:
        """Return what the filters can offer; inside a time, where *filters* have one."""
        return pages.choices(self._conn, self.catalogue, self.within(filters or Filters()))

    def tallies(self, filters: Filters) -> Tallies:
        """Return how much of what the filters want happened."""
        return pages.tallies(self._conn, self.catalogue, self.within(filters))

    def newest(self) -> str:
        """Return a marker of what is there by now, for `arrived`."""
        return pages.newest(self._conn)

    def arrived(self, filters: Filters, marker: str, *, cap: int = 100) -> Count:
        """Return how many entries have come since the marker was made. Raises UsageError for a marker that is none."""
        return pages.arrived(self._conn, self.catalogue, self.within(filters), marker, cap=cap)

    def oldest(self) -> datetime | None:
        """Return the time of the oldest entry that the viewer may see; None where there is none."""
        if self._viewer.accounts is None:
            return pages.oldest(self._conn)
        return pages.oldest_wanted(self.within(Filters()), self.reader)

    def retention_days(self) -> int:
        """Return how many days the log keeps."""
        return pages.retention_days(self._conn)
