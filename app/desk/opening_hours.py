"""Opening hours in words, in any language: "Monday–Friday 9:00 AM–6:00 PM; Saturday 10:00 AM–2:00 PM (Central European Time)"."""

from collections.abc import Iterator, Sequence
from datetime import time
from itertools import groupby
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_time, get_timezone_name

from rules.hours import WEEKDAYS, Calendar, clock_second

Intervals = tuple[tuple[str, str], ...]


def in_words(week: Calendar, language: str, always: str) -> str:
    """The weekly hours for a customer; `always` is said of a desk that never closes. Holidays are not listed."""
    if week.always or week.never_closes:
        return always
    locale = _locale(language)
    days = "; ".join(
        f"{_days(first, last, locale)} {_times(intervals, locale)}" for first, last, intervals in _runs(week)
    )
    return f"{days} ({_zone(week.zone, locale)})"


def _runs(week: Calendar) -> Iterator[tuple[int, int, Intervals]]:
    """Stretches of days with the same hours: (first, last, intervals); closed days are left out."""
    hours = {day: tuple((pair[0], pair[1]) for pair in week.weekly.get(day, ())) for day in WEEKDAYS}
    for intervals, days in groupby(WEEKDAYS, key=lambda day: hours[day]):
        run = list(days)
        if intervals:
            yield run[0], run[-1], intervals


def _days(first: int, last: int, locale: Locale) -> str:
    names = locale.days["format"]["wide"]
    if first == last:
        return str(names[first])
    return f"{names[first]}{', ' if last == first + 1 else '–'}{names[last]}"


def _times(intervals: Sequence[tuple[str, str]], locale: Locale) -> str:
    return ", ".join(f"{_time(opens, locale)}–{_time(closes, locale)}" for opens, closes in intervals)


def _time(text: str, locale: Locale) -> str:
    seconds = clock_second(text) or 0
    at = time(seconds // 3600 % 24, seconds // 60 % 60)
    if locale.language == "en":
        return format_time(at, "short", locale=locale).replace("\u202f", " ")
    if text == "24:00":
        return text
    # Unicode's data writes Korean times with AM and PM in Latin letters, which nobody does.
    pattern = "short" if "a" not in locale.time_formats["short"].pattern else "HH:mm"
    return format_time(at, pattern, locale=locale)


def _zone(zone: str, locale: Locale) -> str:
    """The zone by its name, which holds in summer and winter; UTC and its like, which lie nowhere, as they are."""
    if "/" not in zone or zone.startswith("Etc/"):
        return zone
    return get_timezone_name(ZoneInfo(zone), width="long", zone_variant="generic", locale=locale)


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
