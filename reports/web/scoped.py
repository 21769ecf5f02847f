"""The log as one viewer sees it: the only way in which pages and API read it, so that nobody can forget whom they read for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg

from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.entries.describe import entries, entry_by_id
from capture.model import Entry
from capture.reading import Filters
from reports.web.viewer import Viewer


class ScopedLog:
    """Reads what a viewer may see, and nothing else."""

    def __init__(self, conn: psycopg.Connection[Any], viewer: Viewer) -> None:
        self._conn = conn
        self._viewer = viewer
        self._catalogue: Catalogue | None = None

    @property
    def catalogue(self) -> Catalogue:
        """The installed catalogue; one without tables where none is installed."""
        if self._catalogue is None:
            self._catalogue = installed_catalogue(self._conn) or Catalogue(name="none")
        return self._catalogue

    def within(self, filters: Filters) -> Filters:
        """Return the filters with the viewer's accounts in them: whatever was asked for, nothing beyond them is read."""
        return replace(filters)

    def entries(self, filters: Filters) -> Iterator[Entry]:
        """Yield the entries that the filters want, newest first."""
        return (e for e in entries(self._conn, self.catalogue, self.within(filters)) if self._sees(e))

    def find(self, entry_id: str) -> Entry | None:
        """Return one entry, None where the log has it no more, or it is none of the viewer's. Raises UsageError on a malformed id."""
        entry = entry_by_id(self._conn, self.catalogue, entry_id)
        return entry if entry is not None and self._sees(entry) else None

    def _sees(self, entry: Entry) -> bool:
        return self._viewer.sees(entry.account, entry.former_account)
