"""Who has which ticket open."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.models.person import Person
from app.models.ticket import Ticket

DOINGS = ("reading", "reply", "note")

Present = dict[int, list[tuple[int, str, str]]]  # ticket -> person, their name, what they do


class Presence(Base):
    """Somebody looks at a ticket, or writes in it; until then, if their browser is not heard of again."""

    __tablename__ = "presences"
    __table_args__ = (CheckConstraint("doing IN ('reading', 'reply', 'note')", name="doing"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    doing: Mapped[str]
    until: Mapped[datetime]


def present_on(boards: Collection[int], now: datetime) -> dict[int, Present]:
    """Board -> who has its tickets open now. One statement."""
    rows = db.session.execute(
        select(Ticket.board_id, Ticket.id, Person.id, Person.name, Presence.doing)
        .select_from(Presence)
        .join(Ticket, Ticket.id == Presence.ticket_id)
        .join(Person, Person.id == Presence.person_id)
        .where(Presence.until > now, Ticket.board_id.in_(boards))
        .order_by(Ticket.id, Person.name, Person.id)
    ).all()
    found: dict[int, Present] = {}
    for board_id, ticket_id, *who in rows:
        found.setdefault(board_id, {}).setdefault(ticket_id, []).append(tuple(who))  # type: ignore[arg-type]
    return found
