"""The log for people: days, who, what, and before and after in colour."""

from __future__ import annotations

import re
from itertools import groupby, islice
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from capture.entries.order import key_text
from capture.model import ChangeType
from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from capture.model import Entry, FieldChange

WIDE = 100
"""From this many columns on, the facts of an entry stand at the right of the actor."""

_PLAIN_WIDTH = 100_000
"""Piped text is never wrapped: a line is then a fact that grep can find."""

_SENTENCES_SHOWN = 20
_FIELDS_SHOWN = 4
_ACTORS_SHOWN = 3
_VALUE_SHOWN = 80
_INDENT = 2

_TRIED = 64
"""So many fields are looked for in a sentence that names their first words: more would say the same again."""

_PLACES = 32
"""So many places of one value in a text are weighed; and of a long text only the beginning is searched."""
_SEARCHED = 20_000

_WORD = re.compile(r"\w+")

_SWITCH_WORDS = {"on", "off", "yes", "no", "true", "false", "enabled", "disabled"}
_TYPE_STYLES = {ChangeType.CREATED: "green", ChangeType.UPDATED: "cyan", ChangeType.DELETED: "red"}
_BEFORE, _AFTER = "red", "green"
_ACTOR_STYLES = {"user": "bold", "system": "bold blue", "database": "bold magenta"}


def make_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that never reads markup in values, and does not wrap what is piped."""
    console = Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)
    if width is None and not console.is_terminal:
        console = Console(
            stderr=stderr, width=_PLAIN_WIDTH, highlight=False, markup=False, emoji=False, color_system=None
        )
    return console


def actor_text(entry: Entry, *, others: bool = True) -> Text:
    """Who did it, with the address it came from, and whom else the save named; direct SQL by a database role says so."""
    text = Text(neutral(entry.actor), style=_ACTOR_STYLES[entry.actor_kind])
    facts = [neutral(entry.ip)] if entry.ip else []
    mark = "direct SQL" if entry.actor_kind == "database" else entry.actor_mark
    if mark:
        facts.insert(0, neutral(mark))
    if facts:
        text.append(f" ({', '.join(facts)})", style="not bold dim")
    if others and entry.source.other_actors:
        text.append(f", also {_others(entry)}", style="not bold dim")
    return text


def _others(entry: Entry) -> str:
    """The actors that the transaction named after its first one; of many the first few and their number."""
    names = [neutral(_short(name)) for name in entry.source.other_actors[:_ACTORS_SHOWN]]
    more = len(entry.source.other_actors) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def facts_text(entry: Entry) -> Text:
    """Type of change, module and entity."""
    text = Text(entry.type.value, style="bold " + _TYPE_STYLES[entry.type])
    text.append(f" · {neutral(entry.module)}", style="default not bold")
    if entry.entity_name:
        text.append(f" · “{neutral(_short(entry.entity_name))}”", style="default not bold")
    return text


class Painter:
    """Paints the sentences of one entry: what was there before and what is there now, in their colours.

    A save may have many thousands of sentences and fields: the fields are sorted once, and found by their first words.
    """

    def __init__(self, entry: Entry) -> None:
        """Sort the fields: the entity's own come first, for rows that only made room may hold the same numbers."""
        self._fields: dict[str, dict[str, list[tuple[int, FieldChange]]]] = {}
        for place, change in enumerate(sorted(entry.changes, key=lambda change: not _own(entry, change))):
            if change.before and change.after:
                of_before = self._fields.setdefault(_first_word(change.before), {})
                known = of_before.setdefault(_first_word(change.after), [])
                if len(known) < _TRIED:
                    known.append((place, change))

    def candidates(self, sentence: str) -> list[FieldChange]:
        """The fields whose before and after can both stand in the sentence, in their order; never more than _TRIED."""
        words = dict.fromkeys(["", *_WORD.findall(sentence[:_SEARCHED])])
        found: list[tuple[int, FieldChange]] = []
        for word in words:
            of_before = self._fields.get(word, {})
            for after in of_before.keys() & words.keys():
                found += of_before[after]
        return [change for _, change in sorted(found, key=lambda one: one[0])[:_TRIED]]

    def text(self, description: str) -> Text:
        """The sentence in its colours."""
        text = Text(neutral(description))
        painted: list[tuple[int, int]] = []
        for change in self.candidates(text.plain):
            pair = _pair(text.plain, change, painted)
            if pair:
                painted += pair
                text.stylize(_BEFORE, *pair[0])
                text.stylize(_AFTER, *pair[1])
        return text


def _first_word(value: str) -> str:
    found = _WORD.search(neutral(value[:_SEARCHED]))
    return found.group() if found else ""


