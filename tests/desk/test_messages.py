"""Answers, notes and "Undo send": what each moves, and what is put back."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import customers, deliveries, messages, tickets
from app.desk.refused import Refused
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Message
from app.models.ticket import Ticket
from tests.small import SmallDesk

Write = Callable[..., Message]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ticket(desk: SmallDesk, now: datetime) -> Ticket:
    """Kim has written once, an hour ago; nobody has answered."""
    at = now - 60 * MINUTE
    with writing(desk.board) as board:
        kim = customers.find_or_make("kim@example.org", "Kim", "en", now=at)
        ticket = tickets.open_ticket(
            board,
            channel=desk.email,
            customer=kim,
            subject="The lamp flickers",
            by=By("customer", kim.id),
            now=at,
        )
    receive(desk, ticket, at)
    return ticket


def receive(desk: SmallDesk, ticket: Ticket, at: datetime, automatic: str | None = None) -> Message:
    with writing(desk.board) as board:
        return messages.receive(
            board,
            ticket,
            by=By("customer", ticket.customer_id),
            now=at,
            text="It flickers.",
            from_name="Kim",
            from_address="kim@example.org",
            automatic=automatic,
        )


def reply(
    desk: SmallDesk, ticket: Ticket, at: datetime, then: str = "wait", seen: int | None = None
) -> Message:
    with writing(desk.board) as board:
        return messages.reply(
            board, ticket, "Try the other bulb.", person=desk.bob, seen=seen, then=then, now=at
        )


def withdraw(desk: SmallDesk, ticket: Ticket, message: Message, at: datetime) -> None:
    with writing(desk.board) as board:
        messages.withdraw(board, ticket, message.id, person=desk.bob, now=at)


def story(ticket: Ticket) -> tuple[object, ...]:
    """What the board shows of a conversation."""
    return (
        ticket.state,
        ticket.waiting_since,
        ticket.first_answered_at,
        ticket.last_speaker,
        ticket.last_message_at,
        ticket.message_count,
    )


@pytest.mark.parametrize(
    ("before", "then", "after"),
    [
        ("new", "wait", "waiting"),
        ("new", "resolve", "resolved"),
        ("new", "keep", "open"),
        ("open", "wait", "waiting"),
        ("open", "keep", "open"),
        ("waiting", "wait", "waiting"),
        ("resolved", "keep", "resolved"),
    ],
)
def test_what_an_answer_moves(
    desk: SmallDesk, ticket: Ticket, now: datetime, before: str, then: str, after: str
) -> None:
    with writing(desk.board) as board:
        tickets.move(board, ticket, to=desk.columns[before].id, by=By("person", desk.bob.id), now=now)
    reply(desk, ticket, now + MINUTE, then)
    assert (ticket.state, ticket.waiting_since, ticket.last_speaker) == (after, None, "us")
    assert (ticket.first_answered_at, ticket.unread) == (now + MINUTE, False)


@pytest.mark.parametrize("then", ["wait", "resolve", "keep"])
def test_undo_send_puts_everything_back(desk: SmallDesk, ticket: Ticket, now: datetime, then: str) -> None:
    before = story(ticket)
    message = reply(desk, ticket, now, then)
    assert story(ticket) != before
    withdraw(desk, ticket, message, now + timedelta(seconds=5))
    assert story(ticket) == before
    assert db.session.scalars(select(Delivery.state)).all() == ["cancelled"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first first", "last first"])
def test_two_answers_are_taken_back_in_any_order(
    desk: SmallDesk, ticket: Ticket, now: datetime, order: tuple[int, int]
) -> None:
    before = story(ticket)[1:]
    written = [reply(desk, ticket, now), reply(desk, ticket, now + timedelta(seconds=2))]
    for index in order:
        withdraw(desk, ticket, written[index], now + timedelta(seconds=5))
    assert story(ticket)[1:] == before


def test_undo_send_leaves_what_others_did_since(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    message = reply(desk, ticket, now)
    with writing(desk.board) as board:
        by = By("person", desk.alice.id)
        tickets.move(board, ticket, to=desk.columns["resolved"].id, by=by, now=now + timedelta(seconds=3))
    withdraw(desk, ticket, message, now + timedelta(seconds=5))
    assert ticket.state == "resolved"
    assert ticket.waiting_since == now - 60 * MINUTE


def test_a_customer_who_writes_meanwhile_keeps_waiting(
    desk: SmallDesk, ticket: Ticket, now: datetime
) -> None:
    message = reply(desk, ticket, now)
    receive(desk, ticket, now + timedelta(seconds=3))
    assert (ticket.state, ticket.waiting_since) == ("open", now + timedelta(seconds=3))
    withdraw(desk, ticket, message, now + timedelta(seconds=5))
    assert (ticket.state, ticket.waiting_since) == ("open", now - 60 * MINUTE)


def test_automatic_mail_neither_waits_nor_moves(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    reply(desk, ticket, now)
    receive(desk, ticket, now + MINUTE, automatic="auto-submitted")
    assert (ticket.state, ticket.waiting_since, ticket.last_speaker) == ("waiting", None, "customer")


def test_too_late_to_undo(desk: SmallDesk, ticket: Ticket, now: datetime, settings: object) -> None:
    message = reply(desk, ticket, now)
    delivery = db.session.scalars(select(Delivery)).one()
    assert deliveries.claim("this", now + timedelta(seconds=9), 10) == []
    db.session.rollback()
    assert deliveries.claim("this", now + timedelta(seconds=10), 10) == [delivery.id]
    with pytest.raises(Refused) as refused:
        withdraw(desk, ticket, message, now + timedelta(seconds=11))
    assert refused.value.status == 409
    assert db.session.get_one(Message, message.id).withdrawn_at is None


def test_nothing_is_taken_back_twice_or_from_another_ticket(
    desk: SmallDesk, ticket: Ticket, now: datetime
) -> None:
    message = reply(desk, ticket, now)
    with writing(desk.board) as board:
        other = tickets.open_ticket(
            board, channel=desk.email, customer=ticket.customer, subject="Another", by=By("clock"), now=now
        )
    for wrong in (other, ticket):
        if wrong is ticket:
            withdraw(desk, ticket, message, now)
        with pytest.raises(Refused) as refused:
            withdraw(desk, wrong, message, now)
        assert refused.value.status == 409


def test_what_was_not_read_refuses_an_answer(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    seen = db.session.scalars(select(Message.id)).one()
    newest = receive(desk, ticket, now).id
    with pytest.raises(Refused) as refused:
        reply(desk, ticket, now + MINUTE, seen=seen)
    assert (refused.value.status, refused.value.values) == (409, {"n": 1})
    assert db.session.scalars(select(Delivery)).all() == []
    assert reply(desk, ticket, now + MINUTE, seen=newest).kind == "reply"


@pytest.mark.parametrize(
    ("text", "then", "field"),
    [(" \n", "wait", "text"), ("x" * 100_001, "wait", "text"), ("Hello", "explode", None)],
)
def test_what_cannot_be_sent(
    desk: SmallDesk, ticket: Ticket, now: datetime, text: str, then: str, field: str | None
) -> None:
    with pytest.raises(Refused) as refused, writing(desk.board) as board:
        messages.reply(board, ticket, text, person=desk.bob, seen=None, then=then, now=now)
    assert (refused.value.status, refused.value.field) == (422, field)
    assert ticket.state == "new"


def test_a_note_answers_nothing(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    with writing(desk.board) as board:
        messages.note(board, ticket, "She called too.", person=desk.alice, now=now)
    assert (ticket.state, ticket.waiting_since) == ("new", now - 60 * MINUTE)
    assert (ticket.last_speaker, ticket.first_answered_at) == ("customer", None)
    assert db.session.scalars(select(Delivery)).all() == []


def test_an_answer_threads_and_goes_where_the_customer_wrote_from(
    desk: SmallDesk, ticket: Ticket, now: datetime
) -> None:
    first = reply(desk, ticket, now)
    second = reply(desk, ticket, now + MINUTE)
    delivery = db.session.scalars(select(Delivery).where(Delivery.message_id == second.id)).one()
    assert (delivery.to_address, delivery.from_address) == ("kim@example.org", "support@example.com")
    assert (delivery.subject, delivery.in_reply_to) == ("Re: The lamp flickers", first.message_id)
    assert delivery.wake_at == now + MINUTE + messages.UNDO_FOR


def test_every_change_is_one_event(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    message = reply(desk, ticket, now)
    withdraw(desk, ticket, message, now)
    kinds = db.session.scalars(
        select(Event.kind).where(Event.subject_id == ticket.id).order_by(Event.seq)
    ).all()
    assert kinds[-4:] == ["message.replied", "ticket.moved", "ticket.moved", "message.withdrawn"]
    seqs = db.session.scalars(
        select(Event.seq).where(Event.stream == desk.board.id).order_by(Event.seq)
    ).all()
    assert list(seqs) == list(range(1, len(seqs) + 1))
