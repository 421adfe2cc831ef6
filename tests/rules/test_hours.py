"""Opening hours: tables of dates that go wrong, and properties against a brute-force reading of the wall clock."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.hours import Calendar, Segment, after, between, by_day, day_of, is_open, next_change, segments

OFFICE = dict.fromkeys(range(5), (("09:00", "18:00"),))
SPLIT = dict.fromkeys(range(5), (("09:00", "12:00"), ("13:00", "18:00")))
WHOLE_DAY = dict.fromkeys(range(7), (("00:00", "24:00"),))
NIGHTS = dict.fromkeys(range(7), (("22:00", "06:00"),))

BERLIN = Calendar("Europe/Berlin", OFFICE)
HOUR, MINUTE = 3600, 60


def at(zone: str, text: str, fold: int = 0) -> datetime:
    """A wall-clock reading as a UTC instant; fold=1 is the second occurrence."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def berlin(text: str, fold: int = 0) -> datetime:
    return at("Europe/Berlin", text, fold)


@pytest.mark.parametrize(
    ("start", "seconds", "expected"),
    [
        ("2026-03-02 10:00", 0, "2026-03-02 10:00"),
        ("2026-03-02 20:00", 0, "2026-03-02 20:00"),
        ("2026-03-02 10:00", 1, "2026-03-02 10:00:01"),
        ("2026-03-02 10:00", 8 * HOUR, "2026-03-02 18:00"),
        ("2026-03-02 10:00", 8 * HOUR + 1, "2026-03-03 09:00:01"),
        ("2026-03-02 09:00", 9 * HOUR, "2026-03-02 18:00"),
        ("2026-03-02 18:00", 1, "2026-03-03 09:00:01"),
        ("2026-03-02 08:59:59", 1, "2026-03-02 09:00:01"),
        ("2026-03-06 17:00", 2 * HOUR, "2026-03-09 10:00"),
        ("2026-03-07 12:00", 9 * HOUR, "2026-03-09 18:00"),
        ("2026-03-02 09:00", 45 * HOUR, "2026-03-06 18:00"),
        ("2026-03-02 09:00", 45 * HOUR + 1, "2026-03-09 09:00:01"),
        ("2026-03-02 00:00", 90 * HOUR, "2026-03-13 18:00"),
        ("2026-03-04 12:00", 45 * HOUR, "2026-03-11 12:00"),
        ("2026-12-31 17:00", 2 * HOUR, "2027-01-01 10:00"),
        ("2028-02-28 17:00", 10 * HOUR, "2028-02-29 18:00"),
        ("2028-02-29 17:00", 2 * HOUR, "2028-03-01 10:00"),
        ("2026-03-27 17:00", 2 * HOUR, "2026-03-30 10:00"),
        ("2026-10-23 17:00", 2 * HOUR, "2026-10-26 10:00"),
    ],
)
def test_after_in_office_hours(start: str, seconds: int, expected: str) -> None:
    assert after(BERLIN, berlin(start), seconds) == berlin(expected)


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2026-03-02 10:00", "2026-03-02 10:00", 0),
        ("2026-03-02 11:00", "2026-03-02 10:00", 0),
        ("2026-03-02 10:00", "2026-03-02 12:00", 120),
        ("2026-03-02 07:00", "2026-03-02 20:00", 540),
        ("2026-03-02 17:00", "2026-03-03 10:00", 120),
        ("2026-03-06 17:00", "2026-03-09 10:00", 120),
        ("2026-03-07 00:00", "2026-03-09 00:00", 0),
        ("2026-03-02 00:00", "2026-03-09 00:00", 45 * 60),
        ("2026-01-01 00:00", "2027-01-01 00:00", 261 * 540),
        ("2028-01-01 00:00", "2029-01-01 00:00", 260 * 540),
    ],
)
def test_between_in_office_hours(start: str, end: str, minutes: int) -> None:
    assert between(BERLIN, berlin(start), berlin(end)) == minutes * MINUTE


