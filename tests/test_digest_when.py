"""Times in a digest: in the reader's zone, in few words, and never with two meanings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.digest.when import Calendar, calendar


def span(zone: str, start: str, end: str) -> Calendar:
    """Return the calendar from start to end, which are times in the zone."""
    place = ZoneInfo(zone)
    return calendar(
        zone, datetime.fromisoformat(start).replace(tzinfo=place), datetime.fromisoformat(end).replace(tzinfo=place)
    )


def utc(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SUMMER_ENDS = span("Europe/Berlin", "2026-10-25", "2026-10-26")


@pytest.mark.parametrize(
    "start,end,title,short",
    [
        ("2026-11-22", "2026-11-23", "Sunday, 22 November 2026", "22 Nov 2026"),
        ("2026-11-16", "2026-11-23", "16–22 November 2026", "16–22 Nov 2026"),
        ("2026-11-30", "2026-12-07", "30 November – 6 December 2026", "30 Nov – 6 Dec 2026"),
        ("2026-12-28", "2027-01-04", "28 December 2026 – 3 January 2027", "28 Dec 2026 – 3 Jan 2027"),
        (
            "2026-11-22T09:15",
            "2026-11-22T14:30",
            "Sunday, 22 November 2026, 09:15–14:30",
            "22 Nov 2026, 09:15–14:30",
        ),
        (
            "2026-11-21T07:00",
            "2026-11-22T07:00",
            "21 November 2026, 07:00 – 22 November 2026, 07:00",
            "21 Nov 07:00 – 22 Nov 2026 07:00",
        ),
        (
            "2026-12-31T07:00",
            "2027-01-01T07:00",
            "31 December 2026, 07:00 – 1 January 2027, 07:00",
            "31 Dec 2026 07:00 – 1 Jan 2027 07:00",
        ),
    ],
)
def test_a_span_is_said_without_saying_anything_twice(start: str, end: str, title: str, short: str) -> None:
    found = span("Europe/Berlin", start, end)
    assert (found.title, found.short) == (title, short)


@pytest.mark.parametrize(
    "zone,start,end,words",
    [
        ("UTC", "2026-11-22", "2026-11-23", "UTC"),
        ("Etc/UTC", "2026-11-22", "2026-11-23", "UTC"),
        ("Europe/London", "2026-11-22", "2026-11-23", "Europe/London, UTC+0"),
        ("Europe/Berlin", "2026-11-22", "2026-11-23", "Europe/Berlin, UTC+1"),
        ("Asia/Kolkata", "2026-11-22", "2026-11-23", "Asia/Kolkata, UTC+5:30"),
        ("America/St_Johns", "2026-11-22", "2026-11-23", "America/St_Johns, UTC-3:30"),
        ("Europe/Berlin", "2026-10-25", "2026-10-26", "Europe/Berlin: UTC+2 until 03:00, then UTC+1"),
        ("Europe/Berlin", "2026-03-29", "2026-03-30", "Europe/Berlin: UTC+1 until 02:00, then UTC+2"),
        ("Europe/Berlin", "2026-10-19", "2026-10-26", "Europe/Berlin: UTC+2 until 25 Oct 03:00, then UTC+1"),
        (
            "Europe/Berlin",
            "2026-03-01",
            "2026-11-01",
            "Europe/Berlin: UTC+1 until 29 Mar 02:00, then UTC+2 until 25 Oct 03:00, then UTC+1",
        ),
        ("Africa/Cairo", "2026-04-24", "2026-04-25", "Africa/Cairo, UTC+3"),
        ("Africa/Cairo", "2026-04-23", "2026-04-24", "Africa/Cairo, UTC+2"),
    ],
)
def test_the_zone_is_named_with_its_offset_and_with_both_where_the_clock_is_moved(
    zone: str, start: str, end: str, words: str
) -> None:
    assert span(zone, start, end).zone_words == words


def test_a_day_without_its_first_hour_is_a_whole_day() -> None:
    """In Cairo summer begins at midnight: 24 April 2026 begins at 01:00."""
    assert span("Africa/Cairo", "2026-04-24", "2026-04-25").title == "Friday, 24 April 2026"


@pytest.mark.parametrize(
    "at,words",
    [
        ("2026-10-24T22:30", "00:30"),
        ("2026-10-25T00:30", "02:30 UTC+2"),
        ("2026-10-25T01:30", "02:30 UTC+1"),
        ("2026-10-25T02:30", "03:30"),
        ("2026-10-24T21:50", "Sat 24 Oct 23:50"),
        ("2025-12-31T12:00", "Wed 31 Dec 2025 13:00"),
    ],
)
def test_a_time_says_its_offset_or_its_day_where_it_would_mean_two(at: str, words: str) -> None:
    assert SUMMER_ENDS.moment(utc(at)).words == words


def test_a_late_change_from_before_the_clock_was_moved_says_its_offset() -> None:
    day_after = span("Europe/Berlin", "2026-10-26", "2026-10-27")
    assert day_after.moment(utc("2026-10-24T21:50")).words == "Sat 24 Oct 23:50 UTC+2"


def test_machines_read_utc() -> None:
    assert SUMMER_ENDS.moment(utc("2026-10-25T00:30")).utc == "2026-10-25T00:30:00Z"


def test_in_a_week_every_time_has_its_day() -> None:
    week = span("Europe/Berlin", "2026-11-16", "2026-11-23")
    assert week.moment(utc("2026-11-16T09:20")).words == "Mon 16 Nov 10:20"


@given(st.integers(0, 10 * 24 * 3600), st.integers(0, 10 * 24 * 3600))
def test_what_is_shown_differently_is_what_differs(first: int, second: int) -> None:
    """Around the night on which the clock is put back, two times with the same words are the same minute."""
    one, other = (utc("2026-10-20") + timedelta(seconds=seconds) for seconds in (first, second))
    fortnight = span("Europe/Berlin", "2026-10-19", "2026-11-02")
    minutes = [at.replace(second=0, microsecond=0) for at in (one, other)]
    same = fortnight.moment(one).words == fortnight.moment(other).words
    assert same == (minutes[0] == minutes[1])


DAY = ("2026-11-22T09:15", "2026-11-22T14:30")
WEEK = ("2026-11-16", "2026-11-23")
YEARS = ("2026-12-31T07:00", "2027-01-01T19:00")


@pytest.mark.parametrize(
    "language,titles",
    [
        (
            "en-US",
            [
                "Sunday, November 22, 2026, 9:15 AM–2:30 PM",
                "November 16–22, 2026",
                "December 31, 2026, 7:00 AM – January 1, 2027, 7:00 PM",
            ],
        ),
        # Canadian French writes 18 h 30: the letter stands for itself.
        (
            "fr-CA",
            [
                "Sunday, November 22, 2026, 09:15–14:30",
                "November 16–22, 2026",
                "December 31, 2026, 07:00 – January 1, 2027, 19:00",
            ],
        ),
        *(
            (
                tag,
                [
                    "Sunday, 22 November 2026, 09:15–14:30",
                    "16–22 November 2026",
                    "31 December 2026, 07:00 – 1 January 2027, 19:00",
                ],
            )
            for tag in ("en", "en-GB", "de", "pt-BR", "hu", "not a tag", "xx-YY")
        ),
    ],
)
def test_a_span_is_written_as_in_the_readers_region(language: str, titles: list[str]) -> None:
    assert [spoken(language, *times).title for times in (DAY, WEEK, YEARS)] == titles


def spoken(language: str, start: str, end: str) -> Calendar:
    """Return a span of Berlin, written as a language's region does."""
    found = span("Europe/Berlin", start, end)
    return calendar(found.zone.key, found.start, found.end, language)


