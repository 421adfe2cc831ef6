"""What a rule was after each of its changes, and who changed it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.models.event import By

CAUSES = ("added", "changed", "switched", "moved", "returned", "merged", "broken", "removed")


class RuleVersion(Base):
    """Written in the transaction of the change. `number` is the rule's version then."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        Index("uq_rule_versions_number", "rule_id", "number", unique=True),
        CheckConstraint(
            "cause IN ('added', 'changed', 'switched', 'moved', 'returned', 'merged', 'broken', 'removed')",
            name="cause",
        ),
        CheckConstraint("once_per IN ('episode', 'ticket')", name="once_per"),
        CheckConstraint("hourly_cap BETWEEN 1 AND 100000", name="hourly_cap"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rules.id"))
    number: Mapped[int]
    cause: Mapped[str]
    name: Mapped[str]
    text: Mapped[str | None]  # the query as it read then; None: before versions were kept
    query: Mapped[dict[str, Any]] = mapped_column(JSON)
    actions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    named: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))  # with names for ids
    once_per: Mapped[str]
    stop_after: Mapped[bool]
    enabled: Mapped[bool]
    position: Mapped[int]
    about: Mapped[str]  # what the cause is about: the version gone back to, what is missing
    by_kind: Mapped[str]
    by_id: Mapped[int | None]
    at: Mapped[datetime]
    hourly_cap: Mapped[int | None]  # None: before versions kept it

    @property
    def by(self) -> By:
        return By(self.by_kind, self.by_id)


def versions_of(rule_id: int) -> Sequence[RuleVersion]:
    """The newest first."""
    return db.session.scalars(
        select(RuleVersion).where(RuleVersion.rule_id == rule_id).order_by(RuleVersion.number.desc())
    ).all()


def version_of(rule_id: int, number: int) -> RuleVersion | None:
    return db.session.scalars(
        select(RuleVersion).where(RuleVersion.rule_id == rule_id, RuleVersion.number == number)
    ).one_or_none()
