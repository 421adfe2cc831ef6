"""What a rule would have done in the last days: counted, compared with what people did, and nothing else touched."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app import sweeps
from app.database import bookkeeping, db, writing
from app.desk import backtests, tickets
from app.desk.refused import Refused
from app.models.backtest import Backtest
from app.models.board import Board, Column
from app.models.candidates import Moment, Past, candidates
from app.models.delivery import Delivery
from app.models.episodes import beginnings
from app.models.event import CLOCK, By, Event
from app.models.message import Message
from app.models.rota import Shift
from app.models.rule import RuleFiring
from app.models.team import Team
from app.models.ticket import HIGH, Tag, Ticket
from app.sweeps.backtests import READ_FOR
from app.sweeps.process import claimant
from rules.query import fold, parse
from tests.desk.test_rules import save, switch
from tests.plans import plans_of
from tests.small import SmallDesk
from tests.stories import ticket_in

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TAG = [{"kind": "add_tag", "tag": "refund"}]


def asked(
    desk: SmallDesk, text: str, now: datetime, then: Any = TAG, *, days: int = 30, **values: Any
) -> Backtest:
    """A finished backtest of a draft, asked by Alice."""
    draft = backtests.of_draft("Draft", text, then, values.get("once_per", "episode"))
    backtest_id = start(desk, draft, now, days)
    sweeps.run_backtests(now)
    return found(backtest_id)


def start(desk: SmallDesk, draft: backtests.Asked, now: datetime, days: int = 30) -> int:
    backtest_id = backtests.start(draft, days, person=desk.alice, now=now)
    db.session.rollback()  # SQLite reads as of the first look
    return backtest_id


def found(backtest_id: int) -> Backtest:
    db.session.rollback()
    return db.session.get_one(Backtest, backtest_id, populate_existing=True)


def begun(past: Past, *, each: bool = True) -> list[Moment]:
    """When a rule of this query would have acted."""
    settled, asked = candidates(past)
    return [*settled.items(), *beginnings(past, asked, each=each)]


def by_bob(desk: SmallDesk, ticket: Ticket, verb: Callable[..., Any], *args: Any, now: datetime) -> None:
    with writing(desk.board) as board:
        verb(board, db.session.get_one(Ticket, ticket.id), *args, by=By("person", desk.bob.id), now=now)


def refunds(desk: SmallDesk, now: datetime) -> list[Ticket]:
    """Four who want their money back, a day apart, and a lamp; Bob has tagged two of the four, and the lamp."""
    made = [ticket_in(desk, "open", "Refund, please", now - n * DAY) for n in (1, 2, 3, 4)]
    lamp = ticket_in(desk, "open", "A lamp", now - 2 * DAY)
    for ticket in (*made[:2], lamp):
        by_bob(desk, ticket, tickets.add_tag, "refund", now=now - HOUR)
    return [*made, lamp]


def test_what_it_would_have_done_and_what_people_did(desk: SmallDesk, now: datetime) -> None:
    *made, lamp = refunds(desk, now)
    ticket_in(desk, "open", "Refund, please", now - 60 * DAY)
    result = asked(desk, "refund", now).result
    assert (result["tickets"], result["times"]) == (4, 4)
    assert [number for number, *_ in result["newest"]] == [ticket.id for ticket in made]
    assert sum(result["days"].values()) == 4
    assert (now - DAY).date().isoformat() in result["days"]
    (tag,) = result["actions"]
    assert tag == {"told": True, "already": 0, "agreed": 2, "ruled": 0, "people": 3, "missed": [lamp.id]}


def test_what_stays_true_begins_once(desk: SmallDesk, now: datetime) -> None:
    """A ticket that asks for it when it comes, one that asks later, one that came before these days, one that never does."""
    came = ticket_in(desk, "open", "Refund, please", now - 3 * DAY)
    later, before, never = (ticket_in(desk, "open", "A lamp", now - n * DAY) for n in (2, 60, 2))
    said = {came: "a refund", later: "I want a refund", before: "My refund!", never: "It shines."}
    with writing(desk.board):
        for ticket, text in said.items():
            known = {"kind": "customer", "text": text, "search_text": fold(text), "at": now - DAY}
            db.session.add_all(Message(ticket_id=ticket.id, **known) for _ in range(2))
    past = Past(parse("subject:refund OR body:refund"), now - 30 * DAY, now, "UTC", [desk.board.id])
    assert candidates(past)[0] == {came.id: now - 3 * DAY}
    expected = [(came.id, now - 3 * DAY), (later.id, now - DAY), (before.id, now - DAY)]
    assert begun(past) == expected
    then = [{"kind": "set_priority", "priority": "normal"}, {"kind": "assign_nobody"}, *TAG]
    result = asked(desk, "subject:refund OR body:refund", now, then).result
    assert (result["times"], result["tickets"]) == (3, 3)
    assert [one["already"] for one in result["actions"]][1:] == [3, 0]


@pytest.mark.parametrize(("days", "tickets_"), [(7, 1), (30, 2), (90, 3)])
def test_it_looks_so_many_days_back(desk: SmallDesk, now: datetime, days: int, tickets_: int) -> None:
    for ago in (1, 20, 80, 200):
        ticket_in(desk, "open", "Refund", now - ago * DAY)
    assert asked(desk, "subject:refund", now, days=days).result["tickets"] == tickets_


def test_other_days_are_refused(desk: SmallDesk, now: datetime) -> None:
    with pytest.raises(Refused):
        backtests.start(backtests.of_draft("", "refund", TAG, "episode"), 8, person=desk.alice, now=now)


def test_what_is_so_already(desk: SmallDesk, now: datetime) -> None:
    """At the time it would have acted, whatever became of it."""
    ticket = ticket_in(desk, "open", "Refund", now - 5 * DAY)
    by_bob(desk, ticket, tickets.prioritise, HIGH, now=now - 4 * DAY)
    with writing(desk.board) as board:
        tickets.move(
            board,
            db.session.get_one(Ticket, ticket.id),
            to=desk.columns["waiting"].id,
            by=By("clock"),
            now=now - 3 * DAY,
        )
    then = [{"kind": "set_priority", "priority": "high"}, {"kind": "set_priority", "priority": "low"}]
    result = asked(desk, "is:waiting", now, then).result
    assert [one["already"] for one in result["actions"]] == [1, 0]
    assert [one["agreed"] for one in result["actions"]] == [1, 0]


def test_each_action_is_held_against_what_people_did(desk: SmallDesk, now: datetime) -> None:
    """On two tickets that a rule would have met when they came; with one of them Bob did all of it, with the other nothing."""
    with writing(desk.row):
        team = Team(name="Returns", created_at=now)
        db.session.add(team)
    done, _left = (ticket_in(desk, "open", "Refund", now - n * DAY) for n in (3, 2))
    then: dict[str, tuple[dict[str, Any], Callable[..., Any], tuple[Any, ...]]] = {
        "remove_tag": ({"tag": "refund"}, tickets.remove_tag, ("refund",)),
        "set_language": ({"language": "de"}, tickets.set_language, ("de",)),
        "move": ({"column": "waiting"}, partial(tickets.move, to=desk.columns["waiting"].id), ()),
        "assign": ({"person_id": desk.bob.id}, tickets.assign, (desk.bob.id,)),
        "assign_nobody": ({}, tickets.assign, (None,)),
        "set_team": ({"team": team.id}, tickets.give_to_team, (team.id,)),
    }
    with writing(desk.board) as board:
        tickets.add_tag(board, db.session.get_one(Ticket, done.id), "refund", by=CLOCK, now=now - 3 * DAY)
    for n, (_, verb, args) in enumerate(then.values()):
        by_bob(desk, done, verb, *args, now=now - HOUR + n * MINUTE)
    actions = [{"kind": kind, **details} for kind, (details, *_) in then.items()]
    result = asked(desk, "subject:refund", now, actions).result
    assert [one["agreed"] for one in result["actions"]] == [1] * len(actions)
    assert [one["people"] for one in result["actions"]] == [1] * len(actions)
    assert [one["already"] for one in result["actions"]] == [1, 0, 0, 0, 2, 0]


def test_nothing_happens_to_anything(desk: SmallDesk, now: datetime) -> None:
    refunds(desk, now)
    rule = save(desk, "refund", now, [{"kind": "assign", "person_id": desk.bob.id}])

    def everything() -> list[Any]:
        counts = [
            db.session.scalar(select(func.count()).select_from(kind))
            for kind in (Event, Delivery, Tag, RuleFiring)
        ]
        stand = db.session.execute(
            select(Ticket.version, Ticket.wake_at, Ticket.assignee_id).order_by(Ticket.id)
        ).all()
        db.session.rollback()
        return [*counts, *stand]

    before = everything()
    backtest_id = start(desk, backtests.of_rule(rule), now)
    sweeps.run_backtests(now)
    assert found(backtest_id).result["tickets"] == 4
    unheard_of = asked(desk, "refund", now, [{"kind": "add_tag", "tag": "unheard of"}])
    assert unheard_of.result["actions"][0]["people"] == 0
    assert everything() == before


def test_rules_that_want_something_else(desk: SmallDesk, now: datetime) -> None:
    refunds(desk, now)
    low = save(desk, "subject:refund", now, [{"kind": "set_priority", "priority": "low"}], name="Low")
    quiet = save(desk, "subject:refund", now, [{"kind": "set_priority", "priority": "high"}], name="Off")
    same = save(desk, "subject:refund", now, [{"kind": "set_priority", "priority": "high"}], name="Same")
    stopper = save(desk, "subject:lamp", now, name="Lamps", stop_after=True)
    for rule in (low, same, stopper):
        switch(desk, rule, True, now)
    result = asked(desk, "refund OR lamp", now, [{"kind": "set_priority", "priority": "high"}]).result
    assert result["others"] == {str(low.id): 4}
    assert result["stops"] == {str(stopper.id): 1}
    assert str(quiet.id) not in result["others"]


def test_what_a_rule_has_done_already_is_not_compared(desk: SmallDesk, now: datetime) -> None:
    rule = save(desk, "refund", now - 10 * DAY)
    switch(desk, rule, True, now - 10 * DAY)
    for n in (1, 2):
        ticket_in(desk, "open", "Refund", now - n * DAY)
        sweeps.wake_tickets(now - n * DAY + MINUTE)
    (tag,) = asked(desk, "refund", now).result["actions"]
    assert (tag["ruled"], tag["people"], tag["already"]) == (2, 0, 0)


def test_only_the_boards_of_who_asks(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "open", "Refund", now - DAY)
    with writing(desk.row):
        other = Board(name="Wholesale", created_at=now)
        db.session.add(other)
        db.session.flush()
        column = Column(board_id=other.id, name="New", state="new", is_default=True, position=1)
        db.session.add(column)
        db.session.flush()
        row = db.session.get_one(Ticket, ticket.id)
        row.board_id, row.column_id = other.id, column.id
    assert asked(desk, "refund", now).result["tickets"] == 0


def test_what_is_not_remembered_finds_nothing(desk: SmallDesk, now: datetime) -> None:
    refunds(desk, now)
    assert asked(desk, "refund -is:late", now).result["times"] == 0
    assert asked(desk, "refund OR is:late", now).result["times"] == 4


def test_who_is_on_call_changes_the_answer(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "open", "A lamp", now - 5 * DAY)
    by_bob(desk, ticket, tickets.assign, desk.bob.id, now=now - 4 * DAY)
    with writing(desk.row):
        shift = {"rota_id": desk.board.rota_id, "role": "primary", "reason": {}}
        bob = {"person_id": desk.bob.id, "origin_person_id": desk.bob.id}
        db.session.add(Shift(**shift, **bob, starts_at=now - 3 * DAY, ends_at=now - 2 * DAY))
    past = Past(parse("assignee:oncall"), now - 6 * DAY, now, "UTC", [desk.board.id])
    assert begun(past) == [(ticket.id, now - 3 * DAY)]
    past = Past(parse("-assignee:oncall"), now - 6 * DAY, now, "UTC", [desk.board.id])
    assert begun(past) == [(ticket.id, now - 5 * DAY), (ticket.id, now - 2 * DAY)]


def test_one_at_a_time_of_each_person(desk: SmallDesk, now: datetime) -> None:
    draft = backtests.of_draft("", "refund", TAG, "episode")
    first = backtests.start(draft, 7, person=desk.alice, now=now)
    dana = backtests.start(draft, 7, person=desk.dana, now=now)
    second = start(desk, draft, now)
    states = [found(number).state for number in (first, dana, second)]
    assert states == ["stopped", "queued", "queued"]


@pytest.mark.parametrize(("text", "state"), [("subject:parcel", "done"), ("is:waiting since>2h", "queued")])
def test_nobody_waits_for_what_takes_long(
    desk: SmallDesk, now: datetime, text: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "MANY", 1)
    ticket_in(desk, "waiting", "My parcel", now - DAY)
    draft = backtests.of_draft("Draft", text, TAG, "episode")
    number = sweeps.answer_at_once(draft, 30, person=desk.alice, now=now)
    assert found(number).state == state
    sweeps.run_backtests(now)
    assert (found(number).state, found(number).result["tickets"]) == ("done", 1)


@pytest.mark.parametrize("text", ["is:waiting since>7d", "priority:high waiting>2h", "assignee:none"])
def test_what_has_changed_is_found_ticket_by_ticket(desk: SmallDesk, now: datetime, text: str) -> None:
    """SQLite does not look by the field, of which each ticket has something: that would be all of them for each ticket."""
    past = Past(parse(text), now - 7 * DAY, now, "UTC", [desk.board.id])
    ticket = ticket_in(desk, "open", "The lamp is broken", now - DAY)
    plans = plans_of(lambda: beginnings(past, {ticket.id: ticket.created_at}), "JOIN ticket_intervals ON")
    assert plans
    for plan in plans:
        assert not re.search(r"SCAN ticket_intervals|INDEX ix_ticket_intervals_(from|until)", plan), plan


def test_it_goes_on_where_a_process_died(desk: SmallDesk, now: datetime) -> None:
    """And finds the same as one that never stopped."""
    refunds(desk, now)
    whole = asked(desk, "refund OR lamp", now).result
    draft = backtests.of_draft("Draft", "refund OR lamp", TAG, "episode")
    backtest_id = start(desk, draft, now)
    assert backtests.claim("a process that dies", now) == backtest_id
    work = backtests.Work(db.session.get_one(Backtest, backtest_id), "a process that dies", now)
    assert not work.slice(2, READ_FOR, now)
    half = found(backtest_id)
    assert (half.state, half.looked_at, half.total, half.result["tickets"]) == ("running", 2, 5, 2)
    assert half.progress == 0.4
    assert not sweeps.run_backtests(now)
    backtests.abandon("a process that dies")
    sweeps.run_backtests(now)
    done = found(backtest_id)
    assert (done.state, done.claim, done.result) == ("done", None, whole)
    assert work.slice(2, READ_FOR, now)  # who was taken for dead and is not writes nothing more
    assert found(backtest_id).result == whole


def test_a_claim_runs_out(desk: SmallDesk, now: datetime) -> None:
    draft = backtests.of_draft("Draft", "refund", TAG, "episode")
    backtest_id = start(desk, draft, now)
    backtests.claim("a machine that is gone", now)
    assert not sweeps.run_backtests(now + MINUTE)
    sweeps.run_backtests(now + 3 * MINUTE)
    assert found(backtest_id).state == "done"


def test_stopped(desk: SmallDesk, now: datetime) -> None:
    refunds(desk, now)
    draft = backtests.of_draft("Draft", "refund OR lamp", TAG, "episode")
    backtest_id = start(desk, draft, now)
    backtests.claim(claimant(), now)
    work = backtests.Work(db.session.get_one(Backtest, backtest_id), claimant(), now)
    work.slice(2, READ_FOR, now)
    backtests.stop(found(backtest_id))
    assert work.slice(2, READ_FOR, now)
    assert (found(backtest_id).state, found(backtest_id).result["tickets"]) == ("stopped", 2)
    assert not sweeps.run_backtests(now)


def test_too_slow_and_broken(desk: SmallDesk, now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    draft = backtests.of_draft("Draft", "refund", TAG, "episode")
    backtest_id = start(desk, draft, now)
    bookkeeping(update(Backtest).values(query={"term": "nonsense"}))
    sweeps.run_backtests(now)
    assert (found(backtest_id).state, found(backtest_id).claim) == ("failed", None)
    assert "failed" in caplog.text


def test_old_ones_are_forgotten(desk: SmallDesk, now: datetime) -> None:
    asked(desk, "refund", now)
    sweeps.tidy(now + 29 * DAY)
    assert db.session.scalar(select(func.count()).select_from(Backtest)) == 1
    db.session.rollback()
    assert sweeps.tidy(now + 31 * DAY)["backtests"] == 1
