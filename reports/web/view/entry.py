"""One entry as the pages show it: its words, its fields as differences, where it came from, and what it can lead to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from capture.catalogue.model import Catalogue
from capture.entries.identity import decode, root_hash
from capture.model import ChangeType, Entry, FieldChange, Row
from reports import safety
from reports.provenance import trust_words
from reports.web.view.diff import Difference, difference
from reports.web.view.times import When, when

NAME, SENTENCE, MARK = 120, 400, 160

Detail = Literal["list", "page"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an entry is shown: sentences, fields, and characters of one value."""

    sentences: int
    fields: int
    value: int


BOUNDS: dict[Detail, Bounds] = {"list": Bounds(5, 20, 600), "page": Bounds(2_000, 2_000, 20_000)}
"""Whoever saves ten thousand rows at once, or a letter as a value, must not hide the other entries of a list."""


@dataclass(frozen=True, slots=True)
class Field:
    """One changed field: `label`, and its `difference`; `row` says which row of which table, for those who must know."""

    label: str
    row: str
    difference: Difference
    was_nothing: bool
    is_nothing: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """One line about the source of an entry. `code` marks what is a name for machines."""

    label: str
    value: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it is shown; all texts are harmless and of bounded length.

    `mark` is what must be said beside the name of the actor, `unsaid` and `more_fields` count what was left out.
    `table` is that of the root entity, where the catalogue or a change tells it: its history can be read.
    `actor`, `module`, `entity`, its name and `account` are as they were stored: what a filter has to look for.
    """

    id: str
    at: When
    who: str
    mark: str | None
    actor_kind: str
    ip: str | None
    type: ChangeType
    module_name: str
    noun: str
    name: str | None
    sentences: tuple[str, ...]
    unsaid: int
    consequence_of: str | None
    sensitive: bool
    fields: tuple[Field, ...]
    more_fields: int
    facts: tuple[Fact, ...]
    transaction_id: int
    table: str | None
    entity_id: str
    actor: str
    module: str
    entity: str
    entity_name: str
    account: str | None
    account_name: str | None
    related: tuple[tuple[str, str], ...] = field(default=())

    @property
    def thing(self) -> str:
        """What was changed in words: sales sequence “Welcome”."""
        return f"{self.noun} “{self.name}”" if self.name else self.noun

    @property
    def headline(self) -> str:
        """The entry in a line, for titles."""
        return self.sentences[0] if self.sentences else f"{self.type.value} {self.thing}"


@dataclass(frozen=True, slots=True)
class Reader:
    """How a viewer reads: their zone, the present time, the catalogue, and the names of accounts by their ids."""

    zone: ZoneInfo
    now: datetime
    catalogue: Catalogue
    accounts: Mapping[str, str] = field(default_factory=dict)


def shown(entry: Entry, reader: Reader, detail: Detail = "list") -> Shown:
    """Return the entry as it is shown, in a list in few words, on its own page in all."""
    bounds = BOUNDS[detail]
    noun, name = _thing(entry)
    account = entry.account
    return Shown(
        id=entry.id,
        at=when(entry.at, reader.zone, reader.now),
        who=safety.line(entry.actor, NAME) or "(no name)",
        mark=_mark(entry),
        actor_kind=entry.actor_kind,
        ip=safety.line(entry.ip, NAME) if entry.ip else None,
        type=entry.type,
        module_name=safety.line(entry.module, NAME),
        noun=noun,
        name=name,
        sentences=tuple(safety.line(text, SENTENCE) for text in entry.descriptions[: bounds.sentences]),
        unsaid=max(len(entry.descriptions) - bounds.sentences, 0),
        consequence_of=safety.line(entry.consequence_of, SENTENCE) if entry.consequence_of else None,
        sensitive=entry.sensitivity == "high",
        fields=tuple(_field(change, bounds, detail) for change in entry.changes[: bounds.fields]),
        more_fields=max(len(entry.changes) - bounds.fields, 0),
        facts=tuple(_facts(entry, reader)),
        transaction_id=entry.transaction_id,
        table=root_table(entry, reader.catalogue),
        entity_id=entry.entity_id,
        actor=entry.actor,
        module=entry.module,
        entity=entry.entity,
        entity_name=entry.entity_name,
        account=account,
        account_name=account_words(account, reader.accounts) if account else None,
    )


def account_words(account: str, names: Mapping[str, str]) -> str:
    """Return an account by its name, by its number where no name is known."""
    name = names.get(account)
    return safety.line(name, NAME) if name else f"account {safety.line(account, NAME)}"


def root_table(entry: Entry, catalogue: Catalogue) -> str | None:
    """Return the table of the entity that an entry is about; None where neither its changes nor the catalogue name it."""
    if not entry.entity_id:
        return None
    wanted = decode(entry.id).root
    # Those that are called so come first: a hash for each of the others would cost a quarter of the page.
    tables = dict.fromkeys(
        [
            *(table.name for table in catalogue.table if table.entity == entry.entity),
            *(change.table for change in entry.changes),
            *(table.name for table in catalogue.table),
        ]
    )
    return next((table for table in tables if root_hash(table, entry.entity_id) == wanted), None)


def _thing(entry: Entry) -> tuple[str, str | None]:
    """Return noun and name of what was changed; a table that was emptied and a row without a name have no name."""
    noun, name = safety.line(entry.entity, NAME), safety.line(entry.entity_name, NAME)
    if not entry.entity_id or name == f"{noun} {entry.entity_id}":
        return name or noun, None
    return noun, name or None


def _mark(entry: Entry) -> str | None:
    if entry.actor_kind == "database":
        return "direct SQL"
    if entry.actor_kind == "system":
        return "the product itself"
    return safety.line(entry.actor_mark, MARK) if entry.actor_mark else None


def _field(change: FieldChange, bounds: Bounds, detail: Detail) -> Field:
    return Field(
        label=safety.line(change.label, NAME),
        row=safety.line(row_words(change.table, change.key), MARK),
        difference=difference(change.before, change.after, limit=bounds.value, brief=detail == "list"),
        was_nothing=change.before is None,
        is_nothing=change.after is None,
    )


def row_words(table: str, key: Row | None) -> str:
    """Return a row for those who know the database: "crm.sequence_steps id=12"."""
    return table if key is None else f"{table} {', '.join(f'{name}={value}' for name, value in key.items())}"


def _facts(entry: Entry, reader: Reader) -> Iterator[Fact]:
    source = entry.source
    yield Fact("The name is", trust_words(entry))
    others = ", ".join(source.other_actors[:5])
    facts: Sequence[tuple[str, str | None, bool]] = (
        ("Also named", others, False),
        ("Account", account_words(entry.account, reader.accounts) if entry.account else None, False),
        ("Moved from", account_words(entry.former_account, reader.accounts) if entry.former_account else None, False),
        ("IP address", entry.ip, True),
        ("Database user", source.database_user, True),
        ("Application", source.application, True),
        ("Connected from", source.client_addr or "the database server itself", source.client_addr is not None),
        ("Request", source.request_id, True),
        ("Transaction", str(entry.transaction_id), True),
        ("Kinds", ", ".join(dict.fromkeys(entry.kinds)), True),
    )
    for label, value, code in facts:
        if value:
            yield Fact(label, safety.line(value, SENTENCE), code)
