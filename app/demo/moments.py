"""When the messages of the demo were written, from what its files say.

-3d 4h 12m       so long before the desk is filled
-3d 4h open      so much opening time before that; a day of it is one opening day
+40m  +2h open   so long after the message before it
-9d 02:14        nine dates before, when the clock in the calendar's zone shows 02:14
-1w thu 02:14    Thursday of the on-call week before the present one, so that the right person was on call
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from rules.hours import Calendar, Segment, after, at_wall, clock_second, segments

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FURTHEST_FOR = timedelta(days=60)

_SPAN = re.compile(r"([+-])(?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m)?( open)?")
_DATE = re.compile(r"-(\d+)d (\d\d:\d\d)")
_WEEK = re.compile(r"-(\d+)w (mon|tue|wed|thu|fri|sat|sun) (\d\d:\d\d)")


@dataclass(frozen=True)
class Moments:
    """Reads offsets for a desk that is filled at `now` (aware). `weekday` (0 = Monday) and `time` ("HH:MM", in the
    calendar's zone) are the rota's hand-over."""

    calendar: Calendar
    weekday: int
    time: str
    now: datetime

    def of(self, offsets: Sequence[str]) -> tuple[datetime, ...]:
        """The UTC instants of one ticket's messages. Raises ValueError for an offset that cannot be read, for messages that
        are not in order, and for one that is not in the past."""
        found: list[datetime] = []
        for offset in offsets:
            found.append(self._instant(offset, found[-1] if found else None))
        if any(later <= earlier for earlier, later in pairwise([*found, self.now])):
            raise ValueError(f"not in order, or not in the past at {self.now.isoformat()}: {list(offsets)}")
        return tuple(found)

    @cached_property
    def rota_week(self) -> datetime:
        """The date, at midnight and without a zone, of the last hand-over."""
        local = self.now.astimezone(self._zone).replace(tzinfo=None)
        # On the hand-over day the old week lasts until the hand-over.
        since = local - timedelta(seconds=_second(self.time))
        return datetime.combine(
            since.date() - timedelta(days=(since.weekday() - self.weekday) % 7), datetime.min.time()
        )

    @cached_property
    def opened(self) -> tuple[Segment, ...]:
        """The opening hours of the last weeks, newest first."""
        found = segments(self.calendar, self.now - FURTHEST_FOR, self.now)
        return tuple(segment for segment in found if segment.is_open)[::-1]

    @cached_property
    def opening_day(self) -> int:
        """Opening seconds of one ordinary day that has any."""
        return self.calendar.week_seconds // sum(1 for pieces in self.calendar.days if pieces)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.calendar.zone)

    def _instant(self, offset: str, previous: datetime | None) -> datetime:
        if dated := _DATE.fullmatch(offset):
            day = self.now.astimezone(self._zone).date() - timedelta(days=int(dated[1]))
            return at_wall(self.calendar.zone, day, _second(dated[2]))
        if weekly := _WEEK.fullmatch(offset):
            behind = (WEEKDAYS.index(weekly[2]) - self.weekday) % 7 - 7 * int(weekly[1])
            return at_wall(
                self.calendar.zone, (self.rota_week + timedelta(days=behind)).date(), _second(weekly[3])
            )
        span = _SPAN.fullmatch(offset)
        if span is None or not any(span.group(2, 3, 4)):
            raise ValueError(f"not an offset: {offset!r}")
        in_hours = span[5] is not None
        seconds = self._seconds(span[2], span[3], span[4], day=self.opening_day if in_hours else 86_400)
        if span[1] == "-":
            return self._opening_time_ago(seconds) if in_hours else self._ago(seconds)
        if previous is None:
            raise ValueError(f"nothing comes before the first message: {offset!r}")
        return after(self.calendar, previous, seconds) if in_hours else previous + timedelta(seconds=seconds)

    @staticmethod
    def _seconds(days: str | None, hours: str | None, minutes: str | None, *, day: int) -> int:
        return int(days or 0) * day + int(hours or 0) * 3_600 + int(minutes or 0) * 60

    def _ago(self, seconds: int) -> datetime:
        return self.now.astimezone(UTC) - timedelta(seconds=seconds)

    def _opening_time_ago(self, seconds: int) -> datetime:
        """The latest instant from which `seconds` of opening time pass until now."""
        left = timedelta(seconds=seconds)
        for segment in self.opened:
            if (length := segment.ends_at - segment.starts_at) >= left:
                return segment.ends_at - left
            left -= length
        raise ValueError(f"fewer than {seconds} opening seconds in the last {FURTHEST_FOR.days} days")


def _second(time: str) -> int:
    seconds = clock_second(time)
    if seconds is None:
        raise ValueError(f"not a time: {time!r}")
    return seconds
