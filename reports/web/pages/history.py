"""The life of one entity: its changes as a timeline, what it was at a moment, and what differs between two."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from capture.errors import UsageError
from capture.filters import Filters
from capture.reading import tracked
from reports import safety
from reports.web.call import Call, route
from reports.web.errors import Refused
from reports.web.look import Look, look
from reports.web.render import render
from reports.web.view.entry import shown
from reports.web.view.moments import contrast, state
from reports.web.view.times import When, when

MOST: Final = 500
"""So many changes are shown, and known to states and differences."""

_WHOLE_MINUTE = re.compile(r"T\d\d:\d\d(?!:)")
"""A moment that was given without seconds, as forms give it: all of that minute is meant."""

_NAME: Final = 160


@dataclass(frozen=True, slots=True)
class Asked:
    """A moment that was asked for, and as it is shown; `minute` tells that it is all of a minute."""

    moment: datetime
    shown: When
    minute: bool

    @property
    def full_short(self) -> str:
        """The moment in a heading: "24 Nov 2026, 09:41:58"; of a minute, "24 Nov 2026, 09:41"; with an offset that is not that of now."""
        offset = f" {self.shown.offset}" if self.shown.offset else ""
        return f"{self.shown.day}, {self.shown.clock[:5] if self.minute else self.shown.clock}{offset}"

    @property
    def address(self) -> str:
        """The moment for an address, the same in every zone: "2026-11-24T08:41Z", with its seconds where it is no whole minute."""
        return f"{self.moment:%Y-%m-%dT%H:%MZ}" if self.minute else self.shown.iso


def history(call: Call) -> Response:
    """Show the history of an entity. Raises Refused where the table is not in the log."""
    seen = look(call)
    table, key = str(call.request.path_params["table"]), str(call.request.path_params["key"])
    watched = [] if "\0" in table + key else tracked(call.conn, table)
    if not watched or not watched[0].key_columns:
        raise Refused(404, "The log has no history under this address: follow one from an entry of the list.")
    found = list(islice(seen.log.entries(Filters(row=(table, key), limit=MOST + 1)), MOST + 1))
    more, found = len(found) > MOST, found[:MOST]
    reader = seen.reader
    timeline = [shown(entry, reader) for entry in found]
    at, first, second = (_asked(seen, name) for name in ("at", "from", "to"))
    if (first is None) != (second is None):
        raise UsageError("choose two points of the timeline, one to compare from and one to compare to")
    if first and second and first.moment > second.moment:
        first, second = second, first
    oldest = found[-1].at if found else seen.now
    asked = [(name, one.address) for name, one in (("at", at), ("from", first), ("to", second)) if one]
    return render(
        call.request,
        "history.html",
        here=call.request.scope.get("root_path", "")
        + str(call.request.app.url_path_for("history", table=table, key=key)),
        row=safety.line(f"{table} {key}", _NAME),
        thing=timeline[0].thing if timeline else safety.line(f"{table} {key}", _NAME),
        module=timeline[0].module_name if timeline else None,
        timeline=timeline,
        total=len(found),
        more=more,
        retention_days=seen.log.retention_days(),
        zone_title=seen.zone_title,
        zone_link=seen.zone_link({utc: "?" + urlencode(asked + [("zone", "utc")] * utc) for utc in (True, False)}),
        kept=seen.kept,
        utc=seen.wanted.utc,
        at=at,
        asked_at=at.moment.astimezone(seen.zone).strftime("%Y-%m-%dT%H:%M") if at else "",
        state=state(found, (table, key), at.moment) if at else None,
        first=first,
        second=second,
        contrast=contrast(found, (table, key), first.moment, second.moment) if first and second else None,
        chosen_from=first.shown.iso if first else "",
        chosen_to=second.shown.iso if second else "",
        beginning=when(oldest - timedelta(microseconds=1), seen.zone, seen.now).iso,
    )


def _asked(seen: Look, name: str) -> Asked | None:
    """Return a moment of the address, None where there is none. Without an offset it is one of the viewer's zone."""
    text = seen.call.request.query_params.get(name, "").strip()
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text)
        moment = (given if given.tzinfo else given.replace(tzinfo=seen.zone)).astimezone(UTC)
        minute = _WHOLE_MINUTE.search(text) is not None
        if minute:
            moment += timedelta(seconds=59, microseconds=999_999)
        return Asked(moment, when(moment, seen.zone, seen.now), minute)
    except (ValueError, OverflowError):
        raise UsageError(f"'{name}' is no moment: write one such as 2026-11-24T09:00") from None


routes = [route("/history/{table}/{key:key}", history, name="history")]
