"""The list."""

from __future__ import annotations

from starlette.responses import Response

from reports.web.call import Call, route
from reports.web.query import filters_of, zone_of
from reports.web.render import render


def entries(call: Call) -> Response:
    """Show a page of entries."""
    parameters = call.request.query_params
    zone = zone_of(parameters, call.viewer, call.state.config.timezone)
    page = call.log.page(filters_of(parameters, zone), cursor=parameters.get("cursor"))
    return render(call.request, "entries.html", entries=page.entries)


routes = [route("/", entries, name="entries")]