def _pair(
    sentence: str, change: FieldChange, taken: list[tuple[int, int]]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Where the sentence says before and after: of all places the two that stand nearest to each other."""
    if change.before is None or change.after is None:
        return None
    befores, afters = (
        [place for place in _places(sentence, neutral(value)) if not any(_overlap(place, other) for other in taken)]
        for value in (change.before, change.after)
    )
    pairs = [(before, after) for before in befores for after in afters if not _overlap(before, after)]
    return min(pairs, key=lambda pair: abs(pair[1][0] - pair[0][0]), default=None)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _places(sentence: str, value: str) -> list[tuple[int, int]]:
    if not value.strip() or value not in sentence:
        return []
    pattern = rf"(?<![\w]){re.escape(value)}(?![\w])"
    return [match.span() for match in islice(re.finditer(pattern, sentence[:_SEARCHED]), _PLACES)]


def _unspoken(entry: Entry) -> list[FieldChange]:
    """The changed fields of the entity's own row whose before and after the sentences do not already say."""
    if entry.type is not ChangeType.UPDATED:
        return []
    spoken = neutral("; ".join(entry.descriptions[:_SENTENCES_SHOWN])[:_SEARCHED])
    return [
        change
        for change in entry.changes
        if change.before is not None and change.after is not None and _own(entry, change) and not _said(spoken, change)
    ]


def _own(entry: Entry, change: FieldChange) -> bool:
    """Whether the field is of the entity itself, not of a part, or of a row that only made room."""
    return change.key is None or key_text(change.key) == entry.entity_id


def _said(sentence: str, change: FieldChange) -> bool:
    """Whether the sentence tells both values, or is the sentence of this switch."""
    if {(change.before or "").lower(), (change.after or "").lower()} <= _SWITCH_WORDS:
        label = change.label.lower()
        return label in sentence.lower() or label == "enabled"
    return _pair(sentence, change, []) is not None


def _short(value: str) -> str:
    return value if len(value) <= _VALUE_SHOWN else value[: _VALUE_SHOWN - 1] + "…"


def change_line(change: FieldChange, *, whole: bool = False, kind: ChangeType = ChangeType.UPDATED) -> Text:
    """One field: its label, then before and after; of what was created or deleted only the one that there is."""
    text = Text(f"{neutral(change.label)}  ", style="dim")
    sides = [(change.before, _BEFORE), (change.after, _AFTER)]
    if kind is not ChangeType.UPDATED and None in (change.before, change.after):
        sides = [side for side in sides if side[0] is not None]
    for number, (value, style) in enumerate(sides):
        if number:
            text.append(" → ", style="dim")
        if value is None:
            text.append("(none)", style="not dim italic")
        else:
            text.append(neutral(value if whole else _short(value)), style=f"not dim {style}")
    return text


def render_entry(entry: Entry, zone: tzinfo, *, wide: bool, plain: bool, ids: bool = False) -> RenderableType:
    """One entry: a line of facts, its sentences, and the fields that these leave unsaid."""
    at = entry.at.astimezone(zone)
    clock = Text(f"{at:%H:%M:%S}", style="bold")
    clock.append(f" {at.tzname() or 'UTC'}", style="not bold dim")
    painter = Painter(entry)
    body: list[RenderableType] = [painter.text(text) for text in entry.descriptions[:_SENTENCES_SHOWN]]
    if len(entry.descriptions) > _SENTENCES_SHOWN:
        more = len(entry.descriptions) - _SENTENCES_SHOWN
        body.append(Text(f"and {more:,} more: whochanged show {entry.id}", style="dim"))
    if entry.consequence_of:
        body.append(Text(f"as a consequence of: {neutral(entry.consequence_of)}", style="italic dim"))
    unspoken = _unspoken(entry)
    body += [change_line(change) for change in unspoken[:_FIELDS_SHOWN]]
    if len(unspoken) > _FIELDS_SHOWN:
        body.append(Text(f"and {len(unspoken) - _FIELDS_SHOWN} more: whochanged show {entry.id}", style="dim"))
    if ids:
        body.append(Text(entry.id, style="dim", overflow="fold", no_wrap=plain))
    who, what = actor_text(entry), facts_text(entry)
    if wide:
        head: RenderableType = _row(clock, who, what, plain=plain)
    else:
        head = Group(Text.assemble(clock, "  ", who), Padding(what, (0, 0, 0, _INDENT), expand=False))
    return Group(head, *(Padding(line, (0, 0, 0, _INDENT), expand=False) for line in body))


def _row(clock: Text, who: Text, what: Text, *, plain: bool) -> RenderableType:
    if plain:
        return Text.assemble(clock, "  ", who, "  ", what)
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", max_width=64)
    grid.add_row(clock, who, what)
    return grid


def render_log(
    entries: Iterable[Entry], zone: tzinfo, *, width: int, plain: bool, ids: bool = False
) -> Iterator[RenderableType]:
    """The log, newest first, under a heading for each day of the reader's zone."""
    first = True
    for day, of_day in groupby(entries, key=lambda entry: entry.at.astimezone(zone).date()):
        if not first:
            yield Text()
        first = False
        heading = f"{day:%A}, {day.day} {day:%B %Y}"
        if plain:
            yield Text(heading)
        else:
            rule = "─" * max(width - len(heading) - 1, 0)
            yield Text.assemble((heading, "bold"), " ", (rule, "dim"), overflow="crop", no_wrap=True)
        for entry in of_day:
            yield Text()
            yield render_entry(entry, zone, wide=width >= WIDE, plain=plain, ids=ids)


def print_log(console: Console, entries: Iterable[Entry], zone: tzinfo, *, ids: bool = False) -> int:
    """Print the log as entries come; gives their number."""
    count = 0

    def counted() -> Iterator[Entry]:
        nonlocal count
        for entry in entries:
            count += 1
            yield entry

    plain = console.width >= _PLAIN_WIDTH
    for part in render_log(counted(), zone, width=console.width, plain=plain, ids=ids):
        console.print(part)
    return count
