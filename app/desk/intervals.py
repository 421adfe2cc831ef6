"""Keeps the past of a ticket, in the transaction of each change: what it was, from when until when."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import cast

from sqlalchemy import Insert, Select, Table, Update, and_, bindparam, delete, insert, or_, select, update

from app.database import db
from app.models.event import Event
from app.models.interval import TicketInterval
from app.models.ticket import Ticket

_ROWS = cast(Table, TicketInterval.__table__)
Changes = Mapping[str, tuple[object, object]]


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


def change(ticket: Ticket, changes: Changes, now: datetime, *, undoes: Event | None = None) -> bool:
    """From now on the new of each field's (old, new) holds instead of the old; None is nothing. For a tag, one of them is
    None. Two statements, and none of them for what else of the ticket has changed: that is written once, later.

    When this undoes what an event has done, and nothing has changed the fields since, then what the event did never
    held; True.
    """
    if undoes is not None and _forget(ticket, changes, undoes.at):
        return True
    over = [
        {"ticket": ticket.id, "was": field, "held": str(old), "now": now}
        for field, (old, _) in changes.items()
        if old is not None
    ]
    begun = [
        {"ticket_id": ticket.id, "field": field, "value": str(new), "from_at": now}
        for field, (_, new) in changes.items()
        if new is not None
    ]
    with db.session.no_autoflush:
        if over:
            db.session.connection().execute(_end_one(), over)
        if begun:
            _add(begun)
    return False


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


# Both are made once: to build a statement takes longer than to run it.
@cache
def _insert() -> Insert:
    return insert(_ROWS)


@cache
def _end_one() -> Update:
    """Ends what the ticket holds of a field."""
    return (
        update(_ROWS)
        .where(
            _ROWS.c.ticket_id == bindparam("ticket"),
            _ROWS.c.until_at.is_(None),
            _ROWS.c.field == bindparam("was"),
            _ROWS.c.value == bindparam("held"),
        )
        .values(until_at=bindparam("now"))
    )


def _forget(ticket: Ticket, changes: Changes, at: datetime) -> bool:
    """Removes what began at `at`, and lets hold again what ended then. False, and nothing done, when that is not all that
    has happened to the fields."""
    begun = {(field, str(old)) for field, (old, _) in changes.items() if old is not None}
    ended = {(field, str(new)) for field, (_, new) in changes.items() if new is not None}
    row = TicketInterval
    with db.session.no_autoflush:
        rows = db.session.execute(
            select(row.id, row.field, row.value, row.until_at)
            .where(
                row.ticket_id == ticket.id,
                or_(and_(row.from_at == at, row.until_at.is_(None)), row.until_at == at),
                row.field.in_(changes),
            )
            .order_by(row.id)
        ).all()
        over = {(field, value): id for id, field, value, until_at in rows if until_at is None}
        again = {(field, value): id for id, field, value, until_at in rows if until_at is not None}
        if not (begun <= over.keys() and ended <= again.keys()):
            return False
        db.session.execute(
            delete(row)
            .where(row.id.in_([over[key] for key in begun]))
            .execution_options(synchronize_session=False)
        )
        db.session.execute(
            update(row)
            .where(row.id.in_([again[key] for key in ended]))
            .values(until_at=None)
            .execution_options(synchronize_session=False)
        )
    return True
