"""An SLA policy: the targets that the deadlines are computed from."""

from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base
from app.models.calendar import Calendar


class Policy(Base):
    __tablename__ = "policies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    calendar_id: Mapped[int] = mapped_column(ForeignKey("calendars.id"))
    # priority -> kind -> seconds of opening hours; kinds: first_response, resolution
    targets: Mapped[dict[str, dict[str, int]]] = mapped_column(JSON)
    warn_percent: Mapped[int] = mapped_column(default=75)
    # priority -> seconds counted round the clock, for what arrives out of hours: it pages on arrival
    round_the_clock: Mapped[dict[str, int]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(default=1)

    calendar: Mapped[Calendar] = relationship()


def policy_to_json(policy: Policy) -> dict[str, Any]:
    return {
        "targets": policy.targets,
        "warn_percent": policy.warn_percent,
        "round_the_clock": policy.round_the_clock,
    }
