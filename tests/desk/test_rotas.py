"""The rota: publishing, extending, editing with a preview, covering a shift, and the hand-over that tells once."""

import itertools
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import rotas
from app.desk import shifts as desk_shifts
from app.desk.refused import Refused
from app.models.delivery import Delivery
from app.models.event import CLOCK, By, Event
from app.models.lanes import stretches
from app.models.rota import Shift
from tests.duty import MONDAY_HAND_OVER, edit_of, publish, rota_of, shifts, told
from tests.small import SmallDesk

WEEK = timedelta(weeks=1)


def test_the_first_rota_begins_with_the_running_hour(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin, desk.alice], now)

    first, second = shifts()[:2]
    assert first.starts_at == now.replace(minute=0)
    assert (first.ends_at, second.starts_at) == (MONDAY_HAND_OVER, MONDAY_HAND_OVER)
    assert [shift.person_id for shift in shifts()[:4]] == [
        desk.bob.id,
        desk.erin.id,
        desk.alice.id,
        desk.bob.id,
    ]
    assert [shift.person_id for shift in shifts("backup")[:2]] == [desk.erin.id, desk.alice.id]
    assert shifts()[-1].ends_at >= now + 12 * WEEK
    duty = rotas.on_call(desk.board.rota_id, now)
    assert (duty.primary, duty.backup, duty.next) == (desk.bob, desk.erin, desk.erin)
    assert duty.until == MONDAY_HAND_OVER


def test_a_preview_stays_good_while_nothing_changes(desk: SmallDesk, now: datetime) -> None:
    """Also where nothing is published, where it could begin "now", which is another instant each time."""
    seen = edit_of(desk, [desk.bob, desk.erin], now)
    assert edit_of(desk, [desk.bob, desk.erin], now + timedelta(minutes=20)).digest == seen.digest


def test_nobody_on_call_before_the_first_rota(desk: SmallDesk, now: datetime) -> None:
    duty = rotas.on_call(desk.board.rota_id, now)
    assert (duty.primary, duty.backup, duty.until, duty.next) == (None, None, None, None)
    assert rotas.on_call(None, now) == duty


def test_publishing_writes_exactly_what_the_preview_showed(desk: SmallDesk, now: datetime) -> None:
    edit = edit_of(desk, [desk.bob, desk.erin, desk.alice], now)
    publish(desk, [desk.bob, desk.erin, desk.alice], now)
    written = {(s.role, s.starts_at, s.ends_at, s.person_id) for s in (*shifts(), *shifts("backup"))}
    assert written == {(s.role, s.starts_at, s.ends_at, s.person_id) for s in edit.planned}


@pytest.mark.parametrize("at_once", [False, True])
def test_a_stale_preview_is_refused_and_changes_nothing(
    desk: SmallDesk, now: datetime, at_once: bool
) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    stale = edit_of(desk, [desk.alice], now, at_once=at_once)
    publish(desk, [desk.dana, desk.bob], now, at_once=at_once)
    before = [(s.starts_at, s.person_id) for s in shifts()]
    with writing(desk.row) as row:
        again = edit_of(desk, [desk.alice], now, at_once=at_once)
        with pytest.raises(Refused) as refused:
            rotas.change(row, rota_of(desk), again, digest=stale.digest, by=CLOCK, now=now)
    assert refused.value.status == 409
    assert [(s.starts_at, s.person_id) for s in shifts()] == before


