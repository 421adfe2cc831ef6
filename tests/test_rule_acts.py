"""Each action of a rule, as the sweep carries it out by the verbs that people use."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select

from app import sweeps
from app.database import db, writing
from app.desk import alerts, customers, guards, messages, snoozes, tickets, turns
from app.desk import teams as desk_teams
from app.desk.rule_acts import (
    CAPPED,
    ELSEWHERE,
    MACHINE,
    NO_HOURS,
    NOBODY_ON_CALL,
    NOBODY_SPEAKS,
    NOBODY_TAKES,
)
from app.models.alert import Alert
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Message
from app.models.notification import Notification
from app.models.person import Person
from app.models.rule import RuleFiring
from app.models.team import Team
from app.models.ticket import LOW, URGENT, Ticket
from rules.plan import PERSON_FASTER
from tests.desk.boards import second_board, ticket_on
from tests.duty import TUESDAY_NIGHT, publish, told
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_rule_firings import SECOND, add_rule, firing_of, fresh, reasons

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
Seen = Callable[[Ticket], Any]


def team_of(desk: SmallDesk, now: datetime, *people: Person) -> Team:
    with writing(desk.row) as row:
        return desk_teams.add(row, name="Returns", people=[one.id for one in people], by=By("clock"), now=now)


# What each action makes of a new ticket in English with the tag "old"; `seen` reads it.
DOES: Mapping[str, tuple[dict[str, Any], Seen, Any]] = {
    "add_tag": ({"tag": "lamp"}, lambda one: sorted(tag.name for tag in one.tags), ["lamp", "old"]),
    "remove_tag": ({"tag": "old"}, lambda one: one.tags, []),
    "set_priority": ({"priority": "urgent"}, lambda one: one.priority, URGENT),
    "set_language": ({"language": "ko"}, lambda one: one.language, "ko"),
    "move": ({"column": "waiting"}, lambda one: (one.state, one.column.state), ("waiting", "waiting")),
    "set_vip": ({"vip": True}, lambda one: one.customer.vip, True),
    "assign_nobody": ({}, lambda one: one.assignee_id, None),
    "snooze": ({"length": "1d2h"}, lambda one: one.snoozed_until - one.created_at, timedelta(hours=26)),
    "add_note": (
        {"text": "For {customer.name}: {ticket.number}"},
        lambda one: [(m.kind, m.text, m.from_name) for m in _said(one)][-1],
        ("note", "For Kim Seoyeon: #1", "lamp"),
    ),
    "reply": (
        {"text": "Hello {customer.name}, {desk.name} has {ticket.subject}"},
        lambda one: [(m.automatic, m.text.partition("\n")[0]) for m in _said(one)][-1],
        ("rule", "Hello Kim Seoyeon, Northlight has A lamp"),
    ),
    "raise_alert": ({}, lambda one: [a.kind for a in alerts.of_tickets([one.id])[one.id]], ["rule"]),
}


@pytest.mark.parametrize("kind", DOES)
def test_what_an_action_does(desk: SmallDesk, now: datetime, kind: str) -> None:
    details, seen, expected = DOES[kind]
    rule = add_rule(desk, "lamp", now, {"kind": kind, **details})
    ticket = ticket_in(desk, "new", "A lamp", now, language="en")
    with writing(desk.board) as board:
        tickets.add_tag(board, fresh(ticket), "old", by=By("clock"), now=now)
        tickets.assign(board, fresh(ticket), desk.bob.id, by=By("clock"), now=now)
    assert sweeps.wake_tickets(now)["failed"] == 0
    assert seen(fresh(ticket)) == expected
    (done,) = firing_of(rule).done
    stream, first, last = done["events"]
    made = db.session.scalars(select(Event).where(Event.stream == stream, Event.seq.between(first, last)))
    assert {(event.by_kind, event.by_id) for event in made} == {("rule", rule.id)}


def test_a_column_of_another_board_cannot_be(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, {"kind": "move", "column": desk.columns["open"].id})
    with writing(desk.row):
        rule.actions = [{"kind": "move", "column": 999}]
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert (fresh(ticket).state, reasons(rule)) == ("new", [ELSEWHERE])


# ---- Whose it is


def test_a_team_takes_turns(desk: SmallDesk, now: datetime) -> None:
    """Over several sweeps, without who has left and without who may not see the board."""
    team = team_of(desk, now, desk.alice, desk.bob, desk.charlie, desk.erin)
    with writing(desk.row):
        desk.erin.deactivated_at = now
    add_rule(desk, "lamp", now, {"kind": "assign_from_team", "team": team.id})
    found = []
    for n in range(4):
        at = now + n * MINUTE
        pair = [ticket_in(desk, "new", f"A lamp {n}", at) for _ in range(n % 2 + 1)]
        sweeps.wake_tickets(at)
        found += [fresh(one).assignee_id for one in pair]
    assert set(found) == {desk.alice.id, desk.bob.id}
    assert all(one != other for one, other in pairwise(found))


def test_the_least_loaded_of_a_team_gets_it(desk: SmallDesk, now: datetime) -> None:
    team = team_of(desk, now, desk.alice, desk.bob)
    for subject, person in (("Sofa", desk.alice), ("Chair", desk.alice), ("Bed", desk.bob)):
        ticket = ticket_in(desk, "new", subject, now)
        with writing(desk.board) as board:
            tickets.assign(board, fresh(ticket), person.id, by=By("clock"), now=now)
    add_rule(desk, "lamp", now, {"kind": "assign_from_team", "team": team.id, "way": "load"})
    lamps = [ticket_in(desk, "new", "A lamp", now) for _ in range(3)]
    sweeps.wake_tickets(now)
    assert [fresh(one).assignee_id for one in lamps] == [desk.bob.id, desk.alice.id, desk.bob.id]


@pytest.mark.parametrize(
    ("language", "speaking", "expected"),
    [("ko", True, "alice"), ("ko", False, "bob"), ("fr", True, NOBODY_SPEAKS), (None, True, "bob")],
)
def test_only_who_speaks_the_language(
    desk: SmallDesk, now: datetime, language: str | None, speaking: bool, expected: str
) -> None:
    with writing(desk.row):
        desk.alice.languages, desk.bob.languages = ["en", "ko"], ["en"]
    team = team_of(desk, now, desk.alice, desk.bob)
    turn = turns.Turns(now)
    turn.next(team.id, [desk.alice], least_loaded=False)
    turn.keep()
    rule = add_rule(desk, "lamp", now, {"kind": "assign_from_team", "team": team.id, "speaking": speaking})
    ticket = ticket_in(desk, "new", "A lamp", now, language=language)
    sweeps.wake_tickets(now)
    if expected == NOBODY_SPEAKS:
        assert (fresh(ticket).assignee_id, reasons(rule)) == (None, [expected])
    else:
        assert fresh(ticket).assignee_id == getattr(desk, expected).id


def test_a_team_of_nobody(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, {"kind": "assign_from_team", "team": team_of(desk, now).id})
    ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert reasons(rule) == [NOBODY_TAKES]


def test_who_is_on_call_and_speaks_the_language(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        desk.bob.languages, desk.erin.languages = ["en"], ["ko"]
    publish(desk, [desk.bob, desk.erin], now)
    rule = add_rule(desk, "lamp", now, {"kind": "assign_on_call", "speaking": True})
    korean, french = (ticket_in(desk, "new", "A lamp", now, language=code) for code in ("ko", "fr"))
    sweeps.wake_tickets(now)
    assert [fresh(one).assignee_id for one in (korean, french)] == [desk.erin.id, None]
    assert rule.enabled


def test_a_ticket_is_given_to_a_team(desk: SmallDesk, now: datetime) -> None:
    team = team_of(desk, now)
    add_rule(desk, "lamp", now, {"kind": "set_team", "team": team.id})
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert fresh(ticket).team_id == team.id


# ---- Later


def test_snoozed_until_the_desk_opens(desk: SmallDesk, now: datetime) -> None:
    """From the night to the morning; by day to the next morning."""
    add_rule(desk, "lamp", now, {"kind": "snooze_until_open"})
    by_day = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    at_night = ticket_in(desk, "new", "A lamp", TUESDAY_NIGHT)
    sweeps.wake_tickets(TUESDAY_NIGHT)
    wednesday = TUESDAY_NIGHT + 10 * HOUR
    assert [fresh(one).snoozed_until for one in (by_day, at_night)] == [wednesday, wednesday]


def test_without_opening_hours_nothing_opens(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, {"kind": "snooze_until_open"})
    ticket = ticket_in(desk, "new", "A lamp", now)
    with writing(desk.board) as board:
        board.policy_id = fresh(ticket).channel.calendar_id = None
    sweeps.wake_tickets(now)
    assert (fresh(ticket).snoozed_until, reasons(rule)) == (None, [NO_HOURS])


# ---- What is said


def test_an_answer_in_the_customers_language(desk: SmallDesk, now: datetime) -> None:
    """It leaves after a minute, by the headers of automatic mail, answers nothing, and a person's answer spares it."""
    reply = {"kind": "reply", "text": "Hello", "texts": {"ko": "안녕하세요"}}
    add_rule(desk, "lamp", now, reply)
    ticket = ticket_in(desk, "new", "A lamp", now, language="ko")
    sweeps.wake_tickets(now)
    (delivery,) = _automatic()
    assert delivery.text.startswith("안녕하세요\n\n")
    assert (delivery.automatic, delivery.wake_at, delivery.to_address) == (
        True,
        now + MINUTE,
        "kim@example.org",
    )
    assert (fresh(ticket).waiting_since, fresh(ticket).first_answered_at) == (now, None)
    with writing(desk.board) as board:
        messages.reply(board, fresh(ticket), "By hand", person=desk.bob, seen=None, now=now + SECOND)
    assert [one.state for one in _automatic()] == ["cancelled"]


