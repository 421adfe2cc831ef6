"""A query that somebody keeps, of their own or shared with everybody who may see its tickets."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base
from app.models.person import Person


class SavedView(Base):
    __tablename__ = "views"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    shared: Mapped[bool] = mapped_column(default=False)
    query: Mapped[dict[str, Any]] = mapped_column(JSON)  # rules.query.to_json()
    columns: Mapped[list[str]] = mapped_column(JSON, default=list)  # of the list; empty: the usual ones
    sort: Mapped[str] = mapped_column(default="")  # of the list: a column, with "-" for falling
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]

    owner: Mapped[Person] = relationship()
