"""Somebody who works here, and the sign-ins that let them in."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_login import UserMixin
from sqlalchemy import JSON, CheckConstraint, ForeignKey, inspect, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.models.event import By
from app.words import N_

ROLES = {
    "member": N_("Member"),
    "agent": N_("Agent"),
    "manager": N_("Manager"),
    "admin": N_("Admin"),
}
THEMES = {"system": N_("Like this device"), "light": N_("Light"), "dark": N_("Dark")}


class Person(UserMixin, Base):
    """A person. `sign_in` is set on the one who is signed in, while a request lasts."""

    __tablename__ = "people"
    __allow_unmapped__ = True
    __table_args__ = (CheckConstraint("role IN ('member', 'agent', 'manager', 'admin')", name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)  # case-folded
    password_hash: Mapped[str | None]
    role: Mapped[str]
    languages: Mapped[list[str]] = mapped_column(JSON)  # spoken with customers, ISO 639-1
    locale: Mapped[str] = mapped_column(default="en")  # of the pages, a key of words.LOCALES
    zone: Mapped[str] = mapped_column(default="UTC")
    theme: Mapped[str] = mapped_column(default="system")
    ends_at: Mapped[datetime | None]  # a helper's access ends by itself
    deactivated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    signature: Mapped[str] = mapped_column(default="")  # below their answers, see desk/signatures.py
    # how they look at boards: see desk.looks
    looks: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    single_keys: Mapped[bool] = mapped_column(default=True)  # those of one character work, see keys.py

    sign_in_token: str | None = None

    # flask-login compares by session, which most people have none of; a row is one object in a session.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def get_id(self) -> str:
        """What the signed session cookie holds: the token of this sign-in, never the person's id."""
        if self.sign_in_token is None:
            raise RuntimeError("a person without a sign-in has no session")
        return self.sign_in_token

    @property
    def by(self) -> By:
        """What they do is done by them. Their number is known without reading the row again under a lock."""
        return By("person", inspect(self).identity[0])

    def works_here(self, now: datetime) -> bool:
        return self.deactivated_at is None and (self.ends_at is None or self.ends_at > now)

    @property
    def last_day(self) -> date | None:
        """The last day of a helper, in their own zone."""
        if self.ends_at is None:
            return None
        return (self.ends_at - timedelta(seconds=1)).astimezone(ZoneInfo(self.zone)).date()


class SignIn(Base):
    """A session, kept on the server; the cookie holds the token whose SHA-256 this is."""

    __tablename__ = "sign_ins"

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(default="")
    browser: Mapped[str] = mapped_column(default="")


class Throttle(Base):
    """Failed tries under one key within a window; shared by all processes."""

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    until: Mapped[datetime] = mapped_column(index=True)


def people_working(now: datetime) -> Sequence[Person]:
    """Everybody whose access is open now, by name."""
    return db.session.scalars(
        select(Person)
        .where(Person.deactivated_at.is_(None), or_(Person.ends_at.is_(None), Person.ends_at > now))
        .order_by(Person.name, Person.id)
    ).all()


def person_by_email(email: str) -> Person | None:
    return db.session.scalars(select(Person).where(Person.email == email.strip().casefold())).one_or_none()


def names_of(people: Collection[int | None]) -> dict[int, str]:
    """Of these, whether they still work here or not."""
    return dict(db.session.execute(select(Person.id, Person.name).where(Person.id.in_(people))).all())
