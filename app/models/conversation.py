"""What a ticket's page shows of the past: messages, events, the rules that acted, and the customer's other tickets."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from app.database import UTCDateTime, db
from app.models.board import Board, BoardPerson, Column
from app.models.customer import Customer
from app.models.draft import ForwardDraft
from app.models.event import Event
from app.models.follower import TicketFollower
from app.models.message import Attachment, Message
from app.models.person import Person
from app.models.rota import Shift
from app.models.rule import Rule, RuleFiring
from app.models.team import Team
from app.models.ticket import Tag, Ticket

MOST_MESSAGES = 100  # shown at first; a mail loop can make thousands
MOST_EVENTS = 500
MOST_TAGS = 500
EARLIER_TICKETS = 5
# What the page says of a ticket from other tables, read in the one statement that finds it.
SHOWN_WITH = (
    joinedload(Ticket.column).joinedload(Column.board),
    joinedload(Ticket.customer).joinedload(Customer.addresses),
    joinedload(Ticket.channel),
    joinedload(Ticket.assignee),
    joinedload(Ticket.team),
)


class Named(NamedTuple):
    id: int
    name: str


class Choices(NamedTuple):
    """Who may be given a ticket, who follows it, the teams and the tags there are; each by name."""

    people: list[Named]
    followers: list[Named]
    teams: list[Named]
    tags: list[Named]


class Said(NamedTuple):
    """A message, whether more came with it than its newest part, and whether the reader has begun to send it on."""

    message: Message
    has_more: bool
    is_begun: bool


class Earlier(NamedTuple):
    """Another ticket of a customer; `column` is the name of the one it is in."""

    id: int
    subject: str
    language: str | None
    column: str
    created_at: datetime


class Firing(NamedTuple):
    """A rule acted, so many `times`, last `at`; `owed` is true while it waits for a person's own change to settle."""

    rule: str
    at: datetime
    owed: bool
    times: int


def messages_of(ticket_id: int, reader_id: int, most: int | None = MOST_MESSAGES) -> list[Said]:
    """The newest messages of a ticket, oldest first, with who wrote them and their attachments."""
    rows = db.session.execute(_newest_messages(most), {"ticket": ticket_id, "reader": reader_id}).all()
    files: dict[int, list[Attachment]] = {row.Message.id: [] for row in rows}
    if any(row.has_files for row in rows):
        with_files = [row.Message.id for row in rows if row.has_files]
        for file in db.session.scalars(_attachments(), {"messages": with_files}):
            files[file.message_id].append(file)
    for row in rows:
        set_committed_value(row.Message, "attachments", files[row.Message.id])
    return [Said(row.Message, bool(row.has_more), bool(row.is_begun)) for row in reversed(rows)]


def hidden_messages(ticket_id: int, shown: int) -> int:
    """How many messages of a ticket are older than those `shown` by messages_of, taken-back ones included."""
    if shown < MOST_MESSAGES:
        return 0
    return (db.session.scalar(select(func.count()).where(Message.ticket_id == ticket_id)) or 0) - shown


def events_of(ticket_id: int, kinds: Collection[str]) -> Sequence[Event]:
    """The newest events of a ticket of these kinds, oldest first."""
    asked = {"ticket": ticket_id, "kinds": list(kinds)}
    return db.session.scalars(_newest_events(), asked).all()[::-1]


def firings_of(ticket_id: int) -> list[Firing]:
    """Which rules have acted on a ticket, who did so last first."""
    rows = db.session.execute(_newest_firings(), {"ticket": ticket_id})
    return [Firing(name, at, owing > 0, times) for name, at, owing, times in rows]


def earlier_tickets(ticket: Ticket, boards: Select[int], **asked: object) -> list[Earlier]:
    """The customer's latest other tickets on these boards, newest first; `asked` are the parameters of `boards`."""
    these = {"ticket": ticket.id, "customer": ticket.customer_id, **asked}
    return [Earlier._make(row) for row in db.session.execute(_earlier(boards), these)]


