"""What a board shows: plain rows instead of mapped objects, a few statements whatever the number of tickets."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    bindparam,
    exists,
    func,
    literal,
    not_,
    select,
    true,
    union_all,
)

from app.database import db
from app.models import document, vocabulary
from app.models.alert import Alert
from app.models.board import Column
from app.models.channel import Channel
from app.models.company import Company
from app.models.customer import Customer
from app.models.event import Event
from app.models.order import MANUAL, ORDERS, USUAL, Order
from app.models.person import Person
from app.models.team import Team
from app.models.ticket import Tag, Ticket, TicketTag
from rules.compile import possible_states
from rules.query import And, Query
from rules.vocabulary import STATES

PER_COLUMN = 40
MOST_COUNTED = 1000  # more is said as 999+
MOST_CHANGES = 200  # more changed tickets than these are not worth telling one by one
EVERYTHING = And(())  # the query that every ticket fulfils
NEAR = 4  # a deadline is near when a quarter of its time is left


@dataclass(frozen=True)
class View:
    """How somebody looks at a board. Equal views show the same HTML, whoever looks.

    `query` is the tree of the filter, `text` what was typed; `me` is the person whose filter it is, and None when the
    filter does not say `me`; `zone` is theirs when the filter means days: so that people share the view.
    """

    board_id: int
    locale: str
    query: Query = EVERYTHING
    text: str = ""
    me: int | None = None
    zone: str = "UTC"
    sort: str = USUAL  # a key of models.order.ORDERS

    @property
    def order(self) -> Order:
        return ORDERS[self.sort]

    @property
    def asks(self) -> dict[str, str]:
        """What an address must say besides the board, to ask for this view."""
        return {name: value for name, value in (("q", self.text), ("sort", self.sort)) if value}

    @property
    def asks_to_move(self) -> str:
        """The part of it that the dialog of a move must know, as the end of its address."""
        return f"?sort={MANUAL}" if self.sort == MANUAL else ""

    def condition(
        self, now: datetime, words: Callable[[str], ColumnElement[bool]] = document.words
    ) -> ColumnElement[bool]:
        """The filter as it is at `now`; `words` as for vocabulary.binding()."""
        return (
            true()
            if self.query == EVERYTHING
            else vocabulary.matches(self.query, now, self.me, self.zone, words)
        )


class Card(NamedTuple):
    """A ticket as its card shows it. `tags` is one text with commas, in no particular order."""

    id: int
    version: int
    column_id: int
    sort_key: str
    rank: int
    waiting_since: datetime | None
    created_at: datetime
    updated_at: datetime
    state: str
    subject: str
    language: str | None
    priority: int
    last_speaker: str
    last_message_at: datetime
    message_count: int
    unread: bool
    next_deadline_at: datetime | None
    next_deadline_kind: str | None
    next_deadline_for: int | None
    paused: bool
    snoozed_until: datetime | None
    customer_name: str
    company_name: str | None
    channel_kind: str
    assignee_id: int | None
    assignee_name: str | None
    team_name: str | None
    vip: bool
    alerted: bool  # somebody is told of it, and nobody has acknowledged that yet
    tags: str | None

    @property
    def tag_names(self) -> list[str]:
        return sorted(self.tags.split(",")) if self.tags else []

    def deadline_state(self, now: datetime) -> str:
        """See deadline_state()."""
        return deadline_state(self.next_deadline_at, self.next_deadline_for, self.paused, now)


@dataclass(frozen=True)
class Head:
    """A column with what it holds. Both counts stop at MOST_COUNTED; `late` are tickets whose deadline has passed."""

    id: int
    name: str
    state: str
    wip_limit: int | None
    count: int
    late: int
    hidden: int  # what the filter leaves out

    @property
    def count_said(self) -> str:
        return said(self.count)

    @property
    def late_said(self) -> str:
        return said(self.late)


class Changes(NamedTuple):
    """What has happened on a board: the tickets that are touched, or that the whole board must be read again."""

    tickets: list[int]
    reload: bool


def deadline_state(at: datetime | None, whole: int | None, paused: bool, now: datetime) -> str:
    """ok, near, late, paused or none. `whole` is the length of the target in seconds, of which a deadline near its end has
    a quarter left."""
    if at is None:
        return "paused" if paused else "none"
    left = (at - now).total_seconds()
    if left <= 0:
        return "late"
    return "near" if whole and left * NEAR < whole else "ok"


def said(count: int) -> str:
    return f"{MOST_COUNTED - 1}+" if count >= MOST_COUNTED else str(count)


def heads(view: View, now: datetime) -> list[Head]:
    """Every column of the board in order, with its counts. One statement, at most MOST_COUNTED index rows a count."""
    plain = view.query == EVERYTHING
    statement = _plain_heads() if plain else _heads(view.condition(now), possible_states(view.query))
    return [Head(*row) for row in _rows(statement, board=view.board_id, now=now, most=MOST_COUNTED)]


def head_of(view: View, column_id: int, now: datetime) -> Head | None:
    """One column of the view's board, or None when it has no such column."""
    return next((head for head in heads(view, now) if head.id == column_id), None)


