"""Names as they were at the time of the change: of entities, and of what foreign keys refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from capture.catalogue.model import Catalogue, ConditionField, Table
from capture.entries import values
from capture.entries.net import Delta, described
from capture.entries.order import key_text
from capture.model import UNKNOWN, Change, Json, Row

NO_KEY = "(no key)"
"""How a row without a key is called of which nothing else is known."""

_NOTHING = ConditionField()


class Names(Protocol):
    """Where values of other rows come from."""

    def value(self, table: str, key: Json, column: str, after: int) -> Json:
        """Return the column's value right after the change numbered `after`; UNKNOWN where nothing tells it."""
        ...


class KnownNames:
    """Names that are given, and never changed: `{("crm.users", "4"): {"name": "Li Wei"}}`."""

    def __init__(self, rows: Mapping[tuple[str, str], Row] | None = None) -> None:
        """Keep the rows by table and key."""
        self.rows = rows or {}

    def value(self, table: str, key: Json, column: str, after: int) -> Json:  # noqa: ARG002
        """Return what is known of the row."""
        return self.rows.get((table, key_text(key)), {}).get(column, UNKNOWN)


def has_name(label: Json) -> bool:
    """Return whether a label names anything: NULL and blanks do not."""
    return label is not UNKNOWN and label is not None and bool(str(label).strip())


def number(key: Json, label: Json) -> str:
    """Return how a row is called that its label does not name: "#4 (no name)", "#4 (name unknown)"."""
    return f"#{key_text(key)} ({'name unknown' if label is UNKNOWN else 'no name'})"


class Labels:
    """Words for the values of one transaction's rows, as they were before or after it."""

    def __init__(self, catalogue: Catalogue, names: Names, changes: Iterable[Change]) -> None:
        """Remember what the transaction itself says of the rows, so that its own renames and deletions count."""
        self.catalogue = catalogue
        self.names = names
        self.own: dict[tuple[str, str], list[Change]] = {}
        self.last = 0
        for change in sorted(changes, key=lambda change: change.id):
            self.last = change.id
            if change.key is not None:
                self.own.setdefault((change.table, key_text(change.key)), []).append(change)

    def look(self, table: str, key: Json, column: str, *, before: bool) -> Json:
        """Return a column of another row, before or after the transaction; UNKNOWN where nothing tells it.

        The first later change of the column tells what it was; then the registry, then the live row (`Names` does both).
        """
        at = key_text(key)
        own = self.own.get((table, at), [])
        if before:
            for change in own:
                if change.operation != "INSERT" and column in change.before():
                    return change.before()[column]
        for change in reversed(own):
            if column in change.after():
                return change.after()[column]
            if change.operation == "DELETE" and column in change.before():
                return change.before()[column]
        return self.names.value(table, key, column, self.last)

    def named(self, target: str, key: Json, *, before: bool) -> str:
        """Return the name that `schema.table.column` gives to the row with this key; "user #4 (name unknown)" without one."""
        table, _, column = target.rpartition(".")
        found = self.look(table, key, column, before=before)
        return str(found) if has_name(found) else f"{described(self.catalogue, table).entity} {number(key, found)}"

    def word(self, table: Table, column: str, row: Row, *, before: bool) -> str | None:
        """Return a column of a row in words; None for NULL."""
        value = row.get(column)
        if value is None:
            return None
        if column in table.lookups:
            return self.named(table.lookups[column], value, before=before)
        about = table.column(column)
        if (
            about.choices
            and not isinstance(value, bool)
            and isinstance(value, str | int)
            and str(value) in about.choices
        ):
            return about.choices[str(value)]
        match about.format:
            case None:
                return values.plain(value)
            case "language":
                return values.language(value)
            case "time":
                return values.clock(value)
            case "condition_value":
                return self.condition_value(str(row.get("field")), value, before=before)
            case "plain" | "text" if isinstance(value, str):
                return value.strip()
            case _:
                return values.plain(value)

    def told(self, table: Table, column: str, row: Row, *, before: bool) -> str:
        """Return a column for a sentence: names and codes bare, people's own text in quotation marks."""
        said = self.word(table, column, row, before=before)
        value = row.get(column)
        if said is None:
            return "nothing"
        about = table.column(column)
        free = isinstance(value, str) and value.strip() == said and column not in table.lookups
        bare = (
            about.format in ("plain", "language", "time", "number")
            or said in about.choices.values()
            or value == values.HIDDEN
        )
        return values.quoted(said) if free and not bare else said

    def condition(self, field: Json, operator: Json, value: Json, *, before: bool) -> str:
        """Return a condition in words: "Country is in DE, FR" (mapping rule 15)."""
        about = self.catalogue.fields.get(str(field), _NOTHING)
        said = f"{about.label or values.heading(str(field))} {values.operator(operator, self.catalogue.operators)}"
        if not values.takes_value(operator):
            return said
        return f"{said} {self.condition_value(str(field), value, before=before)}"

    def condition_value(self, field: str, value: Json, *, before: bool) -> str:
        """Return the value of a condition, resolved by the type of its field."""
        about = self.catalogue.fields.get(field, _NOTHING)
        if isinstance(value, list):
            return ", ".join(self.condition_value(field, one, before=before) for one in value) or "nothing"
        if about.lookup and value is not None and not isinstance(value, dict):
            return self.named(about.lookup, value, before=before)
        return about.choices.get(str(value)) or values.plain(value)

    def entity_label(self, table: Table, key: Row, roots: Mapping[tuple[str, str], Delta]) -> Json:
        """Return what names an entity, as the transaction left it, as it was where that deleted it.

        Where nothing does, None or UNKNOWN. Of a table without a label column, None.
        """
        if table.label is None:
            return None
        delta = roots.get((table.name, key_text(key)))
        before = delta is not None and delta.gone
        row: dict[str, Json] = {**key, **(delta.now if delta is not None else {})}
        if table.label not in row:
            row[table.label] = self.look(table.name, key, table.label, before=before)
        label = row[table.label]
        return self.word(table, table.label, row, before=before) if has_name(label) else label
