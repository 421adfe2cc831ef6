"""Opening hours, exact to the second.

A calendar says when a desk works. Three questions are asked of it: which instant lies n working seconds after another
(`after`), how many working seconds lie between two (`between`), and whether it is open (`is_open`). `next_change` and
`segments` serve the sweep that must wake at an edge and the sentence that explains a deadline.

Every instant that comes in is timezone-aware, every instant that goes out is UTC, and every subtraction happens in UTC:
subtracting two aware datetimes of one zone in Python is wall-clock arithmetic and wrong twice a year.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from rules.words import N_

WEEKDAYS = range(7)
DAY = 86_400
# A search that walks further than this is answered with an error: the calendar opens too rarely to be meant.
FURTHEST_YEARS = 200

Pieces = tuple[tuple[int, int], ...]


class CalendarError(ValueError):
    """A calendar that cannot be used. `message` is an English format string, `values` fills it: `message % values`."""

    def __init__(self, message: str, values: Mapping[str, Any] | None = None) -> None:
        self.message = message
        self.values = dict(values or {})
        super().__init__(message % self.values)


@dataclass(frozen=True)
class Calendar:
    """Opening hours of a week in one zone, with holidays.

    `weekly`: weekday (0 = Monday) to intervals of "HH:MM" wall-clock times, half-open. "24:00" ends a day. An interval that
    ends at or before its start runs into the next day and belongs to the weekday it starts on ("22:00"-"06:00", and
    "09:00"-"09:00" is 24 hours). Intervals that overlap count once.

    `holidays`: local date to name. A holiday closes that local date from midnight to midnight, whatever weekday an
    interval belongs to: of a night shift that runs into a holiday the part before midnight stays, and of one that starts
    on a holiday the part after midnight stays.

    `always`: open at every instant; weekly hours and holidays are then ignored.

    A wall-clock time that spring skips is the first instant after the gap; one that autumn repeats is its first occurrence.
    """

    zone: str
    weekly: Mapping[int, Sequence[tuple[str, str]]] = field(default_factory=dict)
    holidays: Mapping[date, str] = field(default_factory=dict)
    always: bool = False

    @classmethod
    def from_json(cls, data: Any) -> "Calendar":
        """The calendar that `to_json` wrote. Raises CalendarError when the shape is wrong; `validate` checks the values."""
        if not isinstance(data, Mapping) or not isinstance(data.get("zone"), str):
            raise CalendarError(N_("A calendar needs a time zone."))
        weekly, holidays = data.get("weekly", {}), data.get("holidays", {})
        if not isinstance(weekly, Mapping) or not isinstance(holidays, Mapping):
            raise CalendarError(N_("Weekly hours and holidays are written as objects."))
        return cls(
            zone=data["zone"],
            weekly={_weekday(key): _intervals(value) for key, value in weekly.items()},
            holidays={_holiday(key): str(name) for key, name in holidays.items()},
            always=data.get("always", False) is True,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data: weekdays as "0".."6", dates as ISO strings."""
        return {
            "zone": self.zone,
            "weekly": {str(day): [list(pair) for pair in self.weekly[day]] for day in sorted(self.weekly)},
            "holidays": {day.isoformat(): self.holidays[day] for day in sorted(self.holidays)},
            "always": self.always,
        }

    def validate(self) -> None:
        """Raises CalendarError for an unknown zone, a bad weekday or time, and for hours that can never open."""
        if find_zone(self.zone) is None:
            raise CalendarError(N_("There is no time zone named %(zone)s."), {"zone": self.zone})
        if not self.always and not self.week_seconds:
            raise CalendarError(
                N_("This calendar would never open. Give at least one weekday opening hours.")
            )

    @cached_property
    def days(self) -> tuple[Pieces, ...]:
        """Per weekday the open pieces of that local date as wall-clock seconds, merged, none crossing midnight."""
        found: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
        for weekday, intervals in self.weekly.items():
            if weekday not in WEEKDAYS:
                raise CalendarError(
                    N_("%(day)s is not a weekday. Monday is 0, Sunday is 6."), {"day": weekday}
                )
            for start, end in intervals:
                opens, closes = _opening_second(start), _second(end)
                if closes > opens:
                    found[weekday].append((opens, closes))
                else:
                    found[weekday].append((opens, DAY))
                    found[(weekday + 1) % 7].append((0, closes))
        return tuple(_merged(pieces) for pieces in found)

    @cached_property
    def week_seconds(self) -> int:
        """Working seconds of a week without holidays and without a change of the clocks."""
        return sum(closes - opens for pieces in self.days for opens, closes in pieces)

    @cached_property
    def never_closes(self) -> bool:
        """Whether only a holiday can close it."""
        return self.week_seconds == 7 * DAY

    @cached_property
    def sorted_holidays(self) -> tuple[date, ...]:
        return tuple(sorted(self.holidays))

    @cached_property
    def holiday_weeks(self) -> frozenset[date]:
        """The Mondays of the weeks that hold a holiday."""
        return frozenset(day - timedelta(days=day.weekday()) for day in self.holidays)


