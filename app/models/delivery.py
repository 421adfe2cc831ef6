"""One outgoing message or page, as a row written with its cause: the outbox."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base
from app.models.message import Message


class Delivery(Base):
    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_wake", "wake_at", "id"),
        Index("ix_deliveries_state", "state", "id"),
        Index("ix_deliveries_recipient", "to_address", "created_at"),
        CheckConstraint(
            "state IN ('queued', 'claimed', 'sent', 'held', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint(
            "kind IN ('reply', 'automatic', 'forward', 'page', 'notice', 'webhook')", name="kind"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)  # of its cause, so that it is queued once
    # reply: of a person to a customer; automatic: of the desk to a customer; forward: to somebody outside; page: about an alert; notice: other mail to a person; webhook: no mail
    kind: Mapped[str]
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"), index=True)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    board_id: Mapped[int | None] = mapped_column(ForeignKey("boards.id"))  # who may see it; None: managers

    from_name: Mapped[str]
    from_address: Mapped[str]
    to_name: Mapped[str] = mapped_column(default="")
    to_address: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    language: Mapped[str] = mapped_column(default="en")
    header_id: Mapped[str]  # the Message-ID, the same at every try
    in_reply_to: Mapped[str | None]
    references: Mapped[str] = mapped_column(default="")  # ids separated by blanks
    automatic: Mapped[bool] = mapped_column(default=False)

    state: Mapped[str] = mapped_column(default="queued")  # held: no way to send is set up
    attempts: Mapped[int] = mapped_column(default=0)
    wake_at: Mapped[datetime | None]  # when to try, or when a claim has run out
    claim: Mapped[str | None]  # of the process that is sending it
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    cc: Mapped[list[str]] = mapped_column(JSON, default=list)
    webhook_id: Mapped[int | None] = mapped_column(ForeignKey("webhooks.id"))

    message: Mapped[Message | None] = relationship()
