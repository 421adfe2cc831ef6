"""Rules that disagree about a ticket: five rounds, one event, and then they rest on it until something has changed."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from app import sweeps
from app.database import bookkeeping, db, writing
from app.desk import messages, notifications, rules, tickets, why
from app.models import quarrel
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.notification import Notification
from app.models.rule import Rule, RuleFiring
from app.models.ticket import Ticket
from tests.duty import told
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_sweeps import add_rule, fresh, priority, tag, tags

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def disagreeing(desk: SmallDesk, now: datetime) -> tuple[Rule, Rule]:
    drop = {"kind": "remove_tag", "tag": "b"}
    with writing(desk.row):
        tickets.tag_named("b")
    first = add_rule(desk, "lamp tag:b", now, drop, name="First")
    return first, add_rule(desk, "lamp -tag:b", now, tag("b"), {"kind": "raise_alert"}, name="Second")


def count(noun: type[RuleFiring] | type[Notification]) -> int:
    return db.session.scalar(select(func.count()).select_from(noun)) or 0


def events(kind: str = "ticket.disputed") -> list[Event]:
    return list(db.session.scalars(select(Event).where(Event.kind == kind).order_by(Event.id)))


def sweep(now: datetime) -> None:
    sweeps.judge_anew(now)
    sweeps.wake_tickets(now)


def again(rule: Rule) -> Rule:
    return db.session.get_one(Rule, rule.id, populate_existing=True)


def resting(ticket: Ticket) -> set[int]:
    ticket = fresh(ticket)
    return set(quarrel.standing({ticket.id: ticket.updated_at}).resting.get(ticket.id, ()))


def test_a_quarrel_ends_with_one_event(desk: SmallDesk, now: datetime) -> None:
    """Neither reading the ticket nor another rule's change starts it anew; other rules go on with the ticket."""
    first, second = disagreeing(desk, now)
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert (count(RuleFiring), [one.changes["rules"] for one in events()]) == (5, [[None, "First, Second"]])
    assert resting(ticket) == {first.id, second.id}
    with writing(desk.board) as board:
        tickets.read(board, fresh(ticket), by=By("person", desk.bob.id), now=now + MINUTE)
    add_rule(desk, "lamp", now + MINUTE, tag("lamp"))
    before = tags(ticket)
    for later in (MINUTE, 2 * MINUTE, DAY):
        sweep(now + later)
    assert (count(RuleFiring), len(events()), tags(ticket)) == (6, 1, [*before, "lamp"])
    found = {one.rule.name: one for one in why.told(fresh(ticket), "UTC", now + DAY)}
    assert (found["First"].state, found["Second"].state) == ("disagrees", "disagrees")
    assert "“Second”" in found["First"].said


@pytest.mark.parametrize("what", ["ticket", "customer", "rule", "race", "off", "removed"])
def test_it_is_asked_anew_when_something_has_changed(desk: SmallDesk, now: datetime, what: str) -> None:
    first, second = disagreeing(desk, now)
    ticket = ticket_in(desk, "new", "A lamp", now)
    other = ticket_in(desk, "new", "Another lamp", now)
    sweeps.wake_tickets(now)
    at = now + 2 * MINUTE
    before = count(RuleFiring)
    match what:
        case "ticket":
            with writing(desk.board) as board:
                tickets.prioritise(board, fresh(ticket), 3, by=By("person", desk.bob.id), now=at)
        case "customer":
            with writing(desk.board) as board:
                customer = By("customer", fresh(ticket).customer_id)
                said = {"text": "Still?", "from_name": "Kim", "from_address": "kim@example.org"}
                messages.receive(board, fresh(ticket), by=customer, now=at, **said)
        case "rule":
            with writing(desk.row) as row:
                text = "lamp -tag:b is:new"
                rules.save(
                    row, again(second), name="Second", text=text, then=[tag("b")], by=By("clock"), now=at
                )
        case "race":  # the sweep writes down a quarrel of what the rule was, after that has changed
            bookkeeping(update(Rule).where(Rule.id == second.id).values(version=Rule.version + 1))
        case "off":
            with writing(desk.row) as row:
                rules.switch(row, again(second), False, by=By("clock"), now=at)
        case "removed":
            with writing(desk.row) as row:
                rules.remove(row, again(second), by=By("clock"), now=at)
    sweep(at)
    more = count(RuleFiring) - before
    if what in ("ticket", "customer"):
        assert (more, resting(ticket), resting(other)) == (5, {first.id, second.id}, {first.id, second.id})
    elif what == "race":
        assert (more, resting(other)) == (10, {first.id, second.id})
    elif what == "rule":
        assert resting(ticket) == resting(other) == {first.id, second.id}
    else:
        assert (more, resting(ticket), resting(other)) == (2, set(), set())  # the first has its way with both


