"""Deadlines: the rules of the clock as tables and stories. The week is Monday 2 March 2026, Berlin, 09:00-18:00."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deadlines import (
    FIRST_RESPONSE,
    NEXT_RESPONSE,
    RESOLUTION,
    Deadline,
    Facts,
    Policy,
    deadlines,
    look_again_at,
    next_deadline,
)
from rules.hours import Calendar, after, between

HOUR = 3600
OFFICE = dict.fromkeys(range(5), (("09:00", "18:00"),))
BERLIN = Calendar("Europe/Berlin", OFFICE)
POLICY = Policy(
    targets={
        "normal": {FIRST_RESPONSE: 4 * HOUR, NEXT_RESPONSE: 2 * HOUR, RESOLUTION: 16 * HOUR},
        "urgent": {FIRST_RESPONSE: HOUR, RESOLUTION: 8 * HOUR},
        "low": {RESOLUTION: 40 * HOUR},
    },
    warn_percent=75,
    round_the_clock={"urgent": 30 * 60},
)


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def maybe(text: str | None) -> datetime | None:
    return None if text is None else at(text)


def facts(
    arrived: str, priority: str = "normal", states: Mapping[str, str] | None = None, **more: object
) -> Facts:
    """Facts from wall-clock texts: states maps the instant to the state."""
    history = tuple((state, at(since)) for since, state in (states or {}).items())
    instants = {key: at(value) if isinstance(value, str) else value for key, value in more.items()}
    return Facts(arrived_at=at(arrived), priority=priority, states=history, **instants)  # type: ignore[arg-type]


def one(
    kind: str, given_facts: Facts, now: str, calendar: Calendar = BERLIN, policy: Policy = POLICY
) -> Deadline:
    (found,) = (d for d in deadlines(given_facts, policy, calendar, at(now)) if d.kind == kind)
    return found


@pytest.mark.parametrize(
    ("arrived", "due", "warn"),
    [
        ("2026-03-02 10:00", "2026-03-02 14:00", "2026-03-02 13:00"),
        (
            "2026-03-02 14:00",
            "2026-03-02 18:00",
            "2026-03-02 17:00",
        ),  # exactly at closing time: not the next morning
        ("2026-03-02 14:00:01", "2026-03-03 09:00:01", "2026-03-02 17:00:01"),
        ("2026-03-02 15:00", "2026-03-03 10:00", "2026-03-02 18:00"),
        ("2026-03-02 20:00", "2026-03-03 13:00", "2026-03-03 12:00"),
        ("2026-03-06 17:00", "2026-03-09 12:00", "2026-03-09 11:00"),
        ("2026-03-07 03:00", "2026-03-09 13:00", "2026-03-09 12:00"),
        ("2026-03-27 17:00", "2026-03-30 12:00", "2026-03-30 11:00"),  # over the change of the clocks
        ("2026-12-31 17:00", "2027-01-01 12:00", "2027-01-01 11:00"),
    ],
)
def test_first_response_counts_working_time_from_arrival(arrived: str, due: str, warn: str) -> None:
    found = one(FIRST_RESPONSE, facts(arrived), arrived)
    assert (found.state, found.due_at, found.warn_at) == ("running", at(due), at(warn))
    assert (found.target_for, found.left_for, found.met_at) == (4 * HOUR, None, None)


@pytest.mark.parametrize(
    ("now", "warned", "breached"),
    [
        ("2026-03-02 12:59:59", False, False),
        ("2026-03-02 13:00", True, False),
        ("2026-03-02 13:59:59", True, False),
        ("2026-03-02 14:00", True, True),
        ("2026-04-02 14:00", True, True),
    ],
)
def test_an_unanswered_ticket_warns_then_breaks(now: str, warned: bool, breached: bool) -> None:
    found = one(FIRST_RESPONSE, facts("2026-03-02 10:00"), now)
    assert (found.state, found.warned, found.breached) == ("running", warned, breached)
    assert found.due_at == at("2026-03-02 14:00")


@pytest.mark.parametrize(
    ("answered", "closed", "now", "state", "warned", "breached"),
    [
        ("2026-03-02 11:00", None, "2026-03-02 12:00", "met", False, False),
        ("2026-03-02 13:30", None, "2026-03-02 13:30", "met", True, False),
        ("2026-03-02 14:00", None, "2026-03-05 12:00", "met", True, False),  # in the very second
        ("2026-03-02 14:00:01", None, "2026-03-05 12:00", "missed", True, True),
        ("2026-03-02 11:00", "2026-03-02 12:00", "2026-03-09 12:00", "met", False, False),
        (
            "2026-03-03 11:00",
            "2026-03-02 12:00",
            "2026-03-09 12:00",
            "missed",
            True,
            True,
        ),  # answered when closed
        (None, "2026-03-02 12:00", "2026-03-09 12:00", "closed_unanswered", False, False),
        (None, "2026-03-02 13:30", "2026-03-09 12:00", "closed_unanswered", True, False),
        (None, "2026-03-02 16:00", "2026-03-09 12:00", "closed_unanswered", True, True),
        (
            "2026-03-05 11:00",
            None,
            "2026-03-02 12:00",
            "running",
            False,
            False,
        ),  # not answered yet at that time
        (None, "2026-03-05 11:00", "2026-03-02 12:00", "running", False, False),
    ],
)
def test_how_a_first_response_ends(
    answered: str | None, closed: str | None, now: str, state: str, warned: bool, breached: bool
) -> None:
    ticket = facts("2026-03-02 10:00", first_answered_at=maybe(answered), closed_at=maybe(closed))
    found = one(FIRST_RESPONSE, ticket, now)
    assert (found.state, found.warned, found.breached) == (state, warned, breached)
    assert found.due_at == at("2026-03-02 14:00")
    assert found.met_at == (maybe(answered) if state in ("met", "missed") else None)


def test_waiting_does_not_pause_a_first_response() -> None:
    ticket = facts("2026-03-02 10:00", states={"2026-03-02 10:30": "waiting"})
    assert one(FIRST_RESPONSE, ticket, "2026-03-02 13:00").due_at == at("2026-03-02 14:00")


def test_reopening_resumes_a_first_response_from_the_same_start() -> None:
    closed = {"2026-03-02 10:30": "resolved"}
    reopened = closed | {"2026-03-04 10:00": "open"}
    before = one(FIRST_RESPONSE, facts("2026-03-02 10:00", states=closed), "2026-03-03 10:00")
    again = one(FIRST_RESPONSE, facts("2026-03-02 10:00", states=reopened), "2026-03-04 10:00")
    assert (before.state, before.breached) == ("closed_unanswered", False)
    assert (again.state, again.breached, again.due_at) == ("running", True, at("2026-03-02 14:00"))


@pytest.mark.parametrize(
    ("arrived", "priority", "due", "around_the_clock"),
    [
        ("2026-03-02 23:00", "urgent", "2026-03-02 23:30", True),
        ("2026-03-07 12:00", "urgent", "2026-03-07 12:30", True),
        ("2026-03-02 08:45", "urgent", "2026-03-02 09:15", True),
        ("2026-03-02 18:00", "urgent", "2026-03-02 18:30", True),  # closing time is closed
        ("2026-03-29 01:45", "urgent", "2026-03-29 03:15", True),  # through the skipped hour
        ("2026-03-02 09:00", "urgent", "2026-03-02 10:00", False),
        (
            "2026-03-02 17:30",
            "urgent",
            "2026-03-03 09:30",
            False,
        ),  # arrived in hours: it waits for the morning
        ("2026-03-02 23:00", "normal", "2026-03-03 13:00", False),
    ],
)
def test_what_arrives_out_of_hours_is_answered_round_the_clock(
    arrived: str, priority: str, due: str, around_the_clock: bool
) -> None:
    found = one(FIRST_RESPONSE, facts(arrived, priority), arrived)
    assert (found.due_at, found.around_the_clock) == (at(due), around_the_clock)
    assert found.explanation[0].kind == ("round_the_clock" if around_the_clock else "target")
    if around_the_clock:
        assert found.target_for == 30 * 60
        assert found.warn_at == at(arrived) + timedelta(seconds=30 * 60 * 3 // 4)


def test_round_the_clock_stands_in_for_a_missing_first_response_target() -> None:
    policy = Policy(targets={}, round_the_clock={"urgent": 1800})
    night, day = facts("2026-03-02 23:00", "urgent"), facts("2026-03-02 11:00", "urgent")
    assert [d.kind for d in deadlines(night, policy, BERLIN, at("2026-03-02 23:00"))] == [FIRST_RESPONSE]
    assert deadlines(day, policy, BERLIN, at("2026-03-02 23:00")) == ()


@pytest.mark.parametrize(
    ("states", "now", "state", "due", "left"),
    [
        ({}, "2026-03-02 12:00", "running", "2026-03-03 17:00", None),
        ({"2026-03-02 10:00": "open"}, "2026-03-02 12:00", "running", "2026-03-03 17:00", None),
        ({"2026-03-02 11:00": "open"}, "2026-03-09 12:00", "running", "2026-03-03 17:00", None),
        # Waiting on the customer: the clock stands, however long.
        ({"2026-03-02 12:00": "waiting"}, "2026-03-02 13:00", "paused", None, 14 * HOUR),
        ({"2026-03-02 12:00": "waiting"}, "2026-06-02 13:00", "paused", None, 14 * HOUR),
        # Two working hours of pause move it by two working hours.
        (
            {"2026-03-02 12:00": "waiting", "2026-03-02 14:00": "open"},
            "2026-03-02 15:00",
            "running",
            "2026-03-04 10:00",
            None,
        ),
        # A pause at night costs nothing.
        (
            {"2026-03-02 19:00": "waiting", "2026-03-03 08:00": "open"},
            "2026-03-03 09:00",
            "running",
            "2026-03-03 17:00",
            None,
        ),
        # Waiting, then resolved, then reopened: one long pause.
        (
            {"2026-03-02 12:00": "waiting", "2026-03-02 13:00": "resolved", "2026-03-03 12:00": "open"},
            "2026-03-03 13:00",
            "running",
            "2026-03-04 17:00",
            None,
        ),
        ({"2026-03-02 10:00": "waiting"}, "2026-03-02 15:00", "paused", None, 16 * HOUR),
        (
            {"2026-03-02 09:00": "open", "2026-03-02 12:00": "waiting"},
            "2026-03-02 15:00",
            "paused",
            None,
            14 * HOUR,
        ),
        # Broken before the pause: it stays so, and stays to be seen.
        ({"2026-03-04 10:00": "waiting"}, "2026-03-05 10:00", "paused", "2026-03-03 17:00", 0),
        # The last second was used when the pause began: nothing is left, nothing was broken.
        ({"2026-03-03 17:00": "waiting"}, "2026-03-05 10:00", "paused", None, 0),
        (
            {"2026-03-03 17:00": "waiting", "2026-03-05 10:00": "open"},
            "2026-03-05 10:00",
            "running",
            "2026-03-05 10:00",
            None,
        ),
        # What comes later than now has not happened.
        ({"2026-03-02 12:00": "waiting"}, "2026-03-02 11:00", "running", "2026-03-03 17:00", None),
    ],
)
def test_resolution_pauses(
    states: dict[str, str], now: str, state: str, due: str | None, left: int | None
) -> None:
    found = one(RESOLUTION, facts("2026-03-02 10:00", states=states), now)
    assert (found.state, found.due_at, found.left_for) == (state, maybe(due), left)
    assert found.breached is (found.due_at is not None and found.due_at <= at(now))


@pytest.mark.parametrize(
    ("states", "state", "due", "breached"),
    [
        ({"2026-03-02 12:00": "resolved"}, "met", "2026-03-03 17:00", False),
        ({"2026-03-02 12:00": "archived"}, "met", "2026-03-03 17:00", False),
        ({"2026-03-02 12:00": "resolved", "2026-03-05 12:00": "archived"}, "met", "2026-03-03 17:00", False),
        ({"2026-03-03 17:00": "resolved"}, "met", "2026-03-03 17:00", False),
        ({"2026-03-03 17:00:01": "resolved"}, "missed", "2026-03-03 17:00", True),
        ({"2026-03-05 12:00": "resolved"}, "missed", "2026-03-03 17:00", True),
        ({"2026-03-02 12:00": "waiting", "2026-03-05 12:00": "resolved"}, "met", "2026-03-03 17:00", False),
        (
            {"2026-03-02 12:00": "waiting", "2026-03-02 14:00": "open", "2026-03-03 12:00": "resolved"},
            "met",
            "2026-03-04 10:00",
            False,
        ),
        ({"2026-03-02 10:00": "waiting", "2026-03-05 12:00": "resolved"}, "met", None, False),
        ({"2026-03-02 10:00": "resolved"}, "met", None, False),
    ],
)
def test_how_a_resolution_ends(states: dict[str, str], state: str, due: str | None, breached: bool) -> None:
    found = one(RESOLUTION, facts("2026-03-02 10:00", states=states), "2026-03-09 12:00")
    assert (found.state, found.due_at, found.breached) == (state, maybe(due), breached)
    closed = next(since for since, name in states.items() if name in ("resolved", "archived"))
    assert found.met_at == at(closed)


def test_a_reopened_ticket_has_a_resolution_deadline_again() -> None:
    states = {"2026-03-02 12:00": "resolved", "2026-03-04 12:00": "open"}
    again = one(RESOLUTION, facts("2026-03-02 10:00", states=states), "2026-03-04 13:00")
    # Two hours were used on Monday, fourteen are left: six on Wednesday, eight on Thursday.
    assert (again.state, again.due_at, again.met_at) == ("running", at("2026-03-05 17:00"), None)


def test_closed_without_a_column_is_closed() -> None:
    """Spam: the ticket is closed while its column still says new."""
    spam = facts("2026-03-02 10:00", closed_at="2026-03-02 11:00")
    assert one(RESOLUTION, spam, "2026-03-09 12:00").state == "met"
    assert one(FIRST_RESPONSE, spam, "2026-03-09 12:00").state == "closed_unanswered"
    assert next_deadline(deadlines(spam, POLICY, BERLIN, at("2026-03-09 12:00"))) is None


@pytest.mark.parametrize(
    ("more", "now", "expected"),
    [
        ({}, "2026-03-02 11:00", None),  # before the first answer it is the first response
        ({"first_answered_at": "2026-03-02 11:00"}, "2026-03-02 12:00", None),  # nobody waits
        (
            {"first_answered_at": "2026-03-02 11:00", "waiting_since": "2026-03-02 13:00"},
            "2026-03-02 13:30",
            ("running", "2026-03-02 15:00"),
        ),
        (
            {"first_answered_at": "2026-03-02 11:00", "waiting_since": "2026-03-02 17:00"},
            "2026-03-03 13:30",
            ("running", "2026-03-03 10:00"),
        ),
        (
            {
                "first_answered_at": "2026-03-02 11:00",
                "waiting_since": "2026-03-02 13:00",
                "states": {"2026-03-02 11:00": "waiting", "2026-03-02 14:00": "open"},
            },
            "2026-03-02 14:30",
            ("running", "2026-03-02 16:00"),
        ),
        (
            {
                "first_answered_at": "2026-03-02 11:00",
                "waiting_since": "2026-03-02 13:00",
                "states": {"2026-03-02 14:00": "resolved"},
            },
            "2026-03-02 19:30",
            ("paused", None),
        ),
    ],
)
def test_next_response(more: dict[str, object], now: str, expected: tuple[str, str | None] | None) -> None:
    found = [
        d
        for d in deadlines(facts("2026-03-02 10:00", **more), POLICY, BERLIN, at(now))
        if d.kind == NEXT_RESPONSE
    ]  # type: ignore[arg-type]
    assert [(d.state, d.due_at) for d in found] == ([(expected[0], maybe(expected[1]))] if expected else [])


def test_automatic_mail_has_no_deadlines_and_the_policy_may_be_silent() -> None:
    now = at("2026-03-02 12:00")
    assert deadlines(facts("2026-03-02 10:00", automatic=True), POLICY, BERLIN, now) == ()
    assert deadlines(facts("2026-03-02 10:00", "high"), POLICY, BERLIN, now) == ()
    assert [d.kind for d in deadlines(facts("2026-03-02 10:00", "low"), POLICY, BERLIN, now)] == [RESOLUTION]


def test_the_nearest_running_deadline_is_the_next_one() -> None:
    ticket = facts("2026-03-02 10:00")
    found = deadlines(ticket, POLICY, BERLIN, at("2026-03-02 12:00"))
    shown = next_deadline(found)
    assert shown is not None
    assert shown.kind == FIRST_RESPONSE

    answered = facts("2026-03-02 10:00", first_answered_at="2026-03-02 12:00")
    shown = next_deadline(deadlines(answered, POLICY, BERLIN, at("2026-03-02 12:00")))
    assert shown is not None
    assert shown.kind == RESOLUTION

    waiting = facts(
        "2026-03-02 10:00", first_answered_at="2026-03-02 12:00", states={"2026-03-02 12:00": "waiting"}
    )
    assert next_deadline(deadlines(waiting, POLICY, BERLIN, at("2026-03-02 12:00"))) is None


def test_a_ticket_wakes_at_each_edge_once_and_then_sleeps() -> None:
    ticket = facts("2026-03-02 10:00")
    now, woken = at("2026-03-02 10:00"), []
    while (wakes := look_again_at(deadlines(ticket, POLICY, BERLIN, now), now)) is not None:
        woken.append(wakes)
        now = wakes
    assert woken == [at(f"2026-03-{edge}") for edge in ("02 13:00", "02 14:00", "03 13:00", "03 17:00")]


def test_fractions_of_a_second_are_cut_off() -> None:
    whole, split = facts("2026-03-02 10:00"), at("2026-03-02 10:00") + timedelta(microseconds=999_999)
    fraction = Facts(arrived_at=split, priority="normal")
    now = at("2026-03-02 12:00")
    assert deadlines(fraction, POLICY, BERLIN, now) == deadlines(whole, POLICY, BERLIN, now)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        deadlines(facts("2026-03-02 10:00"), POLICY, BERLIN, datetime(2026, 3, 2))  # noqa: DTZ001


# --- Properties

instants = st.integers(0, 60 * 24 * HOUR).map(lambda s: at("2026-02-20 00:00") + timedelta(seconds=s))
pauses = st.lists(st.tuples(st.integers(0, 20 * HOUR), st.integers(0, 40 * HOUR)), max_size=5)
CALENDARS = [
    BERLIN,
    Calendar("Europe/Berlin", OFFICE, {date(2026, 3, 4): "Holiday", date(2026, 3, 27): "Holiday"}),
    Calendar("America/New_York", dict.fromkeys(range(7), (("22:00", "06:00"),))),
    Calendar("Asia/Seoul", always=True),
]
few = settings(max_examples=120, deadline=None)


@few
@given(st.sampled_from(CALENDARS), instants, pauses, st.integers(1, 60 * HOUR))
def test_a_pause_adds_exactly_its_working_time(
    calendar: Calendar, arrived: datetime, gaps: list[tuple[int, int]], target: int
) -> None:
    """`gaps`: seconds until the next pause, seconds it lasts."""
    states, at_, paused = [], arrived, 0
    for runs_for, pauses_for in gaps:
        waits_at = at_ + timedelta(seconds=runs_for)
        at_ = waits_at + timedelta(seconds=pauses_for)
        if between(calendar, arrived, waits_at) - paused >= target:
            break
        paused += between(calendar, waits_at, at_)
        states += [("waiting", waits_at), ("open", at_)]
    ticket = Facts(arrived_at=arrived, priority="p", states=tuple(states))
    policy = Policy(targets={"p": {RESOLUTION: target}})
    (found,) = deadlines(ticket, policy, calendar, now=at_ + timedelta(days=1))
    assert found.state == "running"
    assert found.due_at == after(calendar, arrived, target + paused)


@few
@given(st.sampled_from(CALENDARS), instants, pauses, st.integers(0, 60 * HOUR), instants)
def test_every_explanation_adds_up(
    calendar: Calendar, arrived: datetime, gaps: list[tuple[int, int]], target: int, now: datetime
) -> None:
    states, at_ = [], arrived
    for runs_for, pauses_for in gaps:
        states.append(("waiting", at_ := at_ + timedelta(seconds=runs_for)))
        states.append(("open", at_ := at_ + timedelta(seconds=pauses_for)))
    ticket = Facts(arrived_at=arrived, priority="p", states=tuple(states))
    policy = Policy(targets={"p": {FIRST_RESPONSE: target, RESOLUTION: target}})
    for found in deadlines(ticket, policy, calendar, now):
        steps = found.explanation
        assert len(steps) <= 12
        assert steps[0].kind == "target"
        assert steps[-1].kind in ("due", "left")
        counted = sum(step.seconds for step in steps if step.kind in ("worked", "stretch", "summary", "left"))
        assert counted == target
        if found.state == "running":
            assert steps[-1].until == found.due_at
            assert found.warn_at is not None
            assert found.due_at is not None
            assert found.warn_at <= found.due_at


@few
@given(st.sampled_from(CALENDARS), instants, pauses, st.integers(1, 60 * HOUR), st.booleans())
def test_once_broken_always_broken_until_it_ends(
    calendar: Calendar, arrived: datetime, gaps: list[tuple[int, int]], target: int, resolves: bool
) -> None:
    """Looking later never takes a breach back, and never moves the instant of it."""
    states, at_ = [], arrived
    for runs_for, pauses_for in gaps:
        states.append(("waiting", at_ := at_ + timedelta(seconds=runs_for)))
        states.append(("open", at_ := at_ + timedelta(seconds=pauses_for)))
    if resolves:
        states.append(("resolved", at_ := at_ + timedelta(hours=1)))
    ticket = Facts(arrived_at=arrived, priority="p", states=tuple(states))
    policy = Policy(targets={"p": {RESOLUTION: target}})
    broken_at = None
    for hours in range(0, 400, 7):
        (found,) = deadlines(ticket, policy, calendar, arrived + timedelta(hours=hours))
        assert broken_at is None or (found.breached and found.due_at == broken_at)
        if found.breached:
            broken_at = found.due_at
