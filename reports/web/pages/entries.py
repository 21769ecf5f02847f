"""The list: entries newest first, by day, narrowed by filters that stand in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse, RedirectResponse, Response

from capture.errors import UsageError
from capture.model import ChangeType
from capture.pages import Count, Page
from reports.web.call import Call, route
from reports.web.errors import sentence
from reports.web.look import Link, Look, look
from reports.web.render import render, url
from reports.web.signin.identify import identify_unasked
from reports.web.view.entry import Shown, shown
from reports.web.view.times import day_words, when
from reports.web.view.wanted import KINDS, PERIODS, SENSITIVITIES, Wanted

SIZE: Final = 50
COUNTED: Final = 2000
"""Further entries are not counted: the page says "2,000+"."""

PEOPLE: Final = 200
NEWS: Final = "seen"


@dataclass(frozen=True, slots=True)
class ShownDay:
    """One day of the viewer's zone: "Today" or nothing, its name, and its entries."""

    near: str
    name: str
    entries: tuple[Shown, ...]


def entries(call: Call) -> Response:
    """Show a page of the list."""
    seen = look(call)
    wanted, here = seen.wanted, url(call.request, "entries")
    if tidy := _tidy(call, wanted):
        return RedirectResponse(here + tidy, status_code=303)
    marker = seen.log.newest()
    try:
        page, counted = _read(seen)
        problem = ""
    except UsageError as error:
        # What was chosen stays in the form, to be put right.
        page, counted, problem = Page((), None, None), Count(0, capped=False), sentence(error)
    oldest = seen.log.oldest()
    choices, accounts, reader = seen.choices, seen.accounts, seen.reader
    found = _related([shown(entry, reader) for entry in page.entries])
    return render(
        call.request,
        "entries.html",
        status=400 if problem else 200,
        problem=problem,
        wanted=wanted,
        here=here,
        chips=wanted.chips(accounts),
        cleared=wanted.cleared().query(),
        first_page=wanted.query(),
        newer=wanted.query(cursor=page.newer) if page.newer else None,
        older=wanted.query(cursor=page.older) if page.older else None,
        kept=seen.kept,
        days=days(found, seen.zone, seen.now),
        count_words="" if problem else count_words(counted),
        news="" if problem else _news(call, wanted, marker),
        retention_days=seen.log.retention_days(),
        oldest=when(oldest, seen.zone, seen.now) if oldest else None,
        zone_title=seen.zone_title,
        zone_link=seen.zone_link({utc: replace(wanted, utc=utc).query() for utc in (True, False)}),
        density_link=_density(wanted),
        export_query=wanted.query(),
        periods=PERIODS,
        sensitivities=SENSITIVITIES,
        kinds=KINDS,
        types=[kind.value for kind in ChangeType],
        people=_offered(dict.fromkeys(person.name for person in choices.people), wanted.actor),
        modules=_offered([choice.value for choice in choices.modules], wanted.module),
        entities=[choice.value for choice in choices.entities],
        accounts=accounts if len(accounts) > 1 else {},
        several_accounts=len(accounts) > 1,
    )


def _read(seen: Look) -> tuple[Page, Count]:
    """Read the page that is asked for, and count what its filters want. Raises UsageError for a filter or a cursor that means nothing."""
    filters, cursor = seen.filters(), seen.wanted.cursor
    page = seen.log.page(filters, cursor=cursor or None, size=SIZE)
    whole = cursor == "" and page.older is None
    return page, Count(len(page.entries), capped=False) if whole else seen.log.count(filters, cap=COUNTED)


def news(call: Call) -> Response:
    """Tell how many entries have come since a page was made, as JSON."""
    seen = look(call)
    counted = seen.log.arrived(seen.filters(), call.request.query_params.get(NEWS, ""))
    plus = "+" if counted.capped else ""
    words = f"{counted.number:,}{plus} new {'entry' if counted.number == 1 and not plus else 'entries'}"
    return JSONResponse({"count": counted.number, "words": words})


def days(found: Sequence[Shown], zone: ZoneInfo, now: datetime) -> list[ShownDay]:
    """Return the entries under the days of a zone."""
    today = now.astimezone(zone).date()
    return [
        ShownDay(*day_words(day, today), tuple(group))
        for day, group in groupby(found, key=lambda entry: entry.at.local.date())
    ]


def count_words(counted: Count) -> str:
    """Return how many entries there are: "1 entry", "72 entries", "2,000+ entries"."""
    if counted.capped:
        return f"{counted.number:,}+ entries"
    return f"{counted.number:,} {'entry' if counted.number == 1 else 'entries'}"


def _tidy(call: Call, wanted: Wanted) -> str:
    """Return the query as it should stand in the address, where a form has sent empty fields or a period; else nothing."""
    given = call.request.query_params.multi_items()
    if not any(name == "period" or not value.strip() for name, value in given):
        return ""
    return wanted.query(cursor=wanted.cursor or None) or "?"


def _related(found: list[Shown]) -> list[Shown]:
    """Return the entries, each with the others of its save that are on the page."""
    saves: dict[int, list[Shown]] = {}
    for entry in found:
        saves.setdefault(entry.transaction_id, []).append(entry)
    return [_beside(entry, saves[entry.transaction_id]) for entry in found]


def _beside(entry: Shown, save: Sequence[Shown]) -> Shown:
    if len(save) == 1:
        return entry
    return replace(entry, related=tuple((other.id, other.headline) for other in save[:20] if other is not entry))


def _offered(values: Sequence[str] | dict[str, None], chosen: Sequence[str]) -> list[str]:
    """Return what a filter offers: what is chosen stays in it, however many others there are."""
    return list(dict.fromkeys([*list(values)[:PEOPLE], *chosen]))


def _news(call: Call, wanted: Wanted, marker: str) -> str:
    """Return where to ask for new entries; nothing where none can come."""
    if wanted.until:
        return ""
    return url(call.request, "news") + "?" + urlencode([*wanted.pairs(), (NEWS, marker)])


def _density(wanted: Wanted) -> Link:
    words = "Comfortable" if wanted.compact else "Compact"
    return Link(words, replace(wanted, compact=not wanted.compact).query() or "?")


routes = [route("/", entries, name="entries"), route("/news", news, name="news", who=identify_unasked)]
