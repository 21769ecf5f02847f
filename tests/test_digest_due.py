"""When a digest is cut and whether it is mailed: clocks that change, schedulers that were down, days with nothing to tell."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg
import pytest

from reports import recipients
from reports.digest.cut import wants_empty
from tests.digests import ANA, BEN, add, cut, due_again, frozen, parsed, rename, stopped_clock, text_of, texts, told

Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.one_server


def test_a_scheduler_that_was_down_tells_all_in_one(crm_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = stopped_clock(monkeypatch, "2026-11-20 06:00:30")
    add(crm_conn, added_at="2026-11-19 12:00+00", timezone="Europe/Berlin")
    cut(crm_conn)
    rename(crm_conn, "Europe")
    clock.set("2026-11-23 14:00")
    (made,) = cut(crm_conn)
    assert (made.window_start.isoformat(), made.window_end.isoformat()) == (
        "2026-11-20T06:00:00+00:00",
        "2026-11-23T06:00:00+00:00",
    )
    assert cut(crm_conn) == []
    clock.set("2026-11-24 06:00")
    assert [again.serial for again in cut(crm_conn)] == [3]


@pytest.mark.parametrize(
    "zone,at,looks,ends",
    [
        # The hour from two to three is left out, then comes a day of 23 hours; a look an hour too early finds nothing.
        (
            "Europe/Berlin",
            "02:30",
            ["2026-03-29 00:59", "2026-03-29 01:00", "2026-03-30 00:29", "2026-03-30 00:30"],
            ["2026-03-29 01:00", "2026-03-30 00:30"],
        ),
        # Half past one comes twice: the digest once.
        (
            "America/New_York",
            "01:30",
            ["2026-11-01 05:29", "2026-11-01 05:30", "2026-11-01 06:30", "2026-11-02 06:29", "2026-11-02 06:30"],
            ["2026-11-01 05:30", "2026-11-02 06:30"],
        ),
        # Half an hour is left out.
        (
            "Australia/Lord_Howe",
            "02:15",
            ["2026-10-03 15:29", "2026-10-03 15:30", "2026-10-03 15:45", "2026-10-04 15:15"],
            ["2026-10-03 15:30", "2026-10-04 15:15"],
        ),
    ],
)
def test_nights_in_which_the_clocks_change(
    crm_conn: Connection, monkeypatch: pytest.MonkeyPatch, zone: str, at: str, looks: list[str], ends: list[str]
) -> None:
    clock = stopped_clock(monkeypatch, looks[0])
    start = clock.at - timedelta(hours=12)
    add(crm_conn, added_at=start, timezone=zone, send_at=time.fromisoformat(at), when_empty="never")
    found = []
    for number, look in enumerate(looks):
        clock.set(look)
        rename(crm_conn, f"Name {number}")
        found += [f"{made.window_end:%Y-%m-%d %H:%M}" for made in cut(crm_conn)]
    assert found == ends
    clock.set("2027-01-01 00:00")
    cut(crm_conn)
    assert [told(crm_conn, f"Name {number}") for number in range(len(looks))] == [1] * len(looks)


def test_nothing_to_tell(crm_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = stopped_clock(monkeypatch, "2026-11-01 12:00")
    for word in ("never", "weekly", "always"):
        add(crm_conn, f"{word}@example.com", when_empty=word, added_at=clock.at)
    cut(crm_conn, now=True)  # their own adding
    mailed: dict[str, list[int]] = {}
    for day in range(2, 18):
        clock.set(f"2026-11-{day:02} 07:00")
        for made in cut(crm_conn):
            assert (made.entries, made.changes) == (0, 0)
            if made.mailed:
                mailed.setdefault(made.email, []).append(day)
    assert mailed == {"weekly@example.com": [8, 15], "always@example.com": list(range(2, 18))}
    rows = [row for row in frozen(crm_conn) if row.recipient_id == recipients.find(crm_conn, "never@example.com").id]
    assert [row.serial for row in rows] == list(range(1, 18))
    assert {(row.message, row.message_id, row.subject) for row in rows[1:]} == {(None, None, None)}
    # The numbers that the reader never saw are accounted for.
    rename(crm_conn, "Europe")
    clock.set("2026-11-18 07:00")
    cut(crm_conn)
    said = {parsed(row.message)["To"]: text_of(row.message) for row in frozen(crm_conn)[-3:]}
    assert "Digests no. 2 to 17 had nothing to tell and were not mailed." in said["never@example.com"]
    assert "Digests no. 16 to 17 had nothing to tell and were not mailed." in said["weekly@example.com"]
    assert "nothing to tell" not in said["always@example.com"]


def test_a_sign_of_life_comes_each_week(conn: Connection) -> None:
    weekly = add(conn, cadence="weekly", when_empty="weekly", added_at="2026-11-21 12:00+00")
    assert wants_empty(weekly, datetime(2026, 11, 23, 7, tzinfo=UTC))
    never = add(conn, BEN, cadence="weekly", when_empty="never", added_at="2026-11-01 12:00+00")
    assert not wants_empty(never, datetime(2026, 11, 23, 7, tzinfo=UTC))
    # Seven days of the calendar, also when they have an hour less.
    daily = add(conn, "eve@example.com", timezone="Europe/Berlin", added_at="2026-03-23 06:00+00")
    assert not wants_empty(daily, datetime(2026, 3, 29, 5, tzinfo=UTC))
    assert wants_empty(daily, datetime(2026, 3, 30, 5, tzinfo=UTC))


def test_now_cuts_what_is_new_and_nothing_else(crm_conn: Connection) -> None:
    add(crm_conn, added_at=datetime.now(UTC), when_empty="always")
    (made,) = cut(crm_conn, now=True)
    assert (made.cadence, made.entries, made.mailed) == ("now", 1, True)
    assert cut(crm_conn, now=True) == []
    assert len(frozen(crm_conn)) == 1
    # One that is due is not forgotten over it.
    due_again(crm_conn)
    (made,) = cut(crm_conn, now=True)
    assert (made.cadence, made.entries, made.mailed) == ("daily", 0, True)


def test_a_paused_recipient_is_told_everything_afterwards(crm_conn: Connection) -> None:
    add(crm_conn)
    cut(crm_conn)
    recipients.pause(crm_conn, ANA)
    rename(crm_conn, "Europe")
    due_again(crm_conn)
    assert cut(crm_conn) == cut(crm_conn, now=True) == []
    recipients.pause(crm_conn, ANA, paused=False)
    assert [made.serial for made in cut(crm_conn)] == [2]
    assert told(crm_conn, "Europe") == 1


def test_numbers_of_purged_digests_are_not_called_empty(crm_conn: Connection) -> None:
    add(crm_conn, when_empty="never")
    for _ in range(3):
        cut(crm_conn)
        due_again(crm_conn)
    crm_conn.execute("DELETE FROM audit.digest WHERE serial < 3")
    rename(crm_conn, "Europe")
    cut(crm_conn)
    assert "Digest no. 3 had nothing to tell and was not mailed." in texts(crm_conn)[0]
