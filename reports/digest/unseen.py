"""What a digest could not see: times at which capture was off, and what could not be recorded. Nobody else would notice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from capture.catalogue.model import Catalogue
from capture.catalogue.own import with_own
from capture.entries.net import described
from capture.resources import query
from capture.window import Window
from reports.calendar import zone_of
from reports.digest.content import Period, Previous, Reader
from reports.digest.remarks import Unseen
from reports.digest.style import style_of
from reports.digest.words import count, listed

_HIGHEST = 2**63 - 1
_WHOLE = "*"
"""Stands for the whole watch over a table, where it is no trigger that is off."""

_DOING = {
    "audit_insert": "created",
    "audit_update": "updated",
    "audit_delete": "deleted",
    "audit_truncate": "emptied",
    "audit_truncated": "emptied",
    "audit_replicated": "applied by replication",
}
"""What each trigger of the log records."""

_EVERYTHING = {"created", "updated", "deleted"}
_OFF = {"switched off", "removed", "weakened", "ended", "detached"}


@dataclass(slots=True)
class _Gap:
    """A time in which something of a table was not recorded; `end` is None where nothing tells it. `news`: begun or ended in the window."""

    table: str
    names: list[str]
    action: str
    start: datetime
    end: datetime | None
    news: bool


def unseen(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    reader: Reader,
    period: Period,
    window: Window,
    *,
    watched: frozenset[str] = frozenset(),
) -> list[str]:
    """Return the sentences about what could not be seen of the reader's modules, and what waits to be put in its place.

    A window without a transaction means that the digest is about the time of `period`. `watched` are the tables that are
    watched fully now: a trigger that was removed and is back has left no word of its return.
    Whose account is concerned nobody knows, so these are for every reader of the module.
    """
    place = _place(window, period)
    whole = with_own(catalogue)
    said: list[str] = []
    with conn.cursor(row_factory=tuple_row) as cursor:
        gaps = _gaps(cursor.execute(query("digest_watch"), place).fetchall())
        said += [
            Unseen(_sentence(whole, reader, gap, watched))
            for gap in gaps
            if _concerns(whole, reader, gap.table) and (gap.news or (gap.end is None and gap.action not in _ONCE))
        ]
        for table, statements, rows, first, last in cursor.execute(query("digest_degraded"), place).fetchall():
            if _concerns(whole, reader, table):
                extent = (
                    f"{count(statements, 'statement')} ({count(rows, 'row')})"
                    if rows
                    else count(statements, "statement")
                )
                span = _span(reader, first, last)
                said.append(Unseen(f"{extent} on {_called(whole, table)} could not be recorded in full {span}."))
        if reader.accounts is None and reader.modules is None:
            (spilled,) = cursor.execute(query("digest_spilled")).fetchone() or (0,)
            if spilled:
                verb = "has" if spilled == 1 else "have"
                said.append(
                    f"{count(spilled, 'change')} {verb} no partition of their own day yet. They are told like all others;"
                    " whoever keeps the log should run: whochanged partitions."
                )
    return said


_ONCE = {"ended", "detached"}
"""What somebody meant to do is told when it happens, and not in every digest from then on."""


def previous(conn: psycopg.Connection[Any], reader: Reader, number: int, serial: int) -> Previous | None:
    """Return the digest that was mailed to recipient *number* before that of *serial*; None where none is known."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("digest_previous"), {"recipient_id": number, "serial": serial}).fetchone()
    return Previous(row[0], row[1].astimezone(zone_of(reader.timezone)).date()) if row else None


def _place(window: Window, period: Period) -> dict[str, Any]:
    """Return the parameters of the queries."""
    first, after = window.first, window.next
    one_cluster = first.incarnation == after.incarnation
    return {
        "by_time": first == after,
        "since": period.start,
        "until": period.end,
        "first_incarnation": first.incarnation,
        "first_xid": str(first.xid),
        "next_incarnation": after.incarnation,
        "next_xid": str(after.xid),
        "lowest": str(first.xid if one_cluster else 0),
        "highest": str(after.xid if one_cluster else _HIGHEST),
    }


