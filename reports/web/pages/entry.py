"""One entry on a page of its own: its address can be passed on, and says what became of the entry once it is removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from starlette.responses import Response

from capture.entries.identity import decode
from capture.errors import UsageError
from capture.model import Entry
from capture.resources import query
from reports.web.call import Call, route
from reports.web.look import Look, look
from reports.web.render import render
from reports.web.view.entry import shown
from reports.web.view.times import when
from reports.web.view.wanted import Wanted, month_words

RELATED = 50
_AROUND = timedelta(minutes=10)


def entry(call: Call) -> Response:
    """Show an entry, or say that it was removed. Raises UsageError for an id that is none."""
    seen = look(call)
    entry_id = str(call.request.path_params["id"])
    try:
        found = seen.log.find(entry_id)
    except UsageError:
        # What is said of a wrong id otherwise is for who types commands.
        raise UsageError("no entry has an address that ends so") from None
    if found is None:
        return _gone(seen, entry_id)
    days = seen.log.retention_days()
    since, until = (
        moment.astimezone(seen.zone).isoformat(timespec="seconds")
        for moment in (found.at - _AROUND, found.at + _AROUND)
    )
    return render(
        call.request,
        "entry.html",
        entry=replace(shown(found, seen.reader, "page"), related=_related(seen, found)),
        kept=seen.kept,
        around=Wanted(since=since, until=until, utc=seen.wanted.utc).query(),
        retention_days=days,
        zone_link=seen.zone_link({True: "?zone=utc", False: ""}),
        leaves=month_words(found.at.astimezone(seen.zone) + timedelta(days=days)),
    )


def _related(seen: Look, found: Entry) -> tuple[tuple[str, str], ...]:
    """Return the other entries of the same save: what was its cause, and what followed from it."""
    reader = seen.reader
    return tuple((other.id, shown(other, reader).headline) for other in seen.log.related(found)[:RELATED])


def _gone(seen: Look, entry_id: str) -> Response:
    """Say why there is no such entry: it was purged, or it never was one that this viewer may see."""
    at = decode(entry_id).at
    days = seen.log.retention_days()
    day = when(at, seen.zone, seen.now)
    row = seen.call.conn.execute(query("page_purged"), {"at": at}).fetchone()
    if row is not None or at < seen.now - timedelta(days=days):
        removed = f"was purged on {when(row[0], seen.zone, seen.now).day}" if row else "is no longer shown"
        said = f"An entry of {day.day} {removed}: entries are kept for {row[1] if row else days} days."
        return render(seen.call.request, "gone.html", status=410, title="This entry was removed", said=said)
    said = "The log has no entry under this address, or it is of an account that is none of yours."
    return render(seen.call.request, "gone.html", status=404, title="There is no such entry", said=said)


routes = [route("/entries/{id}", entry, name="entry")]
