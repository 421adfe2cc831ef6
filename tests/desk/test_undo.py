"""Every change of a ticket by a person can be taken back, while it is still what they have made of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.database import db, writing
from app.desk import deadlines, history, moods, snoozes, tickets, undo
from app.desk.events import KINDS
from app.desk.refused import Refused
from app.models import conversation
from app.models.board import Board
from app.models.event import By, Event
from app.models.interval import TicketInterval
from app.models.team import Team
from app.models.ticket import Ticket
from app.words import speaking
from tests.conftest import TUESDAY
from tests.small import SmallDesk
from tests.stories import ticket_in

MINUTE = timedelta(minutes=1)
STATES = ("new", "open", "waiting", "resolved", "archived")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.sampled_from(STATES)),
        st.tuples(st.just("assign"), st.sampled_from(["alice", "bob", None])),
        st.tuples(st.just("team"), st.sampled_from([0, 1, None])),
        st.tuples(st.just("prioritise"), st.integers(0, 3)),
        st.tuples(st.just("tag"), st.sampled_from(["refund", "angry"])),
        st.tuples(st.just("untag"), st.sampled_from(["refund", "angry"])),
        st.tuples(st.just("snooze"), st.sampled_from([1, 2, None])),
        st.tuples(st.just("language"), st.sampled_from(["en", "ko", None])),
        st.tuples(st.just("mood"), st.sampled_from(["angry", "pleased", "unknown", "found"])),
    ),
    max_size=10,
)
# What says when it was touched, and by whom the rules keep away.
TOUCHED = {"version", "updated_at", "wake_at", "column_set_at", "assignee_set_at", "priority_set_at"}


@pytest.fixture
def do(desk: SmallDesk) -> Callable[..., int]:
    """Does one thing to a ticket as Bob, or as somebody else; returns the number of its event."""

    def done(ticket: Ticket, verb: str, value: Any, now: datetime, by: Any = None) -> int:
        with writing(desk.board) as board:
            _do(board, desk, ticket, verb, value, By("person", (by or desk.bob).id), now)
            return board.seq

    return done


@pytest.fixture
def take_back(desk: SmallDesk) -> Callable[..., int]:
    """Takes the event of this number back as Bob, or as somebody else; returns the number of what that was."""

    def done(ticket: Ticket, seq: int, now: datetime, by: Any = None) -> int:
        with writing(desk.board) as board:
            row = db.session.get_one(Ticket, ticket.id)
            for events in undo.events_of([(board.id, seq, seq)], now).values():
                undo.take_back(board, row, events, by=By("person", (by or desk.bob).id), now=now)
            return board.seq

    return done


@pytest.fixture
def ticket(desk: SmallDesk, now: datetime) -> Ticket:
    return ticket_in(desk, "new", "Where is my parcel?", now, language="en", confidence=70)


def test_each_kind_that_can_be_undone_has_its_way_back() -> None:
    assert set(undo.BACK) == {kind for kind, told in KINDS.items() if told.undo}


@given(steps=STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_undone_newest_first_a_ticket_is_as_it_was(
    do: Any, take_back: Any, desk: SmallDesk, now: datetime, steps: list[tuple[str, Any]]
) -> None:
    """Whatever was done: fields, tags, what held when, and every deadline with its explanation."""
    with writing(desk.board):
        _teams(now)
    ticket = ticket_in(desk, "new", "Lamp", now)
    later = now + timedelta(hours=1)
    stood = [_stands(desk, ticket, later)]
    done = []
    for place, (verb, value) in enumerate(steps, 1):
        before = db.session.get_one(Board, desk.board.id).seq
        seq = do(ticket, verb, value, now + place * timedelta(seconds=7))
        if seq > before:
            done.append(seq)
            stood.append(_stands(desk, ticket, later))
    for place, seq in enumerate(reversed(done), 1):
        assert _stands(desk, ticket, later) == stood.pop()
        take_back(ticket, seq, now + 2 * MINUTE + place * timedelta(seconds=1))
    assert [_stands(desk, ticket, later)] == stood
    db.session.rollback()


CHANGES = [
    ("move", "resolved", "open", "%s moved this to Open 1 min ago."),
    ("assign", "bob", "alice", "%s has changed who has this meanwhile."),
    ("team", 0, 1, "%s has changed the team of this ticket meanwhile."),
    ("prioritise", 3, 2, "%s has changed the priority of this ticket meanwhile."),
    ("language", "ko", "de", "%s has changed the language of this ticket meanwhile."),
    ("mood", "angry", "pleased", "%s has changed the mood of this ticket meanwhile."),
]


@pytest.mark.parametrize(("verb", "value", "other", "words"), CHANGES, ids=[row[0] for row in CHANGES])
def test_what_somebody_changed_since_is_left_alone(
    verb: str,
    value: Any,
    other: Any,
    words: str,
    do: Any,
    take_back: Any,
    ticket: Ticket,
    desk: Any,
    now: Any,
) -> None:
    seq = do(ticket, verb, value, now)
    do(ticket, verb, other, now + MINUTE, by=desk.alice)
    with speaking("en"), pytest.raises(Refused) as refused:
        take_back(ticket, seq, now + 2 * MINUTE)
    assert (refused.value.status, refused.value.said()) == (409, words % "Alice Moor")


def test_tags_that_somebody_changed_since(
    do: Any, take_back: Any, ticket: Ticket, desk: Any, now: Any
) -> None:
    added = do(ticket, "tag", "refund", now)
    removed = do(ticket, "untag", "refund", now + MINUTE)
    with pytest.raises(Refused, match="not on this ticket any more"):
        take_back(ticket, added, now + 2 * MINUTE)
    do(ticket, "tag", "refund", now + MINUTE, by=desk.alice)
    with pytest.raises(Refused, match="is on this ticket again"):
        take_back(ticket, removed, now + 2 * MINUTE)


def test_other_fields_may_have_changed(do: Any, take_back: Any, ticket: Ticket, desk: Any, now: Any) -> None:
    seq = do(ticket, "prioritise", 3, now)
    do(ticket, "move", "open", now + MINUTE, by=desk.alice)
    take_back(ticket, seq, now + 2 * MINUTE)
    again = db.session.get_one(Ticket, ticket.id)
    assert (again.priority, again.state) == (1, "open")


def test_twice_is_refused_and_undone_again_is_done(
    do: Any, take_back: Any, ticket: Ticket, desk: Any, now: datetime
) -> None:
    """An undo is a change like another: it can be undone, and that too."""
    seq = do(ticket, "move", "resolved", now)
    undone = take_back(ticket, seq, now + MINUTE, by=desk.alice)
    with speaking("en"), pytest.raises(Refused) as refused:
        take_back(ticket, seq, now + MINUTE)
    assert refused.value.said() == "Alice Moor has undone this already."
    redone = take_back(ticket, undone, now + 2 * MINUTE)
    assert db.session.get_one(Ticket, ticket.id).state == "resolved"
    take_back(ticket, redone, now + 4 * MINUTE)
    again = db.session.get_one(Ticket, ticket.id)
    assert (again.state, again.closed_at, again.reopened) == ("new", None, 0)
    with speaking("en"):
        assert _told(ticket) == [
            "Bob Reyes moved it from New to Resolved",
            "Alice Moor undid: moved it from New to Resolved",
            "Bob Reyes did again: moved it from New to Resolved",
            "Bob Reyes undid: moved it from New to Resolved",
        ]


def test_a_snooze(do: Any, take_back: Any, ticket: Ticket, desk: Any, now: datetime) -> None:
    """Also one that a slip of the hand ended, by resolving the ticket."""
    first = do(ticket, "snooze", 1, now)
    closed = do(ticket, "move", "resolved", now + MINUTE)
    with pytest.raises(Refused, match="meanwhile"):
        take_back(ticket, first, now + 2 * MINUTE)
    take_back(ticket, closed, now + 2 * MINUTE)
    assert db.session.get_one(Ticket, ticket.id).snoozed_until == now + timedelta(days=1)
    second = do(ticket, "snooze", None, now + 3 * MINUTE)
    take_back(ticket, second, now + 5 * MINUTE)
    take_back(ticket, first, now + 7 * MINUTE)
    assert db.session.get_one(Ticket, ticket.id).snoozed_until is None
    with speaking("en"):
        assert _told(ticket)[-2:] == [
            "Bob Reyes undid: ended the snooze",
            "Bob Reyes undid: snoozed it until tomorrow 09:30",
        ]


def test_a_reopened_ticket_is_as_old_as_before(do: Any, take_back: Any, ticket: Ticket, now: Any) -> None:
    """A slip of the hand must not begin the days after which a resolved ticket is continued by a new one."""
    do(ticket, "move", "resolved", now)
    seq = do(ticket, "move", "open", now + MINUTE)
    assert db.session.get_one(Ticket, ticket.id).reopened == 1
    take_back(ticket, seq, now + 2 * MINUTE)
    again = db.session.get_one(Ticket, ticket.id)
    assert (again.closed_at, again.state_since, again.reopened) == (now, now, 0)


def test_ten_minutes(do: Any, take_back: Any, ticket: Ticket, now: datetime) -> None:
    seq = do(ticket, "prioritise", 3, now)
    with pytest.raises(Refused, match="more than ten minutes ago"):
        take_back(ticket, seq, now + timedelta(minutes=10, seconds=1))
    take_back(ticket, seq, now + timedelta(minutes=10))


def test_what_people_did_not_do_is_not_undone_so(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    with writing(desk.board) as board:
        tickets.prioritise(board, db.session.get_one(Ticket, ticket.id), 3, by=By("rule", 1), now=now)
        seq = board.seq
    assert undo.just_done() == []
    assert undo.events_of([(desk.board.id, seq, seq)], now) == {}


def test_what_was_just_done(desk: SmallDesk, do: Any, ticket: Ticket, now: datetime) -> None:
    seq = do(ticket, "tag", "refund", now)
    assert undo.just_done() == [(desk.board.id, seq, seq)]
    with pytest.raises(Refused):
        do(ticket, "prioritise", 9, now)
    assert undo.just_done() == []


def test_tokens(desk: SmallDesk) -> None:
    found = [(1, 4, 9), (2, 1, 1)]
    assert undo.read(undo.token(found)) == found
    for text in ("", "x", undo.token(found)[:-1], undo.token(found) + "x"):
        with pytest.raises(Refused) as refused:
            undo.read(text)
        assert refused.value.status == 404
    events = [Event(stream=stream, seq=seq) for stream, seq in ((2, 1), (1, 3), (1, 2), (1, 5))]
    assert undo.stretches(events) == [(1, 2, 3), (1, 5, 5), (2, 1, 1)]


def _stands(desk: SmallDesk, ticket: Ticket, later: datetime) -> dict[str, Any]:
    """All that is so for this ticket now."""
    db.session.rollback()
    db.session.expire_all()
    row = db.session.get_one(Ticket, ticket.id)
    fields = {
        name.key: getattr(row, name.key) for name in Ticket.__table__.columns if name.key not in TOUCHED
    }
    past = db.session.execute(
        select(TicketInterval.field, TicketInterval.value, TicketInterval.from_at, TicketInterval.until_at)
        .where(TicketInterval.ticket_id == ticket.id)
        .order_by(TicketInterval.field, TicketInterval.from_at, TicketInterval.value)
    ).all()
    board = db.session.get_one(Board, desk.board.id)
    return {
        **fields,
        "tags": [tag.name for tag in row.tags],
        "past": sorted(map(str, past)),
        "deadlines": deadlines.of(board, row, later),
    }


def _do(board: Board, desk: SmallDesk, ticket: Ticket, verb: str, value: Any, by: By, now: datetime) -> None:
    row = db.session.get_one(Ticket, ticket.id)
    match verb:
        case "move":
            tickets.move(board, row, to=board.column_for(value).id, by=by, now=now)
        case "assign":
            tickets.assign(board, row, getattr(desk, value).id if value else None, by=by, now=now)
        case "team":
            tickets.give_to_team(board, row, None if value is None else _teams(now)[value], by=by, now=now)
        case "prioritise":
            tickets.prioritise(board, row, value, by=by, now=now)
        case "tag":
            tickets.add_tag(board, row, value, by=by, now=now)
        case "untag" if value in {tag.name for tag in row.tags}:
            tickets.remove_tag(board, row, value, by=by, now=now)
        case "snooze" if value is not None and row.closed_at is None:
            snoozes.snooze(board, row, TUESDAY + timedelta(days=value), by=by, now=now)
        case "snooze" if value is None and row.snoozed_until is not None:
            snoozes.end(board, row, by=by, now=now)
        case "language":
            tickets.set_language(board, row, value, by=by, now=now)
        case "mood":
            moods.set_mood(board, row, value, by=by, now=now)


def _teams(now: datetime) -> list[int]:
    there = list(db.session.scalars(select(Team.id).order_by(Team.id)))
    if there:
        return there
    made = [Team(name="Returns", created_at=now), Team(name="Warehouse", created_at=now)]
    db.session.add_all(made)
    db.session.flush()
    return [team.id for team in made]


def _told(ticket: Ticket) -> list[str]:
    lines = history.told(conversation.events_of(ticket.id, history.SHOWN), now=TUESDAY)
    return [sentence for line in lines for sentence in line.sentences]