def test_a_rule_answers_each_time_it_acts(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "is:waiting", now, {"kind": "reply", "text": "Hello"})
    ticket = ticket_in(desk, "waiting", "A lamp", now)
    for n, state in enumerate(("waiting", "open", "waiting")):
        with writing(desk.board) as board:
            to = desk.columns[state].id
            tickets.move(board, fresh(ticket), to=to, by=By("clock"), now=now + n * MINUTE)
        sweeps.wake_tickets(now + n * MINUTE)
    assert len(_automatic()) == 2


def test_automatic_mail_is_not_answered(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, {"kind": "reply", "text": "Hello"})
    ticket = ticket_in(desk, "new", "A lamp", now)
    with writing(desk.board) as board:
        messages.receive(
            board,
            fresh(ticket),
            by=By("clock"),
            now=now,
            text="I am away",
            from_name="Kim",
            from_address="kim@example.org",
            automatic="auto-replied",
        )
    sweeps.wake_tickets(now)
    assert (_automatic(), reasons(rule)) == ([], [MACHINE])


def test_the_caps_on_mail_hold_for_rules(desk: SmallDesk, now: datetime) -> None:
    most = guards.CAPS[0][0]
    rule = add_rule(desk, "lamp", now, {"kind": "reply", "text": "Hello"})
    for _ in range(most + 1):
        ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert len(_automatic()) == most
    event = db.session.scalars(select(Event).where(Event.kind == "ticket.capped")).one()
    assert (event.by_kind, event.by_id) == ("rule", rule.id)
    capped = db.session.scalars(select(RuleFiring).where(RuleFiring.ticket_id == event.subject_id)).one()
    assert [one["reason"] for one in capped.dropped] == [CAPPED]


