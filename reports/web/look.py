"""One look at the log: who reads, in which zone, what they asked for, and what the filters can offer them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams

from capture.filters import Filters
from capture.pages import Choices
from reports.web.call import Call
from reports.web.database import Database
from reports.web.query import filters_of, zone_of
from reports.web.scoped import ScopedLog
from reports.web.view.entry import Reader
from reports.web.view.times import zone_title
from reports.web.view.wanted import Wanted

FRESH = 60.0
"""So many seconds what the filters offer may be old: it is made of the whole log."""

_SCOPES = 200
"""Of so many different sets of accounts it is kept."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link to this page in another way: its words and its query."""

    words: str
    query: str


@dataclass
class Look:
    """What a page needs to read and to show entries. `own_zone` is the viewer's, `zone` the one that is shown."""

    call: Call
    log: ScopedLog
    wanted: Wanted
    own_zone: ZoneInfo
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times are shown."""
        return ZoneInfo("UTC") if self.wanted.utc else self.own_zone

    @property
    def zone_title(self) -> str:
        """That zone with its offset."""
        return zone_title(self.zone, self.now)

    @property
    def choices(self) -> Choices:
        """What the filters can offer this viewer."""
        return _offers(self.call, self.log)

    @property
    def accounts(self) -> Mapping[str, str]:
        """The names of the accounts that this viewer sees, by their ids."""
        return {choice.value: choice.label for choice in self.choices.accounts}

    @property
    def reader(self) -> Reader:
        """How this viewer reads entries."""
        return Reader(self.zone, self.now, self.log.catalogue, self.accounts)

    @property
    def kept(self) -> str:
        """The query that keeps the zone from page to page."""
        return "?zone=utc" if self.wanted.utc else ""

    def zone_link(self, query: Mapping[bool, str]) -> Link | None:
        """Return the switch to the other zone; *query* is that of this page in UTC and in the own zone. None where both are one."""
        if zone_title(self.own_zone, self.now) == "UTC":
            return None
        words = "Show UTC" if not self.wanted.utc else f"Show {zone_title(self.own_zone, self.now)}"
        return Link(words, query[not self.wanted.utc])

    def filters(self) -> Filters:
        """Return what is asked for as filters of the log. Raises UsageError where a filter means nothing."""
        return filters_of(self.call.request.query_params, self.zone)


def look(call: Call) -> Look:
    """Return a look at the log for the viewer of a request."""
    own_zone = zone_of(QueryParams(), call.viewer, call.state.config.timezone)
    return Look(call, call.log, Wanted.of(call.request.query_params.multi_items()), own_zone)


_kept: WeakKeyDictionary[Database, dict[frozenset[str] | None, tuple[float, Choices]]] = WeakKeyDictionary()
_lock, _making = threading.Lock(), threading.Lock()


def _offers(call: Call, log: ScopedLog) -> Choices:
    """Return what the filters can offer; made anew where it is older than FRESH, by one of a crowd: the others take what there is."""
    scope = call.viewer.accounts

    def known() -> tuple[float, Choices] | None:
        with _lock:
            return _kept.setdefault(call.state.database, {}).get(scope)

    found = known()
    if found is not None and (monotonic() - found[0] < FRESH or not _making.acquire(blocking=False)):
        return found[1]
    if found is None:
        _making.acquire()
    try:
        found = known()
        if found is not None and monotonic() - found[0] < FRESH:
            return found[1]
        choices = log.choices()
        with _lock:
            of_log = _kept.setdefault(call.state.database, {})
            if len(of_log) >= _SCOPES:
                of_log.clear()
            of_log[scope] = monotonic(), choices
        return choices
    finally:
        _making.release()
