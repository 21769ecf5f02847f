"""The sentences of a digest that count and name: its subject, its preheader, and the parts that both templates share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import safety
from reports.digest.content import MODULES_SHOWN, Digest, People, Section
from reports.digest.tally import Totals

USEFUL = 60
"""What comes after the product in a subject is at most so long: no list of mails shows more."""

PREHEADER = 140


def subject(digest: Digest, nothing: str) -> str:
    """Return the subject: the first wording that fits, from the one that says most to the shortest.

    `nothing` is what a digest without a change says.
    """
    wordings = list(_wordings(digest, nothing))
    fitting = (wording for wording in wordings if len(wording) <= USEFUL)
    return f"[{digest.product}] {next(fitting, wordings[-1])}"


def preheader(digest: Digest, nothing: str) -> str:
    """Return what the list of mails shows after the subject: the change that must not be missed."""
    if digest.lead is None:
        return f"{nothing}. {watched(digest)}"
    return safety.line(digest.lead.sentences[0] if digest.lead.sentences else digest.lead.headline, PREHEADER)


def nothing_new(serial: int | None) -> str:
    """Return what a digest without a change says; `serial` is its number, None where its changes were chosen by their time.

    Never that nothing was recorded in a time: a digest that was cut late told of it before, or a transaction is still open.
    """
    if serial is None:
        return "Nothing to tell"
    return f"Nothing new since {f'digest {serial - 1:,}' if serial > 1 else 'you were added'}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 change", "1,204 changes"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Return the parts as an enumeration: "a, b and c"."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def by_type(totals: Totals) -> str:
    """Return the totals in words, without those that are zero: "2 created, 11 updated, 1 deleted"."""
    numbers = {"created": totals.created, "updated": totals.updated, "deleted": totals.deleted}
    return ", ".join(f"{number:,} {word}" for word, number in numbers.items() if number)


def section(part: Section) -> str:
    """Return what stands under the name of a module: "13 changes: 1 created, 12 updated; 2 sensitive"."""
    number = part.totals.all
    alone = by_type(part.totals)
    said = alone if "," not in alone else f"{count(number, 'change')}: {alone}"
    if not part.sensitive:
        return said
    if part.sensitive < number:
        return f"{said}; {part.sensitive:,} sensitive"
    return f"{said}; {'all ' if number > 1 else ''}sensitive"


def summary(digest: Digest) -> str:
    """Return what a reader who reads one line should know: "67 changes in 6 modules, by 5 people, System and 1 database role"."""
    modules = count(digest.modules, "module")
    return f"{count(digest.totals.all, 'change')} in {modules}, by {by_whom(digest.people)}"


def by_whom(people: People) -> str:
    """Return who it was, counted."""
    least = "at least " if people.countless else ""
    parts = []
    if people.users:
        parts.append(least + count(people.users, "person", "people"))
    if people.system:
        parts.append("System")
    if people.roles:
        parts.append(least + count(people.roles, "database role"))
    return listed(parts)


def sensitive(digest: Digest) -> str:
    """Return how many sensitive changes there are, and how many of them are named."""
    named, all_of_them = len(digest.sensitive), digest.sensitive_entries
    if named == all_of_them:
        return count(all_of_them, "change")
    return f"{named} of {count(all_of_them, 'change')}; the others stand in their modules or in the log"


def others(people: People) -> str | None:
    """Return what the people did whom the table does not name; None where it names all."""
    if not people.others_entries:
        return None
    least = "at least " if people.countless else ""
    return f"and {least}{count(people.others, 'other')} with {count(people.others_entries, 'change')}"


def people_cells(digest: Digest) -> list[list[str]]:
    """Return the people table of the text part, its headings first."""
    cells = [["Who", "Changes", "Sensitive", "Last change"]]
    for row in digest.people.rows:
        name = f"{row.person.name} ({row.person.mark})" if row.person.mark else row.person.name
        cells.append([name, f"{row.entries:,}", f"{row.sensitive:,}", row.last.words])
    return cells


def heartbeat(digest: Digest) -> str:
    """Return why a mail comes although nothing changed."""
    return f"{'There is nothing else to tell' if digest.reasons else 'This mail is a sign of life'}. {watched(digest)}"


def footer(digest: Digest) -> list[str]:
    """Return the paragraphs at the end: why this came, how to stop it, and how complete it is."""
    stop = "To stop it or to change what it holds, reply to this mail, or ask whoever runs the log."
    complete = (
        "The log records every committed change of the tables it watches, also those made around the application. "
        "Each digest begins where the one before it ended."
    )
    if digest.lead and digest.watch and not digest.watch.amiss:
        complete += f" {watched(digest)}"
    paragraphs = [f"{why(digest)} {stop}", complete]
    if any(part.more.all for part in digest.sections):
        paragraphs.append(
            "Where not all changes of a module are shown, sensitive ones come first, then direct SQL and deletions, then the newest."
        )
    if digest.people.marked:
        paragraphs.append(
            "“claimed by” marks a name that only this database role gives; for names of people without it a trusted application vouches."
        )
    elif digest.people.claimed:
        paragraphs.append(
            "Names of people are what the application said; those of database roles are known by the database."
        )
    return paragraphs


def scope(digest: Digest) -> str | None:
    """Return what the digest is limited to, None where it is about everything: "account 1; modules Workflows and Territories"."""
    reader = digest.reader
    parts = [_some(noun, names) for noun, names in (("account", reader.accounts), ("module", reader.modules)) if names]
    if reader.sensitivity != "low":
        parts.append(
            {"normal": "changes of normal and high sensitivity", "high": "sensitive changes"}[reader.sensitivity]
        )
    return "; ".join(parts) or None


def _some(noun: str, names: Sequence[str]) -> str:
    """Return the first of some names: "account 1", "modules Workflows and Territories"."""
    named = list(names[:MODULES_SHOWN])
    if more := len(names) - len(named):
        named.append(f"{more:,} more")
    return f"{noun if len(names) == 1 else noun + 's'} {listed(named)}"


def watched(digest: Digest) -> str:
    """Return what is known about the completeness of the log."""
    watch = digest.watch
    if watch is None:
        return "The log was read to the end of this time without an error."
    tables = count(watch.tables, "table")
    if watch.amiss:
        verb = "is" if watch.amiss == 1 else "are"
        return f"Of {tables} that should be watched, {watch.amiss:,} {verb} not watched fully: changes may be missing."
    return f"The log works: it watches {tables}, and none of them is missing a trigger."


def why(digest: Digest) -> str:
    """Return why the reader gets this mail."""
    kind = {"hourly": "hourly ", "daily": "daily ", "weekly": "weekly ", "now": ""}[digest.cadence]
    limit = scope(digest)
    return f"{digest.reader.email} gets this {kind}digest as a recipient of the audit log of {digest.product}" + (
        f", limited to {limit}." if limit else "."
    )


def _wordings(digest: Digest, nothing: str) -> Iterator[str]:
    span = digest.calendar
    # The exact times are worth less than what changed.
    times = tuple(dict.fromkeys((_when(digest, span.short), _when(digest, span.dates))))
    lead, number = digest.lead, digest.totals.all
    if lead is None and digest.reasons:
        yield from digest.reasons
        return
    if lead is None:
        yield from (f"{nothing} ({when})" for when in (span.short, span.dates))
        yield nothing
        return
    if lead.sensitive:
        others = f" + {count(number - 1, 'other change')}" if number > 1 else ""
        for said in (lead.headline, "Sensitive change"):
            yield from (f"{said}{others}{when}" for when in times if said)
    changes = count(number, "configuration change")
    one = [digest.sections[0].module] if digest.modules == 1 else []
    for modules in (*one, count(digest.modules, "module")):
        yield from (f"{changes}{when} ({modules})" for when in times)
    yield from (f"{changes}{when}" for when in times)


def _when(digest: Digest, words: str) -> str:
    return f" on {words}" if digest.calendar.one_day else f", {words}"
