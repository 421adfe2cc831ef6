"""What somebody is writing and has not sent: theirs alone, whichever browser they write in."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db

MOST_TOLD = 500


class Draft(Base):
    """What a person has begun to write in a ticket. `stamp` is another one after every change."""

    __tablename__ = "drafts"
    __table_args__ = (CheckConstraint("kind IN ('reply', 'note')", name="kind"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True, index=True)
    kind: Mapped[str]
    text: Mapped[str]
    stamp: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    to_address: Mapped[str] = mapped_column(default="")  # empty: the usual one
    cc: Mapped[str | None]  # as typed; None: as the page proposes


class DraftFile(Base):
    """A file that will go with what a person writes in a ticket; with the message it becomes an attachment."""

    __tablename__ = "draft_files"
    __table_args__ = (Index("ix_draft_files_draft", "person_id", "ticket_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)  # its name in forms and addresses, 128 bits
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(index=True)


def draft_of(person_id: int, ticket_id: int) -> Draft | None:
    return db.session.scalars(_draft(), {"person": person_id, "ticket": ticket_id}).one_or_none()


def tickets_with_drafts(person_id: int) -> list[int]:
    """In which a person has begun to write, the newest draft first."""
    rows = select(Draft.ticket_id).where(Draft.person_id == person_id).order_by(Draft.changed_at.desc())
    return list(db.session.scalars(rows.limit(MOST_TOLD)))


def files_of(person_id: int, ticket_id: int) -> Sequence[DraftFile]:
    """The files of a person's draft, in the order in which they were chosen."""
    return db.session.scalars(_files(), {"person": person_id, "ticket": ticket_id}).all()


# Statements are made once: to build one takes longer than to run it.


@cache
def _draft() -> Select[Draft]:
    return select(Draft).where(Draft.person_id == bindparam("person"), Draft.ticket_id == bindparam("ticket"))


@cache
def _files() -> Select[DraftFile]:
    return (
        select(DraftFile)
        .where(DraftFile.person_id == bindparam("person"), DraftFile.ticket_id == bindparam("ticket"))
        .order_by(DraftFile.id)
    )
