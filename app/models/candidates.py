"""Which tickets a query may have begun to hold for in a stretch of the past. Some of them in vain: see episodes.py.

Of a query that stays true once it is (see rules.moments.stays) one SELECT answers for the tickets that fulfilled it when
they came; only what came to the others later has to be looked at.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select, true, union, union_all

from app.database import as_stored, db, planned_for_its_values, read
from app.models.board import CLOSED, UNRESOLVED
from app.models.interval import TicketInterval
from app.models.message import Message
from app.models.past import as_of
from app.models.rota import PRIMARY, Shift
from app.models.ticket import Ticket
from app.models.vocabulary import NEVER, binding
from rules.compile import Binding, condition, untold
from rules.moments import CONSTANT, CONTAINED, REMEMBERED, Watched, stays, watched, windows
from rules.query import And, Not, Or, Query, Term, Words
from rules.vocabulary import PRIORITIES, STATES

NAMED = ("tag", "assignee", "team", "board", "lang")


@dataclass(frozen=True)
class Past:
    """What is asked: a query of rules between two instants, of the tickets on these boards."""

    tree: Query
    since: datetime
    until: datetime
    zone: str
    boards: Sequence[int]

    @cached_property
    def watched(self) -> Watched:
        return watched(self.tree)


Moment = tuple[int, datetime]  # a ticket and an instant


def candidates(past: Past) -> tuple[dict[int, datetime], dict[int, datetime]]:
    """(the tickets that fulfilled the query when they came and have done so since, those to be asked at their instants):
    ticket -> when it came."""
    settled = dict[int, datetime]()
    if stays(past.tree):
        settled = dict(read(planned_for_its_values(_arrived(past))))
    if past.watched.nothing:
        return settled, {}
    rows = select(Ticket.id, Ticket.created_at).where(
        Ticket.id.in_(_later(past) if stays(past.tree) else union_all(*_touched(past))),
        Ticket.created_at <= past.until,
        *_of(past),
        _possible(past.tree, past),
    )
    return settled, {id: at for id, at in read(planned_for_its_values(rows)) if id not in settled}


def not_told(tree: Query) -> tuple[Term, ...]:
    """The terms of which nothing is remembered: they find nothing in the past."""
    return untold(tree, _remembered())


def hand_overs(past: Past) -> list[datetime]:
    """When somebody else came to be on call."""
    edges = union(
        *(
            select(at.label("at")).where(Shift.role == PRIMARY, at > past.since, at <= past.until)
            for at in (Shift.starts_at, Shift.ends_at)
        )
    )
    return list(db.session.scalars(edges))


@cache
def _remembered() -> Binding:
    return as_of(NEVER, zone="UTC")


def _of(past: Past) -> Iterator[ColumnElement[bool]]:
    yield Ticket.deleted_at.is_(None)
    yield Ticket.board_id.in_(past.boards)


def _arrived(past: Past) -> Select[int, datetime]:
    """The tickets that fulfilled the query when they came, and when."""
    at: Any = Ticket.created_at
    holds = condition(past.tree, as_of(at, zone=past.zone), NEVER)
    came = as_stored(Ticket.id, at.between(past.since, past.until))
    return select(Ticket.id, at).where(came, *_of(past), holds)


def _later(past: Past) -> Select[int]:
    """The tickets to which something was said after they came, as ids."""
    said = Message.at > past.since, Message.at > Ticket.created_at
    return select(Message.ticket_id).join(Ticket, Ticket.id == Message.ticket_id).where(*said)


def _touched(past: Past) -> Iterator[Select[int]]:
    """The tickets of which anything that the query looks at has changed, or changes by itself, as ids."""
    looks = past.watched
    yield select(Ticket.id).where(Ticket.created_at >= past.since)
    if looks.fields:
        row = TicketInterval
        for at in (row.from_at, row.until_at):
            yield select(row.ticket_id).where(at > past.since, row.field.in_(looks.fields))
    if looks.messages:
        yield select(Message.ticket_id).where(Message.at > past.since)
        yield select(Message.ticket_id).where(Message.withdrawn_at > past.since)
    if looks.updates:
        yield select(Ticket.id).where(Ticket.updated_at > past.since)
    if looks.duty and hand_overs(past):
        yield select(Ticket.id)
    for fact, stretches_of in windows(past.tree, past.since, past.until, past.zone).items():
        for first, last in stretches_of:
            yield _standing(fact, first, last)


def _standing(fact: str, first: datetime, last: datetime) -> Select[int]:
    """The tickets whose fact lay between two instants, and some others."""
    match fact:
        case "created_at":
            return select(Ticket.id).where(Ticket.created_at.between(first, last))
        case "updated_at":
            return select(Ticket.id).where(Ticket.updated_at >= first, Ticket.created_at <= last)
        case "waiting_since":
            return select(Message.ticket_id).where(
                Message.kind == "customer", Message.at.between(first, last)
            )
    states = CLOSED if fact == "closed_at" else STATES
    return select(TicketInterval.ticket_id).where(
        TicketInterval.field == "state",
        TicketInterval.value.in_(states),
        TicketInterval.from_at.between(first, last),
    )


def _possible(tree: Query, past: Past) -> ColumnElement[bool]:
    """A condition on tickets that is true for every one that fulfils the query at any time of this past."""
    match tree:
        case And(parts):
            return and_(true(), *(_possible(part, past) for part in parts))
        case Or(parts):
            return or_(false(), *(_possible(part, past) for part in parts))
        case Not(And(parts)):
            return or_(false(), *(_possible(Not(part), past) for part in parts))
        case Not(Or(parts)):
            return and_(true(), *(_possible(Not(part), past) for part in parts))
        case Not(Not(part)):
            return _possible(part, past)
        case Not(Term() as leaf) if not_told(leaf):
            return false()
        case Not(Term(field)) if field in CONSTANT and not watched(tree).facts:
            return condition(tree, _now(past), past.until)
        case Not():
            return true()
        case Words():
            return condition(tree, _now(past), past.until)
        case Term(field):
            if field in CONTAINED and "none" not in tree.values:
                return condition(tree, _now(past), past.until)
            if field in CONSTANT and not watched(tree).facts:
                return condition(tree, _now(past), past.until)
            return _ever(tree, past)
    return true()


def _ever(leaf: Term, past: Past) -> ColumnElement[bool]:
    """The same for one term: whether the ticket ever was this in this past."""
    wanted: list[str] = []
    field = REMEMBERED.get(leaf.field, "")
    if leaf.field in NAMED:
        wanted = [str(value) for value in leaf.values]
    elif leaf.field == "priority":
        wanted = _priorities(leaf)
    elif leaf.field == "is":
        field = "state"
        wanted = [one for value in leaf.values for one in _states_of(str(value))]
    elif leaf.field == "waiting":
        field, wanted = "state", list(UNRESOLVED)
    unknown = {"none", "oncall", ""} & set(wanted)
    if not wanted or unknown:
        return true()
    return exists().where(
        TicketInterval.ticket_id == Ticket.id,
        TicketInterval.field == field,
        TicketInterval.value.in_(wanted),
        TicketInterval.from_at <= past.until,
        or_(TicketInterval.until_at.is_(None), TicketInterval.until_at > past.since),
    )


def _states_of(value: str) -> tuple[str, ...]:
    if value == "unresolved":
        return UNRESOLVED
    return (value,) if value in STATES else ("",)


def _priorities(leaf: Term) -> list[str]:
    places = [PRIORITIES.index(str(value)) for value in leaf.values]
    compare: Mapping[str, Callable[[int], bool]] = {
        ":": lambda place: place in places,
        ">": lambda place: place > places[0],
        ">=": lambda place: place >= places[0],
        "<": lambda place: place < places[0],
        "<=": lambda place: place <= places[0],
    }
    return [str(place) for place in range(len(PRIORITIES)) if compare[leaf.operator](place)] or ["-1"]


def _now(past: Past) -> Binding:
    return binding(past.until, zone=past.zone, whole=True)
