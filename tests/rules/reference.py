"""The query language read a second time, slowly and in plain Python: what the compiled conditions are held against.

It shares nothing with rules.compile. What cannot be told (a term that names what is gone, a past that is not
remembered) is neither true nor false but None, and a query holds only when it is true.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rules.query import And, Not, Or, Query, Term, Words

PRIORITIES = ["low", "normal", "high", "urgent"]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Facts:
    """All that a query can ask about one ticket. Ids are numbers, instants aware."""

    subject: str
    created_at: datetime
    updated_at: datetime
    state_since: datetime
    texts: tuple[str, ...] = ()  # of the customer's messages
    addresses: tuple[str, ...] = ()
    channel_kind: str = "email"
    channel: int = 1
    language: str | None = None
    mood: int | None = None
    tags: frozenset[int] = frozenset()
    state: str = "open"
    assignee: int | None = None
    on_call: int | None = None
    team: int | None = None
    board: int = 1
    vip: bool = False
    customer: str = ""
    company: int | None = None
    priority: int = 1
    closed_at: datetime | None = None
    waiting_since: datetime | None = None
    due_at: datetime | None = None
    snoozed_until: datetime | None = None
    wrote_at: datetime | None = None
    automatic: bool = False
    unread: bool = False
    messages: int = 0
    reopened: int = 0
    last_speaker: str = "customer"
    files: tuple[tuple[str, str], ...] = ()  # name, type
    alerts: tuple[tuple[str, str], ...] = ()  # state, level


@dataclass(frozen=True)
class World:
    """Who asks, when and where, what there is, and when calendars are open."""

    now: datetime
    me: int | None = None
    zone: str = "UTC"
    there: Mapping[str, frozenset[int]] = field(default_factory=dict)
    open_at: Callable[[int, datetime], bool] = lambda _calendar, _at: False
    untold: frozenset[str] = frozenset()  # fields, and words of `is`, that nothing is remembered of


def holds(tree: Query, facts: Facts, world: World) -> bool:
    return _truth(tree, facts, world) is True


def _truth(tree: Query, facts: Facts, world: World) -> bool | None:
    match tree:
        case And(parts):
            found = [_truth(part, facts, world) for part in parts]
            return False if False in found else None if None in found else True
        case Or(parts):
            found = [_truth(part, facts, world) for part in parts]
            return True if True in found else None if None in found else False
        case Not(part):
            inner = _truth(part, facts, world)
            return None if inner is None else not inner
        case Words(text):
            return any(_contains(where, text) for where in (facts.subject, *facts.texts))
        case Term(name, operator, values):
            found = [_fits(name, operator, value, facts, world) for value in values]
            return True if True in found else None if None in found else False


def _fits(name: str, operator: str, value: Any, facts: Facts, world: World) -> bool | None:
    if (value if name == "is" else name) in world.untold:
        return None
    if name in world.there and isinstance(value, int) and value not in world.there[name]:
        return None
    if name in _TEXTS:
        return _TEXTS[name](facts, str(value))
    if name in _IDS:
        return _ids(_IDS[name](facts), value, facts, world)
    if name in _NUMBERS:
        return _compare(
            operator, _NUMBERS[name](facts), PRIORITIES.index(value) if name == "priority" else value
        )
    if name in _INSTANTS:
        return _instant(name, operator, value, _INSTANTS[name](facts), world)
    match name:
        case "channel":
            return facts.channel_kind == value or facts.channel == value
        case "lang":
            return facts.language == (None if value == "none" else value)
        case "mood":
            return _mood(operator, value, facts.mood)
        case "last":
            return facts.last_speaker == value
        case "alert":
            standing = [alert for alert in facts.alerts if alert[0] != "closed"]
            return not standing if value == "none" else any(value in ("any", *alert) for alert in standing)
        case "during":
            return facts.wrote_at is not None and world.open_at(value, facts.wrote_at)
        case "is":
            return _is(value, facts, world)
    raise AssertionError(f"{name} is a field that nobody has read a second time")


def _mood(operator: str, value: Any, mood: int | None) -> bool:
    if mood is None or value == "none":
        return mood is None and value == "none"
    if isinstance(value, int):
        return _compare(operator, mood, value)
    named = {
        "angry": mood <= -50,
        "unhappy": -50 < mood <= -20,
        "neutral": abs(mood) < 20,
        "pleased": mood >= 20,
    }
    return named[value]


def _is(value: str, facts: Facts, world: World) -> bool:
    return {
        "unresolved": facts.state in ("new", "open", "waiting"),
        "unassigned": facts.assignee is None,
        "automatic": facts.automatic,
        "unread": facts.unread,
        "snoozed": facts.snoozed_until is not None,
        "late": facts.due_at is not None and facts.due_at <= world.now,
    }.get(value, facts.state == value)


def _ids(had: frozenset[int], value: Any, facts: Facts, world: World) -> bool:
    if value == "none":
        return not had
    wanted = {"me": world.me, "oncall": facts.on_call}.get(value, value) if isinstance(value, str) else value
    return wanted in had


def _one(value: int | None) -> frozenset[int]:
    return frozenset() if value is None else frozenset({value})


def _plain(text: str) -> str:
    """Case, width and kind of blank do not count, nor how many blanks there are."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    blanks = "".join(" " if sign.isspace() else sign for sign in folded)
    while "  " in blanks:
        blanks = blanks.replace("  ", " ")
    return blanks


