"""When the query of a rule began to hold for tickets in a stretch of the past: what a rule would have acted on.

A query is asked of a ticket at the instants at which its answer may have changed: when the ticket came, at each change
of what the query looks at, and when a term of time turns by itself. What the rule itself would have changed is left
out of account: the past is what people and the other rules made of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    exists,
    false,
    literal,
    or_,
    select,
    true,
    type_coerce,
    union,
    union_all,
)

from app.database import UTCDateTime, db, planned_for_its_values, sent
from app.models.board import CLOSED, UNRESOLVED
from app.models.event import Event
from app.models.interval import TicketInterval
from app.models.message import Message
from app.models.past import as_of
from app.models.rota import PRIMARY, Shift
from app.models.ticket import Ticket
from app.models.vocabulary import NEVER, binding
from rules import spans
from rules.compile import Binding, condition, next_flip, untold
from rules.hours import day_of
from rules.moments import CONSTANT, REMEMBERED, Watched, lengths, stretches, watched, windows
from rules.query import And, Not, Or, Query, Term, Words
from rules.vocabulary import PRIORITIES, STATES

CONTAINED = ("body", "attachment")  # what has been in a message stays in it
SHORTEST = timedelta(milliseconds=1)
NAMED = ("tag", "assignee", "team", "board", "lang")

Moment = tuple[int, datetime]  # a ticket and an instant


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


def candidates(past: Past) -> list[Moment]:
    """The tickets for which the query may have begun to hold, by number, and when each came. Some of them in vain."""
    came = Ticket.created_at >= past.since
    rows = select(Ticket.id, Ticket.created_at).where(
        came if past.watched.nothing else Ticket.id.in_(union(*_touched(past))),
        Ticket.created_at <= past.until,
        Ticket.deleted_at.is_(None),
        Ticket.board_id.in_(past.boards),
        _possible(past.tree, past),
    )
    found = db.session.execute(planned_for_its_values(rows))
    return sorted((id, created_at) for id, created_at in found)


def beginnings(past: Past, tickets: Sequence[Moment], *, each: bool = True) -> list[Moment]:
    """Of these candidates(): when the query began to hold, each time or the first alone. What held at `since` did not."""
    if past.watched.nothing:
        return [one for one in tickets if one[1] >= past.since]
    moments = _moments(past, tickets)
    if past.watched.facts:
        moments = _with_flips(past, moments)
    moments = {ticket_id: _seen(instants, past.since) for ticket_id, instants in moments.items()}
    asked = [(ticket_id, at) for ticket_id, instants in moments.items() for at in instants]
    holds = set(held(past.tree, asked, past.zone))
    came_at = dict(tickets)
    begun = []
    for ticket_id, instants in moments.items():
        held_before = False
        for at in instants:
            now = (ticket_id, at) in holds
            known_before = at == past.since and came_at[ticket_id] < past.since
            if now and not held_before and not known_before:
                begun.append((ticket_id, at))
                if not each:
                    break
            held_before = now
    return begun


def held(tree: Query, moments: Sequence[Moment], zone: str) -> list[Moment]:
    """Those of these moments at which the query held."""
    if not moments:
        return []
    table, bound = asked_at(moments, [tree], zone)
    rows = select(table.c.ticket_id, table.c.at).join_from(table, Ticket, Ticket.id == table.c.ticket_id)
    return [
        (ticket_id, at)
        for ticket_id, at in db.session.execute(
            planned_for_its_values(rows.where(condition(tree, bound, NEVER)))
        )
    ]


def asked_at(moments: Sequence[Moment], trees: Sequence[Query], zone: str) -> tuple[Any, Binding]:
    """(a table of `ticket_id` and `at`, the columns as of `at` for a SELECT that joins it with tickets). `trees` are the
    queries that will be asked."""
    ago = sorted({length for tree in trees for length in lengths(tree)})
    days = sorted({stretch for tree in trees for stretch in stretches(tree)})
    columns: dict[str, Any] = {"ticket_id": Integer(), "at": UTCDateTime()}
    columns |= {f"ago_{length}": UTCDateTime() for length in ago}
    columns |= {f"{edge}_{n}": UTCDateTime() for n in range(len(days)) for edge in ("begins", "ends")}
    table = sent("moments", columns, list(_rows(moments, ago, days, zone)))
    bound = replace(
        as_of(table.c.at, zone=zone),
        ago=lambda length: table.c[f"ago_{length}"],
        days=lambda span: (table.c[f"begins_{days.index(span)}"], table.c[f"ends_{days.index(span)}"]),
    )
    return table, bound


def not_told(tree: Query) -> tuple[Term, ...]:
    """The terms of which nothing is remembered: they find nothing in the past."""
    return untold(tree, _remembered())


@cache
def _remembered() -> Binding:
    return as_of(NEVER, zone="UTC")


def _rows(
    moments: Sequence[Moment], ago: Sequence[int], days: Sequence[str], zone: str
) -> Iterator[list[Any]]:
    back = [timedelta(seconds=length) for length in ago]
    edges: dict[date, list[datetime]] = {}
    for ticket_id, at in moments:
        row: list[Any] = [ticket_id, at, *(at - length for length in back)]
        if days:
            day = day_of(zone, at)
            if day not in edges:
                edges[day] = [edge for span in days for edge in spans.bounds(span, zone, day)]
            row += edges[day]
        yield row


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
    if looks.duty and _hand_overs(past):
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


def _hand_overs(past: Past) -> list[datetime]:
    """When somebody else came to be on call."""
    edges = union(
        *(
            select(at.label("at")).where(Shift.role == PRIMARY, at > past.since, at <= past.until)
            for at in (Shift.starts_at, Shift.ends_at)
        )
    )
    return list(db.session.scalars(edges))


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


def _moments(past: Past, tickets: Sequence[Moment]) -> dict[int, list[datetime]]:
    """ticket -> the instants at which to ask, in order: when it came, or when this past begins; then at each change."""
    found: dict[int, set[datetime]] = {
        ticket_id: {max(came_at, past.since)} for ticket_id, came_at in tickets
    }
    for ticket_id, at in db.session.execute(planned_for_its_values(_changes(past, [*found]))):
        if at is not None:
            found[ticket_id].add(at)
    if past.watched.duty:
        hand_overs = _hand_overs(past)
        for ticket_id, came_at in tickets:
            found[ticket_id].update(at for at in hand_overs if at > came_at)
    return {ticket_id: sorted(instants) for ticket_id, instants in found.items()}


def _changes(past: Past, numbers: Sequence[int]) -> Any:
    asked = sent("asked", {"ticket_id": Integer()}, [[number] for number in numbers])
    looks = past.watched
    row, said = TicketInterval, Message
    parts: list[Select[Any]] = [select(asked.c.ticket_id, literal(None, UTCDateTime()).label("at")).limit(0)]

    def part(at: Any, source: Any, *where: ColumnElement[bool]) -> None:
        joined = select(asked.c.ticket_id, at.label("at")).join_from(asked, source, where[0])
        parts.append(joined.where(*where[1:], at > past.since, at <= past.until))

    if looks.fields:
        for at in (row.from_at, row.until_at):
            part(at, row, row.ticket_id == asked.c.ticket_id, row.field.in_(looks.fields))
    if looks.messages:
        for at in (said.at, said.withdrawn_at):
            part(at, said, said.ticket_id == asked.c.ticket_id)
    if looks.updates:
        part(
            Event.at,
            Event,
            and_(Event.subject_kind == "ticket", Event.subject_id == asked.c.ticket_id),
            Event.by_kind.in_(("person", "customer")),
        )
    return union_all(*parts[1:]) if len(parts) > 1 else parts[0]


def _with_flips(past: Past, moments: Mapping[int, Sequence[datetime]]) -> dict[int, list[datetime]]:
    """The same, and the instants between them at which a term of time turns."""
    facts = sorted(past.watched.facts)
    asked = [(ticket_id, at) for ticket_id, instants in moments.items() for at in instants]
    table, bound = asked_at(asked, [], past.zone)
    columns = [_instant(getattr(bound, fact)).label(fact) for fact in facts]
    rows = select(table.c.ticket_id, table.c.at, *columns).join_from(
        table, Ticket, Ticket.id == table.c.ticket_id
    )
    stood: dict[Moment, tuple[Any, ...]] = {
        (row[0], row[1]): tuple(row[2:]) for row in db.session.execute(planned_for_its_values(rows))
    }
    none: dict[str, datetime | None] = dict.fromkeys(
        (
            "created_at",
            "updated_at",
            "closed_at",
            "waiting_since",
            "state_since",
            "due_at",
            "snoozed_until",
        )
    )
    found: dict[int, list[datetime]] = defaultdict(list)
    for ticket_id, instants in moments.items():
        for place, at in enumerate(instants):
            found[ticket_id].append(at)
            behind = instants[place + 1] if place + 1 < len(instants) else None
            then = {**none, **dict(zip(facts, stood.get((ticket_id, at), ()), strict=False))}
            flip = next_flip(past.tree, then, at, past.zone)
            while flip is not None and flip <= past.until and (behind is None or flip < behind):
                found[ticket_id].append(flip)
                flip = next_flip(past.tree, then, flip, past.zone)
    return found


def _seen(instants: Sequence[datetime], since: datetime) -> list[datetime]:
    """Without what is over before any sweep could have looked."""
    return [
        at
        for at, following in zip(instants, [*instants[1:], None], strict=True)
        if at == since or following is None or following - at >= SHORTEST
    ]


def _instant(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, UTCDateTime())
