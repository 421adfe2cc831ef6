"""What the query language's fields mean in this database: its columns, and the names that people write for ids."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    SQLColumnExpression,
    exists,
    false,
    func,
    literal,
    select,
    union_all,
)

from app.database import db
from app.models import document
from app.models.alert import Alert
from app.models.board import Board
from app.models.calendar import Calendar, CalendarWindow
from app.models.channel import Channel
from app.models.company import Company
from app.models.customer import Customer, CustomerAddress
from app.models.message import Attachment, Message
from app.models.person import Person
from app.models.rota import PRIMARY, Shift
from app.models.team import Team
from app.models.ticket import Tag, Ticket, TicketTag
from rules import hours
from rules.compile import Binding, changes_by_itself, condition, like
from rules.query import And, Query, Term, Words, terms
from rules.vocabulary import Names, Value

# The fields whose values are ids, and what they are ids of.
ROWS: Mapping[str, Any] = {
    "tag": Tag,
    "assignee": Person,
    "channel": Channel,
    "team": Team,
    "company": Company,
    "board": Board,
    "during": Calendar,
}
NEVER = datetime.min.replace(tzinfo=UTC)
STANDING = ("open", "acknowledged")


def names(boards: Select[int] | None = None) -> Names:
    """What a query may call tags, people, channels, teams, companies, boards and opening hours; of boards, channels and
    companies those of `boards` (ids) alone, if given. Each kind is read when it is asked for. Of several that are called the same
    the oldest has the name; the others are `#12`, a person also their address."""
    return _Names(boards)


class _Names(Mapping[str, Mapping[str, Value]]):
    def __init__(self, boards: Select[int] | None) -> None:
        self._boards = boards
        self._read: dict[str, dict[str, Value]] = {}

    def __getitem__(self, field: str) -> Mapping[str, Value]:
        if field not in self._read:
            row = ROWS[field]
            asked: Any = select(row.name, row.id).order_by(row.id)
            if row is Person:
                asked = union_all(
                    select(Person.name, Person.id, literal(1).label("kind")),
                    select(Person.email, Person.id, literal(2)),
                ).order_by("kind", "id")
            if self._boards is not None and row in (Board, Channel):
                asked = asked.where(
                    (row.id if row is Board else row.board_id).in_(self._boards.order_by(None))
                )
            if self._boards is not None and row is Company:
                asked = asked.where(_of_boards(self._boards.order_by(None)))
            found: dict[str, Value] = {}
            for name, id, *_ in db.session.execute(asked):
                found.setdefault(name, id)
            self._read[field] = found
        return self._read[field]

    def __contains__(self, field: object) -> bool:
        return field in ROWS

    def __iter__(self) -> Iterator[str]:
        return iter(ROWS)

    def __len__(self) -> int:
        return len(ROWS)


def _of_boards(boards: Select[int]) -> ColumnElement[bool]:
    """The condition on companies: whose customers have a ticket on these boards, or none at all."""
    wrote = (
        select(Ticket.id)
        .join(Customer, Customer.id == Ticket.customer_id)
        .where(Customer.company_id == Company.id)
        .correlate(Company)
    )
    return wrote.where(Ticket.board_id.in_(boards)).exists() | ~wrote.exists()


def desk_zone() -> str:
    """The zone whose days rules mean: that of the desk's first opening hours, which it was set up with."""
    first = db.session.scalars(select(Calendar.hours).order_by(Calendar.id).limit(1)).one_or_none()
    zone = (first or {}).get("zone", "")
    return zone if hours.find_zone(zone) else "UTC"


def matches(
    tree: Query,
    now: datetime,
    me: int | None = None,
    zone: str | None = None,
    words: Callable[[str], ColumnElement[bool]] = document.words,
    *,
    whole: bool = False,
) -> ColumnElement[bool]:
    """The condition of a query; the arguments are those of binding(). What does not depend on the moment is kept."""
    if is_timeless(tree):
        return _timeless(tree, me, whole)
    return condition(tree, binding(now, me, zone, words, whole=whole), now)


def is_timeless(tree: Query) -> bool:
    """Whether its condition depends neither on the moment nor on how frequent a word is."""
    return not changes_by_itself(tree) and not any(isinstance(leaf, Words) for leaf in terms(tree))


@lru_cache(maxsize=512)
def _timeless(tree: Query, me: int | None, whole: bool) -> ColumnElement[bool]:
    return condition(tree, binding(NEVER, me, "UTC", whole=whole), NEVER)


