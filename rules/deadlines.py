"""Deadlines: a pure function of what happened to a ticket, the policy, the calendar and now.

`deadlines` gives one Deadline for each target that concerns the ticket, each with the steps that explain it.
`next_deadline` picks the one to show, `look_again_at` says when the answer will be a different one.

The rules of the clock:
- First response and resolution count from arrival; next response counts from the first unanswered customer message.
- First response is never paused. Next response and resolution stand still while the ticket is waiting, resolved or
  archived, also in such a stretch that is still going on.
- What falls exactly on closing time is due at closing time.
- Closing an unanswered ticket ends its first response; reopening it resumes that one, and the resolution, from the same
  start. Nothing else is remembered: the same facts always give the same deadlines.
- A ticket opened by automatic mail has none.

Everything is exact to the second; fractions are cut off. What the facts report after `now` has not happened yet.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from rules.hours import Calendar, after, between, day_of, day_start, in_utc, is_open, segments

FIRST_RESPONSE = "first_response"
NEXT_RESPONSE = "next_response"
RESOLUTION = "resolution"

CLOSED_STATES = frozenset({"resolved", "archived"})
PAUSING_STATES = CLOSED_STATES | {"waiting"}

# An explanation is read by a person: longer ones are told by the week, and never in more steps than this.
MOST_STEPS = 12
DAYS_TOLD_SINGLY = 9
DAYS_TOLD_AT_EACH_END = 3


@dataclass(frozen=True)
class Facts:
    """What happened to one ticket. All instants are aware.

    `first_answered_at`: the first message a person sent to the customer; notes and automatic replies do not count.
    `waiting_since`: the first customer message that is still unanswered.
    `closed_at`: since when the ticket is resolved, archived or spam; None while it is open, also after reopening.
    `states`: (state of the column, since when), oldest first; before the first one the ticket is new.
    `automatic`: opened by automatic mail that no customer's own message has joined yet.
    """

    arrived_at: datetime
    priority: str
    first_answered_at: datetime | None = None
    waiting_since: datetime | None = None
    closed_at: datetime | None = None
    states: tuple[tuple[str, datetime], ...] = ()
    automatic: bool = False


@dataclass(frozen=True)
class Policy:
    """What is promised, in seconds.

    `targets`: priority -> kind of deadline -> working seconds; each is optional.
    `warn_percent`: the share of the target after which to warn, 0..100.
    `round_the_clock`: priority -> seconds of wall clock within which a ticket that arrived while the calendar was closed
    gets its first response; it stands in for that priority's first response target.
    """

    targets: Mapping[str, Mapping[str, int]]
    warn_percent: int = 75
    round_the_clock: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One piece of an explanation, as data, so that it can be said in any language. Seconds, UTC instants, local dates.

    kind                what it tells, and which values it carries
    target              `seconds` of working time, counted from `from_at`
    round_the_clock     `seconds` of wall clock instead, because it arrived at `from_at` out of hours
    worked              `seconds` counted on `day`, between `from_at` and `until`
    stretch             `seconds` counted on the `days` dates from `day`, told together because they are many
    holiday             `day` is the holiday `name`; `days` when it lasts longer
    paused              `seconds` of working time not counted from `from_at` to `until` (None: still paused);
                        `name` is the state of the column, or "closed" when a ticket in another column was closed
    summary             the middle of a long story: `seconds` counted between `from_at` and `until`
    left                `seconds` that are left while the clock stands still, or were left when it was met
    due                 the deadline: `until`

    The seconds of worked, stretch, summary and left add up to the target, except when the clock runs round the clock.
    """

    kind: str
    seconds: int = 0
    from_at: datetime | None = None
    until: datetime | None = None
    day: date | None = None
    days: int = 1
    name: str = ""


@dataclass(frozen=True)
class Deadline:
    """One target of one ticket, as it stands now.

    `state` is one of
      running              nobody has met it yet; `breached` once `due_at` has come
      paused               the clock stands still; `due_at` is None unless it had come before the pause (`breached`)
      met, missed          met at `met_at`, in time or too late
      closed_unanswered    first response only: the ticket was closed without an answer; `breached` if that was after `due_at`

    `due_at`: of a resolution that is met or missed, where it last stood; None when its clock never ran.
    `warn_at`: when the warning's share of the target was or will be used; None while that lies behind a pause.
    `warned`, `breached`: whether these instants have come (exactly then: yes) before it was met, closed or paused.
    `met_at` exactly at `due_at` is met.
    `target_for`, `left_for`: seconds of working time, or of wall clock when `around_the_clock`; `left_for` is what a
    paused one has left, None in any other state.
    """

    kind: str
    state: str
    due_at: datetime | None
    warn_at: datetime | None
    target_for: int
    left_for: int | None = None
    met_at: datetime | None = None
    warned: bool = False
    breached: bool = False
    around_the_clock: bool = False
    explanation: tuple[Step, ...] = ()


