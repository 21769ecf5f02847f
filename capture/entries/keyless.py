"""Rows without a key: nothing tells one from another, so all that a save did to the rows of a table is one entry.

They are called by their label where the catalogue names one, else by what is known of them: "a tax rate (country “DE”, rate 19)".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from capture.entries.differences import file_order, label
from capture.entries.labels import Labels, has_name
from capture.entries.net import Delta
from capture.entries.values import HIDDEN
from capture.model import ChangeType

if TYPE_CHECKING:
    from capture.entries.sentences import Sentence

TOLD = 4
"""So many columns tell what a row is."""


def content(labels: Labels, delta: Delta) -> str:
    """Return what is known of a row: "country “DE”, rate 19"; of an update, what stayed. Empty where nothing is."""
    table = delta.table
    skip = {*table.ignored, *(table.parent.columns if table.parent else ()), table.account, table.soft_delete}
    if delta.kind == "U":
        skip |= delta.changed
    known = [
        column
        for column, value in delta.now.items()
        if column not in skip and value not in (None, "", HIDDEN) and not table.column(column).secret
    ]
    known.sort(key=file_order(table))
    said = [
        f"{label(table, column)} {labels.told(table, column, delta.now, before=delta.gone)}" for column in known[:TOLD]
    ]
    return ", ".join([*said, "…"] if len(known) > TOLD else said)


def own_label(labels: Labels, delta: Delta) -> str | None:
    """Return the label of a row without a key, None where it has none."""
    column = delta.table.label
    if column is None or not has_name(delta.now.get(column)):
        return None
    return labels.word(delta.table, column, delta.now, before=delta.gone)


def name(labels: Labels, deltas: Iterable[Delta]) -> str | None:
    """Return the label that all these rows have, None where they have none or several."""
    found = {own_label(labels, delta) for delta in deltas}
    return found.pop() if len(found) == 1 else None


def change_type(deltas: Iterable[Delta]) -> ChangeType:
    """Return Created or Deleted where that happened to all of the rows, else Updated: of the table."""
    kinds = {"D" if delta.gone else delta.kind for delta in deltas}
    if kinds == {"I"}:
        return ChangeType.CREATED
    return ChangeType.DELETED if kinds == {"D"} else ChangeType.UPDATED


def merged(said: Sequence[Sentence]) -> list[Sentence]:
    """Return the sentences, those that say the same as one that counts the rows."""
    numbers = Counter((sentence.kind, sentence.text) for sentence in said)
    first = {(sentence.kind, sentence.text): sentence for sentence in reversed(said)}
    return [
        replace(first[same], text=f"{same[1]} ({number:,} rows)") if number > 1 else first[same]
        for same, number in numbers.items()
    ]
