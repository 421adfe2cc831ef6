"""What a filter leaves of a board: the counts of its columns, and which tickets come first in them, in one statement.

Few matches are gathered, from whatever index finds them, and then counted; to meet them one by one in their columns would
mean to read these to their ends. Many are met soon, so each column is walked until enough are counted. Which of the two it
is nobody knows before, and no statistics are trusted: the statement gathers at most FEW and sees whether that was all.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    select,
    union_all,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy.sql import visitors

from app.models.board import Column
from app.models.order import Order
from app.models.ticket import Ticket, TicketTag
from rules.vocabulary import STATES

FEW = 4_000

_late = Ticket.sort_key < bindparam("late", type_=String())
_few, _most = bindparam("few", type_=Integer()), bindparam("most", type_=Integer())
_first = bindparam("first", type_=Integer())
_shown = (Column.board_id == bindparam("board"), Column.state != "archived")


def heads(
    whole: ColumnElement[bool],
    each: ColumnElement[bool],
    states: Collection[str],
    order: Order,
    tag: int | None = None,
) -> Select[*tuple[Any, ...]]:
    """The columns of the `board` with how many tickets in them match, how many of these are `late`, and what all
    shown ones together hide; each number stops at `most` where it was not gathered. Then the ids, in no order, of the `first`
    in the column's order, with commas, and None where more than `few` match on the whole desk.

    `whole` and `each` are the filter, once for all that match and once for a ticket that comes by; nothing matches in columns
    of other than these states. With a `tag`, those that match have it and fulfil `whole`.
    """
    wanted = select(
        Ticket.id,
        Ticket.column_id,
        *_columns(order),
        case((_late, 1), else_=0).label("late"),
    ).where(whole)
    if tag is not None:
        wanted = wanted.join(TicketTag, and_(TicketTag.ticket_id == Ticket.id, TicketTag.tag_id == tag))
    found = wanted.limit(_few + 1).cte("found")
    size = select(func.count().label("n")).select_from(found).cte("size")
    matched = select(size.c.n).scalar_subquery()
    gathered = _gathered(found, matched <= _few, order)
    here = () if len(states) == len(STATES) else (Column.state.in_(sorted(states)),)

    def either(when_few: Any, when_many: Any) -> ColumnElement[Any]:
        return case((matched <= _few, when_few), else_=when_many)

    return (
        select(
            Column.id,
            Column.name,
            Column.state,
            Column.wip_limit,
            either(func.coalesce(gathered.c.count, 0), counted(each, *here)),
            either(func.coalesce(gathered.c.late, 0), counted(each, *here, _late)),
            either(_all_but(gathered, matched), _not_matching(each, states)).label("hidden"),
            either(func.coalesce(gathered.c.first, ""), null()).label("first"),
        )
        .outerjoin(gathered, gathered.c.column_id == Column.id)
        .where(Column.board_id == bindparam("board"))
        .order_by(Column.position, Column.id)
    )


def counted(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many tickets of a column fulfil these, counted to `most`."""
    some = select(literal(1)).select_from(Ticket).where(Ticket.column_id == Column.id, *conditions)
    return _count(some.correlate(Column), _most)


def _columns(order: Order) -> list[Any]:
    """The columns that an order goes by, besides the number."""
    parts = (part for term in order.by(Ticket.__table__.c) for part in visitors.iterate(term))
    names = dict.fromkeys(part.key for part in parts if isinstance(part, TableColumn))
    return [getattr(Ticket, name) for name in names if name != "id"]


def _gathered(
    found: CTE,
    are_few: ColumnElement[bool],
    order: Order,
) -> CTE:
    """A row for each column that few matches are in."""
    place = func.row_number().over(partition_by=found.c.column_id, order_by=order.by(found.c)).label("place")
    placed = select(found.c.id, found.c.column_id, found.c.late, place).where(are_few).subquery()
    begins = case((placed.c.place <= _first, cast(placed.c.id, String)))
    return (
        select(
            placed.c.column_id,
            func.count().label("count"),
            func.sum(placed.c.late).label("late"),
            func.aggregate_strings(begins, ",").label("first"),
        )
        .group_by(placed.c.column_id)
        .cte("gathered")
    )


def _all_but(gathered: CTE, matched: ScalarSelect[int]) -> ColumnElement[int]:
    """What the shown columns hold besides the few that match, right up to `most`."""
    columns = select(Column.id).where(*_shown)
    matching = select(func.coalesce(func.sum(gathered.c.count), 0)).where(gathered.c.column_id.in_(columns))
    all_there = select(literal(1)).select_from(Ticket).where(Ticket.column_id.in_(columns))
    return _count(all_there, matched + _most) - matching.scalar_subquery()


def _not_matching(each: ColumnElement[bool], states: Collection[str]) -> ScalarSelect[int]:
    """The same by a walk, which begins where nothing can match."""
    tickets = (
        select(literal(1)).select_from(Ticket).join(Column, Column.id == Ticket.column_id).where(*_shown)
    )
    possible = Column.state.in_(sorted(states))
    if len(states) == len(STATES):
        return _count(tickets.where(not_(each)), _most)
    return _count(union_all(tickets.where(not_(possible)), tickets.where(possible, not_(each))), _most)


def _count(rows: Any, most: ColumnElement[int]) -> ScalarSelect[int]:
    return select(func.count()).select_from(rows.limit(most).subquery()).scalar_subquery()
