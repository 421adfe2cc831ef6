"""What a query that is being written finds, and how a rule would judge one ticket. Nothing is kept, nothing is done."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from app.database import db
from app.models import vocabulary
from app.models.customer import Customer
from app.models.document import words_in_texts
from app.models.ticket import Ticket
from rules import query
from rules.compile import columns, condition, rule_label, term_label
from rules.rule import Rule
from rules.vocabulary import Names

EXAMPLES = 5
_TRIED = 0  # the number of a rule that is not stored


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


@dataclass(frozen=True)
class Trial:
    """Whether a query holds for a ticket, and each of its terms as text with its own answer."""

    holds: bool
    terms: list[tuple[str, bool]]


def matches(tree: query.Query, boards: Select[int], now: datetime) -> Matches:
    """Of the tickets on `boards` (ids) the newest are the examples; all are counted."""
    fulfil = (
        Ticket.closed_at.is_(None),
        condition(tree, vocabulary.binding(now, whole=True), now),
    )
    count = db.session.scalar(select(func.count()).select_from(Ticket).where(*fulfil)) or 0
    seen = (
        select(Ticket.id, Ticket.subject, Customer.name)
        .join(Customer, Customer.id == Ticket.customer_id)
        .where(*fulfil, Ticket.board_id.in_(boards.order_by(None)))
        .order_by(Ticket.id.desc())
        .limit(EXAMPLES)
    )
    return Matches(count, [Example(*row) for row in db.session.execute(seen)] if count else [])


def trial(tree: query.Query, ticket: Ticket, names: Names, now: datetime) -> Trial:
    """The ticket as it stands, asked by the statement that judges it when it changes."""
    rule = Rule(_TRIED, 1, "", tree, ())
    asked = columns([rule], vocabulary.binding(now, words=words_in_texts), now, reasons=True)
    row = db.session.execute(select(*asked).where(Ticket.id == ticket.id)).one()._mapping
    terms = {
        query.to_text(leaf, names=names): bool(row[term_label(_TRIED, place)])
        for place, leaf in enumerate(query.terms(tree))
    }
    return Trial(bool(row[rule_label(_TRIED)]), list(terms.items()))
