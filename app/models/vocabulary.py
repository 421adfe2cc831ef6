"""What the query language's fields mean in this database: its columns, and the names that people write for ids."""

from datetime import datetime

from sqlalchemy import ColumnElement, case, exists, false, literal, select, union_all

from app.database import db
from app.models.board import Board
from app.models.channel import Channel
from app.models.customer import CustomerAddress
from app.models.message import Message
from app.models.person import Person
from app.models.rota import PRIMARY, Shift
from app.models.ticket import Tag, Ticket, TicketTag
from rules.compile import Binding, like
from rules.vocabulary import Names, Value


def names() -> Names:
    """Tags, people and channels by the names that a query may use for them. One statement: a board is read with it."""
    found: dict[str, dict[str, Value]] = {"tag": {}, "assignee": {}, "channel": {}}
    every = union_all(
        select(literal("tag").label("field"), Tag.name.label("name"), Tag.id.label("id")),
        select(literal("assignee"), Person.name, Person.id),
        select(literal("assignee"), Person.email, Person.id),
        select(literal("channel"), Channel.name, Channel.id),
    )
    for field, name, id in db.session.execute(every):
        found[field][name] = id
    return found


def binding(now: datetime, me: int | None = None) -> Binding:
    """The columns for one SELECT over tickets at `now`; `me` is the person whose filter it is."""
    return Binding(
        subject=Ticket.subject_search,
        body=_body,
        from_=_from,
        channel_kind=select(Channel.kind).where(Channel.id == Ticket.channel_id).scalar_subquery(),
        channel_name=Ticket.channel_id,  # names() lets queries store ids
        language=Ticket.language,
        tag=_tag,
        state=Ticket.state,
        assignee=lambda value: _assignee(value, now, me),
        priority=Ticket.priority,
        created_at=Ticket.created_at,
        waiting_since=case((Ticket.closed_at.is_(None), Ticket.waiting_since)),
        state_since=Ticket.state_since,
        automatic=Ticket.automatic,
        unresolved=Ticket.closed_at.is_(None),
    )


def _body(pattern: str) -> ColumnElement[bool]:
    return exists().where(
        Message.ticket_id == Ticket.id, Message.kind == "customer", like(Message.search_text, pattern)
    )


def _from(pattern: str) -> ColumnElement[bool]:
    return exists().where(
        CustomerAddress.customer_id == Ticket.customer_id, like(CustomerAddress.address, pattern)
    )


def _tag(values: tuple[Value, ...]) -> ColumnElement[bool]:
    on_it = TicketTag.ticket_id == Ticket.id
    return exists().where(on_it, TicketTag.tag_id.in_(values)) if values else exists().where(on_it)


def _assignee(value: Value, now: datetime, me: int | None) -> ColumnElement[bool]:
    if value == "none":
        return Ticket.assignee_id.is_(None)
    if value == "me":
        return Ticket.assignee_id == me if me is not None else false()
    if value == "oncall":
        on_duty = (
            select(Shift.person_id)
            .join(Board, Board.rota_id == Shift.rota_id)
            .where(
                Board.id == Ticket.board_id,
                Shift.role == PRIMARY,
                Shift.starts_at <= now,
                Shift.ends_at > now,
            )
        )
        return Ticket.assignee_id.in_(on_duty)
    return Ticket.assignee_id == value