def test_shorter_forms_follow_the_region_too() -> None:
    day, week, years = (spoken("en-US", *times) for times in (DAY, WEEK, YEARS))
    assert (day.short, week.short) == ("Nov 22, 2026, 9:15 AM–2:30 PM", "Nov 16–22, 2026")
    assert years.short == "Dec 31, 2026 7:00 AM – Jan 1, 2027 7:00 PM"
    assert week.moment(utc("2026-11-16T23:05")).words == "Tue Nov 17 12:05 AM"
    assert week.moment(utc("2026-11-16T11:05")).words == "Mon Nov 16 12:05 PM"
    summer = spoken("en-US", "2026-10-19", "2026-10-26")
    assert summer.zone_words == "Europe/Berlin: UTC+2 until Oct 25 3:00 AM, then UTC+1"
    assert summer.moment(utc("2026-10-25T00:30")).words == "Sun Oct 25 2:30 AM UTC+2"


@pytest.mark.parametrize(
    "language,lang",
    [("en", "en"), ("en-US", "en-US"), ("en-AU", "en-AU"), ("de", "en"), ("zh-Hant-TW", "en"), ("", "en")],
)
def test_the_page_says_that_its_sentences_are_english(language: str, lang: str) -> None:
    """A screen reader would read them aloud as German where the page said so."""
    assert spoken(language, *DAY).style.lang == lang
