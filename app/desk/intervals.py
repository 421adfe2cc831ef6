"""Keeps the past of a ticket, in the transaction of each change: what it was, from when until when."""

from datetime import datetime

from sqlalchemy import Select, insert, update

from app.database import db
from app.models.interval import TicketInterval
from app.models.ticket import Ticket


def begin(ticket: Ticket, now: datetime) -> None:
    """A ticket has been opened: everything it is holds from now on."""
    values = {
        "board": ticket.board_id,
        "column": ticket.column_id,
        "state": ticket.state,
        "priority": ticket.priority,
        "assignee": ticket.assignee_id,
        "team": ticket.team_id,
        "language": ticket.language,
    }
    rows = [
        {"ticket_id": ticket.id, "field": field, "value": str(value), "from_at": now}
        for field, value in values.items()
        if value is not None
    ]
    db.session.execute(insert(TicketInterval), rows)


def change(ticket: Ticket, field: str, old: object, new: object, now: datetime) -> None:
    """From now on `new` holds instead of `old`; None is nothing. For a tag, one of them is None."""
    if old is not None:
        db.session.execute(
            update(TicketInterval)
            .where(
                TicketInterval.ticket_id == ticket.id,
                TicketInterval.field == field,
                TicketInterval.value == str(old),
                TicketInterval.until_at.is_(None),
            )
            .values(until_at=now)
            .execution_options(synchronize_session=False)
        )
    if new is not None:
        db.session.execute(
            insert(TicketInterval).values(ticket_id=ticket.id, field=field, value=str(new), from_at=now)
        )


def end(field: str, value: object, tickets: Select[int], now: datetime) -> None:
    """What these tickets hold of it ends now: it is taken away from the desk itself."""
    db.session.execute(
        update(TicketInterval)
        .where(
            TicketInterval.ticket_id.in_(tickets),
            TicketInterval.field == field,
            TicketInterval.value == str(value),
            TicketInterval.until_at.is_(None),
        )
        .values(until_at=now)
        .execution_options(synchronize_session=False)
    )
