"""What a query that is being written finds."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from app.database import db
from app.models import vocabulary
from app.models.customer import Customer
from app.models.ticket import Ticket
from rules import query
from rules.compile import condition

EXAMPLES = 5


@dataclass(frozen=True)
class Example:
    """A ticket that a query holds for."""

    number: int
    subject: str
    customer: str


@dataclass(frozen=True)
class Matches:
    """How many unresolved tickets a query holds for, and the newest of those that the reader may see."""

    count: int
    examples: list[Example]


def matches(tree: query.Query, boards: Select[int], now: datetime) -> Matches:
    """Of the tickets on `boards` (ids) the newest are the examples; all are counted."""
    fulfil = (
        Ticket.closed_at.is_(None),
        condition(tree, vocabulary.binding(now, whole=True), now),
    )
    count = db.session.scalar(select(func.count()).select_from(Ticket).where(*fulfil)) or 0
    # not joined: a query of the customer is a subselect of its own, which would take this one's
    customer = select(Customer.name).where(Customer.id == Ticket.customer_id).scalar_subquery()
    seen = (
        select(Ticket.id, Ticket.subject, customer)
        .where(*fulfil, Ticket.board_id.in_(boards.order_by(None)))
        .order_by(Ticket.id.desc())
        .limit(EXAMPLES)
    )
    return Matches(count, [Example(*row) for row in db.session.execute(seen)] if count else [])
