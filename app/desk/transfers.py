"""Moving a ticket to another board. Both boards are locked and both hear of it: the card leaves the one and comes to the
other, into the column for the state it is in.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update

from app.database import db, locked
from app.desk import access, alerts, intervals, notifications, ranks, tickets
from app.desk.events import record
from app.desk.refused import Refused
from app.models.alert import Alert
from app.models.board import Board, Column
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Message
from app.models.person import Person
from app.models.team import Team
from app.models.ticket import Ticket
from app.words import N_

TRANSFERRED = "ticket.transferred"


def transfer(
    board: Board,
    ticket: Ticket,
    into: Board,
    *,
    expected: int | None = None,
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    """Puts a ticket on another board, under the locks of both. Nobody has it there when who had it may not see that board;
    a team of which nobody may has it no more either. Refused with 404 for who does not see both boards, with 409 when the
    ticket is not on the `expected` one any more. `undoes`: see tickets.move."""
    if ticket.merged_into_id is not None and by.kind == "person":
        raise tickets.merged(ticket)
    for one in (board, into):
        access.demand(by, "work_board", one, now)
    if expected is not None and ticket.board_id != expected:
        raise tickets.changed_meanwhile(ticket, TRANSFERRED, now)
    if board.id == into.id:
        return ticket
    became = _what_it_becomes(ticket, into, undoes.changes if undoes is not None else {}, now)
    had, before = ticket.assignee_id, {"rank": ticket.rank}
    ticket.rank = ranks.at_end(became["column"][1])
    for field, (_, value) in became.items():
        setattr(ticket, f"{field}_id", value)
    if by.kind == "person":
        ticket.column_set_at = now
    db.session.flush()
    db.session.expire(ticket, ["column", "assignee", "team"])
    if intervals.change(ticket, became, now, undoes=undoes) and undoes is not None:
        ticket.rank = undoes.changes["before"]["rank"]
    _take_along(ticket, board, into, now)
    left = record(board, "ticket.left", ("ticket", ticket.id), by=by, now=now, to=into.id)
    tickets.changed(
        into,
        ticket,
        TRANSFERRED,
        by=by,
        now=now,
        undoes=undoes,
        before=before,
        back={"parts": [[board.id, left.seq, left.seq]]},
        **{field: list(pair) for field, pair in became.items()},
    )
    if ticket.assignee_id != had:
        notifications.assigned(ticket, had, by=by, now=now, undone=undoes is not None)
    return ticket


def put_back(board: Board, ticket: Ticket, event: Event, *, by: By, now: datetime) -> Ticket:
    """Takes back what an event did. Refused with 409 when the ticket is not there and so any more, or came from a board
    that is not locked, because it is not for who asks."""
    came_from, went_to = event.changes["board"]
    if ticket.board_id != went_to:
        raise tickets.changed_meanwhile(ticket, TRANSFERRED, now)
    for field, kind in _CHANGED_BY.items():
        if field in event.changes and getattr(ticket, f"{field}_id") != event.changes[field][1]:
            raise tickets.changed_meanwhile(ticket, kind, now)
    back = locked(Board, came_from)
    if back is None:
        raise Refused(N_("This ticket came from a board that is not for you."), status=409)
    return transfer(board, ticket, back, by=by, now=now, undoes=event)


def boards_of(events: Iterable[Event]) -> set[int]:
    """The boards that are to be locked beside the tickets' own when these events are taken back."""
    return {event.changes["board"][0] for event in events if event.kind == TRANSFERRED}


_CHANGED_BY = {"column": "ticket.moved", "assignee": "ticket.assigned", "team": "ticket.teamed"}
Pair = tuple[Any, Any]


def _what_it_becomes(ticket: Ticket, into: Board, undone: dict[str, Any], now: datetime) -> dict[str, Pair]:
    """field -> (old, new). What is `undone` had been so on that board, and is so again as far as it can be."""
    was = {field: undone[field][0] for field in _CHANGED_BY if field in undone}
    there = db.session.get(Column, was["column"]) if "column" in was else None
    fits = there is not None and (there.board_id, there.state) == (into.id, ticket.state)
    column = there if there is not None and fits else into.column_for(ticket.state)
    person_id, team_id = was.get("assignee", ticket.assignee_id), was.get("team", ticket.team_id)
    person = db.session.get(Person, person_id) if person_id is not None else None
    team = db.session.get(Team, team_id) if team_id is not None else None
    may = person is not None and access.can(person, "work_board", into, now)
    able = team is not None and access.who_see({(one.id, into.id) for one in team.people}, now)
    became: dict[str, Pair] = {
        "board": (ticket.board_id, into.id),
        "column": (ticket.column_id, column.id),
        "assignee": (ticket.assignee_id, person_id if may else None),
        "team": (ticket.team_id, team_id if able else None),
    }
    return {field: (old, new) for field, (old, new) in became.items() if old != new}


def _take_along(ticket: Ticket, board: Board, into: Board, now: datetime) -> None:
    """What says itself whose board it is of: what is sent, and the alerts."""
    said = select(Message.id).where(Message.ticket_id == ticket.id)
    raised = select(Alert.id).where(Alert.ticket_id == ticket.id)
    db.session.execute(
        update(Delivery)
        .where(or_(Delivery.message_id.in_(said), Delivery.alert_id.in_(raised)))
        .values(board_id=into.id)
    )
    alerts.take_along(ticket, board, into, now)
