"""Something somebody must know, and how far it has climbed the ladder."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base
from app.models.person import Person
from app.models.ticket import Ticket


class Alert(Base):
    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_wake", "wake_at", "id"),
        Index("ix_alerts_state", "state", "id"),
        CheckConstraint("state IN ('open', 'acknowledged', 'closed')", name="state"),
        CheckConstraint("level IN ('arrival', 'warning', 'breach')", name="level"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)  # ticket, kind, deadline value; unique for good
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id"))
    kind: Mapped[str]  # first_response, next_response, resolution
    level: Mapped[str]  # of desk.alerts.LEVELS: a breach raises what the warning opened
    deadline_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="open")
    step: Mapped[int] = mapped_column(default=0)  # of the ladder: who is told next
    wake_at: Mapped[datetime | None]  # when the next step is due
    opened_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))

    ticket: Mapped[Ticket] = relationship()
    acknowledged_by: Mapped[Person | None] = relationship()
