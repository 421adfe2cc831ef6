"""The desk itself: one row, the stream on which changes of people, rules, rotas and settings are recorded."""

from datetime import datetime

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db

STREAM = 0  # the desk's stream; a board's stream is its id


class Desk(Base):
    __tablename__ = "desk"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(default=0)
    name: Mapped[str]
    languages: Mapped[list[str]] = mapped_column(JSON)  # what customers are answered in, ISO 639-1
    rules_on: Mapped[bool] = mapped_column(default=True)  # one switch stops all rules
    created_at: Mapped[datetime]


def the_desk() -> Desk | None:
    """The desk, or None before it is set up."""
    return db.session.get(Desk, 1)
