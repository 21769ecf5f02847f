"""The log at a glance: what filters can offer, and how much of what happened."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from capture.catalogue.model import Catalogue
from capture.entries.describe import Teller
from capture.filters import Filters
from capture.index.read import Reader
from capture.index.state import DAY, Span, midnight
from capture.model import UNKNOWN, Entry
from capture.reading import log_cursor
from capture.resources import query

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
    kinds: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count an entry."""
        self.days[entry.at.astimezone(UTC).date()][entry.module] += 1
        self.people[entry.actor, entry.actor_kind] += 1
        self.modules[entry.module] += 1
        self.types[entry.type.value] += 1
        self.entities[entry.entity] += 1
        self.accounts.update({one for one in (entry.account, entry.former_account) if one is not None})
        self.kinds[entry.actor_kind] += 1
        self.levels[entry.sensitivity] += 1

    def add_row(self, row: tuple[Any, ...]) -> None:
        """Count what tally_sum.sql or tally_everything.sql counted in one of its ways."""
        what, day, name, other, number = row
        match what:
            case "module":
                self.days[day][name] += number
                self.modules[name] += number
            case "person":
                self.people[name, other] += number
                self.kinds[other] += number
            case "type":
                self.types[name] += number
            case "entity":
                self.entities[name] += number
            case "sensitivity":
                self.levels[name] += number
            case _:
                self.accounts.update(dict.fromkeys({one for one in (name, other) if one is not None}, number))


def choices(conn: psycopg.Connection[Any], catalogue: Catalogue, scope: Filters) -> Choices:
    """Return what the filters can offer among the entries of the scope: its `accounts`, and its days as `tallies` counts them."""
    tally = _counted(conn, catalogue, scope)
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
    """Return how much of what the filters want happened, on all UTC days that their time touches and the retention has whole.

    `limit` of the filters is not looked at. With a filter for an entity, words or a row, each entry has to be read.
    """
    return tallied(_counted(conn, catalogue, filters))


def tallied(tally: Tally) -> Tallies:
    """Return the counts as the overview shows them."""
    return Tallies(
        total=sum(tally.types.values()),
        # Of as many each, by name: the order in which they were counted is nobody's business.
        days=tuple(
            Day(day, tuple(sorted(tally.days[day].items(), key=lambda item: (-item[1], item[0]))))
            for day in sorted(tally.days)
        ),
        people=_people(tally)[:BUSIEST],
        modules=_by_name(tally.modules),
        types=_by_name(tally.types),
        direct=tally.kinds["database"],
        sensitive=tally.levels["high"],
    )


def _counted(conn: psycopg.Connection[Any], catalogue: Catalogue, filters: Filters) -> Tally:
    """Count what the filters want on whole UTC days: by the tally of the index, and what that does not know one by one."""
    tally = Tally()
    reader = Reader(conn, catalogue)
    row = log_cursor(conn).execute(query("tally_time")).fetchone()
    assert row is not None  # noqa: S101 - the query gives one row
    now, oldest = row
    first = _midnight_after(oldest) if filters.since is None else max(_midnight_after(oldest), _midnight(filters.since))
    end = _midnight_after(now) + DAY if filters.until is None else _midnight_after(filters.until)
    filters = replace(filters, limit=None, since=first, until=end)
    state = reader.state
    if (
        state is None
        or not state.names
        or filters.entity
        or filters.search
        or filters.row
        or filters.accounts == frozenset()
    ):
        for _, entry in reader.keyed(filters):
            tally.add(entry)
        return tally
    for span in state.spans(first, end):
        if span.indexed:
            for found in _summed(conn, filters, span):
                tally.add_row(found)
        for entry in reader.unknown(filters, span):
            tally.add(entry)
    return tally


def _summed(conn: psycopg.Connection[Any], filters: Filters, span: Span) -> list[tuple[Any, ...]]:
    days = [span.first.date() + timedelta(days=day) for day in range(-(-(span.end - span.first) // DAY))]
    parameters = {
        "days": days,
        "modules": _named(conn, "module", filters.modules),
        "types": _named(conn, "type", filters.types),
        "actors": _named(conn, "person", tuple(filters.people)),
        "kind": filters.actor_kind,
        "levels": None if filters.sensitivity is None else list(filters.sensitivities),
        "account": filters.account,
        "accounts": None if filters.accounts is None else sorted(filters.accounts),
    }
    everything = all(value is None for name, value in parameters.items() if name != "days")
    statement = query("tally_everything" if everything else "tally_sum")
    return log_cursor(conn).execute(statement, parameters, prepare=False).fetchall()


def _named(conn: psycopg.Connection[Any], what: str, names: tuple[str, ...]) -> list[str] | None:
    """Return the names as they are spelt, whatever their case is; None where there is no filter."""
    if not names:
        return None
    asked = {name.casefold() for name in names}
    found = log_cursor(conn).execute(query("tally_names"), {"what": what})
    return [name for (name,) in found if name.casefold() in asked]


def _midnight(at: datetime) -> datetime:
    return midnight(at.astimezone(UTC).date())


def _midnight_after(at: datetime) -> datetime:
    """Return the first UTC midnight that is not before a time."""
    day = _midnight(at)
    return day if day == at else day + DAY


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
    names.look_up({(table, account): account for account in accounts})
    found = {account: names.value(table, account, column, _ALWAYS) for account in accounts}
    return {account: str(name) for account, name in found.items() if name is not UNKNOWN and name is not None}


def _people(tally: Tally) -> tuple[Person, ...]:
    ranked = sorted(tally.people.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Person(name, kind, number) for (name, kind), number in ranked)


def _by_name(counted: Counter[str]) -> tuple[Choice, ...]:
    return tuple(Choice(name, name, counted[name]) for name in sorted(counted, key=str.casefold))
