"""Which tickets belong together, and how: one continues another, or they are about the same matter."""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CheckConstraint,
    CompoundSelect,
    ForeignKey,
    Select,
    bindparam,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.models.board import Column
from app.models.ticket import Ticket
from app.words import N_

# How another ticket stands to this one, as a msgid, in the order of the page.
RELATIONS = {
    "continues": N_("Continues"),
    "continued": N_("Continued by"),
    "merged": N_("Merged into it"),
    "related": N_("Related"),
}


class TicketLink(Base):
    """Two tickets about the same matter; the older number first."""

    __tablename__ = "ticket_links"
    __table_args__ = (CheckConstraint("ticket_id <= other_id", name="order"),)

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True, index=True)
    at: Mapped[datetime]


class Linked(NamedTuple):
    """Another ticket; `relation` is a key of RELATIONS, `column` the name of the one it is in."""

    relation: str
    id: int
    subject: str
    language: str | None
    closed: bool
    column: str


def links_of(ticket: Ticket, boards: Select[int], **asked: object) -> list[Linked]:
    """The tickets that belong with this one and stand on these boards, by relation and number; `asked` are the
    parameters of `boards`. One statement."""
    rows = db.session.execute(
        _links(boards), {"ticket": ticket.id, "continued": ticket.linked_id or 0, **asked}
    )
    order = list(RELATIONS)
    return sorted((Linked._make(row) for row in rows), key=lambda one: (order.index(one.relation), one.id))


@lru_cache(maxsize=16)
def _links(boards: Select[int]) -> CompoundSelect[*tuple[Any, ...]]:
    """Made once for each way of asking: to build it takes longer than to run it."""
    this: Any = bindparam("ticket")
    before = select(TicketLink.ticket_id).where(TicketLink.other_id == this)
    after = select(TicketLink.other_id).where(TicketLink.ticket_id == this)
    which = {
        "continues": Ticket.id == bindparam("continued"),
        "continued": Ticket.linked_id == this,
        "merged": Ticket.merged_into_id == this,
        "related": Ticket.id.in_(union_all(before, after)),
    }
    return union_all(
        *(
            select(
                literal(relation),
                Ticket.id,
                Ticket.subject,
                Ticket.language,
                Ticket.closed_at.is_not(None),
                Column.name,
            )
            .join(Column, Column.id == Ticket.column_id)
            .where(condition, Ticket.board_id.in_(boards.order_by(None)))
            for relation, condition in which.items()
        )
    )