@pytest.mark.parametrize(
    ("zone", "day", "minutes"),
    [
        ("Europe/Berlin", "2026-03-28", 1440),
        ("Europe/Berlin", "2026-03-29", 1380),
        ("Europe/Berlin", "2026-10-25", 1500),
        ("America/New_York", "2026-03-08", 1380),
        ("America/New_York", "2026-11-01", 1500),
        ("Australia/Lord_Howe", "2026-04-05", 1470),
        ("Australia/Lord_Howe", "2026-10-04", 1410),
        ("Asia/Seoul", "2026-03-29", 1440),
        ("Asia/Kolkata", "2026-10-25", 1440),
        ("America/Havana", "2026-03-08", 1380),  # 00:00 is skipped: the day begins at 01:00
        ("America/Havana", "2026-11-01", 1500),  # 00:00 occurs twice
        ("America/Asuncion", "2023-03-25", 1500),  # midnight falls back into this day
        (
            "America/St_Johns",
            "2010-11-07",
            1500,
        ),  # 00:01 falls back into the day before; it has begun all the same
        ("Pacific/Apia", "2011-12-30", 0),  # the day that did not exist
        ("Europe/Berlin", "2028-02-29", 1440),
    ],
)
def test_minutes_of_a_whole_day(zone: str, day: str, minutes: int) -> None:
    weekday = date.fromisoformat(day).weekday()
    only_that_day = Calendar(zone, {weekday: (("00:00", "24:00"),)})
    middle = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    around = (middle - timedelta(days=3), middle + timedelta(days=3))
    assert between(only_that_day, *around) == minutes * MINUTE


@pytest.mark.parametrize(
    ("zone", "hours", "start", "seconds", "expected"),
    [
        # Spring: 02:00 becomes 03:00. A shift through the gap is an hour shorter.
        ("Europe/Berlin", NIGHTS, "2026-03-28 22:00", 7 * HOUR, "2026-03-29 06:00"),
        ("Europe/Berlin", NIGHTS, "2026-03-28 22:00", 7 * HOUR + 1, "2026-03-29 22:00:01"),
        ("Europe/Berlin", NIGHTS, "2026-10-24 22:00", 9 * HOUR, "2026-10-25 06:00"),
        ("Europe/Berlin", NIGHTS, "2026-10-24 22:00", 8 * HOUR, "2026-10-25 05:00"),
        ("Europe/Berlin", WHOLE_DAY, "2026-03-29 00:00", 23 * HOUR, "2026-03-30 00:00"),
        ("Europe/Berlin", WHOLE_DAY, "2026-10-25 00:00", 25 * HOUR, "2026-10-26 00:00"),
        ("Europe/Berlin", WHOLE_DAY, "2026-03-23 00:00", 167 * HOUR, "2026-03-30 00:00"),
        ("Europe/Berlin", WHOLE_DAY, "2026-10-19 00:00", 169 * HOUR, "2026-10-26 00:00"),
        # An interval inside the gap has no length; one that begins in it begins behind it.
        ("Europe/Berlin", {6: (("02:10", "02:50"),)}, "2026-03-28 12:00", 2400, "2026-04-05 02:50"),
        ("Europe/Berlin", {6: (("02:30", "04:00"),)}, "2026-03-28 12:00", HOUR, "2026-03-29 04:00"),
        # An interval that ends at a repeated time ends at its first occurrence.
        ("Europe/Berlin", {6: (("01:00", "02:30"),)}, "2026-10-25 00:00", 90 * MINUTE, "2026-10-25 02:30"),
        ("Asia/Seoul", OFFICE, "2026-09-25 17:30", HOUR, "2026-09-28 09:30"),
        ("Asia/Kolkata", OFFICE, "2026-08-14 17:59:59", 2, "2026-08-17 09:00:01"),
        ("America/New_York", OFFICE, "2026-03-06 17:00", 10 * HOUR, "2026-03-09 18:00"),
        ("Australia/Lord_Howe", WHOLE_DAY, "2026-10-04 00:00", 23 * HOUR + 1800, "2026-10-05 00:00"),
        ("Australia/Lord_Howe", {6: (("02:10", "03:00"),)}, "2026-10-04 00:00", 1800, "2026-10-04 03:00"),
        ("Europe/Berlin", SPLIT, "2026-03-02 11:30", HOUR, "2026-03-02 13:30"),
        ("Europe/Berlin", SPLIT, "2026-03-02 11:30", 1800, "2026-03-02 12:00"),
    ],
)
def test_after_across_changes_of_the_clock(
    zone: str, hours: dict[int, tuple[tuple[str, str], ...]], start: str, seconds: int, expected: str
) -> None:
    assert after(Calendar(zone, hours), at(zone, start), seconds) == at(zone, expected)


