"""The OpenAPI 3.1 document: made of the routes' own parameters, and of the schemas in schemas.json."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from capture.filters import KINDS, SENSITIVITIES
from capture.model import ChangeType
from reports.web.api.documents import LARGEST, USUAL
from reports.web.errors import PROBLEM
from reports.web.query import LONGEST, SEVERAL

Parameter = dict[str, Any]

_TEXT: dict[str, dict[str, str]] = {
    "since": {"description": "At or after this time; a whole day means its start. UTC where no zone is given."},
    "until": {"description": "Before this time; a whole day means its end."},
    "actor": {"description": "By one of these, as entries name them."},
    "module": {"description": "Of one of these modules."},
    "type": {"description": "Of one of these types."},
    "entity": {"description": "Of the entity of this noun, name, or both."},
    "account": {"description": "Of this account, or of one that it moved away from."},
    "sensitivity": {"description": "Of this sensitivity or a higher one."},
    "kind": {"description": "By people, by the product itself, or by SQL without a named person."},
    "q": {"description": "With words that begin so, in a name, a sentence or a value."},
    "cursor": {"description": "Where the page begins, as an earlier answer gave it."},
    "limit": {"description": "How many entries a page has."},
    "count": {"description": "Whether to count what the filters want, up to 2,000."},
    "marker": {"description": "What an earlier answer gave."},
    "format": {"description": "CSV with UTC times that no spreadsheet calculates, or an entry as JSON a line."},
}
_SCHEMA: dict[str, dict[str, Any]] = {
    "type": {"enum": [word.value for word in ChangeType]},
    "sensitivity": {"enum": list(SENSITIVITIES)},
    "kind": {"enum": list(KINDS)},
    "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": USUAL},
    "count": {"type": "boolean", "default": False},
    "format": {"enum": ["jsonl", "csv"], "default": "jsonl"},
    "since": {"type": "string", "examples": ["2026-11-24", "2026-11-24T09:00:00Z", "7d", "yesterday"]},
    "until": {"type": "string", "examples": ["2026-11-25", "now"]},
}
_TIMES = ("since", "until")
_FILTERS = (*_TIMES, "actor", "module", "type", "entity", "account", "sensitivity", "kind", "q")
_PAGED = ("cursor", "limit", "count")


def document(root: str, version: str) -> dict[str, Any]:
    """Return the document; *root* is the path below which the application is mounted."""
    return {**_described(version), "servers": [{"url": root or "/"}]}


@cache
def _described(version: str) -> dict[str, Any]:
    schemas = json.loads((files("reports.web.api") / "schemas.json").read_text(encoding="utf-8"))
    paths = {
        "/api/v1/entries": _get("api_entries", "Entries, newest first", "Page", (*_FILTERS, *_PAGED)),
        "/api/v1/entries/{id}": _get("api_entry", "One entry", "Entry", path=("id",), missing=True),
        "/api/v1/history/{table}/{key}": _get(
            "api_history", "What happened to one row and its parts", "Page", (*_TIMES, *_PAGED), path=("table", "key")
        ),
        "/api/v1/choices": _get("api_choices", "What the filters can be set to", "Choices", _TIMES),
        "/api/v1/arrived": _get(
            "api_arrived", "How many entries came since a marker", "Arrived", (*_FILTERS, "marker")
        ),
        "/api/v1/export": _get(
            "api_export", "All entries that the filters want, as a file", None, (*_FILTERS, "format"), scope="export"
        ),
        "/api/v1/health": _get("api_health", "How the service is; for those who see all accounts", "Health"),
        "/api/v1/openapi.json": _get("api_openapi", "This document", "Document"),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "whochanged",
            "version": version,
            "summary": "Who changed what in the configuration, when, from where, from what to what.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Problem": {"description": "What went wrong (RFC 9457)", "content": _json("Problem", PROBLEM)}
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "whochanged tokens add NAME"},
                "session": {"type": "apiKey", "in": "cookie", "name": "whochanged_session"},
            },
        },
    }


def _get(
    name: str,
    summary: str,
    schema: str | None,
    query: tuple[str, ...] = (),
    *,
    path: tuple[str, ...] = (),
    missing: bool = False,
    scope: str = "read",
) -> dict[str, Any]:
    answers = ["400", "401", "403", *(["404"] if missing else []), "503"]
    text = {"schema": {"type": "string"}}
    content = _json(schema) if schema else {"application/x-ndjson": text, "text/csv": text}
    operation = {
        "operationId": name,
        "summary": summary,
        "security": [{"token": [scope]}, {"session": []}],
        "parameters": [*map(_in_path, path), *map(_in_query, query)],
        "responses": {
            "200": {"description": summary, "content": content},
            **{status: {"$ref": "#/components/responses/Problem"} for status in answers},
        },
    }
    return {"get": operation}


def _json(schema: str, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _in_path(name: str) -> Parameter:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
    }


def _in_query(name: str) -> Parameter:
    schema = _SCHEMA.get(name, {"type": "string", "maxLength": LONGEST})
    if name in SEVERAL:
        schema = {"type": "array", "items": schema}
    return {"name": name, "in": "query", "schema": schema, **_TEXT[name]}