def test_a_cover_made_after_the_preview_makes_it_stale(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    stale = edit_of(desk, [desk.alice, desk.bob], now, at_once=True)
    with writing(desk.row) as row:
        shift = shifts()[1]
        desk_shifts.cover(row, shift, desk.alice.id, expected=desk.erin.id, by=CLOCK, now=now)
    edit = edit_of(desk, [desk.alice, desk.bob], now, at_once=True)
    assert edit.digest != stale.digest
    assert [shift.person_id for shift in edit.lost_covers] == [desk.alice.id]


def test_from_the_next_hand_over_the_running_week_stays(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    publish(desk, [desk.alice, desk.dana], now, at_once=True)
    assert [s.person_id for s in shifts()[:3]] == [desk.bob.id, desk.alice.id, desk.dana.id]
    assert shifts()[1].starts_at == MONDAY_HAND_OVER


def test_after_the_published_weeks_nothing_published_changes(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    before = [(s.starts_at, s.person_id) for s in shifts()]
    edit = edit_of(desk, [desk.alice, desk.dana], now)
    assert not edit.replaced
    publish(desk, [desk.alice, desk.dana], now)
    after = [(s.starts_at, s.person_id) for s in shifts()]
    assert after[: len(before)] == before
    assert after[len(before)][1] == desk.alice.id


def test_a_later_edit_that_begins_earlier_stands_in_for_the_other(desk: SmallDesk, now: datetime) -> None:
    """Otherwise the overtaken one would come back when the weeks behind the horizon are published."""
    publish(desk, [desk.bob, desk.erin], now)
    publish(desk, [desk.dana], now)
    publish(desk, [desk.alice, desk.erin], now, at_once=True)
    with writing(desk.row) as row:
        rotas.extend(row, rota_of(desk), now + 8 * WEEK)
    assert {s.person_id for s in shifts()[1:]} == {desk.alice.id, desk.erin.id}


def test_the_preview_tells_who_gains_and_loses_over_the_whole_horizon(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    edit = edit_of(desk, [desk.bob, desk.erin, desk.alice], now)
    turns = {turns.person_id: turns for turns in edit.turns()}
    assert turns[desk.alice.id].primary == (0, 4)
    assert turns[desk.bob.id].primary == (6, 4)
    assert len([s for s in turns[desk.alice.id].gains if s.role == "primary"]) == 4
    for one in turns.values():
        before, after = (one.primary[i] + one.backup[i] for i in (0, 1))
        assert after - before == len(one.gains) - len(one.loses)


def test_whose_turns_change_is_told(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    assert sorted(told("notice")) == ["Bob", "Erin"]
    publish(desk, [desk.bob, desk.alice], now, at_once=True)
    assert Counter(told("notice"))["Alice"] == 1


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"time": "25:00"}, "time"),
        ({"weekday": 7}, "people"),
    ],
)
def test_an_edit_that_cannot_be(
    desk: SmallDesk, now: datetime, wanted: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        edit_of(desk, [desk.bob], now, **wanted)
    assert (refused.value.status, refused.value.field) == (422, field)


def test_who_has_left_cannot_take_turns(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row):
        desk.bob.deactivated_at = now
    with pytest.raises(Refused, match="does not work here"):
        edit_of(desk, [desk.bob], now)


def test_whose_access_ended_is_not_on_call(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    with writing(desk.row):
        desk.bob.deactivated_at = now
    duty = rotas.on_call(desk.board.rota_id, now)
    assert (duty.primary, duty.backup) == (None, desk.erin)


def test_the_clock_publishes_the_weeks_that_come_near(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin, desk.alice], now)
    end = shifts()[-1].ends_at
    later = now + 3 * WEEK
    assert sweeps.hand_over(later)["published"] > 0
    assert shifts()[-1].ends_at >= later + 12 * WEEK
    assert [s.starts_at for s in shifts()] == [shifts()[0].starts_at, *(s.ends_at for s in shifts()[:-1])]
    order = [desk.bob.id, desk.erin.id, desk.alice.id]
    assert [s.person_id for s in shifts()] == [order[n % 3] for n in range(len(shifts()))]
    assert end < shifts()[-1].ends_at
    assert sweeps.hand_over(later)["published"] == 0


def test_a_cover(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    before = len(told("notice"))
    shift = shifts()[1]
    with writing(desk.row) as row:
        again = db.session.get_one(Shift, shift.id)
        by = By("person", desk.alice.id)
        desk_shifts.cover(row, again, desk.alice.id, expected=desk.erin.id, by=by, now=now)
    assert (shift.person_id, shift.origin_person_id) == (desk.alice.id, desk.erin.id)
    assert rotas.on_call(desk.board.rota_id, shift.starts_at).primary == desk.alice
    assert told("notice")[before:] == ["Erin"]  # who did it knows
    event = db.session.scalars(select(Event).where(Event.kind == "shift.covered")).one()
    assert event.changes == {"person": [desk.erin.id, desk.alice.id]}


@pytest.mark.parametrize(
    ("after", "expected", "person", "status"),
    [
        (timedelta(weeks=1), "bob", "alice", 422),  # over
        (timedelta(), "erin", "alice", 409),  # was never Erin's
        (timedelta(), "bob", "charlie", 422),  # has left
    ],
)
def test_a_cover_that_is_refused(
    desk: SmallDesk, now: datetime, after: timedelta, expected: str, person: str, status: int
) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    with writing(desk.row) as row:
        desk.charlie.deactivated_at = now
        with pytest.raises(Refused) as refused:
            desk_shifts.cover(
                row,
                shifts()[0],
                getattr(desk, person).id,
                expected=getattr(desk, expected).id,
                by=CLOCK,
                now=now + after,
            )
    assert refused.value.status == status
    assert shifts()[0].person_id == desk.bob.id


def test_a_helper_cannot_take_a_shift_behind_their_last_day(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    with writing(desk.row) as row:
        desk.charlie.ends_at = now + timedelta(days=2)
        with pytest.raises(Refused, match="does not work here"):
            desk_shifts.cover(row, shifts()[1], desk.charlie.id, expected=desk.erin.id, by=CLOCK, now=now)


def test_the_hand_over_tells_once(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    sweeps.hand_over(now)
    begun = [subject for subject in _subjects() if subject.startswith("You are")]
    assert sorted(begun) == ["You are on call now", "You are the backup on call now"]
    sweeps.hand_over(now + timedelta(minutes=1))
    assert [subject for subject in _subjects() if subject.startswith("You are")] == begun
    sweeps.hand_over(MONDAY_HAND_OVER)
    assert shifts()[0].state == "worked"
    assert [subject for subject in _subjects() if subject == "You are on call now"] == [
        "You are on call now"
    ] * 2


def test_a_running_shift_that_is_covered_begins_for_the_new_person(desk: SmallDesk, now: datetime) -> None:
    """And for the first one again, when it is given back."""
    publish(desk, [desk.bob, desk.erin], now)
    sweeps.hand_over(now)
    for n, (before, after) in enumerate([(desk.bob, desk.alice), (desk.alice, desk.bob)], start=1):
        at = now + timedelta(hours=n)
        with writing(desk.row) as row:
            desk_shifts.cover(row, shifts()[0], after.id, expected=before.id, by=CLOCK, now=at)
        sweeps.hand_over(at)
    begun = db.session.scalars(
        select(Delivery.to_name).where(Delivery.subject == "You are on call now").order_by(Delivery.id)
    )
    assert list(begun) == [desk.bob.name, desk.alice.name, desk.bob.name]


def test_a_shift_that_passed_while_the_machine_was_off_tells_nobody(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    before = len(told("notice"))
    sweeps.hand_over(now + 2 * WEEK + timedelta(days=1))
    assert [s.state for s in shifts()[:4]] == ["worked", "worked", "published", "published"]
    assert len(told("notice")) == before + 2  # the two that run now


@given(st.lists(st.sampled_from(["bob", "erin", "alice", "dana"]), max_size=4, unique=True), st.booleans())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_lanes_have_no_hole_and_no_overlap(
    desk: SmallDesk, now: datetime, order: list[str], at_once: bool
) -> None:
    publish(desk, [getattr(desk, name) for name in order], now, at_once=at_once)
    lanes = stretches(rota_of(desk), now)
    assert all(one.ends_at == other.starts_at for one, other in itertools.pairwise(lanes))
    assert [stretch.is_now for stretch in lanes] == [True, *[False] * (len(lanes) - 1)][: len(lanes)]
    for stretch in lanes:
        duty = rotas.on_call(desk.board.rota_id, max(stretch.starts_at, now))
        assert duty.primary == (stretch.primary.person if stretch.primary else None)
        assert duty.backup == (stretch.backup.person if stretch.backup else None)


def _subjects() -> list[str]:
    return list(db.session.scalars(select(Delivery.subject).order_by(Delivery.id)))
