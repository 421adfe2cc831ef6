"""What search looks through: one document for each message that counts, and one for each ticket with its subject, its
customer and their company. `desk.search` keeps them; `database.in_index` finds them fast."""

from sqlalchemy import ColumnElement, ForeignKey, Index, false, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db, in_index, keep_index
from app.models.ticket import Ticket
from rules.tokens import Phrase, phrase

SAMPLE = 1_000  # newest documents
FREQUENT = 0.02  # of them


class Document(Base):
    __tablename__ = "search_documents"
    __table_args__ = (Index("ix_search_documents_ticket", "ticket_id", "message_id", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)  # the newest has the highest
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))  # None: of the ticket itself
    tokens: Mapped[str]  # rules.tokens.document()


keep_index(Document.__table__)  # type: ignore[arg-type]


def words(text: str) -> ColumnElement[bool]:
    """The condition on tickets that one of their documents holds these words, for sets of any size. What many hold is
    met soon by reading; what few hold is found by the index."""
    wanted = phrase(text)
    if wanted is None:
        return false()
    return words_in_texts(text) if share(wanted) >= FREQUENT else words_in_index(text)


def words_in_index(text: str) -> ColumnElement[bool]:
    """The same, always by the index."""
    wanted = phrase(text)
    if wanted is None:
        return false()
    return Ticket.id.in_(select(Document.ticket_id).where(in_index(wanted)).correlate(None))


def words_in_texts(text: str) -> ColumnElement[bool]:
    """The same for a few tickets that are known by id: it reads their documents, nothing else."""
    wanted = phrase(text)
    if wanted is None:
        return false()
    held = select(Document.id).where(Document.ticket_id == Ticket.id, in_text(wanted))
    return held.correlate(Ticket).exists()


def share(wanted: Phrase) -> float:
    """How many of the newest documents hold it, 0..1. From FREQUENT on, reading finds enough sooner than the index, which
    has to name all. It decides how to look, never what is found."""
    newest = select(Document.tokens).order_by(Document.id.desc()).limit(SAMPLE).subquery()
    held = select(func.count()).select_from(newest).where(newest.c.tokens.like(wanted.pattern))
    return (db.session.scalar(held) or 0) / SAMPLE


def in_text(wanted: Phrase) -> ColumnElement[bool]:
    """The condition on documents that says what a phrase means; the index only finds the same ones faster."""
    return Document.tokens.like(wanted.pattern)
