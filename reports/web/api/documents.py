"""What the API answers: JSON of the same form as `whochanged log --json`, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from capture.errors import UsageError
from capture.overview import Choice, Choices, Person
from capture.pages import Count, Page
from reports.export import entry_document, to_json

LARGEST = 200
USUAL = 50


def reply(document: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with a JSON object; numbers keep all their digits."""
    return Response(to_json(document), status, media_type="application/json")


def page_document(page: Page) -> dict[str, Any]:
    """Return a page: its entries, and the cursors of those around it."""
    return {
        "entries": [entry_document(entry) for entry in page.entries],
        "newer": page.newer,
        "older": page.older,
    }


def count_document(count: Count) -> dict[str, Any]:
    """Return a count; `capped`: there are more."""
    return {"number": count.number, "capped": count.capped}


def choices_document(choices: Choices) -> dict[str, Any]:
    """Return what the filters can be set to."""
    return {
        "actors": [_person(person) for person in choices.people],
        "modules": [_choice(choice) for choice in choices.modules],
        "types": [_choice(choice) for choice in choices.types],
        "entities": [_choice(choice) for choice in choices.entities],
        "accounts": [_choice(choice) for choice in choices.accounts],
    }


def size_of(parameters: QueryParams) -> int:
    """Return how many entries a page shall have. Raises UsageError where that is no number from 1 to LARGEST."""
    given = parameters.get("limit", str(USUAL))
    if not (given.isascii() and given.isdecimal() and len(given) <= len(str(LARGEST)) and 1 <= int(given) <= LARGEST):
        raise UsageError(f"limit is a number from 1 to {LARGEST}")
    return int(given)


def yes(parameters: QueryParams, name: str) -> bool:
    """Return whether a parameter is set to true. Raises UsageError where it is neither true nor false."""
    given = parameters.get(name, "false")
    if given not in {"true", "false"}:
        raise UsageError(f"{name} is true or false")
    return given == "true"


def _person(person: Person) -> dict[str, Any]:
    return {"value": person.name, "kind": person.kind, "entries": person.entries}


def _choice(choice: Choice) -> dict[str, Any]:
    return {"value": choice.value, "label": choice.label, "entries": choice.entries}
