"""Opening hours with holidays."""

from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Calendar(Base):
    __tablename__ = "calendars"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    hours: Mapped[dict[str, Any]] = mapped_column(JSON)  # rules.hours.Calendar.to_json()
