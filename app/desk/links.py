"""Saying that two tickets are about the same matter. Both boards are locked, both histories tell it."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete

from app.database import db, insert_new
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import By
from app.models.link import TicketLink
from app.models.ticket import Ticket
from app.words import N_


class Both(NamedTuple):
    """Two tickets under the locks of their boards."""

    board: Board
    ticket: Ticket
    other_board: Board
    other: Ticket


def link(both: Both, *, by: By, now: datetime) -> bool:
    """They are about the same matter; True when that was not known."""
    new = db.session.execute(
        insert_new(TicketLink)
        .values(**_pair(both), at=now)
        .on_conflict_do_nothing()
        .returning(TicketLink.ticket_id)
    )
    if new.first() is None:
        return False
    for board, ticket, other in _each(both):
        record(board, "ticket.linked", ("ticket", ticket.id), by=by, now=now, other=[None, other.id])
    return True


def unlink(both: Both, *, by: By, now: datetime) -> None:
    """They are not. Refused with 409 when nobody says so any more."""
    pair = _pair(both)
    gone = db.session.execute(
        delete(TicketLink).where(
            TicketLink.ticket_id == pair["ticket_id"], TicketLink.other_id == pair["other_id"]
        )
    )
    if not gone.rowcount:  # type: ignore[attr-defined]
        raise Refused(N_("These tickets are not linked any more."), status=409)
    for board, ticket, other in _each(both):
        record(board, "ticket.unlinked", ("ticket", ticket.id), by=by, now=now, other=[other.id, None])


def number_in(text: str) -> int:
    """The number in what somebody typed or pasted: "42", "#42" or a ticket's address. Refused when there is none."""
    digits = text.strip().rstrip("/").rpartition("/")[2].removeprefix("#")
    if not (digits.isascii() and digits.isdecimal()) or not 0 < len(digits) < 10:
        raise Refused(N_("Type the number of a ticket, such as 42."), field="other")
    return int(digits)


def _pair(both: Both) -> dict[str, int]:
    first, second = sorted((both.ticket.id, both.other.id))
    return {"ticket_id": first, "other_id": second}


def _each(both: Both) -> tuple[tuple[Board, Ticket, Ticket], ...]:
    return (both.board, both.ticket, both.other), (both.other_board, both.other, both.ticket)
