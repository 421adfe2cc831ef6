"""What somebody is writing and has not sent: theirs alone, whichever browser they write in."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db


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


def files_of(person_id: int, ticket_id: int) -> Sequence[DraftFile]:
    """The files of a person's draft, in the order in which they were chosen."""
    return db.session.scalars(
        select(DraftFile)
        .where(DraftFile.person_id == person_id, DraftFile.ticket_id == ticket_id)
        .order_by(DraftFile.id)
    ).all()
