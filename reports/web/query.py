"""From a page's address to the filters that it means, and back: pages, exports and the API take the same parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams

from capture.errors import UsageError
from capture.filters import KINDS, SENSITIVITIES, Filters
from capture.model import ChangeType
from reports.moments import moment
from reports.web.viewer import Viewer, known_zone

SEVERAL = ("actor", "module", "type")
SINGLE = ("since", "until", "entity", "account", "sensitivity", "kind", "q")
FILTERS = (*SINGLE[:2], *SEVERAL, *SINGLE[2:])
"""The parameters that choose entries. Those of SEVERAL may be given again: one of them is enough."""

LOOKS = ("zone", "density")
"""Those that choose how a page of entries looks."""

LONGEST = 500
MOST = 50


def filters_of(parameters: QueryParams, zone: tzinfo) -> Filters:
    """Return the filters of an address; times without a zone are in *zone*. Empty ones, as a form sends them, count for nothing.

    Raises UsageError for a value that means nothing, by the name of its parameter.
    """
    one = {name: _one(parameters, name) for name in SINGLE}
    several = {name: _several(parameters, name) for name in SEVERAL}
    now = datetime.now(UTC).astimezone(zone)
    since = None if one["since"] is None else moment(one["since"], option="since", now=now, end=False)
    until = None if one["until"] is None else moment(one["until"], option="until", now=now, end=True)
    if since is not None and until is not None and since >= until:
        raise UsageError("the period ends before it begins: choose a first day that is not after the last")
    return Filters(
        since=since,
        until=until,
        modules=several["module"],
        types=tuple(_word(word, "type", ChangeType) for word in several["type"]),
        actors=several["actor"],
        entity=one["entity"],
        account=one["account"],
        search=one["q"],
        sensitivity=None if one["sensitivity"] is None else _word(one["sensitivity"], "sensitivity", SENSITIVITIES),
        actor_kind=None if one["kind"] is None else _word(one["kind"], "kind", KINDS),
    )


def chosen(parameters: QueryParams) -> list[tuple[str, str]]:
    """Return the parameters of an address that choose entries, in a fixed order: for chips, links, and the log of exports."""
    return [
        (name, value.strip())
        for name in FILTERS
        for value in (parameters.getlist(name) if name in SEVERAL else parameters.getlist(name)[-1:])
        if value.strip()
    ]


def chosen_words(parameters: QueryParams) -> str:
    """Return what chooses entries in words, for the log of exports: "module Territories, type Created"; nothing for all of them."""
    return ", ".join(f"{name} {value}" for name, value in chosen(parameters))


def only(parameters: QueryParams, *names: str) -> None:
    """Refuse parameters that do not exist: a filter that is misspelt would give more than was asked for. Raises UsageError."""
    unknown = [name for name in parameters if name not in names]
    if unknown:
        raise UsageError(f"unknown parameter '{unknown[0][:50]}': there are {', '.join(names) or 'none'}")


def zone_of(parameters: QueryParams, viewer: Viewer | None, default: str | None) -> ZoneInfo:
    """Return the zone in which times are read and shown: UTC where the address says so, else the viewer's, else the service's."""
    if parameters.get("zone", "").lower() == "utc":
        return ZoneInfo("UTC")
    chosen_one = viewer.timezone if viewer is not None else None
    return ZoneInfo(known_zone(chosen_one) or known_zone(default) or "UTC")


def _one(parameters: QueryParams, name: str) -> str | None:
    return (_several(parameters, name) or (None,))[-1]


def _several(parameters: QueryParams, name: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in parameters.getlist(name) if value.strip())
    if len(values) > MOST:
        raise UsageError(f"{name} is given more than {MOST} times")
    for value in values:
        if len(value) > LONGEST:
            raise UsageError(f"{name} is longer than {LONGEST} characters")
        # What PostgreSQL cannot take, and no name has.
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise UsageError(f"{name} holds a character that no name has")
    return values


def _word(text: str, name: str, known: Iterable[str]) -> str:
    """Return a word of a list, in any case."""
    words: Sequence[str] = [str(word) for word in known]
    for word in words:
        if word.casefold() == text.casefold():
            return word
    raise UsageError(f"{name} is one of {', '.join(words)}")
