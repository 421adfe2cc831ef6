"""Answers whose time has come leave; those that cannot are held back, and their writers see it."""

from datetime import datetime

from sqlalchemy import select

from app.database import db, writing
from app.desk import held, later
from app.desk.refused import Refused
from app.models.board import Board
from app.models.message import Message
from app.models.ticket import Ticket

BATCH = 50


def leave_due(now: datetime) -> int:
    """Lets every answer leave that is due, each in a transaction of its own; returns how many were."""
    due = db.session.execute(
        select(Message.id, Message.ticket_id, Ticket.board_id)
        .join(Ticket, Ticket.id == Message.ticket_id)
        .where(Message.leaves_at <= now)
        .order_by(Message.leaves_at, Message.id)
        .limit(BATCH)
    ).all()
    db.session.rollback()
    for message_id, number, board_id in due:
        try:
            _leave(message_id, number, board_id, now)
        except Refused:
            with writing(Board(id=board_id)) as board:
                message, ticket = _due(message_id, now), db.session.get_one(Ticket, number)
                if message is not None and ticket.board_id == board_id:
                    held.hold(board, ticket, message, now=now)
    return len(due)


def _leave(message_id: int, number: int, board_id: int, now: datetime) -> None:
    with writing(Board(id=board_id)) as board:
        message, ticket = _due(message_id, now), db.session.get_one(Ticket, number)
        if message is not None and ticket.board_id == board_id:
            later.leave(board, ticket, message, now=now)


def _due(message_id: int, now: datetime) -> Message | None:
    """The message, when nobody has let it leave, held it or changed its time meanwhile."""
    message = db.session.get(Message, message_id)
    if message is None or message.leaves_at is None or message.leaves_at > now:
        return None
    return message
