"""The time that a digest names, and what it tells of other times: cut late, held back, removed, or after a wrong clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest

from reports.digest.content import Digest, Period, collect
from reports.digest.notes import Lost
from reports.recipients import read
from tests.digests import ANA, BEN, Connection, add, cut, due_again, frozen, rename, stopped_clock, texts, told
from tests.test_digest_content import ANA as READER
from tests.test_digest_content import BERLIN, MODULES, MONDAY, entry

MORNING = Period(datetime(2026, 11, 22, 7, tzinfo=BERLIN), datetime(2026, 11, 23, 7, tzinfo=BERLIN), "daily")


def purged(conn: Connection, first: date, last: date, changes: int = 7, *, ago: timedelta = timedelta()) -> None:
    """Note a purge as the retention does."""
    conn.execute(
        "INSERT INTO audit.purge (at, first_day, last_day, changes, bytes, retention_days)"
        " VALUES (clock_timestamp() - %s, %s, %s, %s, 8192, 1)",
        (ago, first, last, changes),
    )


def today() -> date:
    """Return the day in UTC, as purges count them."""
    return datetime.now(UTC).date()


def last_mail(conn: Connection) -> str:
    """Return the text of the last mail that was frozen."""
    return texts(conn)[-1]


@pytest.mark.parametrize(
    "period,at,cut_at,note",
    [
        (MORNING, "2026-11-23T07:30", "2026-11-23T08:04", "Cut at 08:04: changes until then are told here."),
        (
            MONDAY,
            "2026-11-24T07:30",
            "2026-11-24T08:04",
            "Cut on 24 November 2026 at 08:04: changes until then are told here.",
        ),
        (
            MORNING,
            "2026-11-22T06:59",
            "2026-11-23T07:00",
            "Changes from before this time are told here too: no digest could tell them earlier.",
        ),
        (MORNING, "2026-11-23T06:59", "2026-11-23T08:04", None),
        (MORNING, "2026-11-22T07:00", "2026-11-23T08:04", None),
    ],
)
def test_entries_outside_of_the_named_time_are_explained(
    period: Period, at: str, cut_at: str, note: str | None
) -> None:
    when, late = (datetime.fromisoformat(text).replace(tzinfo=BERLIN) for text in (at, cut_at))
    digest: Digest = collect([entry(at=when)], READER, period, module_order=MODULES, notes=["Also."], cut_at=late)
    assert digest.notes == ((note, "Also.") if note else ("Also.",))


@pytest.mark.one_server
def test_a_digest_that_is_cut_late_says_until_when_it_tells(crm_conn: Connection) -> None:
    add(crm_conn, when_empty="always")
    rename(crm_conn, "Europe")
    cut(crm_conn)
    assert "changes until then are told here." in last_mail(crm_conn)
    assert told(crm_conn, "Europe") == 1
    due_again(crm_conn)
    cut(crm_conn)
    assert "Nothing new since digest 1." in last_mail(crm_conn)
    assert "recorded from" not in last_mail(crm_conn)
    assert "until then" not in last_mail(crm_conn)


def test_an_empty_digest_says_what_is_held_back_however_young(crm_dsn: str, crm_conn: Connection) -> None:
    add(crm_conn, when_empty="always")
    cut(crm_conn)
    due_again(crm_conn)
    crm_conn.execute("SELECT pg_current_xact_id()")  # something ends that no digest tells
    with psycopg.connect(crm_dsn) as other:
        other.execute("SELECT pg_current_xact_id()")
        rename(crm_conn, "Europe")
        (made,) = cut(crm_conn)
        assert (made.entries, made.mailed) == (0, True)
        assert "a transaction that is still open holds them back" in last_mail(crm_conn)
    rename(crm_conn, "America")
    with psycopg.connect(crm_dsn) as other:
        other.execute("SELECT pg_current_xact_id()")
        rename(crm_conn, "Asia")
        cut(crm_conn, now=True)
        assert told(crm_conn, "America") == 1
        assert "holds them back" not in last_mail(crm_conn)


@pytest.mark.one_server
def test_what_the_retention_removed_untold_is_stated_once(crm_conn: Connection) -> None:
    add(crm_conn, modules=["Territories"], when_empty="never", added_at=datetime.now(UTC) - timedelta(days=9))
    purged(crm_conn, today() - timedelta(days=6), today() - timedelta(days=4))
    (made,) = cut(crm_conn)
    assert (made.entries, made.mailed) == (0, True)
    lost = Lost(today() - timedelta(days=6), today() - timedelta(days=4), certain=True)
    assert lost.sentence in last_mail(crm_conn)
    due_again(crm_conn)
    assert [again.mailed for again in cut(crm_conn)] == [False]
    # At once, too, it is worth a mail.
    purged(crm_conn, today(), today())
    assert [again.mailed for again in cut(crm_conn, now=True)] == [True]


@pytest.mark.one_server
def test_a_mail_about_losses_alone_says_so_in_its_subject(crm_conn: Connection) -> None:
    add(crm_conn, modules=["Territories"], when_empty="never", added_at=datetime.now(UTC) - timedelta(days=9))
    purged(crm_conn, today() - timedelta(days=4), today() - timedelta(days=4))
    cut(crm_conn)
    lost = Lost(today() - timedelta(days=4), today() - timedelta(days=4), certain=True)
    (row,) = frozen(crm_conn)
    assert row.subject == f"[Cloudfon CX] {lost.headlines[0]}"
    assert f"{lost.headlines[0]}." in last_mail(crm_conn)
    assert "There is nothing else to tell. The log works" in last_mail(crm_conn)
    for other in ("Nothing new", "sign of life"):
        assert other not in last_mail(crm_conn)
    # With changes to tell the subject is about these, and the loss is a note.
    due_again(crm_conn)
    purged(crm_conn, today(), today())
    rename(crm_conn, "Europe")
    cut(crm_conn)
    assert "1 configuration change" in frozen(crm_conn)[-1].subject


@pytest.mark.one_server
def test_a_mail_about_a_move_alone_says_so_in_its_subject(crm_conn: Connection) -> None:
    add(crm_conn, modules=["Territories"], when_empty="never")
    crm_conn.execute("UPDATE audit.incarnation SET system_identifier = 1")
    (made,) = cut(crm_conn)
    assert made.subject == "[Cloudfon CX] The database moved to another server"


@pytest.mark.one_server
def test_what_was_told_before_it_was_removed_is_not_stated(crm_conn: Connection) -> None:
    added = datetime.now(UTC) - timedelta(days=9)
    add(crm_conn, modules=["Territories"], when_empty="never", added_at=added)
    purged(crm_conn, today() - timedelta(days=20), today() - timedelta(days=10))  # before the recipient was there
    purged(crm_conn, today() - timedelta(days=8), today() - timedelta(days=4), changes=0)
    assert [made.mailed for made in cut(crm_conn)] == [False]
    due_again(crm_conn)
    purged(crm_conn, today() - timedelta(days=8), today() - timedelta(days=5))
    assert [made.mailed for made in cut(crm_conn)] == [False]


@pytest.mark.one_server
def test_a_purge_of_told_and_untold_days_does_not_claim_too_much(crm_conn: Connection) -> None:
    add(crm_conn, modules=["Territories"], added_at=datetime.now(UTC) - timedelta(days=9))
    purged(crm_conn, today() - timedelta(days=20), today() - timedelta(days=4))
    cut(crm_conn)
    assert Lost(today() - timedelta(days=9), today() - timedelta(days=4), certain=False).sentence in last_mail(crm_conn)


@pytest.mark.parametrize(
    "first,last,certain,said",
    [
        ("2026-11-15", "2026-11-20", True, "Changes of 15 to 20 November were removed"),
        ("2026-11-15", "2026-11-15", True, "Changes of 15 November were removed"),
        ("2026-10-28", "2026-11-03", False, "Changes of 28 October to 3 November may have been removed"),
        ("2026-12-28", "2027-01-03", True, "Changes of 28 December 2026 to 3 January 2027 were removed"),
    ],
)
def test_lost_days_are_named(first: str, last: str, certain: bool, said: str) -> None:
    lost = Lost(date.fromisoformat(first), date.fromisoformat(last), certain)
    assert lost.sentence == f"{said} by the retention before this digest could tell them."
    assert lost.headlines == (f"{said} untold", f"Changes {'were' if certain else 'may have been'} removed untold")


@pytest.mark.one_server
def test_a_clock_that_was_ahead_silences_nobody(crm_conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = stopped_clock(monkeypatch, "2027-06-01 12:00")
    add(crm_conn, when_empty="never", added_at="2026-11-20 12:00+00")
    add(crm_conn, BEN, when_empty="weekly", added_at="2026-11-20 12:00+00")
    cut(crm_conn)
    mailed: list[tuple[int, str]] = []
    for day in range(2, 18):
        clock.set(f"2026-12-{day:02} 06:59")
        if day > 2:
            assert cut(crm_conn) == []
        clock.set(f"2026-12-{day:02} 07:00")
        rename(crm_conn, f"Day {day}", territory=1) if day == 5 else None
        mailed += [(day, made.email) for made in cut(crm_conn) if made.mailed]
        assert cut(crm_conn) == []
    assert told(crm_conn, "Day 5") == 2
    # Signs of life come weekly: the first at once, since nothing is known of the last one.
    assert mailed == [(2, BEN), (5, ANA), (5, BEN), (12, BEN)]
    for number in (1, 2):
        rows = [row for row in frozen(crm_conn) if row.recipient_id == number]
        assert [row.serial for row in rows] == list(range(1, 18))
        assert all(one.window_end == two.window_start < two.window_end for one, two in pairwise(rows))
    (ana, ben) = read(crm_conn)
    assert ana.told_until > datetime(2027, 6, 1, tzinfo=UTC)
    for one in (ana, ben):
        assert one.due(clock.at) is None
        assert one.next_due(clock.at) == datetime(2026, 12, 18, 7, tzinfo=UTC)
        assert one.next_due(clock.at + timedelta(days=3)) == datetime(2026, 12, 18, 7, tzinfo=UTC)
        assert one.due(clock.at + timedelta(days=3)) == datetime(2026, 12, 20, 7, tzinfo=UTC)
    assert "from Friday, 11 December 2026, 07:00 to Saturday, 12 December 2026, 07:00" in last_mail(crm_conn)


@pytest.mark.one_server
def test_a_clock_that_is_put_right_by_seconds_makes_nothing_due_twice(
    crm_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = stopped_clock(monkeypatch, "2026-11-23 07:00")
    add(crm_conn, added_at="2026-11-20 12:00+00")
    assert len(cut(crm_conn)) == 1
    rename(crm_conn, "Europe")
    clock.set("2026-11-23 06:59")
    assert cut(crm_conn) == []
