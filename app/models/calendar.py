"""Opening hours with holidays."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Calendar(Base):
    __tablename__ = "calendars"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    hours: Mapped[dict[str, Any]] = mapped_column(JSON)  # rules.hours.Calendar.to_json()


class CalendarWindow(Base):
    """One stretch of a calendar's opening hours as instants: [opens_at, closes_at), so that SQL can ask for it."""

    __tablename__ = "calendar_windows"

    calendar_id: Mapped[int] = mapped_column(ForeignKey("calendars.id", ondelete="CASCADE"), primary_key=True)
    opens_at: Mapped[datetime] = mapped_column(primary_key=True)
    closes_at: Mapped[datetime]