@pytest.mark.parametrize(
    ("holidays", "start", "seconds", "expected"),
    [
        (["2026-12-24", "2026-12-25"], "2026-12-23 17:00", 2 * HOUR, "2026-12-28 10:00"),
        (["2026-12-25"], "2026-12-24 18:00", 1, "2026-12-28 09:00:01"),
        (["2027-01-01"], "2026-12-31 17:00", 2 * HOUR, "2027-01-04 10:00"),
        (["2026-03-02"], "2026-03-02 10:00", HOUR, "2026-03-03 10:00"),
        (["2026-03-07"], "2026-03-06 17:00", 2 * HOUR, "2026-03-09 10:00"),  # a Saturday anyway
        (["2026-03-11"], "2026-03-02 09:00", 81 * HOUR, "2026-03-13 18:00"),  # a whole week and one day less
        (["2028-02-29"], "2028-02-28 17:00", 2 * HOUR, "2028-03-01 10:00"),
    ],
)
def test_holidays_are_closed(holidays: list[str], start: str, seconds: int, expected: str) -> None:
    calendar = Calendar("Europe/Berlin", OFFICE, {date.fromisoformat(day): "Holiday" for day in holidays})
    assert after(calendar, berlin(start), seconds) == berlin(expected)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-12-24 23:59:59", True),  # the night before the holiday, up to its midnight
        ("2026-12-25 00:00", False),
        ("2026-12-25 05:00", False),
        ("2026-12-25 23:00", False),
        ("2026-12-26 00:00", True),  # the rest of the shift that began on the holiday
        ("2026-12-26 05:59:59", True),
        ("2026-12-26 06:00", False),
    ],
)
def test_a_holiday_closes_its_own_date_of_a_night_shift(instant: str, expected: bool) -> None:
    calendar = Calendar("Europe/Berlin", NIGHTS, {date(2026, 12, 25): "Christmas"})
    assert is_open(calendar, berlin(instant)) is expected


@pytest.mark.parametrize(
    ("hours", "instant", "expected"),
    [
        (OFFICE, "2026-03-02 08:59:59", False),
        (OFFICE, "2026-03-02 09:00", True),
        (OFFICE, "2026-03-02 17:59:59", True),
        (OFFICE, "2026-03-02 18:00", False),
        (OFFICE, "2026-03-07 12:00", False),
        (NIGHTS, "2026-03-02 21:59:59", False),
        (NIGHTS, "2026-03-03 00:00", True),
        ({6: (("22:00", "06:00"),)}, "2026-03-02 05:59:59", True),  # Sunday's night runs into Monday
        ({6: (("22:00", "06:00"),)}, "2026-03-03 05:00", False),
        ({0: (("09:00", "09:00"),)}, "2026-03-03 08:59:59", True),  # 24 hours from Monday 09:00
        ({0: (("09:00", "09:00"),)}, "2026-03-03 09:00", False),
        ({0: (("09:00", "24:00"),)}, "2026-03-02 23:59:59", True),
        ({0: (("09:00", "24:00"),)}, "2026-03-03 00:00", False),
    ],
)
def test_is_open(hours: dict[int, tuple[tuple[str, str], ...]], instant: str, expected: bool) -> None:
    assert is_open(Calendar("Europe/Berlin", hours), berlin(instant)) is expected


@pytest.mark.parametrize(
    ("calendar", "instant", "expected"),
    [
        (BERLIN, "2026-03-02 08:00", "2026-03-02 09:00"),
        (BERLIN, "2026-03-02 09:00", "2026-03-02 18:00"),
        (BERLIN, "2026-03-02 18:00", "2026-03-03 09:00"),
        (BERLIN, "2026-03-06 18:00", "2026-03-09 09:00"),
        (Calendar("Europe/Berlin", NIGHTS), "2026-03-02 23:00", "2026-03-03 06:00"),
        (
            Calendar("Europe/Berlin", {5: (("00:00", "24:00"),), 6: (("00:00", "24:00"),)}),
            "2026-03-07 01:00",
            "2026-03-09 00:00",
        ),
        (Calendar("Europe/Berlin", OFFICE, {date(2026, 3, 3): "H"}), "2026-03-02 18:00", "2026-03-04 09:00"),
        (
            Calendar("Europe/Berlin", WHOLE_DAY, {date(2026, 12, 25): "H"}),
            "2026-03-02 18:00",
            "2026-12-25 00:00",
        ),
        (
            Calendar("Europe/Berlin", WHOLE_DAY, {date(2026, 12, 25): "H", date(2026, 12, 26): "H"}),
            "2026-12-25 18:00",
            "2026-12-27 00:00",
        ),
        # Without the pause that fell into the skipped hour there is no edge at 03:00.
        (
            Calendar("Europe/Berlin", {6: (("00:00", "02:00"), ("03:00", "05:00"))}),
            "2026-03-29 01:00",
            "2026-03-29 05:00",
        ),
    ],
)
def test_next_change(calendar: Calendar, instant: str, expected: str) -> None:
    assert next_change(calendar, berlin(instant)) == berlin(expected)


