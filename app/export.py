"""The desk for other programs: JSON lines, of which each is one person, customer or ticket.

People come without passwords and sessions; a ticket has its messages, tags and history with it. The operator guide
says what each line holds.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload, undefer

from app.backup import snapshot
from app.models.board import Board
from app.models.customer import Customer
from app.models.event import Event
from app.models.follower import TicketFollower
from app.models.link import TicketLink
from app.models.message import Attachment, Message
from app.models.person import Person
from app.models.ticket import PRIORITY_NAMES, Ticket

AT_ONCE = 50
T = TypeVar("T", Person, Customer, Ticket)


def lines() -> Iterator[str]:
    """Everything, as it stood at one moment: people, then customers, then tickets that are not deleted, each by number."""
    with snapshot() as connection, Session(connection) as session:
        for people in _batches(session, Person):
            yield from (_line("person", _person(each)) for each in people)
        for customers in _batches(session, Customer, selectinload(Customer.addresses)):
            yield from (_line("customer", _customer(each)) for each in customers)
        boards = dict(session.execute(select(Board.id, Board.name)).all())
        parts = (selectinload(Ticket.tags), joinedload(Ticket.column), joinedload(Ticket.channel))
        for tickets in _batches(session, Ticket, *parts):
            messages, events = _messages(session, tickets), _events(session, tickets)
            followers, links = _followers(session, tickets), _links(session, tickets)
            for ticket in tickets:
                yield _line(
                    "ticket",
                    {
                        **_ticket(ticket, boards),
                        "followers": followers[ticket.id],
                        "links": links[ticket.id],
                        "messages": messages[ticket.id],
                        "events": events[ticket.id],
                    },
                )


def _batches(session: Session, kind: type[T], *options: Any) -> Iterator[Sequence[T]]:
    """All rows by number, a few at a time; what was read is forgotten, so that memory does not grow."""
    after = 0
    while True:
        session.expunge_all()
        found = session.scalars(
            select(kind)
            .where(kind.id > after, *([Ticket.deleted_at.is_(None)] if kind is Ticket else []))
            .order_by(kind.id)
            .limit(AT_ONCE)
            .options(*options)
        ).all()
        if not found:
            return
        after = found[-1].id
        yield found


def _person(person: Person) -> dict[str, Any]:
    names = ("id", "name", "email", "role", "languages", "locale", "zone")
    return _fields(person, *names, "created_at", "ends_at", "deactivated_at")


def _customer(customer: Customer) -> dict[str, Any]:
    return {
        **_fields(customer, "id", "name", "language", "language_by_hand", "created_at"),
        "addresses": [_fields(each, "address", "bounced_at") for each in customer.addresses],
    }


def _ticket(ticket: Ticket, boards: dict[int, str]) -> dict[str, Any]:
    return {
        **_fields(
            ticket, "id", "subject", "state", "customer_id", "assignee_id", "language", "mood", "automatic"
        ),
        "board": boards[ticket.board_id],
        "column": ticket.column.name,
        "channel": _fields(ticket.channel, "kind", "name", "address"),
        "priority": PRIORITY_NAMES[ticket.priority],
        "tags": [tag.name for tag in ticket.tags],
        "continues": ticket.linked_id,
        "merged_into": ticket.merged_into_id,
        **_fields(ticket, "created_at", "updated_at", "first_answered_at", "closed_at", "snoozed_until"),
    }


def _followers(session: Session, tickets: Sequence[Ticket]) -> dict[int, list[int]]:
    """ticket -> the people who follow it."""
    found: dict[int, list[int]] = defaultdict(list)
    row = TicketFollower
    theirs = row.ticket_id.in_([ticket.id for ticket in tickets])
    for number, person_id in session.execute(
        select(row.ticket_id, row.person_id).where(theirs).order_by(row.person_id)
    ):
        found[number].append(person_id)
    return found


def _links(session: Session, tickets: Sequence[Ticket]) -> dict[int, list[int]]:
    """ticket -> the tickets about the same matter, those that are deleted left out. Each link is told by both."""
    found: dict[int, list[int]] = defaultdict(list)
    numbers = [ticket.id for ticket in tickets]
    for this, other in (
        (TicketLink.ticket_id, TicketLink.other_id),
        (TicketLink.other_id, TicketLink.ticket_id),
    ):
        there = select(this, other).join(Ticket, Ticket.id == other).where(Ticket.deleted_at.is_(None))
        for number, linked in session.execute(there.where(this.in_(numbers))):
            found[number].append(linked)
    return defaultdict(list, {number: sorted(linked) for number, linked in found.items()})


def _messages(session: Session, tickets: Sequence[Ticket]) -> dict[int, list[dict[str, Any]]]:
    """ticket -> its messages, oldest first, notes and withdrawn answers too; attachments without their bytes."""
    said: dict[int, list[dict[str, Any]]] = defaultdict(list)
    names = ("id", "kind", "person_id", "from_name", "from_address", "subject", "text", "full_text", "html")
    for message in session.scalars(
        select(Message)
        .where(Message.ticket_id.in_([ticket.id for ticket in tickets]))
        .order_by(Message.id)
        .options(undefer(Message.full_text), undefer(Message.html), selectinload(Message.attachments))
    ):
        said[message.ticket_id].append(
            {
                **_fields(
                    message, *names, "language", "mood", "automatic", "message_id", "at", "withdrawn_at"
                ),
                "attachments": [_attachment(each) for each in message.attachments],
            }
        )
    return said


def _attachment(attachment: Attachment) -> dict[str, Any]:
    return _fields(attachment, "name", "media_type", "size", "sha256", "inline")


def _events(session: Session, tickets: Sequence[Ticket]) -> dict[int, list[dict[str, Any]]]:
    """ticket -> its history, oldest first."""
    told: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in session.scalars(
        select(Event)
        .where(Event.subject_kind == "ticket", Event.subject_id.in_([ticket.id for ticket in tickets]))
        .order_by(Event.id)
    ):
        told[event.subject_id].append(_fields(event, "kind", "by_kind", "by_id", "changes", "at"))
    return told


def _fields(row: Any, *names: str) -> dict[str, Any]:
    return {name: _said(getattr(row, name)) for name in names}


def _said(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _line(kind: str, fields: dict[str, Any]) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)
