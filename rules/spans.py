"""Stretches of days as people write them: `today`, `last 7 days`, `2026-11-01`, `2026-11-01..2026-11-07`.

A stretch is whole days of a time zone; weeks begin on Monday. `today` and its like move on at midnight.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from rules.hours import day_of, day_start

WORDS = (
    "today",
    "yesterday",
    "tomorrow",
    "this week",
    "last week",
    "next week",
    "this month",
    "last month",
    "next month",
    "last 7 days",
    "next 7 days",
)
MOST_DAYS = 3_660
EARLIEST, LATEST = 1970, 2199  # years

_DAYS = re.compile("(last|next) ([0-9]{1,4}) days?")
_SHIFTS = {"last": -1, "this": 0, "next": 1, "yesterday": -1, "today": 0, "tomorrow": 1}
_DAY = timedelta(days=1)


def read(word: str) -> str | None:
    """The one spelling of a stretch written `word` (folded), or None when it is none. `last-7-days` needs no quotation
    marks."""
    spaced = re.sub("[-_ ]+", " ", word)
    if spaced in WORDS:
        return spaced
    counted = _DAYS.fullmatch(spaced)
    if counted:
        count = int(counted[2])
        return f"{counted[1]} {count} days" if 1 <= count <= MOST_DAYS else None
    first, dots, last = word.partition("..")
    begins, ends = _written(first), _written(last if dots else first)
    return word if begins and ends and begins[0] < ends[1] else None


def bounds(span: str, zone: str, today: date) -> tuple[datetime, datetime]:
    """[first instant, first instant behind it) of what `read` returned, while it is `today` in `zone`."""
    first, behind = _days(span, today)
    return day_start(zone, first), day_start(zone, behind)


def turns(
    span: str, instant: datetime, edges: tuple[int, ...], zone: str, now: datetime
) -> Iterator[datetime]:
    """The midnights after `now` at which the beginning (edge 0) or the end (edge 1) of a moving stretch passes `instant`."""
    if not _moves(span):
        return
    today = day_of(zone, now)
    furthest = 2 * MOST_DAYS + max((instant - now).days, 0)
    for edge in edges:

        def passed(days: int, edge: int = edge) -> bool:
            return instant < bounds(span, zone, today + timedelta(days=days))[edge]

        if not passed(0):
            yield day_start(zone, today + timedelta(days=bisect_left(range(furthest), True, key=passed)))


def _moves(span: str) -> bool:
    return not span[0].isdigit()


def _days(span: str, today: date) -> tuple[date, date]:
    """The first day of a stretch and the first one behind it."""
    counted = _DAYS.fullmatch(span)
    if counted:
        length = timedelta(days=int(counted[2]))
        return (today + _DAY - length, today + _DAY) if counted[1] == "last" else (today, today + length)
    if not _moves(span):
        first, dots, last = span.partition("..")
        begins, ends = _written(first), _written(last if dots else first)
        if begins is None or ends is None:
            raise ValueError(f"not a stretch of days: {span}")
        return begins[0], ends[1]
    which, _, unit = span.partition(" ")
    if unit == "week":
        monday = today - today.weekday() * _DAY + _SHIFTS[which] * 7 * _DAY
        return monday, monday + 7 * _DAY
    if unit == "month":
        return _month(today.year, today.month + _SHIFTS[which])
    day = today + _SHIFTS[which] * _DAY
    return day, day + _DAY


def _written(text: str) -> tuple[date, date] | None:
    """A day as 2026-11-01 or a month as 2026-11: its first day and the first one behind it."""
    parts = re.fullmatch("([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?", text)
    if not parts or not EARLIEST <= int(parts[1]) <= LATEST:
        return None
    try:
        first = date(int(parts[1]), int(parts[2]), int(parts[3] or 1))
    except ValueError:
        return None
    return (first, first + _DAY) if parts[3] else _month(first.year, first.month)


def _month(year: int, month: int) -> tuple[date, date]:
    """Months 0 and 13 are those beside the year."""
    first = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    return first, (first + 31 * _DAY).replace(day=1)