def first_cards(view: View, columns: Sequence[int], now: datetime) -> dict[int, list[Card]]:
    """Column id -> its first PER_COLUMN cards and one more when there are more. One statement for all columns."""
    if not columns:
        return {}
    found: dict[int, list[Card]] = {column: [] for column in columns}
    plain = view.query == EVERYTHING
    statement = (
        _unfiltered(tuple(columns), view.sort) if plain else _first(columns, view.condition(now), view.order)
    )
    for card in _read(statement):
        found[card.column_id].append(card)
    return found


def more_cards(view: View, column_id: int, after: tuple[str, int] | None, now: datetime) -> list[Card]:
    """The cards of a column behind a cursor: PER_COLUMN and one more when there are more."""
    wanted = _tickets(view.condition(now)).where(Ticket.column_id == column_id)
    if after is not None:
        wanted = wanted.where(view.order.behind(*after))
    return _read(_cards(_in_order(wanted, view.order).subquery("t"), view.order))


def cards_of(view: View, tickets: Iterable[int], now: datetime) -> list[Card]:
    """The cards of these tickets that belong to the view: on its board and in its filter."""
    wanted = _tickets(view.condition(now, document.words_in_texts)).where(
        Ticket.board_id == view.board_id, Ticket.id.in_(list(tickets))
    )
    return _read(_cards(wanted.subquery("t"), view.order))


def changes(board_id: int, since: int, until: int) -> Changes:
    """What the events after `since` up to `until` have touched."""
    rows = db.session.execute(
        select(Event.kind, Event.subject_kind, Event.subject_id, Event.changes)
        .where(Event.stream == board_id, Event.seq > since, Event.seq <= until)
        .order_by(Event.seq)
        .limit(10 * MOST_CHANGES + 1)
    ).all()
    tickets = {subject for _, kind, subject, _ in rows if kind == "ticket"}
    tickets.update(*(changes.get("renumbered", ()) for _, kind, _, changes in rows if kind == "ticket"))
    customers = {subject for _, kind, subject, _ in rows if kind == "customer"}
    if customers:
        theirs = select(Ticket.id).where(Ticket.board_id == board_id, Ticket.customer_id.in_(customers))
        tickets.update(db.session.scalars(theirs.limit(MOST_CHANGES + 1)))
    rebuilt = any(kind.startswith(("board.", "column.")) for kind, *_ in rows)
    too_much = len(rows) > 10 * MOST_CHANGES or len(tickets) > MOST_CHANGES
    return Changes(sorted(tickets), rebuilt or too_much)


# What the cards take from the ticket itself, named as in Card.
_OF_TICKET = (
    Ticket.id,
    Ticket.version,
    Ticket.column_id,
    Ticket.sort_key,
    Ticket.rank,
    Ticket.waiting_since,
    Ticket.created_at,
    Ticket.updated_at,
    Ticket.state,
    Ticket.subject,
    Ticket.language,
    Ticket.priority,
    Ticket.last_speaker,
    Ticket.last_message_at,
    Ticket.message_count,
    Ticket.unread,
    Ticket.next_deadline_at,
    Ticket.next_deadline_kind,
    Ticket.next_deadline_for,
    Ticket.paused,
    Ticket.snoozed_until,
)


