"""Before and after: the values of an entry that a mail shows beside its sentences, harmless and short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from capture.entries.identity import decode, root_hash
from capture.errors import UsageError
from capture.model import ChangeType, Entry, FieldChange
from reports import safety

FIELDS_SHOWN = 4
LABEL = 60
VALUE = 70

_LOOKED_AT = 50
"""Of a save that changed thousands of fields only the first ones are candidates."""

_SWITCH = {"Yes", "No"}
_LONGEST_KEY = 120


@dataclass(frozen=True, slots=True)
class Field:
    """A value before and after; `said` where the sentences of the entry say both, or that something was switched on or off."""

    label: str
    before: str
    after: str
    said: bool

    @property
    def length(self) -> int:
        """How many characters it takes."""
        return len(self.label) + len(self.before) + len(self.after)


def fields_of(entry: Entry, sentences: tuple[str, ...]) -> tuple[Field, ...]:
    """Return what a mail shows of the fields of an update, those first that no sentence says.

    Only values that were replaced by others: of what came or went the sentence tells, and the rest stands on the page. Rows of
    the entity's own table that are not the entity itself (the others that moved up where one was put first) are left out.
    """
    if entry.type is not ChangeType.UPDATED:
        return ()
    spoken = " ".join(sentences).casefold()
    found = [_field(change, spoken) for change in _candidates(entry)]
    return tuple(sorted(found, key=lambda field: field.said)[:FIELDS_SHOWN])


def history_of(entry: Entry) -> tuple[str, str] | None:
    """Return table and key of the entity that an entry is about, None where none of its changes is of that row.

    The entry's id holds a hash of both, so that the row of a part is not taken for it.
    """
    if not entry.entity_id or len(entry.entity_id) > _LONGEST_KEY:
        return None
    try:
        root = decode(entry.id).root
    except UsageError:
        return None
    for table in dict.fromkeys(change.table for change in entry.changes[:_LOOKED_AT]):
        if root_hash(table, entry.entity_id) == root:
            return (table, entry.entity_id) if len(table) <= _LONGEST_KEY else None
    return None


def _candidates(entry: Entry) -> Iterator[FieldChange]:
    history = history_of(entry)
    for change in entry.changes[:_LOOKED_AT]:
        if change.before is None or change.after is None:
            continue
        if history and change.table == history[0] and _key_text(change) != history[1]:
            continue
        yield change


def _key_text(change: FieldChange) -> str:
    """Return the key as the id of an entity has it: its values in the order of the columns' names."""
    return ",".join(str(value) for _, value in sorted((change.key or {}).items()))


def _field(change: FieldChange, spoken: str) -> Field:
    label, before, after = (
        safety.line(change.label, LABEL),
        safety.line(change.before or "", VALUE) or "“”",
        safety.line(change.after or "", VALUE) or "“”",
    )
    said = {before, after} <= _SWITCH or all(_says(spoken, value) for value in (before, after))
    return Field(label[:1].upper() + label[1:], before, after, said)


def _says(spoken: str, value: str) -> bool:
    """Return whether a value stands in the sentences as a word of its own: 2 is not said by 12."""
    return re.search(rf"(?<!\w){re.escape(value.casefold())}(?!\w)", spoken) is not None
