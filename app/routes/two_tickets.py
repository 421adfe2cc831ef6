"""Changes of two tickets at once, whose boards may be two."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import Response, flash, make_response, redirect, url_for

from app.database import writing_all
from app.desk import access
from app.desk.links import Both
from app.desk.merges import where_now
from app.desk.refused import Refused
from app.html import wants_part
from app.models.board import Board
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_, gettext


@contextmanager
def working_on_both(number: int, other: int, person: Person, now: datetime) -> Iterator[Both]:
    """A transaction on the boards of two tickets, which are locked by number. Refused with 404 for a ticket that is not
    for this person, with words for another that is not."""
    numbers = (number, _another(number, other))
    boards = [_seen(person, one, now, one == other).board_id for one in numbers]
    with writing_all(Board, boards) as held:
        ticket, another = (_seen(person, one, now, one == other) for one in numbers)
        if {ticket.board_id, another.board_id} - held.keys():
            raise Refused(
                N_("One of the tickets was moved to another board meanwhile. Try again."), status=409
            )
        yield Both(held[ticket.board_id], ticket, held[another.board_id], another)


def _another(number: int, other: int) -> int:
    if number == other:
        raise Refused(N_("That is this ticket itself."), field="other")
    return other


def _seen(person: Person, number: int, now: datetime, is_other: bool) -> Ticket:
    try:
        return access.ticket_seen_by(person, number, now)
    except Refused:
        if not is_other:
            raise
        raise Refused(
            N_("There is no ticket #%(number)s, or it is not for you."), field="other", number=number
        ) from None


def lead(ticket: Ticket, person: Person, now: datetime, *, beside: bool) -> Response | None:
    """The way from a ticket that was merged to where it goes on, if they may see that."""
    into = where_now(ticket.id, None) if ticket.merged_into_id is not None else None
    if into is None or not access.can(person, "see_board", into, now):
        return None
    if not wants_part() or not beside:
        flash(gettext("#%(number)s was merged into this ticket.", number=ticket.id))
    address = url_for("tickets.panel" if beside else "tickets.show", number=into.id)
    if wants_part() and not beside:
        return Response(status=204, headers={"HX-Redirect": address})
    return make_response(redirect(address))
