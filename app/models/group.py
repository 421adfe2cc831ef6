"""A board whose columns are people, priorities, channels or languages: what is not resolved yet, whoever has it in whatever
state. Resolved ones are left out, for it shows what a desk has to do, not what it has done."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    True_,
    and_,
    cast,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.database import db, unsought
from app.models.board import UNRESOLVED, BoardPerson, Column
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.person import Person
from app.models.ticket import PRIORITIES, Ticket, late_key
from app.words import N_, gettext, language_name

STATE = "state"
NO_LANES = "none"
NONE = "none"  # the column of what nobody has, or whose language is unknown


@dataclass(frozen=True)
class Group:
    """By what columns or lanes are made: `field` of a ticket, `form` what sets it is called where tickets are changed, None
    where nobody can set it; `key` of a card. `listed` are the (value as text, name, place) of a board that are known beside
    its tickets, with `held`; `named` makes value -> name of them in order, with those of `held` besides."""

    label: str
    field: InstrumentedAttribute[Any]
    form: str | None
    key: Callable[[Any], Any]
    listed: Callable[[int, Collection[Any], datetime], Select[str, str, int]]
    named: Callable[[Iterable[tuple[str, str, int]], Collection[Any]], dict[Any, str]]

    def keys(self, board_id: int, now: datetime) -> dict[str, str]:
        """key -> name of the columns or lanes that a board has of it now."""
        held = db.session.scalars(select(self.field).where(within(board_id)).distinct()).all()
        return {key(value): name for value, name in self.names(board_id, held, now).items()}

    def names(self, board_id: int, held: Collection[Any], now: datetime) -> dict[Any, str]:
        """value -> name of each that there should be."""
        found = db.session.execute(self.listed(board_id, held, now)).all()
        return self.named(found, held)


def _people(board_id: int, held: Collection[Any], now: datetime) -> Select[str, str, int]:
    works = and_(Person.deactivated_at.is_(None), or_(Person.ends_at.is_(None), Person.ends_at > now))
    belongs = Person.id.in_(select(BoardPerson.person_id).where(BoardPerson.board_id == board_id))
    has = Person.id.in_(select(_held(Ticket.assignee_id, board_id, "listed_people").c.value))
    place = func.row_number().over(order_by=(Person.name, Person.id))
    known = or_(and_(works, belongs), has, Person.id.in_([one for one in held if one is not None]))
    return select(cast(Person.id, String), Person.name, place).where(known)


def _channels(board_id: int, held: Collection[Any], _now: datetime) -> Select[str, str, int]:
    here = and_(Channel.board_id == board_id, Channel.closed_at.is_(None))
    has = Channel.id.in_(select(_held(Ticket.channel_id, board_id, "listed_channels").c.value))
    known = or_(here, has, Channel.id.in_(held))
    return select(cast(Channel.id, String), Channel.name, Channel.id).where(known)


def _columns(board_id: int, held: Collection[Any], _now: datetime) -> Select[str, str, int]:
    place = func.row_number().over(order_by=(Column.position, Column.id))
    known = and_(Column.board_id == board_id, or_(Column.state.in_(UNRESOLVED), Column.id.in_(held)))
    return select(cast(Column.id, String), Column.name, place).where(known)


def _spoken(_board_id: int, _held: Collection[Any], _now: datetime) -> Select[str, str, int]:
    return select(literal(""), cast(Desk.languages, String), literal(0))


def _nothing(_board_id: int, _held: Collection[Any], _now: datetime) -> Select[str, str, int]:
    return select(literal(""), literal(""), literal(0)).where(false())


def _by_id(rows: Iterable[tuple[str, str, int]], _held: Collection[Any]) -> dict[Any, str]:
    return {int(id): name for id, name, _ in sorted(rows, key=lambda row: row[2])}


def _with_nobody(rows: Iterable[tuple[str, str, int]], held: Collection[Any]) -> dict[Any, str]:
    return {None: gettext(N_("Nobody")), **_by_id(rows, held)}


def _languages(rows: Iterable[tuple[str, str, int]], held: Collection[Any]) -> dict[Any, str]:
    spoken = [code for _, codes, _ in rows for code in json.loads(codes)]
    codes = [*spoken, *sorted(set(held) - {None} - set(spoken))]
    return {**{code: language_name(code) for code in codes}, None: gettext(N_("Unknown"))}


def _priorities(_rows: Iterable[tuple[str, str, int]], _held: Collection[Any]) -> dict[Any, str]:
    return {priority: gettext(PRIORITIES[priority]) for priority in reversed(PRIORITIES)}


# Of what the columns of a board can be made besides states.
GROUPS: dict[str, Group] = {
    "assignee": Group(
        N_("Assignee"), Ticket.assignee_id, "person", lambda card: card.assignee_id, _people, _with_nobody
    ),
    "priority": Group(
        N_("Priority"), Ticket.priority, "priority", lambda card: card.priority, _nothing, _priorities
    ),
    "channel": Group(N_("Channel"), Ticket.channel_id, None, lambda card: card.channel_id, _channels, _by_id),
    "language": Group(
        N_("Language"), Ticket.language, "language", lambda card: card.language, _spoken, _languages
    ),
}
COLUMNS = Group(N_("State"), Ticket.column_id, "column", lambda card: card.column_id, _columns, _by_id)
LANES = {
    STATE: COLUMNS,
    **GROUPS,
}  # of what its lanes can be made: of any of these, but not of what its columns are


def key(value: Any) -> str:
    """How a page calls the column of this value of the field."""
    return NONE if value is None else str(value)


def within(board_id: int) -> ColumnElement[bool]:
    """What such a board shows."""
    return and_(Ticket.board_id == board_id, Ticket.closed_at.is_(None))


def is_of(group: Group, wanted: str, *, sought: bool = True) -> ColumnElement[bool]:
    """The condition on tickets of the column with that key; ValueError for what is none. Unless they are `sought` by it, no index
    finds them: they are met on another way."""
    number = group.field.type.python_type is int
    if number and wanted != NONE and not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
        raise ValueError(wanted)
    field: Any = group.field
    if not sought:
        field = unsought(field)
    if wanted == NONE:
        return field.is_(None)
    return field == (int(wanted) if number else wanted)


def counts(
    group: Group, board_id: int, matches: ColumnElement[bool], now: datetime, most: int
) -> tuple[list[tuple[str, str, int, int]], int]:
    """(key, name, how many, of them late) of each column, in order, and how many the filter leaves out; each is counted to
    `most` and no further. One statement."""
    held = _held(group.field, board_id, "held")
    nothing, none = cast(null(), String), literal(0)

    def counted(value: Any, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        count, late = (
            _count(most, board_id, held, *conditions, *more)
            for more in ((matches,), (matches, Ticket.sort_key < late_key(now)))
        )
        return select(literal("held"), value, nothing, count, late)

    listed = group.listed(board_id, (), now).subquery()
    hidden = none if isinstance(matches, True_) else _count(most, board_id, held, not_(matches))
    rows: Sequence[Any] = db.session.execute(
        union_all(
            counted(cast(held.c.value, String), group.field == held.c.value).where(held.c.value.is_not(None)),
            counted(nothing, group.field.is_(None)),
            select(literal("named"), *listed.c, none),
            select(literal("hidden"), nothing, nothing, hidden, none),
        )
    ).all()
    found = {value_of(group, value): (count, late) for kind, value, _, count, late in rows if kind == "held"}
    there = {value for value, (count, _) in found.items() if count or value is not None}
    names = group.named([row[1:4] for row in rows if row[0] == "named"], there)
    made = [(key(value), name, *found.get(value, (0, 0))) for value, name in names.items()]
    return made, next(row[3] for row in rows if row[0] == "hidden")


def value_of(group: Group, text: str | None) -> Any:
    """The value of the field that a database has made a text of."""
    return int(text) if text is not None and group.field.type.python_type is int else text


def _held(field: InstrumentedAttribute[Any], board_id: int, name: str) -> CTE:
    """What the unresolved tickets of a board have there: from one value to the next by the index, whatever their number."""
    least = select(func.min(field).label("value")).where(within(board_id))
    held = least.cte(name, recursive=True)
    following = least.where(field > held.c.value).correlate(held).scalar_subquery()
    return held.union_all(select(following).where(held.c.value.is_not(None)))


def _count(most: int, board_id: int, held: CTE, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    some = select(literal(1)).select_from(Ticket).where(within(board_id), *conditions).limit(most)
    return select(func.count()).select_from(some.correlate(held).subquery()).scalar_subquery()
