"""When a digest is due: in the reader's own calendar, through nights in which the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import UsageError
from reports.calendar import Cadence, Schedule, instant, latest_due, next_due, zone_of

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC")
SKIPPED = date(2011, 12, 30)
"""The day that Samoa left out when it moved to the other side of the date line."""


def utc(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "zone,day,at,expected",
    [
        # In the night of spring the first instant after the gap; in that of autumn the first of two.
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29 01:00"),
        ("Europe/Berlin", "2026-03-29", "03:00", "2026-03-29 01:00"),
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25 00:30"),
        ("Europe/Berlin", "2026-03-28", "07:00", "2026-03-28 06:00"),
        ("Europe/Berlin", "2026-03-29", "07:00", "2026-03-29 05:00"),
        ("Europe/Berlin", "2026-10-25", "07:00", "2026-10-25 06:00"),
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01 05:30"),
        # Half an hour is left out, and shown twice.
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", "2026-10-04", "02:30", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04 14:45"),
        ("Asia/Kathmandu", "2026-11-24", "07:00", "2026-11-24 01:15"),
        ("Pacific/Apia", "2011-12-29", "23:59", "2011-12-30 09:59"),
        ("Pacific/Apia", "2011-12-31", "00:00", "2011-12-30 10:00"),
        # Midnight itself is left out.
        ("America/Sao_Paulo", "2018-11-04", "00:00", "2018-11-04 03:00"),
        ("UTC", "2028-02-29", "07:00", "2028-02-29 07:00"),
    ],
)
def test_a_local_time_has_one_instant(zone: str, day: str, at: str, expected: str) -> None:
    assert instant(date.fromisoformat(day), time.fromisoformat(at), ZoneInfo(zone)) == utc(expected)


@pytest.mark.parametrize(
    "zone,cadence,after,expected",
    [
        ("Europe/Berlin", "daily", "2026-11-24 05:59", "2026-11-24 06:00"),
        ("Europe/Berlin", "daily", "2026-11-24 06:00", "2026-11-25 06:00"),
        # Days of 23 and of 25 hours.
        ("Europe/Berlin", "daily", "2026-03-28 06:00", "2026-03-29 05:00"),
        ("Europe/Berlin", "daily", "2026-10-24 05:00", "2026-10-25 06:00"),
        ("America/New_York", "daily", "2026-03-07 12:00", "2026-03-08 11:00"),
        ("Australia/Lord_Howe", "daily", "2026-10-02 20:30", "2026-10-03 20:00"),
        # The year's end and the leap day are days like others.
        ("UTC", "daily", "2026-12-31 07:00", "2027-01-01 07:00"),
        ("UTC", "daily", "2028-02-28 07:00", "2028-02-29 07:00"),
        ("UTC", "daily", "2027-02-28 07:00", "2027-03-01 07:00"),
        # Monday comes at another moment in each zone, and the first of a year is no Monday.
        ("Europe/Berlin", "weekly", "2026-11-24 00:00", "2026-11-30 06:00"),
        ("Europe/Berlin", "weekly", "2026-12-28 06:00", "2027-01-04 06:00"),
        ("Pacific/Apia", "weekly", "2026-11-22 18:00", "2026-11-29 18:00"),
        ("Europe/Berlin", "weekly", "2026-03-23 06:00", "2026-03-30 05:00"),
        # Samoa went from Thursday to Saturday.
        ("Pacific/Apia", "daily", "2011-12-29 17:00", "2011-12-30 17:00"),
    ],
)
def test_the_next_digest(zone: str, cadence: Cadence, after: str, expected: str) -> None:
    assert next_due(Schedule(ZoneInfo(zone), cadence, time(7)), utc(after)) == utc(expected)


def test_a_weekly_digest_of_a_day_that_was_left_out_waits_for_the_next_week() -> None:
    fridays = Schedule(ZoneInfo("Pacific/Apia"), "weekly", time(7), weekday=5)
    assert next_due(fridays, utc("2011-12-24 00:00")) == instant(date(2012, 1, 6), time(7), ZoneInfo("Pacific/Apia"))
    assert not fridays.includes(SKIPPED)


def test_what_was_missed_is_due_once() -> None:
    daily = Schedule(ZoneInfo("Europe/Berlin"), "daily", time(7))
    told_until, now = utc("2026-11-20 06:00"), utc("2026-11-23 14:00")
    assert latest_due(daily, told_until, now) == utc("2026-11-23 06:00")
    assert latest_due(daily, utc("2026-11-23 06:00"), now) is None
    assert latest_due(daily, utc("2026-11-23 09:00"), now) is None
    assert latest_due(daily, told_until, utc("2026-11-21 05:59")) is None


schedules = st.builds(
    Schedule,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    cadence=st.sampled_from(["daily", "weekly"]),
    at=st.times(max_value=time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0)),
    weekday=st.integers(1, 7),
)
moments = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - the zone follows


@given(schedule=schedules, after=moments, span=st.timedeltas(timedelta(), timedelta(days=40)))
def test_the_rules_of_the_calendar(schedule: Schedule, after: datetime, span: timedelta) -> None:
    due = next_due(schedule, after)
    # It lies ahead, at most a week and the hours of a shift or of a day that was left out.
    longest = timedelta(days=7 if schedule.cadence == "weekly" else 1)
    assert (
        timedelta() < due - after <= longest + (timedelta(days=7) if after.year in {2011, 2012} else timedelta(hours=2))
    )
    local = due.astimezone(schedule.zone)
    day = local.date()
    assert schedule.cadence == "daily" or local.isoweekday() == schedule.weekday
    # It is the time that was asked for, the first time it is shown; or that time was left out and this is the end of the gap.
    wanted = datetime.combine(day, schedule.at, schedule.zone)
    if wanted.astimezone(UTC).astimezone(schedule.zone).replace(tzinfo=None) == wanted.replace(tzinfo=None):
        assert local.replace(tzinfo=None) == wanted.replace(tzinfo=None)
        assert local.fold == 0
    else:
        just_before = (due - timedelta(seconds=1)).astimezone(schedule.zone)
        assert just_before.replace(tzinfo=None) < wanted.replace(tzinfo=None) < local.replace(tzinfo=None)
        assert just_before.utcoffset() != local.utcoffset()
    # Looking back finds what looking ahead found, and nothing before it; each look finds one digest or none.
    assert latest_due(schedule, after, due) == due
    assert latest_due(schedule, after, due - timedelta(microseconds=1)) is None
    assert latest_due(schedule, due, due) is None
    now = after + span
    latest = latest_due(schedule, after, now)
    assert (latest is None) == (due > now)
    assert latest is None or latest <= now < next_due(schedule, latest)


@given(zone=st.sampled_from(ZONES).map(ZoneInfo), after=moments, span=st.timedeltas(timedelta(), timedelta(hours=30)))
def test_the_rules_of_the_hours(zone: ZoneInfo, after: datetime, span: timedelta) -> None:
    """Looked at minute by minute: the clock shows a full hour when a digest is due, and at no other minute before."""
    hourly = Schedule(zone, "hourly", time(7))
    due = next_due(hourly, after)
    assert timedelta() < due - after <= timedelta(minutes=105)
    assert due.astimezone(zone).strftime("%M:%S.%f") == "00:00.000000"
    minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while minute < due:
        assert minute.astimezone(zone).minute != 0
        minute += timedelta(minutes=1)
    assert latest_due(hourly, after, due) == due
    assert latest_due(hourly, after, due - timedelta(microseconds=1)) is None
    now = after + span
    latest = latest_due(hourly, after, now)
    assert (latest is None) == (due > now)
    assert latest is None or latest <= now < next_due(hourly, latest)


@pytest.mark.parametrize(
    "name,meant",
    [
        ("berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Amerika/New_York", "America/New_York"),
        ("Lisbon", "Europe/Lisbon"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"^unknown time zone '{name}'\. Did you mean {meant}\?$"):
        zone_of(name)


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "UTC+2", "Europe", "posixrules"])
def test_a_zone_that_resembles_none_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(UsageError, match=r"Write a name such as Europe/Berlin or UTC$"):
        zone_of(name)