def deadlines(facts: Facts, policy: Policy, calendar: Calendar, now: datetime) -> tuple[Deadline, ...]:
    """The ticket's deadlines at `now`: first response, next response, resolution, as far as the policy has targets.

    A first response that was given stays, as met or missed. A next response is there while the customer waits for one.
    """
    now = _to_the_second(now)
    facts = _as_known_at(facts, now)
    if facts.automatic:
        return ()
    found = (
        _first_response(facts, policy, calendar, now),
        _next_response(facts, policy, calendar, now),
        _resolution(facts, policy, calendar, now),
    )
    return tuple(deadline for deadline in found if deadline is not None)


def next_deadline(found: Iterable[Deadline]) -> Deadline | None:
    """The running deadline that is due first, overdue ones included; None when no clock runs."""
    running = [
        (deadline.due_at, deadline) for deadline in found if deadline.state == "running" and deadline.due_at
    ]
    return min(running, key=lambda pair: pair[0])[1] if running else None


def look_again_at(found: Iterable[Deadline], now: datetime) -> datetime | None:
    """The next instant after `now` at which a running deadline warns or breaks; None when none is to come."""
    instants = [
        at for deadline in found if deadline.state == "running" for at in (deadline.warn_at, deadline.due_at)
    ]
    return min((at for at in instants if at is not None and at > now), default=None)


@dataclass(frozen=True)
class _Stretch:
    """A part of a ticket's life in which its clock runs or stands still; `until` None: it is still going on."""

    from_at: datetime
    until: datetime | None
    state: str
    runs: bool