_ALL = true()


@cache
def _plain_heads() -> Select[*tuple[Any, ...]]:
    """The same for every board; to build it takes longer than to run it."""
    return _heads(_ALL)


def _heads(matches: ColumnElement[bool], states: Collection[str] = STATES) -> Select[*tuple[Any, ...]]:
    """The counts are sub-selects of the one statement over the columns; each stops at what can be said. Its parameters
    are the `board`, `now`, and the `most` that is counted. In columns of other than these states nothing matches."""
    here = () if len(states) == len(STATES) else (Column.state.in_(sorted(states)),)
    return (
        select(
            Column.id,
            Column.name,
            Column.state,
            Column.wip_limit,
            _counted(matches, *here),
            _counted(matches, *here, Ticket.next_deadline_at <= bindparam("now")),
            literal(0) if matches is _ALL else _counted(not_(matches)),
        )
        .where(Column.board_id == bindparam("board"))
        .order_by(Column.position, Column.id)
    )


def _counted(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    some = (
        select(literal(1))
        .select_from(Ticket)
        .where(Ticket.column_id == Column.id, *conditions)
        .correlate(Column)
        .limit(bindparam("most", type_=Integer()))
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


@lru_cache(maxsize=256)
def _unfiltered(columns: tuple[int, ...], sort: str) -> Select[Any]:
    """The same for every reader; to build it takes longer than to run it."""
    return _first(columns, true(), ORDERS[sort])


def _first(columns: Sequence[int], matches: ColumnElement[bool], order: Order) -> Select[Any]:
    """One bounded walk of the order's index for each column; row_number() would read every ticket."""
    each = [
        select(_in_order(_tickets(matches).where(Ticket.column_id == column), order).subquery())
        for column in columns
    ]
    return _cards(union_all(*each).subquery("t"), order)


def _tickets(matches: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return select(
        *_OF_TICKET, Ticket.customer_id, Ticket.channel_id, Ticket.assignee_id, Ticket.team_id
    ).where(matches)


def _in_order(wanted: Select[*tuple[Any, ...]], order: Order) -> Select[*tuple[Any, ...]]:
    """The first of them; `wanted` are of one column."""
    if not order.parts:
        return wanted.order_by(Ticket.column_id, *order.by(Ticket)).limit(PER_COLUMN + 1)
    each = [
        select(wanted.where(part).order_by(*order.by(Ticket)).limit(PER_COLUMN + 1).subquery())
        for part in order.parts
    ]
    together = union_all(*each).subquery()
    return select(together).order_by(*order.by(together.c)).limit(PER_COLUMN + 1)


def _cards(t: FromClause, order: Order) -> Select[Any]:
    """The rows of Card for these tickets, in the order of their columns."""
    tags = (
        select(func.aggregate_strings(Tag.name, ","))
        .join(TicketTag, TicketTag.tag_id == Tag.id)
        .where(TicketTag.ticket_id == t.c.id)
        .scalar_subquery()
    )
    return (
        select(
            *(t.c[column.key] for column in _OF_TICKET),
            Customer.name,
            Company.name,
            Channel.kind,
            Person.id,
            Person.name,
            Team.name,
            Customer.vip,
            exists().where(Alert.ticket_id == t.c.id, Alert.state == "open"),
            tags,
        )
        .select_from(t)
        .join(Customer, Customer.id == t.c.customer_id)
        .join(Channel, Channel.id == t.c.channel_id)
        .outerjoin(Company, Company.id == Customer.company_id)
        .outerjoin(Person, Person.id == t.c.assignee_id)
        .outerjoin(Team, Team.id == t.c.team_id)
        .order_by(t.c.column_id, *order.by(t.c))
    )


def _read(statement: Select[Any]) -> list[Card]:
    return [Card._make(row) for row in _rows(statement)]


def _rows(statement: Select[Any], **parameters: object) -> CursorResult[*tuple[Any, ...]]:
    """Without the session's way of loading, which is made for mapped objects; in the session's transaction."""
    return db.session.connection().execute(statement, parameters)
