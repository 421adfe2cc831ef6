"""A deadline explains itself: the steps of rules.deadlines as sentences in the reader's language and zone."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from app.words import N_, gettext, locale
from rules.deadlines import Deadline, Step

KINDS = {
    "first_response": N_("First answer"),
    "next_response": N_("Next answer"),
    "resolution": N_("Solution"),
}
PAUSES = {
    "waiting": N_("waiting on the customer"),
    "resolved": N_("resolved"),
    "archived": N_("archived"),
    "closed": N_("closed"),
}
_DAYS = {-1: N_("yesterday"), 0: N_("today"), 1: N_("tomorrow")}


def sentences(deadline: Deadline, zone: str, now: datetime) -> list[str]:
    """The explanation, one sentence a step. Instants are said in `zone`, an IANA name."""
    reader = _Reader(ZoneInfo(zone), now)
    return [_said(step, reader) for step in deadline.explanation]


def span(seconds: int) -> str:
    """A length of time: "2 h 30 min". What is shorter than a minute is said in seconds."""
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if not hours and not minutes:
        return gettext(N_("%(n)s s"), n=seconds)
    if not hours:
        return gettext(N_("%(n)s min"), n=minutes)
    if not minutes:
        return gettext(N_("%(n)s h"), n=hours)
    return gettext(N_("%(h)s h %(n)s min"), h=hours, n=minutes)


def instant(at: datetime, zone: str, now: datetime) -> str:
    """An instant in words for a reader in `zone`: "tomorrow 09:00"."""
    return _Reader(ZoneInfo(zone), now).at(at)


def stretch(begins: datetime, ends: datetime, zone: str, now: datetime) -> str:
    """From one instant to another: "today 09:00–10:00"."""
    return _Reader(ZoneInfo(zone), now).between(begins, ends)


class _Reader:
    """How instants and dates are said to one reader at one moment."""

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self._zone = zone
        self._today = now.astimezone(zone).date()
        self._locale = _dated()

    def day(self, day: date) -> str:
        near = _DAYS.get((day - self._today).days)
        return gettext(near) if near else _weekday_and_date(day, self._locale)

    def date_of(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    def time(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%H:%M}"

    def at(self, at: datetime) -> str:
        return gettext(N_("%(day)s %(time)s"), day=self.day(self.date_of(at)), time=self.time(at))

    def between(self, a: datetime, b: datetime) -> str:
        """A stretch; the day is said once when it begins and ends on the same one, midnight included."""
        same_day = self.date_of(a) == self.date_of(b - timedelta(seconds=1))
        if not same_day:
            return f"{self.at(a)} – {self.at(b)}"
        until = "24:00" if self.date_of(b) != self.date_of(a) else self.time(b)
        return gettext(N_("%(day)s %(time)s"), day=self.day(self.date_of(a)), time=f"{self.time(a)}–{until}")


def day_name(day: date, *, weekday: bool = True) -> str:
    """As "Sun 22 Nov", or "22 Nov" where there is little room."""
    language = _dated()
    return _weekday_and_date(day, language) if weekday else format_skeleton("MMMd", day, locale=language)


def _dated() -> str:
    """The day before the month, in English too."""
    return "en_GB" if locale() == "en" else locale()


@lru_cache(maxsize=10_000)
def _weekday_and_date(day: date, language: str) -> str:
    """A page says the same few days again and again, and to put one into words takes long."""
    return format_skeleton("MMMEd", day, locale=language)


def _said(step: Step, reader: _Reader) -> str:
    length = span(step.seconds)
    match step.kind:
        case "target":
            return gettext(N_("Target: %(span)s of opening hours"), span=length)
        case "round_the_clock":
            return gettext(N_("Target: %(span)s, day and night, because it came out of hours"), span=length)
        case "worked":
            return gettext(N_("%(span)s: %(when)s"), span=length, when=_when(step, reader))
        case "stretch":
            first, last = step.day, (step.day or date.min) + timedelta(days=step.days - 1)
            when = f"{reader.day(first or last)} – {reader.day(last)}"
            return gettext(N_("%(span)s: %(when)s"), span=length, when=when)
        case "summary":
            return gettext(N_("%(span)s: %(when)s, told together"), span=length, when=_when(step, reader))
        case "holiday":
            return _holiday(step, reader)
        case "paused":
            return _paused(step, reader, length)
        case "left":
            return (
                gettext(N_("%(span)s were left"), span=length)
                if step.seconds
                else gettext(N_("Nothing was left"))
            )
        case "due" if step.until is not None:
            return gettext(N_("Due: %(when)s"), when=reader.at(step.until))
    raise ValueError(f"a step of an unknown kind: {step.kind}")


def _when(step: Step, reader: _Reader) -> str:
    if step.from_at is None or step.until is None:
        raise ValueError(f"a step {step.kind} without its instants")
    return reader.between(step.from_at, step.until)


def _holiday(step: Step, reader: _Reader) -> str:
    if step.day is None:
        raise ValueError("a holiday without its date")
    days = reader.day(step.day)
    if step.days > 1:
        days = f"{days} – {reader.day(step.day + timedelta(days=step.days - 1))}"
    return gettext(N_("Not counted: %(when)s, holiday (%(name)s)"), when=days, name=step.name)


def _paused(step: Step, reader: _Reader, length: str) -> str:
    reason = gettext(PAUSES.get(step.name, N_("paused")))
    if step.from_at is None:
        raise ValueError("a pause without its beginning")
    if step.until is None:
        return gettext(
            N_("Not counted since %(when)s: %(reason)s"), when=reader.at(step.from_at), reason=reason
        )
    when = reader.between(step.from_at, step.until)
    return gettext(N_("Not counted: %(span)s, %(when)s, %(reason)s"), span=length, when=when, reason=reason)
