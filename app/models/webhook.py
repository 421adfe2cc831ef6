"""A place outside that rules may call."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db


class Webhook(Base):
    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    secret: Mapped[str]  # sealed, see desk/sealed.py
    created_at: Mapped[datetime]


def all_webhooks() -> Sequence[Webhook]:
    """Every webhook, by name."""
    return db.session.scalars(select(Webhook).order_by(func.lower(Webhook.name), Webhook.id)).all()
