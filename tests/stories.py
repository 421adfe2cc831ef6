"""What tests begin with: tickets that stand in a column, mail that is due."""

from datetime import datetime
from typing import Any

from app.database import writing
from app.desk import deliveries, messages, tickets
from app.desk.customers import find_or_make
from app.models.board import Board
from app.models.event import CLOCK
from app.models.ticket import Ticket


def ticket_in(desk: Any, state: str, subject: str, now: datetime, **values: Any) -> Ticket:
    """A ticket from a customer, with one message, in the default column of this state."""
    with writing(desk.board) as board:
        return fill(board, desk, state, subject, now, **values)


def fill(board: Board, desk: Any, state: str, subject: str, now: datetime, **values: Any) -> Ticket:
    """The same, under a lock that is held."""
    customer = find_or_make("kim@example.org", "Kim Seoyeon", "ko", now=now)
    ticket = tickets.open_ticket(
        board, channel=desk.email, customer=customer, subject=subject, by=CLOCK, now=now, **values
    )
    messages.receive(
        board, ticket, by=CLOCK, now=now, text=subject, from_name="Kim", from_address="kim@example.org"
    )
    if state != "new":
        tickets.move(board, ticket, to=desk.columns[state].id, by=CLOCK, now=now)
    return ticket


def queue_notices(desk: Any, count: int, now: datetime) -> None:
    """So many messages of the desk that are due, with the ids <0.test@example.com> and so on."""
    with writing(desk.row):
        for n in range(count):
            deliveries.queue(
                f"test:{n}",
                at=now,
                now=now,
                kind="notice",
                from_name="Desk",
                from_address="desk@example.com",
                to_address=f"erin{n}@example.org",
                subject="Hello",
                text="A short text.",
                header_id=f"{n}.test@example.com",
            )
