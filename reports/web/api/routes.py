"""The API's routes. All of them only read; what may be read, the door and the scoped log decide, as for the pages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse, Response

from capture.errors import UsageError
from capture.filters import Filters
from reports.export import csv_lines, entry_document, json_lines
from reports.health import document, health
from reports.web.api import openapi
from reports.web.api.documents import choices_document, count_document, page_document, reply, size_of, yes
from reports.web.call import Call, Need, route
from reports.web.errors import Refused
from reports.web.query import FILTERS, chosen_words, filters_of, only
from reports.web.scoped import ScopedLog
from reports.web.signin.identify import identify_program, identify_quietly
from reports.web.stream import Export, Format

_UTC = ZoneInfo("UTC")
_FORMS: dict[str, Format] = {"csv": "csv", "jsonl": "jsonl"}
_LINES = {"csv": csv_lines, "jsonl": json_lines}


def entries(call: Call) -> Response:
    """Give a page of entries, newest first."""
    parameters = call.request.query_params
    only(parameters, *FILTERS, "cursor", "limit", "count")
    wanted = filters_of(parameters, _UTC)
    return _page(call, wanted)


def history(call: Call) -> Response:
    """Give a page of what happened to one row and its parts."""
    parameters = call.request.query_params
    only(parameters, "since", "until", "cursor", "limit", "count")
    times = filters_of(parameters, _UTC)
    row = str(call.request.path_params["table"]), str(call.request.path_params["key"])
    return _page(call, Filters(since=times.since, until=times.until, row=row))


def entry(call: Call) -> Response:
    """Give one entry."""
    only(call.request.query_params)
    found = call.log.find(str(call.request.path_params["id"]))
    if found is None:
        raise Refused(404, "The log has no such entry: it may be older than the retention.")
    return reply(entry_document(found))


def choices(call: Call) -> Response:
    """Give what the filters can be set to."""
    parameters = call.request.query_params
    only(parameters, "since", "until")
    return reply(choices_document(call.log.choices(filters_of(parameters, _UTC))))


def arrived(call: Call) -> Response:
    """Give how many entries have come since a marker was given, and a new marker; without one, only the marker."""
    parameters = call.request.query_params
    only(parameters, *FILTERS, "marker")
    wanted, marker = filters_of(parameters, _UTC), parameters.get("marker")
    newest = call.log.newest()
    count = {"number": 0, "capped": False} if marker is None else count_document(call.log.arrived(wanted, marker))
    return reply({**count, "marker": newest})


def export(call: Call) -> Response:
    """Send all entries that the filters want, as a file; the export is an entry of the log itself."""
    parameters = call.request.query_params
    only(parameters, *FILTERS, "format")
    form = _FORMS.get(parameters.get("format", "jsonl"))
    if form is None:
        raise UsageError("format is csv or jsonl")
    wanted = filters_of(parameters, _UTC)
    return Export(call.request, call.viewer, form, chosen_words(parameters), partial(_lines, wanted, form))


def service_health(call: Call) -> Response:
    """Give how the service is, in full."""
    only(call.request.query_params)
    return reply(document(health(call.conn)))


def description(call: Call) -> Response:
    """Give the OpenAPI document."""
    only(call.request.query_params)
    root = str(call.request.scope.get("root_path", ""))
    return JSONResponse(openapi.document(root, call.state.version))


def _lines(wanted: Filters, form: Format, log: ScopedLog) -> Iterator[str]:
    return _LINES[form](log.entries(wanted))


def _page(call: Call, wanted: Filters) -> Response:
    parameters = call.request.query_params
    page = call.log.page(wanted, cursor=parameters.get("cursor"), size=size_of(parameters))
    counted = {"count": count_document(call.log.count(wanted))} if yes(parameters, "count") else {}
    return reply({**page_document(page), **counted})


_api = partial(route, who=identify_program)

routes = [
    _api("/api/v1/entries", entries, name="api_entries"),
    _api("/api/v1/entries/{id}", entry, name="api_entry"),
    _api("/api/v1/history/{table}/{key:key}", history, name="api_history"),
    _api("/api/v1/choices", choices, name="api_choices"),
    route("/api/v1/arrived", arrived, name="api_arrived", who=identify_quietly),
    _api("/api/v1/export", export, name="api_export", need=Need.EXPORT),
    _api("/api/v1/health", service_health, name="api_health", need=Need.ADMIN),
    _api("/api/v1/openapi.json", description, name="api_openapi"),
]
