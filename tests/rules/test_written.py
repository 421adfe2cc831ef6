from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.hours import Calendar, CalendarError
from rules.written import (
    LONGEST_FOR,
    read_duration,
    read_holidays,
    read_intervals,
    write_duration,
    write_holidays,
    write_intervals,
)

TIMES = st.integers(0, 23 * 60 + 59).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("", ()),
        ("   ", ()),
        ("09:00-18:00", (("09:00", "18:00"),)),
        ("9-12, 13:00-18:00", (("09:00", "12:00"), ("13:00", "18:00"))),
        ("9.30 – 12; 13—17.15", (("09:30", "12:00"), ("13:00", "17:15"))),
        ("22:00-06:00", (("22:00", "06:00"),)),
        ("0-24", (("00:00", "24:00"),)),
        ("０９：００～１８：００", (("09:00", "18:00"),)),
        ("09:00-12:00,", (("09:00", "12:00"),)),
    ],
)
def test_hours_are_read(text: str, intervals: tuple[tuple[str, str], ...]) -> None:
    assert read_intervals(text) == intervals


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("closed", "closed is not a stretch of time"),
        ("9", "9 is not a stretch of time"),
        ("09:00-18:00 13:00-14:00", "is not a stretch of time"),
        ("09:00-25:00", "25:00 is not a time"),
        ("09:60-10:00", "09:60 is not a time"),
        ("9:5-10", "9:5 is not a time"),
        ("24:00-06:00", "24:00 can only end"),
        (",".join(["1-2"] * 13), "at most 12"),
    ],
)
def test_hours_that_cannot_be_meant(text: str, said: str) -> None:
    with pytest.raises(CalendarError, match=said):
        read_intervals(text)


@given(st.lists(st.tuples(TIMES, TIMES), max_size=6))
@settings(max_examples=60)
def test_hours_survive_being_written(intervals: list[tuple[str, str]]) -> None:
    assert read_intervals(write_intervals(intervals)) == tuple(intervals)


@given(st.text(max_size=40))
@settings(max_examples=150)
def test_any_text_is_hours_or_an_error_for_a_person(text: str) -> None:
    with suppress(CalendarError):
        assert Calendar("UTC", {0: read_intervals(text)}).week_seconds >= 0


@pytest.mark.parametrize(
    ("text", "holidays"),
    [
        ("", {}),
        (
            "2026-12-25 Christmas\n\n2027-01-01 New Year",
            {date(2026, 12, 25): "Christmas", date(2027, 1, 1): "New Year"},
        ),
        ("2026.3.1. 삼일절", {date(2026, 3, 1): "삼일절"}),
        ("2026/10/03: German Unity\r\n", {date(2026, 10, 3): "German Unity"}),
    ],
)
def test_holidays_are_read(text: str, holidays: dict[date, str]) -> None:
    assert read_holidays(text) == holidays


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Christmas", "Line 1: write a date"),
        ("2026-12-25 Christmas\n2026-02-30 Never", "Line 2: write a date"),
        ("25.12.2026 Christmas", "Line 1: write a date"),
        ("2026-12-25", "Line 1: write a name"),
        ("2026-12-25 A\n2026-12-25 B", "Line 2: 2026-12-25 is there twice"),
    ],
)
def test_holidays_that_cannot_be_meant(text: str, said: str) -> None:
    with pytest.raises(CalendarError, match=said):
        read_holidays(text)


@given(
    st.dictionaries(
        st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(["Christmas", "설날", "1 May"])
    )
)
@settings(max_examples=60)
def test_holidays_survive_being_written(holidays: dict[date, str]) -> None:
    assert read_holidays(write_holidays(holidays)) == holidays


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("4h", 14_400),
        ("1h 30m", 5_400),
        ("1H30M", 5_400),
        ("90 min", 5_400),
        ("2 hours", 7_200),
        ("1시간 30분", 5_400),
        ("2000h", LONGEST_FOR),
    ],
)
def test_durations_are_read(text: str, seconds: int | None) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["4", "2d", "h", "1.5h", "-1h", "0m", "2000h 1m", "soon", "30m 1h", "99999999999h"]
)
def test_durations_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(CalendarError):
        read_duration(text)


@given(st.integers(1, LONGEST_FOR // 60))
@settings(max_examples=60)
def test_durations_survive_being_written(minutes: int) -> None:
    assert read_duration(write_duration(minutes * 60)) == minutes * 60