@dataclass(frozen=True)
class Segment:
    """A stretch of one local date that is open or closed throughout; half-open, UTC.

    `holiday` is the holiday's name when it is what closed the date, None on a date that has no hours anyway.
    """

    starts_at: datetime
    ends_at: datetime
    day: date
    is_open: bool
    holiday: str | None = None


def after(calendar: Calendar, start: datetime, seconds: int) -> datetime:
    """The instant by which `seconds` working seconds have passed since `start`.

    When they run out exactly at closing time it is closing time, never the next opening; 0 seconds give `start` itself.
    Raises CalendarError when the instant lies more than FURTHEST_YEARS ahead, ValueError for negative seconds.
    """
    if seconds < 0:
        raise ValueError("working seconds cannot be negative")
    start, left = in_utc(start), timedelta(seconds=seconds)
    if calendar.always or not left:
        return start + left
    week = timedelta(seconds=calendar.week_seconds)
    day = day_of(calendar.zone, start)
    for _ in range(FURTHEST_YEARS * 366):
        # Strictly more than a week: what ends with the week's last closing time must be found day by day.
        if left > week and _is_plain_week(calendar, day) and start <= day_start(calendar.zone, day):
            left -= week
            day += timedelta(days=7)
            continue
        for opens, closes in _open_spans(calendar, day):
            opens = max(opens, start)
            if closes - opens >= left:
                return opens + left
            left -= max(closes - opens, timedelta())
        day += timedelta(days=1)
        if day.year > start.year + FURTHEST_YEARS:
            break
    raise CalendarError(
        N_("%(hours)s working hours of this calendar lie more than %(years)s years ahead."),
        {"hours": seconds // 3600, "years": FURTHEST_YEARS},
    )


def between(calendar: Calendar, a: datetime, b: datetime) -> int:
    """Working seconds from `a` to `b`, whole ones; 0 when `b` is not later than `a`."""
    a, b = in_utc(a), in_utc(b)
    if b <= a:
        return 0
    if calendar.always:
        return (b - a) // timedelta(seconds=1)
    total = timedelta()
    day = day_of(calendar.zone, a)
    while (starts := day_start(calendar.zone, day)) < b:
        next_week = day + timedelta(days=7)
        if _is_plain_week(calendar, day) and a <= starts and day_start(calendar.zone, next_week) <= b:
            total += timedelta(seconds=calendar.week_seconds)
            day = next_week
            continue
        for opens, closes in _open_spans(calendar, day):
            total += max(min(closes, b) - max(opens, a), timedelta())
        day += timedelta(days=1)
    return total // timedelta(seconds=1)


def is_open(calendar: Calendar, instant: datetime) -> bool:
    """Whether work goes on at `instant`: true at opening time, false at closing time."""
    instant = in_utc(instant)
    day = day_of(calendar.zone, instant)
    return calendar.always or any(opens <= instant < closes for opens, closes in _open_spans(calendar, day))


def next_change(calendar: Calendar, instant: datetime) -> datetime | None:
    """The first instant after `instant` at which the calendar opens or closes; None when it never does again."""
    instant = in_utc(instant)
    if calendar.always or not calendar.week_seconds:
        return None
    day = day_of(calendar.zone, instant)
    if calendar.never_closes and day not in calendar.holidays:
        position = bisect_right(calendar.sorted_holidays, day)
        upcoming = calendar.sorted_holidays[position : position + 1]
        return day_start(calendar.zone, upcoming[0]) if upcoming else None
    closing: datetime | None = None
    while True:
        for opens, closes in _open_spans(calendar, day):
            if closes <= instant:
                continue
            if closing is None and opens > instant:
                return opens
            if closing is not None and opens > closing:
                return closing
            closing = closes
        day += timedelta(days=1)
        if closing is not None and closing < day_start(calendar.zone, day):
            return closing


def next_opening(calendar: Calendar, instant: datetime) -> datetime | None:
    """When it opens next; while it is open, when it does after it has closed. None when it never does."""
    if is_open(calendar, instant):
        closes = next_change(calendar, instant)
        return next_change(calendar, closes) if closes is not None else None
    return next_change(calendar, instant)


def segments(calendar: Calendar, a: datetime, b: datetime) -> Iterator[Segment]:
    """Open and closed stretches that cover `a`..`b` exactly, in order, cut at every local midnight."""
    a, b = in_utc(a), in_utc(b)
    day = day_of(calendar.zone, a)
    at = a
    while at < b:
        midnight = min(day_start(calendar.zone, day + timedelta(days=1)), b)
        has_hours = bool(calendar.days[day.weekday()]) and not calendar.always
        holiday = calendar.holidays.get(day) if has_hours else None
        for opens, closes in _open_spans(calendar, day):
            opens, closes = max(opens, at), min(closes, midnight)
            if closes <= opens:
                continue
            if at < opens:
                yield Segment(at, opens, day, False)
            yield Segment(opens, closes, day, True)
            at = closes
        if at < midnight:
            yield Segment(at, midnight, day, False, holiday)
            at = midnight
        day += timedelta(days=1)


def windows(calendar: Calendar, a: datetime, b: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The stretches [opens, closes) of `a`..`b` during which work goes on, in order; none touches the next."""
    opened: datetime | None = None
    closes = in_utc(a)
    for segment in segments(calendar, a, b):
        if segment.is_open:
            if opened is None:
                opened = segment.starts_at
            elif closes < segment.starts_at:
                yield opened, closes
                opened = segment.starts_at
            closes = segment.ends_at
    if opened is not None:
        yield opened, closes


def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that IANA name, or None when there is none."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        # In this order: unknown; a path or a control character; a directory such as "Europe".
        return None


def clock_second(text: str) -> int | None:
    """ "HH:MM" from 00:00 to 24:00 as seconds after midnight on the wall clock, or None when it is no such time."""
    matched = re.fullmatch(r"([0-9]{2}):([0-5][0-9])", text)
    seconds = int(matched[1]) * 3600 + int(matched[2]) * 60 if matched else DAY + 1
    return seconds if seconds <= DAY else None


@lru_cache(maxsize=8192)
def at_wall(zone: str, day: date, second: int) -> datetime:
    """The UTC instant at which the wall clock in `zone` shows `second` seconds after midnight of `day` (86,400: 24:00).

    A time that is skipped becomes the first instant after the gap, one that occurs twice its first occurrence, so
    later wall-clock times never give earlier instants.
    """
    tz = ZoneInfo(zone)
    wall = datetime.combine(day, datetime.min.time(), tzinfo=tz) + timedelta(seconds=second)
    earlier, later = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    # In a gap the offsets swap sides: fold 0 reads the clock as it was before, which lands after the change.
    return _first_after_gap(tz, later, earlier) if later < earlier else earlier


def day_start(zone: str, day: date) -> datetime:
    """The instant at which a local date begins."""
    return at_wall(zone, day, 0)


def day_of(zone: str, instant: datetime) -> date:
    """The local date whose stretch from `day_start` to the next `day_start` holds the instant.

    That is the date on the wall, except when clocks go back across midnight: the date that has begun does not end again.
    """
    day = instant.astimezone(ZoneInfo(zone)).date()
    following = day + timedelta(days=1)
    return following if instant >= day_start(zone, following) else day


def by_day(zone: str, instants: Iterable[datetime]) -> Iterator[tuple[date, int]]:
    """The local dates that hold any of these instants, in order, and how many each."""
    left = sorted(instants)
    first = 0
    while first < len(left):
        day = day_of(zone, left[first])
        end = bisect_left(left, day_start(zone, day + timedelta(days=1)), first)
        yield day, end - first
        first = end


def in_utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for a naive datetime, whose instant nobody can know."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC)


def _open_spans(calendar: Calendar, day: date) -> list[tuple[datetime, datetime]]:
    if calendar.always:
        return [(day_start(calendar.zone, day), day_start(calendar.zone, day + timedelta(days=1)))]
    if day in calendar.holidays:
        return []
    spans: list[tuple[datetime, datetime]] = []
    for opens, closes in calendar.days[day.weekday()]:
        start, end = at_wall(calendar.zone, day, opens), at_wall(calendar.zone, day, closes)
        if spans and spans[-1][1] == start:
            # The pause between two intervals fell into the hour that spring skips.
            start = spans.pop()[0]
        if start < end:
            spans.append((start, end))
    return spans


def _is_plain_week(calendar: Calendar, day: date) -> bool:
    """Whether a week without holidays and without a change of the clocks begins on `day`."""
    return day.weekday() == 0 and day not in calendar.holiday_weeks and _clocks_stand(calendar.zone, day)


@lru_cache(maxsize=8192)
def _clocks_stand(zone: str, monday: date) -> bool:
    tz, start = ZoneInfo(zone), day_start(zone, monday)
    offsets = {(start + timedelta(days=n)).astimezone(tz).utcoffset() for n in range(8)}
    return len(offsets) == 1


def _first_after_gap(tz: ZoneInfo, before: datetime, behind: datetime) -> datetime:
    """The change of the clocks in (before, behind], to the second."""
    old = before.astimezone(tz).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(behind - before) // timedelta(seconds=2))
        if middle.astimezone(tz).utcoffset() == old:
            before = middle
        else:
            behind = middle
    return behind


def _merged(pieces: list[tuple[int, int]]) -> Pieces:
    merged: list[tuple[int, int]] = []
    for opens, closes in sorted(pieces):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        elif opens < closes:
            merged.append((opens, closes))
    return tuple(merged)


def _second(text: str) -> int:
    seconds = clock_second(text)
    if seconds is None:
        raise CalendarError(
            N_("%(time)s is not a time. Write it as 09:30, from 00:00 to 24:00."), {"time": text}
        )
    return seconds


def _opening_second(text: str) -> int:
    seconds = _second(text)
    if seconds == DAY:
        raise CalendarError(N_("24:00 can only end an interval. Start it at 00:00 of the next day."))
    return seconds


def _weekday(key: object) -> int:
    if not re.fullmatch(r"[0-6]", str(key)):
        raise CalendarError(N_("%(day)s is not a weekday. Monday is 0, Sunday is 6."), {"day": key})
    return int(str(key))


def _intervals(value: object) -> tuple[tuple[str, str], ...]:
    rows = value if isinstance(value, list | tuple) else [value]
    return tuple(_interval(row) for row in rows)


def _interval(row: object) -> tuple[str, str]:
    match row:
        case [str(start), str(end)]:
            return start, end
    raise CalendarError(N_("Opening hours are written as pairs of times, such as 09:00 and 18:00."))


def _holiday(key: object) -> date:
    try:
        return date.fromisoformat(str(key))
    except ValueError:
        raise CalendarError(N_("%(date)s is not a date. Write it as 2026-12-25."), {"date": key}) from None
