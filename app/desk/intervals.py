"""Keeps the past of a ticket, in the transaction of each change: what it was, from when until when."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Insert, Select, and_, insert, or_, update

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
    _add(rows)


def change(ticket: Ticket, changes: Mapping[str, tuple[object, object]], now: datetime) -> None:
    """From now on the new of each field's (old, new) holds instead of the old; None is nothing. For a tag, one of them is
    None. Two statements, and none of them for what else of the ticket has changed: that is written once, later."""
    over = [(field, str(old)) for field, (old, _) in changes.items() if old is not None]
    begun = [
        {"ticket_id": ticket.id, "field": field, "value": str(new), "from_at": now}
        for field, (_, new) in changes.items()
        if new is not None
    ]
    with db.session.no_autoflush:
        if over:
            db.session.execute(
                update(TicketInterval)
                .where(
                    TicketInterval.ticket_id == ticket.id,
                    TicketInterval.until_at.is_(None),
                    or_(*(_is(field, old) for field, old in over)),
                )
                .values(until_at=now)
                .execution_options(synchronize_session=False)
            )
        if begun:
            _add(begun)


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


def _add(rows: list[dict[str, object]]) -> None:
    db.session.connection().execute(_insert(), rows)


@cache
def _insert() -> Insert:
    """Made once: to build it takes longer than to run it."""
    return insert(TicketInterval.__table__)  # type: ignore[arg-type]


def _is(field: str, value: str) -> ColumnElement[bool]:
    return and_(TicketInterval.field == field, TicketInterval.value == value)
