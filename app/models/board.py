"""A board and its columns. All logic keys on a column's state, never on its name."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, bindparam, inspect, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, db
from app.words import N_

STATES = {
    "new": N_("New"),
    "open": N_("Open"),
    "waiting": N_("Waiting"),
    "resolved": N_("Resolved"),
    "archived": N_("Archived"),
}
UNRESOLVED = ("new", "open", "waiting")
CLOSED = ("resolved", "archived")


class Board(Base):
    __tablename__ = "boards"

    id: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(default=0)
    name: Mapped[str]
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("policies.id"))
    rota_id: Mapped[int | None] = mapped_column(ForeignKey("rotas.id"))
    reopen_days: Mapped[int] = mapped_column(
        default=14
    )  # later mail to a resolved ticket opens a new, linked one
    created_at: Mapped[datetime]

    columns: Mapped[list["Column"]] = relationship(back_populates="board", order_by="Column.position")

    def column_for(self, state: str) -> "Column":
        """The default column of a state; every board has one for each."""
        if "columns" in inspect(self).unloaded:  # one is read faster than all
            return db.session.scalars(_default_column(), {"board": self.id, "state": state}).one()
        return next(column for column in self.columns if column.state == state and column.is_default)


@cache
def _default_column() -> Select["Column"]:
    """Made once: to build it takes longer than to run it."""
    return select(Column).where(
        Column.board_id == bindparam("board"), Column.state == bindparam("state"), Column.is_default
    )


class Column(Base):
    __tablename__ = "columns"
    __table_args__ = (
        Index(
            "uq_columns_default",
            "board_id",
            "state",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
        CheckConstraint("state IN ('new', 'open', 'waiting', 'resolved', 'archived')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id"), index=True)
    name: Mapped[str]
    state: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)  # where tickets of this state go by themselves
    position: Mapped[int]
    wip_limit: Mapped[int | None]

    board: Mapped[Board] = relationship(back_populates="columns")


class BoardPerson(Base):
    """Who belongs to a board."""

    __tablename__ = "board_people"

    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)


def all_boards() -> Sequence[Board]:
    return db.session.scalars(select(Board).order_by(Board.id)).all()
