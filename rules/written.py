"""Opening hours, holidays and durations as people write them in a form, and back."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date

from rules.hours import CalendarError, clock_second
from rules.words import N_

MOST_INTERVALS = 12  # of one weekday
MOST_HOLIDAYS = 1000
LONGEST_HOLIDAY = 100
LONGEST_FOR = 2000 * 3600  # seconds of a target

_INTERVAL = re.compile(r"\s*([0-9:.]+)\s*[-–—~]\s*([0-9:.]+)\s*")
_TIME = re.compile(r"([0-9]{1,2})(?:[:.]([0-9]{2}))?")
_HOLIDAY = re.compile(r"([0-9]{4})[-./]([0-9]{1,2})[-./]([0-9]{1,2})\.?(?:[\s:,]+(\S.*))?")
_DURATION = re.compile(
    r"(?:(?P<hours>[0-9]{1,5})\s*(?:h|hrs?|hours?|시간))?\s*(?:(?P<minutes>[0-9]{1,6})\s*(?:m|mins?|minutes?|분))?"
)


def read_intervals(text: str) -> tuple[tuple[str, str], ...]:
    """The opening hours of one weekday: "9-12, 13:00-18:00" -> (("09:00", "12:00"), ("13:00", "18:00")), closed when
    empty. An end at or before its start lies on the next day. Raises CalendarError for a person to read."""
    pieces = [piece for piece in re.split(r"[,;\n]", _plain(text)) if piece.strip()]
    if len(pieces) > MOST_INTERVALS:
        raise CalendarError(
            N_("A day has at most %(most)s stretches of opening hours."), {"most": MOST_INTERVALS}
        )
    return tuple(_interval(piece) for piece in pieces)


def write_intervals(intervals: Sequence[Sequence[str]]) -> str:
    """What `read_intervals` reads."""
    return ", ".join(f"{start}-{end}" for start, end in intervals)


def read_holidays(text: str) -> dict[date, str]:
    """One holiday a line, "2026-12-25 Christmas" -> {date: name}. Raises CalendarError that names the line."""
    found: dict[date, str] = {}
    for number, line in enumerate(_plain(text).splitlines(), start=1):
        if not line.strip():
            continue
        day, name = _holiday(number, line.strip())
        if day in found:
            raise CalendarError(
                N_("Line %(line)s: %(date)s is there twice."), {"line": number, "date": day.isoformat()}
            )
        found[day] = name
    if len(found) > MOST_HOLIDAYS:
        raise CalendarError(N_("A calendar has at most %(most)s holidays."), {"most": MOST_HOLIDAYS})
    return found


def write_holidays(holidays: Mapping[date, str]) -> str:
    """What `read_holidays` reads, in the order of the dates."""
    return "\n".join(f"{day.isoformat()} {holidays[day]}".rstrip() for day in sorted(holidays))


def read_duration(text: str) -> int | None:
    """ "1h 30m" -> 5400 seconds; None when empty. Raises CalendarError for a person to read."""
    text = _plain(text).strip().lower()
    if not text:
        return None
    matched = _DURATION.fullmatch(text)
    if matched is None or not (matched["hours"] or matched["minutes"]):
        raise CalendarError(N_("Write hours and minutes, as 4h, 30m or 1h 30m."))
    seconds = int(matched["hours"] or 0) * 3600 + int(matched["minutes"] or 0) * 60
    if not 0 < seconds <= LONGEST_FOR:
        raise CalendarError(N_("Use at least 1m and at most %(most)sh."), {"most": LONGEST_FOR // 3600})
    return seconds


def write_duration(seconds: int | None) -> str:
    """What `read_duration` reads, to the minute."""
    hours, minutes = divmod((seconds or 0) // 60, 60)
    return " ".join([f"{hours}h"] * bool(hours) + [f"{minutes}m"] * bool(minutes))


def _plain(text: str) -> str:
    """Full-width digits, colons and tildes, as Korean and Japanese keyboards write them, become plain ones."""
    return unicodedata.normalize("NFKC", text)


def _interval(piece: str) -> tuple[str, str]:
    matched = _INTERVAL.fullmatch(piece)
    if matched is None:
        raise CalendarError(
            N_("%(stretch)s is not a stretch of time. Write it as 09:00-18:00, several with commas between."),
            {"stretch": piece.strip()[:50]},
        )
    start, end = _time(matched[1]), _time(matched[2])
    if start == "24:00":
        raise CalendarError(N_("24:00 can only end an interval. Start it at 00:00 of the next day."))
    return start, end


def _time(text: str) -> str:
    matched = _TIME.fullmatch(text)
    written = f"{int(matched[1]):02d}:{matched[2] or '00'}" if matched else ""
    if clock_second(written) is None:
        raise CalendarError(
            N_("%(time)s is not a time. Write it as 09:30, from 00:00 to 24:00."), {"time": text[:50]}
        )
    return written


def _holiday(number: int, line: str) -> tuple[date, str]:
    matched = _HOLIDAY.fullmatch(line)
    try:
        day = date(*(int(part) for part in matched.groups()[:3])) if matched else None
    except ValueError:
        day = None
    if matched is None or day is None:
        raise CalendarError(
            N_("Line %(line)s: write a date and a name, as 2026-12-25 Christmas."), {"line": number}
        )
    name = (matched[4] or "").strip()
    if not name:
        raise CalendarError(N_("Line %(line)s: write a name after the date."), {"line": number})
    return day, name[:LONGEST_HOLIDAY].rstrip()
