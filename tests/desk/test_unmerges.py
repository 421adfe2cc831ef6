"""A merge that is taken back: both tickets are as they were, or nothing is done and somebody is told why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, lock, writing
from app.desk import followers, history, later, merges, messages, removals, tickets, undo
from app.desk.links import Both
from app.desk.refused import Refused
from app.models import conversation
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.document import Document
from app.models.event import By
from app.models.follower import TicketFollower
from app.models.interval import TicketInterval
from app.models.message import Message
from app.models.ticket import Ticket
from app.words import speaking
from tests.desk.boards import second_board, ticket_on
from tests.small import SmallDesk
from tests.stories import ticket_in

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
# What says when it was touched, and by whom the rules keep away.
TOUCHED = {"version", "updated_at", "wake_at", "column_set_at"}


@contextmanager
def locked(*numbers: int) -> Iterator[dict[int, tuple[Board, Ticket]]]:
    """These tickets under the locks of their boards."""
    there = (
        select(Ticket.board_id)
        .where(Ticket.id.in_(numbers), Ticket.board_id.is_not(None))
        .distinct()
        .order_by(Ticket.board_id)
    )
    first, *more = db.session.scalars(there).all()
    with writing(Board(id=first)) as board:
        boards = {first: board, **{one: lock(Board(id=one)) for one in more}}
        rows = db.session.scalars(select(Ticket).where(Ticket.id.in_(numbers))).all()
        yield {row.id: (boards[row.board_id], row) for row in rows if row.board_id is not None}


@pytest.fixture
def merge(desk: SmallDesk) -> Callable[..., str]:
    """Merges as Bob; returns the token that takes it back."""

    def done(ticket: Ticket, into: Ticket, now: datetime) -> str:
        with locked(ticket.id, into.id) as held:
            both = Both(*held[ticket.id], *held[into.id])
            merges.merge(both, despite_customer=True, by=desk.bob.by, now=now)
        return undo.token(undo.just_done())

    return done


@pytest.fixture
def take_back(desk: SmallDesk) -> Callable[..., str]:
    """Takes back what a token names as Bob; returns the token of that."""

    def done(token: str, now: datetime) -> str:
        of = undo.events_of(undo.read(token), now)
        with locked(*of, *undo.beside(of)) as held:
            for number, events in of.items():
                undo.take_back(*held[number], events, by=desk.bob.by, now=now)
        return undo.token(undo.just_done())

    return done


def stands(*those: Ticket) -> list[Any]:
    """All that is so for these tickets now."""
    db.session.rollback()
    db.session.expire_all()
    return [_stands(db.session.get_one(Ticket, one.id)) for one in those]


def _stands(row: Ticket) -> dict[str, Any]:
    theirs = Message.ticket_id == row.id
    read = {
        "messages": select(Message.id, Message.withdrawn_at, Message.leaves_at).where(theirs),
        "documents": select(Document.message_id).where(Document.ticket_id == row.id, Document.message_id > 0),
        "sent for": select(Delivery.message_id, Delivery.board_id, Delivery.state)
        .join(Message)
        .where(theirs),
        "followers": select(TicketFollower.person_id).where(TicketFollower.ticket_id == row.id),
        "past": select(
            TicketInterval.field, TicketInterval.value, TicketInterval.from_at, TicketInterval.until_at
        ).where(TicketInterval.ticket_id == row.id),
    }
    fields = {one.key: getattr(row, one.key) for one in Ticket.__table__.columns if one.key not in TOUCHED}
    found = {name: sorted(map(str, db.session.execute(rows))) for name, rows in read.items()}
    return {**fields, **found, "tags": [tag.name for tag in row.tags]}


@pytest.fixture
def lamp(desk: SmallDesk, now: datetime) -> Ticket:
    """With a tag, a note, a follower, an answer that leaves later, and put off until tomorrow."""
    ticket = ticket_in(desk, "open", "Lamp", now - HOUR)
    with writing(desk.board) as board:
        row = db.session.get_one(Ticket, ticket.id)
        tickets.add_tag(board, row, "angry", by=desk.bob.by, now=now)
        messages.note(board, row, "Zinnober", person=desk.alice, now=now)
        row.snoozed_until = now + 20 * HOUR
        later.schedule(board, row, "Any news?", person=desk.bob, seen=None, at=now + 9 * HOUR, now=now)
    return ticket


@pytest.fixture
def bulb(desk: SmallDesk, now: datetime) -> Ticket:
    """Resolved, in another board."""
    ticket = ticket_on(second_board(desk, now, desk.bob.id), desk, "Bulb", now, address="lee@example.org")
    with locked(ticket.id) as held:
        board, row = held[ticket.id]
        tickets.add_tag(board, row, "bulbs", by=desk.bob.by, now=now)
        tickets.move(board, row, to=board.column_for("resolved").id, by=desk.bob.by, now=now)
        tickets.read(board, row, by=desk.bob.by, now=now)
    return ticket


def test_both_are_as_they_were_also_across_boards_and_again(
    lamp: Ticket, bulb: Ticket, merge: Any, take_back: Any, now: datetime
) -> None:
    before = stands(lamp, bulb)
    token = merge(lamp, bulb, now + MINUTE)
    merged = stands(lamp, bulb)
    assert (merged[1]["state"], merged[1]["tags"], merged[1]["unread"]) == ("open", ["angry", "bulbs"], True)
    again = take_back(token, now + 2 * MINUTE)
    assert stands(lamp, bulb) == before
    once_more = take_back(again, now + 3 * MINUTE)
    assert [one["message_count"] for one in stands(lamp, bulb)] == [0, 3]
    take_back(once_more, now + 5 * MINUTE)
    assert stands(lamp, bulb) == before
    with speaking("en"):
        lines = history.told(conversation.events_of(bulb.id, history.SHOWN))
    told = " / ".join(sentence for line in lines for sentence in line.sentences)
    deeds = "added the tag angry, merged #1 into it, moved it from Resolved to Open"
    assert deeds in told
    assert "undid: merged #1 into it" in told
    assert "did again: merged #1 into it" in told


def test_what_the_desk_was_about_to_say_is_said_after_all(
    desk: SmallDesk, merge: Any, take_back: Any, now: datetime
) -> None:
    first, second = (ticket_in(desk, "new", name, now) for name in ("Lamp", "Lamp again"))
    with locked(second.id) as held:
        messages.answer_automatically(
            *held[second.id],
            "We have it.",
            reason="promise",
            to="kim@example.org",
            language="en",
            at=now + HOUR,
            now=now,
        )
    before = stands(first, second)
    assert before[1]["sent for"]
    take_back(merge(second, first, now), now + MINUTE)
    assert stands(first, second) == before


def test_several_merged_into_one_are_taken_back_together(
    desk: SmallDesk, take_back: Any, now: datetime
) -> None:
    into, *others = (ticket_in(desk, "open", f"Lamp {n}", now) for n in range(4))
    with writing(desk.board) as board:
        for n, one in enumerate(others):
            tickets.add_tag(board, db.session.get_one(Ticket, one.id), f"t{n % 2}", by=desk.bob.by, now=now)
    before = stands(into, *others)
    with locked(into.id, *(one.id for one in others)) as held:
        for one in others:
            merges.merge(Both(*held[one.id], *held[into.id]), by=desk.bob.by, now=now)
    take_back(undo.token(undo.just_done()), now + MINUTE)
    assert stands(into, *others) == before


def test_one_after_the_other_in_a_chain(desk: SmallDesk, merge: Any, take_back: Any, now: datetime) -> None:
    """What was undone since contradicts nothing; what stands does."""
    first, second, third = those = [ticket_in(desk, "open", name, now) for name in ("A", "B", "C")]
    before = stands(*those)
    one = merge(first, second, now)
    between = stands(*those)
    other = merge(second, third, now + MINUTE)
    with pytest.raises(Refused, match="gone on since") as refused:
        take_back(one, now + 2 * MINUTE)
    assert refused.value.status == 409
    take_back(other, now + 3 * MINUTE)
    assert stands(*those) == between
    take_back(one, now + 4 * MINUTE)
    assert stands(*those) == before


def _writes(desk: SmallDesk, into: Ticket, other: Ticket, now: datetime) -> None:
    with locked(into.id) as held:
        messages.note(*held[into.id], "Both are broken", person=desk.alice, now=now)


def _untags(desk: SmallDesk, into: Ticket, other: Ticket, now: datetime) -> None:
    with locked(into.id) as held:
        tickets.remove_tag(*held[into.id], "angry", by=desk.alice.by, now=now)


def _moves(desk: SmallDesk, into: Ticket, other: Ticket, now: datetime) -> None:
    with locked(into.id) as held:
        board, row = held[into.id]
        tickets.move(board, row, to=board.column_for("waiting").id, by=desk.alice.by, now=now)


def _splits(desk: SmallDesk, into: Ticket, other: Ticket, now: datetime) -> None:
    note = db.session.scalars(select(Message.id).where(Message.kind == "note")).one()
    with locked(into.id) as held:
        merges.split(*held[into.id], note, subject="Zinnober", by=desk.alice.by, now=now)


def _deletes(desk: SmallDesk, into: Ticket, other: Ticket, now: datetime) -> None:
    with locked(other.id) as held:
        removals.delete(*held[other.id], by=desk.alice.by, now=now)


@pytest.mark.parametrize(
    ("contradicts", "words"),
    [
        (_writes, "The conversation of #2 has gone on since it was merged."),
        (_untags, "The tag angry is not on this ticket any more."),
        (_moves, "Alice Moor moved this to Waiting"),
        (_splits, "The conversation of #2 has gone on"),
        (_deletes, "There is no ticket #1, or it is not for you."),
    ],
)
def test_what_somebody_has_done_since_is_left_alone_and_nothing_is_half_done(
    contradicts: Any,
    words: str,
    lamp: Ticket,
    bulb: Ticket,
    merge: Any,
    take_back: Any,
    desk: SmallDesk,
    now: datetime,
) -> None:
    token = merge(lamp, bulb, now)
    contradicts(desk, bulb, lamp, now + MINUTE)
    since = stands(lamp, bulb)
    with speaking("en"), pytest.raises(Refused, match=words):
        take_back(token, now + 2 * MINUTE)
    assert stands(lamp, bulb) == since


def test_what_does_not_touch_it_may_have_changed(
    lamp: Ticket, bulb: Ticket, merge: Any, take_back: Any, desk: SmallDesk, now: datetime
) -> None:
    """A rule has tagged it, Alice has read it and does not follow it, Bob follows it for himself."""
    token = merge(lamp, bulb, now)
    with locked(bulb.id) as held:
        board, row = held[bulb.id]
        tickets.add_tag(board, row, "two", by=By("rule", 1), now=now)
        tickets.read(board, row, by=desk.alice.by, now=now)
        followers.unfollow(board, row, desk.alice.id, by=desk.alice.by, now=now)
        followers.follow(board, row, desk.alice.id, by=desk.alice.by, now=now + MINUTE)
    take_back(token, now + 2 * MINUTE)
    one, other = stands(lamp, bulb)
    assert (one["unread"], other["unread"], other["tags"]) == (False, False, ["bulbs", "two"])
    assert other["followers"] == [f"({desk.alice.id},)"]


def test_half_of_a_merge_is_not_offered(
    desk: SmallDesk, lamp: Ticket, bulb: Ticket, merge: Any, now: datetime
) -> None:
    """Neither with its own events, nor in the history of the one that was put away."""
    whole = undo.read(merge(lamp, bulb, now))
    of = undo.events_of(whole, now)
    assert {number: [event.kind for event in events] for number, events in of.items()} == {
        bulb.id: ["ticket.absorbed"]
    }
    for ticket, offered in ((bulb, True), (lamp, False)):
        lines = history.told(conversation.events_of(ticket.id, history.SHOWN))
        merged = max(line.id for line in lines if "merged" in " ".join(line.sentences))
        assert any(line == merged for line, _ in undo.offers(lines, now)) is offered