@pytest.mark.parametrize(
    "calendar",
    [
        Calendar("Europe/Berlin", always=True),
        Calendar("Europe/Berlin", WHOLE_DAY),
        Calendar("Europe/Berlin", WHOLE_DAY, {date(2025, 12, 25): "Past"}),
    ],
)
def test_a_calendar_that_never_closes_never_changes(calendar: Calendar) -> None:
    assert next_change(calendar, berlin("2026-03-02 12:00")) is None
    assert is_open(calendar, berlin("2026-03-29 03:00"))
    assert after(calendar, berlin("2026-03-29 00:00"), HOUR * 24) == berlin("2026-03-30 01:00")
    assert between(calendar, berlin("2026-10-25 00:00"), berlin("2026-10-26 00:00")) == 25 * HOUR


def test_always_ignores_hours_and_holidays() -> None:
    calendar = Calendar("Europe/Berlin", OFFICE, {date(2026, 3, 2): "Holiday"}, always=True)
    assert is_open(calendar, berlin("2026-03-02 03:00"))
    assert between(calendar, berlin("2026-03-02 00:00"), berlin("2026-03-03 00:00")) == 24 * HOUR
    assert [
        s.is_open for s in segments(calendar, berlin("2026-03-01 12:00"), berlin("2026-03-03 12:00"))
    ] == [True] * 3


def test_overlapping_intervals_count_once() -> None:
    calendar = Calendar(
        "Europe/Berlin",
        {0: (("09:00", "13:00"), ("12:00", "18:00"), ("10:00", "11:00")), 6: (("20:00", "10:00"),)},
    )
    assert calendar.week_seconds == (4 + 10 + 8) * HOUR
    assert between(calendar, berlin("2026-03-02 00:00"), berlin("2026-03-03 00:00")) == 18 * HOUR


def test_segments_name_the_holiday_that_closed_a_working_day() -> None:
    calendar = Calendar(
        "Europe/Berlin", OFFICE, {date(2026, 12, 25): "Christmas", date(2026, 12, 26): "Boxing Day"}
    )
    found = list(segments(calendar, berlin("2026-12-24 16:00"), berlin("2026-12-27 00:00")))
    eve, christmas, saturday = date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26)
    assert found == [
        Segment(berlin("2026-12-24 16:00"), berlin("2026-12-24 18:00"), eve, True),
        Segment(berlin("2026-12-24 18:00"), berlin("2026-12-25 00:00"), eve, False),
        Segment(berlin("2026-12-25 00:00"), berlin("2026-12-26 00:00"), christmas, False, "Christmas"),
        Segment(berlin("2026-12-26 00:00"), berlin("2026-12-27 00:00"), saturday, False),
    ]


def test_naive_instants_and_negative_seconds_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        is_open(BERLIN, datetime(2026, 3, 2))  # noqa: DTZ001 - the naive datetime is the case
    with pytest.raises(ValueError, match="negative"):
        after(BERLIN, berlin("2026-03-02 10:00"), -1)


def test_a_long_target_and_a_rare_opening() -> None:
    ten_thousand_hours = 10_000 * HOUR
    end = after(BERLIN, berlin("2026-03-02 09:00"), ten_thousand_hours)
    assert between(BERLIN, berlin("2026-03-02 09:00"), end) == ten_thousand_hours
    rare = Calendar("Europe/Berlin", {0: (("09:00", "09:01"),)})
    with pytest.raises(ValueError, match="more than 200 years ahead"):
        after(rare, berlin("2026-03-02 09:00"), ten_thousand_hours)


# --- Properties

ZONES = [
    "Europe/Berlin",
    "Asia/Seoul",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Havana",
]
times = st.integers(0, 23).flatmap(lambda h: st.sampled_from([0, 15, 30]).map(lambda m: f"{h:02}:{m:02}"))
intervals = st.lists(st.tuples(times, times | st.just("24:00")), min_size=1, max_size=2)
holidays = st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.just("Holiday"), max_size=12)
calendars = st.builds(
    Calendar,
    zone=st.sampled_from(ZONES),
    weekly=st.dictionaries(st.integers(0, 6), intervals, min_size=1),
    holidays=holidays,
)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda d: d.replace(tzinfo=UTC))  # noqa: DTZ001
amounts = st.integers(0, 400 * HOUR)
few = settings(max_examples=150, deadline=None)


