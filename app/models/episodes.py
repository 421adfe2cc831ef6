"""When the query of a rule began to hold for tickets in a stretch of the past: what a rule would have acted on.

A query is asked of a ticket at the instants at which its answer may have changed: when the ticket came, at each change
of what the query looks at, and when a term of time turns by itself. What the rule itself would have changed is left
out of account: the past is what people and the other rules made of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, literal, select, type_coerce, union_all

from app.database import UTCDateTime, planned_for_its_values, read, sent, unsought
from app.models.candidates import Moment, Past, hand_overs
from app.models.event import Event
from app.models.interval import TicketInterval
from app.models.message import Message
from app.models.past import as_of
from app.models.ticket import Ticket
from app.models.vocabulary import NEVER
from rules import spans
from rules.compile import Binding, condition, next_flip
from rules.hours import day_of
from rules.moments import lengths, stretches
from rules.query import Query

SHORTEST, MICROSECOND = timedelta(milliseconds=1), timedelta(microseconds=1)
FACTS = (
    "created_at",
    "updated_at",
    "closed_at",
    "waiting_since",
    "state_since",
    "due_at",
    "snoozed_until",
)


def beginnings(past: Past, asked: Mapping[int, datetime], *, each: bool = True) -> list[Moment]:
    """When the query began to hold for these tickets, given with when they came: each time, or the first alone. What held at
    `since` did not."""
    begun: list[Moment] = []
    if not asked:
        return begun
    moments = _moments(past, asked)
    holds, flips = _held_until_it_turns(past, moments) if past.watched.facts else (None, {})
    if holds is None:
        holds = set(held(past.tree, list(_each(moments)), past.zone))
    elif flips:
        holds |= set(held(past.tree, list(_each(flips)), past.zone))
    for ticket_id, instants in moments.items():
        if ticket_id in flips:
            instants = sorted([*instants, *flips[ticket_id]])
        held_before = False
        for at in _seen(instants, past.since):
            now = (ticket_id, at) in holds
            known_before = at == past.since and asked[ticket_id] < past.since
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
    rows = select(table.c.place).join_from(table, Ticket, Ticket.id == table.c.ticket_id)
    holds = condition(tree, bound, NEVER)
    return [moments[place] for (place,) in read(planned_for_its_values(rows.where(holds)))]


def asked_at(moments: Sequence[Moment], trees: Sequence[Query], zone: str) -> tuple[Any, Binding]:
    """(a table of `place` in the moments, `ticket_id` and `at`, the columns as of `at` for a SELECT that joins it with
    tickets). `trees` are the queries that will be asked."""
    ago = sorted({length for tree in trees for length in lengths(tree)})
    days = sorted({stretch for tree in trees for stretch in stretches(tree)})
    columns: dict[str, Any] = {"place": Integer(), "ticket_id": Integer(), "at": UTCDateTime()}
    columns |= {f"ago_{length}": UTCDateTime() for length in ago}
    columns |= {f"{edge}_{n}": UTCDateTime() for n in range(len(days)) for edge in ("begins", "ends")}
    table = sent("moments", columns, list(_rows(moments, ago, days, zone)))
    bound = replace(
        as_of(table.c.at, zone=zone),
        ago=lambda length: table.c[f"ago_{length}"],
        days=lambda span: (table.c[f"begins_{days.index(span)}"], table.c[f"ends_{days.index(span)}"]),
    )
    return table, bound


def _rows(
    moments: Sequence[Moment], ago: Sequence[int], days: Sequence[str], zone: str
) -> Iterator[list[Any]]:
    back = [timedelta(seconds=length) for length in ago]
    edges: dict[date, list[datetime]] = {}
    for place, (ticket_id, at) in enumerate(moments):
        row: list[Any] = [place, ticket_id, at, *(at - length for length in back)]
        if days:
            day = day_of(zone, at)
            if day not in edges:
                edges[day] = [edge for span in days for edge in spans.bounds(span, zone, day)]
            row += edges[day]
        yield row


def _moments(past: Past, asked: Mapping[int, datetime]) -> dict[int, list[datetime]]:
    """ticket -> the instants at which to ask, in order: when it came, or when this past begins; then at each change."""
    found = {ticket_id: {max(came_at, past.since)} for ticket_id, came_at in asked.items()}
    for ticket_id, at in read(planned_for_its_values(_changes(past, [*found]))):
        if at is not None:
            found[ticket_id].add(at)
    if past.watched.duty:
        changes = hand_overs(past)
        for ticket_id, came_at in asked.items():
            found[ticket_id].update(at for at in changes if at > came_at)
    return {ticket_id: sorted(instants) for ticket_id, instants in found.items()}


def _changes(past: Past, numbers: Sequence[int]) -> Any:
    """Found ticket by ticket, whatever indexes there are: each has few of them."""
    asked = sent("asked", {"ticket_id": Integer()}, [[number] for number in numbers])
    looks = past.watched
    row, said = TicketInterval, Message
    parts: list[Select[Any]] = [select(asked.c.ticket_id, literal(None, UTCDateTime()).label("at")).limit(0)]

    def part(at: Any, source: Any, *where: ColumnElement[bool]) -> None:
        joined = select(asked.c.ticket_id, at.label("at")).join_from(asked, source, where[0])
        when = unsought(at)
        parts.append(joined.where(*where[1:], when > past.since, when <= past.until))

    if looks.fields:
        for at in (row.from_at, row.until_at):
            part(at, row, row.ticket_id == asked.c.ticket_id, unsought(row.field).in_(looks.fields))
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


def _held_until_it_turns(
    past: Past, moments: Mapping[int, Sequence[datetime]]
) -> tuple[set[Moment], dict[int, list[datetime]]]:
    """(those of these moments at which the query held, ticket -> the instants between them at which a term of time
    turns)."""
    facts = sorted(past.watched.facts)
    asked = list(_each(moments))
    table, bound = asked_at(asked, [past.tree], past.zone)
    columns = [_instant(getattr(bound, fact)).label(fact) for fact in facts]
    rows = select(table.c.place, condition(past.tree, bound, NEVER).label("holds"), *columns).join_from(
        table, Ticket, Ticket.id == table.c.ticket_id
    )
    then: dict[str, datetime | None] = dict.fromkeys(FACTS)
    holds = set()
    flips: dict[int, list[datetime]] = defaultdict(list)
    for place, holding, *stood in read(planned_for_its_values(rows)):
        ticket_id, at = asked[place]
        if holding:
            holds.add(asked[place])
        following, behind = asked[place + 1] if place + 1 < len(asked) else (0, past.until)
        if following != ticket_id:
            behind = past.until + MICROSECOND
        then.update(zip(facts, stood, strict=True))
        flip = next_flip(past.tree, then, at, past.zone)
        while flip is not None and flip < behind:
            flips[ticket_id].append(flip)
            flip = next_flip(past.tree, then, flip, past.zone)
    return holds, flips


def _each(moments: Mapping[int, Iterable[datetime]]) -> Iterator[Moment]:
    return ((ticket_id, at) for ticket_id, instants in moments.items() for at in instants)


def _seen(instants: Sequence[datetime], since: datetime) -> list[datetime]:
    """Without what is over before any sweep could have looked."""
    return [
        at
        for at, following in zip(instants, [*instants[1:], None], strict=True)
        if at == since or following is None or following - at >= SHORTEST
    ]


def _instant(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, UTCDateTime())
