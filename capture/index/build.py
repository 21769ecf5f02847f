"""Filling the index behind the watermark: what is new first, then the days that it lacks, the latest first.

All that is here may fail, stop or be thrown away at any time: what the index does not have is read from the log.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from capture.catalogue.model import Catalogue
from capture.entries.describe import Block, Teller
from capture.filters import Filters
from capture.index.mixes import Meetings
from capture.index.state import DAY, Words, midnight, read_tail, words_of
from capture.index.terms import terms_of
from capture.model import Entry, Transaction
from capture.names import LogNames, as_arrays
from capture.reading import log_cursor, read_some, transactions
from capture.resources import query
from capture.upkeep import INDEXING, LOCKS, acting_as_owner, one
from capture.window import Watermark, Window, watermark, window_keys

AT_ONCE = 1000
"""Transactions that are put into words, and written, at once."""


@dataclass(slots=True)
class IndexReport:
    """What was done: entries added of new transactions, days filled with so many entries, and whether there is more to do."""

    added: int = 0
    days: int = 0
    filled: int = 0
    complete: bool = True


@dataclass(slots=True)
class _Written:
    """What was written of one day: entries, by what the overview shows of them, and the number of the last change."""

    tally: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    entries: int = 0
    last_id: int = 0


def catch_up(
    conn: psycopg.Connection[Any], catalogue: Catalogue, *, stop: Callable[[], bool] = lambda: False
) -> IndexReport | None:
    """Bring the index up to date; None where somebody else is doing so. *stop* is asked after each day.

    *conn* must be in no transaction, and its login a member of audit_owner; what is done is committed step by step. Raises
    DatabaseError where rights are missing.
    """
    with acting_as_owner(conn):
        if not one(conn, query("try_lock"), (LOCKS, INDEXING)):
            return None
        try:
            return _Indexer(conn, catalogue).run(stop)
        finally:
            if not conn.closed and conn.info.transaction_status == TransactionStatus.IDLE:
                conn.execute(query("unlock"), (LOCKS, INDEXING))


def forget(conn: psycopg.Connection[Any]) -> None:
    """Make every day stale, and the names too, so that `catch_up` does all again. *conn* and login as there."""
    with acting_as_owner(conn), conn.transaction():
        conn.execute(query("index_forget"))


def missing(conn: psycopg.Connection[Any], catalogue: Catalogue, *, limit: int | None = None) -> tuple[list[date], int]:
    """Return the days that the index lacks, and how many transactions it does not know yet, counted up to the limit."""
    teller = Teller(conn, catalogue)
    names = teller.names()
    words = words_of(conn, catalogue, teller.columns, names)
    days = [row[0] for row in log_cursor(conn).execute(query("index_days"), {"words": words.all})]
    row = log_cursor(conn).execute(query("index_state"), {"words": words.all}).fetchone()
    return days, 0 if row is None else len(read_tail(conn, Watermark(row[0], row[1]), limit))


class _Indexer:
    def __init__(self, conn: psycopg.Connection[Any], catalogue: Catalogue) -> None:
        self.conn = conn
        self.teller = Teller(conn, catalogue)
        self.named = self.teller.names().pairs
        self.words: Words = words_of(conn, catalogue, self.teller.columns, self.teller.names())
        self.meetings = Meetings()
        self.report = IndexReport()

    def run(self, stop: Callable[[], bool]) -> IndexReport:
        self._add_new()
        self._fill_names()
        for day in self._missing():
            if stop():
                self.report.complete = False
                break
            self._fill_day(day)
            self._add_new()
        return self.report

    def _missing(self) -> list[date]:
        return [row[0] for row in log_cursor(self.conn).execute(query("index_days"), {"words": self.words.all})]

    def _position(self) -> tuple[Watermark | None, bool]:
        """Return how far the index has come, and whether its names are of the columns that name rows now."""
        row = log_cursor(self.conn).execute(query("index_state"), {"words": self.words.all}).fetchone()
        return (None, False) if row is None else (Watermark(row[0], row[1]), row[2] == self.words.names)

    def _days(self) -> frozenset[date]:
        row = log_cursor(self.conn).execute(query("index_state"), {"words": self.words.all}).fetchone()
        return frozenset(row[3]) if row else frozenset()

    def _add_new(self) -> None:
        """Add what has been finished since, of the days that the index has in these words."""
        # Read before the rows, and in an earlier statement: postgres_facts, the watermark rule.
        now = watermark(self.conn)
        before, named = self._position()
        if before is None:
            self.conn.execute(query("index_begin"), {"incarnation": now.incarnation, "xid": str(now.xid)})
            return
        if now == before:
            return
        keys = window_keys(self.conn, Window(before, now))
        days = self._days()
        with self.conn.transaction():
            lowest = self._keep_names(keys) if named else None
            if lowest is not None:
                self.conn.execute(query("index_doubt"), {"number": lowest})
            wanted = [key for key in keys if key[0].astimezone(UTC).date() in days]
            blocks = (read_some(self.conn, wanted[at : at + AT_ONCE]) for at in range(0, len(wanted), AT_ONCE))
            # Names of after the window count too. Where the names are not kept yet, no day is in these words, and nothing is written.
            for day, written in self._write(blocks, self.teller.names(read_tail(self.conn, now, None))).items():
                self.report.added += written.entries
                self._count(day, written)
                self.conn.execute(
                    query("index_day_add"), {"day": day, "entries": written.entries, "last_id": written.last_id}
                )
            self.conn.execute(query("index_move"), {"incarnation": now.incarnation, "xid": str(now.xid), "names": None})

    def _keep_names(self, keys: list[tuple[datetime, int]]) -> int | None:
        lowest: int | None = None
        for at in range(0, len(keys), AT_ONCE):
            some = {**as_arrays(keys[at : at + AT_ONCE]), **self.named}
            found = one(self.conn, query("index_names_some"), some)
            lowest = found if lowest is None else min(lowest, found or lowest)
        return lowest

    def _fill_names(self) -> None:
        """Keep the former names of rows anew, where it is other columns now that name them."""
        position, named = self._position()
        if position is None or named:
            return
        with self._snapshot():
            tail = read_tail(self.conn, position, None)
            self.conn.execute(query("index_names_forget"))
            times = {"times": [at for at, _ in tail], "ids": [str(number) for _, number in tail]}
            self.conn.execute(query("index_names_all"), {**self.named, **times})
            self.conn.execute(
                query("index_move"),
                {"incarnation": position.incarnation, "xid": str(position.xid), "names": self.words.names},
            )
        self.conn.execute("analyze audit.entry_name")

    def _fill_day(self, day: date) -> None:
        """Fill a day from the log, but for what is beyond the watermark: that is added later, like all that is new."""
        position, _ = self._position()
        assert position is not None  # noqa: S101 - there was one at the start, and only we write it
        first, end = midnight(day), midnight(day) + DAY
        with self._snapshot():
            tail = frozenset(read_tail(self.conn, position, None))
            self.conn.execute(query("index_tally_forget"), {"day": day})
            self.conn.execute(query("index_day_forget"), {"first": first, "end": end})
            self.conn.execute(query("index_day_make"), {"day": day})
            blocks = transactions(
                self.conn, self.teller.catalogue, Filters(since=first, until=end), block=AT_ONCE, whole=True
            )
            known = ([one for one in some if (one[0].at, one[0].transaction_id) not in tail] for some in blocks)
            written = self._write(known, self.teller.names(tuple(tail))).get(day, _Written())
            self._count(day, written)
            self.conn.execute(
                query("index_day_keep"),
                {"day": day, "words": self.words.all, "entries": written.entries, "last_id": written.last_id},
            )
        self.conn.execute(f"analyze audit.entry_{day:%Y%m%d}".encode())
        self.report.days += 1
        self.report.filled += written.entries

    def _write(self, blocks: Iterable[Block], names: LogNames) -> dict[date, _Written]:
        written: dict[date, _Written] = defaultdict(_Written)
        for block in blocks:
            rows = list(self._rows(block, names, written))
            with self.conn.cursor().copy(query("index_copy")) as copy:
                for row in rows:
                    copy.write(row)
            self.meetings.write(self.conn)
        return written

    def _rows(self, block: Block, names: LogNames, written: dict[date, _Written]) -> Iterator[str]:
        for transaction, changes, found in self.teller.block(block, names):
            if not found:
                continue
            last = max(change.id for change in changes)
            date_of = transaction.at.astimezone(UTC).date()
            day = written[date_of]
            day.last_id = max(day.last_id, last)
            day.entries += len(found)
            for place, entry in enumerate(found):
                day.tally[_counted(entry)] += 1
                terms = terms_of(entry, unsure=names.unsure)
                self.meetings.add(terms.mix, terms.met, date_of)
                yield _line(transaction, last, place, terms.text)

    def _count(self, day: date, written: _Written) -> None:
        if not written.tally:
            return
        columns = zip(*((*what, number) for what, number in written.tally.items()), strict=True)
        self.conn.execute(query("index_tally"), {"day": day, **dict(zip(_COUNTED, map(list, columns), strict=True))})

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """A transaction in which all is seen as it was at its start."""
        with self.conn.transaction():
            self.conn.execute("set transaction isolation level repeatable read")
            yield


def _line(transaction: Transaction, last: int, place: int, terms: str) -> str:
    at = transaction.at.astimezone(UTC).isoformat()
    return f"{at}\t{transaction.transaction_id}\t{last}\t{place}\t{terms}\n"


_COUNTED = ("modules", "types", "entities", "actors", "kinds", "accounts", "former", "levels", "entries")


def _counted(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.module,
        entry.type.value,
        entry.entity,
        entry.actor,
        entry.actor_kind,
        entry.account,
        entry.former_account,
        entry.sensitivity,
    )
