"""The sentences of one row's net change: the catalogue's phrases first, generic ones for what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from capture.catalogue.model import Phrase, Sensitivity, Table
from capture.entries import generic, keyless
from capture.entries.differences import differences, file_order
from capture.entries.labels import NO_KEY, Labels, has_name, number
from capture.entries.net import Delta, described
from capture.entries.order import key_text
from capture.entries.phrases import Readable, article, aside, count, holds, try_to_say
from capture.entries.values import HIDDEN, quoted
from capture.model import UNKNOWN, Json, Row


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an entry, with the module it belongs to and the columns it speaks of (None: the whole row)."""

    module: str
    kind: str
    text: str
    sensitivity: Sensitivity
    columns: frozenset[str] | None


class Stored(Readable):
    """A row's stored values by name: what is not there is None."""

    __slots__ = ("_row",)

    def __init__(self, row: Row) -> None:
        """Show this row."""
        self._row = row

    def __getitem__(self, name: str) -> Json:
        """Return the value of a column."""
        return self._row.get(name)


class InWords(Readable):
    """A row's values in words, each made when a text asks for it."""

    __slots__ = ("_before", "_labels", "_row", "_table")

    def __init__(self, labels: Labels, table: Table, row: Row, *, before: bool) -> None:
        """Show this row with the names of before or after the transaction."""
        self._labels, self._table, self._row, self._before = labels, table, row, before

    def __getitem__(self, name: str) -> str:
        """Return a column in words; "none" for NULL."""
        return self._labels.word(self._table, name, self._row, before=self._before) or "none"


