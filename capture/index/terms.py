"""The terms by which the index finds entries, and what a filter asks of them.

A word stands as it is. What other filters ask for has a capital before it, which no word begins with. An entry whose names or words
may become others without a trace in the log has the term U: it is looked at whatever names and words are asked for. X is of its mix: see
`capture.index.mixes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from capture.entries.identity import decode, root_hash
from capture.entries.order import key_text
from capture.filters import Filters, entity_names, texts, wanted_words, words
from capture.index.mixes import Mix, Mixes, Wish, hashed, mix_of
from capture.model import Entry

UNSURE = "U"
MOST = 2000
"""So many terms an entry has at most: one with more is looked at whatever is asked for."""

WIDEST = 32
"""So many mixes are asked for by name, at most: of more, it is the filters themselves that find sooner."""

_KEPT = frozenset("TSKMACNX")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a filter asks of the index, each as a tsquery, empty where it asks for nothing.

    `sure` is told by the terms of every entry; `unsure` by those of entries without the term U. `nothing`: the index knows of no entry
    that can be wanted; `unheard`: of none without the term U.
    """

    sure: str
    unsure: str
    nothing: bool = False
    unheard: bool = False

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.sure or self.unsure or self.nothing or self.unheard)

    @property
    def countable(self) -> bool:
        """Whether there may be entries about which the index is right."""
        return not (self.nothing or self.unheard)

    @property
    def candidates(self) -> str:
        """The entries that must be looked at; empty where there are none."""
        if not self.countable:
            return self.doubtful
        return _all(self.sure, f"({self.unsure} | '{UNSURE}')" if self.unsure else "")

    @property
    def certain(self) -> str:
        """The entries that need not be looked at: the index is right about them. Good for nothing where none is countable."""
        return _all(self.sure, f"{self.unsure} & !'{UNSURE}'" if self.unsure else "")

    @property
    def doubtful(self) -> str:
        """The candidates that are not certain; empty where there are none."""
        if self.nothing or not (self.unsure or self.unheard):
            return ""
        return _all(self.sure, f"'{UNSURE}'")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of an entry: `text` as a tsvector is written, its `mix`, and those which are `met` with the mix."""

    text: str
    mix: Mix
    met: frozenset[str]


def terms_of(entry: Entry, *, unsure: bool) -> Terms:
    """Return the terms of an entry. *unsure* says that the names in it may become others."""
    mix = mix_of(entry)
    found = {f"T{mix.type}", f"S{mix.sensitivity}", f"K{mix.actor_kind}", mix.term}
    found |= {_named("M", entry.module), _named("N", entry.entity), f"R{decode(entry.id).root.hex()}"}
    met = {hashed("C", account) for account in (entry.account, entry.former_account) if account is not None}
    met.add(_named("A", entry.actor))
    found |= {hashed("E", name) for name in entity_names(entry) if name != mix.entity}
    for change in entry.changes:
        if change.key:
            found.add(f"R{_root(change.table, key_text(change.key))}")
    said: set[str] = set()
    for text in texts(entry):
        said |= _words(text)
        if len(found) + len(said) > MOST:
            break
    if len(found) + len(said) > MOST:
        found = {term for term in found if term[0] in _KEPT}
        said, unsure = set(), True
    found |= met
    if unsure:
        found.add(UNSURE)
    met |= said
    return Terms("'" + "' '".join(found | said) + "'", mix, frozenset(met))


def asked(filters: Filters, mixes: Callable[[Wish], Mixes] | None = None) -> Asked | None:
    """Return what a filter asks of the index, nothing where it asks for no more than a time; None where it cannot be asked of it.

    *mixes* tells what the index knows of what comes together; it is asked where the filter asks for two things or more.
    """
    wish = _wish(filters)
    if wish.types == [] or wish.accounts == [] or (filters.search and filters.search.strip() and not wish.words):
        return None
    found = mixes(wish) if mixes and wish.asked > 1 else None
    if found is not None and not found.all:
        return Asked("", "", nothing=True)
    sure = [_dimensions(wish, found), *(_any(terms) for terms in (wish.people, wish.account, wish.accounts) if terms)]
    if found is not None and not found.said:
        return Asked(_all(*sure), "", unheard=True)
    unsure = []
    if wish.entity is not None:
        nouns = [_named("N", wish.entity)] if found is None or len(found.named) > WIDEST else list(found.named)
        unsure.append(_any([_named("E", wish.entity), *nouns]))
    if filters.row is not None:
        unsure.append(f"'R{_root(*filters.row)}'")
    unsure += [f"'{word}':*" for word in wish.words]
    if wish.words and wish.dimensions and found is not None and len(found.said) <= WIDEST:
        unsure.append(_any(found.said))
    return Asked(_all(*sure), _all(*unsure))


def _wish(filters: Filters) -> Wish:
    """Return what a filter asks for, but for time and row, as the index spells it."""
    everything = filters.sensitivity in (None, "low")
    return Wish(
        modules=[name.casefold() for name in filters.modules] or None,
        types=[name.casefold() for name in filters.types if name.isalpha()] if filters.types else None,
        kind=filters.actor_kind,
        levels=None if everything else list(filters.sensitivities),
        people=[_named("A", name) for name in filters.people] or None,
        account=None if filters.account is None else [hashed("C", filters.account)],
        accounts=None if filters.accounts is None else [hashed("C", account) for account in filters.accounts],
        entity=None if filters.entity is None else filters.entity.casefold(),
        words=[] if filters.search is None else list(wanted_words(filters.search)),
    )


def _dimensions(wish: Wish, found: Mixes | None) -> str:
    """Return what is asked of kind, module, type and sensitivity: each, or the mixes that pass all."""
    if found is not None and wish.dimensions > 1 and len(found.all) <= WIDEST:
        return _any(found.all)
    return _all(
        _any(_named("M", module) for module in wish.modules or ()),
        _any(f"T{name}" for name in wish.types or ()),
        _any(f"S{level}" for level in wish.levels or ()),
        _any(f"K{kind}" for kind in (wish.kind,) if kind),
    )


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
    return hashed(tag, name.casefold())


@lru_cache(maxsize=4096)
def _root(table: str, key: str) -> str:
    return root_hash(table, key).hex()
