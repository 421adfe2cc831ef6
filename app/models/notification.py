"""What somebody who works here is told of a ticket or a rule, and which of it they want to be told in which way."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, db
from app.models.card import MOST_COUNTED
from app.models.person import Person
from app.models.rule import Rule
from app.models.ticket import Ticket
from app.words import N_

KINDS = {
    "assigned": N_("A ticket is assigned to me"),
    "mentioned": N_("Somebody mentions me"),
    "answered": N_("The customer writes on a ticket that I have or follow"),
    "rule": N_("A rule tells me of a ticket"),
    "broken": N_("A rule of mine is switched off, for something that it names is missing"),
    "paused": N_("A rule has paused by itself"),
    "quarrel": N_("Rules disagree about a ticket and rest on it"),
}
WAYS = {"page": N_("Here"), "mail": N_("By e-mail")}
# Until somebody says otherwise. Customers write often, and the board shows it: a mail for each would teach to read none.
USUAL = {(kind, way): (kind, way) != ("answered", "mail") for kind in KINDS for way in WAYS}
PER_PAGE = 50


class Notification(Base):
    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('assigned', 'mentioned', 'answered', 'rule', 'broken', 'paused', 'quarrel')",
            name="kind",
        ),
        CheckConstraint("ticket_id IS NOT NULL OR rule_id IS NOT NULL", name="about_one"),
        Index("ix_notifications_person", "person_id", "id"),
        Index("ix_notifications_ticket", "ticket_id", "person_id"),
        Index(
            "ix_notifications_unread",
            "person_id",
            "ticket_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index("ix_notifications_wake", "wake_at", "person_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str]
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    message_id: Mapped[int | None]  # where on the ticket's page it is
    by_kind: Mapped[str]  # who did it, as in an event
    by_name: Mapped[str]  # of the person or customer at that time
    at: Mapped[datetime] = mapped_column(index=True)
    shown: Mapped[bool]  # in the page; else it only waits to be mailed
    read_at: Mapped[datetime | None]
    wake_at: Mapped[datetime | None]  # when a mail is due, unless it was read by then
    mailed_at: Mapped[datetime | None]
    rule_id: Mapped[int | None] = mapped_column(
        ForeignKey("rules.id")
    )  # it is about a rule; a ticket is only where that was seen
    about: Mapped[str] = mapped_column(default="")  # what the rule misses


class NotificationChoice(Base):
    """What a person has said of one kind and one way."""

    __tablename__ = "notification_choices"

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    way: Mapped[str] = mapped_column(primary_key=True)
    wanted: Mapped[bool]


class Told(NamedTuple):
    """A notification with the subject of its ticket, or the name of its rule."""

    notification: Notification
    subject: str


def of(person: Person, boards: Select[int], before: int | None = None) -> tuple[list[Told], int | None]:
    """PER_PAGE of what a person was told of tickets on these boards, the newest first, and the cursor of those behind."""
    found = (
        select(Notification, func.coalesce(Rule.name, Ticket.subject))
        .outerjoin(Ticket, Ticket.id == Notification.ticket_id)
        .outerjoin(Rule, Rule.id == Notification.rule_id)
        .where(Notification.person_id == person.id, Notification.shown, _seen(boards))
        .order_by(Notification.id.desc())
        .limit(PER_PAGE + 1)
    )
    if before is not None:
        found = found.where(Notification.id < before)
    rows = [Told(*row) for row in db.session.execute(found)]
    return rows[:PER_PAGE], rows[PER_PAGE - 1].notification.id if len(rows) > PER_PAGE else None


def unread(boards: Select[int], person: object) -> Select[int]:
    """The statement that gives a row for each of a person's notifications that waits to be read, until MOST_COUNTED."""
    return (
        select(literal(1))
        .select_from(Notification)
        .outerjoin(Ticket, Ticket.id == Notification.ticket_id)
        .where(
            Notification.person_id == person,
            Notification.read_at.is_(None),
            Notification.shown,
            _seen(boards),
        )
        .limit(MOST_COUNTED)
    )


def _seen(boards: Select[int]) -> ColumnElement[bool]:
    """The condition on notifications: about a ticket on these boards, or about a rule."""
    return or_(Ticket.board_id.in_(boards.order_by(None)), Notification.rule_id.is_not(None))


def unread_count(person: Person, boards: Select[int]) -> int:
    waiting = unread(boards, person.id).subquery()
    return db.session.scalar(select(func.count()).select_from(waiting)) or 0


def wanted_by(people: Sequence[int]) -> dict[int, dict[tuple[str, str], bool]]:
    """Of each of these people, (kind, way) -> whether they want it."""
    found = {person: dict(USUAL) for person in people}
    for choice in db.session.scalars(
        select(NotificationChoice).where(NotificationChoice.person_id.in_(people))
    ):
        if (choice.kind, choice.way) in USUAL:
            found[choice.person_id][choice.kind, choice.way] = choice.wanted
    return found
