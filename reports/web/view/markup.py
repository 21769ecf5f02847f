"""Filters for the templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode

from reports import safety
from reports.web.view import pieces
from reports.web.view.entry import Shown
from reports.web.view.wanted import Wanted

SHORT: Final = 40


def short(text: object) -> str:
    """Return a text for a button: on one line, harmless, and of few letters."""
    return safety.line(str(text), SHORT)


def only(entry: Shown, name: str, wanted: Wanted) -> str:
    """Return the query of the list narrowed to the person or the entity of an entry."""
    if name == "actor":
        return _narrowed(wanted, "actor", entry.actor)
    return _narrowed(wanted, "entity", f"{entry.entity} {entry.entity_name or entry.entity_id}".strip())


@lru_cache(maxsize=1024)
def _narrowed(wanted: Wanted, name: str, value: str) -> str:
    change: dict[str, Any] = {name: (value,) if name == "actor" else value}
    return replace(wanted, cursor="", **change).query()


def moment_query(entry: Shown, utc: bool) -> str:  # noqa: FBT001 - a filter of templates has no names for what it is given
    """Return the query of a history that shows the state right after an entry."""
    return "?" + urlencode([("at", entry.at.iso)] + [("zone", "utc")] * utc)


def number(value: int) -> str:
    """Return a number with its thousands grouped."""
    return f"{value:,}"


def count(value: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 change", "1,204 changes"."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "names": pieces.names,
    "field_rows": pieces.field_rows,
    "facts": pieces.facts,
    "change": pieces.change,
    "short": short,
    "only": only,
    "moment_query": moment_query,
    "number": number,
    "count": count,
}
