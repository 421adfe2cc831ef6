"""Who wrote in, and the addresses they write from."""

from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.database import Base
from app.models.company import Company
from rules.query import fold


def _folded(context: Any) -> str:
    """For rows that are written in bulk."""
    return fold(context.get_current_parameters()["name"])


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    language: Mapped[str | None]
    created_at: Mapped[datetime]
    acknowledged_at: Mapped[
        datetime | None
    ]  # when they were last told by the desk itself that it has their message
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"), index=True)
    vip: Mapped[bool] = mapped_column(default=False)
    notes: Mapped[str] = mapped_column(default="")
    name_search: Mapped[str] = mapped_column(default=_folded)  # rules.query.fold(name)
    language_by_hand: Mapped[bool] = mapped_column(default=False)  # a person has said so: see desk.inbox

    @property
    def stamp(self) -> str:
        """Another one after each change of what people may change."""
        known = (self.name, self.language, self.company_id, self.vip, self.notes)
        return sha256(repr(known).encode()).hexdigest()[:16]

    company: Mapped[Company | None] = relationship()
    addresses: Mapped[list["CustomerAddress"]] = relationship(order_by="CustomerAddress.id")

    @validates("name")
    def _fold_name(self, _key: str, name: str) -> str:
        self.name_search = fold(name)
        return name


class CustomerAddress(Base):
    __tablename__ = "customer_addresses"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    address: Mapped[str] = mapped_column(unique=True)  # lower case
    bounced_at: Mapped[datetime | None]
