"""Something somebody must know, and how far it has climbed the ladder."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, case, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from app.database import Base, db
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


def standing(boards: Select[int], most: int = 200) -> Sequence[Alert]:
    """The alerts of these boards that have not ended: open ones first, breaches before the others, newest first."""
    return db.session.scalars(
        select(Alert)
        .where(Alert.state.in_(("open", "acknowledged")), Alert.board_id.in_(boards.order_by(None)))
        .options(joinedload(Alert.ticket).joinedload(Ticket.customer), joinedload(Alert.acknowledged_by))
        .order_by(
            case((Alert.state == "open", 0), else_=1),
            case((Alert.level == "breach", 0), else_=1),
            Alert.deadline_at.desc(),
            Alert.id.desc(),
        )
        .limit(most)
    ).all()
