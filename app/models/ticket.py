"""One customer's matter, numbered by its id."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.database import Base
from app.models.board import CLOSED, Column
from app.models.channel import Channel
from app.models.customer import Customer
from app.models.person import Person
from app.models.team import Team
from app.words import N_
from rules.vocabulary import MOODS

LOW, NORMAL, HIGH, URGENT = range(4)
PRIORITIES = {LOW: N_("Low"), NORMAL: N_("Normal"), HIGH: N_("High"), URGENT: N_("Urgent")}
PRIORITY_NAMES = ("low", "normal", "high", "urgent")  # as written in queries and policies
RANK_STEP = 2**20  # between two tickets that nobody has put between others
RANKS = 2**62  # no rank is so high or, below zero, so low
# What a priority weighs in the order "angry and urgent first", and an angry customer: a little more than one priority.
HEAT, ANGER = 2, 3
ANGRY = MOODS["angry"][1]  # the mood of who is clearly angry, or less
MOOD_WORDS = {
    "angry": N_("angry"),
    "unhappy": N_("unhappy"),
    "neutral": N_("neutral"),
    "pleased": N_("pleased"),
    "unknown": N_("unknown"),
}
_UNRESOLVED = text("closed_at IS NULL")
_FAR = 9_999_999_999_999  # milliseconds; later than any deadline


class Ticket(Base):
    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_column", "column_id", "sort_key", "id"),
        Index("ix_tickets_wake", "wake_at", "id"),
        *(
            Index(
                f"ix_tickets_of_{field.removesuffix('_id')}",
                "board_id",
                field,
                "sort_key",
                "id",
                sqlite_where=_UNRESOLVED,
                postgresql_where=_UNRESOLVED,
            )
            for field in ("assignee_id", "priority", "channel_id", "language")
        ),
        Index("ix_tickets_customer", "customer_id", "id"),
        Index("ix_tickets_updated", "updated_at", "id"),
        Index("ix_tickets_created", "created_at", "id"),
        Index("ix_tickets_sort", "sort_key", "id"),
        Index("ix_tickets_priority", "priority", "id"),
        Index("ix_tickets_heat", "heat", "id"),
        Index("ix_tickets_column_rank", "column_id", "rank", "id"),
        Index("ix_tickets_column_heat", "column_id", "heat", "sort_key", "id"),
        Index("ix_tickets_column_waiting", "column_id", "waiting_since", "id"),
        Index("ix_tickets_column_created", "column_id", "created_at", "id"),
        Index("ix_tickets_column_updated", "column_id", "updated_at", "id"),
        CheckConstraint("priority BETWEEN 0 AND 3", name="priority"),
        CheckConstraint("mood BETWEEN -100 AND 100", name="mood"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # NULL in both while it is deleted: what is on no board is seen by nobody, see desk/removals.py.
    board_id: Mapped[int] = mapped_column(ForeignKey("boards.id"), nullable=True)
    column_id: Mapped[int] = mapped_column(ForeignKey("columns.id"), nullable=True)
    state: Mapped[str]  # of its column
    state_since: Mapped[datetime]
    subject: Mapped[str]
    subject_search: Mapped[str]  # rules.query.fold(subject)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id"))
    language: Mapped[str | None]
    language_confidence: Mapped[int] = mapped_column(default=0)  # 0..100
    priority: Mapped[int] = mapped_column(default=NORMAL)
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    automatic: Mapped[bool] = mapped_column(default=False)  # opened by automatic mail: no deadlines, no pages
    linked_id: Mapped[int | None] = mapped_column(
        ForeignKey("tickets.id"), index=True
    )  # the earlier ticket it continues

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]  # last message or person's change, never a rule's
    closed_at: Mapped[datetime | None]  # since when resolved or archived
    waiting_since: Mapped[datetime | None]  # the customer's first unanswered message
    first_answered_at: Mapped[datetime | None]
    last_message_at: Mapped[datetime]
    last_speaker: Mapped[str]  # customer or us
    message_count: Mapped[int] = mapped_column(default=0)
    unread: Mapped[bool] = mapped_column(
        default=True
    )  # the customer's last message has been opened by nobody

    column_set_at: Mapped[datetime | None]  # when a person last set this field: rules wait 60 s
    assignee_set_at: Mapped[datetime | None]
    priority_set_at: Mapped[datetime | None]

    next_deadline_at: Mapped[datetime | None]  # None while nothing runs
    next_deadline_kind: Mapped[str | None]
    next_deadline_for: Mapped[int | None]  # seconds of the whole target, to say when a quarter is left
    paused: Mapped[bool] = mapped_column(default=False)  # a deadline waits while the customer is asked
    sort_key: Mapped[str]  # of the default order, see order()
    wake_at: Mapped[datetime | None]  # when the sweep looks again
    version: Mapped[int] = mapped_column(default=1)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    customer_wrote_at: Mapped[datetime | None]  # the customer's newest message, automatic ones left out
    reopened: Mapped[int] = mapped_column(default=0)  # how often it left the closed states
    snoozed_until: Mapped[datetime | None]  # put off until then; never of one that is closed
    rank: Mapped[int] = mapped_column(BigInteger, default=0)  # its place in its column, where people put it
    merged_into_id: Mapped[int | None] = mapped_column(
        ForeignKey("tickets.id"), index=True
    )  # where it goes on
    deleted_at: Mapped[datetime | None]
    deleted_from_id: Mapped[int | None] = mapped_column(ForeignKey("boards.id"), index=True)
    mood: Mapped[int | None]  # -100..100 of what the customer wrote last, None while unknown
    mood_by_hand: Mapped[bool] = mapped_column(
        default=False
    )  # a person has said so: nothing found changes it
    heat: Mapped[int] = mapped_column(default=HEAT * NORMAL)  # priority and anger as one number

    column: Mapped[Column] = relationship()
    customer: Mapped[Customer] = relationship()
    channel: Mapped[Channel] = relationship()
    assignee: Mapped[Person | None] = relationship()
    team: Mapped[Team | None] = relationship()
    tags: Mapped[list["Tag"]] = relationship(secondary="ticket_tags", order_by="Tag.name")

    @property
    def angry(self) -> bool:
        """Clearly so; see rules.vocabulary.MOODS."""
        return self.mood is not None and self.mood <= ANGRY

    @validates("priority", "mood")
    def _keep_heat(self, name: str, value: int | None) -> int | None:
        now = {"priority": self.priority, "mood": self.mood, name: value}
        priority, mood = now["priority"], now["mood"]
        self.heat = heat(NORMAL if priority is None else priority, mood is not None and mood <= ANGRY)
        return value

    def order(self) -> str:
        """The stored key of the default order: next deadline, then priority, then mood, an unknown one in the middle, then
        waiting longest; newest closed first.

        Digits of fixed width, so that SQLite, PostgreSQL and the browser sort it alike.
        """
        if self.state in CLOSED and self.closed_at:
            return f"{_FAR - _ms(self.closed_at):013d}{0:017d}"
        deadline = _ms(self.next_deadline_at) if self.next_deadline_at else _FAR
        mood = 100 + (self.mood or 0)
        return f"{deadline:013d}{URGENT - self.priority}{mood:03d}{_ms(self.waiting_since or self.state_since):013d}"


def mood_word(score: int | None) -> str:
    """What a mood is called."""
    if score is None:
        return MOOD_WORDS["unknown"]
    return next(MOOD_WORDS[name] for name, (least, most) in MOODS.items() if least <= score <= most)


def heat(priority: int, angry: bool) -> int:
    """Another number for each two of these."""
    return HEAT * priority + ANGER * angry


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)  # folded


class TicketTag(Base):
    __tablename__ = "ticket_tags"
    __table_args__ = (Index("ix_ticket_tags_tag", "tag_id", "ticket_id"),)

    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"), primary_key=True)


def late_key(now: datetime) -> str:
    """What the order() of a ticket is less than while its deadline has passed, to the millisecond: it begins with that."""
    return f"{_ms(now) + 1:013d}"


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
