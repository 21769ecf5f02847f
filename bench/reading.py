"""Measure reading at several sizes, with one filter and with every pair: `make bench-read` writes bench/reading.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

from bench.reading_commands import measure_commands
from bench.reading_log import Log, make_log
from bench.reading_report import report
from capture import pages
from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.filters import Filters
from whochanged.database import connect
from whochanged.embedded import DEFAULT_MAJOR, Server, programs

RESULTS = Path(__file__).parent / "reading.md"
OPTIONS = {
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",
    "fsync": "off",
}
NOW = datetime.now(UTC)


def singles(busy: str, quiet: str) -> dict[str, Filters]:
    """Return a filter of each kind, by name; *busy* and *quiet* are people who are in the log."""
    return {
        "nothing": Filters(),
        "a busy person": Filters(actors=(busy,)),
        "a quiet person": Filters(actors=(quiet,)),
        "two people": Filters(actors=(busy, quiet)),
        "a module": Filters(modules=("Workflows",)),
        "a type": Filters(types=("Deleted",)),
        "an entity by noun": Filters(entity="territory"),
        "an entity by name": Filters(entity="EMEA 17"),
        "an account": Filters(account="17"),
        "accounts of a reader": Filters(accounts=frozenset({"3", "77"})),
        "high sensitivity": Filters(sensitivity="high"),
        "direct SQL": Filters(actor_kind="database"),
        "a word": Filters(search="owner"),
        "two words": Filters(search="renamed terr"),
        "a rare word": Filters(search="12345"),
        "a word that is nowhere": Filters(search="nowhere"),
        "a week, 60 days ago": Filters(since=NOW - timedelta(days=67), until=NOW - timedelta(days=60)),
        "history of a row": Filters(row=("crm.territories", "17001")),
    }


@dataclass(slots=True)
class Timed:
    """What was measured, in milliseconds: time that passed, and processor time of program and server."""

    passed: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)

    def p95(self, what: str) -> float:
        """The 95th percentile of one of the two."""
        values = getattr(self, what)
        return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]

    def middle(self, what: str) -> float:
        """The median of one of the two."""
        return median(getattr(self, what))


class Meter:
    """Times work that a connection does."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._server = Path(f"/proc/{conn.info.backend_pid}/schedstat")

    def run(self, work: Callable[[], Any], into: Timed) -> Any:
        """Do it once and keep the times."""
        server, began, worked = self._nanoseconds(), time.perf_counter(), time.process_time()
        result = work()
        into.passed.append((time.perf_counter() - began) * 1e3)
        into.worked.append((time.process_time() - worked) * 1e3 + (self._nanoseconds() - server) / 1e6)
        return result

    def _nanoseconds(self) -> int:
        return int(self._server.read_text().split()[0])


def both(one: Filters, other: Filters) -> Filters | None:
    """Return two filters in one; None where they ask for the same thing."""
    given = {
        each.name: getattr(other, each.name) for each in fields(other) if getattr(other, each.name) not in (None, ())
    }
    if any(getattr(one, name) not in (None, ()) for name in given):
        return None
    return replace(one, **given)


def pairs(single: dict[str, Filters]) -> Iterator[tuple[str, Filters]]:
    """Yield every pair of filters that can be combined."""
    named = [(name, wish) for name, wish in single.items() if name != "nothing"]
    for (first, one), (second, other) in combinations(named, 2):
        wish = both(one, other)
        if wish is not None:
            yield f"{first}, {second}", wish


def measure(log: Log, rounds: int) -> dict[str, Timed]:
    """Measure one log: each filter so many times, every pair once, and what else a reader does."""
    found: dict[str, Timed] = {}
    with connect(log.address, autocommit=True) as conn:
        catalogue = installed_catalogue(conn) or Catalogue(name="none")
        meter = Meter(conn)
        people = [str(row[0]) for row in conn.execute(PEOPLE.encode()).fetchall()]
        single = singles(people[0], people[-1])

        def timed(name: str, work: Callable[[], Any], times: int = rounds) -> Any:
            result = None
            for _ in range(times):
                result = meter.run(work, found.setdefault(name, Timed()))
            return result

        pages.page(conn, catalogue, Filters(search="warm"))
        for name, wish in single.items():
            page = timed(f"page: {name}", lambda wish=wish: pages.page(conn, catalogue, wish))
            if page.older:
                timed("next page", lambda page=page, wish=wish: pages.page(conn, catalogue, wish, cursor=page.older), 1)
            timed(f"count: {name}", lambda wish=wish: pages.count(conn, catalogue, wish))
        for _, wish in pairs(single):
            timed("page: each pair of filters", lambda wish=wish: pages.page(conn, catalogue, wish), 1)
        wish = Filters(until=NOW - timedelta(days=log.days * 2 // 3))
        entry = pages.page(conn, catalogue, wish).entries[-1]
        timed("one entry", lambda: pages.find(conn, catalogue, entry.id))
        timed("overview", lambda: pages.tallies(conn, catalogue, Filters()))
        timed("overview of a reader", lambda: pages.tallies(conn, catalogue, single["accounts of a reader"]))
        timed("choices", lambda: pages.choices(conn, catalogue, Filters()))
        conn.execute("SET statement_timeout = '60s'")
        for name, text in {**VIEW, **dict(_view_pairs())}.items():
            where = text.format(busy=people[0])
            statement = f"SELECT * FROM audit.log WHERE {where} ORDER BY at DESC, id DESC LIMIT 50".encode()
            try:
                timed(f"view: {name}", lambda statement=statement: conn.execute(statement).fetchall(), 1)
            except psycopg.errors.QueryCanceled:
                found.pop(f"view: {name}", None)
    return found


PEOPLE = "SELECT actor FROM audit.transaction WHERE actor LIKE 'Person %' GROUP BY actor ORDER BY count(*) DESC, actor"
VIEW = {
    "nothing": "true",
    "a busy person": "actor = '{busy}'",
    "a person who is not there": "actor = 'Nobody'",
    "a module": "module = 'Workflows'",
    "an account": "account = '17'",
    "a day, 60 days ago": "at >= now() - interval '61 days' AND at < now() - interval '60 days'",
}


def _view_pairs() -> Iterator[tuple[str, str]]:
    """Yield each pair of conditions on the view."""
    for first, other in combinations(
        [name for name in VIEW if name not in {"nothing", "a person who is not there"}], 2
    ):
        yield f"{first}, {other}", f"{VIEW[first]} AND {VIEW[other]}"


def main() -> int:
    """Make the logs and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__)
    parser.add_argument("--changes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--days", type=int, default=90, help="over which the changes are spread")
    parser.add_argument("--rounds", type=int, default=5, help="times that each page is read")
    parser.add_argument("--major", type=int, default=DEFAULT_MAJOR, help="version of PostgreSQL")
    arguments = parser.parse_args()
    found: list[tuple[Log, dict[str, Timed], dict[str, str]]] = []
    with tempfile.TemporaryDirectory(prefix="whochanged-bench-") as folder:
        server = Server(programs(arguments.major), Path(folder) / "data", OPTIONS)
        Path(folder).chmod(0o755)
        server.start()
        try:
            for changes in arguments.changes:
                print(f"making {changes:,} changes", file=sys.stderr)
                log = make_log(server, changes, arguments.days)
                print(f"reading {log.changes:,} changes", file=sys.stderr)
                found.append((log, measure(log, arguments.rounds), measure_commands(log)))
                RESULTS.write_text(report(found), encoding="utf-8")
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
