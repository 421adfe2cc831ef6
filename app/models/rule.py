"""A rule as it is stored, where each ticket stands with it, and when it acted."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Rule(Base):
    __tablename__ = "rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[str]
    query: Mapped[dict[str, Any]] = mapped_column(JSON)  # the tree of rules.query
    actions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # of rules.actions
    once_per: Mapped[str] = mapped_column(default="episode")
    stop_after: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    removed_at: Mapped[datetime | None]  # gone from the list; its firings stay
    failed_at: Mapped[datetime | None]  # when a sweep last had to go on without it, until it is saved again
    failure: Mapped[str | None]  # what it failed with, as the machine said it
    hourly_cap: Mapped[int] = mapped_column(default=500)  # it pauses by itself when it would fire more often
    paused_at: Mapped[datetime | None]
    resumed_at: Mapped[datetime | None]  # since when the cap counts, or from when on it will
    capped_at: Mapped[datetime | None]  # when the caps on mail to customers last held an answer of it back


class RuleState(Base):
    """Whether a rule's query held for a ticket when it was last judged; `episode` counts the changes to true."""

    __tablename__ = "rule_states"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rules.id"), primary_key=True, index=True)
    holds: Mapped[bool]
    episode: Mapped[int]


class RuleFiring(Base):
    """A rule acted on a ticket, once per episode; written before any effect."""

    __tablename__ = "rule_firings"
    __table_args__ = (
        Index("uq_rule_firings_episode", "rule_id", "ticket_id", "episode", unique=True),
        Index("ix_rule_firings_ticket", "ticket_id"),
        Index("ix_rule_firings_rule", "rule_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rules.id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    episode: Mapped[int]
    at: Mapped[datetime]
    owed: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # actions that wait because a person was faster
    owed_until: Mapped[datetime | None]
    # what was done: {"action", "events": [stream, first, last], or none where nothing was to change}
    done: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    # what was not done, and why: {"action", "reason": a msgid, "values"}
    dropped: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
