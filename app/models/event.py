"""One row per change: the history, the live stream, the undo, the audit and the deadlines' input."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Event(Base):
    __tablename__ = "events"
    __table_args__ = (
        Index("uq_events_stream", "stream", "seq", unique=True),
        Index("ix_events_subject", "subject_kind", "subject_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stream: Mapped[int]  # a board's id, or desk.STREAM
    seq: Mapped[int]  # without gaps within the stream
    kind: Mapped[str]  # a key of desk.events.KINDS
    subject_kind: Mapped[str]
    subject_id: Mapped[int]
    by_kind: Mapped[str]  # person, customer, rule, clock or operator
    by_id: Mapped[int | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)  # field -> [old, new], and what the wording needs
    at: Mapped[datetime]


@dataclass(frozen=True)
class By:
    """Who did it."""

    kind: str
    id: int | None = None


CLOCK = By("clock")
OPERATOR = By("operator")  # who runs commands on the machine
