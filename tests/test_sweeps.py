"""The sweeps: rules act once per episode, the night goes to who is on call, deadlines warn and break exactly once."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from app import sweeps
from app.database import bookkeeping, db, writing
from app.desk import alerts as desk_alerts
from app.desk import messages, rules, tickets, waking
from app.models.alert import Alert
from app.models.event import CLOCK, By, Event
from app.models.rule import Rule, RuleFiring
from app.models.ticket import HIGH, LOW, NORMAL, URGENT, Ticket
from app.sweeps.tickets import RETRY_FOR
from tests.duty import MONDAY_HAND_OVER, TUESDAY_NIGHT, alerts, publish, told
from tests.small import SmallDesk
from tests.stories import ticket_in

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def add_rule(desk: SmallDesk, text: str, now: datetime, *then: dict[str, Any], **values: Any) -> Rule:
    """A rule that is on, for present tickets too."""
    with writing(desk.row) as row:
        rule = rules.save(row, None, **{"name": text, **values}, text=text, then=then, by=CLOCK, now=now)
        return rules.switch(row, rule, True, also_present=True, by=CLOCK, now=now)


def tag(name: str) -> dict[str, Any]:
    return {"kind": "add_tag", "tag": name}


def priority(name: str) -> dict[str, Any]:
    return {"kind": "set_priority", "priority": name}


def fresh(ticket: Ticket) -> Ticket:
    return db.session.get_one(Ticket, ticket.id, populate_existing=True)


def tags(ticket: Ticket) -> list[str]:
    return [tag.name for tag in fresh(ticket).tags]


def firings() -> Sequence[tuple[int, int]]:
    return [
        (one.ticket_id, one.episode) for one in db.session.scalars(select(RuleFiring).order_by(RuleFiring.id))
    ]


# ---- Rules


def test_auto_tagging_acts_once_per_episode(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "is:waiting", now, tag("sent"))
    ticket = ticket_in(desk, "waiting", "A lamp", now)
    for _ in range(2):
        sweeps.everything(now)
    assert (tags(ticket), firings()) == (["sent"], [(ticket.id, 1)])

    at = now + 2 * MINUTE
    _remove_tag(desk, ticket, "sent", at)
    sweeps.everything(at)
    assert tags(ticket) == []  # still the same episode: whoever removed it has decided

    for state in ("open", "waiting"):
        at += 2 * MINUTE
        _move(desk, ticket, state, at)
        sweeps.everything(at)
    assert (tags(ticket), firings()) == (["sent"], [(ticket.id, 1), (ticket.id, 2)])


def test_once_per_ticket_acts_in_the_first_episode_alone(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "is:waiting", now, tag("sent"), once_per="ticket")
    ticket = ticket_in(desk, "waiting", "A lamp", now)
    for n, state in enumerate(("waiting", "open", "waiting")):
        _move(desk, ticket, state, now + n * MINUTE)
        sweeps.everything(now + n * MINUTE)
    assert firings() == [(ticket.id, 1)]


def test_a_rule_gets_the_credit(desk: SmallDesk, now: datetime) -> None:
    rule = add_rule(desk, "lamp", now, tag("lamp"))
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.everything(now)
    event = db.session.scalars(select(Event).where(Event.kind == "ticket.tagged")).one()
    assert (event.by_kind, event.by_id, event.subject_id) == ("rule", rule.id, ticket.id)
    assert fresh(ticket).priority_set_at is None


def test_rules_feed_each_other(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, tag("a"))
    for before, after in ("ab", "bc", "cd"):
        add_rule(desk, f"tag:{before}", now, tag(after))
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert tags(ticket) == ["a", "b", "c", "d"]


def test_rules_that_disagree_are_named(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "priority:low", now, priority("high"), name="Up")
    add_rule(desk, "priority:high", now, priority("low"), name="Down")
    ticket = ticket_in(desk, "new", "A lamp", now, priority=LOW)
    sweeps.wake_tickets(now)
    event = db.session.scalars(select(Event).where(Event.kind == "ticket.disputed")).one()
    assert event.subject_id == ticket.id
    assert event.changes["rules"][1] == "Up, Down"
    wake_at = fresh(ticket).wake_at
    assert wake_at is None or wake_at > now  # it is left in peace


def test_a_later_rule_wins_and_stop_after_ends_the_round(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "lamp", now, priority("high"))
    add_rule(desk, "lamp", now, priority("low"))
    first = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    assert fresh(first).priority == LOW
    add_rule(desk, "sofa", now, priority("high"), stop_after=True)
    add_rule(desk, "sofa", now, priority("urgent"))
    second = ticket_in(desk, "new", "A sofa", now)
    sweeps.wake_tickets(now)
    assert fresh(second).priority == HIGH


def test_a_field_that_a_person_has_just_set_is_left_alone_for_a_minute(
    desk: SmallDesk, now: datetime
) -> None:
    ticket = ticket_in(desk, "new", "A lamp", now)
    _prioritise(desk, ticket, LOW, now)
    add_rule(desk, "lamp", now, tag("lamp"), priority("high"))
    for at, expected in ((now, LOW), (now + 59 * SECOND, LOW), (now + 60 * SECOND, HIGH)):
        sweeps.everything(at)
        assert (tags(ticket), fresh(ticket).priority) == (["lamp"], expected)
    assert firings() == [(ticket.id, 1)]
    assert [one.owed for one in db.session.scalars(select(RuleFiring))] == [[]]


def test_what_is_owed_is_dropped_when_a_person_sets_it_again(desk: SmallDesk, now: datetime) -> None:
    """While what the same firing owes to another field is still done."""
    ticket = ticket_in(desk, "new", "A lamp", now)
    _prioritise(desk, ticket, LOW, now)
    _assign(desk, ticket, desk.alice.id, now)
    add_rule(desk, "lamp", now, priority("high"), {"kind": "assign", "person_id": desk.bob.id})
    sweeps.everything(now)
    _prioritise(desk, ticket, NORMAL, now + 30 * SECOND)
    for after in (30, 60, 120):
        sweeps.everything(now + after * SECOND)
    assert (fresh(ticket).priority, fresh(ticket).assignee_id) == (NORMAL, desk.bob.id)


def test_what_is_owed_is_dropped_when_the_episode_ends(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "waiting", "A lamp", now)
    _prioritise(desk, ticket, LOW, now)
    add_rule(desk, "is:waiting", now, priority("high"))
    sweeps.everything(now)
    _move(desk, ticket, "open", now + 10 * SECOND)
    for after in (10, 60, 120):
        sweeps.everything(now + after * SECOND)
    assert fresh(ticket).priority == LOW


def test_a_time_term_becomes_true_by_itself(desk: SmallDesk, now: datetime) -> None:
    add_rule(desk, "waiting>2h", now, tag("slow"))
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.everything(now)
    wake_at = fresh(ticket).wake_at
    assert wake_at is not None
    assert now + 2 * HOUR <= wake_at <= now + 2 * HOUR + SECOND
    sweeps.everything(wake_at - SECOND)
    assert tags(ticket) == []
    sweeps.everything(wake_at)
    assert tags(ticket) == ["slow"]


def test_an_action_that_cannot_be_stops_nothing_else(desk: SmallDesk, now: datetime) -> None:
    """The person has left, or the ticket is full of tags: deadlines and the other actions go on."""
    add_rule(desk, "lamp", now, {"kind": "assign", "person_id": desk.charlie.id}, tag("lamp"))
    with writing(desk.row):
        desk.charlie.deactivated_at = now
    ticket = ticket_in(desk, "new", "A lamp", now)
    assert sweeps.wake_tickets(now)["failed"] == 0
    assert (fresh(ticket).assignee_id, tags(ticket)) == (None, ["lamp"])
    assert fresh(ticket).next_deadline_at is not None


# ---- The night


def test_out_of_hours_the_person_on_call_gets_it(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    by_day = ticket_in(desk, "new", "By day", now)
    at_night = ticket_in(desk, "new", "At night", TUESDAY_NIGHT)
    robot = _from_a_robot(desk, TUESDAY_NIGHT)
    taken = ticket_in(desk, "new", "Taken", TUESDAY_NIGHT)
    _assign(desk, taken, desk.alice.id, TUESDAY_NIGHT)
    sweeps.everything(TUESDAY_NIGHT)
    assert [fresh(one).assignee_id for one in (by_day, at_night, robot, taken)] == [
        None,
        desk.bob.id,
        None,
        desk.alice.id,
    ]


def test_without_a_primary_the_backup_gets_it(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    with writing(desk.row):
        desk.bob.deactivated_at = now
    ticket = ticket_in(desk, "new", "At night", TUESDAY_NIGHT)
    sweeps.everything(TUESDAY_NIGHT)
    assert fresh(ticket).assignee_id == desk.erin.id


def test_who_comes_on_call_gets_what_nobody_has(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "At night", TUESDAY_NIGHT)
    sweeps.everything(TUESDAY_NIGHT)
    assert fresh(ticket).assignee_id is None
    publish(desk, [desk.bob], TUESDAY_NIGHT + HOUR)
    sweeps.everything(TUESDAY_NIGHT + HOUR)
    assert fresh(ticket).assignee_id == desk.bob.id


def test_what_a_person_put_back_stays_with_nobody(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    ticket = ticket_in(desk, "new", "At night", TUESDAY_NIGHT)
    sweeps.everything(TUESDAY_NIGHT)
    _assign(desk, ticket, None, TUESDAY_NIGHT + 2 * MINUTE)
    sweeps.everything(TUESDAY_NIGHT + 2 * MINUTE)
    sweeps.everything(TUESDAY_NIGHT + HOUR)
    assert fresh(ticket).assignee_id is None


def test_a_rule_assigns_who_is_on_call(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    add_rule(desk, "lamp", now, {"kind": "assign_on_call"})
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.everything(now)
    assert fresh(ticket).assignee_id == desk.bob.id


# ---- Deadlines and alerts


def test_warning_and_breach_come_exactly_once(desk: SmallDesk, now: datetime) -> None:
    """However often the sweep runs; and the sweep knows when to look again."""
    publish(desk, [desk.bob, desk.erin], now)
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.everything(now)
    assert fresh(ticket).wake_at == now + 3 * HOUR
    for at in (now + 3 * HOUR, now + 3 * HOUR, now + 3 * HOUR + MINUTE):
        sweeps.everything(at)
    assert fresh(ticket).wake_at == now + 4 * HOUR
    for at in (now + 4 * HOUR, now + 4 * HOUR, now + 4 * HOUR + MINUTE):
        sweeps.everything(at)
    assert _kinds("alert.opened", "alert.raised") == Counter({"alert.opened": 1, "alert.raised": 1})
    assert told() == ["Bob", "Bob"]


def test_what_was_due_while_the_machine_was_off_is_done_once_it_is_back(
    desk: SmallDesk, now: datetime
) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    first = ticket_in(desk, "new", "A lamp", now)
    second = ticket_in(desk, "new", "A sofa", now + MINUTE)
    sweeps.everything(now + MINUTE)
    late = now + 6 * HOUR
    for _ in range(2):
        sweeps.everything(late)
    assert [(a.ticket_id, a.level) for a in alerts()] == [(first.id, "breach"), (second.id, "breach")]
    assert told() == ["Bob", "Bob"]


def test_when_the_deadline_moves_it_may_fire_again(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.everything(now + 4 * HOUR)
    _prioritise(desk, ticket, HIGH, now + 4 * HOUR + MINUTE)  # two hours instead of four
    sweeps.everything(now + 4 * HOUR + MINUTE)
    assert [(a.level, a.state) for a in alerts()] == [("breach", "closed"), ("breach", "open")]
    assert len({a.deadline_at for a in alerts()}) == 2
    _prioritise(desk, ticket, NORMAL, now + 4 * HOUR + 3 * MINUTE)  # and back: the first one again
    sweeps.everything(now + 4 * HOUR + 3 * MINUTE)
    assert [(a.level, a.state) for a in alerts()] == [("breach", "open"), ("breach", "closed")]
    assert _kinds("alert.paged") == Counter({"alert.paged": 2})


def test_an_answer_in_time_alerts_nobody(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.everything(now)
    with writing(desk.board) as board:
        messages.reply(board, fresh(ticket), "Here it is.", person=desk.bob, seen=None, now=now + HOUR)
    sweeps.everything(now + 5 * HOUR)
    assert alerts() == []


def test_a_ticket_of_a_robot_has_no_deadline(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    ticket = _from_a_robot(desk, TUESDAY_NIGHT, priority=URGENT)
    sweeps.everything(TUESDAY_NIGHT + 9 * HOUR)
    assert (fresh(ticket).next_deadline_at, alerts(), told()) == (None, [], [])


# ---- Faults


def test_a_ticket_that_fails_does_not_stop_the_others(
    desk: SmallDesk, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    add_rule(desk, "lamp", now, tag("lamp"))
    ones = [ticket_in(desk, "new", f"A lamp {n}", now) for n in range(3)]
    broken = ones[1]
    bookkeeping(
        update(Event).where(Event.subject_id == broken.id).values(changes={})
    )  # its states are unreadable
    counts = sweeps.wake_tickets(now)
    assert (counts["failed"], counts["tickets"]) == (1, 2)
    assert [tags(one) for one in ones] == [["lamp"], [], ["lamp"]]
    assert fresh(broken).wake_at == now + RETRY_FOR
    assert f"ticket {broken.id} failed" in caplog.text


def store(rule: Rule, **values: Any) -> None:
    """As no form would: what another version, or a hand in the database, has left behind."""
    bookkeeping(update(Rule).where(Rule.id == rule.id).values(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"query": {"field": "langauge", "operator": ":", "values": ["de"]}},
        {"query": {"and": "everything"}},
        {"actions": [{"kind": "fly"}]},
        {"actions": None},
    ],
)
def test_a_rule_that_cannot_be_read_stops_no_other(
    desk: SmallDesk, now: datetime, caplog: pytest.LogCaptureFixture, values: dict[str, Any]
) -> None:
    damaged = add_rule(desk, "lamp", now, tag("never"))
    add_rule(desk, "lamp", now, tag("lamp"))
    store(damaged, **values)
    ticket = ticket_in(desk, "new", "A lamp", now)
    assert sweeps.wake_tickets(now)["failed"] == 0
    assert tags(ticket) == ["lamp"]
    assert f"rule {damaged.id} cannot be read" in caplog.text
    assert rules.fault(db.session.get_one(Rule, damaged.id, populate_existing=True))


def test_a_rule_that_the_database_refuses_to_ask_stops_no_other(
    desk: SmallDesk, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = add_rule(desk, "lamp", now, tag("never"))
    add_rule(desk, "lamp", now, tag("lamp"))
    store(damaged, query={"field": "team", "operator": ":", "values": [2**70]})
    ones = [ticket_in(desk, "new", f"A lamp {n}", now) for n in range(3)]
    assert sweeps.wake_tickets(now)["failed"] == 0
    assert [tags(one) for one in ones] == [["lamp"]] * 3
    again = db.session.get_one(Rule, damaged.id, populate_existing=True)
    assert again.failed_at == now
    assert (again.failure or "").startswith(("OverflowError: ", "DataError: "))
    assert f"rule {damaged.id} cannot be asked" in caplog.text


def test_a_rule_that_throws_while_it_acts_stops_no_other_and_is_tried_again(
    desk: SmallDesk, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = add_rule(desk, "lamp", now, {"kind": "assign", "person_id": desk.bob.id})
    add_rule(desk, "lamp", now, tag("lamp"))
    store(damaged, actions=[{"kind": "assign", "person_id": 2**70}])  # more than either database can look up
    first, second = ticket_in(desk, "new", "A lamp", now), ticket_in(desk, "new", "A sofa", now)
    assert sweeps.wake_tickets(now)["failed"] == 0
    assert (tags(first), tags(second)) == (["lamp"], [])
    assert fresh(first).wake_at == now + RETRY_FOR
    assert f"rule {damaged.id} failed on ticket {first.id}" in caplog.text
    assert db.session.get_one(Rule, damaged.id, populate_existing=True).failed_at == now

    with writing(desk.row) as row:
        mended = db.session.get_one(Rule, damaged.id)
        then = [{"kind": "assign", "person_id": desk.bob.id}]
        rules.save(row, mended, name="Lamps", text="lamp", then=then, by=CLOCK, now=now)
    assert mended.failed_at is mended.failure is None
    sweeps.wake_tickets(now + RETRY_FOR)
    assert fresh(first).assignee_id == desk.bob.id
    assert sorted(firings()) == [(first.id, 1), (first.id, 1)]


def test_an_alert_that_fails_does_not_stop_the_others(
    desk: SmallDesk, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    for n in range(3):
        ticket_in(desk, "new", f"Urgent {n}", TUESDAY_NIGHT, priority=URGENT)
    sweeps.wake_tickets(TUESDAY_NIGHT)
    broken = alerts()[0]
    with writing(desk.board):
        broken.kind = "nothing that has a title"
    assert sweeps.wake_alerts(TUESDAY_NIGHT) == Counter(told=2, failed=1)
    assert alerts()[0].wake_at == TUESDAY_NIGHT + RETRY_FOR
    assert f"alert {broken.id} failed" in caplog.text


def test_any_number_may_sweep_at_once(app: Flask, desk: SmallDesk, now: datetime) -> None:
    """At a hand-over, with an alert that somebody had acknowledged and a new urgent ticket."""
    publish(desk, [desk.bob, desk.erin, desk.alice], now)
    sweeps.hand_over(now)
    early = MONDAY_HAND_OVER - HOUR
    old = ticket_in(desk, "new", "All lights are out", early, priority=URGENT)
    sweeps.everything(early)
    with writing(desk.board) as board:
        desk_alerts.acknowledge(board, db.session.get_one(Alert, alerts()[0].id), person=desk.bob, now=early)
    new = ticket_in(desk, "new", "The door is stuck", MONDAY_HAND_OVER - MINUTE, priority=URGENT)

    def sweep(_: int) -> None:
        with app.app_context():
            sweeps.everything(MONDAY_HAND_OVER)
            db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sweep, range(4)))
    db.session.rollback()
    assert [(a.ticket_id, a.state) for a in alerts()] == [(old.id, "open"), (new.id, "open")]
    assert told() == ["Bob", "Erin", "Erin"]
    assert _kinds("duty.changed", "shift.started") == Counter({"duty.changed": 2, "shift.started": 4})


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["sweep", "resolved", "open", "waiting", "low", "urgent", "hand over"]),
            st.integers(min_value=1, max_value=300),
        ),
        max_size=12,
    )
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_nothing_is_doubled(
    desk: SmallDesk, now: datetime, steps: list[tuple[str, int]]
) -> None:
    """One alert for a deadline, one page for a step, one firing for an episode; and nothing is due when all is done."""
    if not rules.in_order():
        publish(desk, [desk.bob, desk.erin], now)
        add_rule(desk, "is:waiting", now, tag("sent"))
    at = now
    ticket = ticket_in(desk, "new", "A lamp", now)
    for what, minutes in steps:
        at += minutes * MINUTE
        if what in desk.columns:
            _move(desk, ticket, what, at)
        elif what in ("low", "urgent"):
            _prioritise(desk, ticket, LOW if what == "low" else URGENT, at)
        sweeps.everything(at)
        sweeps.everything(at)
    sweeps.everything(at)
    again_at = fresh(ticket).wake_at
    assert again_at is None or again_at > at
    pages = select(Event.changes, Event.at).where(Event.kind == "alert.paged")
    counted = Counter(
        (changes["alert"], changes["new"], told_at) for changes, told_at in db.session.execute(pages)
    )
    assert all(count == 1 for count in counted.values())


def _kinds(*kinds: str) -> Counter[str]:
    return Counter(db.session.scalars(select(Event.kind).where(Event.kind.in_(kinds))))


def _from_a_robot(desk: SmallDesk, now: datetime, **values: Any) -> Ticket:
    ticket = ticket_in(desk, "new", "Out of office", now, **values)
    with writing(desk.board):
        fresh(ticket).automatic = True  # no message of the customer's own has joined it
    return ticket


def _by_bob(desk: SmallDesk) -> By:
    return By("person", desk.bob.id)


def _move(desk: SmallDesk, ticket: Ticket, state: str, now: datetime) -> None:
    with writing(desk.board) as board:
        tickets.move(board, fresh(ticket), to=desk.columns[state].id, by=_by_bob(desk), now=now)


def _prioritise(desk: SmallDesk, ticket: Ticket, to: int, now: datetime) -> None:
    with writing(desk.board) as board:
        tickets.prioritise(board, fresh(ticket), to, by=_by_bob(desk), now=now)


def _assign(desk: SmallDesk, ticket: Ticket, person_id: int | None, now: datetime) -> None:
    with writing(desk.board) as board:
        tickets.assign(board, fresh(ticket), person_id, by=_by_bob(desk), now=now)


def _remove_tag(desk: SmallDesk, ticket: Ticket, name: str, now: datetime) -> None:
    with writing(desk.board) as board:
        tickets.remove_tag(board, fresh(ticket), name, by=_by_bob(desk), now=now)


def test_a_change_of_what_tickets_are_judged_by_wakes_them_a_few_at_a_time(
    desk: SmallDesk, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest first, so that what somebody does meanwhile does not wait behind them; who is due sooner stays so."""
    monkeypatch.setattr(waking, "AT_ONCE", 1)
    old, middle, new = [ticket_in(desk, "new", "Hello", now) for _ in range(3)]
    sweeps.everything(now)
    bookkeeping(update(Ticket).where(Ticket.id == old.id).values(wake_at=now + SECOND))
    later = now + SECOND
    sweeps.judge_anew(later)
    assert [fresh(one).wake_at for one in (new, middle, old)] == [later, later + SECOND, later]


def test_a_rule_that_time_makes_true_for_resolved_tickets_looks_at_those_there_are(
    desk: SmallDesk, now: datetime
) -> None:
    resolved = ticket_in(desk, "resolved", "Thanks", now)
    sweeps.everything(now)
    rule = add_rule(desk, "is:resolved since>7d", now + HOUR, tag("old"))
    sweeps.judge_anew(now + HOUR, rule)
    sweeps.everything(now + HOUR)
    assert tags(resolved) == []
    assert fresh(resolved).wake_at == now + timedelta(days=7, microseconds=1)
    sweeps.everything(now + timedelta(days=7, microseconds=1))
    assert tags(resolved) == ["old"]