def _first_response(facts: Facts, policy: Policy, calendar: Calendar, now: datetime) -> Deadline | None:
    target = _target(policy, facts, FIRST_RESPONSE)
    after_hours = policy.round_the_clock.get(facts.priority)
    around_the_clock = after_hours is not None and not is_open(calendar, facts.arrived_at)
    target = after_hours if around_the_clock else target
    if target is None:
        return None
    clock = replace(calendar, always=True) if around_the_clock else calendar
    due_at = after(clock, facts.arrived_at, target)
    warn_at = after(clock, facts.arrived_at, target * policy.warn_percent // 100)
    ended_at = facts.first_answered_at or facts.closed_at
    if facts.first_answered_at is not None:
        state = "met" if facts.first_answered_at <= due_at else "missed"
    else:
        state = "running" if facts.closed_at is None else "closed_unanswered"
    if around_the_clock:
        told: tuple[Step, ...] = (
            Step("round_the_clock", target, facts.arrived_at),
            Step("due", until=due_at),
        )
    else:
        told = _explained(calendar, [_Stretch(facts.arrived_at, None, "new", True)], target, now)
    return Deadline(
        kind=FIRST_RESPONSE,
        state=state,
        due_at=due_at,
        warn_at=warn_at,
        target_for=target,
        met_at=facts.first_answered_at,
        warned=_has_come(warn_at, ended_at, now),
        breached=_has_come(due_at, ended_at, now),
        around_the_clock=around_the_clock,
        explanation=told,
    )


def _next_response(facts: Facts, policy: Policy, calendar: Calendar, now: datetime) -> Deadline | None:
    target = _target(policy, facts, NEXT_RESPONSE)
    # Until the first answer it is the first response that is waited for.
    if target is None or facts.waiting_since is None or facts.first_answered_at is None:
        return None
    history = _history(facts, facts.waiting_since)
    return _pausing(NEXT_RESPONSE, target, history, policy, calendar, now)


def _resolution(facts: Facts, policy: Policy, calendar: Calendar, now: datetime) -> Deadline | None:
    target = _target(policy, facts, RESOLUTION)
    if target is None:
        return None
    history = _history(facts, facts.arrived_at)
    if facts.closed_at is None:
        return _pausing(RESOLUTION, target, history, policy, calendar, now)
    return _resolved(target, history, facts.closed_at, policy, calendar, now)


def _target(policy: Policy, facts: Facts, kind: str) -> int | None:
    return policy.targets.get(facts.priority, {}).get(kind)


def _pausing(
    kind: str, target: int, history: list[_Stretch], policy: Policy, calendar: Calendar, now: datetime
) -> Deadline:
    runs = history[-1].runs
    due_at = _reached(calendar, history, target)
    warn_at = _reached(calendar, history, target * policy.warn_percent // 100)
    return Deadline(
        kind=kind,
        state="running" if runs else "paused",
        due_at=due_at,
        warn_at=warn_at,
        target_for=target,
        left_for=None if runs else max(target - _used(calendar, history), 0),
        warned=warn_at is not None and warn_at <= now,
        breached=due_at is not None and due_at <= now,
        explanation=_explained(calendar, history, target, now),
    )


def _resolved(
    target: int,
    history: list[_Stretch],
    closed_at: datetime,
    policy: Policy,
    calendar: Calendar,
    now: datetime,
) -> Deadline:
    lived = [stretch for stretch in history if stretch.from_at < closed_at]
    missed_at = _reached(calendar, lived, target)
    warn_at = _reached(calendar, lived, target * policy.warn_percent // 100)
    return Deadline(
        kind=RESOLUTION,
        state="met" if missed_at is None else "missed",
        due_at=missed_at or _last_stood_at(calendar, lived, target),
        warn_at=warn_at,
        target_for=target,
        met_at=closed_at,
        warned=warn_at is not None,
        breached=missed_at is not None,
        explanation=_explained(calendar, lived, target, now),
    )


def _has_come(instant: datetime, ended_at: datetime | None, now: datetime) -> bool:
    return instant <= now if ended_at is None else instant < ended_at


def _history(facts: Facts, start: datetime) -> list[_Stretch]:
    """The stretches since `start`, in order and without a hole; the last one is open."""
    turns: list[tuple[datetime, str]] = [(start, "new")]
    for state, since in facts.states:
        at = max(since, turns[-1][0])
        if at == turns[-1][0]:
            turns.pop()
        if not turns or turns[-1][1] != state:
            turns.append((at, state))
    if facts.closed_at is not None and turns[-1][1] not in PAUSING_STATES:
        at = max(facts.closed_at, turns[-1][0])
        turns.append((at, "closed"))
    ends = [*(at for at, _ in turns[1:]), None]
    stretches = [
        _Stretch(at, until, state, state not in PAUSING_STATES and state != "closed")
        for (at, state), until in zip(turns, ends, strict=True)
    ]
    return list(_without_seams(stretches))


def _without_seams(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """A ticket that goes from new to open does not stop its clock: what runs on is one stretch."""
    held: _Stretch | None = None
    for stretch in stretches:
        if held is not None and held.runs and stretch.runs:
            held = replace(held, until=stretch.until)
            continue
        if held is not None:
            yield held
        held = stretch
    if held is not None:
        yield held


def _reached(calendar: Calendar, history: Iterable[_Stretch], seconds: int) -> datetime | None:
    """When the running stretches have used up `seconds`; None when a pause came first, even in the very same second."""
    for stretch in history:
        if not stretch.runs:
            continue
        at = after(calendar, stretch.from_at, seconds)
        if stretch.until is None or at < stretch.until:
            return at
        seconds -= between(calendar, stretch.from_at, stretch.until)
    return None


def _used(calendar: Calendar, history: Iterable[_Stretch]) -> int:
    """Working seconds of the running stretches that have ended."""
    return sum(between(calendar, s.from_at, s.until) for s in history if s.runs and s.until is not None)


def _last_stood_at(calendar: Calendar, history: list[_Stretch], target: int) -> datetime | None:
    running = [stretch for stretch in history if stretch.runs]
    if not running:
        return None
    return after(calendar, running[-1].from_at, target - _used(calendar, running[:-1]))


def _explained(calendar: Calendar, history: list[_Stretch], target: int, now: datetime) -> tuple[Step, ...]:
    steps = [Step("target", target, history[0].from_at if history else None)]
    left = target
    for stretch in history:
        if not stretch.runs:
            lost = between(calendar, stretch.from_at, stretch.until or now)
            # A pause in the middle of the night has cost nothing and is not told, unless it is why nothing moves.
            if lost or stretch.until is None:
                steps.append(Step("paused", lost, stretch.from_at, stretch.until, name=stretch.state))
            continue
        due_at = after(calendar, stretch.from_at, left)
        if stretch.until is None or due_at < stretch.until:
            _tell(steps, _days(calendar, stretch.from_at, due_at))
            steps.append(Step("due", until=due_at))
            return _shortened(steps)
        _tell(steps, _days(calendar, stretch.from_at, stretch.until))
        left -= between(calendar, stretch.from_at, stretch.until)
    steps.append(Step("left", left))
    return _shortened(steps)


def _days(calendar: Calendar, a: datetime, b: datetime) -> Iterator[Step]:
    """What each local date from `a` to `b` contributed; of many dates the middle ones together."""
    first, last = day_of(calendar.zone, a), day_of(calendar.zone, b)
    if (last - first).days < DAYS_TOLD_SINGLY:
        yield from _single_days(calendar, a, b)
        return
    middle = first + timedelta(days=DAYS_TOLD_AT_EACH_END)
    tail = last - timedelta(days=DAYS_TOLD_AT_EACH_END - 1)
    middle_at, tail_at = day_start(calendar.zone, middle), day_start(calendar.zone, tail)
    yield from _single_days(calendar, a, middle_at)
    worked = between(calendar, middle_at, tail_at)
    yield Step("stretch", worked, middle_at, tail_at, middle, (tail - middle).days)
    yield from _single_days(calendar, tail_at, b)


def _single_days(calendar: Calendar, a: datetime, b: datetime) -> Iterator[Step]:
    for segment in segments(calendar, a, b):
        if segment.is_open:
            seconds = (segment.ends_at - segment.starts_at) // timedelta(seconds=1)
            yield Step("worked", seconds, segment.starts_at, segment.ends_at, segment.day)
        elif segment.holiday is not None:
            yield Step("holiday", 0, segment.starts_at, segment.ends_at, segment.day, name=segment.holiday)


def _tell(steps: list[Step], told: Iterable[Step]) -> None:
    """Append, joining the morning to the afternoon of a date and the days of one holiday."""
    for step in told:
        last = steps[-1]
        if step.kind == last.kind == "worked" and step.day == last.day:
            steps[-1] = replace(last, seconds=last.seconds + step.seconds, until=step.until)
        elif step.kind == last.kind == "holiday" and step.name == last.name and _adjoins(last, step):
            steps[-1] = replace(last, until=step.until, days=_days_from(last.day, step.day))
        else:
            steps.append(step)


def _adjoins(last: Step, step: Step) -> bool:
    return _days_from(last.day, step.day) - last.days in (0, 1)


def _days_from(first: date | None, last: date | None) -> int:
    """How many dates `first`..`last` are, both counted."""
    return (last - first).days + 1 if first is not None and last is not None else 0


def _shortened(steps: list[Step]) -> tuple[Step, ...]:
    """At most MOST_STEPS steps: of a story with many turns the middle is summed up, beginning and end stay."""
    if len(steps) <= MOST_STEPS:
        return tuple(steps)
    head = MOST_STEPS // 2 - 1
    tail = len(steps) - (MOST_STEPS - head - 1)
    middle = steps[head:tail]
    counted = sum(step.seconds for step in middle if step.kind in ("worked", "stretch"))
    summary = Step("summary", counted, middle[0].from_at, middle[-1].until)
    return (*steps[:head], summary, *steps[tail:])


def _as_known_at(facts: Facts, now: datetime) -> Facts:
    """The facts to the second, without what happened after `now`, and closed when the states alone say so."""

    def known(instant: datetime | None) -> datetime | None:
        instant = None if instant is None else _to_the_second(instant)
        return instant if instant is not None and instant <= now else None

    timed = [(state, _to_the_second(since)) for state, since in facts.states]
    states = tuple((state, since) for state, since in timed if since <= now)
    return replace(
        facts,
        arrived_at=_to_the_second(facts.arrived_at),
        first_answered_at=known(facts.first_answered_at),
        waiting_since=known(facts.waiting_since),
        closed_at=known(facts.closed_at) or _closed_since(states),
        states=states,
    )


def _closed_since(states: tuple[tuple[str, datetime], ...]) -> datetime | None:
    closed_at = None
    for state, since in states:
        closed_at = (closed_at or since) if state in CLOSED_STATES else None
    return closed_at


def _to_the_second(instant: datetime) -> datetime:
    return in_utc(instant).replace(microsecond=0)
