"""What comes together in entries, so that filters which find much each, and nothing together, are answered without looking.

A mix is what an entry has of the things that few values have: the kind of actor, module, type, noun and sensitivity. The index knows
all mixes that there are, and which words, people and accounts entries of each have had.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    """A mix, as filters compare: without case; `term` is the one that its entries have."""

    term: str
    actor_kind: str
    module: str
    type: str
    entity: str
    sensitivity: str


def hashed(tag: str, name: str) -> str:
    """Return a term that stands for a name, whatever is in it."""
    return tag + blake2b(name.encode(), digest_size=_HASH).hexdigest()


def mix_of(entry: Entry) -> Mix:
    """Return the mix of an entry."""
    return _mix(entry.actor_kind, entry.module, entry.type.value, entry.entity, entry.sensitivity)


@lru_cache(maxsize=4096)
def _mix(*parts: str) -> Mix:
    folded = [part.casefold() for part in parts]
    return Mix(hashed("X", "\n".join(folded)), *folded)


class Meetings:
    """Collects which terms came with which mix, each to be written once."""

    def __init__(self) -> None:
        """Know nothing as written."""
        self._known: dict[tuple[Mix, date], set[str]] = {}
        self._number = 0
        self._new: dict[tuple[str, str], date] = {}
        self._mixes: set[Mix] = set()

    def add(self, mix: Mix, terms: frozenset[str], day: date) -> None:
        """Note the terms of an entry of a UTC day."""
        period = day.replace(day=1)
        known = self._known.get((mix, period))
        if known is None:
            known = self._known[mix, period] = set()
            self._mixes.add(mix)
        new = terms - known
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

    modules: list[str] | None
    types: list[str] | None
    kind: str | None
    levels: list[str] | None
    people: list[str] | None
    account: list[str] | None
    accounts: list[str] | None
    entity: str | None
    words: list[str]

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
    rows = log_cursor(conn).execute(query("index_mixes"), asdict(wish)).fetchall()
    said = [row for row in rows if not wish.words or row[2]]
    return Mixes(
        tuple(sorted(row[0] for row in rows)),
        tuple(sorted(row[0] for row in said if row[1])),
        tuple(sorted(row[0] for row in said)),
    )
