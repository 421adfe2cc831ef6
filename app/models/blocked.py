"""Whose mail becomes no ticket."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, db
from app.models.person import Person


class BlockedSender(Base):
    """An address, or all addresses of a domain but not of those below it."""

    __tablename__ = "blocked_senders"

    id: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(unique=True)  # in the spelling of mail.addresses
    by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    at: Mapped[datetime]

    by: Mapped[Person | None] = relationship()


def blocked_senders() -> Sequence[BlockedSender]:
    """All of them, by domain and then by name."""
    found = db.session.scalars(select(BlockedSender)).all()
    return sorted(found, key=lambda one: one.sender.rpartition("@")[::-1])


def is_blocked(addresses: Collection[str]) -> bool:
    """Whether one of these addresses, or the domain of one, is blocked."""
    asked = {*addresses, *(address.rpartition("@")[2] for address in addresses)}
    return (
        db.session.scalar(select(BlockedSender.id).where(BlockedSender.sender.in_(asked)).limit(1))
        is not None
    )
