"""Following a ticket: to hear of it without having it."""

from datetime import datetime

from sqlalchemy import delete

from app.database import db, insert_new
from app.desk import access
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import By
from app.models.follower import TicketFollower
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_


def follow(board: Board, ticket: Ticket, person_id: int, *, by: By, now: datetime) -> bool:
    """From now on this person follows it; True when they did not before. Refused for whoever may not see the ticket."""
    person = db.session.get(Person, person_id)
    if not access.can(person, "see_board", board, now):
        raise Refused(N_("That person may not see this ticket."), field="person")
    begun = join(ticket, person_id, now)
    if begun:
        record(board, "ticket.followed", ("ticket", ticket.id), by=by, now=now, person=[None, person_id])
    return begun


def unfollow(board: Board, ticket: Ticket, person_id: int, *, by: By, now: datetime) -> None:
    """They do not follow it any more. Refused with 409 when they have not, or somebody was faster."""
    gone = db.session.execute(
        delete(TicketFollower).where(
            TicketFollower.ticket_id == ticket.id, TicketFollower.person_id == person_id
        )
    )
    if not gone.rowcount:  # type: ignore[attr-defined]
        raise Refused(N_("That person does not follow this ticket any more."), status=409)
    record(board, "ticket.unfollowed", ("ticket", ticket.id), by=by, now=now, person=[person_id, None])


def join(ticket: Ticket, person_id: int, now: datetime) -> bool:
    """Whoever writes in a ticket, or is called into it, follows it; what they wrote tells so. True when they did not
    before."""
    begun = db.session.execute(
        insert_new(TicketFollower)
        .values(ticket_id=ticket.id, person_id=person_id, at=now)
        .on_conflict_do_nothing()
        .returning(TicketFollower.person_id)
    )
    return begun.first() is not None
