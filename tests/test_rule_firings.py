"""What the firings of rules write down: what was done, what was not and why, and what waits for a person's minute to pass."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import rules, tickets
from app.models.event import By, Event
from app.models.rule import Rule, RuleFiring
from app.models.ticket import LOW, Ticket
from rules.plan import DONE_ALREADY, NO_LONGER_HOLDS, OVERRULED, PERSON_FASTER
from tests.small import SmallDesk
from tests.stories import ticket_in

SECOND = timedelta(seconds=1)
HIGH = {"kind": "set_priority", "priority": "high"}
URGENT = {"kind": "set_priority", "priority": "urgent"}


def add_rule(desk: SmallDesk, text: str, now: datetime, *then: dict[str, Any], **values: Any) -> Rule:
    """A rule that is on, for present tickets too."""
    with writing(desk.row) as row:
        rule = rules.save(
            row, None, **{"name": text, **values}, text=text, then=then, by=By("clock"), now=now
        )
        return rules.switch(row, rule, True, also_present=True, by=By("clock"), now=now)


def fresh(ticket: Ticket) -> Ticket:
    return db.session.get_one(Ticket, ticket.id, populate_existing=True)


def firing_of(rule: Rule) -> RuleFiring:
    return db.session.scalars(
        select(RuleFiring).where(RuleFiring.rule_id == rule.id).execution_options(populate_existing=True)
    ).one()


def reasons(rule: Rule) -> list[str]:
    return [one["reason"] for one in firing_of(rule).dropped]


def test_a_firing_says_what_it_did_and_which_events_that_made(desk: SmallDesk, now: datetime) -> None:
    on_call = {"kind": "assign_on_call"}
    rule = add_rule(desk, "lamp", now, {"kind": "add_tag", "tag": "lamp"}, HIGH, on_call)
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    firing = firing_of(rule)
    assert [one["action"]["kind"] for one in firing.done] == ["add_tag", "set_priority"]
    for one, kind in zip(firing.done, ("ticket.tagged", "ticket.prioritised"), strict=True):
        stream, first, last = one["events"]
        made = db.session.scalars(
            select(Event).where(Event.stream == stream, Event.seq.between(first, last))
        ).all()
        assert [(event.kind, event.subject_id) for event in made] == [(kind, ticket.id)]
    assert firing.dropped == [{"action": on_call, "reason": "nobody is on call", "values": {}}]


def test_what_was_so_already_made_no_event(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, {"kind": "set_priority", "priority": "normal"})
    ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert [one["events"] for one in firing_of(rule).done] == [None]


def test_a_firing_says_what_others_have_won_against(desk: SmallDesk, now: datetime) -> None:
    first, second, third = (add_rule(desk, "lamp", now, then) for then in (HIGH, URGENT, URGENT))
    ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert [reasons(rule) for rule in (first, second, third)] == [[OVERRULED], [], [DONE_ALREADY]]
    assert [len(firing_of(rule).done) for rule in (first, second, third)] == [0, 1, 0]


def test_a_person_who_sets_it_again_was_faster(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, HIGH)
    ticket = ticket_in(desk, "new", "A lamp", now)
    _prioritise(desk, ticket, LOW, now)
    sweeps.wake_tickets(now)
    assert (firing_of(rule).owed, reasons(rule)) == ([HIGH], [])
    assert fresh(ticket).wake_at == firing_of(rule).owed_until == now + 60 * SECOND
    _prioritise(desk, ticket, 1, now + 40 * SECOND)
    sweeps.wake_tickets(now + 40 * SECOND)
    assert (firing_of(rule).owed, firing_of(rule).owed_until, reasons(rule)) == ([], None, [PERSON_FASTER])


def test_what_is_owed_by_an_episode_that_is_over_is_dropped(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "is:new", now, HIGH)
    ticket = ticket_in(desk, "new", "A lamp", now)
    _prioritise(desk, ticket, LOW, now)
    sweeps.wake_tickets(now)
    with writing(desk.board) as board:
        tickets.move(board, fresh(ticket), to=desk.columns["open"].id, by=By("customer", 1), now=now + SECOND)
    sweeps.wake_tickets(now + SECOND)
    assert reasons(rule) == [NO_LONGER_HOLDS]


def test_a_tag_that_a_person_has_just_removed_is_left_off(desk: SmallDesk, now: datetime) -> None:
    """Another tag of the same rule is not held back by that."""
    ticket = ticket_in(desk, "new", "A lamp", now)
    by = By("person", desk.bob.id)
    with writing(desk.board) as board:
        tickets.add_tag(board, fresh(ticket), "lamp", by=by, now=now)
        tickets.remove_tag(board, fresh(ticket), "lamp", by=by, now=now + SECOND)
    then = [{"kind": "add_tag", "tag": name} for name in ("lamp", "light")]
    rule = add_rule(desk, "lamp", now + SECOND, *then)
    sweeps.wake_tickets(now + SECOND)
    assert [tag.name for tag in fresh(ticket).tags] == ["light"]
    sweeps.wake_tickets(now + 61 * SECOND)
    assert sorted(tag.name for tag in fresh(ticket).tags) == ["lamp", "light"]
    assert [one["action"]["kind"] for one in firing_of(rule).done] == ["add_tag", "add_tag"]


def _prioritise(desk: SmallDesk, ticket: Ticket, priority: int, at: datetime) -> None:
    with writing(desk.board) as board:
        tickets.prioritise(board, fresh(ticket), priority, by=By("person", desk.bob.id), now=at)
