"""Merging and splitting: what moves, what both histories tell, where later mail goes, what is refused."""

from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, lock, writing
from app.desk import history, inbox, merges, messages, tickets
from app.desk.links import Both
from app.desk.refused import Refused
from app.models import conversation, vocabulary
from app.models.board import Board
from app.models.document import Document
from app.models.event import By
from app.models.follower import followers_of
from app.models.message import Message
from app.models.ticket import Ticket
from rules.query import parse
from tests.desk.boards import second_board, ticket_on
from tests.small import ADDRESS, SmallDesk
from tests.stories import ticket_in

HOUR = timedelta(hours=1)


def fresh(ticket: Ticket) -> Ticket:
    return db.session.get_one(Ticket, ticket.id, populate_existing=True)


def merge(desk: SmallDesk, ticket: Ticket, into: Ticket, now: datetime, **values: Any) -> None:
    boards = sorted({fresh(ticket).board_id, fresh(into).board_id})
    with writing(Board(id=boards[0])) as first:
        held = {first.id: first, **{one: lock(Board(id=one)) for one in boards[1:]}}
        one, other = fresh(ticket), fresh(into)
        both = Both(held[one.board_id], one, held[other.board_id], other)
        merges.merge(both, by=By("person", desk.bob.id), now=now, **values)


def told(ticket: Ticket) -> str:
    lines = history.told(conversation.events_of(ticket.id, history.SHOWN))
    return " / ".join(sentence for line in lines for sentence in line.sentences)


def texts(ticket: Ticket) -> list[str]:
    rows = select(Message.text).where(Message.ticket_id == ticket.id).order_by(Message.id)
    return list(db.session.scalars(rows))


def answer(desk: SmallDesk, ticket: Ticket, text: str, now: datetime) -> Message:
    with writing(desk.board) as board:
        return messages.reply(board, fresh(ticket), text, person=desk.alice, seen=None, now=now)


def mail(reply_to: Message, text: str, sender: str = "kim@example.org") -> bytes:
    raw = EmailMessage()
    raw["From"], raw["To"], raw["Subject"] = sender, ADDRESS, "Re: Lamp"
    raw["In-Reply-To"] = f"<{reply_to.message_id}>"
    raw.set_content(text)
    return raw.as_bytes()


def found(text: str, now: datetime) -> set[int]:
    where = vocabulary.matches(parse(text), now)
    return set(db.session.scalars(select(Ticket.id).where(where)))


def test_everything_goes_on_in_the_other(desk: SmallDesk, now: datetime) -> None:
    ticket, into = ticket_in(desk, "open", "Lamp", now), ticket_in(desk, "waiting", "Bulb", now)
    with writing(desk.board) as board:
        tickets.add_tag(board, fresh(ticket), "angry", by=By("person", desk.bob.id), now=now)
        messages.note(board, fresh(ticket), "Zinnober", person=desk.bob, now=now + HOUR)
    merge(desk, ticket, into, now + 2 * HOUR)
    ticket, into = fresh(ticket), fresh(into)
    assert (texts(ticket), texts(into)) == ([], ["Lamp", "Bulb", "Zinnober"])
    assert (ticket.message_count, into.message_count) == (0, 3)
    assert ([tag.name for tag in into.tags], ticket.state) == (["angry"], "archived")
    assert [one.name for one in followers_of(into.id)] == ["Bob Reyes"]
    assert told(ticket).endswith(f"merged it into #{into.id}")
    assert f"merged #{ticket.id} into it" in told(into)
    assert found("zinnober", now) == {into.id}
    documents = select(Document.ticket_id).join(Message, Message.id == Document.message_id)
    assert set(db.session.scalars(documents)) == {into.id}
    sweeps.wake_tickets(now + 2 * HOUR)
    assert fresh(ticket).next_deadline_at is None
    with pytest.raises(Refused), writing(desk.board) as board:
        tickets.move(
            board, fresh(ticket), to=desk.columns["open"].id, by=By("person", desk.bob.id), now=now + 3 * HOUR
        )


