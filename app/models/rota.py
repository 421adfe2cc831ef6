"""The on-call schedule: versions with an effective date, and the published shifts, which are the truth."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, db
from app.models.person import Person

PRIMARY, BACKUP = "primary", "backup"


class Rota(Base):
    __tablename__ = "rotas"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    horizon_weeks: Mapped[int] = mapped_column(default=12)  # how far ahead shifts are published

    versions: Mapped[list["RotaVersion"]] = relationship(order_by="RotaVersion.effective_at, RotaVersion.id")


class RotaVersion(Base):
    __tablename__ = "rota_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    rota_id: Mapped[int] = mapped_column(ForeignKey("rotas.id"), index=True)
    effective_at: Mapped[datetime]
    zone: Mapped[str]
    weekday: Mapped[int]  # of the hand-over, 0 = Monday
    time: Mapped[str]  # HH:MM in the zone
    people: Mapped[list[int]] = mapped_column(JSON)  # ids in order
    created_at: Mapped[datetime]


class Shift(Base):
    """One published stretch, half-open."""

    __tablename__ = "shifts"
    __table_args__ = (
        Index("uq_shifts_start", "rota_id", "role", "starts_at", unique=True),
        Index("ix_shifts_end", "rota_id", "ends_at"),
        Index("ix_shifts_wake", "wake_at"),
        CheckConstraint("role IN ('primary', 'backup')", name="role"),
        CheckConstraint("state IN ('published', 'worked')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rota_id: Mapped[int] = mapped_column(ForeignKey("rotas.id"))
    role: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    origin_person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))  # whose turn it was
    state: Mapped[str] = mapped_column(default="published")
    reason: Mapped[dict[str, Any]] = mapped_column(
        JSON
    )  # why this person: rules.rota.Reason, or who is covered
    wake_at: Mapped[datetime | None]  # the next hand-over work: its start, then its end

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    origin_person: Mapped[Person] = relationship(foreign_keys=[origin_person_id])

    def holder(self, now: datetime) -> Person | None:
        """Who has it, or None when that person does not work here by then."""
        return self.person if self.person.works_here(max(now, self.starts_at)) else None


def the_rota() -> Rota | None:
    """The desk's rota, or None before it is set up."""
    return db.session.scalars(select(Rota).order_by(Rota.id).limit(1)).one_or_none()
