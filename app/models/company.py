"""The organisation that customers belong to, and the domains that tell it."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base


class Company(Base):
    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    notes: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]

    @property
    def stamp(self) -> str:
        """Another one after each change of what people may change."""
        known = (self.name, self.notes, [one.domain for one in self.domains])
        return sha256(repr(known).encode()).hexdigest()[:16]

    domains: Mapped[list["CompanyDomain"]] = relationship(order_by="CompanyDomain.domain")


class CompanyDomain(Base):
    """A new customer who writes from this domain belongs to the company."""

    __tablename__ = "company_domains"

    domain: Mapped[str] = mapped_column(primary_key=True)  # lower case, without @
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id", ondelete="CASCADE"), index=True)