class Speaker:
    """Says what happened to a row. `roots` are the transaction's changes of entities, `parts` the counts that came or went."""

    def __init__(
        self, labels: Labels, roots: Mapping[tuple[str, str], Delta], parts: Mapping[tuple[str, str], list[Delta]]
    ) -> None:
        """Speak of the rows of one transaction."""
        self.labels = labels
        self.roots = roots
        self.parts = parts
        # What a row and its entity are called is asked for by most texts about them.
        self._items: dict[tuple[int, bool], str] = {}
        self._labels: dict[tuple[str, str], Json] = {}

    def entity_name(self, delta: Delta) -> str:
        """Return the name of the entity that the row belongs to: "Welcome"; "workflow #4 (no name)" where it has none."""
        table = described(self.labels.catalogue, delta.root_table)
        if delta.root_key is None:
            return table.nouns
        label = self._entity_label(table, delta.root_key)
        return str(label) if has_name(label) else f"{table.entity} {self.called(delta)}"

    def called(self, delta: Delta) -> str:
        """Return what follows the noun of the entity that the row belongs to: "“Welcome”", "#4 (no name)", "4"."""
        table = described(self.labels.catalogue, delta.root_table)
        if delta.root_key is None:
            label = keyless.own_label(self.labels, delta)
            return quoted(label) if label else aside(keyless.content(self.labels, delta)).strip() or NO_KEY
        label = self._entity_label(table, delta.root_key)
        if has_name(label):
            return quoted(label)
        return number(delta.root_key, label) if table.label else key_text(delta.root_key)

    def thing(self, noun: str, delta: Delta) -> str:
        """Return the entity that the row belongs to with its noun: "workflow “Welcome”", "a tax rate (country “DE”)"."""
        if delta.root_key is None and not keyless.own_label(self.labels, delta):
            return article(noun) + aside(keyless.content(self.labels, delta))
        return f"{noun} {self.called(delta)}"

    def _entity_label(self, table: Table, key: Row) -> Json:
        at = (table.name, key_text(key))
        if at not in self._labels:
            self._labels[at] = self.labels.entity_label(table, key, self.roots)
        return self._labels[at]

    def item(self, delta: Delta, *, before: bool) -> str:
        """Return the row in words: the catalogue's `item`, its label, its key, or what is known of it."""
        at = (id(delta), before)
        if at not in self._items:
            self._items[at] = self._item(delta, before=before)
        return self._items[at]

    def _item(self, delta: Delta, *, before: bool) -> str:
        row = delta.old if before else delta.new
        if not row:
            row, before = delta.now, delta.gone
        table = delta.table
        if table.item:
            said = try_to_say(table.item, self._row_names(table, row, before=before))
            if said and said.strip(" “”"):
                return said
        label = row.get(table.label, UNKNOWN) if table.label else None
        if table.label and has_name(label):
            return quoted(self.labels.word(table, table.label, row, before=before))
        if delta.key is None:
            return aside(keyless.content(self.labels, delta)).strip() or NO_KEY
        return number(delta.key, label) if table.label or table.item else key_text(delta.key)

    def counts(self, delta: Delta, kinds: str) -> str:
        """Return how many parts came or went with their entity: "1 condition, 2 actions" (mapping rules 2 and 3)."""
        numbers: dict[str, tuple[int, Table]] = {}
        for part in self.parts.get((delta.table.name, key_text(delta.key)), []):
            if part.kind in kinds:
                numbers[part.table.name] = (numbers.get(part.table.name, (0, part.table))[0] + 1, part.table)
        return ", ".join(count(number, table.entity, table.nouns) for number, table in numbers.values())

    def sentences(self, delta: Delta) -> Iterator[Sentence]:
        """Yield what is to be said of the row, nothing where another row's sentence speaks for it."""
        if delta.hidden:
            return
        remaining = set(delta.changed)
        names = _Names(self, delta)
        event = {"I": "created", "D": "deleted"}.get(delta.kind, "updated")
        if delta.soft:
            event = delta.soft
        elif delta.kind == "D" and delta.was_gone:
            event = "purged"
        if event != "updated":
            yield self._whole(delta, event, names)
            label = delta.table.label
            # What made room for another row of its name: it is told by the name that people know, and by the new one.
            if delta.soft == "deleted" and label in remaining and label not in delta.table.lookups:
                yield self._column(delta, label, names)
            if event != "restored":
                return
            remaining.discard(delta.table.soft_delete or "")
        order = delta.table.order
        if delta.moved and order and order.column in remaining:
            remaining.discard(order.column)
            text = (order.text and try_to_say(order.text, names.texts())) or generic.moved(names)
            yield self._sentence(delta, order.kind, text, {order.column})
        yield from self._phrases(delta, remaining, names)
        for column in sorted(remaining, key=file_order(delta.table)):
            yield self._column(delta, column, names)

    def _phrases(self, delta: Delta, remaining: set[str], names: _Names) -> Iterator[Sentence]:
        """Yield what the catalogue's phrases say of an update, and take from `remaining` what they speak of."""
        for phrase in delta.table.phrase:
            if phrase.on == "updated" and remaining & set(phrase.columns) and holds(phrase.when, names.conditions()):
                taken = remaining & set(phrase.consumes if phrase.consumes is not None else phrase.columns)
                names.speaking_of = taken
                said = try_to_say(phrase.text, names.texts())
                if said:
                    remaining.difference_update(taken)
                    yield self._sentence(delta, phrase.kind, said, taken, phrase)

    def _whole(self, delta: Delta, event: str, names: _Names) -> Sentence:
        for phrase in delta.table.phrase:
            if phrase.on == event and holds(phrase.when, names.conditions()):
                said = try_to_say(phrase.text, names.texts()) or generic.whole(names, event)[1]
                return self._sentence(delta, phrase.kind, said, None, phrase)
        kind, text = generic.whole(names, event)
        return self._sentence(delta, kind, text, None)

    def _column(self, delta: Delta, name: str, names: _Names) -> Sentence:
        column = delta.table.column(name)
        before, after = delta.old.get(name), delta.new.get(name)
        kind = column.kind or generic.kind(names, f"{name}_updated")
        own = column.changed
        if isinstance(before, bool) or isinstance(after, bool):
            word = "enabled" if after else "disabled"
            own = (column.enabled if after else column.disabled) or own
            kind = f"{column.kind}.{word}" if column.kind else generic.kind(names, f"{name}_{word}")
        elif not has_name(before):
            own = column.set or own if has_name(after) else None
        elif not has_name(after):
            own = column.cleared
        secret = column.secret or HIDDEN in (before, after)
        if own and not secret:
            text = try_to_say(own, names.texts()) or generic.column(names, name, secret=secret)
        else:
            text = generic.column(names, name, secret=secret)
        return self._sentence(delta, kind, text, {name})

    def _sentence(
        self, delta: Delta, kind: str, text: str, columns: set[str] | None, phrase: Phrase | None = None
    ) -> Sentence:
        table = delta.table
        module = phrase.module if phrase and phrase.module else table.module
        if columns and not (phrase and phrase.module):
            modules = {table.module_of(column) for column in columns}
            module = modules.pop() if len(modules) == 1 else table.module
        sensitivity = (phrase.sensitivity if phrase else None) or table.sensitivity
        for column in columns or ():
            sensitivity = table.column(column).sensitivity or sensitivity
        return Sentence(module, kind, text, sensitivity, frozenset(columns) if columns is not None else None)

    def _row_names(self, table: Table, row: Row, *, before: bool) -> Mapping[str, Any]:
        return _Lazy(_OF_A_ROW, _RowNames(self.labels, table, row, before))