def _gaps(rows: Iterable[tuple[Any, ...]]) -> list[_Gap]:
    """Return the times between what switched capture off and what switched it on, the oldest first."""
    open_gaps: dict[tuple[str, str], _Gap] = {}
    gaps: list[_Gap] = []
    for at, table, thing, name, action, old_value, new_value, news in rows:
        if thing == "table" and action == "renamed":
            for key in [key for key in open_gaps if key[0] == old_value]:
                open_gaps[new_value, key[1]] = open_gaps.pop(key)
                open_gaps[new_value, key[1]].table = new_value
            continue
        names = [part.strip() for part in (name or "").split(",") if part.strip()] or [_WHOLE]
        if action in _OFF:
            for each in names:
                if (table, each) not in open_gaps:
                    gap = open_gaps[table, each] = _Gap(table, [each], action, at, None, news)
                    gaps.append(gap)
            continue
        # Whoever drops the table, or puts it under watch again, ends what was off of it.
        ended = [key for key in open_gaps if key[0] == table and (names == [_WHOLE] or key[1] in (*names, _WHOLE))]
        for key in ended:
            gap = open_gaps.pop(key)
            gap.end, gap.news = at, gap.news or news
    return list(_together(gaps))


def _together(gaps: Sequence[_Gap]) -> Iterator[_Gap]:
    """Yield the gaps, those of several triggers at the same time as one."""
    grouped: dict[tuple[Any, ...], list[_Gap]] = defaultdict(list)
    for gap in gaps:
        grouped[gap.table, gap.start, gap.end, gap.action].append(gap)
    for same in grouped.values():
        same[0].names = [name for gap in same for name in gap.names]
        same[0].news = any(gap.news for gap in same)
        yield same[0]


def _concerns(catalogue: Catalogue, reader: Reader, table: str) -> bool:
    """Return whether a table shows in a module that the reader is told of."""
    if reader.modules is None:
        return True
    found = catalogue.by_name.get(table)
    shown = {found.module, *(column.module for column in found.columns.values())} if found else {"Other"}
    return bool({module.casefold() for module in shown if module} & {module.casefold() for module in reader.modules})


def _sentence(catalogue: Catalogue, reader: Reader, gap: _Gap, watched: frozenset[str]) -> str:
    called = _called(catalogue, gap.table)
    if gap.action == "detached":
        return f"Nothing of partition {', '.join(gap.names)} is recorded {_since(reader, gap)}: it was detached from {called}."
    if gap.action == "weakened":
        what, why = f"What replicated sessions changed in {called}", "its capture left them out"
    else:
        what = _what(called, gap.names)
        why = {"ended": "the watch over it was ended", "removed": "its capture was removed"}.get(
            gap.action, "its capture was switched off"
        )
    if gap.end is not None:
        return f"{what} {_span(reader, gap.start, gap.end)} was not recorded: {why}."
    if gap.table in watched:
        return f"{what} was not recorded for a time that began {_on(reader, gap.start)}: {why}. It is in place now."
    return f"{what} {_since(reader, gap)} is not recorded: {why}."


def _what(called: str, names: Sequence[str]) -> str:
    """Return what is not recorded where these triggers are off."""
    done = dict.fromkeys(_DOING.get(name.rpartition(".")[2], "changed") for name in names)
    if names == [_WHOLE] or set(done) >= _EVERYTHING or "changed" in done:
        return f"What was changed in {called}"
    return f"What was {listed(list(done)).replace(' and ', ' or ')} in {called}"


def _called(catalogue: Catalogue, table: str) -> str:
    """Return a table as the reader knows it, with its name: "plans (crm.plans)"."""
    nouns = described(catalogue, table).nouns
    return f"{nouns} ({table})" if table in catalogue.by_name else table


def _since(reader: Reader, gap: _Gap) -> str:
    return f"since {_day_and_time(reader, gap.start)}"


def _on(reader: Reader, at: datetime) -> str:
    return f"on {_day_and_time(reader, at)}"


def _span(reader: Reader, first: datetime, last: datetime) -> str:
    """Return when it was: "from 14:02 to 14:10 on 23 November 2026"."""
    zone, style = zone_of(reader.timezone), style_of(reader.language)
    begin, end = first.astimezone(zone), last.astimezone(zone)
    day = f"on {style.day(end)}"
    if begin.date() != end.date():
        return f"from {_day_and_time(reader, first)} to {_day_and_time(reader, last)}"
    began, ended = style.clock(begin), style.clock(end)
    return f"at {began} {day}" if began == ended else f"from {began} to {ended} {day}"


def _day_and_time(reader: Reader, at: datetime) -> str:
    local = at.astimezone(zone_of(reader.timezone))
    style = style_of(reader.language)
    return f"{style.day(local)}, {style.clock(local)}"
