"""A way in and out: an e-mail address, the public form, or a ticket made by hand."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, db
from app.models.board import Board
from app.words import N_

KINDS = {"email": N_("E-mail"), "form": N_("Contact form"), "manual": N_("By hand")}


class Channel(Base):
    __tablename__ = "channels"
    __table_args__ = (CheckConstraint("kind IN ('email', 'form', 'manual')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    address: Mapped[str | None] = mapped_column(unique=True)  # lower case; answers leave from it
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id"), index=True)
    calendar_id: Mapped[int | None] = mapped_column(ForeignKey("calendars.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    signature: Mapped[str] = mapped_column(default="")
    closed_at: Mapped[datetime | None]  # no longer used; its tickets keep it
    acknowledges: Mapped[bool] = mapped_column(default=False)  # a first message is answered automatically
    acknowledgements: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)  # language -> its own text

    board: Mapped[Board] = relationship()


def channels_in_use(kind: str | None = None) -> Sequence[Channel]:
    query = select(Channel).where(Channel.closed_at.is_(None)).order_by(Channel.id)
    return db.session.scalars(query.where(Channel.kind == kind) if kind else query).all()
