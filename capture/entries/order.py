"""The order in which a transaction changed its rows, where the log has another one.

Statement triggers fire at the end of their statement: what an AFTER ROW trigger of the business writes meanwhile is logged before the
statement that fired it (docs/capture.md, Limits). So the numbers of two changes of one row can be the wrong way round; their values tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from capture.model import Change, Json, Row

_TRIES = 20_000
"""So many steps are tried for one row; what is not solved by then stays in the order of its numbers."""


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a row between two of its changes."""

    exists: bool | None = None
    key: str | None = None
    values: dict[str, Json] = field(default_factory=dict)

    def after(self, change: Change) -> _State | None:
        """The state that a change leaves; None where it cannot have come now."""
        key = key_text(change.key)
        if change.operation == "INSERT":
            return None if self.exists else _State(exists=True, key=key, values=dict(change.new or {}))
        before = key_text(key_before(change))
        old = change.old or {}
        if self.exists is False or self.key not in (None, before):
            return None
        if any(name in self.values and self.values[name] != value for name, value in old.items()):
            return None
        if change.operation == "DELETE":
            return _State(exists=False, key=key)
        return _State(exists=True, key=key, values={**self.values, **(change.new or {})})


def as_applied(changes: Iterable[Change]) -> list[Change]:
    """Return the changes of one transaction as they were applied: by their numbers, but for rows whose values contradict these."""
    ordered = sorted(changes, key=lambda change: change.id)
    if len(ordered) == 1:
        return ordered
    for places in _rows(ordered):
        row = [ordered[place] for place in places]
        if not _fits(row):
            for place, change in zip(places, _solved(row), strict=True):
                ordered[place] = change
    return ordered


def key_before(change: Change) -> Row | None:
    """Return the key that a row had before its change; None where it has no key."""
    if change.key is None:
        return None
    old = change.old or {}
    return {column: old.get(column, value) for column, value in change.key.items()}


def key_text(key: Row | Json) -> str:
    """Return a key as text: the values in the order of the columns' names, `4` and `{"id": 4}` alike."""
    if isinstance(key, dict):
        if len(key) == 1:
            (value,) = key.values()
            return str(value)
        return ",".join(str(key[column]) for column in sorted(key))
    return str(key)


def _rows(changes: Sequence[Change]) -> list[list[int]]:
    """Return where the changes of each row are that was changed more than once.

    Not of keys that rows took or left: whether 2 to 3 and 1 to 2 are one row or two, their values do not tell.
    """
    found: dict[tuple[str, str], list[int]] = {}
    moved: set[tuple[str, str]] = set()
    for place, change in enumerate(changes):
        if change.key is None:
            continue
        here, there = ((change.table, key_text(key)) for key in (change.key, key_before(change)))
        if here != there:
            moved |= {here, there}
        found.setdefault(here, []).append(place)
    return [places for key, places in found.items() if len(places) > 1 and key not in moved]


def _fits(row: Sequence[Change]) -> bool:
    state: _State | None = _State()
    for change in row:
        if state is None:
            break
        state = state.after(change)
    return state is not None


def _solved(row: Sequence[Change]) -> Sequence[Change]:
    """Return the first order, seen from that of the numbers, in which each change finds what it says was there."""
    tries = 0
    stack: list[tuple[_State, tuple[int, ...]]] = [(_State(), ())]
    seen = set()
    while stack:
        state, taken = stack.pop()
        # What comes next depends on what is left and on the state alone.
        if (been := (frozenset(taken), repr(state))) in seen:
            continue
        seen.add(been)
        if len(taken) == len(row):
            return [row[place] for place in taken]
        for place in reversed(range(len(row))):
            tries += 1
            following = state.after(row[place]) if place not in taken else None
            if following is not None:
                stack.append((following, (*taken, place)))
        if tries > _TRIES:
            break
    return row
