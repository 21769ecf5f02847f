"""Filters for the templates: the only place where HTML is made of text in Python, each piece escaped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup, escape

from reports import safety
from reports.digest.layout import quoted_parts
from reports.web.view.entry import Shown
from reports.web.view.wanted import Wanted

SHORT: Final = 40


def names(sentence: str) -> Markup:
    """Return a sentence in which names in quotation marks stand out, closed off from the direction of the letters around them."""
    pieces = [
        Markup('<bdi class="q">{}</bdi>').format(piece) if quoted else escape(piece)
        for quoted, piece in quoted_parts(sentence)
    ]
    return Markup().join(pieces)


def short(text: object) -> str:
    """Return a text for a button: on one line, harmless, and of few letters."""
    return safety.line(str(text), SHORT)


def only(entry: Shown, name: str, wanted: Wanted) -> str:
    """Return the query of the list narrowed to the person or the entity of an entry."""
    change: dict[str, Any] = (
        {"actor": (entry.actor,)}
        if name == "actor"
        else {"entity": f"{entry.entity} {entry.entity_name or entry.entity_id}".strip()}
    )
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
    "names": names,
    "short": short,
    "only": only,
    "moment_query": moment_query,
    "number": number,
    "count": count,
}
