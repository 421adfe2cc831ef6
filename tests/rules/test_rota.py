"""The rota: hand-overs by the wall clock, turns in order, and what an edit changes."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.rota import (
    BACKUP,
    PRIMARY,
    PlannedShift,
    Reason,
    RotaError,
    Version,
    compare,
    digest,
    generate,
    handovers,
    who,
)

ALICE, BOB, CAROL, DAN = 1, 2, 3, 4
WEEK = timedelta(weeks=1)
HOUR = timedelta(hours=1)


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


# Mondays at nine, from Monday 2 March 2026.
ROTA = Version(at("2026-03-02 09:00"), "Europe/Berlin", 0, "09:00", (ALICE, BOB, CAROL))


def planned(shifts: tuple[PlannedShift, ...], role: str = PRIMARY) -> list[tuple[str, str, int]]:
    """Start and end as read on the wall in Berlin, and the person."""
    berlin = ZoneInfo("Europe/Berlin")
    return [
        (
            f"{s.starts_at.astimezone(berlin):%m-%d %H:%M}",
            f"{s.ends_at.astimezone(berlin):%m-%d %H:%M}",
            s.person_id,
        )
        for s in shifts
        if s.role == role
    ]


@pytest.mark.parametrize(
    ("zone", "weekday", "time", "around", "expected", "hours"),
    [
        # zone, weekday and time of the hand-over, the date of the one looked at, its instant, hours of the turn before it
        ("Europe/Berlin", 0, "09:00", "2026-03-30", "2026-03-30T07:00", 167),
        ("Europe/Berlin", 0, "09:00", "2026-10-26", "2026-10-26T08:00", 169),
        ("Europe/Berlin", 0, "09:00", "2026-06-15", "2026-06-15T07:00", 168),
        (
            "Europe/Berlin",
            6,
            "02:30",
            "2026-03-29",
            "2026-03-29T01:00",
            167.5,
        ),  # skipped: first instant after the gap
        ("Europe/Berlin", 6, "02:00", "2026-03-29", "2026-03-29T01:00", 168),
        ("Europe/Berlin", 6, "02:30", "2026-10-25", "2026-10-25T00:30", 168),  # occurs twice: the first
        ("Europe/Berlin", 6, "03:00", "2026-10-25", "2026-10-25T02:00", 169),
        ("America/New_York", 0, "09:00", "2026-03-09", "2026-03-09T13:00", 167),
        ("America/New_York", 6, "02:30", "2026-03-08", "2026-03-08T07:00", 167.5),
        ("America/New_York", 6, "01:30", "2026-11-01", "2026-11-01T05:30", 168),
        ("Australia/Lord_Howe", 0, "09:00", "2026-04-06", "2026-04-05T22:30", 168.5),
        ("Australia/Lord_Howe", 0, "09:00", "2026-10-05", "2026-10-04T22:00", 167.5),
        ("Australia/Lord_Howe", 6, "02:15", "2026-10-04", "2026-10-03T15:30", 167.75),
        ("Australia/Lord_Howe", 6, "01:45", "2026-04-05", "2026-04-04T14:45", 168),
        ("Asia/Seoul", 0, "09:00", "2026-03-30", "2026-03-30T00:00", 168),
        ("Asia/Kolkata", 4, "18:00", "2027-01-01", "2027-01-01T12:30", 168),
        ("America/Havana", 6, "00:00", "2026-03-08", "2026-03-08T05:00", 168),
        ("America/Asuncion", 6, "00:00", "2023-03-26", "2023-03-26T04:00", 169),
        ("Europe/Berlin", 1, "00:00", "2028-02-29", "2028-02-28T23:00", 168),
    ],
)
def test_handovers_follow_the_wall_clock(
    zone: str, weekday: int, time: str, around: str, expected: str, hours: float
) -> None:
    middle = datetime.fromisoformat(around).replace(hour=12, tzinfo=UTC)
    version = Version(middle - timedelta(days=60), zone, weekday, time, (ALICE, BOB))
    *_, before, found = handovers(version, middle - timedelta(days=20), middle + timedelta(days=3))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert found - before == hours * HOUR


@pytest.mark.parametrize(
    ("from_", "until", "expected"),
    [
        ("2026-03-02 09:00", "2026-03-09 09:00", ["03-02"]),  # half-open: the second is not in
        ("2026-03-02 09:01", "2026-03-09 09:00", []),
        ("2026-03-02 09:01", "2026-03-09 09:01", ["03-09"]),
        ("2026-02-01 00:00", "2026-03-10 00:00", ["03-02", "03-09"]),  # none before it is in force
        ("2026-12-20 00:00", "2027-01-12 00:00", ["12-21", "12-28", "01-04", "01-11"]),
        ("2026-03-09 09:00", "2026-03-09 09:00", []),
        ("2026-03-10 09:00", "2026-03-02 09:00", []),
    ],
)
def test_handovers_in_a_stretch(from_: str, until: str, expected: list[str]) -> None:
    assert [f"{h:%m-%d}" for h in handovers(ROTA, at(from_), at(until))] == expected


def test_a_round_robin_with_the_next_in_turn_behind() -> None:
    shifts = generate([ROTA], at("2026-03-02 09:00"), at("2026-03-30 09:00"))
    weeks = ["03-02 09:00", "03-09 09:00", "03-16 09:00", "03-23 09:00", "03-30 09:00"]
    assert planned(shifts) == [
        (a, b, person) for (a, b), person in zip(pairwise(weeks), (ALICE, BOB, CAROL, ALICE), strict=True)
    ]
    assert [person for *_, person in planned(shifts, BACKUP)] == [BOB, CAROL, ALICE, BOB]
    assert shifts[0].reason == Reason("turn", turn=0, place=1, of=3)
    assert shifts[1].reason == Reason("next_in_turn", turn=0, place=2, of=3)
    assert shifts[6].reason.to_json() == {"kind": "turn", "turn": 3, "place": 1, "of": 3}


def test_the_order_does_not_depend_on_where_one_begins_to_look() -> None:
    whole = generate([ROTA], at("2026-03-02 09:00"), at("2036-03-03 09:00"))
    late = generate([ROTA], at("2036-01-07 09:00"), at("2036-03-03 09:00"))
    assert late == whole[-len(late) :]


def test_shifts_are_cut_at_the_edges() -> None:
    shifts = generate([ROTA], at("2026-03-05 12:00"), at("2026-03-10 00:00"))
    assert planned(shifts) == [("03-05 12:00", "03-09 09:00", ALICE), ("03-09 09:00", "03-10 00:00", BOB)]


def test_a_version_in_the_middle_of_a_week_starts_with_a_short_turn() -> None:
    version = replace(ROTA, effective_at=at("2026-03-05 12:00"))
    shifts = generate([version], at("2026-03-02 00:00"), at("2026-03-16 09:00"))
    assert planned(shifts) == [("03-05 12:00", "03-09 09:00", ALICE), ("03-09 09:00", "03-16 09:00", BOB)]


def test_turns_of_two_weeks() -> None:
    version = replace(ROTA, weeks_per_turn=2)
    shifts = generate([version], at("2026-03-02 09:00"), at("2026-04-13 09:00"))
    assert planned(shifts) == [
        ("03-02 09:00", "03-16 09:00", ALICE),
        ("03-16 09:00", "03-30 09:00", BOB),
        ("03-30 09:00", "04-13 09:00", CAROL),
    ]
    assert len(handovers(version, at("2026-03-02 00:00"), at("2026-04-13 00:00"))) == 3


def test_a_later_version_takes_over_at_its_instant() -> None:
    later = Version(at("2026-03-18 15:00"), "Europe/Berlin", 4, "18:00", (DAN, ALICE), roles=(PRIMARY,))
    shifts = generate([later, ROTA], at("2026-03-09 09:00"), at("2026-03-27 18:00"))
    assert planned(shifts) == [
        ("03-09 09:00", "03-16 09:00", BOB),
        ("03-16 09:00", "03-18 15:00", CAROL),
        ("03-18 15:00", "03-20 18:00", DAN),
        ("03-20 18:00", "03-27 18:00", ALICE),
    ]
    assert planned(shifts, BACKUP)[-1] == ("03-16 09:00", "03-18 15:00", ALICE)


def test_of_two_versions_of_one_instant_the_later_given_wins() -> None:
    corrected = replace(ROTA, people=(DAN,))
    assert {
        s.person_id for s in generate([ROTA, corrected], at("2026-03-02 09:00"), at("2026-04-02 09:00"))
    } == {DAN}


@pytest.mark.parametrize(
    ("people", "primary", "backup"),
    [((), [], []), ((ALICE,), [ALICE, ALICE], []), ((ALICE, BOB), [ALICE, BOB], [BOB, ALICE])],
)
def test_few_people(people: tuple[int, ...], primary: list[int], backup: list[int]) -> None:
    shifts = generate([replace(ROTA, people=people)], at("2026-03-02 09:00"), at("2026-03-16 09:00"))
    assert [person for *_, person in planned(shifts)] == primary
    assert [person for *_, person in planned(shifts, BACKUP)] == backup


def test_without_versions_or_time_there_are_no_shifts() -> None:
    assert generate([], at("2026-03-02 09:00"), at("2026-03-16 09:00")) == ()
    assert generate([ROTA], at("2026-03-16 09:00"), at("2026-03-16 09:00")) == ()
    assert generate([ROTA], at("2026-03-16 09:00"), at("2026-03-02 09:00")) == ()


@pytest.mark.parametrize(
    ("instant", "role", "expected"),
    [
        ("2026-03-02 08:59:59", PRIMARY, None),
        ("2026-03-02 09:00", PRIMARY, ALICE),
        ("2026-03-09 08:59:59", PRIMARY, ALICE),
        ("2026-03-09 09:00", PRIMARY, BOB),
        ("2026-03-09 09:00", BACKUP, CAROL),
        ("2026-03-09 09:00", "shadow", None),
        ("2026-03-16 09:00", PRIMARY, None),
    ],
)
def test_who_is_on_call(instant: str, role: str, expected: int | None) -> None:
    shifts = generate([ROTA], at("2026-03-02 09:00"), at("2026-03-16 09:00"))
    assert who(shifts, role, at(instant)) == expected


def test_an_edit_shows_who_gains_and_who_loses() -> None:
    span = at("2026-03-02 09:00"), at("2026-03-23 09:00")
    roles = (PRIMARY,)
    old = generate([replace(ROTA, roles=roles)], *span)
    new = generate([replace(ROTA, roles=roles, people=(ALICE, DAN, CAROL))], *span)
    bob, dan = compare(old, new)
    assert (bob.person_id, bob.gains, bob.loses, bob.had, bob.has) == (BOB, (), (old[1],), 1, 0)
    assert (dan.person_id, dan.gains, dan.loses, dan.had, dan.has) == (DAN, (new[1],), (), 0, 1)
    assert bob.lost_for == dan.gained_for == 7 * 24 * 3600
    assert bob.gained_for == dan.lost_for == 0


def test_moving_the_handover_by_an_hour_gives_nobody_a_week() -> None:
    span = at("2026-03-02 09:00"), at("2026-03-30 09:00")
    old = generate([replace(ROTA, roles=(PRIMARY,))], *span)
    new = generate(
        [
            replace(
                ROTA,
                roles=(PRIMARY,),
                time="10:00",
                effective_at=at("2026-02-23 10:00"),
                people=(CAROL, ALICE, BOB),
            )
        ],
        *span,
    )
    changes = compare(old, new)
    assert any(change.gained_for for change in changes)
    weeks = [shift for change in changes for shift in (*change.gains, *change.loses)]
    assert all(shift.ends_at - shift.starts_at <= HOUR for shift in weeks)


def test_the_same_shifts_change_nothing() -> None:
    shifts = generate([ROTA], at("2026-03-02 09:00"), at("2026-03-30 09:00"))
    assert compare(shifts, shifts) == ()
    assert [change.person_id for change in compare((), shifts)] == [ALICE, BOB, CAROL]


def test_the_digest_is_about_who_has_what_when() -> None:
    shifts = generate([ROTA], at("2026-03-02 09:00"), at("2026-03-16 09:00"))
    first = shifts[0]
    kolkata = replace(first, starts_at=first.starts_at.astimezone(ZoneInfo("Asia/Kolkata")))
    assert digest(reversed(shifts)) == digest(shifts)
    assert digest([kolkata, *shifts[1:]]) == digest(shifts)
    assert digest([replace(first, reason=Reason("turn", 9, 9, 9)), *shifts[1:]]) == digest(shifts)
    different = [
        shifts[1:],
        [replace(first, person_id=DAN), *shifts[1:]],
        [replace(first, role="shadow"), *shifts[1:]],
        [replace(first, ends_at=first.ends_at - HOUR), *shifts[1:]],
        [],
    ]
    assert len({digest(shifts), *(digest(other) for other in different)}) == 6


def test_the_digest_is_stable() -> None:
    """A preview shown by one version of the program is published by the next: the form may not drift."""
    (alone,) = generate([replace(ROTA, people=(ALICE,))], at("2026-03-02 09:00"), at("2026-03-09 09:00"))
    written = b'[["2026-03-02T08:00:00+00:00", "2026-03-09T08:00:00+00:00", "primary", 1]]'
    assert digest([alone]) == hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"zone": "Mars/Olympus"}, "There is no time zone named Mars/Olympus."),
        ({"weekday": 7}, "7 is not a weekday."),
        ({"time": "24:00"}, "24:00 is not a time."),
        ({"time": "9"}, "9 is not a time."),
        ({"weeks_per_turn": 0}, "A turn lasts at least one week."),
        ({"people": (ALICE, BOB, ALICE)}, "A person can stand in the order only once."),
        ({"roles": ()}, "A rota needs at least one role"),
        ({"roles": (PRIMARY, PRIMARY)}, "A rota needs at least one role"),
    ],
)
def test_a_version_that_cannot_work_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(RotaError, match=message):
        replace(ROTA, **wrong).validate()  # type: ignore[arg-type]
    ROTA.validate()


# --- Properties

ZONES = [
    "Europe/Berlin",
    "Asia/Seoul",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Havana",
]
instants = st.integers(0, 400 * 24 * 60).map(
    lambda minutes: at("2026-01-01 00:00") + timedelta(minutes=minutes)
)
versions = st.builds(
    Version,
    effective_at=instants,
    zone=st.sampled_from(ZONES),
    weekday=st.integers(0, 6),
    time=st.sampled_from(["00:00", "01:30", "02:00", "02:15", "02:30", "09:00", "23:59"]),
    people=st.lists(st.integers(1, 9), min_size=1, max_size=5, unique=True).map(tuple),
    weeks_per_turn=st.integers(1, 4),
)
few = settings(max_examples=150, deadline=None)


@few
@given(st.lists(versions, min_size=1, max_size=3), instants, st.integers(1, 200 * 24 * 60))
def test_shifts_cover_exactly_and_touch(rota: list[Version], from_: datetime, minutes: int) -> None:
    until = from_ + timedelta(minutes=minutes)
    primary = [shift for shift in generate(rota, from_, until) if shift.role == PRIMARY]
    starts_at = max(from_, min(version.effective_at for version in rota))
    if starts_at >= until:
        assert primary == []
        return
    assert (primary[0].starts_at, primary[-1].ends_at) == (starts_at, until)
    assert all(a.ends_at == b.starts_at for a, b in pairwise(primary))
    assert all(shift.starts_at < shift.ends_at for shift in primary)


@few
@given(versions, st.integers(1, 200), st.integers(1, 200))
def test_looking_in_two_parts_gives_the_same_people(version: Version, first: int, second: int) -> None:
    start = version.effective_at
    middle, end = start + timedelta(days=first), start + timedelta(days=first + second)
    whole = generate([version], start, end)
    parts = generate([version], start, middle) + generate([version], middle, end)
    assert compare(whole, parts) == ()
    for role in version.roles:
        assert [who(whole, role, start + timedelta(days=n)) for n in range(first + second)] == [
            who(parts, role, start + timedelta(days=n)) for n in range(first + second)
        ]


@few
@given(versions)
def test_turns_are_as_fair_as_an_order_can_be(version: Version) -> None:
    *_, end = handovers(version, version.effective_at, version.effective_at + 104 * WEEK)
    shifts = generate([version], version.effective_at, end)
    turns = [sum(s.person_id == person and s.role == PRIMARY for s in shifts) for person in version.people]
    assert max(turns) - min(turns) <= 1
    pairs = {(s.starts_at, s.person_id) for s in shifts}
    assert len(pairs) == len(shifts)  # nobody is the own backup


@few
@given(versions, instants)
def test_handovers_are_where_shifts_meet(version: Version, from_: datetime) -> None:
    until = from_ + 20 * WEEK
    met = {s.starts_at for s in generate([version], from_, until)} - {from_, version.effective_at}
    assert met == set(handovers(version, from_, until)) - {from_, version.effective_at}


@few
@given(versions, versions, instants)
def test_what_one_gains_another_loses(old: Version, new: Version, from_: datetime) -> None:
    """Both cover the same time in the first role, so the seconds gained and lost are the same."""
    begins = max(from_, old.effective_at, new.effective_at)
    span = begins, begins + 12 * WEEK
    changes = compare(
        generate([replace(old, roles=(PRIMARY,))], *span), generate([replace(new, roles=(PRIMARY,))], *span)
    )
    assert sum(change.gained_for for change in changes) == sum(change.lost_for for change in changes)
