"""The log at a glance: what filters can offer, and how much of what happened."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.entries.describe import Teller, entries
from capture.filters import Filters
from capture.model import UNKNOWN, Entry

BUSIEST = 10
"""So many people are named."""

_ALWAYS = 2**62
"""A number that no change has: names asked for after it are those of now."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a filter can be set to, how it is called, and how many entries it has."""

    value: str
    label: str
    entries: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who changed something: the name, the kind (user, system, database), and how many entries are of them."""

    name: str
    kind: str
    entries: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters can offer, inside a scope: people by their entries, the others by name."""

    people: tuple[Person, ...]
    modules: tuple[Choice, ...]
    types: tuple[Choice, ...]
    entities: tuple[Choice, ...]
    accounts: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day: the entries of each module, the largest first."""

    day: date
    modules: tuple[tuple[str, int], ...]

    @property
    def entries(self) -> int:
        """How many entries the day has."""
        return sum(number for _, number in self.modules)


@dataclass(frozen=True, slots=True)
class Tallies:
    """How much of what happened: days that had entries, oldest first; the busiest people; what deserves a look.

    `direct` counts the entries of database roles (nobody named an actor), `sensitive` those of high sensitivity.
    """

    total: int
    days: tuple[Day, ...]
    people: tuple[Person, ...]
    modules: tuple[Choice, ...]
    types: tuple[Choice, ...]
    direct: int
    sensitive: int


@dataclass(slots=True)
class Tally:
    """Entries counted by what filters and overview ask of them."""

    days: dict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    people: Counter[tuple[str, str]] = field(default_factory=Counter)
    modules: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    entities: Counter[str] = field(default_factory=Counter)
    accounts: Counter[str] = field(default_factory=Counter)
    direct: int = 0
    sensitive: int = 0

    def add(self, entry: Entry) -> None:
        """Count an entry."""
        self.days[entry.at.astimezone(UTC).date()][entry.module] += 1
        self.people[entry.actor, entry.actor_kind] += 1
        self.modules[entry.module] += 1
        self.types[entry.type.value] += 1
        self.entities[entry.entity] += 1
        self.accounts.update({one for one in (entry.account, entry.former_account) if one is not None})
        self.direct += entry.actor_kind == "database"
        self.sensitive += entry.sensitivity == "high"


def choices(conn: psycopg.Connection[Any], catalogue: Catalogue, scope: Filters) -> Choices:
    """Return what the filters can offer among the entries of the scope: its `accounts`, and its time where it has one."""
    tally = Tally()
    for entry in entries(conn, catalogue, replace(scope, limit=None)):
        tally.add(entry)
    accounts = tally.accounts
    if scope.accounts is not None:
        accounts = Counter({one: number for one, number in accounts.items() if one in scope.accounts})
    labels = account_labels(conn, catalogue, list(accounts))
    return Choices(
        people=_people(tally),
        modules=_by_name(tally.modules),
        types=_by_name(tally.types),
        entities=_by_name(tally.entities),
        accounts=tuple(
            sorted(
                (Choice(one, labels.get(one, one), number) for one, number in accounts.items()),
                key=lambda choice: (choice.label.casefold(), choice.value),
            )
        ),
    )


def tallies(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters) -> Tallies:
    """Return how much of what the filters want happened; `limit` of the filters is not looked at."""
    tally = Tally()
    for entry in entries(conn, catalogue, replace(filters, limit=None)):
        tally.add(entry)
    return Tallies(
        total=sum(tally.types.values()),
        days=tuple(Day(day, tuple(tally.days[day].most_common())) for day in sorted(tally.days)),
        people=_people(tally)[:BUSIEST],
        modules=_by_name(tally.modules),
        types=_by_name(tally.types),
        direct=tally.direct,
        sensitive=tally.sensitive,
    )


def account_labels(conn: psycopg.Connection[Any], catalogue: Catalogue, accounts: list[str]) -> dict[str, str]:
    """Return what accounts are called now, as far as the catalogue says where their names are and anything tells them."""
    target = next(
        (table.lookups[table.account] for table in catalogue.table if table.account and table.account in table.lookups),
        None,
    )
    if target is None:
        return {}
    table, _, column = target.rpartition(".")
    names = Teller(conn, catalogue).names()
    found = {account: names.value(table, account, column, _ALWAYS) for account in accounts}
    return {account: str(name) for account, name in found.items() if name is not UNKNOWN and name is not None}


def _people(tally: Tally) -> tuple[Person, ...]:
    ranked = sorted(tally.people.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Person(name, kind, number) for (name, kind), number in ranked)


def _by_name(counted: Counter[str]) -> tuple[Choice, ...]:
    return tuple(Choice(name, name, counted[name]) for name in sorted(counted, key=str.casefold))
