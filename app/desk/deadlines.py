"""What is promised for a ticket: asks rules.deadlines with what the desk knows, and keeps the next one on the ticket."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import joinedload

from app.database import db
from app.desk.events import record
from app.models.board import Board
from app.models.calendar import Calendar
from app.models.channel import Channel
from app.models.event import CLOCK, Event
from app.models.policy import Policy
from app.models.ticket import PRIORITY_NAMES, Ticket
from rules import deadlines as rules
from rules import hours

States = dict[int, list[tuple[str, datetime]]]
STATES = frozenset({"ticket.opened", "ticket.moved"})  # the events that hold a ticket's state


class Promises:
    """The policy and calendars of a board, read once for many tickets, or for one alone."""

    def __init__(self, board: Board, alone: Ticket | None = None) -> None:
        asked = {"policy": board.policy_id}
        policy = db.session.scalars(_with_calendar(), asked).one_or_none() if board.policy_id else None
        self._policy = _policy(policy) if policy else None
        self._default = _calendar(policy.calendar) if policy else None
        self._calendars: dict[int, dict[str, Any]] = {}
        if alone is None or alone.channel.calendar_id not in (None, policy.calendar_id if policy else None):
            self._calendars = dict(db.session.execute(_own_calendars()).all())
        self._read: dict[int, hours.Calendar] = {}

    def calendar(self, ticket: Ticket) -> hours.Calendar | None:
        """The opening hours of the ticket's channel, else of the policy."""
        if ticket.channel_id not in self._calendars:
            return self._default
        if ticket.channel_id not in self._read:
            self._read[ticket.channel_id] = hours.Calendar.from_json(self._calendars[ticket.channel_id])
        return self._read[ticket.channel_id]

    def of(
        self, ticket: Ticket, states: Sequence[tuple[str, datetime]], now: datetime
    ) -> tuple[rules.Deadline, ...]:
        """The deadlines of a ticket at `now`, with their explanations; none without a policy."""
        calendar = self.calendar(ticket)
        if self._policy is None or calendar is None:
            return ()
        facts = rules.Facts(
            arrived_at=ticket.created_at,
            priority=PRIORITY_NAMES[ticket.priority],
            first_answered_at=ticket.first_answered_at,
            waiting_since=ticket.waiting_since,
            closed_at=ticket.closed_at,
            states=tuple(states),
            automatic=ticket.automatic,
        )
        return rules.deadlines(facts, self._policy, calendar, now)


def of(
    board: Board, ticket: Ticket, now: datetime, known: Sequence[Event] | None = None
) -> tuple[rules.Deadline, ...]:
    """The deadlines of one ticket, for its page. `known` are its events, when all that hold a STATE have been read."""
    states = (
        states_of([ticket.id])[ticket.id]
        if known is None
        else _been_in((e.id, e.changes, e.at) for e in known if e.kind in STATES)
    )
    return Promises(board, ticket).of(ticket, states, now)


# Statements are made once: to build one takes longer than to run it.


@cache
def _with_calendar() -> Select[Policy]:
    return select(Policy).where(Policy.id == bindparam("policy")).options(joinedload(Policy.calendar))


@cache
def _own_calendars() -> Select[int, dict[str, Any]]:
    return select(Channel.id, Calendar.hours).join(Calendar, Channel.calendar_id == Calendar.id)


def states_of(ticket_ids: Iterable[int]) -> States:
    """ticket -> the states it has been in, oldest first, from the events."""
    moves: dict[int, list[tuple[int, dict[str, Any], datetime]]] = {ticket_id: [] for ticket_id in ticket_ids}
    for event_id, ticket_id, changes, at in db.session.execute(_states(), {"tickets": list(moves)}):
        moves[ticket_id].append((event_id, changes, at))
    return {ticket_id: _been_in(rows) for ticket_id, rows in moves.items()}


def _been_in(moves: Iterable[tuple[int, dict[str, Any], datetime]]) -> list[tuple[str, datetime]]:
    """A move that was undone has never been, unless others came between."""
    been: list[tuple[int, str, datetime]] = []
    for event_id, changes, at in moves:
        if been and changes.get("undoes") == been[-1][0]:
            been.pop()
        else:
            been.append((event_id, changes["state"][1], at))
    return [(state, at) for _, state, at in been]


@cache
def _states() -> Select[int, int, dict[str, Any], datetime]:
    """Made once: to build it takes longer than to run it."""
    return (
        select(Event.id, Event.subject_id, Event.changes, Event.at)
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id.in_(bindparam("tickets", expanding=True)),
            Event.kind.in_(STATES),
        )
        .order_by(Event.id)
    )


def keep(board: Board, ticket: Ticket, found: Sequence[rules.Deadline], now: datetime) -> bool:
    """Stores the next deadline of a ticket; True when it has changed, which is an event of its own."""
    following = rules.next_deadline(found)
    paused = following is None and any(deadline.state == "paused" for deadline in found)
    kept = (
        (following.due_at, following.kind, following.target_for, paused)
        if following
        else (None, None, None, paused)
    )
    if kept == (ticket.next_deadline_at, ticket.next_deadline_kind, ticket.next_deadline_for, ticket.paused):
        return False
    ticket.next_deadline_at, ticket.next_deadline_kind, ticket.next_deadline_for, ticket.paused = kept
    ticket.sort_key = ticket.order()
    ticket.version += 1
    record(
        board,
        "ticket.deadline",
        ("ticket", ticket.id),
        by=CLOCK,
        now=now,
        due=kept[0].isoformat() if kept[0] else None,
    )
    return True


def _policy(policy: Policy) -> rules.Policy:
    return rules.Policy(
        targets=policy.targets, warn_percent=policy.warn_percent, round_the_clock=policy.round_the_clock
    )


def _calendar(calendar: Calendar) -> hours.Calendar:
    return hours.Calendar.from_json(calendar.hours)
