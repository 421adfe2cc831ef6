"""Who wants to hear of a ticket without having it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ForeignKey, Select, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.models.person import Person


class TicketFollower(Base):
    __tablename__ = "ticket_followers"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    at: Mapped[datetime]


class Follower(NamedTuple):
    id: int
    name: str


def followers_of(ticket_id: int) -> Sequence[Follower]:
    """Who follows a ticket and has not left, by name. Whether they may still see it is for whoever tells them to ask."""
    rows = db.session.execute(_followers(), {"ticket": ticket_id})
    return [Follower._make(row) for row in rows]


@cache
def _followers() -> Select[*tuple[Any, ...]]:
    """Made once: to build it takes longer than to run it."""
    return (
        select(Person.id, Person.name)
        .join(TicketFollower, TicketFollower.person_id == Person.id)
        .where(TicketFollower.ticket_id == bindparam("ticket"), Person.deactivated_at.is_(None))
        .order_by(Person.name, Person.id)
    )
