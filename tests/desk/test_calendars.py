"""Opening hours are kept as instants too: with each change, and further ahead as time goes by."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select

from app import sweeps
from app.database import db, writing
from app.desk import calendars
from app.desk import rules as desk_rules
from app.models.calendar import CalendarWindow
from app.models.event import OPERATOR
from app.models.ticket import Ticket
from rules import hours
from tests.small import SmallDesk
from tests.stories import ticket_in

DAY = timedelta(days=1)
ALWAYS = hours.Calendar("UTC", always=True)
NIGHTS = hours.Calendar("Asia/Seoul", dict.fromkeys(range(7), (("22:00", "24:00"), ("00:00", "06:00"))))


def windows(calendar_id: int) -> list[tuple[datetime, datetime]]:
    rows = db.session.execute(
        select(CalendarWindow.opens_at, CalendarWindow.closes_at)
        .where(CalendarWindow.calendar_id == calendar_id)
        .order_by(CalendarWindow.opens_at)
    ).all()
    db.session.rollback()
    return [(opens_at, closes_at) for opens_at, closes_at in rows]


def test_windows_follow_the_hours(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        calendar = calendars.add(row, name="Nights", week=NIGHTS, by=OPERATOR, now=now)
    kept = windows(calendar.id)
    assert len(kept) > 12 * 365
    assert all(closes_at < following for (_, closes_at), (following, _) in pairwise(kept))
    assert (datetime(2026, 11, 2, 13, tzinfo=UTC), datetime(2026, 11, 2, 21, tzinfo=UTC)) in kept
    for opens_at, closes_at in kept[::500]:
        assert hours.is_open(NIGHTS, opens_at)
        assert not hours.is_open(NIGHTS, closes_at)
    with writing(desk.row) as row:
        calendars.change(row, calendar.id, name="Nights", week=ALWAYS, by=OPERATOR, now=now)
    assert len(windows(calendar.id)) == 1


def test_windows_are_written_further_ahead(desk: SmallDesk, now: datetime) -> None:
    """Set-up writes the first ones; the sweep goes on with them a year before they end."""
    first = windows(1)
    assert first[0][0] < now - 3_600 * DAY
    assert first[-1][1] > now + 720 * DAY
    assert sweeps.tidy(now)["calendars"] == 0
    assert sweeps.tidy(now + 400 * DAY)["calendars"] == 1
    assert windows(1)[-1][1] > now + 1_100 * DAY
    assert sweeps.tidy(now + 400 * DAY)["calendars"] == 0


def test_a_rule_sees_the_deadline_of_the_same_look(
    desk: SmallDesk, now: datetime, travel: Callable[..., Any]
) -> None:
    """Deadlines are known only after the rules have been asked; then those that ask for deadlines are asked again."""
    with writing(desk.row) as row:
        for name, text in (("Soon", "due<2d"), ("Late", "is:late"), ("Told", "alert:breach")):
            rule = desk_rules.save(
                row,
                None,
                name=name,
                text=text,
                then=[{"kind": "add_tag", "tag": name.lower()}],
                by=OPERATOR,
                now=now,
            )
            desk_rules.switch(row, rule, True, by=OPERATOR, now=now)
    ticket = ticket_in(desk, "new", "Lamp", now, priority=3)

    def tags(at: datetime) -> set[str]:
        sweeps.wake_tickets(at)
        db.session.rollback()
        return {tag.name for tag in db.session.get_one(Ticket, ticket.id, populate_existing=True).tags}

    assert tags(now) == {"soon"}
    due_at = db.session.get_one(Ticket, ticket.id).next_deadline_at
    assert due_at is not None
    assert tags(due_at - timedelta(seconds=1)) == {"soon"}
    assert tags(due_at) == {"soon", "late", "told"}
    assert db.session.scalar(select(func.count()).select_from(CalendarWindow))
    db.session.rollback()
