"""Answers that were to leave later, and do not because somebody has written before."""

from datetime import datetime

from sqlalchemy import select

from app.database import db
from app.desk.events import record
from app.models.board import Board
from app.models.event import CLOCK
from app.models.message import Message
from app.models.ticket import Ticket


def hold_back(
    board: Board, ticket: Ticket, *, but: int | None, now: datetime
) -> list[tuple[Message, datetime]]:
    """Somebody has written: what others have written to leave later waits until its writer has read that. `but` is
    the person who wrote, whose own may leave; None for the customer. Returns what is held, with when it was to leave."""
    waiting = db.session.scalars(
        select(Message).where(
            Message.ticket_id == ticket.id, Message.kind == "later", Message.leaves_at.is_not(None)
        )
    ).all()
    found = [(one, one.leaves_at) for one in waiting if one.leaves_at is not None and one.person_id != but]
    for message, _ in found:
        hold(board, ticket, message, now=now)
    return found


def hold(board: Board, ticket: Ticket, message: Message, *, now: datetime) -> None:
    message.leaves_at = None
    ticket.version += 1
    record(board, "ticket.held-back", ("ticket", ticket.id), by=CLOCK, now=now, message=message.id)
