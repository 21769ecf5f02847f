"""What a catalogue may say: the pydantic models that every catalogue file is validated by.

Texts (`text`, `item`) and conditions (`when`, `configuration_when`) are Jinja2; `capture.entries.phrases` lists the
names that they can use.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Sensitivity = Literal["low", "normal", "high"]
Format = Literal["text", "plain", "language", "time", "number", "condition_value"]
Event = Literal["created", "updated", "deleted", "restored", "purged"]
QualifiedName = Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$", description="schema.table")]
QualifiedColumn = Annotated[str, Field(pattern=r"^[^.]+\.[^.]+\.[^.]+$", description="schema.table.column")]


class Strict(BaseModel):
    """Refuses keys that it does not know: a misspelt key must not be a rule that never applies."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PathWords(Strict):
    """How one path inside a JSON column is named: `label`, and a `unit` that follows the number."""

    label: str
    unit: str | None = None


class Column(Strict):
    """One column in words. `module` moves its changes to another module (mapping rule 5).

    The texts replace the generic sentence: `set` for NULL to value, `cleared` for value to NULL, `enabled` and `disabled`
    for yes/no columns (mapping rule 12), `changed` for the rest and for those of the others that are missing.
    For a yes/no column, `.enabled` or `.disabled` follows `kind`.
    """

    label: str | None = None
    module: str | None = None
    kind: str | None = None
    format: Format | None = None
    unit: str | None = None
    choices: dict[str, str] = Field(default_factory=dict)
    secret: bool = False
    sensitivity: Sensitivity | None = None
    paths: dict[str, PathWords] = Field(default_factory=dict)
    changed: str | None = None
    set: str | None = None
    cleared: str | None = None
    enabled: str | None = None
    disabled: str | None = None


class Phrase(Strict):
    """One sentence: said when the event is `on`, any of `columns` changed (updates only) and `when` holds.

    A phrase takes the columns that it `consumes` (else its `columns`), so that no later phrase repeats them.
    """

    kind: str
    on: Event = "updated"
    columns: tuple[str, ...] = ()
    when: str | None = None
    text: str
    module: str | None = None
    consumes: tuple[str, ...] | None = None
    sensitivity: Sensitivity | None = None


class Parent(Strict):
    """The table whose row this row is a part of, and the column or columns here that hold its key."""

    table: QualifiedName
    key: str | tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The key columns, also where only one is named."""
        return (self.key,) if isinstance(self.key, str) else self.key


class Order(Strict):
    """Rows that people put in order by `column`; `scope` are further columns that must agree (mapping rules 5 and 22)."""

    column: str
    kind: str
    text: str | None = None
    scope: tuple[str, ...] = ()


class Follows(Strict):
    """The row whose deletion takes this one along: said in that row's sentence, not in one of its own (mapping rule 16)."""

    table: QualifiedName
    columns: tuple[str, ...]


class KeyValue(Strict):
    """A settings table with one row a setting: the column of its name and that of its value (mapping rule 21)."""

    key: str
    value: str


