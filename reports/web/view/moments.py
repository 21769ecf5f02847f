"""What an entity was at a moment, and what differs between two, put together from the entries of its history.

The log has no right to read the business's tables, so that nothing is known of a field that has not changed within the retention.
A part (a condition, a step) whose every field is nothing is not there at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from capture.entries.identity import decode, root_hash
from capture.entries.order import key_text
from capture.model import Entry, FieldChange
from reports import safety
from reports.web.view.diff import Difference, difference

LABEL, VALUE = 120, 20_000

Place = tuple[str, str, str]
"""A field of a row: its table, its key as text, its name."""


@dataclass(frozen=True, slots=True)
class Line:
    """One field at a moment: `value` is as people read it, None where it is nothing. `since` is when it became so, None before the log."""

    label: str
    value: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Contrast:
    """One field that is not the same at two moments; `was_nothing`, `is_nothing`: it had no value then, has none now."""

    label: str
    difference: Difference
    was_nothing: bool
    is_nothing: bool


@dataclass(frozen=True, slots=True)
class _Known:
    label: str
    value: str | None
    since: datetime | None


def state(history: Sequence[Entry], row: tuple[str, str], at: datetime) -> list[Line]:
    """Return each field that the history of a row (its table and key) knows as it was at a moment, after all entries of that time."""
    return [
        Line(safety.line(known.label, LABEL), _harmless(known.value), known.since)
        for known in _in_order(_present(_known(history, row, at)), row)
    ]


def contrast(history: Sequence[Entry], row: tuple[str, str], first: datetime, second: datetime) -> list[Contrast]:
    """Return what differs between two moments, the earlier one taken as before."""
    first, second = sorted((first, second))
    old, new = _known(history, row, first), _known(history, row, second)
    found = []
    for place in _by_row(new, row):
        before, after = old[place].value, new[place].value
        if before != after:
            label = new[place].label if after is not None else old[place].label
            found.append(
                Contrast(
                    safety.line(label, LABEL),
                    difference(before, after, limit=VALUE),
                    was_nothing=before is None,
                    is_nothing=after is None,
                )
            )
    return found


def _known(history: Iterable[Entry], row: tuple[str, str], at: datetime) -> dict[Place, _Known]:
    """Return each field's value at a moment: that after its last change until then, else that before its first change after it."""
    found: dict[Place, _Known] = {}
    for entry in sorted(history, key=lambda entry: (entry.at, entry.transaction_id)):
        own = decode(entry.id).root == root_hash(*row)
        for change in entry.changes:
            place = _place(change)
            if place[:2] != row and (not own or place[0] == row[0]):
                # Of a save of something else, or of a row beside this one that only made room.
                continue
            if entry.at <= at:
                found[place] = _Known(change.label, change.after, entry.at)
            elif place not in found:
                found[place] = _Known(change.label, change.before, None)
    return found


def _present(known: Mapping[Place, _Known]) -> dict[Place, _Known]:
    """Return the fields of rows that are there: of a row that has any value, or had none of its fields emptied."""
    there = {place[:2] for place, one in known.items() if one.value is not None}
    return {place: one for place, one in known.items() if place[:2] in there}


def _in_order(known: Mapping[Place, _Known], row: tuple[str, str]) -> list[_Known]:
    return [known[place] for place in _by_row(known, row)]


def _by_row(places: Iterable[Place], row: tuple[str, str]) -> list[Place]:
    """Return the fields of the entity's own row first, then those of each part together, in the order in which they came up."""
    rows: dict[tuple[str, ...], list[Place]] = {row: []}
    for place in places:
        rows.setdefault(place[:2], []).append(place)
    return [place for of_row in rows.values() for place in of_row]


def _place(change: FieldChange) -> Place:
    return change.table, key_text(change.key) if change.key else "", change.field


def _harmless(text: str | None) -> str | None:
    if text is None:
        return None
    return "\n".join(safety.neutral(line) for line in text[:VALUE].replace("\r\n", "\n").split("\n"))
