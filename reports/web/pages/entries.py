"""The list."""

from __future__ import annotations

from starlette.responses import Response

from capture.reading import Filters
from reports.web.call import Call, route
from reports.web.render import render


def entries(call: Call) -> Response:
    """Show the newest entries."""
    return render(call.request, "entries.html", entries=list(call.log.entries(Filters(limit=50))))


routes = [route("/", entries, name="entries")]