class Table(Strict):
    """One table. `kind = "label"` only gives names to others: its changes are no entries.

    `renamed` are columns as they are called now by names that they had: installing notes it by itself (`capture.renames`).
    """

    name: QualifiedName
    kind: Literal["tracked", "label"] = "tracked"
    module: str = "Other"
    entity: str
    plural: str | None = None
    short: str | None = None
    label: str | None = None
    single: bool = False
    parent: Parent | None = None
    account: str | None = None
    key: tuple[str, ...] | None = None
    about: tuple[str, ...] | Literal["*"] | None = None
    ignored: tuple[str, ...] = ()
    masked: tuple[str, ...] | None = None
    failure: Literal["strict", "available"] = "strict"
    soft_delete: str | None = None
    sensitivity: Sensitivity = "normal"
    configuration_when: str | None = None
    item: str | None = None
    item_columns: tuple[str, ...] = ()
    pairing: tuple[str, ...] = ()
    order: Order | None = None
    follows: Follows | None = None
    key_value: KeyValue | None = None
    lookups: dict[str, QualifiedColumn] = Field(default_factory=dict)
    renamed: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, Column] = Field(default_factory=dict)
    settings: dict[str, Column] = Field(default_factory=dict)
    phrase: tuple[Phrase, ...] = ()

    @property
    def nouns(self) -> str:
        """The noun for several rows."""
        return self.plural or f"{self.entity}s"

    @property
    def noun(self) -> str:
        """The noun inside sentences about parts of the entity ("sequence" for a sales sequence)."""
        return self.short or self.entity

    def column(self, name: str) -> Column:
        """What the catalogue says of a column or setting: an empty description where it says nothing."""
        return self.described.get(name, _NOTHING)

    @cached_property
    def described(self) -> dict[str, Column]:
        """The columns and settings that the catalogue says something of."""
        return {**self.settings, **self.columns} if self.settings else self.columns

    @cached_property
    def refers_to(self) -> dict[str, str]:
        """The tables that the columns with `lookups` refer to."""
        return {column: target.rpartition(".")[0] for column, target in self.lookups.items()}

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each column in the file, settings behind them."""
        return {name: place for place, name in enumerate(dict.fromkeys((*self.columns, *self.settings)))}

    @cached_property
    def owners(self) -> frozenset[str]:
        """The columns that say whose a row is: its parent's key, and its account."""
        columns = self.parent.columns if self.parent else ()
        return frozenset((*columns, self.account) if self.account else columns)

    def module_of(self, column: str) -> str:
        """The module that changes of `column` belong to (mapping rule 5)."""
        return self.column(column).module or self.module

    def named_columns(self) -> dict[str, str]:
        """Every column of the database table that this block names, with the key that names it."""
        named = {column: f"columns.{column}" for column in self.columns}
        named |= {column: f"lookups.{column}" for column in self.lookups}
        single = {"label": self.label, "account": self.account, "soft_delete": self.soft_delete}
        named |= {column: key for key, column in single.items() if column}
        lists = {
            "ignored": self.ignored,
            "masked": self.masked or (),
            "pairing": self.pairing,
            "item_columns": self.item_columns,
            "key": self.key or (),
        }
        if isinstance(self.about, tuple):
            lists["about"] = self.about
        if self.parent:
            lists["parent.key"] = self.parent.columns
        if self.order:
            lists["order.column"] = (self.order.column,)
            lists["order.scope"] = self.order.scope
        if self.follows:
            lists["follows.columns"] = self.follows.columns
        if self.key_value:
            lists["key_value"] = (self.key_value.key, self.key_value.value)
        else:
            for number, phrase in enumerate(self.phrase, 1):
                lists[f"phrase {number} ({phrase.kind})"] = (*phrase.columns, *(phrase.consumes or ()))
        for key, columns in lists.items():
            named |= {column: key for column in columns if column not in named}
        return named


_NOTHING = Column()


class ConditionField(Strict):
    """A field that people can use in conditions: its name in words, and where its values' names come from (mapping rule 15)."""

    label: str | None = None
    lookup: QualifiedColumn | None = None
    choices: dict[str, str] = Field(default_factory=dict)


class Documented(Strict):
    """One line of the documented page's module table, and the kinds that implement it."""

    module: str
    tracks: str
    kinds: tuple[str, ...]


class Catalogue(Strict):
    """Everything that turns rows into words for one database. `show_other = false` hides what `documented` does not list.

    `untracked` are tables that are left out on purpose, with `*` for any letters: `whochanged status` does not ask for them.
    """

    name: str
    file: str = "catalogue"
    show_other: bool = True
    table: tuple[Table, ...] = ()
    untracked: tuple[QualifiedName, ...] = ()
    fields: dict[str, ConditionField] = Field(default_factory=dict)
    operators: dict[str, str] = Field(default_factory=dict)
    documented: tuple[Documented, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Table]:
        """The tables by their 'schema.table' name."""
        return {table.name: table for table in self.table}

    @cached_property
    def documented_kinds(self) -> frozenset[str]:
        """The kinds that the documented page names."""
        return frozenset(kind for line in self.documented for kind in line.kinds)

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """All modules, those of the documented page first and in its order."""
        found = [line.module for line in self.documented]
        for table in self.table:
            if table.kind == "tracked":
                found.append(table.module)
                found.extend(
                    column.module for column in (*table.columns.values(), *table.settings.values()) if column.module
                )
        return tuple(dict.fromkeys(found))

    def with_tables(self, tables: tuple[Table, ...]) -> Catalogue:
        """Return the same catalogue for other tables."""
        # No model_copy: it would take along what was worked out of the old tables (by_name).
        fields = {name: getattr(self, name) for name in Catalogue.model_fields}
        return Catalogue(**{**fields, "table": tables})

    def telling(self, name: str) -> Catalogue:
        """Return the catalogue with the changes of a label table as entries too: its history is asked for."""
        tables = (table.model_copy(update={"kind": "tracked"}) if table.name == name else table for table in self.table)
        return self.with_tables(tuple(tables))

    def children(self, name: str) -> list[Table]:
        """The tables whose rows are parts of rows of the table `name`, in the order of the file."""
        return [table for table in self.table if table.parent and table.parent.table == name]

    def leaves_out(self, name: str) -> bool:
        """Whether the table *name* is not to be tracked."""
        return any(fnmatchcase(name, pattern) for pattern in self.untracked)

    def shows(self, kind: str) -> bool:
        """Whether a sentence of this kind is shown."""
        return self.show_other or kind in self.documented_kinds
