"""The log at a glance: changes a day by module, the busiest people, what deserves a look; each number leads to its entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any, Final

from starlette.responses import Response

from capture.filters import Filters
from capture.model import ChangeType
from capture.pages import Person, Tallies
from reports import safety
from reports.web.call import Call, route
from reports.web.look import Link, look
from reports.web.render import render, url
from reports.web.view.charts import SHADES, Chart, chart, share
from reports.web.view.wanted import Wanted, days_until

SPANS: Final = (7, 30, 90)
"""Days that can be looked at; the second one unless another is asked for."""

OTHERS: Final = "Other modules"
_NAME: Final = 80
_KINDS: Final = {"database": "direct SQL", "system": "the product itself"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A number, what it counts, and the query of the list that has its entries."""

    number: int
    words: str
    query: str


@dataclass(frozen=True, slots=True)
class Span:
    """A number of days to choose."""

    words: str
    query: str
    now: bool


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody's part: `share` is the length of the bar in percent; `mark` says what kind of actor it is, where it is no person."""

    shown: str
    number: int
    share: float
    mark: str | None
    calm: bool
    query: str


def overview(call: Call) -> Response:
    """Show the overview of the last days, today included."""
    seen = look(call)
    number = _span(call)
    days = days_until(seen.now.date(), number)
    filters = Filters(since=datetime.combine(days[0], time(), tzinfo=UTC))
    everything = seen.log.tallies(filters)
    sensitive = seen.log.tallies(replace(filters, sensitivity="high"))
    direct = seen.log.tallies(replace(filters, actor_kind="database"))
    span = Wanted(since=days[0].isoformat(), utc=True)
    names = _names(everything)
    return render(
        call.request,
        "overview.html",
        list=url(call.request, "entries"),
        span_words=f"{days[0].day} {days[0]:%B} to {days[-1].day} {days[-1]:%B %Y}",
        spans=[Span(f"{one} days", f"?days={one}", one == number) for one in SPANS],
        tiles=[
            Tile(everything.total, "changes", span.query()),
            Tile(_deleted(everything), "deleted", replace(span, type=(ChangeType.DELETED.value,)).query()),
            Tile(sensitive.total, "sensitive changes", replace(span, sensitivity="high").query()),
            Tile(direct.total, "by direct SQL", replace(span, kind="database").query()),
        ],
        by_module=_chart(days, everything, names),
        sensitive=_chart(days, sensitive, None),
        direct=_chart(days, direct, None),
        legend=[Link(name, replace(span, module=() if name == OTHERS else (name,)).query()) for name in names],
        people=_busiest(everything.people, span),
        day=_DayLinks(),
    )


class _DayLinks:
    """The queries of the list for a day of the chart, which is one of UTC, so that its number is that of the list."""

    def query(self, day: date, **narrowed: Any) -> str:
        """Return the query of a day, narrowed."""
        return Wanted(since=day.isoformat(), until=day.isoformat(), utc=True, **narrowed).query()

    def module(self, day: date, name: str) -> str:
        """Return the query of a day and a module; of the day alone for the modules that share a colour."""
        return self.query(day, module=() if name in {"", OTHERS} else (name,))

    def words(self, day: date) -> str:
        """Return a day in words: "Tue 24 Nov"."""
        return f"{day:%a} {day.day} {day:%b}"


def _span(call: Call) -> int:
    asked = call.request.query_params.get("days", "")
    return int(asked) if asked in {str(days) for days in SPANS} else SPANS[1]


def _names(found: Tallies) -> list[str]:
    """Return the modules in their order on the chart: those with most changes first, and so many as there are colours."""
    ranked = [choice.value for choice in sorted(found.modules, key=lambda choice: -choice.entries)]
    return ranked if len(ranked) <= SHADES else [*ranked[: SHADES - 1], OTHERS]


def _chart(days: Sequence[date], found: Tallies, names: Sequence[str] | None) -> Chart:
    """Return the bars of the days: by module, or of one colour where no names are given."""
    counts: dict[date, Counter[str]] = {}
    for day in found.days:
        counter = counts.setdefault(day.day, Counter())
        for module, number in day.modules:
            counter["all" if names is None else module if module in names else OTHERS] += number
    return chart(days, counts, ["all"] if names is None else names)


def _deleted(found: Tallies) -> int:
    return sum(choice.entries for choice in found.types if choice.value == ChangeType.DELETED)


def _busiest(people: Sequence[Person], span: Wanted) -> list[Busy]:
    most = max((person.entries for person in people), default=0)
    return [
        Busy(
            shown=safety.line(person.name, _NAME),
            number=person.entries,
            share=share(person.entries, most),
            mark=_KINDS.get(person.kind),
            calm=person.kind == "system",
            query=replace(span, actor=(person.name,), kind=person.kind).query(),
        )
        for person in people
    ]


routes = [route("/overview", overview, name="overview")]
