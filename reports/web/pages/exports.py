"""What the filters let through as a file: streamed, however much it is, and written into the log itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from starlette.responses import Response

from capture.model import Entry
from reports.export import csv_lines, json_lines
from reports.web.call import Call, Need, route
from reports.web.csrf import comes_from_elsewhere
from reports.web.errors import Refused
from reports.web.query import FILTERS, LOOKS, chosen_words, filters_of, only, zone_of
from reports.web.stream import Export, Format

Lines = Callable[[Iterable[Entry]], Iterator[str]]


def export_csv(call: Call) -> Response:
    """Send CSV that no spreadsheet calculates, with times in UTC."""
    return _export(call, "csv", csv_lines)


def export_jsonl(call: Call) -> Response:
    """Send JSON lines: entries as the API has them."""
    return _export(call, "jsonl", json_lines)


def _export(call: Call, form: Format, lines: Lines) -> Response:
    parameters = call.request.query_params
    only(parameters, *FILTERS, *LOOKS)
    if comes_from_elsewhere(call.request):
        raise Refused(403, "This export was asked for by another site: open the log, and export from there.")
    # Dates of the filters are those of the zone that the list shows; so the file has what the list had.
    filters = filters_of(parameters, zone_of(parameters, call.viewer, call.state.config.timezone))
    return Export(call.request, call.viewer, form, chosen_words(parameters), lambda log: lines(log.entries(filters)))


routes = [
    route("/export.csv", export_csv, name="export_csv", need=Need.EXPORT),
    route("/export.jsonl", export_jsonl, name="export_jsonl", need=Need.EXPORT),
]
