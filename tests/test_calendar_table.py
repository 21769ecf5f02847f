"""The table of clocks and zones: when digests are due, in UTC, as PostgreSQL's own zones tell it minute by minute.

tests/data/calendar/due.csv has a case a line: a schedule, the time that was told until then, and the next instants at which a digest is
due. They were found by looking at the clock of each minute: a daily digest is due at the first minute of a local day whose clock shows
its time or a later one, an hourly one at each minute whose clock shows a full hour.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from reports import recipients
from reports.calendar import Schedule, latest_due, next_due
from tests.digests import Clock, add, cut, frozen, stopped_clock

Connection = psycopg.Connection[Any]

TABLE = Path(__file__).parent / "data" / "calendar" / "due.csv"
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Case:
    """A line of the table."""

    name: str
    schedule: Schedule
    after: datetime
    due: tuple[datetime, ...]


def _cases() -> list[Case]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [_case(row) for row in csv.DictReader(file)]


def _case(row: dict[str, Any]) -> Case:
    at, weekday = time.fromisoformat(row["at"] or "07:00"), int(row["weekday"] or 1)
    return Case(
        f"{row['zone']} {row['cadence']}: {row['case']}",
        Schedule(ZoneInfo(row["zone"]), row["cadence"], at, weekday),
        _utc(row["after"]),
        tuple(map(_utc, row["due"].split())),
    )


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES = _cases()


def test_the_table_has_enough_cases() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 50
    assert {case.schedule.cadence for case in CASES} == {"hourly", "daily", "weekly"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_digest_is_due_at_these_instants_and_at_no_other(case: Case) -> None:
    told = case.after
    for due in case.due:
        assert next_due(case.schedule, told) == due
        assert next_due(case.schedule, due - _INSTANT) == due
        assert latest_due(case.schedule, told, due - _INSTANT) is None
        assert latest_due(case.schedule, told, due) == due
        told = due
    # What was missed is due once.
    assert latest_due(case.schedule, case.after, case.due[-1]) == case.due[-1]


@pytest.mark.one_server
def test_each_instant_of_the_table_gives_one_digest(crm_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks every minute cuts one digest an instant, and names the time since the one before."""
    clock = stopped_clock(monkeypatch, "2026-11-24 00:00")
    for case in CASES:
        assert _cut_at(crm_conn, clock, case) == [
            (f"{start:%F %R}", f"{end:%F %R}")
            for start, end in zip((case.after, *case.due[:-1]), case.due, strict=True)
        ], case.name


def _cut_at(conn: Connection, clock: Clock, case: Case) -> list[tuple[str, str]]:
    schedule = case.schedule
    one = add(
        conn,
        timezone=schedule.zone.key,
        cadence=schedule.cadence,
        send_at=schedule.at,
        weekday=schedule.weekday,
        when_empty="never",
        sensitivity="high",
        added_at=case.after,
    )
    for due in case.due:
        for at in (due - timedelta(minutes=1), due - _INSTANT, due, due + timedelta(seconds=59)):
            clock.at = at
            cut(conn)
    rows = [row for row in frozen(conn) if row.recipient_id == one.id]
    recipients.remove(conn, one.email)
    return [(f"{row.window_start.astimezone(UTC):%F %R}", f"{row.window_end.astimezone(UTC):%F %R}") for row in rows]