def _contains(where: str, what: str) -> bool:
    return _plain(what) in _plain(where)


def _from(facts: Facts, text: str) -> bool:
    if text.startswith("@"):
        return any(address.endswith(_plain(text)) for address in facts.addresses)
    return any(_contains(address, text) for address in facts.addresses)


def _file(facts: Facts, text: str) -> bool:
    if text in ("any", "none"):
        return bool(facts.files) is (text == "any")
    return any(_contains(part, text) for file in facts.files for part in file)


_TEXTS: Mapping[str, Callable[[Facts, str], bool]] = {
    "subject": lambda facts, text: _contains(facts.subject, text),
    "body": lambda facts, text: any(_contains(one, text) for one in facts.texts),
    "from": _from,
    "customer": lambda facts, text: facts.vip if text == "vip" else _contains(facts.customer, text),
    "attachment": _file,
}
_IDS: Mapping[str, Callable[[Facts], frozenset[int]]] = {
    "tag": lambda facts: facts.tags,
    "assignee": lambda facts: _one(facts.assignee),
    "team": lambda facts: _one(facts.team),
    "board": lambda facts: _one(facts.board),
    "company": lambda facts: _one(facts.company),
}
_NUMBERS: Mapping[str, Callable[[Facts], int]] = {
    "priority": lambda facts: facts.priority,
    "messages": lambda facts: facts.messages,
    "reopened": lambda facts: facts.reopened,
}
_INSTANTS: Mapping[str, Callable[[Facts], datetime | None]] = {
    "waiting": lambda facts: facts.waiting_since,
    "since": lambda facts: facts.state_since,
    "age": lambda facts: facts.created_at,
    "created": lambda facts: facts.created_at,
    "updated": lambda facts: facts.updated_at,
    "closed": lambda facts: facts.closed_at,
    "due": lambda facts: facts.due_at,
    "snoozed": lambda facts: facts.snoozed_until,
}


def _instant(name: str, operator: str, value: Any, fact: datetime | None, world: World) -> bool:
    if value == "none":
        return fact is None
    if fact is None:
        return False
    if isinstance(value, int):
        length = fact - world.now if name in ("due", "snoozed") else world.now - fact
        return _compare(operator, length, timedelta(seconds=value))
    zone = ZoneInfo(world.zone)
    day, (first, last) = fact.astimezone(zone).date(), _span(value, world.now.astimezone(zone).date())
    return {
        ":": first <= day <= last,
        ">": day > last,
        ">=": day >= first,
        "<": day < first,
        "<=": day <= last,
    }[operator]


def _span(text: str, today: date) -> tuple[date, date]:
    """The first and the last day."""
    words = text.split()
    if len(words) == 3:
        more = (int(words[1]) - 1) * DAY
        return (today - more, today) if words[0] == "last" else (today, today + more)
    shift = {"yesterday": -1, "tomorrow": 1, "last": -1, "next": 1}.get(words[0], 0)
    if words[-1] == "week":
        monday = today - today.weekday() * DAY + shift * 7 * DAY
        return monday, monday + 6 * DAY
    if words[-1] == "month":
        first = today.replace(day=1)
        if shift:
            first = (first - DAY if shift < 0 else first + 32 * DAY).replace(day=1)
        return first, (first + 32 * DAY).replace(day=1) - DAY
    if text in ("today", "yesterday", "tomorrow"):
        return today + shift * DAY, today + shift * DAY
    begins, _, ends = text.partition("..")
    return _written(begins)[0], _written(ends or begins)[1]


def _written(text: str) -> tuple[date, date]:
    if len(text) == 10:
        return date.fromisoformat(text), date.fromisoformat(text)
    first = date.fromisoformat(text + "-01")
    return first, (first + 32 * DAY).replace(day=1) - DAY


def _compare(operator: str, left: Any, right: Any) -> bool:
    return {
        ":": left == right,
        ">": left > right,
        ">=": left >= right,
        "<": left < right,
        "<=": left <= right,
    }[operator]