@dataclass(frozen=True, slots=True)
class _RowNames:
    """What texts about a row by itself can use."""

    labels: Labels
    table: Table
    now: Row
    gone: bool


class _Lazy(Mapping[str, Any]):
    """Names of which each is worked out when a text uses it: the `own` ones, and columns in words."""

    __slots__ = ("_of", "_own", "_said")

    def __init__(self, own: Mapping[str, Callable[[Any], Any]], of: _RowNames | _Names) -> None:
        self._own, self._of = own, of
        self._said = InWords(of.labels, of.table, of.now, before=of.gone)

    def __contains__(self, name: object) -> bool:
        return (name in self._own and not (name in _CONDITIONS and name in self._of.now)) or name in self._of.now

    def __getitem__(self, name: str) -> Any:
        make = self._own.get(name)
        if make is None or (name in _CONDITIONS and name in self._of.now):
            return self._said[name]
        return make(self._of)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._own, *self._of.now)))

    def __len__(self) -> int:
        return len(list(iter(self)))


_CONDITIONS = frozenset({"changed", "before_of", "after_of"})
"""What texts can use of the names for conditions, unless a column is called so."""


class _Names:
    """The names that texts and conditions about one row can use: see `phrases`."""

    def __init__(self, speaker: Speaker, delta: Delta) -> None:
        self.speaker = speaker
        self.labels = speaker.labels
        self.delta = delta
        self.table = delta.table
        self.now, self.gone = delta.now, delta.gone
        self.root = described(self.labels.catalogue, delta.root_table)
        self.speaking_of: set[str] = set()

    @property
    def entity(self) -> str:
        return self.speaker.called(self.delta)

    @property
    def shifted(self) -> str:
        number = len(self.delta.shifted)
        return f"{number} {'other' if number == 1 else 'others'} shifted" if number else ""

    @property
    def counts(self) -> str:
        return self.speaker.counts(self.delta, "I" if self.delta.kind == "I" else "D")

    def item(self, *, before: bool = False) -> str:
        return self.speaker.item(self.delta, before=before)

    def reference(self, column: str, other: str, *, before: bool) -> Json:
        """Return a column of the row that a foreign key refers to, as it was then (mapping rule 6)."""
        row = self.delta.old if before else self.delta.new
        target = self.table.lookups.get(column)
        if target is None or row.get(column) is None:
            return None
        found = self.labels.look(target.rpartition(".")[0], row[column], other, before=before)
        return None if found is UNKNOWN else found

    def conditions(self) -> dict[str, Any]:
        """Return the names for conditions."""
        return {
            **self.now,
            "old": Stored(self.delta.old),
            "new": Stored(self.delta.new),
            "changed": self.delta.changed.__contains__,
            "before_of": partial(self.reference, before=True),
            "after_of": partial(self.reference, before=False),
        }

    def texts(self) -> Mapping[str, Any]:
        """Return the names for texts."""
        return _Lazy(_OF_A_CHANGE, self)


_OF_A_ROW: Mapping[str, Callable[[_RowNames | _Names], Any]] = {
    "row": lambda names: Stored(names.now),
    "condition": lambda names: partial(names.labels.condition, before=names.gone),
}

_OF_A_CHANGE: Mapping[str, Callable[[_Names], Any]] = {
    **_OF_A_ROW,
    "before": lambda names: InWords(names.labels, names.table, names.delta.old, before=True),
    "after": lambda names: InWords(names.labels, names.table, names.delta.new, before=False),
    "old": lambda names: Stored(names.delta.old),
    "new": lambda names: Stored(names.delta.new),
    "entity": lambda names: names.entity,
    "parent": lambda names: names.entity,
    "item": lambda names: names.item(before=names.gone),
    "item_before": lambda names: names.item(before=True),
    "counts": lambda names: names.counts,
    "shifted": lambda names: names.shifted,
    "followers": lambda names: [follower.table.name for follower in names.delta.followers],
    "differences": lambda names: "; ".join(differences(names.labels, names.delta, names.speaking_of)),
    "changed": lambda names: names.delta.changed.__contains__,
    "before_of": lambda names: partial(names.reference, before=True),
    "after_of": lambda names: partial(names.reference, before=False),
}
