"""The terms by which the index finds entries, and what a filter asks of them.

A word stands as it is. What other filters ask for has a capital before it, which no word begins with. An entry whose names or words
may become others without a trace in the log has the term U: it is looked at whatever names and words are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from capture.entries.identity import decode, root_hash
from capture.entries.order import key_text
from capture.filters import Filters, entity_names, texts, wanted_words, words
from capture.model import Entry

UNSURE = "U"
MOST = 2000
"""So many terms an entry has at most: one with more is looked at whatever is asked for."""

_HASH = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """What a filter asks of the index, each as a tsquery, empty where it asks for nothing.

    `sure` is told by the terms of every entry; `unsure` by those of entries without the term U.
    """

    sure: str
    unsure: str

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.sure or self.unsure)

    @property
    def candidates(self) -> str:
        """The entries that must be looked at."""
        return _all(self.sure, f"({self.unsure} | '{UNSURE}')" if self.unsure else "")

    @property
    def certain(self) -> str:
        """The entries that need not be looked at: the index is right about them."""
        return _all(self.sure, f"{self.unsure} & !'{UNSURE}'" if self.unsure else "")

    @property
    def doubtful(self) -> str:
        """The candidates that are not certain; empty where there are none."""
        return _all(self.sure, f"'{UNSURE}'") if self.unsure else ""


def terms_of(entry: Entry, *, unsure: bool) -> str:
    """Return the terms of an entry as a tsvector is written. *unsure* says that the names in it may become others."""
    found = {f"T{entry.type.casefold()}", f"S{entry.sensitivity}", f"K{entry.actor_kind}"}
    found |= {_named("M", entry.module), _named("A", entry.actor), f"R{decode(entry.id).root.hex()}"}
    found |= {_hashed("C", account) for account in (entry.account, entry.former_account) if account is not None}
    found |= {_hashed("E", name) for name in entity_names(entry)}
    for change in entry.changes:
        if change.key:
            found.add(f"R{_root(change.table, key_text(change.key))}")
    for text in texts(entry):
        found |= _words(text)
        if len(found) > MOST:
            break
    if len(found) > MOST:
        found = {term for term in found if term[0] in "TSKMAC"}
        unsure = True
    if unsure:
        found.add(UNSURE)
    return "'" + "' '".join(found) + "'"


def asked(filters: Filters) -> Asked | None:
    """Return what a filter asks of the index, nothing where it asks for no more than a time; None where it cannot be asked of it."""
    sure = [
        _any(_named("M", module) for module in filters.modules),
        _any(f"T{name.casefold()}" for name in filters.types if name.isalpha()),
        _any(_named("A", name) for name in filters.people),
        _any(f"S{name}" for name in filters.sensitivities) if filters.sensitivity not in (None, "low") else "",
        f"'K{filters.actor_kind}'" if filters.actor_kind else "",
        "" if filters.account is None else f"'{_hashed('C', filters.account)}'",
    ]
    if filters.types and not sure[1]:
        return None
    if filters.accounts is not None:
        if not filters.accounts:
            return None
        sure.append(_any(_hashed("C", account) for account in filters.accounts))
    unsure = [] if filters.entity is None else [f"'{_named('E', filters.entity)}'"]
    if filters.row is not None:
        unsure.append(f"'R{_root(*filters.row)}'")
    if filters.search is not None:
        found = wanted_words(filters.search)
        if filters.search.strip() and not found:
            return None
        unsure += [f"'{word}':*" for word in found]
    return Asked(_all(*sure), _all(*unsure))


def _all(*parts: str) -> str:
    return " & ".join(part for part in parts if part)


def _any(terms: Iterable[str]) -> str:
    found = sorted(set(terms))
    return f"({' | '.join(_quoted(found))})" if found else ""


def _quoted(terms: Sequence[str]) -> list[str]:
    return [f"'{term}'" for term in terms]


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(words(text))


@lru_cache(maxsize=4096)
def _named(tag: str, name: str) -> str:
    return _hashed(tag, name.casefold())


def _hashed(tag: str, name: str) -> str:
    return tag + blake2b(name.encode(), digest_size=_HASH).hexdigest()


@lru_cache(maxsize=4096)
def _root(table: str, key: str) -> str:
    return root_hash(table, key).hex()
