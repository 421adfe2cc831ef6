"""A second board beside the small desk's own, and tickets on it."""

from datetime import datetime

from app.database import db, writing
from app.desk import boards, messages, tickets
from app.desk.customers import find_or_make
from app.models.board import Board, BoardPerson
from app.models.event import CLOCK, By
from app.models.ticket import Ticket
from tests.small import SmallDesk


def second_board(desk: SmallDesk, now: datetime, *people: int, name: str = "Wholesale") -> Board:
    """One of this name, to which Alice and these people belong."""
    with writing(desk.row) as row:
        board = boards.add(
            row,
            name=name,
            policy_id=None,
            rota_id=None,
            owner=desk.dana,
            by=By("person", desk.dana.id),
            now=now,
        )
        db.session.flush()
        db.session.add_all(
            BoardPerson(board_id=board.id, person_id=person) for person in (desk.alice.id, *people)
        )
    return board


def ticket_on(
    board: Board, desk: SmallDesk, subject: str, now: datetime, address: str = "kim@example.org"
) -> Ticket:
    """A new ticket from a customer, with one message."""
    with writing(board) as locked:
        customer = find_or_make(address, "Kim Seoyeon", "ko", now=now)
        ticket = tickets.open_ticket(
            locked, channel=desk.email, customer=customer, subject=subject, by=CLOCK, now=now
        )
        messages.receive(
            locked, ticket, by=CLOCK, now=now, text=subject, from_name="Kim", from_address=address
        )
    return ticket
