"""Putting spam away, deleting a ticket, taking it back, and forgetting it for good.

A deleted ticket stands on no board. Whoever may see what is decided by boards alone, so nothing shows it, counts it,
finds it or acts on it, without asking whether it is deleted.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete as delete_from
from sqlalchemy import exists, or_, select, update

from app.database import Base, db
from app.desk import access, alerts, held, intervals, messages, tickets
from app.desk.events import record
from app.desk.refused import Refused
from app.models.alert import Alert
from app.models.board import CLOSED, Board, Column
from app.models.delivery import Delivery
from app.models.event import CLOCK, By, Event
from app.models.message import Attachment, Blob, Message, RawMessage
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_

KEPT_FOR = timedelta(days=30)
AT_ONCE = 20  # tickets forgotten in one sweep
SPAM = "spam"


class Deleted(NamedTuple):
    """A ticket that can be taken back; `by` is who deleted it."""

    id: int
    subject: str
    language: str | None
    board: str
    deleted_at: datetime
    by: str | None


def mark_spam(board: Board, ticket: Ticket, *, by: By, now: datetime) -> None:
    """Puts a ticket away as spam: nothing is said to its sender, no promise runs for it."""
    messages.spare_automatic(board, ticket, now=now)
    if len(ticket.tags) < tickets.MOST_TAGS:
        tickets.add_tag(board, ticket, SPAM, by=by, now=now)
    ticket.unread = False
    if ticket.state != "archived":
        tickets.move(board, ticket, to=board.column_for("archived").id, by=by, now=now)


def delete(board: Board, ticket: Ticket, *, by: By, now: datetime) -> None:
    """Takes a ticket off its board. What waits to be sent is not sent."""
    access.demand(by, "delete_tickets", board, now)
    theirs = select(Message.id).where(Message.ticket_id == ticket.id)
    db.session.execute(
        update(Delivery)
        .where(Delivery.message_id.in_(theirs), Delivery.state.in_(("queued", "held", "failed")))
        .values(state="cancelled", wake_at=None)
        .execution_options(synchronize_session=False)
    )
    held.hold_back(board, ticket, but=None, now=now)
    alerts.close_others(board, alerts.of_tickets([ticket.id])[ticket.id], set(), now)
    closed_at = ticket.closed_at.isoformat() if ticket.closed_at else None
    record(
        board,
        "ticket.deleted",
        ("ticket", ticket.id),
        by=by,
        now=now,
        column=[ticket.column_id, None],
        closed=closed_at,
    )
    _set(
        ticket,
        board_id=None,
        column_id=None,
        closed_at=ticket.closed_at or now,
        snoozed_until=None,
        wake_at=None,
        deleted_at=now,
        deleted_from_id=board.id,
    )


def restore(board: Board, ticket: Ticket, *, by: By, now: datetime, undoes: Event | None = None) -> Ticket:
    """Puts a deleted ticket back where it was, or into the column for its state. Refused with 409 when it is back. `undoes`:
    see tickets.move."""
    access.demand(by, "delete_tickets", board, now)
    if ticket.deleted_at is None or ticket.deleted_from_id != board.id:
        raise Refused(N_("This ticket is not deleted any more."), status=409)
    event = db.session.scalars(
        select(Event)
        .where(Event.subject_kind == "ticket", Event.subject_id == ticket.id, Event.kind == "ticket.deleted")
        .order_by(Event.id.desc())
        .limit(1)
    ).one()
    old_column, old_state = event.changes["column"][0], ticket.state
    there = db.session.get(Column, old_column)
    column = there if there is not None and there.board_id == board.id else board.column_for(old_state)
    was_closed_at = event.changes["closed"]
    closed_at = (
        (datetime.fromisoformat(was_closed_at) if was_closed_at else now) if column.state in CLOSED else None
    )
    _set(
        ticket,
        board_id=board.id,
        column_id=column.id,
        state=column.state,
        closed_at=closed_at,
        deleted_at=None,
        deleted_from_id=None,
    )
    became: dict[str, tuple[object, object]] = {
        "column": (old_column, column.id),
        "state": (old_state, column.state),
    }
    intervals.change(ticket, {field: pair for field, pair in became.items() if pair[0] != pair[1]}, now)
    tickets.changed(board, ticket, "ticket.restored", by=by, now=now, undoes=undoes, column=[None, column.id])
    return ticket


def deleted_seen_by(person: Person, now: datetime) -> list[Deleted]:
    """The deleted tickets of the boards on which this person may delete, the newest first."""
    newest = (
        select(Event.by_id)
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id == Ticket.id,
            Event.kind == "ticket.deleted",
            Event.by_kind == "person",
        )
        .order_by(Event.id.desc())
        .limit(1)
        .correlate(Ticket)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(Ticket.id, Ticket.subject, Ticket.language, Board.name, Ticket.deleted_at, Person.name)
        .join(Board, Board.id == Ticket.deleted_from_id)
        .outerjoin(Person, Person.id == newest)
        .where(Ticket.deleted_from_id.in_(access.visible_boards(person, now).order_by(None)))
        .order_by(Ticket.deleted_at.desc(), Ticket.id.desc())
        .limit(500)
    )
    return [Deleted._make(row) for row in rows]


def deleted_ticket(person: Person | None, number: int, now: datetime) -> Ticket:
    """The deleted ticket; Refused with 404 when there is none or it is not for this person."""
    ticket = db.session.scalars(
        select(Ticket).where(
            Ticket.id == number,
            Ticket.deleted_from_id.in_(access.visible_boards(person, now).order_by(None)),
        )
    ).one_or_none()
    if ticket is None:
        raise access.not_found()
    return ticket


def due(now: datetime) -> Sequence[tuple[int, int]]:
    """(ticket, board) of those whose time has run out."""
    rows = db.session.execute(
        select(Ticket.id, Ticket.deleted_from_id)
        .where(Ticket.deleted_at <= now - KEPT_FOR, Ticket.deleted_from_id.is_not(None))
        .order_by(Ticket.deleted_at, Ticket.id)
        .limit(AT_ONCE)
    )
    return [(ticket, board) for ticket, board in rows if board is not None]


def forget(board: Board, number: int, now: datetime) -> bool:
    """Removes a deleted ticket with all that belongs to it, and the bytes that nothing else has. Its events stay; they
    hold no text of a message. False when it is gone or back."""
    ticket = db.session.get(Ticket, number)
    if ticket is None or ticket.deleted_at is None or ticket.deleted_at > now - KEPT_FOR:
        return False
    said = Message.ticket_id == number
    files = db.session.scalars(select(Attachment.sha256).join(Message).where(said)).all()
    raws = db.session.execute(
        select(RawMessage.id, RawMessage.sha256).join(Message, Message.raw_id == RawMessage.id).where(said)
    ).all()
    db.session.expunge(ticket)
    for column in (Ticket.linked_id, Ticket.merged_into_id):
        _run(update(Ticket).where(column == number).values({column: None}))
    _empty(number)
    raw_ids = {id for id, _ in raws}
    for raw_id in raw_ids:
        _run(
            delete_from(RawMessage).where(
                RawMessage.id == raw_id, ~exists().where(Message.raw_id == RawMessage.id)
            )
        )
    holders = [key.parent for key in _keys_to("blobs")]
    for sha256 in {*files, *(sha256 for _, sha256 in raws)}:
        others = or_(*(exists().where(holder == sha256) for holder in holders))
        _run(delete_from(Blob).where(Blob.sha256 == sha256, ~others))
    record(board, "ticket.forgotten", ("ticket", number), by=CLOCK, now=now)
    return True


def _empty(number: int) -> None:
    """Removes the rows of every table that name the ticket, its messages or its alerts, whatever tables there are; who is
    named by others goes last."""
    messages_of = select(Message.id).where(Message.ticket_id == number)
    alerts_of = select(Alert.id).where(Alert.ticket_id == number)
    theirs: dict[str, Any] = {"messages": messages_of, "alerts": alerts_of}
    for table in reversed(Base.metadata.sorted_tables):
        if table.name == "tickets":
            continue
        named = [
            key.parent.in_(theirs[key.column.table.name])
            for key in table.foreign_keys
            if key.column.table.name in theirs and table.name not in theirs
        ]
        named += [key.parent == number for key in table.foreign_keys if key.column.table.name == "tickets"]
        if named:
            _run(delete_from(table).where(or_(*named)))
    _run(delete_from(Ticket).where(Ticket.id == number))


def _keys_to(name: str) -> list[Any]:
    tables = Base.metadata.sorted_tables
    return [key for table in tables for key in table.foreign_keys if key.column.table.name == name]


def _set(ticket: Ticket, **values: object) -> None:
    db.session.flush()
    _run(update(Ticket).where(Ticket.id == ticket.id).values(version=Ticket.version + 1, **values))
    db.session.expire(ticket)


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
