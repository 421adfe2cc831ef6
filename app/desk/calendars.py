"""What is done with opening hours, under the lock of the desk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select

from app.database import db
from app.desk import access
from app.desk.events import record
from app.desk.refused import Refused
from app.models.calendar import Calendar, CalendarWindow
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.event import By
from app.models.policy import Policy
from app.words import N_
from rules import hours

LONGEST_NAME = 60
BACK_FOR, AHEAD_FOR = timedelta(days=3_653), timedelta(days=731)  # for which windows are kept


def add(desk: Desk, *, name: str, week: hours.Calendar, by: By, now: datetime) -> Calendar:
    """Adds a calendar, for channels with hours of their own."""
    access.demand(by, "edit_policies", None, now)
    calendar = Calendar(name=_name(name), hours=_checked(week))
    db.session.add(calendar)
    db.session.flush()
    keep_windows(calendar, now)
    record(desk, "calendar.added", ("calendar", calendar.id), by=by, now=now, new=calendar.name)
    return calendar


def change(
    desk: Desk, calendar_id: int, *, name: str, week: hours.Calendar, by: By, now: datetime
) -> Calendar:
    """Changes a calendar. Refused when a policy's targets would lie centuries ahead in it. Afterwards the caller has
    all tickets judged anew (sweeps.judge_anew)."""
    access.demand(by, "edit_policies", None, now)
    calendar = db.session.get(Calendar, calendar_id)
    if calendar is None:
        raise access.not_found()
    old: dict[str, Any] = {"name": calendar.name, "hours": calendar.hours}
    new: dict[str, Any] = {"name": _name(name), "hours": _checked(week)}
    for policy in _policies_over(calendar):
        refuse_unreachable(week, longest(policy.targets), now)
    changes = {field: [old[field], new[field]] for field in new if old[field] != new[field]}
    if changes:
        calendar.name, calendar.hours = new["name"], new["hours"]
        if "hours" in changes:
            keep_windows(calendar, now)
        record(desk, "calendar.changed", ("calendar", calendar.id), by=by, now=now, **changes)
    return calendar


def keep_windows(calendar: Calendar, now: datetime) -> bool:
    """Writes a calendar's opening hours as instants, so that queries can ask for them. False when it never opens."""
    week = hours.Calendar.from_json(calendar.hours)
    db.session.execute(delete(CalendarWindow).where(CalendarWindow.calendar_id == calendar.id))
    rows = [
        {"calendar_id": calendar.id, "opens_at": opens_at, "closes_at": closes_at}
        for opens_at, closes_at in hours.windows(week, now - BACK_FOR, now + AHEAD_FOR)
    ]
    if rows:
        db.session.execute(insert(CalendarWindow), rows)
    return bool(rows)


def running_out(now: datetime) -> Sequence[int]:
    """The calendars whose windows are known for less than half of AHEAD_FOR."""
    last = select(func.max(CalendarWindow.closes_at)).where(CalendarWindow.calendar_id == Calendar.id)
    known_for = func.coalesce(last.scalar_subquery(), now)
    return db.session.scalars(select(Calendar.id).where(known_for < now + AHEAD_FOR / 2)).all()


def refuse_unreachable(week: hours.Calendar, seconds: int, now: datetime) -> None:
    """Refused when so much working time is not found in this calendar within any desk's life."""
    try:
        hours.after(week, now, seconds)
    except hours.CalendarError as error:
        raise Refused(error.message, **error.values) from error


def longest(targets: dict[str, dict[str, int]]) -> int:
    """The longest target of a policy, in seconds."""
    return max((seconds for kinds in targets.values() for seconds in kinds.values()), default=0)


def _policies_over(calendar: Calendar) -> list[Policy]:
    """The policies whose targets may be counted in this calendar."""
    by_channel = db.session.scalar(select(Channel.id).where(Channel.calendar_id == calendar.id).limit(1))
    policies = db.session.scalars(select(Policy)).all()
    return [policy for policy in policies if by_channel is not None or policy.calendar_id == calendar.id]


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("Give the opening hours a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    return name


def _checked(week: hours.Calendar) -> dict[str, object]:
    if hours.find_zone(week.zone) is None:
        raise Refused(N_("There is no time zone named %(zone)s."), field="zone", zone=week.zone)
    try:
        week.validate()
    except hours.CalendarError as error:
        raise Refused(error.message, **error.values) from error
    return week.to_json()
