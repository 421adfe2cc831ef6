"""What a ticket's page shows of the past: messages, events, the rules that acted, and the customer's other tickets."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.database import db
from app.models.board import Board, BoardPerson
from app.models.event import Event
from app.models.message import Message
from app.models.person import Person
from app.models.rota import Shift
from app.models.rule import Rule, RuleFiring
from app.models.ticket import Tag, Ticket

MOST_MESSAGES = 100  # shown at first; a mail loop can make thousands
MOST_EVENTS = 500
MOST_TAGS = 500
EARLIER_TICKETS = 5


class Said(NamedTuple):
    """A message, and whether more came with it than its newest part."""

    message: Message
    has_more: bool


class Firing(NamedTuple):
    """A rule acted; `owed` is true while it waits for a person's own change to settle."""

    rule: str
    at: datetime
    owed: bool


def messages_of(ticket_id: int, most: int | None = MOST_MESSAGES) -> list[Said]:
    """The newest messages of a ticket, oldest first, with who wrote them and their attachments."""
    newest = (
        select(Message, Message.full_text.is_not(None))
        .where(Message.ticket_id == ticket_id)
        .options(joinedload(Message.person), selectinload(Message.attachments))
        .order_by(Message.id.desc())
        .limit(most)
    )
    return [Said(message, bool(more)) for message, more in reversed(db.session.execute(newest).all())]


def message_count(ticket_id: int) -> int:
    """All messages of a ticket, taken-back ones included."""
    return db.session.scalar(select(func.count()).where(Message.ticket_id == ticket_id)) or 0


def events_of(ticket_id: int, kinds: Collection[str]) -> Sequence[Event]:
    """The newest events of a ticket of these kinds, oldest first."""
    newest = (
        select(Event)
        .where(Event.subject_kind == "ticket", Event.subject_id == ticket_id, Event.kind.in_(kinds))
        .order_by(Event.id.desc())
        .limit(MOST_EVENTS)
    )
    return db.session.scalars(newest).all()[::-1]


def firings_of(ticket_id: int) -> list[Firing]:
    """Which rules have acted on a ticket, newest first."""
    rows = db.session.execute(
        select(Rule.name, RuleFiring.at, RuleFiring.owed_until)
        .join(Rule, Rule.id == RuleFiring.rule_id)
        .where(RuleFiring.ticket_id == ticket_id)
        .order_by(RuleFiring.id.desc())
        .limit(50)
    )
    return [Firing(name, at, owed_until is not None) for name, at, owed_until in rows]


def earlier_tickets(ticket: Ticket, boards: Select[int]) -> Sequence[Ticket]:
    """The customer's latest other tickets on these boards, newest first."""
    return db.session.scalars(
        select(Ticket)
        .where(Ticket.customer_id == ticket.customer_id, Ticket.id != ticket.id, Ticket.board_id.in_(boards))
        .order_by(Ticket.id.desc())
        .limit(EARLIER_TICKETS)
    ).all()


def people_of(board: Board, also: int | None, now: datetime) -> Sequence[Person]:
    """Who may be given a ticket of this board: its people and who is on call, by name; and `also`, who has it now."""
    belongs = exists().where(BoardPerson.board_id == board.id, BoardPerson.person_id == Person.id)
    on_call = exists().where(
        Shift.rota_id == board.rota_id,
        Shift.person_id == Person.id,
        Shift.starts_at <= now,
        Shift.ends_at > now,
    )
    works_here = Person.deactivated_at.is_(None) & or_(Person.ends_at.is_(None), Person.ends_at > now)
    return db.session.scalars(
        select(Person)
        .where(or_(works_here & or_(belongs, on_call), Person.id == also))
        .order_by(Person.name, Person.id)
    ).all()


def tag_names() -> Sequence[str]:
    """Every tag there is, to choose from."""
    return db.session.scalars(select(Tag.name).order_by(Tag.name).limit(MOST_TAGS)).all()
