"""What a digest says: made from a stream of entries in bounded memory, however many and however long they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from capture.catalogue.model import Sensitivity
from capture.model import Entry
from reports import safety
from reports.digest.lines import NAME, Line, Person, line_of, person, rank_of
from reports.digest.tally import ONE, Crowd, Kept, Share, Totals
from reports.digest.when import Calendar, Moment, calendar

Cadence = Literal["hourly", "daily", "weekly", "now"]

ENTRIES_A_MODULE = 10
SENSITIVE_NAMED = 6
PEOPLE_NAMED = 10
MODULES_SHOWN = 20
NOTES_SHOWN = 6

NOTE = 400
_EMAIL = 254


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a digest is. `accounts`, `modules` and the least `sensitivity` are what it is limited to; None and "low" are no limit.

    `language` is the tag by whose region days and times are written.
    """

    email: str
    name: str | None
    timezone: str
    accounts: tuple[str, ...] | None
    modules: tuple[str, ...] | None
    sensitivity: Sensitivity = "low"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a digest names: from `start` to before `end`, both aware. What is in the digest is chosen by transaction."""

    start: datetime
    end: datetime
    cadence: Cadence

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("The period of a digest needs times with a zone.")
        if self.start >= self.end:
            raise ValueError("The period of a digest ends after it starts.")


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller found out about the log: so many tables are watched, and so many of these may miss changes."""

    tables: int
    amiss: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """The entries of one module: how many there are, how many of them are sensitive, and those that are shown, the oldest first."""

    module: str
    totals: Totals
    sensitive: int
    lines: tuple[Line, ...]

    @property
    def more(self) -> Totals:
        """The entries that are not shown."""
        return self.totals - sum((ONE[line.type] for line in self.lines), Totals())


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the people table."""

    person: Person
    entries: int
    sensitive: int
    last: Moment


@dataclass(frozen=True, slots=True)
class People:
    """Who made the changes: those named, how many others there are with how many entries, and how many of each kind.

    `countless` says that there were more than could be told apart, so that the numbers of people are at least these;
    `marked` that nothing vouches for some names, which are marked so, `claimed` that the same holds for names without a mark:
    those from before anybody could vouch for one.
    """

    rows: tuple[Row, ...]
    others: int
    others_entries: int
    users: int
    roles: int
    system: bool
    countless: bool
    marked: bool
    claimed: bool


@dataclass(frozen=True, slots=True)
class Digest:
    """All that the templates need, harmless and bounded.

    `sensitive` names some of the `sensitive_entries`, the oldest first. `lead` is the entry that a reader must not miss, None
    where nothing changed. `unshown` are the modules beyond MODULES_SHOWN: their number and their entries.
    `several_accounts` says that entries must name their account. `reasons` is what it is mailed for where nothing changed, in full and
    in shorter wordings; none for a sign of life.
    """

    product: str
    reader: Reader
    cadence: Cadence
    calendar: Calendar
    totals: Totals
    modules: int
    lead: Line | None
    sensitive: tuple[Line, ...]
    sensitive_entries: int
    sections: tuple[Section, ...]
    unshown: tuple[int, Totals]
    people: People
    several_accounts: bool
    notes: tuple[str, ...]
    reasons: tuple[str, ...]
    watch: Watch | None

    def shortened(self, limit: int, characters: int) -> Digest:
        """Return the digest with at most `limit` entries a module, and so many characters in the sentences of an entry.

        Of the sensitive ones, too, those stay that deserve it most, and one always does.
        """
        return replace(
            self,
            sections=tuple(replace(part, lines=_best(part.lines, limit, characters)) for part in self.sections),
            sensitive=_best(self.sensitive, max(limit, 1), characters),
        )


def collect(
    entries: Iterable[Entry],
    reader: Reader,
    period: Period,
    *,
    module_order: Sequence[str],
    product: str = "Cloudfon CX",
    notes: Sequence[str] = (),
    reasons: Sequence[str] = (),
    watch: Watch | None = None,
    cut_at: datetime | None = None,
) -> Digest:
    """Return the digest of the entries, which come newest first and are read once.

    `module_order` are the modules in the order of the page; others follow by name. `notes` are sentences for the reader,
    `reasons` what a digest without a change is mailed for.
    With `cut_at`, when the digest is cut, another one says so where entries lie outside of the period.
    The entries are those that the reader may see: nothing is filtered here. Raises ConfigurationError where the reader's
    zone is unknown.
    """
    span = calendar(reader.timezone, period.start, period.end, reader.language)
    totals: dict[str, Totals] = defaultdict(Totals)
    kept: dict[str, Kept[Line]] = defaultdict(lambda: Kept(ENTRIES_A_MODULE))
    sensitive = Kept[Line](SENSITIVE_NAMED)
    lead = Kept[Line](1)
    crowd = Crowd()
    sensitive_by_module: dict[str, int] = defaultdict(int)
    accounts: set[str] = set()
    earliest = latest = None

    for number, entry in enumerate(entries):

        def make(entry: Entry = entry) -> Line:
            return line_of(entry, span)

        high = entry.sensitivity == "high"
        rank = rank_of(entry)
        module = entry.module
        totals[module] += ONE[entry.type]
        kept[module].offer(rank, number, make)
        lead.offer(rank, number, make)
        crowd.add(entry, sensitive=high)
        earliest = entry.at if earliest is None else min(earliest, entry.at)
        latest = entry.at if latest is None else max(latest, entry.at)
        if high:
            sensitive.offer(rank, number, make)
            sensitive_by_module[module] += 1
        if entry.account is not None and len(accounts) <= 1:
            accounts.add(entry.account)

    shown = sorted(totals, key=lambda module: (-sensitive_by_module[module], -totals[module].all, module))
    unshown = shown[MODULES_SHOWN:]
    order = {module: place for place, module in enumerate(module_order)}
    sections = [
        Section(safety.line(module, NAME), totals[module], sensitive_by_module[module], _in_order(kept[module]))
        for module in sorted(shown[:MODULES_SHOWN], key=lambda module: (order.get(module, len(order)), module))
    ]
    if cut_at is not None and earliest is not None and latest is not None:
        notes = (*_outside(span, earliest, latest, cut_at), *notes)
    return Digest(
        product=safety.line(product, NAME),
        reader=_harmless(reader),
        cadence=period.cadence,
        calendar=span,
        totals=sum(totals.values(), Totals()),
        modules=len(totals),
        lead=next(iter(_in_order(lead)), None),
        sensitive=_in_order(sensitive),
        sensitive_entries=sum(sensitive_by_module.values()),
        sections=tuple(sections),
        unshown=(len(unshown), sum((totals[module] for module in unshown), Totals())),
        people=_people(crowd, span),
        several_accounts=len(accounts) > 1,
        notes=tuple(safety.line(note, NOTE) for note in notes[:NOTES_SHOWN]),
        reasons=tuple(safety.line(reason, NOTE) for reason in reasons),
        watch=watch,
    )


def _outside(span: Calendar, earliest: datetime, latest: datetime, cut_at: datetime) -> Iterator[str]:
    """Yield what must be said where entries lie outside of the time that the digest names."""
    if latest >= span.end and cut_at > span.end:
        local = cut_at.astimezone(span.zone)
        # The end is the first moment after the span: at midnight it is on a day that the heading does not name.
        last = (span.end.astimezone(UTC) - timedelta(microseconds=1)).astimezone(span.zone).date()
        moment = span.moment(cut_at)
        day = "" if local.date() == last else f" on {local.day} {local:%B %Y}"
        clock = f"{moment.clock} {moment.offset}" if moment.offset else moment.clock
        yield f"Cut{day} at {clock}: changes until then are told here."
    if earliest < span.start:
        yield "Changes from before this time are told here too: no digest could tell them earlier."


def _in_order(kept: Kept[Line]) -> tuple[Line, ...]:
    """Return the lines as they happened, each with its rank. The newest was offered first, so the last is the oldest."""
    return tuple(replace(line, rank=rank) for rank, line in kept.last_offered_first())


def _best(lines: tuple[Line, ...], limit: int, characters: int) -> tuple[Line, ...]:
    return tuple(line.shortened(characters) for line in lines if line.rank < limit)


def _people(crowd: Crowd, span: Calendar) -> People:
    shares = crowd.most_first()
    others = shares[PEOPLE_NAMED:]
    users = [share for share in shares if share.kind == "user"]
    return People(
        rows=tuple(_row(share, span) for share in shares[:PEOPLE_NAMED]),
        others=len(others),
        others_entries=sum(share.entries for share in others) + crowd.unnamed,
        users=len(users),
        roles=sum(share.kind == "database" for share in shares),
        system=any(share.kind == "system" for share in shares),
        countless=crowd.unnamed > 0,
        marked=any(share.mark for share in users),
        claimed=any(share.trust == "claimed" and not share.mark for share in users),
    )


def _row(share: Share, span: Calendar) -> Row:
    return Row(
        person(share.name, share.kind, share.trust, share.mark), share.entries, share.sensitive, span.moment(share.last)
    )


def _harmless(reader: Reader) -> Reader:
    """Return the reader as the footer names them."""
    return replace(
        reader,
        email=safety.line(reader.email, _EMAIL),
        name=safety.line(reader.name, NAME) if reader.name else None,
        accounts=None if reader.accounts is None else tuple(safety.line(account, NAME) for account in reader.accounts),
        modules=None if reader.modules is None else tuple(safety.line(module, NAME) for module in reader.modules),
    )
