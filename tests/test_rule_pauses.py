"""The hourly cap of a rule: it pauses by itself, managers are told, and one of them lets it go on."""

from datetime import datetime, timedelta

from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import rule_pauses, rules
from app.models.event import By, Event
from app.models.notification import Notification
from app.models.rule import Rule
from app.models.ticket import Ticket
from tests.duty import told
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_rule_firings import add_rule, fresh

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LAMP = {"kind": "add_tag", "tag": "lamp"}


def limited(desk: SmallDesk, now: datetime, most: int) -> Rule:
    rule = add_rule(desk, "lamp", now, LAMP, name="Lamps")
    with writing(desk.row):
        rule.hourly_cap = most
    return rule


def tagged(*found: Ticket) -> list[bool]:
    return [bool(fresh(one).tags) for one in found]


def again(rule: Rule) -> Rule:
    return db.session.get_one(Rule, rule.id, populate_existing=True)


def test_a_rule_that_fires_too_often_pauses_by_itself(desk: SmallDesk, now: datetime) -> None:
    """In the middle of a sweep; other rules go on."""
    rule = limited(desk, now, 2)
    add_rule(desk, "lamp", now, {"kind": "set_priority", "priority": "high"})
    lamps = [ticket_in(desk, "new", "A lamp", now) for _ in range(3)]
    sweeps.wake_tickets(now)
    assert tagged(*lamps) == [True, True, False]
    assert [fresh(one).priority for one in lamps] == [2, 2, 2]
    assert (again(rule).paused_at, again(rule).enabled) == (now, True)
    events = db.session.scalars(select(Event).where(Event.kind == "rule.paused")).all()
    assert [event.changes["new"] for event in events] == ["Lamps"]
    notified = db.session.scalars(select(Notification).where(Notification.kind == "paused")).all()
    assert {(one.person_id, one.rule_id) for one in notified} == {
        (person.id, rule.id) for person in (desk.alice, desk.dana)
    }
    sweeps.everything(now + HOUR)
    assert sorted(told("notice")) == ["Alice", "Dana"]
    assert tagged(*lamps) == [True, True, False]


def test_a_manager_lets_it_go_on_with_what_it_missed(desk: SmallDesk, now: datetime) -> None:
    rule = limited(desk, now, 2)
    lamps = [ticket_in(desk, "new", "A lamp", now) for _ in range(5)]
    sweeps.wake_tickets(now)
    for expected in ([True] * 4 + [False], [True] * 5):
        now += MINUTE
        with writing(desk.row) as row:
            rule_pauses.go_on(row, again(rule), by=By("person", desk.alice.id), now=now)
        sweeps.judge_anew(now)
        sweeps.wake_tickets(now + MINUTE)
        now += MINUTE
        assert tagged(*lamps) == expected
    assert again(rule).paused_at is None


def test_what_is_spread_over_hours_is_not_too_often(desk: SmallDesk, now: datetime) -> None:
    rule = limited(desk, now, 1)
    lamps = []
    for n in range(3):
        lamps.append(ticket_in(desk, "new", "A lamp", now + n * HOUR))
        sweeps.wake_tickets(now + n * HOUR)
    assert (tagged(*lamps), again(rule).paused_at) == ([True] * 3, None)


def test_switching_it_off_and_on_ends_the_pause(desk: SmallDesk, now: datetime) -> None:
    rule = limited(desk, now, 1)
    for _ in range(2):
        ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    for on in (False, True):
        with writing(desk.row) as row:
            rules.switch(row, again(rule), on, by=By("person", desk.alice.id), now=now)
    assert again(rule).paused_at is None


def test_what_it_was_switched_on_for_does_not_count(desk: SmallDesk, now: datetime) -> None:
    lamps = [ticket_in(desk, "new", "A lamp", now) for _ in range(3)]
    rule = limited(desk, now, 2)
    sweeps.judge_anew(now, rule)
    sweeps.wake_tickets(now)
    assert tagged(*lamps) == [True, True, True]
    later = now + 2 * MINUTE
    more = [ticket_in(desk, "new", "A lamp", later) for _ in range(3)]
    sweeps.wake_tickets(later)
    assert tagged(*more) == [True, True, False]
