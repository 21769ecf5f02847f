"""Which entries a reader wants, and whether an entry is one of them: one meaning for every way of reading."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from itertools import zip_longest

from capture.errors import UsageError
from capture.model import Entry

SENSITIVITIES = ("low", "normal", "high")
KINDS = ("user", "system", "database")

LONGEST_WORD = 60
"""Words are compared by so many letters: what is longer is a hash or a blob."""

LONGEST_SEARCH = 1000

# A letter of a script that puts no blanks between words is a word of its own; of the others, what stands together is.
_BY_LETTER = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_BY_LETTER}]|[^\W_{_BY_LETTER}]+")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are wanted; an empty filter wants all, and every field that is set must agree.

    `since` is included, `until` is not. `modules`, `types` and `actors` want one of several; `actor` is one more. Names are compared
    whatever their case. `entity` is a noun, a name, or both ("workflow Welcome"). `account` is one that the reader asks for,
    `accounts` are those that they may see at all: None is all of them, and an entry of no known account is in no such set. One that
    moved between accounts is in both. `sensitivity` is the least. `search` wants, for each of its words, a word that begins with it
    in a name, a sentence or a value. `row` is a table's name and a row's key as text: the history of one row and its parts.
    """

    since: datetime | None = None
    until: datetime | None = None
    modules: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    actor: str | None = None
    entity: str | None = None
    account: str | None = None
    search: str | None = None
    limit: int | None = None
    row: tuple[str, str] | None = None
    actors: tuple[str, ...] = ()
    accounts: frozenset[str] | None = None
    sensitivity: str | None = None
    actor_kind: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would want nothing by a slip of the pen. Raises UsageError."""
        if self.search is not None and len(self.search) > LONGEST_SEARCH:
            raise UsageError(f"a search has at most {LONGEST_SEARCH:,} letters, not {len(self.search):,}")
        if self.sensitivity is not None and self.sensitivity not in SENSITIVITIES:
            raise UsageError(f"sensitivity '{self.sensitivity}' is none of {', '.join(SENSITIVITIES)}")
        if self.actor_kind is not None and self.actor_kind not in KINDS:
            raise UsageError(f"'{self.actor_kind}' is no kind of actor: {', '.join(KINDS)}")

    @property
    def people(self) -> frozenset[str]:
        """The actors of whom one is wanted, as they are compared; empty where anybody is."""
        named = self.actors if self.actor is None else (*self.actors, self.actor)
        return frozenset(name.casefold() for name in named)

    @property
    def sensitivities(self) -> tuple[str, ...]:
        """The sensitivities that are high enough."""
        return SENSITIVITIES if self.sensitivity is None else SENSITIVITIES[SENSITIVITIES.index(self.sensitivity) :]


def words(text: str) -> list[str]:
    """Return the words of a text as a search compares them: without case and accents, in their order."""
    text = text.casefold()
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in parts if not unicodedata.combining(letter)).casefold()
    return [word[:LONGEST_WORD] for word in _WORD.findall(text)]


@lru_cache(maxsize=64)
def wanted_words(search: str) -> tuple[str, ...]:
    """Return the words that a search wants: each once, and none that is the beginning of another."""
    found = sorted(set(words(search)))
    return tuple(word for word, after in zip_longest(found, found[1:], fillvalue="") if not after.startswith(word))


def entity_names(entry: Entry) -> set[str]:
    """Return what the `entity` of a filter may be for this entry, as it is compared."""
    names = (
        entry.entity,
        entry.entity_name,
        f"{entry.entity} {entry.entity_name}",
        f"{entry.entity} {entry.entity_id}",
    )
    return {name.casefold() for name in names}


def texts(entry: Entry) -> Iterable[str]:
    """Return all that a search looks in."""
    values = [text for change in entry.changes for text in (change.label, change.before, change.after) if text]
    return [entry.actor, entry.module, entry.entity, entry.entity_name, *entry.descriptions, *values]


def wanted(entry: Entry, filters: Filters) -> bool:
    """Return whether an entry passes all filters but `row` and `limit`; those that SQL has applied to the transaction included."""
    return all(test(entry) for test in _tests(filters))


@lru_cache(maxsize=64)
def _tests(filters: Filters) -> tuple[Callable[[Entry], bool], ...]:
    """Return what an entry must pass, the cheapest first."""
    tests: list[Callable[[Entry], bool]] = []
    if (since := filters.since) is not None:
        tests.append(lambda entry: entry.at >= since)
    if (until := filters.until) is not None:
        tests.append(lambda entry: entry.at < until)
    if (kind := filters.actor_kind) is not None:
        tests.append(lambda entry: entry.actor_kind == kind)
    if filters.sensitivity is not None:
        enough = frozenset(filters.sensitivities)
        tests.append(lambda entry: entry.sensitivity in enough)
    scopes = (None if filters.account is None else frozenset({filters.account}), filters.accounts)
    tests.extend(partial(_is_of_one_of, accounts) for accounts in scopes if accounts is not None)
    for names, name in (
        (filters.modules, lambda entry: entry.module),
        (filters.types, lambda entry: entry.type),
        (tuple(filters.people), lambda entry: entry.actor),
    ):
        if names:
            tests.append(partial(_is_one_of, name, frozenset(each.casefold() for each in names)))
    return (*tests, *_costly(filters))


def _costly(filters: Filters) -> Iterator[Callable[[Entry], bool]]:
    if filters.entity is not None:
        asked = filters.entity.casefold()
        yield lambda entry: asked in entity_names(entry)
    if filters.search is not None:
        yield partial(_is_found, filters.search)


def _is_of_one_of(accounts: frozenset[str], entry: Entry) -> bool:
    return entry.account in accounts or entry.former_account in accounts


def _is_one_of(name: Callable[[Entry], str], names: frozenset[str], entry: Entry) -> bool:
    return name(entry).casefold() in names


def _is_found(search: str, entry: Entry) -> bool:
    asked = wanted_words(search)
    if not asked:
        # Nothing but signs: they are looked for as they are.
        return not search.strip() or any(search.strip() in text for text in texts(entry))
    found = {word for text in texts(entry) for word in words(text)}
    return all(ask in found or any(word.startswith(ask) for word in found) for ask in asked)
