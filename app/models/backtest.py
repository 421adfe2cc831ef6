"""What a rule would have done in the last days: asked by one person, worked out in slices, forgotten after a while."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base

UNFINISHED = ("queued", "running")
DAYS = (7, 30, 90)
_UNFINISHED = text("state IN ('queued', 'running')")


class Backtest(Base):
    """Of a rule as it stood then, or of a draft that nobody has saved."""

    __tablename__ = "backtests"
    __table_args__ = (
        Index("ix_backtests_rule", "rule_id", "person_id", "id"),
        Index("ix_backtests_asked", "asked_at"),
        Index(
            "uq_backtests_person",
            "person_id",
            unique=True,
            sqlite_where=_UNFINISHED,
            postgresql_where=_UNFINISHED,
        ),
        CheckConstraint("state IN ('queued', 'running', 'done', 'stopped', 'failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("rules.id"))  # None: of a rule that is not saved
    name: Mapped[str]
    query: Mapped[dict[str, Any]] = mapped_column(JSON)
    actions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    once_per: Mapped[str]
    days: Mapped[int]
    zone: Mapped[str]  # whose days are counted: the reader's
    since_at: Mapped[datetime]
    until_at: Mapped[datetime]
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="queued")  # then running, and done, stopped or failed
    looked_at: Mapped[int] = mapped_column(default=0)  # tickets
    total: Mapped[int | None]  # so many; None while it is not known
    last_id: Mapped[int] = mapped_column(default=0)  # the last ticket that was looked at
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # see desk.backtests
    error: Mapped[str | None]
    claim: Mapped[str | None]  # the process that works on it
    claimed_until: Mapped[datetime | None]

    @property
    def progress(self) -> float:
        """0..1"""
        if self.state == "done":
            return 1.0
        return min(self.looked_at / self.total, 1.0) if self.total else 0.0
