"""What the query language's fields meant at an instant: the same compiler over the past of tickets.

Messages as they had come by then; column, state, tags, priority, assignee, team, board and language from
ticket_intervals. Customers and their companies are as they are now. What is not remembered, deadlines, alerts and
what has been read, cannot be told: such a term finds nothing, under NOT as well.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from app.models.board import CLOSED, UNRESOLVED
from app.models.document import Document, in_text
from app.models.event import Event
from app.models.interval import TicketInterval
from app.models.message import Attachment, Message
from app.models.ticket import Ticket
from app.models.vocabulary import NEVER, ROWS, binding, on_duty, open_at
from rules.compile import Binding, like
from rules.tokens import phrase
from rules.vocabulary import Value

# Events of a person or a customer that do not count as a change of the ticket: see desk.tickets.changed.
NO_CHANGE = ("ticket.read", "message.spared")


Instant = datetime | ColumnElement[datetime]


def as_of(at: Instant, me: int | None = None, zone: str | None = None) -> Binding:
    """The columns for one SELECT over the tickets that there were at the instant `at`; give the compiler `at` for now.
    It may be a column, so that each ticket is asked about instants of its own: then Binding.ago and days have to say what
    is before it."""
    state = _value("state", at)
    return replace(
        binding(NEVER, me, zone),
        body=lambda pattern: _body(pattern, at),
        words=lambda text: _words(text, at),
        language=_value("language", at),
        mood=cast(_value("mood", at), Integer),
        tag=lambda values: _held("tag", values, at),
        state=state,
        assignee=lambda value: _assignee(value, at, me),
        team=cast(_value("team", at), Integer),
        board=cast(_value("board", at), Integer),
        priority=cast(_value("priority", at), Integer),
        updated_at=_updated_at(at),
        closed_at=_closed_at(at),
        waiting_since=case((state.in_(UNRESOLVED), _waiting_since(at))),
        state_since=_newest(select(TicketInterval.from_at), "state", at),
        due_at=None,
        snoozed_until=None,
        during=lambda calendar: open_at(calendar, _wrote_at(at)),
        automatic=_automatic(at),
        unread=None,
        messages=_count(at),
        reopened=_reopened(at),
        last_speaker=_last_speaker(at),
        attachment=lambda pattern: _attachment(pattern, at),
        alert=None,
        unresolved=None,
        tagged=None,
        waits=None,
        scope=and_(Ticket.created_at <= at, Ticket.deleted_at.is_(None)),
    )


def _holding(at: Instant, field: str) -> ColumnElement[bool]:
    return and_(
        TicketInterval.ticket_id == Ticket.id,
        TicketInterval.field == field,
        TicketInterval.from_at <= at,
        or_(TicketInterval.until_at.is_(None), TicketInterval.until_at > at),
    )


def _newest(asked: Select[Any], field: str, at: Instant) -> ScalarSelect[Any]:
    return asked.where(_holding(at, field)).correlate_except(TicketInterval).limit(1).scalar_subquery()


def _value(field: str, at: Instant) -> ScalarSelect[str]:
    return _newest(select(TicketInterval.value), field, at)


def _held(field: str, values: tuple[Value, ...], at: Instant) -> ColumnElement[bool]:
    """One of these ids, of what is still there; (): any."""
    row = ROWS[field]
    there = select(cast(row.id, String)).correlate(None)
    there = there.where(row.id.in_(values)) if values else there
    return exists().where(_holding(at, field), TicketInterval.value.in_(there))


def _assignee(value: Value, at: Instant, me: int | None) -> ColumnElement[bool]:
    person = cast(_value("assignee", at), Integer)
    if value == "none":
        return person.is_(None)
    if value == "me":
        return person == me if me is not None else false()
    if value == "oncall":
        return person.in_(on_duty(at, cast(_value("board", at), Integer)))
    return person == value


def _said(at: Instant) -> ColumnElement[bool]:
    """The messages of a ticket that there were, and that had not been taken back."""
    return and_(
        Message.ticket_id == Ticket.id,
        Message.at <= at,
        Message.kind != "later",
        or_(Message.withdrawn_at.is_(None), Message.withdrawn_at > at),
    )


def _body(pattern: str, at: Instant) -> ColumnElement[bool]:
    return exists().where(_said(at), Message.kind == "customer", like(Message.search_text, pattern))


def _words(text: str, at: Instant) -> ColumnElement[bool]:
    """In what had been said by then, or in what is known of the ticket itself."""
    wanted = phrase(text)
    if wanted is None:
        return false()
    said = exists().where(_said(at), Message.id == Document.message_id).correlate_except(Message)
    return exists().where(
        Document.ticket_id == Ticket.id, in_text(wanted), or_(Document.message_id.is_(None), said)
    )


def _attachment(pattern: str, at: Instant) -> ColumnElement[bool]:
    return exists().where(
        Message.ticket_id == Ticket.id,
        Message.at <= at,
        Attachment.message_id == Message.id,
        like(Attachment.name_search, pattern),
    )


def _from_customer() -> ColumnElement[bool]:
    return and_(Message.kind == "customer", Message.automatic.is_(None))


def _wrote_at(at: Instant) -> ScalarSelect[Any]:
    """When the customer had written last; automatic messages do not count."""
    newest = select(func.max(Message.at)).where(_said(at), _from_customer())
    return newest.correlate_except(Message).scalar_subquery()


def _automatic(at: Instant) -> ColumnElement[bool]:
    """Opened by automatic mail; a customer's own message ends that for good."""
    first = (
        select(and_(Message.kind == "customer", Message.automatic.is_not(None)))
        .where(Message.ticket_id == Ticket.id)
        .order_by(Message.id)
        .limit(1)
    )
    return and_(first.correlate(Ticket).scalar_subquery(), _wrote_at(at).is_(None))


