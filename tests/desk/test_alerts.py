"""The ladder: who is told, in which order, until when, and never twice for the same deadline."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import alerts as desk_alerts
from app.desk import messages, tickets
from app.desk.refused import Refused
from app.models.alert import Alert, standing
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.event import CLOCK, By, Event
from app.models.person import Person
from app.models.ticket import URGENT, Ticket
from tests.duty import MONDAY_HAND_OVER, TUESDAY_NIGHT, alerts, publish, told
from tests.small import SmallDesk
from tests.stories import ticket_in

STEP = desk_alerts.STEP_FOR
MINUTE = timedelta(minutes=1)
BREACH_FOR = timedelta(minutes=30)  # of an urgent ticket that arrives at night


@pytest.fixture
def urgent(desk: SmallDesk, now: datetime) -> Ticket:
    """An urgent ticket at night; Bob is on call, Erin is the backup, Alice and Dana are the managers."""
    publish(desk, [desk.bob, desk.erin], now)
    sweeps.hand_over(now)
    ticket = ticket_in(desk, "new", "All lights are out", TUESDAY_NIGHT, priority=URGENT)
    sweeps.everything(TUESDAY_NIGHT)
    return ticket


def test_an_urgent_ticket_pages_on_arrival(desk: SmallDesk, urgent: Ticket) -> None:
    assert [(a.kind, a.level, a.state) for a in alerts()] == [("first_response", "arrival", "open")]
    assert told() == ["Bob"]
    page = db.session.scalars(select(Delivery).where(Delivery.kind == "page")).one()
    assert f"#{urgent.id} All lights are out" in page.subject
    assert "/a/" in page.text
    assert "Kim Seoyeon" in page.text
    assert "in 10 minutes" in page.text


def test_silence_climbs_the_ladder(desk: SmallDesk, urgent: Ticket) -> None:
    steps = [
        (STEP - MINUTE, ["Bob"]),
        (STEP, ["Bob", "Erin"]),
        (2 * STEP - MINUTE, ["Bob", "Erin"]),
        (2 * STEP, ["Bob", "Erin", "Alice", "Dana"]),
        (3 * STEP - MINUTE, ["Bob", "Erin", "Alice", "Dana"]),
    ]
    for after, expected in steps:
        sweeps.everything(TUESDAY_NIGHT + after)
        assert told() == expected, after


def test_a_breach_climbs_from_the_first_step_again(desk: SmallDesk, urgent: Ticket) -> None:
    sweeps.everything(TUESDAY_NIGHT + BREACH_FOR)
    assert [a.level for a in alerts()] == ["breach"]
    assert told() == ["Bob", "Bob"]
    assert len({d.header_id for d in db.session.scalars(select(Delivery))}) == len(
        db.session.scalars(select(Delivery)).all()
    )


def test_a_breach_needs_a_new_acknowledgement(desk: SmallDesk, urgent: Ticket) -> None:
    _acknowledge(desk, desk.bob, TUESDAY_NIGHT + MINUTE)
    sweeps.everything(TUESDAY_NIGHT + BREACH_FOR)
    alert = alerts()[0]
    assert (alert.state, alert.acknowledged_by_id) == ("open", None)
    assert told() == ["Bob", "Bob"]


def test_an_acknowledgement_stops_the_ladder(desk: SmallDesk, urgent: Ticket) -> None:
    _acknowledge(desk, desk.bob, TUESDAY_NIGHT + MINUTE)
    for after in (STEP, 2 * STEP):
        sweeps.everything(TUESDAY_NIGHT + after)
    assert told() == ["Bob"]
    event = db.session.scalars(select(Event).where(Event.kind == "alert.acknowledged")).one()
    assert (event.by_kind, event.by_id, event.subject_id) == ("person", desk.bob.id, urgent.id)


def test_an_acknowledgement_takes_back_pages_that_have_not_left(desk: SmallDesk, urgent: Ticket) -> None:
    with writing(desk.board) as board:
        alert = db.session.get_one(Alert, alerts()[0].id)
        desk_alerts.climb(board, alert, TUESDAY_NIGHT + STEP)
    assert told() == ["Bob", "Erin"]
    _acknowledge(desk, desk.bob, TUESDAY_NIGHT + STEP)
    assert told() == ["Bob"]


def test_the_first_acknowledgement_counts(desk: SmallDesk, urgent: Ticket) -> None:
    _acknowledge(desk, desk.bob, TUESDAY_NIGHT + MINUTE)
    _acknowledge(desk, desk.alice, TUESDAY_NIGHT + 2 * MINUTE)
    alert = alerts()[0]
    assert (alert.acknowledged_by_id, alert.acknowledged_at) == (desk.bob.id, TUESDAY_NIGHT + MINUTE)


def test_what_has_ended_cannot_be_acknowledged(desk: SmallDesk, urgent: Ticket) -> None:
    _answer(desk, urgent, TUESDAY_NIGHT + MINUTE)
    sweeps.everything(TUESDAY_NIGHT + MINUTE)
    assert [a.state for a in alerts()] == ["closed"]
    with pytest.raises(Refused) as refused:
        _acknowledge(desk, desk.bob, TUESDAY_NIGHT + 2 * MINUTE)
    assert refused.value.status == 409


def test_an_answer_ends_the_ladder(desk: SmallDesk, urgent: Ticket) -> None:
    _answer(desk, urgent, TUESDAY_NIGHT + MINUTE)
    for after in (MINUTE, STEP, 2 * STEP, BREACH_FOR):
        sweeps.everything(TUESDAY_NIGHT + after)
    assert told() == ["Bob"]


@pytest.mark.parametrize(
    ("order", "gone", "expected"),
    [
        (["bob"], [], [["Bob"], ["Alice", "Dana"], []]),  # no backup: the managers come next
        ([], [], [["Alice", "Dana"], [], []]),  # nobody on call: the managers at once
        ([], ["alice", "dana"], [["Bob"], [], []]),  # nor a manager: everyone who sees the board
        ([], ["alice", "bob", "dana"], [["Charlie", "Erin"], [], []]),  # nor one of those: everyone
        (["bob", "erin"], ["bob"], [["Erin"], ["Alice", "Dana"], []]),  # whoever left is passed over
    ],
)
def test_nobody_on_call_never_means_nobody_is_told(
    desk: SmallDesk, now: datetime, order: list[str], gone: list[str], expected: list[list[str]]
) -> None:
    publish(desk, [getattr(desk, name) for name in order], now)
    with writing(desk.row):
        for name in gone:
            getattr(desk, name).deactivated_at = TUESDAY_NIGHT - MINUTE
    ticket_in(desk, "new", "All lights are out", TUESDAY_NIGHT, priority=URGENT)
    seen: list[str] = []
    for step, names in enumerate(expected):
        sweeps.everything(TUESDAY_NIGHT + step * STEP)
        assert told() == seen + names, step
        seen += names


def test_at_the_hand_over_open_alerts_pass_to_the_next_person(desk: SmallDesk, now: datetime) -> None:
    """An acknowledgement ends with the shift, and Erin, who was told as the backup, is told as the primary."""
    publish(desk, [desk.bob, desk.erin, desk.alice], now)
    sweeps.hand_over(now)
    sunday = MONDAY_HAND_OVER - timedelta(hours=3)
    ticket_in(desk, "new", "All lights are out", sunday, priority=URGENT)
    sweeps.everything(sunday)
    sweeps.everything(sunday + BREACH_FOR)
    sweeps.everything(sunday + BREACH_FOR + STEP)
    assert told() == ["Bob", "Bob", "Erin"]
    _acknowledge(desk, desk.erin, sunday + BREACH_FOR + STEP + MINUTE)
    sweeps.everything(MONDAY_HAND_OVER)
    assert told() == ["Bob", "Bob", "Erin", "Erin"]
    assert alerts()[0].state == "open"
    sweeps.everything(MONDAY_HAND_OVER)
    assert told() == ["Bob", "Bob", "Erin", "Erin"]
    notice = db.session.scalars(
        select(Delivery).where(Delivery.subject == "You are on call now", Delivery.person_id == desk.erin.id)
    ).one()
    assert "All lights are out" in notice.text


def test_a_warning_is_told_once_to_whoever_works_on_it(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    ticket = ticket_in(desk, "new", "Where is my parcel?", now)
    with writing(desk.board) as board:
        tickets.assign(board, db.session.get_one(Ticket, ticket.id), desk.alice.id, by=CLOCK, now=now)
    warned_at = now + timedelta(hours=3)  # three quarters of four
    for after in (timedelta(), STEP, 2 * STEP):
        sweeps.everything(warned_at + after)
    assert [a.level for a in alerts()] == ["warning"]
    assert told() == ["Alice"]
    page = db.session.scalars(select(Delivery).where(Delivery.kind == "page")).one()
    assert "somebody else" not in page.text


def test_a_breach_raises_the_warning(desk: SmallDesk, now: datetime) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    ticket_in(desk, "new", "Where is my parcel?", now)
    sweeps.everything(now + timedelta(hours=3))
    sweeps.everything(now + timedelta(hours=4))
    assert [(a.kind, a.level) for a in alerts()] == [("first_response", "breach")]
    kinds = db.session.scalars(select(Event.kind).where(Event.kind.like("alert.%")).order_by(Event.id))
    assert list(kinds) == ["alert.opened", "alert.paged", "alert.raised", "alert.paged"]


def test_an_alert_whose_cause_returns_goes_on_where_it_was(desk: SmallDesk, urgent: Ticket) -> None:
    """Resolved by mistake and brought back: the same row; the primary is not told again, the backup after a pause."""
    _move(desk, urgent, "resolved", TUESDAY_NIGHT + MINUTE)
    sweeps.everything(TUESDAY_NIGHT + MINUTE)
    assert [a.state for a in alerts()] == ["closed"]
    _move(desk, urgent, "new", TUESDAY_NIGHT + 2 * MINUTE)
    sweeps.everything(TUESDAY_NIGHT + 2 * MINUTE)
    assert [a.state for a in alerts()] == ["open"]
    assert told() == ["Bob"]
    sweeps.everything(TUESDAY_NIGHT + 2 * MINUTE + STEP)
    assert told() == ["Bob", "Erin"]


def test_an_alert_that_ended_before_anybody_was_told_tells_when_it_returns(
    desk: SmallDesk, now: datetime
) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    ticket = ticket_in(desk, "new", "All lights are out", TUESDAY_NIGHT, priority=URGENT)
    sweeps.wake_tickets(TUESDAY_NIGHT)
    _move(desk, ticket, "resolved", TUESDAY_NIGHT + MINUTE)
    sweeps.everything(TUESDAY_NIGHT + MINUTE)
    assert told() == []
    _move(desk, ticket, "new", TUESDAY_NIGHT + 2 * MINUTE)
    sweeps.everything(TUESDAY_NIGHT + 2 * MINUTE)
    assert told() == ["Bob"]


def test_an_acknowledged_alert_returns_acknowledged(desk: SmallDesk, urgent: Ticket) -> None:
    _acknowledge(desk, desk.bob, TUESDAY_NIGHT)
    _move(desk, urgent, "resolved", TUESDAY_NIGHT + MINUTE)
    sweeps.everything(TUESDAY_NIGHT + MINUTE)
    _move(desk, urgent, "new", TUESDAY_NIGHT + 2 * MINUTE)
    sweeps.everything(TUESDAY_NIGHT + 2 * MINUTE)
    assert [(a.state, a.acknowledged_by_id) for a in alerts()] == [("acknowledged", desk.bob.id)]
    sweeps.everything(TUESDAY_NIGHT + 2 * STEP)
    assert told() == ["Bob"]


def test_a_link_is_for_one_alert_and_one_person(desk: SmallDesk, urgent: Ticket) -> None:
    alert = alerts()[0]
    token = desk_alerts.sign(alert, desk.bob)
    signed_at = datetime.now(TUESDAY_NIGHT.tzinfo)
    assert desk_alerts.read(token, signed_at) == (alert, desk.bob)
    cases = [
        (token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1], signed_at, 404),
        (token[:20], signed_at, 404),
        ("", signed_at, 404),
        (token, signed_at + desk_alerts.LINK_FOR + MINUTE, 410),
    ]
    for text, at, status in cases:
        with pytest.raises(Refused) as refused:
            desk_alerts.read(text, at)
        assert refused.value.status == status
    with writing(desk.row):
        desk.bob.deactivated_at = signed_at - MINUTE
    with pytest.raises(Refused) as refused:
        desk_alerts.read(token, signed_at)
    assert refused.value.status == 410


def test_the_list_shows_breaches_first_and_only_what_one_sees(desk: SmallDesk, urgent: Ticket) -> None:
    ticket_in(desk, "new", "Late since long", TUESDAY_NIGHT - timedelta(days=1, hours=10))
    sweeps.everything(TUESDAY_NIGHT + MINUTE)
    listed = standing(select(Board.id))
    assert [(a.level, a.ticket.subject) for a in listed] == [
        ("breach", "Late since long"),
        ("arrival", "All lights are out"),
    ]
    assert standing(select(Board.id).where(Board.id == 0)) == []


def _acknowledge(desk: SmallDesk, person: Person, now: datetime) -> None:
    with writing(desk.board) as board:
        desk_alerts.acknowledge(board, db.session.get_one(Alert, alerts()[0].id), person=person, now=now)


def _move(desk: SmallDesk, ticket: Ticket, state: str, now: datetime) -> None:
    with writing(desk.board) as board:
        again = db.session.get_one(Ticket, ticket.id)
        tickets.move(board, again, to=desk.columns[state].id, by=By("person", desk.bob.id), now=now)


def _answer(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    with writing(desk.board) as board:
        again = db.session.get_one(Ticket, ticket.id)
        messages.reply(board, again, "We are on it.", person=desk.bob, seen=None, now=now)


def test_who_has_only_just_been_told_is_not_told_again_by_a_hand_over(
    desk: SmallDesk, urgent: Ticket
) -> None:
    with writing(desk.board) as board:
        assert desk_alerts.hand_over(board, desk.bob.id, TUESDAY_NIGHT + MINUTE) == 0
    sweeps.everything(TUESDAY_NIGHT + 2 * MINUTE)
    assert told() == ["Bob"]
    with writing(desk.board) as board:
        assert desk_alerts.hand_over(board, desk.erin.id, TUESDAY_NIGHT + 3 * MINUTE) == 1
