"""Rules as people write them: what is kept, what is refused, and whom switching one on concerns."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import rule_trials, rules, snoozes, tickets
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import CLOCK, Event
from app.models.message import Message
from app.models.rule import Rule, RuleFiring
from app.models.ticket import Tag, Ticket
from rules.rule import load_starters
from tests.small import SmallDesk
from tests.stories import ticket_in

MINUTE = timedelta(minutes=1)
REFUND = [{"kind": "add_tag", "tag": "refund"}]


def save(
    desk: SmallDesk, text: str, now: datetime, then: list[dict[str, Any]] | None = None, **values: Any
) -> Rule:
    with writing(desk.row) as row:
        return rules.save(
            row, None, **{"name": "A rule", **values}, text=text, then=then or REFUND, by=CLOCK, now=now
        )


def switch(desk: SmallDesk, rule: Rule, on: bool, now: datetime, *, also_present: bool = False) -> None:
    with writing(desk.row) as row:
        rules.switch(row, db.session.get_one(Rule, rule.id), on, also_present=also_present, by=CLOCK, now=now)
    sweeps.judge_anew(now)


def tags(ticket: Ticket) -> list[str]:
    return [tag.name for tag in db.session.get_one(Ticket, ticket.id, populate_existing=True).tags]


def test_a_rule_is_kept_with_ids_and_read_with_names(desk: SmallDesk, now: datetime) -> None:
    then: list[dict[str, Any]] = [
        {"kind": "add_tag", "tag": " Refund "},
        {"kind": "set_priority", "priority": "high"},
        {"kind": "assign", "person_id": desk.bob.id},
        {"kind": "assign_on_call"},
    ]
    with writing(desk.row):
        tickets.tag_named("vip")
    rule = save(desk, 'tag:vip assignee:"Bob Reyes"', now, then)
    tag = db.session.scalars(select(Tag).where(Tag.name == "refund")).one()
    assert rule.actions == [{"kind": "add_tag", "tag": tag.id}, *then[1:]]
    assert rules.text_of(rule) == 'tag:vip assignee:"Bob Reyes"'
    assert not rule.enabled
    event = db.session.scalars(select(Event).where(Event.kind == "rule.added")).one()
    assert (event.stream, event.subject_id) == (0, rule.id)


@pytest.mark.parametrize(
    ("text", "then", "name", "field", "values"),
    [
        ("langauge:de", REFUND, "A", "query", {"column": 1}),
        ("is:open (lang:de", REFUND, "A", "query", {"column": 9}),
        ("assignee:me", REFUND, "A", "query", {"column": 10}),
        ("tag:unheard-of", REFUND, "A", "query", {"column": 5}),
        ("  ", REFUND, "A", "query", {}),
        ("lang:de", [], "A", "actions", {}),
        ("lang:de", [{"kind": "fly"}], "A", "actions", {}),
        ("lang:de", [{"kind": "set_priority", "priority": "extreme"}], "A", "actions", {}),
        ("lang:de", [{"kind": "assign", "person_id": 0}], "A", "actions", {}),
        ("lang:de", [{"kind": "assign", "person_id": 999_999}], "A", "actions", {}),
        ("lang:de", [{"kind": "add_tag", "tag": "a,b"}], "A", "actions", {}),
        ("lang:de", REFUND, "  ", "name", {}),
    ],
)
def test_what_cannot_be_a_rule(
    desk: SmallDesk,
    now: datetime,
    text: str,
    then: list[dict[str, Any]],
    name: str,
    field: str,
    values: dict[str, Any],
) -> None:
    with pytest.raises(Refused) as refused, writing(desk.row) as row:
        rules.save(row, None, name=name, text=text, then=then, by=CLOCK, now=now)
    assert (refused.value.status, refused.value.field) == (422, field)
    assert {key: refused.value.values.get(key) for key in values} == values
    assert rules.in_order() == []


def test_a_desk_has_at_most_so_many_rules(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        db.session.add_all(
            Rule(position=n, name=str(n), query={"and": []}, actions=[]) for n in range(rules.MOST_RULES)
        )
        db.session.flush()
        with pytest.raises(Refused, match="at most 200"):
            rules.save(row, None, name="One more", text="lang:de", then=REFUND, by=CLOCK, now=now)


def test_switched_on_for_new_matches_only(desk: SmallDesk, now: datetime) -> None:
    old = ticket_in(desk, "open", "Refund, please", now)
    rule = save(desk, "refund", now)
    assert rules.present(rule, now) == (1, 0)
    switch(desk, rule, True, now + MINUTE)
    new = ticket_in(desk, "open", "Refund me", now + 2 * MINUTE)
    sweeps.everything(now + 2 * MINUTE)
    assert (tags(old), tags(new)) == ([], ["refund"])


def test_switched_on_for_present_ones_too(desk: SmallDesk, now: datetime) -> None:
    old = ticket_in(desk, "open", "Refund, please", now)
    other = ticket_in(desk, "open", "A lamp", now)
    rule = save(desk, "refund", now)
    switch(desk, rule, True, now + MINUTE, also_present=True)
    sweeps.everything(now + MINUTE)
    assert (tags(old), tags(other)) == (["refund"], [])
    assert rules.present(rule, now + MINUTE) == (0, 1)


def test_present_ones_that_were_left_out_can_be_taken_in_later(desk: SmallDesk, now: datetime) -> None:
    old = ticket_in(desk, "open", "Refund, please", now)
    rule = save(desk, "refund", now)
    switch(desk, rule, True, now)
    sweeps.everything(now)
    switch(desk, rule, False, now + MINUTE)
    assert rules.present(rule, now + MINUTE) == (1, 0)
    switch(desk, rule, True, now + 2 * MINUTE, also_present=True)
    sweeps.everything(now + 2 * MINUTE)
    assert tags(old) == ["refund"]


def test_it_does_not_act_twice_on_those_that_it_acted_on(desk: SmallDesk, now: datetime) -> None:
    rule = save(desk, "refund", now)
    switch(desk, rule, True, now)
    ticket_in(desk, "open", "Refund, please", now)
    sweeps.everything(now)
    for on in (False, True):
        switch(desk, rule, on, now + MINUTE, also_present=True)
        sweeps.everything(now + MINUTE)
    assert len(db.session.scalars(select(RuleFiring)).all()) == 1


@pytest.mark.parametrize("also_present", [False, True])
def test_an_episode_that_ended_while_the_rule_was_off_is_over(
    desk: SmallDesk, now: datetime, also_present: bool
) -> None:
    """Otherwise the next one would look like the same one, and the rule would not act."""
    rule = save(desk, "is:waiting", now)
    switch(desk, rule, True, now)
    ticket = ticket_in(desk, "waiting", "A lamp", now)
    sweeps.everything(now)
    switch(desk, rule, False, now + MINUTE)
    _move(desk, ticket, "open", now + 2 * MINUTE)
    sweeps.everything(now + 2 * MINUTE)
    switch(desk, rule, True, now + 3 * MINUTE, also_present=also_present)
    _move(desk, ticket, "waiting", now + 4 * MINUTE)
    sweeps.everything(now + 4 * MINUTE)
    assert [firing.episode for firing in db.session.scalars(select(RuleFiring))] == [1, 2]


def test_another_query_of_a_rule_that_is_on_concerns_new_matches_only(desk: SmallDesk, now: datetime) -> None:
    old = ticket_in(desk, "open", "A broken lamp", now)
    rule = save(desk, "refund", now)
    switch(desk, rule, True, now)
    sweeps.everything(now)
    with writing(desk.row) as row:
        again = db.session.get_one(Rule, rule.id)
        rules.save(row, again, name="A rule", text="broken", then=REFUND, by=CLOCK, now=now)
    sweeps.judge_anew(now + MINUTE)
    new = ticket_in(desk, "open", "Also broken", now + MINUTE)
    sweeps.everything(now + MINUTE)
    assert (tags(old), tags(new)) == ([], ["refund"])


def test_the_order(desk: SmallDesk, now: datetime) -> None:
    for name in "abc":
        save(desk, "lang:de", now, name=name)
    cases = [
        ("c", True, "acb"),
        ("c", True, "cab"),
        ("c", True, "cab"),
        ("c", False, "acb"),
        ("b", False, "acb"),
    ]
    for name, up, expected in cases:
        with writing(desk.row) as row:
            rule = next(rule for rule in rules.in_order() if rule.name == name)
            rules.reorder(row, rule, up, by=CLOCK, now=now)
        assert "".join(rule.name for rule in rules.in_order()) == expected


def test_a_removed_rule_acts_no_more_and_its_firings_stay(desk: SmallDesk, now: datetime) -> None:
    rule = save(desk, "refund", now)
    switch(desk, rule, True, now)
    ticket_in(desk, "open", "Refund, please", now)
    sweeps.everything(now)
    for _ in range(2):
        with writing(desk.row) as row:
            rules.remove(row, db.session.get_one(Rule, rule.id), by=CLOCK, now=now)
    later = ticket_in(desk, "open", "Refund me", now + MINUTE)
    sweeps.everything(now + MINUTE)
    assert tags(later) == []
    assert rules.in_order() == []
    assert len(db.session.scalars(select(RuleFiring)).all()) == 1
    assert len(db.session.scalars(select(Event).where(Event.kind == "rule.removed")).all()) == 1


def test_one_switch_stops_all_rules(desk: SmallDesk, now: datetime) -> None:
    rule = save(desk, "refund", now)
    switch(desk, rule, True, now)
    ticket = ticket_in(desk, "open", "Refund, please", now)
    for on, expected in ((False, []), (True, ["refund"])):
        with writing(desk.row) as row:
            rules.switch_all(row, on, by=CLOCK, now=now)
        sweeps.judge_anew(now)
        sweeps.everything(now)
        assert tags(ticket) == expected


def test_how_many_tickets_rules_hold_for(desk: SmallDesk, now: datetime) -> None:
    assert rules.holding([], now) == {}
    for state, subject in [("open", "Refund"), ("new", "Refund"), ("resolved", "Refund"), ("open", "Lamp")]:
        ticket_in(desk, state, subject, now)
    refund, opened = save(desk, "refund", now), save(desk, "is:open", now)
    assert rules.holding([rules.ready(refund), rules.ready(opened)], now) == {refund.id: 2, opened.id: 2}
    assert rule_trials.matches(rules.read_query("refund is:open"), select(Board.id), now).count == 1


def test_every_starter_can_be_added(desk: SmallDesk, now: datetime) -> None:
    """In any order: one asks for a tag that another one adds."""
    starters = load_starters()
    with writing(desk.row) as row:
        for starter in reversed(starters):
            rules.add_starter(row, starter, language="ko", by=CLOCK, now=now)
    assert [rule.name for rule in rules.in_order()] == [s.name("ko") for s in reversed(starters)]
    assert not any(rule.enabled for rule in rules.in_order())


def _move(desk: SmallDesk, ticket: Ticket, state: str, now: datetime) -> None:
    with writing(desk.board) as board:
        again = db.session.get_one(Ticket, ticket.id)
        tickets.move(board, again, to=desk.columns[state].id, by=CLOCK, now=now)


def test_who_does_not_answer_is_reminded_once_and_then_the_matter_is_closed(
    desk: SmallDesk, now: datetime
) -> None:
    waiting, snoozed = (ticket_in(desk, "waiting", "Refund, please", now) for _ in range(2))
    before = ticket_in(desk, "waiting", "A lamp", now - timedelta(days=9))
    with writing(desk.board) as board:
        held = db.session.get_one(Ticket, snoozed.id)
        snoozes.snooze(board, held, now + timedelta(days=60), by=desk.bob.by, now=now)
    with writing(desk.row) as row:
        for starter in load_starters():
            if starter.key in ("reminder", "given_up"):
                rule = rules.add_starter(row, starter, language="en", by=CLOCK, now=now)
                rules.switch(row, rule, True, by=CLOCK, now=now)
    found = []
    for days in (6, 8, 13, 15, 16):
        sweeps.wake_tickets(now + timedelta(days=days))
        ticket = db.session.get_one(Ticket, waiting.id, populate_existing=True)
        sent = select(Message.text).where(Message.ticket_id == waiting.id, Message.kind == "reply")
        replies = db.session.scalars(sent).all()
        found.append((days, len(replies), ticket.state))
    assert found == [
        (6, 0, "waiting"),
        (8, 1, "waiting"),
        (13, 1, "waiting"),
        (15, 1, "resolved"),
        (16, 1, "resolved"),
    ]
    assert "“Refund, please” 문의와 관련해" in replies[0]  # the customer writes Korean
    early = db.session.get_one(Ticket, before.id, populate_existing=True)
    assert (early.state, early.message_count) == ("waiting", 1)  # it was never reminded, so it is not closed
    left_alone = db.session.get_one(Ticket, snoozed.id, populate_existing=True)
    assert (left_alone.state, left_alone.message_count) == ("waiting", 1)
