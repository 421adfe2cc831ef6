"""The firings of rules as they are read: of a ticket, of a rule, and the events that they made."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from app.database import db
from app.models.event import Event
from app.models.rule import RuleFiring
from app.models.ticket import Ticket

MOST_OF_TICKET = 100
AT_ONCE = 400  # conditions in one statement; SQLite takes less than a thousand
Cursor = tuple[datetime, int]  # of the last firing on a page


def of_ticket(ticket_id: int) -> Sequence[RuleFiring]:
    """The newest first."""
    return db.session.scalars(
        select(RuleFiring)
        .where(RuleFiring.ticket_id == ticket_id)
        .order_by(RuleFiring.id.desc())
        .limit(MOST_OF_TICKET)
    ).all()


def of_rule(
    rule_id: int,
    boards: Select[int],
    most: int,
    *,
    before: Cursor | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[tuple[RuleFiring, Ticket]]:
    """The newest first, with their tickets, of those on `boards` (ids): from `since` on, not from `until` on."""
    asked = (
        select(RuleFiring, Ticket)
        .join(Ticket, Ticket.id == RuleFiring.ticket_id)
        .where(RuleFiring.rule_id == rule_id, Ticket.board_id.in_(boards.order_by(None)))
        .order_by(RuleFiring.at.desc(), RuleFiring.id.desc())
        .limit(most)
    )
    if before is not None:
        at, id = before
        asked = asked.where(or_(RuleFiring.at < at, and_(RuleFiring.at == at, RuleFiring.id < id)))
    if since is not None:
        asked = asked.where(RuleFiring.at >= since)
    if until is not None:
        asked = asked.where(RuleFiring.at < until)
    return [(firing, ticket) for firing, ticket in db.session.execute(asked)]


def counts(boards: Select[int], since: datetime) -> dict[int, int]:
    """rule -> how often it has acted since then on tickets of `boards` (ids)."""
    rows = db.session.execute(
        select(RuleFiring.rule_id, func.count())
        .join(Ticket, Ticket.id == RuleFiring.ticket_id)
        .where(RuleFiring.at >= since, Ticket.board_id.in_(boards.order_by(None)))
        .group_by(RuleFiring.rule_id)
    )
    return dict(rows.all())


def events_of(firings: Sequence[RuleFiring]) -> dict[int, list[Event]]:
    """firing -> what its rule did in it to the ticket and its customer, oldest first. One statement for each few hundred."""
    asked = [condition for firing in firings for condition in _made(firing)]
    of: dict[tuple[str, int], list[Event]] = defaultdict(list)
    for start in range(0, len(asked), AT_ONCE):
        rows = db.session.scalars(
            select(Event).where(
                Event.by_kind == "rule",
                Event.subject_kind.in_(("ticket", "customer")),
                or_(false(), *asked[start : start + AT_ONCE]),
            )
        )
        for event in rows:
            of[event.subject_kind, event.subject_id if event.subject_kind == "ticket" else 0].append(event)
    found: dict[int, list[Event]] = {}
    for firing in firings if asked else ():
        theirs = {
            event.id: event
            for event in (*of["ticket", firing.ticket_id], *of["customer", 0])
            if _is_of(firing, event)
        }
        found[firing.id] = [theirs[id] for id in sorted(theirs)]
    return found


def _stretches(firing: RuleFiring) -> list[list[int]]:
    return [one["events"] for one in firing.done if one.get("events")]


def _unwritten(firing: RuleFiring) -> bool:
    """From before firings said what they did: then it is known by the instant."""
    return not firing.done and not firing.dropped and not firing.owed


def _made(firing: RuleFiring) -> list[ColumnElement[bool]]:
    if _unwritten(firing):
        return [
            and_(Event.subject_id == firing.ticket_id, Event.by_id == firing.rule_id, Event.at == firing.at)
        ]
    return [
        and_(Event.stream == stream, Event.seq.between(first, last))
        for stream, first, last in _stretches(firing)
    ]


def _is_of(firing: RuleFiring, event: Event) -> bool:
    if event.by_id != firing.rule_id:
        return False
    if _unwritten(firing):
        return event.subject_kind == "ticket" and event.at == firing.at
    return any(
        event.stream == stream and first <= event.seq <= last for stream, first, last in _stretches(firing)
    )
