"""Two tickets become one, or one becomes two: messages move, both histories tell it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.database import db, insert_new
from app.desk import held, messages, tickets
from app.desk.links import Both
from app.desk.refused import Refused
from app.mail.headers import one_line
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.document import Document
from app.models.event import By, Event
from app.models.follower import TicketFollower
from app.models.message import Message
from app.models.ticket import Ticket
from app.words import N_

LONGEST_CHAIN = 100  # of tickets merged one into the next


def merge(
    both: Both, *, despite_customer: bool = False, by: By, now: datetime, undoes: Event | None = None
) -> Ticket:
    """Everything of `both.ticket` goes on in `both.other`, and it is put away. Refused with 422 when they are of two
    customers, unless `despite_customer`; with 409 when one of them has been merged already. `undoes`: see tickets.move."""
    board, ticket, into_board, into = both
    for one in (ticket, into):
        if one.merged_into_id is not None:
            raise Refused(
                N_("#%(number)s was merged into #%(other)s already."),
                status=409,
                number=one.id,
                other=one.merged_into_id,
            )
    if ticket.customer_id != into.customer_id and not despite_customer:
        raise Refused(
            N_("#%(number)s is of another customer: %(name)s. Say that you want it all the same."),
            field="customer",
            number=into.id,
            name=into.customer.name or "?",
        )
    before = {one.id: one.seq for one in (board, into_board)}
    back: dict[str, Any] = {"unread": [ticket.unread, into.unread]}
    messages.spare_automatic(board, ticket, now=now)
    waiting = held.hold_back(board, ticket, but=None, now=now)
    waiting += held.hold_back(into_board, into, but=None, now=now)
    back["held"] = [[message.id, at.isoformat()] for message, at in waiting]
    back["messages"] = ids = list(_messages(ticket))
    hand_over(ids, into, into_board)
    back["followers"] = _share(ticket, into, now)
    for tag in list(ticket.tags):
        if len(into.tags) < tickets.MOST_TAGS:
            tickets.add_tag(into_board, into, tag.name, by=by, now=now)
    into.unread, ticket.unread = into.unread or ticket.unread, False
    for one in (ticket, into):
        messages.recount(one, now)
    absorbed = tickets.changed(
        into_board,
        into,
        "ticket.absorbed",
        by=by,
        now=now,
        undoes=undoes,
        other=[None, ticket.id],
        messages=len(ids),
    )
    if into.closed_at is not None and ticket.closed_at is None:
        tickets.move(into_board, into, to=into_board.column_for("open").id, by=by, now=now)
    if ticket.state != "archived":
        tickets.move(board, ticket, to=board.column_for("archived").id, by=by, now=now)
    ticket.merged_into_id = into.id
    tickets.changed(
        board,
        ticket,
        "ticket.merged",
        by=by,
        now=now,
        undoes=undoes,
        other=[None, into.id],
        messages=len(ids),
    )
    absorbed.changes = {**absorbed.changes, "back": {**back, "parts": parts(absorbed, both, before)}}
    return into


def split(board: Board, ticket: Ticket, message_id: int, *, subject: str, by: By, now: datetime) -> Ticket:
    """A message and what follows it become a ticket of their own, which continues this one. Refused when nothing would
    be left."""
    subject = one_line(subject)
    if not subject:
        raise Refused(N_("Write a subject."), field="subject")
    theirs = [id for id in _messages(ticket) if id >= message_id]
    if message_id not in theirs:
        raise Refused(N_("That message is not in this ticket any more."), status=409)
    if len(theirs) == len(_messages(ticket)):
        raise Refused(N_("With the first message nothing would be left here."), field="subject")
    new = tickets.open_ticket(
        board,
        channel=ticket.channel,
        customer=ticket.customer,
        subject=subject,
        by=by,
        now=now,
        priority=ticket.priority,
        language=ticket.language,
        confidence=ticket.language_confidence,
        linked_id=ticket.id,
    )
    hand_over(theirs, new, board)
    moved = len(theirs)
    for one in (ticket, new):
        messages.recount(one, now)
    tickets.changed(board, new, "ticket.split-off", by=by, now=now, other=[None, ticket.id], messages=moved)
    tickets.changed(board, ticket, "ticket.split", by=by, now=now, other=[None, new.id], messages=moved)
    if new.first_answered_at is not None:
        tickets.move(board, new, to=board.column_for("open").id, by=by, now=now)
    if ticket.assignee_id is not None:
        tickets.assign(board, new, ticket.assignee_id, by=by, now=now)
    return new


def where_now(ticket_id: int, message_id: int | None) -> Ticket | None:
    """The ticket in which a conversation goes on that was once in this one: where its message is, after all merging. None
    for one that is deleted."""
    message = db.session.get(Message, message_id) if message_id is not None else None
    ticket = db.session.get(Ticket, message.ticket_id if message is not None else ticket_id)
    for _ in range(LONGEST_CHAIN):
        if ticket is None or ticket.merged_into_id is None:
            break
        ticket = db.session.get(Ticket, ticket.merged_into_id)
    return ticket if ticket is None or ticket.deleted_at is None else None


def parts(event: Event, both: Both, before: Mapping[int, int]) -> list[list[int]]:
    """Where the events stand that were recorded with this one: [board, first, last] of each stretch. `before` is the last
    one of each board until then."""
    found = []
    for board in {board.id: board for board in (both.board, both.other_board)}.values():
        cut = event.seq if event.stream == board.id else board.seq + 1
        found += [[board.id, before[board.id] + 1, cut - 1], [board.id, cut + 1, board.seq]]
    return [stretch for stretch in found if stretch[1] <= stretch[2]]


def hand_over(ids: Sequence[int], to: Ticket, board: Board) -> None:
    """Gives these messages to another ticket, with what is searched and what is sent."""
    for statement in (
        update(Delivery).where(Delivery.message_id.in_(ids)).values(board_id=board.id),
        update(Document).where(Document.message_id.in_(ids)).values(ticket_id=to.id),
        update(Message).where(Message.id.in_(ids)).values(ticket_id=to.id),
    ):
        db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.expire_all()


def _messages(ticket: Ticket) -> Sequence[int]:
    return db.session.scalars(
        select(Message.id).where(Message.ticket_id == ticket.id).order_by(Message.id)
    ).all()


def _share(ticket: Ticket, into: Ticket, now: datetime) -> list[int]:
    """Who followed the one follows the other; returns who did not before."""
    known = select(TicketFollower.person_id).where(TicketFollower.ticket_id == into.id)
    theirs = select(TicketFollower.person_id).where(
        TicketFollower.ticket_id == ticket.id, TicketFollower.person_id.not_in(known)
    )
    people = list(db.session.scalars(theirs))
    if people:
        rows = [{"ticket_id": into.id, "person_id": person, "at": now} for person in people]
        db.session.execute(insert_new(TicketFollower).values(rows).on_conflict_do_nothing())
    return people
