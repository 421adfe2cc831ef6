"""People who share work: a rule assigns to a team, a rota may draw from it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, db
from app.models.person import Person


class Team(Base):
    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]

    people: Mapped[list[Person]] = relationship(secondary="team_people", order_by="Person.name")


class TeamPerson(Base):
    __tablename__ = "team_people"

    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    turn: Mapped[int] = mapped_column(default=0)  # the higher, the later they were given a ticket in turn


def all_teams() -> Sequence[Team]:
    """Every team, by name."""
    return db.session.scalars(select(Team).order_by(func.lower(Team.name), Team.id)).all()
