"""What a board shows: plain rows instead of mapped objects, a few statements whatever the number of tickets."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    func,
    select,
    true,
    union_all,
)

from app.database import db, planned_for_its_values
from app.models import cell, document, filtered, vocabulary
from app.models import group as groups
from app.models.alert import Alert
from app.models.board import UNRESOLVED, Column
from app.models.cell import Lane
from app.models.channel import Channel
from app.models.company import Company
from app.models.customer import Customer
from app.models.event import Event
from app.models.order import MANUAL, ORDERS, USUAL, Order
from app.models.person import Person
from app.models.team import Team
from app.models.ticket import ANGRY, Tag, Ticket, TicketTag, late_key
from app.words import speaking
from rules.compile import possible_states
from rules.query import And, Query

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
    group: str = groups.STATE  # by what its columns are made: that, or a key of models.groups.GROUPS
    lanes: str = groups.NO_LANES  # by what its lanes are: that, or a key of models.groups.LANES

    @property
    def order(self) -> Order:
        return ORDERS[self.sort]

    @property
    def grouped(self) -> groups.Group | None:
        """How its columns are made; None when they are those of the board."""
        return groups.GROUPS.get(self.group)

    @property
    def laned(self) -> groups.Group | None:
        """What its lanes are made of; None when it has none."""
        return groups.LANES.get(self.lanes)

    @property
    def asks(self) -> dict[str, str]:
        """What an address must say besides the board, to ask for this view."""
        said = (("q", self.text), ("sort", self.sort), ("group", self.group), ("lanes", self.lanes))
        return {name: value for name, value in said if value}

    @property
    def asks_to_move(self) -> str:
        """The part of it that the dialog of a move must know, as the end of its address."""
        if self.laned and self.laned.form:
            return f"?group={self.group}&lanes={self.lanes}"
        if self.grouped and self.grouped.form:
            return f"?group={self.group}"
        return f"?sort={MANUAL}" if self.sort == MANUAL else ""

    def condition(
        self,
        now: datetime,
        words: Callable[[str], ColumnElement[bool]] = document.words,
        *,
        whole: bool = False,
    ) -> ColumnElement[bool]:
        """The filter as it is at `now`; `words` and `whole` as for vocabulary.binding()."""
        if self.query == EVERYTHING:
            return true()
        return vocabulary.matches(self.query, now, self.me, self.zone, words, whole=whole)


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
    mood: int | None
    heat: int
    customer_name: str
    company_name: str | None
    channel_kind: str
    channel_id: int
    assignee_id: int | None
    assignee_name: str | None
    team_name: str | None
    vip: bool
    alerted: bool  # somebody is told of it, and nobody has acknowledged that yet
    tags: str | None

    @property
    def angry(self) -> bool:
        return self.mood is not None and self.mood <= ANGRY

    @property
    def tag_names(self) -> list[str]:
        return sorted(self.tags.split(",")) if self.tags else []

    def deadline_state(self, now: datetime) -> str:
        """See deadline_state()."""
        return deadline_state(self.next_deadline_at, self.next_deadline_for, self.paused, now)


@dataclass(frozen=True)
class Head:
    """A column with what it holds. Both counts stop at MOST_COUNTED; `late` are tickets whose deadline has passed."""

    id: int | str
    name: str
    state: str  # "" where the columns are not those of the board
    wip_limit: int | None
    count: int
    late: int

    @property
    def count_said(self) -> str:
        return said(self.count)

    @property
    def late_said(self) -> str:
        return said(self.late)


@dataclass(frozen=True)
class Overview:
    """A board through a view. `hidden` is what the filter leaves out of the shown columns, `first` the ids of the cards that
    begin a column where they are known already, `lanes` the bands of a board that has some."""

    heads: list[Head]
    hidden: int = 0
    first: dict[int, list[int]] | None = None
    lanes: Sequence[Lane] = ()


class Changes(NamedTuple):
    """What has happened on a board: the tickets that are touched, or that the whole board must be read again; `ruled`
    says whether rules did any of it."""

    tickets: list[int]
    reload: bool
    ruled: bool


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


def overview(view: View, now: datetime) -> Overview:
    """Every column of the board in order, with its counts. One statement, whatever matches; see models.filtered. Of columns
    that are made of something else one, too; see models.group. One more for lanes."""
    if view.laned:
        return _crossed(view, view.laned, now)
    return _overview(view, now)


def _crossed(view: View, lanes: groups.Group, now: datetime) -> Overview:
    with speaking(view.locale):
        made = cell.crossed(view.grouped, lanes, view.board_id, view.condition(now), now)
    if view.grouped is None:
        return replace(_overview(view, now), lanes=made.lanes)
    return _of_groups(made.columns, made.hidden, made.lanes)


def _of_groups(
    made: Iterable[tuple[str, str, int, int]], hidden: int, lanes: Sequence[Lane] = ()
) -> Overview:
    heads = [Head(key, name, "", None, count, late) for key, name, count, late in made]
    return Overview(heads, min(MOST_COUNTED, hidden), lanes=lanes)


def _overview(view: View, now: datetime) -> Overview:
    if by := view.grouped:
        with speaking(view.locale):
            return _of_groups(*groups.counts(by, view.board_id, view.condition(now), now, MOST_COUNTED))
    if view.query == EVERYTHING:
        rows = _rows(_plain_heads(), board=view.board_id, late=late_key(now), most=MOST_COUNTED)
        return Overview([Head(*row) for row in rows])
    statement = _filtered_heads(view, now)
    bounds = {"most": MOST_COUNTED, "few": filtered.FEW, "first": PER_COLUMN + 1}
    found = _rows(statement, board=view.board_id, late=late_key(now), **bounds).all()
    heads = [Head(*row[:4], *(min(count, MOST_COUNTED) for count in row[4:6])) for row in found]
    first = {row.id: [int(id) for id in row.first.split(",") if id] for row in found if row.first is not None}
    return Overview(
        heads,
        min(MOST_COUNTED, max((row.hidden for row in found), default=0)),
        first if len(first) == len(found) else None,
    )


def first_cards(
    view: View, columns: Sequence[int], now: datetime, known: dict[int, list[int]] | None = None
) -> dict[int, list[Card]]:
    """Column id -> its first PER_COLUMN cards and one more when there are more. One statement for all columns. `known` is
    what the overview has found out."""
    if not columns:
        return {}
    found: dict[int, list[Card]] = {column: [] for column in columns}
    asked: dict[str, Any] = {}
    if view.query == EVERYTHING:
        statement = _unfiltered(tuple(columns), view.sort)
    elif known is None:
        statement = planned_for_its_values(_first(columns, view.condition(now), view.order))
    else:
        statement = _these(view.sort)
        asked["ids"] = [id for column in columns for id in known[column]]
    for card in _read(statement, **asked):
        if card.column_id in found:  # it may have been moved since then
            found[card.column_id].append(card)
    return found


def first_of_groups(view: View, heads: Iterable[Head], now: datetime) -> dict[str, list[Card]]:
    """The same for a board whose columns are made by something else: their keys -> cards."""
    by = view.grouped
    if by is None:
        raise ValueError(view.group)
    matches = view.condition(now)
    each = [select(_of_group(view, by, head, matches).subquery()) for head in heads if head.count]
    found: dict[str, list[Card]] = {}
    if not each:
        return found
    statement = planned_for_its_values(_cards(union_all(*each).subquery("t"), view.order))
    for card in _read(statement):
        found.setdefault(groups.key(by.key(card)), []).append(card)
    for there in found.values():
        there.sort(key=lambda card: (view.order.key(card), card.id))
    return found


def first_of_cells(view: View, now: datetime, most: int) -> dict[tuple[str, str], list[Card]]:
    """The same for a board with lanes: the keys of column and lane -> its first cards, `most` and one more when there are more."""
    if view.laned is None:
        raise ValueError(view.lanes)
    order = view.order.by(Ticket)
    few = cell.first_of_each(view.grouped, view.laned, view.board_id, view.condition(now), order, most + 1)
    found: dict[tuple[str, str], list[Card]] = {}
    for card in _read(_cards(_tickets(Ticket.id.in_(few)).subquery("t"), view.order)):
        found.setdefault(place_of(card, view), []).append(card)
    for there in found.values():
        there.sort(key=lambda card: (view.order.key(card), card.id))
    return found


def place_of(card: Card, view: View) -> tuple[str, str]:
    """The keys of the column and of the lane in which a view shows this card; no lane is ""."""
    column = (view.grouped or groups.COLUMNS).key(card)
    return groups.key(column), groups.key(view.laned.key(card)) if view.laned else ""


def more_cards(
    view: View, head: Head, after: tuple[str, int] | None, now: datetime, lane: str = ""
) -> list[Card]:
    """The cards of a column, or of its cell in a lane, behind a cursor: PER_COLUMN and one more when there are more."""
    matches = view.condition(now)
    if view.laned and lane:
        matches = and_(matches, groups.within(view.board_id), groups.is_of(view.laned, lane))
    if after is not None:
        matches = and_(matches, view.order.behind(*after))
    if by := view.grouped:
        wanted = _of_group(view, by, head, matches)
    else:
        wanted = _in_order(_tickets(matches).where(Ticket.column_id == head.id), view.order)
    first = wanted.subquery("t")
    found = _read(planned_for_its_values(_cards(first, view.order)))
    return sorted(found, key=lambda card: (view.order.key(card), card.id))


def cards_of(view: View, tickets: Iterable[int], now: datetime) -> list[Card]:
    """The cards of these tickets that belong to the view: on its board and in its filter."""
    wanted = _tickets(view.condition(now, document.words_in_texts)).where(
        Ticket.board_id == view.board_id, Ticket.id.in_(list(tickets))
    )
    if view.grouped or view.laned:
        wanted = wanted.where(groups.within(view.board_id))
    return _read(_cards(wanted.subquery("t"), view.order))


def changes(board_id: int, since: int, until: int) -> Changes:
    """What the events after `since` up to `until` have touched."""
    rows = db.session.execute(
        select(Event.kind, Event.subject_kind, Event.subject_id, Event.changes, Event.by_kind)
        .where(Event.stream == board_id, Event.seq > since, Event.seq <= until)
        .order_by(Event.seq)
        .limit(10 * MOST_CHANGES + 1)
    ).all()
    tickets = {subject for _, kind, subject, *_ in rows if kind == "ticket"}
    tickets.update(*(changes.get("renumbered", ()) for _, kind, _, changes, _ in rows if kind == "ticket"))
    customers = {subject for _, kind, subject, *_ in rows if kind == "customer"}
    if customers:
        theirs = select(Ticket.id).where(Ticket.board_id == board_id, Ticket.customer_id.in_(customers))
        tickets.update(db.session.scalars(theirs.limit(MOST_CHANGES + 1)))
    rebuilt = any(kind.startswith(("board.", "column.")) for kind, *_ in rows)
    too_much = len(rows) > 10 * MOST_CHANGES or len(tickets) > MOST_CHANGES
    return Changes(sorted(tickets), rebuilt or too_much, any(by == "rule" for *_, by in rows))


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
    Ticket.mood,
    Ticket.heat,
)


@cache
def _plain_heads() -> Select[*tuple[Any, ...]]:
    """The same for every board; to build it takes longer than to run it."""
    late = filtered.counted(Ticket.sort_key < bindparam("late"))
    return (
        select(Column.id, Column.name, Column.state, Column.wip_limit, filtered.counted(), late)
        .where(Column.board_id == bindparam("board"))
        .order_by(Column.position, Column.id)
    )


def _filtered_heads(view: View, now: datetime) -> Select[*tuple[Any, ...]]:
    if vocabulary.is_timeless(view.query):
        return _timeless_heads(view.query, view.me, view.sort)
    return _made_heads(view, now)


@lru_cache(maxsize=256)
def _timeless_heads(query: Query, me: int | None, sort: str) -> Select[*tuple[Any, ...]]:
    return _made_heads(View(0, "", query, me=me, sort=sort), vocabulary.NEVER)


def _made_heads(view: View, now: datetime) -> Select[*tuple[Any, ...]]:
    words = cache(document.words)  # it asks the database how frequent they are
    tag, rest = vocabulary.beside_a_tag(view.query)
    statement = filtered.heads(
        replace(view, query=rest).condition(now, words, whole=True),
        view.condition(now, words),
        possible_states(view.query),
        view.order,
        tag,
    )
    return planned_for_its_values(statement)


@lru_cache(maxsize=256)
def _unfiltered(columns: tuple[int, ...], sort: str) -> Select[Any]:
    """The same for every reader; to build it takes longer than to run it."""
    return _first(columns, true(), ORDERS[sort])


@lru_cache(maxsize=16)
def _these(sort: str) -> Select[Any]:
    """The tickets with these `ids`, in this order; made once for each as well."""
    known = _tickets(Ticket.id.in_(bindparam("ids", expanding=True)))
    return _cards(known.subquery("t"), ORDERS[sort])


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


def _of_group(
    view: View, by: groups.Group, head: Head, matches: ColumnElement[bool]
) -> Select[*tuple[Any, ...]]:
    """The first of a column that is made of something else. In the usual order an index has them so. In the others the few that
    the column holds are put in order; where it holds many they are soon met on the walks through the columns of the board."""
    key, order = str(head.id), view.order.by(Ticket)
    if view.sort == USUAL or head.count < MOST_COUNTED:
        here = _tickets(matches).where(groups.within(view.board_id), groups.is_of(by, key))
        # the field is the same in all of them; PostgreSQL knows that of no NULL
        return here.order_by(*((by.field,) if view.sort == USUAL else ()), *order).limit(PER_COLUMN + 1)
    wanted = _tickets(matches).where(groups.is_of(by, key, sought=False))
    columns = db.session.scalars(
        select(Column.id).where(Column.board_id == view.board_id, Column.state.in_(UNRESOLVED))
    )
    return _first_of(
        [_in_order(wanted.where(Ticket.column_id == column), view.order) for column in columns], view.order
    )


def _in_order(wanted: Select[*tuple[Any, ...]], order: Order) -> Select[*tuple[Any, ...]]:
    """The first of them, which are of one column of the board."""
    if not order.parts:
        return wanted.order_by(Ticket.column_id, *order.by(Ticket)).limit(PER_COLUMN + 1)
    parts = [wanted.where(part).order_by(*order.by(Ticket)).limit(PER_COLUMN + 1) for part in order.parts]
    return _first_of(parts, order)


def _first_of(each: Iterable[Select[*tuple[Any, ...]]], order: Order) -> Select[*tuple[Any, ...]]:
    """The first of several that are in this order."""
    together = union_all(*[select(one.subquery()) for one in each]).subquery()
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
            Channel.id,
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


def _read(statement: Select[Any], **parameters: object) -> list[Card]:
    return [Card._make(row) for row in _rows(statement, **parameters)]


def _rows(statement: Select[Any], **parameters: object) -> CursorResult[*tuple[Any, ...]]:
    """Without the session's way of loading, which is made for mapped objects; in the session's transaction."""
    return db.session.connection().execute(statement, parameters)
