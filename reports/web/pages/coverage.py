"""What is watched, in the words of the business: which tables of which module, since when, and what is amiss with the watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import tuple_row
from starlette.responses import Response

from capture.catalogue import Catalogue
from capture.catalogue.own import with_own
from capture.coverage import TableCoverage
from capture.resources import query
from reports import safety
from reports.findings import Report, complaints
from reports.inspection import inspect
from reports.web.call import Call, route
from reports.web.look import Look, look
from reports.web.render import render, url
from reports.web.view.times import When, when
from reports.web.view.wanted import Wanted

_TEXT = 400
_OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Watched:
    """One table: what its rows are called, whether every change is recorded (`state` ok, note-it or missed, in `words`), since when."""

    table: str
    noun: str
    state: str
    words: str
    since: When | None
    amiss: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """A module and its tables; `query` is that of the list of its entries."""

    name: str
    query: str
    tables: tuple[Watched, ...]

    @property
    def sound(self) -> bool:
        """Whether no change of it can be missed."""
        return all(table.state != "missed" for table in self.tables)


def coverage(call: Call) -> Response:
    """Show what is watched. What is amiss with the service itself, which names addresses and roles, is for Admins."""
    seen = look(call)
    report = inspect(call.conn)
    admin = call.viewer.role == "admin"
    modules = _modules(seen, report)
    missed = sum(table.state == "missed" for module in modules for table in module.tables)
    oldest = report.health.oldest_entry if call.viewer.accounts is None else seen.log.oldest()
    return render(
        call.request,
        "coverage.html",
        list=url(call.request, "entries"),
        modules=modules,
        missed=missed,
        problems=[_sentence(problem) for problem in report.problems] if admin else [],
        hidden_problems=bool(report.problems) and not admin,
        left_out=[] if report.fit is None or not admin else list(report.fit.untracked),
        facts=list(_facts(seen, report)) if admin else [],
        retention_days=seen.log.retention_days(),
        oldest=when(oldest, seen.zone, seen.now) if oldest else None,
        zone_title=seen.zone_title,
    )


def _modules(seen: Look, report: Report) -> list[Module]:
    """Return the modules in the order of the catalogue, each with its tables; names alone are not changes of a module."""
    catalogue = with_own(seen.log.catalogue)
    rows = seen.call.conn.cursor(row_factory=tuple_row).execute(query("coverage_since"))
    since: Mapping[str, datetime] = {str(name): at for name, at in rows}
    found: dict[str, list[Watched]] = {module: [] for module in catalogue.modules}
    for table in report.tables:
        if table.kind == "label":
            continue
        known = catalogue.by_name.get(table.table_name)
        module = (known.module if known else None) or _OTHER
        found.setdefault(module, []).append(_watched(seen, table, catalogue, since.get(table.table_name)))
    return [Module(name, Wanted(module=(name,)).query(), tuple(tables)) for name, tables in found.items() if tables]


def _watched(seen: Look, table: TableCoverage, catalogue: Catalogue, since: datetime | None) -> Watched:
    known = catalogue.by_name.get(table.table_name)
    amiss = tuple(_sentence(text) for text in complaints(table))
    state = "missed" if not table.ok else "note-it" if amiss else "ok"
    words = {"missed": "Changes can be missed", "note-it": "Every change, with a remark", "ok": "Every change"}[state]
    if state == "ok" and not table.truncate_keeps_rows:
        words = "Every change; emptying it without its rows"
    noun = known.entity if known is not None and known.entity else table.table_name.rpartition(".")[2].replace("_", " ")
    return Watched(
        table=safety.line(table.table_name, _TEXT),
        noun=safety.line(noun[:1].upper() + noun[1:], _TEXT),
        state=state,
        words=words,
        since=when(since, seen.zone, seen.now) if since else None,
        amiss=amiss,
    )


def _facts(seen: Look, report: Report) -> Iterator[tuple[str, str]]:
    """Yield the state of the service, a line each."""

    def at(moment: datetime | None) -> str:
        if moment is None:
            return "not yet"
        shown = when(moment, seen.zone, seen.now)
        return f"{shown.day}, {shown.clock}"

    yield "Room for new entries", f"{report.health.partitions_ahead} days ahead"
    yield "Version", str(report.health.installed_version)
    upkeep = report.upkeep
    if upkeep is None:
        return
    yield "Last purge", at(upkeep.purged_at)
    if report.reconciled is not None:
        compared = (
            f" ({report.reconciled.tables} of {report.reconciled.watched} tables)"
            if report.reconciled.reconciled_at
            else ""
        )
        yield "Tables compared with the log", at(report.reconciled.reconciled_at) + compared
    yield "Last digest", at(upkeep.digest_cut_at)
    yield "Last mail", at(upkeep.mail_sent_at)
    yield "Mails", f"{upkeep.deliveries_waiting} waiting, {upkeep.deliveries_parked} given up"
    yield "Scheduler", "at work" if upkeep.scheduler_alive else "does not run"


def _sentence(text: str) -> str:
    """Return a finding as a sentence; commands in it stand in two blanks, which a page shows as one."""
    said = safety.line(" ".join(text.split()), _TEXT)
    return said[:1].upper() + said[1:]


routes = [route("/coverage", coverage, name="coverage")]
