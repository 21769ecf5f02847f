"""What comes together in entries, so that filters which find much each, and nothing together, are answered without looking.

A mix is what an entry has of the things that few values have: the kind of actor, module, type, noun and sensitivity. The index knows
all mixes that there are, and which words, people and accounts entries of each have had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import psycopg

from capture.model import Entry
from capture.reading import log_cursor
from capture.resources import query

REMEMBERED = 500_000
"""So many terms of mixes are known to be written, before all are forgotten and written again."""

_HASH = 6


@dataclass(frozen=True, slots=True)
class Mix:
    """A mix, as filters compare: without case."""

    actor_kind: str
    module: str
    type: str
    entity: str
    sensitivity: str

    @property
    def term(self) -> str:
        """The term that entries of this mix have."""
        return _term(self)


@lru_cache(maxsize=4096)
def _term(mix: Mix) -> str:
    said = f"{mix.actor_kind}\n{mix.module}\n{mix.type}\n{mix.entity}\n{mix.sensitivity}"
    return "X" + blake2b(said.encode(), digest_size=_HASH).hexdigest()


@lru_cache(maxsize=4096)
def _mix(kind: str, module: str, change_type: str, entity: str, sensitivity: str) -> Mix:
    return Mix(kind, module.casefold(), change_type.casefold(), entity.casefold(), sensitivity)


def mix_of(entry: Entry) -> Mix:
    """Return the mix of an entry."""
    return _mix(entry.actor_kind, entry.module, entry.type.value, entry.entity, entry.sensitivity)


class Meetings:
    """Collects which terms came with which mix, each to be written once."""

    def __init__(self) -> None:
        """Know nothing as written."""
        self._known: dict[tuple[Mix, date], set[str]] = {}
        self._number = 0
        self._new: dict[tuple[str, str], date] = {}
        self._mixes: set[Mix] = set()

    def add(self, mix: Mix, terms: Iterable[str], day: date) -> None:
        """Note the terms of an entry of a UTC day."""
        period = day.replace(day=1)
        known = self._known.get((mix, period))
        if known is None:
            known = self._known[mix, period] = set()
            self._mixes.add(mix)
        new = set(terms) - known
        if not new:
            return
        known |= new
        self._number += len(new)
        for term in new:
            at = (mix.term, term)
            self._new[at] = max(period, self._new.get(at, period))

    def write(self, conn: psycopg.Connection[Any]) -> None:
        """Write what is new, in the transaction that writes the entries."""
        if not self._new:
            return
        mixes = list(self._mixes)
        parameters = {
            "mixes": [mix.term for mix in mixes],
            "kinds": [mix.actor_kind for mix in mixes],
            "modules": [mix.module for mix in mixes],
            "types": [mix.type for mix in mixes],
            "entities": [mix.entity for mix in mixes],
            "levels": [mix.sensitivity for mix in mixes],
            "of": [mix for mix, _ in self._new],
            "terms": [term for _, term in self._new],
            "periods": list(self._new.values()),
        }
        conn.execute(query("index_mix"), parameters)
        self._new, self._mixes = {}, set()
        if self._number > REMEMBERED:
            self._known, self._number = {}, 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What filters ask of mixes, as the index spells it; None asks for nothing. Of `people` and `accounts` one must be there."""

    modules: tuple[str, ...] | None
    types: tuple[str, ...] | None
    kind: str | None
    levels: tuple[str, ...] | None
    people: tuple[str, ...] | None
    account: tuple[str, ...] | None
    accounts: tuple[str, ...] | None
    entity: str | None
    words: tuple[str, ...]

    @property
    def dimensions(self) -> int:
        """How many of the things of which a mix is made are asked for, but for the noun."""
        return sum(one is not None for one in (self.modules, self.types, self.kind, self.levels))

    @property
    def asked(self) -> int:
        """How many things are asked for."""
        others = (self.people, self.account, self.accounts, self.entity)
        return self.dimensions + sum(one is not None for one in others) + len(self.words)


@dataclass(frozen=True, slots=True)
class Mixes:
    """The terms of mixes that filters may find: `all`; `named`, those whose noun is asked for; `said`, those that have all words.

    `named` are among `said` where words are asked for.
    """

    all: tuple[str, ...]
    named: tuple[str, ...]
    said: tuple[str, ...]


def mixes_for(conn: psycopg.Connection[Any], wish: Wish) -> Mixes:
    """Return which mixes may have what is wanted, of all entries that the index has by now."""
    parameters = {
        "modules": _listed(wish.modules),
        "types": _listed(wish.types),
        "kind": wish.kind,
        "levels": _listed(wish.levels),
        "people": _listed(wish.people),
        "account": _listed(wish.account),
        "accounts": _listed(wish.accounts),
        "entity": wish.entity,
        "words": list(wish.words),
    }
    rows = log_cursor(conn).execute(query("index_mixes"), parameters).fetchall()
    said = [row for row in rows if not wish.words or row[2]]
    return Mixes(
        tuple(sorted(row[0] for row in rows)),
        tuple(sorted(row[0] for row in said if row[1])),
        tuple(sorted(row[0] for row in said)),
    )


def _listed(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)
