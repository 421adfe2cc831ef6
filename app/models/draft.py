"""What somebody is writing and has not sent: theirs alone, whichever browser they write in."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    and_,
    bindparam,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.models.message import Message

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


class ForwardDraft(Base):
    """What a person has begun to write above a message that they want to send on."""

    __tablename__ = "forward_drafts"

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True, index=True)
    to_address: Mapped[str]  # as typed, like `cc`
    cc: Mapped[str]
    text: Mapped[str]
    stamp: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(index=True)


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
    message_id: Mapped[int | None] = mapped_column(
        ForeignKey("messages.id"), index=True
    )  # that it is sent on with


def draft_of(person_id: int, ticket_id: int) -> Draft | None:
    return db.session.scalars(_draft(), {"person": person_id, "ticket": ticket_id}).one_or_none()


def begun_in(person_id: int, ticket_id: int) -> tuple[Draft | None, list[DraftFile]]:
    """What draft_of and files_of say, in one statement."""
    rows = db.session.execute(_begun(), {"person": person_id, "ticket": ticket_id}).all()
    return rows[0][0], [file for _, file in rows if file is not None]


def tickets_with_drafts(person_id: int) -> list[int]:
    """In which a person has begun to write, or to send something on; the newest first."""
    begun = union_all(
        select(Draft.ticket_id, Draft.changed_at).where(Draft.person_id == person_id),
        select(Message.ticket_id, ForwardDraft.changed_at)
        .join(Message, Message.id == ForwardDraft.message_id)
        .where(ForwardDraft.person_id == person_id),
    ).subquery()
    rows = select(begun.c.ticket_id).order_by(begun.c.changed_at.desc()).limit(MOST_TOLD)
    return list(dict.fromkeys(db.session.scalars(rows)))


def forward_draft_of(person_id: int, message_id: int) -> ForwardDraft | None:
    return db.session.get(ForwardDraft, (person_id, message_id), populate_existing=True)


def files_of(person_id: int, ticket_id: int) -> Sequence[DraftFile]:
    """The files of a person's draft, in the order in which they were chosen."""
    return db.session.scalars(_files(), {"person": person_id, "ticket": ticket_id}).all()


def files_beside(person_id: int, message_id: int) -> Sequence[DraftFile]:
    """The files that a person adds to a message which they want to send on."""
    own = (DraftFile.person_id == person_id) & (DraftFile.message_id == message_id)
    return db.session.scalars(select(DraftFile).where(own).order_by(DraftFile.id)).all()


# Statements are made once: to build one takes longer than to run it.


@cache
def _draft() -> Select[Draft]:
    return select(Draft).where(_is_draft())


@cache
def _files() -> Select[DraftFile]:
    return select(DraftFile).where(_is_file()).order_by(DraftFile.id)


@cache
def _begun() -> Select[*tuple[Any, ...]]:
    one = select(literal(1)).subquery()  # there may be files without a word, and words without files
    both = select(Draft, DraftFile).select_from(one).outerjoin(Draft, _is_draft())
    return both.outerjoin(DraftFile, _is_file()).order_by(DraftFile.id)


def _is_draft() -> ColumnElement[bool]:
    return and_(Draft.person_id == bindparam("person"), Draft.ticket_id == bindparam("ticket"))


def _is_file() -> ColumnElement[bool]:
    return and_(
        DraftFile.person_id == bindparam("person"),
        DraftFile.ticket_id == bindparam("ticket"),
        DraftFile.message_id.is_(None),
    )
