"""A round of rules for one ticket, and what becomes of the actions it owes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.actions import (
    Action,
    ActionError,
    AddNote,
    AddTag,
    Assign,
    AssignFromTeam,
    AssignOnCall,
    Move,
    MoveToBoard,
    RemoveTag,
    Reply,
    SetPriority,
    SetVip,
    Snooze,
    SnoozeUntilOpen,
    TellTeam,
    from_json,
    kinds,
    slot_of,
    to_json,
)
from rules.plan import (
    DONE_ALREADY,
    NO_LONGER_HOLDS,
    OVERRULED,
    PERSON_FASTER,
    Change,
    Dropped,
    Firing,
    Owed,
    Plan,
    Slot,
    State,
    effective,
    plan,
    settle_owed,
)
from rules.query import And
from rules.rule import Rule

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
TAG, HIGH, URGENT, ANNA, BOB, ON_CALL = (
    AddTag("refund"),
    SetPriority("high"),
    SetPriority("urgent"),
    Assign(1),
    Assign(2),
    AssignOnCall(),
)


def rule(id: int, *actions: Action, **more: Any) -> Rule:
    return Rule(id, more.pop("position", id), f"rule {id}", And(()), actions, **more)


def planned(rules: list[Rule], truth: Mapping[int, bool], states: Mapping[int, State] | None = None) -> Plan:
    return plan(rules, truth, states or {}, {}, NOW)


def rounds(one: Rule, *truths: bool) -> list[int]:
    """The episodes in which a rule fires when its query goes through `truths`."""
    states: Mapping[int, State] = {}
    fired = []
    for truth in truths:
        result = planned([one], {one.id: truth}, states)
        states = result.states
        fired += [firing.episode for firing in result.firings]
    return fired


@pytest.mark.parametrize(
    ("once_per", "truths", "episodes"),
    [
        ("episode", [False, False], []),
        ("episode", [True], [1]),
        ("episode", [True, True, True], [1]),
        ("episode", [True, False, True, True, False, True], [1, 2, 3]),
        ("ticket", [True, False, True], [1]),
        ("ticket", [False, True, False, True], [1]),
    ],
)
def test_a_rule_acts_when_an_episode_begins(once_per: Any, truths: list[bool], episodes: list[int]) -> None:
    assert rounds(rule(1, TAG, once_per=once_per), *truths) == episodes


def test_states_count_episodes_and_only_changes_are_stored() -> None:
    before = {1: State(True, 2), 2: State(False, 1), 3: State(True, 1), 9: State(True, 4)}
    result = planned([rule(1), rule(2), rule(3), rule(4)], {1: True, 2: True, 3: False, 4: False}, before)
    assert result.states == {
        1: State(True, 2),
        2: State(True, 2),
        3: State(False, 1),
        4: State(False, 0),
        9: State(True, 4),
    }
    assert result.changed == {2, 3}


def test_a_rule_switched_on_for_new_matches_only_waits_for_the_next_episode() -> None:
    one = rule(1, TAG, once_per="ticket")
    seeded = {1: State(holds=True, episode=0)}
    assert planned([one], {1: True}, seeded).firings == ()
    ended = planned([one], {1: False}, seeded).states
    assert planned([one], {1: True}, ended).firings == (Firing(one, 1, (TAG,), ()),)


def test_rules_go_by_position_and_a_later_one_wins_its_field() -> None:
    rules = [
        rule(1, HIGH, ANNA, TAG, position=3),
        rule(2, URGENT, TAG, ON_CALL, position=1),
        rule(3, AddTag(5), position=2),
    ]
    result = planned(rules, {1: True, 2: True, 3: True})
    assert [firing.rule.id for firing in result.firings] == [2, 3, 1]
    assert result.changes == (
        Change(2, 1, TAG),
        Change(3, 1, AddTag(5)),
        Change(1, 1, HIGH),
        Change(1, 1, ANNA),
    )


def test_rules_of_one_position_go_by_id() -> None:
    result = planned([rule(2, BOB, position=1), rule(1, ANNA, position=1)], {1: True, 2: True})
    assert result.changes == (Change(2, 1, BOB),)


def test_a_disabled_rule_is_passed_over_and_keeps_its_state() -> None:
    result = planned(
        [rule(1, TAG, enabled=False, stop_after=True), rule(2, HIGH)], {2: True}, {1: State(True, 1)}
    )
    assert [firing.rule.id for firing in result.firings] == [2]
    assert result.states[1] == State(True, 1)
    assert result.stopped_by is None


def test_a_stopping_rule_holds_the_others_back_until_it_no_longer_holds() -> None:
    rules = [rule(1, ANNA, stop_after=True), rule(2, BOB), rule(3, HIGH)]
    before = {3: State(True, 1)}
    first = planned(rules, {1: True, 2: True, 3: False}, before)
    assert first.changes == (Change(1, 1, ANNA),)
    assert first.stopped_by == 1
    assert first.states == {1: State(True, 1), 3: State(True, 1)}
    second = planned(rules, {1: True, 2: True, 3: False}, first.states)
    assert (second.changes, second.stopped_by) == ((), 1)
    third = planned(rules, {1: False, 2: True, 3: False}, second.states)
    assert third.changes == (Change(2, 1, BOB),)
    assert third.states == {1: State(False, 1), 2: State(True, 1), 3: State(False, 1)}


def test_a_stopping_rule_that_does_not_hold_stops_nothing() -> None:
    result = planned([rule(1, ANNA, stop_after=True), rule(2, BOB)], {1: False, 2: True})
    assert result.changes == (Change(2, 1, BOB),)


@pytest.mark.parametrize(
    ("guards", "at_once", "owed"),
    [
        ({}, (HIGH, ANNA, TAG), ()),
        ({"priority": LATER}, (ANNA, TAG), (HIGH,)),
        ({"priority": LATER, "assignee": LATER, "tags:refund": LATER}, (), (HIGH, ANNA, TAG)),
        ({"tags:other": LATER}, (HIGH, ANNA, TAG), ()),
        ({"priority": NOW}, (HIGH, ANNA, TAG), ()),
        ({"column": LATER}, (HIGH, ANNA, TAG), ()),
    ],
)
def test_what_a_person_has_just_set_is_left_alone(
    guards: dict[Slot, datetime], at_once: tuple[Action, ...], owed: tuple[Action, ...]
) -> None:
    one = rule(1, HIGH, ANNA, TAG)
    result = plan([one], {1: True}, {}, guards, NOW)
    expected = tuple(Owed(1, 1, action, NOW, LATER) for action in owed)
    assert result.firings == (Firing(one, 1, at_once, expected),)
    assert {change.action for change in result.changes} == set(at_once)


HOLDS = {1: State(True, 1)}
SOON = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("states", "set_at", "now", "becomes"),
    [
        (HOLDS, {}, LATER - SOON, "waiting"),
        (HOLDS, {}, LATER, "done"),
        (HOLDS, {"assignee": NOW + SOON}, LATER, "done"),
        (HOLDS, {"priority": NOW}, LATER, "done"),
        (HOLDS, {"priority": NOW + SOON}, LATER, PERSON_FASTER),
        (HOLDS, {"priority": NOW + SOON}, NOW + SOON, PERSON_FASTER),
        ({1: State(False, 1)}, {}, NOW, NO_LONGER_HOLDS),
        ({1: State(True, 2)}, {}, LATER, NO_LONGER_HOLDS),
        ({}, {}, LATER, NO_LONGER_HOLDS),
    ],
)
def test_what_is_owed_is_done_in_time_or_dropped(
    states: dict[int, State], set_at: dict[Slot, datetime], now: datetime, becomes: str
) -> None:
    owed = Owed(1, 1, HIGH, NOW, LATER)
    settled = settle_owed([owed], states, set_at, now)
    assert settled.waiting == ((owed,) if becomes == "waiting" else ())
    assert settled.changes == ((Change(1, 1, HIGH),) if becomes == "done" else ())
    assert settled.dropped == (() if becomes in ("waiting", "done") else (Dropped(1, 1, HIGH, becomes),))


def test_who_waited_for_the_sweep_was_faster_too() -> None:
    """They chose before the sweep planned, by their own clock, and could write it down only after it."""
    owed = Owed(1, 1, HIGH, NOW, NOW + timedelta(seconds=20))
    settled = settle_owed([owed], HOLDS, {"priority": NOW - SOON}, owed.due_at)
    assert [one.reason for one in settled.dropped] == [PERSON_FASTER]


def test_of_several_owed_for_one_field_the_last_wins() -> None:
    owed = [Owed(1, 1, HIGH, NOW, LATER), Owed(2, 1, URGENT, NOW, LATER), Owed(2, 1, TAG, NOW, LATER)]
    settled = settle_owed(owed, {1: State(True, 1), 2: State(True, 1)}, {}, LATER)
    assert settled.changes == (Change(2, 1, URGENT), Change(2, 1, TAG))
    assert settled.dropped == (Dropped(1, 1, HIGH, OVERRULED),)


def test_a_rule_that_has_fired_too_often_keeps_its_state() -> None:
    """It stops nothing either, and fires when it may again."""
    rules = [rule(1, TAG, stop_after=True), rule(2, HIGH)]
    result = plan(rules, {1: True, 2: True}, {}, {}, NOW, {1})
    assert (result.held, [firing.rule.id for firing in result.firings]) == ((1,), [2])
    assert result.states == {2: State(True, 1)}
    assert plan(rules, {1: True, 2: True}, result.states, {}, NOW).changes == (Change(1, 1, TAG),)


@pytest.mark.parametrize(
    ("given", "won", "lost"),
    [
        ([(1, HIGH), (2, URGENT)], [(2, URGENT)], [(1, HIGH, OVERRULED)]),
        ([(1, HIGH), (2, HIGH)], [(1, HIGH)], [(2, HIGH, DONE_ALREADY)]),
        ([(1, HIGH), (2, URGENT), (3, HIGH)], [(3, HIGH)], [(1, HIGH, OVERRULED), (2, URGENT, OVERRULED)]),
        ([(1, ANNA), (2, HIGH), (3, ON_CALL)], [(2, HIGH), (3, ON_CALL)], [(1, ANNA, OVERRULED)]),
        ([(1, TAG), (2, RemoveTag("refund"))], [(2, RemoveTag("refund"))], [(1, TAG, OVERRULED)]),
        (
            [(1, Snooze("1h")), (2, SnoozeUntilOpen())],
            [(2, SnoozeUntilOpen())],
            [(1, Snooze("1h"), OVERRULED)],
        ),
        ([(1, Reply("a")), (2, Reply("b"))], [(2, Reply("b"))], [(1, Reply("a"), OVERRULED)]),
        ([(1, AddNote("a")), (2, AddNote("b"))], [(1, AddNote("a")), (2, AddNote("b"))], []),
        ([(1, TellTeam(1)), (2, TellTeam(1))], [(1, TellTeam(1))], [(2, TellTeam(1), DONE_ALREADY)]),
        ([(1, TAG), (2, AddTag("b")), (3, TAG)], [(1, TAG), (2, AddTag("b"))], [(3, TAG, DONE_ALREADY)]),
    ],
)
def test_a_later_action_wins_its_slot(given: Any, won: Any, lost: Any) -> None:
    changes, dropped = effective([Change(id, 1, action) for id, action in given])
    assert changes == tuple(Change(id, 1, action) for id, action in won)
    assert dropped == tuple(Dropped(id, 1, action, reason) for id, action, reason in lost)


_actions = st.sampled_from([TAG, AddTag("b"), RemoveTag("b"), HIGH, URGENT, ANNA, BOB, ON_CALL, AddNote("a")])
_rules = st.builds(
    lambda id, position, actions, once, stop, on: Rule(id, position, "r", And(()), actions, once, stop, on),
    st.integers(1, 5),
    st.integers(1, 3),
    st.lists(_actions, max_size=3).map(tuple),
    st.sampled_from(["episode", "ticket"]),
    st.booleans(),
    st.booleans(),
)


@given(
    st.lists(_rules, max_size=5, unique_by=lambda rule: rule.id),
    st.lists(st.fixed_dictionaries({id: st.booleans() for id in range(1, 6)}), max_size=6),
    st.dictionaries(st.sampled_from(["tags:b", "priority", "assignee"]), st.sampled_from([NOW, LATER])),
)
@settings(max_examples=200, deadline=None)
def test_a_rule_never_fires_twice_in_an_episode(
    rules: list[Rule], truths: list[dict[int, bool]], guards: Any
) -> None:
    states: Mapping[int, State] = {}
    fired: set[tuple[int, int]] = set()
    for truth in truths:
        result = plan(rules, truth, states, guards, NOW)
        assert result == plan(reversed(rules), truth, states, guards, NOW)
        for firing in result.firings:
            key = (firing.rule.id, firing.episode)
            assert key not in fired
            assert truth[firing.rule.id]
            assert firing.rule.enabled
            assert firing.rule.once_per == "episode" or firing.episode == 1
            assert len(firing.actions) + len(firing.owed) == len(firing.rule.actions)
            fired.add(key)
        slots = [slot_of(change.action) for change in result.changes]
        assert len(slots) == len(set(slots))
        assert all(guards.get(slot, NOW) <= NOW for slot in slots)
        at_once = [action for firing in result.firings for action in firing.actions]
        assert len(result.changes) + len(result.dropped) == len(at_once)
        assert all(result.states[id].episode >= states.get(id, State()).episode for id in result.states)
        states = result.states


@pytest.mark.parametrize(
    "action",
    [
        TAG,
        AddTag(3),
        HIGH,
        ANNA,
        ON_CALL,
        AssignOnCall(True),
        AssignFromTeam(1),
        AssignFromTeam(1, "load", True),
        SetVip(False),
        Move("waiting"),
        MoveToBoard(2),
        Snooze("1d2h"),
        Reply("Hello {customer.name}", {"ko": "안녕"}),
    ],
)
def test_an_action_and_its_json_are_the_same(action: Action) -> None:
    data = to_json(action)
    assert from_json(data) == action
    assert data["kind"] in kinds()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "an action of an unknown kind"),
        ({}, "an action of an unknown kind"),
        ({"kind": []}, "an action of an unknown kind"),
        ({"kind": "explode"}, "an action of an unknown kind"),
        ({"kind": "add_tag"}, "the action `add_tag` has other details"),
        ({"kind": "assign_on_call", "person_id": 1}, "the action `assign_on_call` has other details"),
        ({"kind": "add_tag", "tag": " "}, "a tag to add is missing"),
        ({"kind": "add_tag", "tag": None}, "a tag to add is missing"),
        ({"kind": "add_tag", "tag": 0}, "a tag to add is missing"),
        ({"kind": "set_priority", "priority": "highest"}, "`highest` is not a priority"),
        ({"kind": "set_priority", "priority": []}, "a priority is missing"),
        ({"kind": "set_priority", "priority": ["low"]}, "`['low']` is not a priority"),
        ({"kind": "assign", "person_id": "1"}, "a person to assign to is missing"),
        ({"kind": "assign", "person_id": True}, "a person to assign to is missing"),
    ],
)
def test_a_wrong_action_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ActionError) as caught:
        from_json(data)
    assert str(caught.value) == message