def test_people_are_told(desk: SmallDesk, now: datetime) -> None:
    """A person, a team, who is on call: each once, in the page and by mail, with the name of the rule."""
    publish(desk, [desk.bob], now)
    team = team_of(desk, now, desk.alice, desk.bob)
    kinds = [{"kind": "tell_person", "person_id": desk.alice.id}, {"kind": "tell_team", "team": team.id}]
    rule = add_rule(desk, "lamp", now, *kinds, {"kind": "tell_on_call"}, name="Lamps")
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    sent = db.session.scalars(select(Notification).order_by(Notification.id)).all()
    assert {(one.person_id, one.kind, one.by_name, one.ticket_id) for one in sent} == {
        (person.id, "rule", "Lamps", ticket.id) for person in (desk.alice, desk.bob)
    }
    assert len(firing_of(rule).done) == 3
    sweeps.everything(now + HOUR)
    assert sorted(set(told("notice"))) == ["Alice", "Bob"]


def test_nobody_on_call_is_told(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, {"kind": "tell_on_call"})
    ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert reasons(rule) == [NOBODY_ON_CALL]


def test_an_alert_of_a_rule_climbs_and_ends_with_the_ticket(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    add_rule(desk, "lamp", now, {"kind": "raise_alert"})
    ticket = ticket_in(desk, "new", "A lamp", now)
    for after in (0, 10):
        sweeps.everything(now + after * MINUTE)
    assert told() == ["Bob", "Erin"]
    with writing(desk.board) as board:
        to = desk.columns["resolved"].id
        tickets.move(board, fresh(ticket), to=to, by=By("person", desk.bob.id), now=now + HOUR)
    sweeps.everything(now + HOUR)
    assert [one.state for one in db.session.scalars(select(Alert))] == ["closed"]


# ---- A person first


@pytest.mark.parametrize(
    ("action", "choose"),
    [
        ({"kind": "set_priority", "priority": "high"}, "priority"),
        ({"kind": "set_language", "language": "fr"}, "language"),
        ({"kind": "move", "column": "waiting"}, "column"),
        ({"kind": "set_team", "team": 1}, "team"),
        ({"kind": "assign_nobody"}, "assignee"),
        ({"kind": "snooze", "length": "3d"}, "snooze"),
        ({"kind": "set_vip", "vip": False}, "vip"),
        ({"kind": "remove_tag", "tag": "mine"}, "tag"),
    ],
)
def test_a_person_is_first_with_every_field(
    desk: SmallDesk, now: datetime, action: dict[str, Any], choose: str
) -> None:
    """What they have just chosen stands for a minute; choosing again within it settles the matter."""
    team_of(desk, now)
    ticket = ticket_in(desk, "new", "A lamp", now)
    _choose(desk, ticket, choose, 0, now)
    rule = add_rule(desk, "lamp", now, action)
    sweeps.wake_tickets(now + SECOND)
    assert len(firing_of(rule).owed) == 1
    _choose(desk, ticket, choose, 1, now + 30 * SECOND)
    for after in (30, 61, 120):
        sweeps.wake_tickets(now + after * SECOND)
    assert (firing_of(rule).owed, firing_of(rule).done, reasons(rule)) == ([], [], [PERSON_FASTER])


def _choose(desk: SmallDesk, ticket: Ticket, field: str, n: int, at: datetime) -> None:
    by = By("person", desk.dana.id)
    with writing(desk.board) as board:
        one = fresh(ticket)
        match field:
            case "priority":
                tickets.prioritise(board, one, (LOW, URGENT)[n], by=by, now=at)
            case "language":
                tickets.set_language(board, one, ("de", "en")[n], by=by, now=at)
            case "column":
                tickets.move(board, one, to=desk.columns[("open", "new")[n]].id, by=by, now=at)
            case "team":
                team = db.session.scalars(select(Team.id)).one()
                tickets.give_to_team(board, one, (team, None)[n], by=by, now=at)
            case "assignee":
                tickets.assign(board, one, (desk.alice.id, desk.bob.id)[n], by=by, now=at)
            case "snooze":
                snoozes.snooze(board, one, at + (n + 1) * HOUR, by=by, now=at)
            case "vip":
                customers.set_vip(board, one.customer, (True, False)[n], by=by, now=at)
            case "tag":
                (tickets.remove_tag if n else tickets.add_tag)(board, one, "mine", by=by, now=at)


def _said(ticket: Ticket) -> Sequence[Message]:
    return db.session.scalars(
        select(Message).where(Message.ticket_id == ticket.id).order_by(Message.id)
    ).all()


def _automatic() -> list[Delivery]:
    db.session.rollback()
    return list(
        db.session.scalars(select(Delivery).where(Delivery.kind == "automatic").order_by(Delivery.id))
    )


def test_vip_is_told_on_every_board_of_the_customer(desk: SmallDesk, now: datetime) -> None:
    """Also on those that are locked before the board of the ticket that the rule acts on."""
    rule = add_rule(desk, "lamp", now, {"kind": "set_vip", "vip": True}, {"kind": "add_note", "text": "VIP"})
    boards = [desk.board, *(second_board(desk, now, name=name) for name in ("Shop", "Later"))]
    chairs = [ticket_on(board, desk, "A chair", now) for board in (boards[0], boards[2])]
    versions = [fresh(one).version for one in chairs]
    lamp = ticket_on(boards[1], desk, "A lamp", now)
    sweeps.wake_tickets(now + MINUTE)
    assert fresh(lamp).customer.vip
    assert reasons(rule) == []
    told = select(Event.stream).where(Event.kind == "customer.changed").order_by(Event.stream)
    assert list(db.session.scalars(told)) == [board.id for board in boards]
    assert all(fresh(one).version > before for one, before in zip(chairs, versions, strict=True))
    notes = select(func.count()).select_from(Message).where(Message.kind == "note")
    assert db.session.scalar(notes) == 1
