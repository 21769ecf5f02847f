"""From an alert to the two readings of its mail, HTML and text: it looks like the digest, with whose parts it is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from reports.alerts.gather import SHOWN
from reports.digest import layout
from reports.digest.content import Reader
from reports.digest.lines import SENTENCE, SENTENCES_SHOWN, Line
from reports.digest.links import Links, checked
from reports.digest.render import Rendered, environment, fits, inlined
from reports.digest.tally import Totals
from reports.digest.when import Calendar
from reports.digest.words import PREHEADER, USEFUL, count, limits
from reports.safety import line as safe_line

_SIZES = (
    *((SHOWN, most) for most in (SENTENCE * SENTENCES_SHOWN, SENTENCE, SENTENCE // 2, SENTENCE // 3)),
    *((limit, SENTENCE // 3) for limit in range(SHOWN - 1, -1, -1)),
)
"""What is tried until it fits: so many entries with so many characters each."""


@dataclass(frozen=True, slots=True)
class AlertContent:
    """All that the templates need, harmless and bounded.

    `lines` are the entries that are shown, of `totals` in all: the oldest first, or where there are more what matters most first.
    `kinds` names kinds of entries with their numbers, most first, `other_kinds` is how many entries are of none of them. `people` says who
    it was; `notes` are sentences for the reader.
    """

    product: str
    reader: Reader
    calendar: Calendar
    totals: Totals
    lines: tuple[Line, ...]
    kinds: tuple[tuple[str, int], ...]
    other_kinds: int
    people: str
    several_accounts: bool
    notes: tuple[str, ...]

    @property
    def more(self) -> int:
        """How many entries are not shown."""
        return self.totals.all - len(self.lines)

    @property
    def heading(self) -> str:
        """What happened, in a few words: "Plan upgraded", "3 sensitive changes"."""
        return self.kinds[0][0] if self.totals.all == 1 else count(self.totals.all, "sensitive change")

    @property
    def lead(self) -> Line | None:
        """The entry that a reader must not miss; None where not even one is shown."""
        return min(self.lines, key=lambda line: line.rank, default=None)

    def shortened(self, limit: int, characters: int) -> AlertContent:
        """Return the alert with at most `limit` entries, and so many characters in the sentences of each."""
        return replace(self, lines=tuple(line.shortened(characters) for line in self.lines if line.rank < limit))


def render_alert(content: AlertContent, *, serial: int, base_url: str | None) -> Rendered:
    """Return the mail of an alert. `serial` is its number for this reader, `base_url` the address of the log's page.

    Where the mail would get too large, its entries are said in fewer words, then fewer of them are shown, and all are counted.
    """
    links = (
        Links(checked(base_url), content.calendar.start, content.calendar.end, content.reader.token)
        if base_url
        else None
    )
    for limit, characters in _SIZES:
        rendered = _render(content.shortened(limit, characters), serial, links)
        if fits(rendered):
            return rendered
    raise AssertionError("An alert without entries is small: all its texts are bounded.")


def subject(content: AlertContent) -> str:
    """Return the subject: the kind that is worst, and how many others there are."""
    lead, number = content.lead, content.totals.all
    others = f" + {count(number - 1, 'other')}" if number > 1 else ""
    bulk = f"{content.kinds[0][0]} ({number:,} times)" if number > 1 and len(content.kinds) == 1 else None
    named = [f"{lead.headline}{others}"] if lead is not None and lead.headline else []
    wordings = [*([bulk] if bulk else named), count(number, "sensitive change")]
    said = next((wording for wording in wordings if len(wording) <= USEFUL - len("Alert: ")), wordings[-1])
    return f"[{content.product}] Alert: {said}"


def _render(content: AlertContent, serial: int, links: Links | None) -> Rendered:
    lead = content.lead
    first = lead.sentences[0] if lead is not None and lead.sentences else content.heading
    moments = [line.at for line in content.lines]
    stamp = 2 + max((len(moment.words) for moment in moments), default=0)
    shared: dict[str, Any] = {
        "alert": content,
        "serial": serial,
        "links": links,
        "subject": subject(content),
        "preheader": safe_line(first, PREHEADER),
        "kinds": _kinds(content),
        "scope": _scope(content.reader),
        "footer": _footer(content),
        "dated": any(moment.day or moment.offset for moment in moments),
    }
    made = environment("alerts")
    text = made.get_template("alert.txt").render(shared, columns=layout.COLUMNS, stamp=stamp, margin=" " * stamp)
    html = inlined(made.get_template("alert.html").render(shared))
    return Rendered(shared["subject"], shared["preheader"], html, text)


def _kinds(content: AlertContent) -> str | None:
    """Return what kinds of changes there were, where not all of them are shown: "User access given 9,990, Plan upgraded 10"."""
    if not content.more:
        return None
    named = [f"{kind} {number:,}" for kind, number in content.kinds]
    return ", ".join([*named, *([f"others {content.other_kinds:,}"] if content.other_kinds else [])])


def _scope(reader: Reader) -> str | None:
    return safe_line(limits(reader) or "", SENTENCE) or None


def _footer(content: AlertContent) -> list[str]:
    """Return the paragraphs at the end: why this came, how to stop it, and what else tells these changes."""
    scope = _scope(content.reader)
    limit = f", limited to {scope}" if scope else ""
    address = safe_line(content.reader.email, SENTENCE)
    why = f"{address} gets alerts as a recipient of the audit log of {content.product}{limit}."
    paragraphs = [
        f"{why} To stop them, reply to this mail, or ask whoever runs the log.",
        "The next digest tells these changes again, among the others. Each alert begins where the one before it ended.",
    ]
    if any(line.actor.mark and line.actor.kind == "user" for line in content.lines):
        paragraphs.append("“claimed by” marks a name that only this database role gives; nothing else vouches for it.")
    return paragraphs
