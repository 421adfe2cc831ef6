"""The on-call rota: who is planned for which stretch, from the versions of the rota.

`generate` is the one generator: the preview shows its shifts, publishing writes exactly those, and `digest` proves
that they are the same. `who` is the one resolver, `compare` tells who gains and who loses by an edit.

A **turn** is the time one person carries the rota: `weeks_per_turn` weeks from hand-over to hand-over, by the wall clock of
the version's zone, so a week in which the clocks change lasts 167 or 169 hours. Turn 0 is the one in which the version
takes effect: it is counted from the clock's last hand-over before that, but begins with the version. Turn n belongs to people[n % len], the
backup is the next person in that order. Instants that come in are aware, those that go out are UTC; stretches are half-open.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from rules.hours import DAY, at_wall, clock_second, find_zone, in_utc
from rules.words import N_

PRIMARY = "primary"
BACKUP = "backup"


class RotaError(ValueError):
    """A version that cannot be used. `message` is an English format string, `values` fills it: `message % values`."""

    def __init__(self, message: str, values: Mapping[str, Any] | None = None) -> None:
        self.message = message
        self.values = dict(values or {})
        super().__init__(message % self.values)


@dataclass(frozen=True)
class Version:
    """A rota from `effective_at` until the next version. `weekday`: 0 = Monday; `time`: "HH:MM" on the wall in `zone`.

    `people`: person ids in the order of their turns; nobody at all leaves a gap. `roles`: the first is for the person
    whose turn it is, the second for the next one in the order, and so on.
    """

    effective_at: datetime
    zone: str
    weekday: int
    time: str
    people: tuple[int, ...]
    weeks_per_turn: int = 1
    roles: tuple[str, ...] = (PRIMARY, BACKUP)

    def validate(self) -> None:
        """Raises RotaError for an unknown zone, weekday or time, for turns shorter than a week and for double entries."""
        if find_zone(self.zone) is None:
            raise RotaError(N_("There is no time zone named %(zone)s."), {"zone": self.zone})
        if self.weekday not in range(7):
            raise RotaError(N_("%(day)s is not a weekday. Monday is 0, Sunday is 6."), {"day": self.weekday})
        if clock_second(self.time) in (None, DAY):
            raise RotaError(
                N_("%(time)s is not a time. Write it as 09:30, from 00:00 to 23:59."), {"time": self.time}
            )
        if self.weeks_per_turn < 1:
            raise RotaError(N_("A turn lasts at least one week."))
        if len(set(self.people)) < len(self.people):
            raise RotaError(N_("A person can stand in the order only once."))
        if not self.roles or len(set(self.roles)) < len(self.roles):
            raise RotaError(N_("A rota needs at least one role, and each only once."))


@dataclass(frozen=True)
class Reason:
    """Why a person has a shift: person number `place` (from 1) of `of` in the order, in turn number `turn` (from 0).

    `kind` is "turn" for the one whose turn it is and "next_in_turn" for those who stand behind.
    """

    kind: str
    turn: int
    place: int
    of: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Shift(Protocol):
    """What a published row and a planned shift have in common. Instants are aware; the stretch is half-open."""

    @property
    def role(self) -> str: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def person_id(self) -> int: ...


@dataclass(frozen=True)
class PlannedShift:
    """A stretch of one role for one person."""

    role: str
    starts_at: datetime
    ends_at: datetime
    person_id: int
    reason: Reason


@dataclass(frozen=True)
class Change:
    """What an edit means for one person.

    `gains`: new shifts more than half of which the person did not have in that role; `loses`: old shifts more than half of
    which are gone. So moving the hand-over by an hour gives nobody a new week; `gained_for` and `lost_for` count it
    all, in seconds. `had` and `has`: number of shifts before and after.
    """

    person_id: int
    gains: tuple[Shift, ...]
    loses: tuple[Shift, ...]
    gained_for: int
    lost_for: int
    had: int
    has: int


def handovers(version: Version, from_: datetime, until: datetime) -> tuple[datetime, ...]:
    """The hand-over instants in [from_, until) from `effective_at` on, which is one of them only if it is one by the clock.

    A time that spring skips is the first instant after the gap, one that autumn repeats its first occurrence.
    """
    from_ = max(in_utc(from_), in_utc(version.effective_at))
    until = in_utc(until)
    found = []
    for _, starts_at in _turns_from(version, from_):
        if starts_at >= until:
            break
        if starts_at >= from_:
            found.append(starts_at)
    return tuple(found)


def generate(versions: Iterable[Version], from_: datetime, until: datetime) -> tuple[PlannedShift, ...]:
    """The shifts of all roles that cover [from_, until), in order of time and role.

    The first and the last are cut at the edges. Each version is in force until the next one's `effective_at`; of two with
    the same one the later given wins. Before the first version, and where a version has no people, there is a gap; a role
    that finds no further person (a backup, with one person) has no shift.
    """
    from_, until = in_utc(from_), in_utc(until)
    ordered = sorted(versions, key=lambda version: in_utc(version.effective_at))
    shifts: list[PlannedShift] = []
    ends = [*(in_utc(version.effective_at) for version in ordered[1:]), until]
    for version, ends_at in zip(ordered, ends, strict=False):
        starts_at = max(from_, in_utc(version.effective_at))
        shifts.extend(_shifts_of(version, starts_at, min(until, ends_at)))
    return tuple(shifts)


def who(shifts: Iterable[Shift], role: str, at: datetime) -> int | None:
    """The person on call in that role at that instant, or None. Where shifts overlap, the one that began last."""
    at = in_utc(at)
    present = [shift for shift in shifts if shift.role == role and shift.starts_at <= at < shift.ends_at]
    return max(present, key=lambda shift: shift.starts_at).person_id if present else None


def compare(old: Iterable[Shift], new: Iterable[Shift]) -> tuple[Change, ...]:
    """Who gains and who loses when `new` takes the place of `old`, by person id; people for whom nothing changes are left out.

    Both should cover the same time: what lies only in one of them counts as gained or lost.
    """
    before, after = list(old), list(new)
    changes = []
    for person_id in sorted({shift.person_id for shift in (*before, *after)}):
        had = [shift for shift in before if shift.person_id == person_id]
        has = [shift for shift in after if shift.person_id == person_id]
        gained = [(shift, _not_in(shift, had)) for shift in has]
        lost = [(shift, _not_in(shift, has)) for shift in had]
        change = Change(
            person_id=person_id,
            gains=tuple(shift for shift, part in gained if part * 2 > _length(shift)),
            loses=tuple(shift for shift, part in lost if part * 2 > _length(shift)),
            gained_for=_seconds(part for _, part in gained),
            lost_for=_seconds(part for _, part in lost),
            had=len(had),
            has=len(has),
        )
        if change.gained_for or change.lost_for:
            changes.append(change)
    return tuple(changes)


def digest(shifts: Iterable[Shift]) -> str:
    """A sha256 in hex of who has which role when. The order of the shifts, their zones and reasons do not matter."""
    rows = sorted(
        [in_utc(shift.starts_at).isoformat(), in_utc(shift.ends_at).isoformat(), shift.role, shift.person_id]
        for shift in shifts
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _shifts_of(version: Version, starts_at: datetime, ends_at: datetime) -> Iterator[PlannedShift]:
    if starts_at >= ends_at:
        return
    for (turn, turn_at), (_, next_at) in pairwise(_turns_from(version, starts_at)):
        if turn_at >= ends_at:
            return
        starts, ends = max(turn_at, starts_at), min(next_at, ends_at)
        many = len(version.people)
        for behind, role in enumerate(version.roles[:many]):
            place = (turn + behind) % many
            reason = Reason("next_in_turn" if behind else "turn", turn, place + 1, many)
            yield PlannedShift(role, starts, ends, version.people[place], reason)


def _turns_from(version: Version, instant: datetime) -> Iterator[tuple[int, datetime]]:
    """The turns and the hand-overs they begin with, without end, from the one that holds the instant (or an earlier one)."""
    anchor = _handover_day(version, in_utc(version.effective_at))
    length = timedelta(weeks=version.weeks_per_turn)
    turn = (_handover_day(version, instant) - anchor) // length
    while True:
        yield turn, _handover_on(version, anchor + turn * length)
        turn += 1


def _handover_day(version: Version, instant: datetime) -> date:
    """The local date of the last weekly hand-over at or before the instant."""
    today = instant.astimezone(ZoneInfo(version.zone)).date()
    # A day ahead: clocks that go back across midnight can show the old date again after the new one's hand-over.
    tomorrow = today + timedelta(days=1)
    day = tomorrow - timedelta(days=(tomorrow.weekday() - version.weekday) % 7)
    while _handover_on(version, day) > instant:
        day -= timedelta(days=7)
    return day


def _handover_on(version: Version, day: date) -> datetime:
    second = clock_second(version.time)
    if second is None:
        raise RotaError(
            N_("%(time)s is not a time. Write it as 09:30, from 00:00 to 23:59."), {"time": version.time}
        )
    return at_wall(version.zone, day, second)


def _not_in(shift: Shift, others: Iterable[Shift]) -> timedelta:
    """How much of the shift none of the others covers in its role."""
    missing, at, ends_at = _length(shift), in_utc(shift.starts_at), in_utc(shift.ends_at)
    for other in sorted(others, key=lambda other: other.starts_at):
        begins, ends = max(in_utc(other.starts_at), at), min(in_utc(other.ends_at), ends_at)
        if other.role == shift.role and begins < ends:
            missing -= ends - begins
            at = ends
    return missing


def _length(shift: Shift) -> timedelta:
    return in_utc(shift.ends_at) - in_utc(shift.starts_at)


def _seconds(parts: Iterable[timedelta]) -> int:
    return sum(parts, timedelta()) // timedelta(seconds=1)
