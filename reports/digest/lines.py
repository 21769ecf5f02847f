"""One entry as a digest shows it: what it says, in harmless texts of bounded length, and how much it deserves to be shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from capture.model import ActorKind, ActorTrust, ChangeType, Entry
from reports import safety
from reports.digest.fields import Field, fields_of, history_of
from reports.digest.when import Calendar, Moment

NAME = 60
MARK = 100
SENTENCE = 240
SENTENCES_SHOWN = 3
_HEADLINE = 40
_ADDRESS = 45

_SENSITIVITY = {"low": 0, "normal": 1, "high": 2}


@dataclass(frozen=True, slots=True)
class Person:
    """An actor as shown; `mark` is what must be said beside the name: that it is a database role's, or that nothing vouches for it."""

    name: str
    kind: ActorKind
    trust: ActorTrust
    mark: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as shown; all texts are harmless and of bounded length.

    `noun` and `name` say what was changed: "workflow" and "Welcome"; `name` is None where the noun says it all, `spoken` is
    set where the sentences say it already.
    `id` is the entry's, `history` the table and the key by which the page shows what was done to the thing before; None where
    nothing tells the table. `module` is that of the entry as it is stored, however long.
    `fields` are the values before and after, those first that no sentence says.
    `headline` is its kind in words, for a subject: "Plan upgraded". `unsaid` counts the sentences that were left out.
    `rank` is its place among the lines of its section, 0 for the one that deserves it most.
    """

    id: str
    history: tuple[str, str] | None
    module: str
    at: Moment
    type: ChangeType
    noun: str
    name: str | None
    spoken: bool
    sentences: tuple[str, ...]
    unsaid: int
    fields: tuple[Field, ...]
    actor: Person
    ip: str | None
    account: str | None
    consequence_of: str | None
    sensitive: bool
    headline: str
    rank: int = 0

    @property
    def news(self) -> tuple[Field, ...]:
        """The fields that no sentence says."""
        return tuple(field for field in self.fields if not field.said)

    def shortened(self, characters: int) -> Line:
        """Return the line with at most so many characters in all its sentences, of which the first is always there.

        So many are the most for its values, too: where they do not fit, they are left out whole.
        """
        kept: list[str] = []
        for sentence in self.sentences:
            if kept and sum(map(len, kept)) + len(sentence) > characters:
                break
            kept.append(safety.line(sentence, characters))
        return replace(
            self,
            sentences=tuple(kept),
            spoken=self.spoken and any(_speaks(sentence, self.noun, self.name or "") for sentence in kept),
            unsaid=self.unsaid + len(self.sentences) - len(kept),
            fields=_fitting(self.fields, characters),
            consequence_of=safety.line(self.consequence_of, characters) if self.consequence_of else None,
        )


def rank_of(entry: Entry) -> tuple[int, ...]:
    """Return how much an entry deserves one of the few places; the newer of two equal ones takes it.

    First what is sensitive. Then what was done around the application: nobody sees that anywhere else. Then what was
    deleted: it can no longer be looked at in the product, while what was created or updated can.
    """
    return (
        _SENSITIVITY.get(entry.sensitivity, 1),
        entry.actor_kind == "database",
        entry.type is ChangeType.DELETED,
    )


def line_of(entry: Entry, span: Calendar) -> Line:
    """Return the entry as it is shown to a reader in that zone."""
    noun, name = _thing(entry)
    sentences = tuple(safety.line(text, SENTENCE) for text in entry.descriptions[:SENTENCES_SHOWN])
    return Line(
        id=entry.id,
        history=history_of(entry),
        module=entry.module,
        at=span.moment(entry.at),
        type=entry.type,
        noun=noun,
        name=name,
        spoken=name is not None and any(_speaks(sentence, noun, name) for sentence in sentences),
        sentences=sentences,
        unsaid=max(len(entry.descriptions) - SENTENCES_SHOWN, 0),
        fields=fields_of(entry, sentences),
        actor=person(entry.actor, entry.actor_kind, entry.actor_trust, entry.actor_mark),
        ip=safety.line(entry.ip, _ADDRESS) if entry.ip else None,
        account=safety.line(entry.account, NAME) if entry.account else None,
        consequence_of=safety.line(entry.consequence_of, SENTENCE) if entry.consequence_of else None,
        sensitive=entry.sensitivity == "high",
        headline=headline_of(entry),
    )


def _thing(entry: Entry) -> tuple[str, str | None]:
    """Return noun and name of what was changed. A table that was emptied, and a row without a name, are said by the noun alone."""
    noun, name = safety.line(entry.entity, NAME), safety.line(entry.entity_name, NAME)
    if not entry.entity_id or name == f"{noun} {entry.entity_id}":
        return name or noun, None
    return noun, name or None


def _speaks(sentence: str, noun: str, name: str) -> bool:
    """Return whether a sentence says both; of a noun of several words the last one is enough ("sequence" of "sales sequence")."""
    return f"“{name}”" in sentence and noun.rsplit(" ", maxsplit=1)[-1].casefold() in sentence.casefold()


def _fitting(fields: tuple[Field, ...], characters: int) -> tuple[Field, ...]:
    kept: list[Field] = []
    for field in fields:
        characters -= field.length
        if characters < 0:
            break
        kept.append(field)
    return tuple(kept)


def headline_of(entry: Entry) -> str:
    """Return the kind of the entry in words: "plan.upgraded" as "Plan upgraded"; empty where it has none or a long one."""
    words = " ".join(entry.kinds[0].replace(".", " ").replace("_", " ").split()) if entry.kinds else ""
    return "" if len(words) > _HEADLINE else safety.neutral(words[:1].upper() + words[1:])


def person(name: str, kind: ActorKind, trust: ActorTrust, mark: str | None) -> Person:
    """Return an actor as it is shown."""
    said = "direct SQL" if kind == "database" else safety.line(mark, MARK) if mark else None
    return Person(safety.line(name, NAME) or "(no name)", kind, trust, said)
