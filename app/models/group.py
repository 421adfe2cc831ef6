"""A board whose columns are people, priorities, channels or languages: what is not resolved yet, whoever has it in whatever
state. It is read as a whole, for that is what a desk has to do, not what it has done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.database import db
from app.models.board import BoardPerson
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.person import Person
from app.models.ticket import PRIORITIES, Ticket
from app.words import N_, gettext, language_name

STATE = "state"
NONE = "none"  # the column of what nobody has, or whose language is unknown


@dataclass(frozen=True)
class Group:
    """By what the columns are made: `field` of a ticket, `form` what sets it is called where tickets are changed, None where
    nobody can set it; `key` of a card's column; `names` the columns there should be, with those of `held` besides."""

    label: str
    field: InstrumentedAttribute[Any]
    form: str | None
    key: Callable[[Any], Any]
    names: Callable[[int, set[Any], datetime], dict[Any, str]]


def _people(board_id: int, held: set[Any], now: datetime) -> dict[Any, str]:
    works = and_(Person.deactivated_at.is_(None), or_(Person.ends_at.is_(None), Person.ends_at > now))
    belongs = Person.id.in_(select(BoardPerson.person_id).where(BoardPerson.board_id == board_id))
    found = db.session.execute(
        select(Person.id, Person.name)
        .where(or_(and_(works, belongs), Person.id.in_(held - {None})))
        .order_by(Person.name, Person.id)
    )
    return {None: gettext(N_("Nobody")), **{row.id: row.name for row in found}}


def _channels(board_id: int, held: set[Any], _now: datetime) -> dict[Any, str]:
    here = and_(Channel.board_id == board_id, Channel.closed_at.is_(None))
    found = db.session.execute(
        select(Channel.id, Channel.name).where(or_(here, Channel.id.in_(held))).order_by(Channel.id)
    )
    return {row.id: row.name for row in found}


def _languages(_board_id: int, held: set[Any], _now: datetime) -> dict[Any, str]:
    spoken = db.session.scalar(select(Desk.languages)) or []
    codes = [*spoken, *sorted(held - {None} - set(spoken))]
    return {**{code: language_name(code) for code in codes}, None: gettext(N_("Unknown"))}


def _priorities(_board_id: int, _held: set[Any], _now: datetime) -> dict[Any, str]:
    return {priority: gettext(PRIORITIES[priority]) for priority in reversed(PRIORITIES)}


GROUPS: dict[str, Group] = {
    "assignee": Group(N_("Assignee"), Ticket.assignee_id, "person", lambda card: card.assignee_id, _people),
    "priority": Group(N_("Priority"), Ticket.priority, "priority", lambda card: card.priority, _priorities),
    "channel": Group(N_("Channel"), Ticket.channel_id, None, lambda card: card.channel_id, _channels),
    "language": Group(N_("Language"), Ticket.language, "language", lambda card: card.language, _languages),
}


def key(value: Any) -> str:
    """How a page calls the column of this value of the field."""
    return NONE if value is None else str(value)


def within(board_id: int) -> ColumnElement[bool]:
    """What such a board shows."""
    return and_(Ticket.board_id == board_id, Ticket.closed_at.is_(None))


def is_of(group: Group, wanted: str) -> ColumnElement[bool]:
    """The condition on tickets of the column with that key; ValueError for what is none."""
    if wanted == NONE:
        return group.field.is_(None)
    if group.field.type.python_type is int:
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
            raise ValueError(wanted)
        return group.field == int(wanted)
    return group.field == wanted


def counts(
    group: Group, board_id: int, matches: ColumnElement[bool], now: datetime
) -> list[tuple[str, str, int, int, int]]:
    """(key, name, how many, of them late, left out by the filter) of each column, in order. Two or three statements."""
    late = and_(matches, Ticket.next_deadline_at <= now)
    found = {
        value: (count, overdue, hidden)
        for value, count, overdue, hidden in db.session.execute(
            select(
                group.field,
                func.sum(case((matches, 1), else_=0)),
                func.sum(case((late, 1), else_=0)),
                func.sum(case((not_(matches), 1), else_=0)),
            )
            .where(within(board_id))
            .group_by(group.field)
        )
    }
    names = group.names(board_id, set(found), now)
    return [(key(value), name, *found.get(value, (0, 0, 0))) for value, name in names.items()]


def first_of_each(
    group: Group, board_id: int, matches: ColumnElement[bool], order: Any, most: int
) -> Select[int]:
    """The ids of the first of each column."""
    place = func.row_number().over(partition_by=group.field, order_by=order).label("place")
    numbered = select(Ticket.id, place).where(within(board_id), matches).subquery()
    return select(numbered.c.id).where(numbered.c.place <= most)