def choices(board: Board, ticket: Ticket | None, now: datetime) -> Choices:
    """What to choose from on the page of a ticket, or for tickets of a board. It may be given to the people of its board and to who is on call; who
    has it now is among them. One statement."""
    asked = {
        "board": board.id,
        "rota": board.rota_id,
        "also": ticket.assignee_id if ticket else None,
        "now": now,
        "ticket": ticket.id if ticket else None,
    }
    found: dict[str, list[Named]] = {"people": [], "followers": [], "teams": [], "tags": []}
    for kind, id, name in db.session.execute(_choices(), asked):
        found[kind].append(Named(id, name))
    found["teams"].sort(key=lambda team: team.name.casefold())
    return Choices(**found)


# Statements are made once: to build one takes longer than to run it.


@cache
def _newest_messages(most: int | None) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Message,
            Message.full_text.is_not(None).label("has_more"),
            exists().where(Attachment.message_id == Message.id).label("has_files"),
            exists()
            .where(ForwardDraft.person_id == bindparam("reader"), ForwardDraft.message_id == Message.id)
            .label("is_begun"),
        )
        .where(Message.ticket_id == bindparam("ticket"))
        .options(joinedload(Message.person))
        .order_by(Message.id.desc())
        .limit(most)
    )


@cache
def _attachments() -> Select[Attachment]:
    wanted: Any = bindparam("messages", expanding=True)
    return select(Attachment).where(Attachment.message_id.in_(wanted)).order_by(Attachment.id)


@cache
def _newest_events() -> Select[Event]:
    return (
        select(Event)
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id == bindparam("ticket"),
            Event.kind.in_(bindparam("kinds", expanding=True)),
        )
        .order_by(Event.id.desc())
        .limit(MOST_EVENTS)
    )


@cache
def _newest_firings() -> Select[*tuple[Any, ...]]:
    return (
        select(Rule.name, func.max(RuleFiring.at), func.count(RuleFiring.owed_until), func.count())
        .join(Rule, Rule.id == RuleFiring.rule_id)
        .where(RuleFiring.ticket_id == bindparam("ticket"))
        .group_by(Rule.id, Rule.name)
        .order_by(func.max(RuleFiring.id).desc())
        .limit(50)
    )


@cache
def _earlier(boards: Select[int]) -> Select[*tuple[Any, ...]]:
    return (
        select(Ticket.id, Ticket.subject, Ticket.language, Column.name, Ticket.created_at)
        .join(Column, Column.id == Ticket.column_id)
        .where(
            Ticket.customer_id == bindparam("customer"),
            Ticket.id != bindparam("ticket"),
            Ticket.board_id.in_(boards),
        )
        .order_by(Ticket.id.desc())
        .limit(EARLIER_TICKETS)
    )


@cache
def _choices() -> CompoundSelect[str, int, str]:
    tags = select(Tag.id, Tag.name).order_by(Tag.name).limit(MOST_TAGS).subquery()
    followed = exists().where(
        TicketFollower.ticket_id == bindparam("ticket"), TicketFollower.person_id == Person.id
    )
    return union_all(
        select(literal("people").label("kind"), Person.id, Person.name.label("name")).where(_may_be_given()),
        select(literal("followers"), Person.id, Person.name).where(followed, Person.deactivated_at.is_(None)),
        select(literal("teams"), Team.id, Team.name),
        select(literal("tags"), tags.c.id, tags.c.name),
    ).order_by("kind", "name", "id")


def _may_be_given() -> ColumnElement[bool]:
    now = bindparam("now", type_=UTCDateTime())
    belongs = exists().where(BoardPerson.board_id == bindparam("board"), BoardPerson.person_id == Person.id)
    on_call = exists().where(
        Shift.rota_id == bindparam("rota"),
        Shift.person_id == Person.id,
        Shift.starts_at <= now,
        Shift.ends_at > now,
    )
    works_here = Person.deactivated_at.is_(None) & or_(Person.ends_at.is_(None), Person.ends_at > now)
    return or_(works_here & or_(belongs, on_call), Person.id == bindparam("also"))