def beside_a_tag(tree: Query) -> tuple[int | None, Query]:
    """(a tag that everything has that matches, what it must fulfil besides); (None, the query) when there is none."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    for place, part in enumerate(parts):
        match part:
            case Term("tag", ":", (int(tag),)):
                rest = (*parts[:place], *parts[place + 1 :])
                return tag, rest[0] if len(rest) == 1 else And(rest)
    return None, tree


def binding(
    now: datetime,
    me: int | None = None,
    zone: str | None = None,
    words: Callable[[str], ColumnElement[bool]] = document.words,
    *,
    whole: bool = False,
) -> Binding:
    """The columns for one SELECT over tickets at `now`; `me` is the person whose filter it is, `zone` whose days are
    meant: theirs, or the desk's for a rule (None). Where a few tickets are asked for by their ids,
    document.words_in_texts says what `words` are. `whole`: all that match are wanted, so they may be found from what they
    have in common; else each ticket that comes by, in whatever order, is asked whether it does."""
    return replace(
        _columns(),
        words=words,
        tagged=_tagged if whole else None,
        assignee=lambda value: _assignee(value, now, me),
        zone=desk_zone() if zone is None else zone,
    )


@cache
def _columns() -> Binding:
    """What is the same whoever asks and whenever: building it takes longer than compiling a query."""
    return Binding(
        subject=Ticket.subject_search,
        body=_body,
        words=document.words,
        from_=_from,
        channel_kind=select(Channel.kind).where(Channel.id == Ticket.channel_id).scalar_subquery(),
        channel_name=Ticket.channel_id,  # names() lets queries store ids
        language=Ticket.language,
        mood=Ticket.mood,
        tag=_tag,
        state=Ticket.state,
        assignee=lambda value: _assignee(value, NEVER, None),
        team=Ticket.team_id,
        board=Ticket.board_id,
        vip=of_customer(Customer.vip),
        customer=lambda pattern: of_customer(like(Customer.name_search, pattern)),
        company=company,
        priority=Ticket.priority,
        created_at=Ticket.created_at,
        updated_at=Ticket.updated_at,
        closed_at=Ticket.closed_at,
        waiting_since=Ticket.waiting_since,
        waits=Ticket.closed_at.is_(None),
        state_since=Ticket.state_since,
        due_at=Ticket.next_deadline_at,
        snoozed_until=Ticket.snoozed_until,
        during=lambda calendar: open_at(calendar, Ticket.customer_wrote_at),
        automatic=Ticket.automatic,
        unread=Ticket.unread,
        messages=Ticket.message_count,
        reopened=Ticket.reopened,
        last_speaker=Ticket.last_speaker,
        attachment=_attachment,
        alert=_alert,
        unresolved=Ticket.closed_at.is_(None),
        known=known,
    )


def known(field: str, ids: tuple[Value, ...]) -> ColumnElement[bool]:
    """Whether all of these are still there. Asked once a statement, not once a ticket."""
    row = ROWS[field]
    there = select(func.count()).select_from(row).where(row.id.in_(set(ids))).correlate(None)
    return there.scalar_subquery() == len(set(ids))


def of_customer(test: SQLColumnExpression[bool]) -> ColumnElement[bool]:
    return exists().where(Customer.id == Ticket.customer_id, test)


def company(values: tuple[Value, ...]) -> ColumnElement[bool]:
    return of_customer(Customer.company_id.in_(values) if values else Customer.company_id.is_not(None))


def on_duty(at: Any, board: Any) -> Select[int]:
    """The person on call for the ticket's board."""
    return (
        select(Shift.person_id)
        .join(Board, Board.rota_id == Shift.rota_id)
        .where(Board.id == board, Shift.role == PRIMARY, Shift.starts_at <= at, Shift.ends_at > at)
        .correlate_except(Shift, Board)
    )


def open_at(calendar: Value, at: Any) -> ColumnElement[bool]:
    """Whether a calendar is open at an instant of the ticket's: one look into an index, windows do not overlap."""
    closes_at: ScalarSelect[datetime] = (
        select(CalendarWindow.closes_at)
        .where(CalendarWindow.calendar_id == calendar, CalendarWindow.opens_at <= at)
        .order_by(CalendarWindow.opens_at.desc())
        .limit(1)
        .correlate_except(CalendarWindow)
        .scalar_subquery()
    )
    return closes_at > at


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


def _tagged(values: tuple[Value, ...]) -> ColumnElement[bool]:
    """The same, for SQLite to begin with the tag: it does with what is IN a list, and never with what EXISTS."""
    tagged = select(TicketTag.ticket_id).where(TicketTag.tag_id.in_(values))
    return Ticket.id.in_(tagged) if values else _tag(values)


def _assignee(value: Value, now: datetime, me: int | None) -> ColumnElement[bool]:
    if value == "none":
        return Ticket.assignee_id.is_(None)
    if value == "me":
        return Ticket.assignee_id == me if me is not None else false()
    if value == "oncall":
        return Ticket.assignee_id.in_(on_duty(now, Ticket.board_id))
    return Ticket.assignee_id == value


def _attachment(pattern: str) -> ColumnElement[bool]:
    return exists().where(
        Message.ticket_id == Ticket.id,
        Attachment.message_id == Message.id,
        like(Attachment.name_search, pattern),
    )


def _alert(value: str) -> ColumnElement[bool]:
    """Of those that have not ended: any, in this state, or of this level."""
    standing = exists().where(Alert.ticket_id == Ticket.id, Alert.state.in_(STANDING))
    if value == "any":
        return standing
    return standing.where(Alert.state == value if value in STANDING else Alert.level == value)