def _waiting_since(at: Instant) -> ScalarSelect[Any]:
    """The first message of the customer behind our last answer."""
    answer = aliased(Message)
    answered = exists().where(
        answer.ticket_id == Message.ticket_id,
        answer.kind == "reply",
        answer.automatic.is_(None),
        answer.at <= at,
        or_(answer.withdrawn_at.is_(None), answer.withdrawn_at > at),
        answer.id > Message.id,
    )
    first = select(func.min(Message.at)).where(
        _said(at), _from_customer(), ~answered.correlate_except(answer)
    )
    return first.correlate_except(Message).scalar_subquery()


def _updated_at(at: Instant) -> ColumnElement[Any]:
    newest = select(func.max(Event.at)).where(
        Event.subject_kind == "ticket",
        Event.subject_id == Ticket.id,
        Event.by_kind.in_(("person", "customer")),
        or_(Event.kind.like("ticket.%"), Event.kind.like("message.%")),
        Event.kind.not_in(NO_CHANGE),
        Event.at <= at,
    )
    return func.coalesce(newest.correlate_except(Event).scalar_subquery(), Ticket.created_at)


def _closed_at(at: Instant) -> ColumnElement[Any]:
    """The end of the last state that was none of the closed ones."""
    opened = select(func.max(TicketInterval.until_at)).where(
        TicketInterval.ticket_id == Ticket.id,
        TicketInterval.field == "state",
        TicketInterval.value.not_in(CLOSED),
        TicketInterval.until_at <= at,
    )
    return case((_value("state", at).in_(CLOSED), opened.correlate_except(TicketInterval).scalar_subquery()))


def _reopened(at: Instant) -> ScalarSelect[int]:
    before = aliased(TicketInterval)
    again = select(func.count()).where(
        TicketInterval.ticket_id == Ticket.id,
        TicketInterval.field == "state",
        TicketInterval.value.not_in(CLOSED),
        TicketInterval.from_at <= at,
        exists()
        .where(
            before.ticket_id == TicketInterval.ticket_id,
            before.field == "state",
            before.value.in_(CLOSED),
            before.until_at == TicketInterval.from_at,
        )
        .correlate_except(before),
    )
    return again.correlate_except(TicketInterval).scalar_subquery()


def _count(at: Instant) -> ScalarSelect[int]:
    """As desk.messages counts them: what the desk says by itself is none of them."""
    counted = select(func.count()).where(_said(at), or_(Message.kind != "reply", Message.automatic.is_(None)))
    return counted.correlate_except(Message).scalar_subquery()


def _last_speaker(at: Instant) -> ColumnElement[str]:
    newest = (
        select(case((Message.kind == "reply", "us"), else_="customer"))
        .where(
            _said(at),
            or_(Message.kind == "customer", and_(Message.kind == "reply", Message.automatic.is_(None))),
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    return func.coalesce(newest.correlate_except(Message).scalar_subquery(), "customer")
