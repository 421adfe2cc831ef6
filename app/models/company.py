"""The organisation that customers belong to, and the domains that tell it."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base


class Company(Base):
    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    notes: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]

    domains: Mapped[list["CompanyDomain"]] = relationship(order_by="CompanyDomain.domain")


class CompanyDomain(Base):
    """A new customer who writes from this domain belongs to the company."""

    __tablename__ = "company_domains"

    domain: Mapped[str] = mapped_column(primary_key=True)  # lower case, without @
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id", ondelete="CASCADE"), index=True)