def test_an_unanswered_customer_waits_on_in_the_other_which_opens_again(
    desk: SmallDesk, now: datetime
) -> None:
    ticket, into = ticket_in(desk, "open", "Lamp", now + HOUR), ticket_in(desk, "open", "Bulb", now)
    answer(desk, into, "Solved", now)
    with writing(desk.board) as board:
        tickets.move(
            board, fresh(into), to=desk.columns["resolved"].id, by=By("person", desk.bob.id), now=now
        )
    merge(desk, ticket, into, now + 2 * HOUR)
    into = fresh(into)
    assert (into.state, into.closed_at, into.unread) == ("open", None, True)
    assert fresh(ticket).waiting_since is None


def test_mail_to_the_old_one_lands_in_the_new_one_also_across_boards_and_chains(
    desk: SmallDesk, now: datetime
) -> None:
    wholesale = second_board(desk, now, desk.bob.id)
    first, second = ticket_in(desk, "open", "Lamp", now), ticket_in(desk, "open", "Bulb", now)
    third = ticket_on(wholesale, desk, "Lamps", now)
    ours = answer(desk, first, "We look.", now)
    merge(desk, first, second, now)
    merge(desk, second, third, now)
    assert fresh(third).board_id == wholesale.id
    receipt = inbox.receive(mail(ours, "Thanks"), now=now + HOUR, source="command", sent_to=ADDRESS)
    assert (receipt.action, receipt.ticket) == ("appended", third.id)
    stranger = mail(ours, "Me too", "mallory@example.net")
    assert inbox.receive(stranger, now=now + HOUR, source="command", sent_to=ADDRESS).ticket != third.id


def test_two_customers_are_merged_only_when_that_is_said(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "open", "Lamp", now)
    other = ticket_on(desk.board, desk, "Bulb", now, address="lee@example.org")
    with pytest.raises(Refused) as refused:
        merge(desk, ticket, other, now)
    assert refused.value.field == "customer"
    merge(desk, ticket, other, now, despite_customer=True)
    assert texts(other) == ["Lamp", "Bulb"]


def test_what_was_merged_is_not_merged_again(desk: SmallDesk, now: datetime) -> None:
    first, second, third = (ticket_in(desk, "open", name, now) for name in ("A", "B", "C"))
    merge(desk, first, second, now)
    for pair in ((first, third), (third, first), (second, first)):
        with pytest.raises(Refused) as refused:
            merge(desk, *pair, now)
        assert refused.value.status == 409


def test_a_message_and_what_follows_become_a_ticket_that_continues_it(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "open", "Lamp", now)
    answer(desk, ticket, "We look.", now)
    with writing(desk.board) as board:
        tickets.assign(board, fresh(ticket), desk.bob.id, by=By("person", desk.bob.id), now=now)
        second = messages.receive(
            board,
            fresh(ticket),
            by=By("customer", ticket.customer_id),
            now=now + HOUR,
            text="And my invoice?",
            from_name="Kim",
            from_address="kim@example.org",
        )
    ours = answer(desk, ticket, "Here it is.", now + 2 * HOUR)
    first = db.session.scalars(select(Message.id).where(Message.ticket_id == ticket.id)).first()
    bob = By("person", desk.bob.id)
    with writing(desk.board) as board:
        for message_id, subject in ((first, "All"), (second.id, " "), (999, "Invoice")):
            with pytest.raises(Refused):
                merges.split(board, fresh(ticket), message_id, subject=subject, by=bob, now=now + 3 * HOUR)
        new = merges.split(board, fresh(ticket), second.id, subject="Invoice", by=bob, now=now + 3 * HOUR)
    new = fresh(new)
    assert (texts(ticket), texts(new)) == (["Lamp", "We look."], ["And my invoice?", "Here it is."])
    assert (new.linked_id, new.assignee_id, new.state, new.last_speaker) == (
        ticket.id,
        desk.bob.id,
        "open",
        "us",
    )
    assert (fresh(ticket).message_count, fresh(ticket).last_message_at) == (2, now)
    assert f"split off #{new.id}" in told(ticket)
    assert f"split it off from #{ticket.id}" in told(new)
    receipt = inbox.receive(mail(ours, "Thanks"), now=now + 4 * HOUR, source="command", sent_to=ADDRESS)
    assert receipt.ticket == new.id
