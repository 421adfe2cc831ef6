"""Tickets as a list: the rows of one page in one of ORDERS, found from a cursor on. One statement, whatever the size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.database import UTCDateTime, db, planned_for_its_values
from app.models.board import Board, Column
from app.models.card import MOST_COUNTED, deadline_state
from app.models.channel import Channel
from app.models.company import Company
from app.models.customer import Customer
from app.models.person import Person
from app.models.team import Team
from app.models.ticket import Tag, Ticket, TicketTag
from app.words import N_

PER_PAGE = 50
AT_ONCE = 500  # rows of an export

COLUMNS = {
    "number": N_("Number"),
    "subject": N_("Subject"),
    "customer": N_("Customer"),
    "company": N_("Company"),
    "board": N_("Board"),
    "column": N_("Column"),
    "assignee": N_("Assignee"),
    "team": N_("Team"),
    "priority": N_("Priority"),
    "mood": N_("Mood"),
    "tags": N_("Tags"),
    "language": N_("Language"),
    "channel": N_("Channel"),
    "messages": N_("Messages"),
    "due": N_("Due"),
    "created": N_("Created"),
    "updated": N_("Changed"),
    "closed": N_("Closed"),
}
USUAL = ("number", "subject", "customer", "column", "assignee", "tags", "due", "updated")
ORDERS: dict[str, InstrumentedAttribute[Any]] = {
    "number": Ticket.id,
    "created": Ticket.created_at,
    "updated": Ticket.updated_at,
    "priority": Ticket.priority,
    "mood": Ticket.heat,  # angry and urgent first
    "due": Ticket.sort_key,
}
NEWEST_CHANGE = "-updated"


class Row(NamedTuple):
    """A ticket as the list shows it. `tags` is one text with commas, in no particular order."""

    id: int
    subject: str
    state: str
    priority: int
    language: str | None
    message_count: int
    unread: bool
    paused: bool
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    next_deadline_at: datetime | None
    next_deadline_for: int | None
    sort_key: str
    mood: int | None
    heat: int
    board: str
    column: str
    customer: str
    vip: bool
    company: str | None
    channel: str
    assignee_id: int | None
    assignee: str | None
    team: str | None
    tags: str | None

    def deadline_state(self, now: datetime) -> str:
        """See models.card.deadline_state()."""
        return deadline_state(self.next_deadline_at, self.next_deadline_for, self.paused, now)

    @property
    def tag_names(self) -> list[str]:
        return sorted(self.tags.split(",")) if self.tags else []


@dataclass(frozen=True)
class Wanted:
    """Which tickets in which order: `boards` are the ids of those one may see, `matches` the filter, `sort` a key of
    ORDERS with "-" in front of it for falling."""

    boards: Sequence[int]
    matches: ColumnElement[bool]
    sort: str = NEWEST_CHANGE

    @property
    def key(self) -> InstrumentedAttribute[Any]:
        return ORDERS[self.sort.removeprefix("-")]

    @property
    def falling(self) -> bool:
        return self.sort.startswith("-")


def page_of(wanted: Wanted, after: tuple[Any, int] | None = None, most: int = PER_PAGE) -> list[Row]:
    """The rows behind a cursor: `most`, and one more when there are more."""
    found = _tickets(wanted)
    if after is not None:
        place, there = (
            tuple_(wanted.key, Ticket.id),
            tuple_(literal(after[0], wanted.key.type), literal(after[1])),
        )
        found = found.where(place < there if wanted.falling else place > there)
    order = (wanted.key.desc(), Ticket.id.desc()) if wanted.falling else (wanted.key, Ticket.id)
    few = found.order_by(*order).limit(most + 1).subquery("few")
    return [Row._make(row) for row in db.session.execute(planned_for_its_values(_rows(few, wanted)))]


def every(wanted: Wanted, most: int) -> Iterator[Row]:
    """The first `most` rows in the same order, read a few at a time."""
    after, left = None, most
    while left > 0:
        found = page_of(wanted, after, min(AT_ONCE, left))
        yield from found[: min(AT_ONCE, left)]
        if len(found) <= AT_ONCE:
            return
        left -= AT_ONCE
        after = place_of(found[AT_ONCE - 1], wanted)


def count_of(wanted: Wanted) -> int:
    """How many there are; at most MOST_COUNTED."""
    some = _tickets(wanted).limit(MOST_COUNTED).subquery()
    return db.session.scalar(planned_for_its_values(select(func.count()).select_from(some))) or 0


def place_of(row: Row, wanted: Wanted) -> tuple[Any, int]:
    """Where a row stands in its order."""
    return getattr(row, wanted.key.key), row.id


def cursor_of(row: Row, wanted: Wanted) -> str:
    """The same as a text for an address, which read_cursor() reads."""
    value, ticket = place_of(row, wanted)
    if isinstance(value, datetime):
        value = (value - _EPOCH) // _MICROSECOND
    return f"{value}.{ticket}"


def read_cursor(text: str, wanted: Wanted) -> tuple[Any, int]:
    """What cursor_of() wrote for the same order; ValueError for anything else."""
    key, _, ticket = text.rpartition(".")
    if not (text.isascii() and key.isdecimal() and ticket.isdecimal()) or len(key) > 40 or len(ticket) > 9:
        raise ValueError(text)
    if isinstance(wanted.key.type, UTCDateTime):
        if len(key) > 17:
            raise ValueError(text)
        return _EPOCH + int(key) * _MICROSECOND, int(ticket)
    if isinstance(wanted.key.type, Integer):
        if len(key) > 9:
            raise ValueError(text)
        return int(key), int(ticket)
    return key, int(ticket)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _tickets(wanted: Wanted) -> Select[int]:
    return select(Ticket.id).where(Ticket.board_id.in_(wanted.boards), wanted.matches)


def _rows(few: Any, wanted: Wanted) -> Select[*tuple[Any, ...]]:
    """The rows of Row for these few tickets, in their order again."""
    tags = (
        select(func.aggregate_strings(Tag.name, ","))
        .join(TicketTag, TicketTag.tag_id == Tag.id)
        .where(TicketTag.ticket_id == Ticket.id)
        .scalar_subquery()
    )
    order = (wanted.key.desc(), Ticket.id.desc()) if wanted.falling else (wanted.key, Ticket.id)
    return (
        select(
            Ticket.id,
            Ticket.subject,
            Ticket.state,
            Ticket.priority,
            Ticket.language,
            Ticket.message_count,
            Ticket.unread,
            Ticket.paused,
            Ticket.created_at,
            Ticket.updated_at,
            Ticket.closed_at,
            Ticket.next_deadline_at,
            Ticket.next_deadline_for,
            Ticket.sort_key,
            Ticket.mood,
            Ticket.heat,
            Board.name,
            Column.name,
            Customer.name,
            Customer.vip,
            Company.name,
            Channel.name,
            Person.id,
            Person.name,
            Team.name,
            tags,
        )
        .select_from(few)
        .join(Ticket, Ticket.id == few.c.id)
        .join(Board, Board.id == Ticket.board_id)
        .join(Column, Column.id == Ticket.column_id)
        .join(Customer, Customer.id == Ticket.customer_id)
        .join(Channel, Channel.id == Ticket.channel_id)
        .outerjoin(Company, Company.id == Customer.company_id)
        .outerjoin(Person, Person.id == Ticket.assignee_id)
        .outerjoin(Team, Team.id == Ticket.team_id)
        .order_by(*order)
    )
