"""One entry of a conversation, its attachments, and the archive of everything that arrived."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base
from app.models.person import Person
from rules.query import fold


def _folded(context: Any) -> str:
    """What a query looks for in a file: patterns have no line end, so none reaches from the name into the type."""
    given = context.get_current_parameters()
    return f"{fold(given['name'])}\n{fold(given['media_type'])}"


class Message(Base):
    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_ticket", "ticket_id", "id"),
        Index("ix_messages_at", "at", "ticket_id"),
        Index(
            "ix_messages_withdrawn",
            "withdrawn_at",
            sqlite_where=text("withdrawn_at IS NOT NULL"),
            postgresql_where=text("withdrawn_at IS NOT NULL"),
        ),
        Index(
            "ix_messages_leaves",
            "leaves_at",
            sqlite_where=text("leaves_at IS NOT NULL"),
            postgresql_where=text("leaves_at IS NOT NULL"),
        ),
        CheckConstraint("kind IN ('customer', 'reply', 'note', 'forward', 'later')", name="kind"),
        CheckConstraint("mood BETWEEN -100 AND 100", name="mood"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    kind: Mapped[
        str
    ]  # customer: from the customer; reply: to the customer; note: internal; forward: to somebody else; later: a reply that has not left
    automatic: Mapped[
        str | None
    ]  # why it is taken for automatic mail; of a reply: what the desk says by itself
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # of a reply or note
    from_name: Mapped[str] = mapped_column(default="")
    from_address: Mapped[str] = mapped_column(default="", index=True)  # whom to answer: Reply-To, else From
    sent_from: Mapped[str] = mapped_column(default="")  # From
    subject: Mapped[str] = mapped_column(default="")
    text: Mapped[str]  # the newest part
    full_text: Mapped[str | None] = mapped_column(deferred=True)  # with quotes and signature, when it differs
    html: Mapped[str | None] = mapped_column(deferred=True)  # as it came; sanitised when shown
    has_html: Mapped[bool] = mapped_column(default=False)
    search_text: Mapped[str] = mapped_column(default="", deferred=True)  # rules.query.fold(subject and text)
    message_id: Mapped[str | None] = mapped_column(unique=True)  # without <>; ours are signed
    language: Mapped[str | None]
    raw_id: Mapped[int | None] = mapped_column(ForeignKey("raw_messages.id"), index=True)
    withdrawn_at: Mapped[datetime | None]  # "Undo send"
    at: Mapped[datetime]  # arrived or written
    to_address: Mapped[str | None]  # of a reply or forward: where it goes
    cc: Mapped[list[str]] = mapped_column(JSON, default=list)  # who else got it, ourselves left out
    mentions: Mapped[list[int]] = mapped_column(JSON, default=list)  # people whom a note calls
    leaves_at: Mapped[datetime | None]  # of one that leaves later; None: it is held back
    then: Mapped[str | None]  # what happens when it leaves
    mood: Mapped[int | None]  # of the customer who wrote it, as in Ticket
    mood_reasons: Mapped[list[list[str]]] = mapped_column(
        JSON, default=list
    )  # [kind, text] of each, see app.mail.mood

    person: Mapped[Person | None] = relationship()
    attachments: Mapped[list["Attachment"]] = relationship(order_by="Attachment.id")


class Attachment(Base):
    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)  # its name in the address, 128 bits
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), index=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    content_id: Mapped[str | None]
    inline: Mapped[bool] = mapped_column(default=False)
    name_search: Mapped[str] = mapped_column(
        default=_folded
    )  # the name and the type, each folded, on two lines


class Blob(Base):
    """Bytes by their SHA-256: attachments and raw mail."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class RawMessage(Base):
    """Something that arrived, kept before anything is parsed."""

    __tablename__ = "raw_messages"
    __table_args__ = (
        Index("ix_raw_messages_state", "state", "id"),
        CheckConstraint("state IN ('received', 'handled', 'ignored', 'failed', 'discarded')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    source: Mapped[str]  # command, form, imap, lmtp
    sent_to: Mapped[str | None]  # the address it was delivered to
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="received")
    error: Mapped[str | None]
    tries: Mapped[int] = mapped_column(default=0)  # begun again by the sweep, after a process has died
