"""What is done with an SLA policy, under the lock of the desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.database import db
from app.desk import access, calendars
from app.desk.events import record
from app.desk.refused import Refused
from app.models.calendar import Calendar
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.event import By
from app.models.policy import Policy, policy_to_json
from app.models.ticket import PRIORITIES, PRIORITY_NAMES
from app.words import N_
from rules import deadlines, hours
from rules.written import LONGEST_FOR

KINDS = (deadlines.FIRST_RESPONSE, deadlines.NEXT_RESPONSE, deadlines.RESOLUTION)
LONGEST_NAME = 60
LEAST_WARNING, MOST_WARNING = 1, 99
AFTER_CHANGE_FOR = timedelta(minutes=15)


def change(
    desk: Desk,
    policy_id: int,
    *,
    name: str,
    calendar_id: int,
    targets: Mapping[str, Mapping[str, int]],
    warn_percent: int,
    round_the_clock: Mapping[str, int],
    by: By,
    now: datetime,
) -> Policy:
    """Changes a policy: `targets` is priority -> kind -> working seconds, `round_the_clock` priority -> seconds.

    A refusal names the field "<priority>_<kind>" or "<priority>_always". Afterwards the caller has all tickets judged
    anew (sweeps.judge_anew).
    """
    access.demand(by, "edit_policies", None, now)
    policy = db.session.get(Policy, policy_id)
    if policy is None:
        raise access.not_found()
    calendar = db.session.get(Calendar, calendar_id)
    if calendar is None:
        raise Refused(N_("That is not one of the choices."), field="calendar")
    if not LEAST_WARNING <= warn_percent <= MOST_WARNING:
        raise Refused(
            N_("Use %(least)s to %(most)s percent."),
            field="warn_percent",
            least=LEAST_WARNING,
            most=MOST_WARNING,
        )
    old = {"name": policy.name, "calendar_id": policy.calendar_id, **policy_to_json(policy)}
    new: dict[str, Any] = {
        "name": _name(name),
        "calendar_id": calendar_id,
        "targets": _targets(targets),
        "warn_percent": warn_percent,
        "round_the_clock": _always(round_the_clock),
    }
    for one in {calendar, *_calendars_of_channels()}:
        week = hours.Calendar.from_json(one.hours)
        calendars.refuse_unreachable(week, calendars.longest(new["targets"]), now)
    changes = {field: [old[field], new[field]] for field in new if old[field] != new[field]}
    if changes:
        for field, value in new.items():
            setattr(policy, field, value)
        policy.version += 1
        record(desk, "policy.changed", ("policy", policy.id), by=by, now=now, **changes)
    return policy


@dataclass(frozen=True)
class Example:
    """What a policy means for tickets that arrive at `arrives_at`: priority -> kind -> by when, most urgent first."""

    is_open: bool
    arrives_at: datetime
    due_at: Mapping[int, Mapping[str, datetime | None]]


def examples(policy: Policy, at: datetime) -> list[Example]:
    """One for a ticket that arrives in opening hours and one for out of them: now, and after the next change."""
    week = hours.Calendar.from_json(policy.calendar.hours)
    rules = deadlines.Policy(policy.targets, policy.warn_percent, policy.round_the_clock)
    is_open, change_at = hours.is_open(week, at), hours.next_change(week, at)
    arrivals = {is_open: at}
    if change_at is not None:
        arrivals[not is_open] = change_at + AFTER_CHANGE_FOR
    return [
        Example(
            is_open=is_open,
            arrives_at=arrivals[is_open],
            due_at={
                number: _due(rules, PRIORITY_NAMES[number], week, arrivals[is_open])
                for number in reversed(PRIORITIES)
            },
        )
        for is_open in (True, False)
        if is_open in arrivals
    ]


def _due(
    rules: deadlines.Policy, priority: str, week: hours.Calendar, arrives_at: datetime
) -> dict[str, datetime | None]:
    facts = deadlines.Facts(arrived_at=arrives_at, priority=priority)
    return {one.kind: one.due_at for one in deadlines.deadlines(facts, rules, week, arrives_at)}


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("A policy needs a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    return name


def _targets(targets: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    kept: dict[str, dict[str, int]] = {}
    for priority in PRIORITY_NAMES:
        kinds = {kind: seconds for kind in KINDS if (seconds := targets.get(priority, {}).get(kind))}
        for kind, seconds in kinds.items():
            _refuse_length(seconds, f"{priority}_{kind}")
        first, whole = kinds.get(deadlines.FIRST_RESPONSE), kinds.get(deadlines.RESOLUTION)
        if first and whole and whole < first:
            raise Refused(
                N_("A ticket cannot be resolved before it is answered."),
                field=f"{priority}_{deadlines.RESOLUTION}",
            )
        if kinds:
            kept[priority] = kinds
    return kept


def _always(round_the_clock: Mapping[str, int]) -> dict[str, int]:
    kept = {name: seconds for name in PRIORITY_NAMES if (seconds := round_the_clock.get(name))}
    for priority, seconds in kept.items():
        _refuse_length(seconds, f"{priority}_always")
    return kept


def _refuse_length(seconds: int, field: str) -> None:
    if not 60 <= seconds <= LONGEST_FOR:
        raise Refused(N_("Use at least 1m and at most %(most)sh."), field=field, most=LONGEST_FOR // 3600)


def _calendars_of_channels() -> Sequence[Calendar]:
    of_channels = select(Channel.calendar_id).where(Channel.calendar_id.is_not(None))
    return db.session.scalars(select(Calendar).where(Calendar.id.in_(of_channels))).all()
