"""Putting a ticket into another cell of a board: the fields that its column and its lane stand for, in one change."""

from collections.abc import Callable, Mapping
from datetime import datetime

from app.database import db
from app.desk import access, tickets
from app.desk.refused import Refused
from app.models.board import Board
from app.models.desk import the_desk
from app.models.event import By
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_

Put = Callable[[Board, Ticket, str, str | None, By, datetime], object]


def put(
    board: Board, ticket: Ticket, to: Mapping[str, str], seen: Mapping[str, str], *, by: By, now: datetime
) -> None:
    """Sets the fields that `to` names, each as it was `seen`: Refused with 409 when one is not as it was, whoever sets what
    else. Then the caller goes back to where it began."""
    for name in FIELDS:
        if name in to:
            FIELDS[name](board, ticket, to[name], seen.get(name), by, now)


def _column(board: Board, ticket: Ticket, to: str, seen: str | None, by: By, now: datetime) -> None:
    tickets.move(board, ticket, to=_number(to), expected=_number(seen) if seen else None, by=by, now=now)


def _person(board: Board, ticket: Ticket, to: str, seen: str | None, by: By, now: datetime) -> None:
    person_id = _number(to) if to else None
    expected = "any" if seen is None else _number(seen) if seen else None
    if person_id not in (None, ticket.assignee_id):
        person = db.session.get(Person, person_id)
        if person is None or not access.can(person, "work_board", board, now):
            raise Refused(
                N_("That person cannot see this board. Choose somebody who belongs to it."), field="assignee"
            )
    tickets.assign(board, ticket, person_id, expected=expected, by=by, now=now)


def _priority(board: Board, ticket: Ticket, to: str, seen: str | None, by: By, now: datetime) -> None:
    tickets.prioritise(board, ticket, _number(to), expected=_number(seen) if seen else None, by=by, now=now)


def _language(board: Board, ticket: Ticket, to: str, seen: str | None, by: By, now: datetime) -> None:
    desk = the_desk()
    if to and to not in (*(desk.languages if desk else ()), ticket.language):
        raise _not_offered()
    expected = "any" if seen is None else seen or None
    tickets.set_language(board, ticket, to or None, expected=expected, by=by, now=now)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _not_offered()
    return int(text)


def _not_offered() -> Refused:
    return Refused(N_("That is not one of the choices."))


# What a column or a lane can stand for, as it is called where it is set.
FIELDS: dict[str, Put] = {"column": _column, "person": _person, "priority": _priority, "language": _language}
