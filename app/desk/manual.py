"""A ticket that a person opens: somebody called, or we write first."""

from datetime import datetime
from functools import cache

from sqlalchemy import Select, bindparam, select, true

from app.database import db
from app.desk import customers, inbox, messages, tickets
from app.desk.refused import Refused
from app.mail.addresses import canonical
from app.mail.headers import one_line
from app.mail.language import detect
from app.models.board import Board
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.person import Person
from app.models.ticket import NORMAL, Ticket
from app.words import N_


def open_by_hand(
    board: Board,
    *,
    person: Person,
    name: str,
    email: str,
    subject: str,
    text: str,
    send: bool = False,
    priority: int = NORMAL,
    raw_id: int | None = None,
    now: datetime,
) -> Ticket:
    """Opens a ticket with its first message: what the customer told us or, with `send`, our own, which is sent to them.
    With `raw_id` the first message is a failed one as a person reads it, and keeps the bytes as they came.

    Refused with 409 when it has been dealt with, with 422 for an address that cannot be written to, an empty subject or text, an unknown priority.
    """
    address, subject = canonical(email), one_line(subject)
    if address is None:
        raise Refused(N_("That is not an e-mail address."), field="email")
    if not subject:
        raise Refused(N_("Write a subject."), field="subject")
    text = messages.checked(text)
    channel, languages = _channel(board)
    language, confidence = detect(text, languages)
    if language is None and (known := customers.spoken_from(address)) in languages:
        language = known
    by = person.by
    if raw_id is not None:
        inbox.handled_by_hand(raw_id)
    customer = customers.find_or_make(address, one_line(name), language, now=now)
    ticket = tickets.open_ticket(
        board,
        channel=channel,
        customer=customer,
        subject=subject,
        by=by,
        now=now,
        priority=priority,
        language=language,
        confidence=confidence,
    )
    if send:
        messages.reply(board, ticket, text, person=person, seen=None, now=now)
    else:
        messages.receive(
            board,
            ticket,
            by=by,
            now=now,
            text=text,
            from_name=customer.name,
            from_address=address,
            language=language,
            raw_id=raw_id,
        )
    return ticket


def _channel(board: Board) -> tuple[Channel, list[str]]:
    """The channel of tickets that are opened by hand, and the languages of the desk."""
    found = db.session.execute(_channels(), {"board": board.id}).first()
    if found is None:
        raise Refused(N_("On this board no tickets are opened by hand."), field="board")
    return found[0], found[1]


@cache
def _channels() -> Select[Channel, list[str]]:
    """Made once: to build it takes longer than to run it."""
    return (
        select(Channel, Desk.languages)
        .join(Desk, true())
        .where(Channel.board_id == bindparam("board"), Channel.kind == "manual", Channel.closed_at.is_(None))
        .order_by(Channel.id)
        .limit(1)
    )
