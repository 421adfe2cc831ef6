"""What a calendar may be: its JSON form, and the words for what it may not be."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.hours import Calendar, CalendarError, clock_second, find_zone

OFFICE = Calendar("Europe/Berlin", {0: (("09:00", "18:00"),)}, {date(2026, 12, 25): "성탄절"})


def test_json_form() -> None:
    assert OFFICE.to_json() == {
        "zone": "Europe/Berlin",
        "weekly": {"0": [["09:00", "18:00"]]},
        "holidays": {"2026-12-25": "성탄절"},
        "always": False,
    }


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        Calendar,
        zone=st.sampled_from(["Europe/Berlin", "Asia/Seoul"]),
        weekly=st.dictionaries(
            st.integers(0, 6),
            st.lists(st.tuples(st.just("09:00"), st.sampled_from(["12:00", "24:00"]))).map(tuple),
        ),
        holidays=st.dictionaries(st.dates(), st.text()),
        always=st.booleans(),
    )
)
def test_json_round_trip(calendar: Calendar) -> None:
    assert Calendar.from_json(calendar.to_json()) == calendar


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "needs a time zone"),
        ([], "needs a time zone"),
        ({}, "needs a time zone"),
        ({"zone": 5}, "needs a time zone"),
        ({"zone": "UTC", "weekly": []}, "written as objects"),
        ({"zone": "UTC", "holidays": "2026-12-25"}, "written as objects"),
        ({"zone": "UTC", "weekly": {"7": []}}, "7 is not a weekday"),
        ({"zone": "UTC", "weekly": {"mon": []}}, "mon is not a weekday"),
        ({"zone": "UTC", "weekly": {"0": "09:00-18:00"}}, "pairs of times"),
        ({"zone": "UTC", "weekly": {"0": [["09:00"]]}}, "pairs of times"),
        ({"zone": "UTC", "weekly": {"0": ["ab"]}}, "pairs of times"),
        ({"zone": "UTC", "weekly": {"0": [[9, 18]]}}, "pairs of times"),
        ({"zone": "UTC", "holidays": {"25.12.2026": "Christmas"}}, "25.12.2026 is not a date"),
        ({"zone": "UTC", "holidays": {"2026-02-29": "Never"}}, "2026-02-29 is not a date"),
    ],
)
def test_wrong_shapes_are_refused(data: Any, words: str) -> None:
    with pytest.raises(CalendarError, match=words):
        Calendar.from_json(data)


@pytest.mark.parametrize(
    ("calendar", "message", "values"),
    [
        (
            Calendar("Europe/Atlantis", {0: (("09:00", "18:00"),)}),
            "There is no time zone named %(zone)s.",
            {"zone": "Europe/Atlantis"},
        ),
        (
            Calendar("Europe/Berlin"),
            "This calendar would never open. Give at least one weekday opening hours.",
            {},
        ),
        (
            Calendar("Europe/Berlin", {0: ()}),
            "This calendar would never open. Give at least one weekday opening hours.",
            {},
        ),
        (
            Calendar("Europe/Berlin", {0: (("9:00", "18:00"),)}),
            "%(time)s is not a time. Write it as 09:30, from 00:00 to 24:00.",
            {"time": "9:00"},
        ),
        (
            Calendar("Europe/Berlin", {0: (("09:00", "25:00"),)}),
            "%(time)s is not a time. Write it as 09:30, from 00:00 to 24:00.",
            {"time": "25:00"},
        ),
        (
            Calendar("Europe/Berlin", {0: (("24:00", "06:00"),)}),
            "24:00 can only end an interval. Start it at 00:00 of the next day.",
            {},
        ),
        (
            Calendar("Europe/Berlin", {7: (("09:00", "18:00"),)}),
            "%(day)s is not a weekday. Monday is 0, Sunday is 6.",
            {"day": 7},
        ),
    ],
)
def test_a_calendar_that_cannot_work_is_refused(
    calendar: Calendar, message: str, values: dict[str, object]
) -> None:
    with pytest.raises(CalendarError) as refused:
        calendar.validate()
    assert (refused.value.message, refused.value.values) == (message, values)
    assert str(refused.value) == message % values


@pytest.mark.parametrize(
    "calendar",
    [
        OFFICE,
        Calendar("Asia/Seoul", always=True),
        Calendar("Asia/Kolkata", {3: (("22:00", "06:00"),)}),
        Calendar("Asia/Kolkata", {3: (("00:00", "24:00"),)}),
    ],
)
def test_a_calendar_that_works_is_accepted(calendar: Calendar) -> None:
    calendar.validate()


@pytest.mark.parametrize("name", ["", "Europe", "Nowhere", "/etc/passwd", "../UTC", "a\0b", "베를린"])
def test_names_that_are_no_zone(name: str) -> None:
    assert find_zone(name) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00", 0),
        ("09:30", 34_200),
        ("23:59", 86_340),
        ("24:00", 86_400),
        ("24:01", None),
        ("12:60", None),
        ("9:00", None),
        ("", None),
        ("09:00 ", None),
        ("٠٩:٠٠", None),
    ],
)
def test_times_of_day(text: str, seconds: int | None) -> None:
    assert clock_second(text) == seconds