def test_managers_are_told_once(desk: SmallDesk, now: datetime) -> None:
    """Of however many tickets, until one of the rules is changed."""
    first, second = disagreeing(desk, now)
    lamps = [ticket_in(desk, "new", "A lamp", now) for _ in range(3)]
    sweeps.wake_tickets(now)
    with writing(desk.board) as board:
        tickets.prioritise(board, fresh(lamps[0]), 3, by=By("person", desk.bob.id), now=now + MINUTE)
    sweeps.everything(now + MINUTE)
    assert len(events()) == 4
    rows = db.session.scalars(select(Notification).where(Notification.kind == "quarrel")).all()
    assert {(one.person_id, one.rule_id, one.by_name) for one in rows} == {
        (person.id, first.id, "First, Second") for person in (desk.alice, desk.dana)
    }
    assert len(rows) == 2
    assert sorted(told("notice")) == ["Alice", "Dana"]
    mail = db.session.scalars(select(Delivery).where(Delivery.kind == "notice")).first()
    assert mail is not None
    assert mail.subject == "These rules disagree about a ticket and rest on it: First, Second"
    assert f"/rules#rule_{first.id}\n" in mail.text
    assert "/tickets/" not in mail.text
    notifications.read(
        desk.alice, lamps[0].id, now + 2 * MINUTE
    )  # the ticket does not say what to do with the rules
    here = select(Board.id)
    assert quarrel.of_rules(here)[second.id] == quarrel.Quarrel(lamps[0].id, (first.id,), 3)
    with writing(desk.row) as row:
        rules.save(row, again(first), name="First", text="lamp tag:b is:new", then=[{"kind": "remove_tag", "tag": "b"}],
                   by=By("clock"), now=now + DAY)  # fmt: skip
    assert quarrel.of_rules(here) == {}
    sweep(now + DAY)
    unread = select(func.count()).where(Notification.kind == "quarrel", Notification.read_at.is_(None))
    assert db.session.scalar(unread) == 4


def test_what_is_no_part_of_it_goes_on(desk: SmallDesk, now: datetime) -> None:
    """Two quarrels about one ticket, of which one ends."""
    first, second = disagreeing(desk, now)
    up = add_rule(desk, "lamp priority:low", now, priority("high"), name="Up")
    down = add_rule(desk, "lamp priority:high", now, priority("low"), name="Down")
    ticket = ticket_in(desk, "new", "A lamp", now, priority=0)
    sweeps.wake_tickets(now)
    assert resting(ticket) == {first.id, second.id, up.id, down.id}
    with writing(desk.row) as row:
        rules.switch(row, again(down), False, by=By("clock"), now=now + MINUTE)
    sweep(now + MINUTE)
    assert resting(ticket) == {first.id, second.id}


def test_a_chain_is_no_quarrel_and_what_only_set_it_off_has_no_part(desk: SmallDesk, now: datetime) -> None:
    """Five rules that feed each other are at peace. Where two disagree in the end, only these rest."""
    with writing(desk.row):
        tickets.tag_named("f")
    for before, after in ("ab", "bc", "cd", "de"):
        with writing(desk.row):
            tickets.tag_named(before)
        add_rule(desk, f"tag:{before}", now, tag(after), name=after)
    add_rule(desk, "lamp", now, tag("a"), name="a")
    lamp = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert (tags(lamp), events(), resting(lamp)) == (["a", "b", "c", "d", "e"], [], set())

    add_rule(desk, "sofa", now, tag("e"), name="Starts")
    add_rule(desk, "sofa tag:e", now, tag("f"), name="Goes on")
    up = add_rule(desk, "tag:f priority:low", now, priority("high"), name="Up")
    down = add_rule(desk, "tag:f priority:high", now, priority("low"), name="Down")
    sofa = ticket_in(desk, "new", "A sofa", now, priority=0)
    sweeps.wake_tickets(now)
    assert [one.changes["rules"][1] for one in events()] == ["Up, Down"]
    assert resting(sofa) == {up.id, down.id}
