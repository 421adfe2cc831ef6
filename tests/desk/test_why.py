"""Why rules have acted on a ticket, or why not: each state, each line, and taking back what one did."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import sweeps
from app.database import bookkeeping, db, writing
from app.desk import firings, messages, rules, tickets, why
from app.desk.actual import Actual
from app.desk.refused import Refused
from app.models.event import CLOCK, Event
from app.models.rule import Rule, RuleFiring
from app.models.ticket import HIGH, NORMAL, Ticket
from rules.query import Term, parse, terms
from rules.vocabulary import VOCABULARY
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_sweeps import add_rule, fresh, priority, tag, tags

MINUTE = timedelta(minutes=1)


def of(ticket: Ticket, now: datetime) -> dict[str, why.Why]:
    db.session.rollback()
    return {one.rule.name: one for one in why.told(fresh(ticket), "Europe/Berlin", now)}


def drawn(shown: why.Shown | None) -> Any:
    if shown is None:
        return None
    sign = "+" if shown.holds else "-"
    return (sign + shown.text, [drawn(one) for one in shown.lines]) if shown.is_group else sign + shown.text


def moved(desk: SmallDesk, ticket: Ticket, state: str, now: datetime) -> None:
    with writing(desk.board) as board:
        tickets.move(board, fresh(ticket), to=desk.columns[state].id, by=CLOCK, now=now)


def test_every_state_and_every_line(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        tickets.tag_named("spam")
    add_rule(desk, "lamp (lang:de OR -tag:spam) NOT (is:resolved reopened>1)", now, tag("vip"), name="Acts")
    add_rule(desk, "sofa", now, tag("sofa"), name="Does not hold")
    off = add_rule(desk, "lamp", now, tag("off"), name="Off")
    once = add_rule(desk, "is:open", now, tag("once"), name="Once", once_per="ticket")
    damaged = add_rule(desk, "lamp", now, tag("never"), name="Damaged")
    add_rule(desk, "lamp", now, tag("lamp"), name="Stops", stop_after=True)
    add_rule(desk, "lamp", now, tag("behind"), name="Behind")
    with writing(desk.row) as row:
        rules.switch(row, db.session.get_one(Rule, off.id), False, by=CLOCK, now=now)
    query = {"field": "langauge", "operator": ":", "values": ["de"]}
    bookkeeping(update(Rule).where(Rule.id == damaged.id).values(query=query))
    ticket = ticket_in(desk, "open", "A lamp", now)
    assert of(ticket, now)["Acts"].state == "next"
    for minutes, state in enumerate(("open", "waiting", "open")):
        moved(desk, ticket, state, now + minutes * MINUTE)
        sweeps.wake_tickets(now + minutes * MINUTE)
    found = of(ticket, now + 3 * MINUTE)
    assert {name: one.state for name, one in found.items()} == {
        "Acts": "acted",
        "Does not hold": "does-not-hold",
        "Off": "off",
        "Once": "not-again",
        "Damaged": "broken",
        "Stops": "acted",
        "Behind": "rests",
    }
    assert "“Stops”" in found["Behind"].said
    assert "langauge" in found["Damaged"].said
    assert drawn(found["Acts"].shown) == (
        "+All of these",
        [
            "+lamp",
            ("+At least one of these", ["-lang:de", "+-tag:spam"]),
            ("+Not all of these", ["-is:resolved", "-reopened>1"]),
        ],
    )
    with writing(desk.row) as row:
        rules.switch_all(row, False, by=CLOCK, now=now)
        rules.remove(row, db.session.get_one(Rule, once.id), by=CLOCK, now=now)
    found = of(ticket, now + 3 * MINUTE)
    assert "all rules are stopped" in found["Behind"].said
    assert (found["Once"].state, len(found["Once"].firings)) == ("gone", 1)
    assert list(found)[-1] == "Once"


def test_a_rule_that_held_before_it_was_switched_on(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        rule = rules.save(row, None, name="New only", text="lamp", then=[tag("lamp")], by=CLOCK, now=now)
    ticket = ticket_in(desk, "open", "A lamp", now)
    with writing(desk.row) as row:
        rules.switch(row, db.session.get_one(Rule, rule.id), True, by=CLOCK, now=now)
    sweeps.wake_tickets(now)
    assert of(ticket, now)["New only"].state == "before"


def test_a_rule_that_has_paused_by_itself_stops_no_other(desk: SmallDesk, now: datetime) -> None:
    paused = add_rule(desk, "lamp", now, tag("never"), name="Paused", stop_after=True)
    add_rule(desk, "lamp", now, tag("lamp"), name="Behind")
    bookkeeping(update(Rule).where(Rule.id == paused.id).values(paused_at=now))
    ticket = ticket_in(desk, "open", "A lamp", now)
    assert {name: one.state for name, one in of(ticket, now).items()} == {
        "Paused": "paused",
        "Behind": "next",
    }


def test_a_rule_that_the_database_refuses_to_ask_is_broken_and_no_other(
    desk: SmallDesk, now: datetime
) -> None:
    damaged = add_rule(desk, "lamp", now, tag("never"), name="Damaged")
    add_rule(desk, "lamp", now, tag("lamp"), name="Whole")
    query = {"field": "team", "operator": ":", "values": [2**70]}
    bookkeeping(update(Rule).where(Rule.id == damaged.id).values(query=query))
    ticket = ticket_in(desk, "open", "A lamp", now)
    assert {name: one.state for name, one in of(ticket, now).items()} == {
        "Damaged": "broken",
        "Whole": "next",
    }


def test_what_a_ticket_has_of_each_field(desk: SmallDesk, now: datetime) -> None:
    """Word by word for those whose truth one cannot see at once; every field says something, whatever the ticket has."""
    ticket = ticket_in(desk, "open", "Where is my lamp?", now)
    with writing(desk.board) as board:
        messages.receive(
            board,
            fresh(ticket),
            by=CLOCK,
            now=now + MINUTE,
            text="It is an invoice",
            from_name="Kim",
            from_address="kim@example.org",
        )
        tickets.add_tag(board, fresh(ticket), "delivery", by=CLOCK, now=now)
        tickets.set_language(board, fresh(ticket), "de", by=CLOCK, now=now)
    db.session.rollback()
    later = now + 40 * MINUTE
    actual = Actual(fresh(ticket), "UTC", later)

    def said(text: str, holds: bool) -> str:
        (leaf,) = terms(parse(text))
        return actual.said(leaf, holds)

    assert said("waiting>2h", False) == "waits for 40 min"
    assert said("lang:de", True) == "German"
    assert said("tag:refund", False) == "has: delivery"
    assert said("subject:lamp", True) == "in the subject"
    assert said("subject:sofa", False) == "the subject is “Where is my lamp?”"
    assert said("body:invoice", True).startswith("in the message of ")
    assert said("body:sofa", False) == "in no message of the customer"
    assert said("invoice", True).startswith("in the message of ")
    assert said("sofa", False) == "neither in the subject nor in a message"
    assert said("assignee:oncall", False) == "nobody has it, nobody is on call"
    assert said("is:open", True) == "the state is: Open"
    assert said("customer:vip", False) == "is no VIP"
    values = {"duration": 60, "date": 60, "count": 1, "score": 1, "priority": "high"}
    for name, field in VOCABULARY.items():
        for value in field.values if name == "is" else (*field.values[:1], values.get(field.type, "x")):
            term = Term(name, ":", (value,))
            assert actual.said(term, True) or actual.said(term, False), name


def test_a_firing_is_told_and_taken_back(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, tag("lamp"), priority("high"), name="Lamps")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    (firing,) = of(ticket, now)["Lamps"].firings
    assert (firing.done, firing.undo, firing.undone) == (
        "added the tag lamp, changed the priority from Normal to High",
        True,
        False,
    )
    later = now + 30 * MINUTE  # long after what a person did could be undone
    take_back(desk, ticket, firing.id, later)
    assert (tags(ticket), fresh(ticket).priority) == ([], NORMAL)
    undone = db.session.scalars(select(Event).where(Event.kind == "ticket.untagged")).one()
    assert (undone.by_kind, undone.by_id) == ("person", desk.bob.id)
    sweeps.wake_tickets(later)
    sweeps.wake_tickets(later + 2 * MINUTE)
    assert tags(ticket) == []
    told = of(ticket, later)["Lamps"]
    assert (told.state, told.firings[0].undo, told.firings[0].undone) == ("undone", False, True)
    with pytest.raises(Refused, match="Bob Reyes has undone this already"):
        take_back(desk, ticket, firing.id, later)


def test_what_somebody_has_changed_since_stays(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, tag("lamp"), priority("high"), name="Lamps")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    with writing(desk.board) as board:
        tickets.prioritise(board, fresh(ticket), 3, by=desk.bob.by, now=now + MINUTE)
    (firing,) = of(ticket, now)["Lamps"].firings
    take_back(desk, ticket, firing.id, now + MINUTE)
    assert (tags(ticket), fresh(ticket).priority) == ([], 3)


def test_what_was_taken_back_is_not_done_again_where_that_made_the_condition_true_again(
    desk: SmallDesk, now: datetime
) -> None:
    with writing(desk.row):
        tickets.tag_named("lamp")
    add_rule(desk, "lamp -tag:lamp", now, tag("lamp"), name="Lamps")
    ticket = ticket_in(desk, "open", "A lamp", now)
    for minutes in (0, 1):
        sweeps.wake_tickets(now + minutes * MINUTE)
    (firing,) = of(ticket, now)["Lamps"].firings
    take_back(desk, ticket, firing.id, now + 2 * MINUTE)
    for minutes in (2, 5, 9):
        sweeps.wake_tickets(now + minutes * MINUTE)
    assert tags(ticket) == []
    assert [one.episode for one in db.session.scalars(select(RuleFiring))] == [1]


def test_what_is_owed_is_dropped(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, priority("urgent"), name="Lamps")
    ticket = ticket_in(desk, "open", "A lamp", now)
    with writing(desk.board) as board:
        tickets.prioritise(board, fresh(ticket), HIGH, by=desk.alice.by, now=now)
    sweeps.wake_tickets(now)
    found = of(ticket, now)["Lamps"]
    assert (found.state, found.firings[0].owed) == ("waits", ("Set the priority to Urgent",))
    take_back(desk, ticket, found.firings[0].id, now)
    sweeps.wake_tickets(now + 2 * MINUTE)
    assert fresh(ticket).priority == HIGH
    (firing,) = of(ticket, now)["Lamps"].firings
    assert firing.dropped == ("Set the priority to Urgent – Bob Reyes took it back",)
    with pytest.raises(Refused, match="Nothing of what it did"):
        take_back(desk, ticket, firing.id, now)


def take_back(desk: SmallDesk, ticket: Ticket, firing_id: int, now: datetime) -> None:
    with writing(desk.board) as board:
        firings.take_back(board, fresh(ticket), firing_id, by=desk.bob.by, now=now)


def test_who_was_told_is_told_as_done(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, {"kind": "tell_person", "person_id": desk.bob.id}, tag("lamp"))
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    (firing,) = next(iter(of(ticket, now).values())).firings
    assert (firing.done, firing.dropped) == ("added the tag lamp, told Bob Reyes", ())
