"""Following a ticket, and saying that two belong together: on one board or on two, told by both histories."""

from datetime import datetime

import pytest
from sqlalchemy import select

from app.database import db, lock, writing
from app.desk import followers, history, links, messages
from app.desk.links import Both
from app.desk.refused import Refused
from app.models import conversation
from app.models.event import By, Event
from app.models.follower import followers_of
from app.models.ticket import Ticket
from app.words import speaking
from tests.desk.boards import second_board, ticket_on
from tests.small import SmallDesk
from tests.stories import ticket_in


def fresh(ticket: Ticket) -> Ticket:
    return db.session.get_one(Ticket, ticket.id, populate_existing=True)


def told(ticket: Ticket) -> list[str]:
    lines = history.told(conversation.events_of(ticket.id, history.SHOWN))
    return [sentence for line in lines for sentence in line.sentences]


def test_whoever_writes_follows_and_may_stop(desk: SmallDesk, now: datetime) -> None:
    ticket, bob = ticket_in(desk, "open", "Lamp", now), By("person", desk.bob.id)
    with writing(desk.board) as board:
        messages.note(board, fresh(ticket), "Looks broken.", person=desk.bob, now=now)
        messages.reply(board, fresh(ticket), "We look.", person=desk.alice, seen=None, now=now)
        messages.note(board, fresh(ticket), "Really.", person=desk.bob, now=now)
    assert [one.name for one in followers_of(ticket.id)] == ["Alice Moor", "Bob Reyes"]
    with writing(desk.board) as board:
        followers.unfollow(board, fresh(ticket), desk.bob.id, by=bob, now=now)
        with pytest.raises(Refused) as refused:
            followers.unfollow(board, fresh(ticket), desk.bob.id, by=bob, now=now)
    assert refused.value.status == 409
    assert [one.id for one in followers_of(ticket.id)] == [desk.alice.id]


def test_others_are_added_when_they_may_see_it(desk: SmallDesk, now: datetime) -> None:
    ticket, bob = ticket_in(desk, "open", "Lamp", now), By("person", desk.bob.id)
    with writing(desk.board) as board:
        for person in (desk.bob, desk.alice, desk.alice):
            followers.follow(board, fresh(ticket), person.id, by=bob, now=now)
        for nobody in (desk.charlie.id, desk.erin.id, 999):
            with pytest.raises(Refused):
                followers.follow(board, fresh(ticket), nobody, by=bob, now=now)
        followers.unfollow(board, fresh(ticket), desk.bob.id, by=bob, now=now)
    assert (
        told(ticket)[-1] == "Bob Reyes follows it, added the follower Alice Moor, does not follow it any more"
    )
    with speaking("ko"):
        assert "Alice Moor" in told(ticket)[-1]
    with writing(desk.row):
        desk.alice.deactivated_at = now
    assert followers_of(ticket.id) == []


def test_tickets_of_two_boards_are_linked_and_both_tell_it(desk: SmallDesk, now: datetime) -> None:
    other_board = second_board(desk, now)
    first, second = ticket_in(desk, "open", "Lamp", now), ticket_on(other_board, desk, "Lamps", now)
    bob = By("person", desk.bob.id)
    for made in (True, False):
        with writing(desk.board) as board:
            both = Both(lock(other_board), fresh(second), board, fresh(first))
            assert links.link(both, by=bob, now=now) is made
    assert told(first)[-1] == f"Bob Reyes linked it with #{second.id}"
    assert told(second)[-1] == f"Bob Reyes linked it with #{first.id}"
    streams = db.session.scalars(select(Event.stream).where(Event.kind == "ticket.linked")).all()
    assert sorted(streams) == [desk.board.id, other_board.id]
    with writing(desk.board) as board:
        both = Both(board, fresh(first), lock(other_board), fresh(second))
        links.unlink(both, by=bob, now=now)
        with pytest.raises(Refused):
            links.unlink(both, by=bob, now=now)
    assert told(first)[-1].endswith(f"took away the link with #{second.id}")


@pytest.mark.parametrize(
    ("text", "number"),
    [("42", 42), (" #42 ", 42), ("https://desk.example/tickets/42", 42), ("tickets/42/", 42)],
)
def test_a_number_is_found_in_what_people_paste(text: str, number: int) -> None:
    assert links.number_in(text) == number


@pytest.mark.parametrize("text", ["", "lamp", "٤٢", "-1", "4 2", "1" * 10, "/"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        links.number_in(text)
