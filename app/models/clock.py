"""What the clock leaves behind: a heartbeat per sweep, a lease per duty."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Heartbeat(Base):
    __tablename__ = "heartbeats"

    job: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]  # of the last finished run
    process: Mapped[str]
    error: Mapped[str | None]  # of the last run, when it failed


class Lease(Base):
    """Who does the sweeping. Claims make sweeping correct; a lease only saves work."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    until: Mapped[datetime]
    fence: Mapped[int]