@few
@given(calendars, instants, amounts)
def test_between_undoes_after(calendar: Calendar, start: datetime, seconds: int) -> None:
    assert between(calendar, start, after(calendar, start, seconds)) == seconds


@few
@given(calendars, instants, amounts, amounts)
def test_after_is_additive_and_monotone(calendar: Calendar, start: datetime, first: int, second: int) -> None:
    middle = after(calendar, start, first)
    whole = after(calendar, start, first + second)
    assert start <= middle <= whole
    assert after(calendar, middle, second) == whole


@few
@given(calendars, instants, st.integers(0, 60 * 24 * HOUR), st.integers(0, 60 * 24 * HOUR))
def test_between_is_additive(calendar: Calendar, start: datetime, first: int, second: int) -> None:
    start = start.replace(microsecond=0)
    middle = start + timedelta(seconds=first)
    end = middle + timedelta(seconds=second)
    assert between(calendar, start, end) == between(calendar, start, middle) + between(calendar, middle, end)


@few
@given(calendars, instants, st.integers(0, 30 * 24 * HOUR))
def test_segments_cover_exactly_and_agree(calendar: Calendar, start: datetime, length: int) -> None:
    end = start + timedelta(seconds=length)
    found = list(segments(calendar, start, end))
    edges = [start, *(segment.ends_at for segment in found)]
    assert [segment.starts_at for segment in found] == edges[:-1]
    assert edges[-1] == end
    assert all(segment.starts_at < segment.ends_at for segment in found)
    assert all(is_open(calendar, segment.starts_at) is segment.is_open for segment in found)
    worked = sum((s.ends_at - s.starts_at for s in found if s.is_open), timedelta())
    assert worked // timedelta(seconds=1) == between(calendar, start, end)


@few
@given(calendars, instants)
def test_next_change_is_the_first_edge(calendar: Calendar, instant: datetime) -> None:
    changes = next_change(calendar, instant)
    assert changes is not None or calendar.never_closes
    if changes is not None:
        assert instant < changes
        assert is_open(calendar, changes) is not is_open(calendar, instant)
        worked = between(calendar, instant, changes)
        assert worked == ((changes - instant) // timedelta(seconds=1) if is_open(calendar, instant) else 0)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(
        ["Europe/Berlin", "Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
    ),
    weekly=st.dictionaries(
        st.integers(0, 6),
        st.lists(st.tuples(st.integers(4, 23), st.integers(4, 24)), min_size=1, max_size=2),
        min_size=1,
    ),
    holidays=holidays,
    start=instants,
    hours=st.integers(1, 24 * 9),
)
def test_agrees_with_reading_the_wall_clock_each_half_hour(
    zone: str,
    weekly: dict[int, list[tuple[int, int]]],
    holidays: dict[date, str],
    start: datetime,
    hours: int,
) -> None:
    """The oracle reads the clock on the wall; edges keep away from 00:00-04:00, where the clocks change."""
    calendar = Calendar(
        zone,
        {day: tuple((f"{a:02}:00", f"{b:02}:00") for a, b in rows) for day, rows in weekly.items()},
        holidays,
    )
    start = start.replace(minute=0, second=0, microsecond=0)
    steps = [start + timedelta(minutes=30 * n) for n in range(2 * hours)]

    def open_by_the_wall(instant: datetime) -> bool:
        wall = instant.astimezone(ZoneInfo(zone))
        today, hour = wall.date(), wall.hour
        yesterday = (today - timedelta(days=1)).weekday()
        own = any(a <= hour and (hour < b or b <= a) for a, b in weekly.get(today.weekday(), ()))
        carried = any(b <= a and hour < b for a, b in weekly.get(yesterday, ()))
        return today not in holidays and (own or carried)

    readings = [open_by_the_wall(step) for step in steps]
    assert [is_open(calendar, step) for step in steps] == readings
    assert between(calendar, start, start + timedelta(hours=hours)) == sum(readings) * 30 * MINUTE


@given(
    st.lists(st.integers(0, 365 * 24 * 60), max_size=40),
    st.sampled_from(["Europe/Berlin", "Asia/Seoul", "America/Santiago"]),
)
def test_instants_are_counted_by_the_day_that_holds_them(minutes: list[int], zone: str) -> None:
    instants = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in minutes]
    assert list(by_day(zone, instants)) == sorted(Counter(day_of(zone, at) for at in instants).items())
