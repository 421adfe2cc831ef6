"""What a ticket was, and from when until when: the past that queries look at "as of" an instant."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base

FIELDS = ("board", "column", "state", "tag", "priority", "assignee", "team", "language", "mood")


class TicketInterval(Base):
    """`value` held for `field` in [from_at, until_at). A tag has a row for each tag; the others one at a time, and none
    while they are empty."""

    __tablename__ = "ticket_intervals"
    __table_args__ = (
        Index("ix_ticket_intervals_ticket", "ticket_id", "field", "from_at"),
        Index("ix_ticket_intervals_from", "field", "from_at", "value", "ticket_id"),
        Index(
            "ix_ticket_intervals_until",
            "field",
            "until_at",
            "value",
            "ticket_id",
            sqlite_where=text("until_at IS NOT NULL"),
            postgresql_where=text("until_at IS NOT NULL"),
        ),
        Index(
            "uq_ticket_intervals_open",
            "ticket_id",
            "field",
            "value",
            unique=True,
            sqlite_where=text("until_at IS NULL"),
            postgresql_where=text("until_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    field: Mapped[str]  # one of FIELDS
    value: Mapped[str]  # an id in decimal, a state, a language; of a priority or a mood its number
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]  # None: it still holds
