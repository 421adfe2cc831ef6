"""How customers feel: found in what they write as it arrives, and corrected by people."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.database import db
from app.desk import intervals, tickets
from app.desk.refused import Refused
from app.mail import mood
from app.mail.mood import NOTHING, Heard, Mood
from app.models.board import CLOSED, Board
from app.models.event import By, Event
from app.models.message import Message
from app.models.mood_list import words_of
from app.models.ticket import Ticket
from app.words import N_

# Who writes again within that time goes on with what they have begun to say.
SAME_BREATH = timedelta(hours=1)
FOUND = "found"  # whatever is found in the messages
CHOICES: dict[str, int | None] = {"angry": -75, "unhappy": -35, "neutral": 0, "pleased": 60, "unknown": None}


def listen(text: str, language: str | None) -> Heard:
    """What a customer's own text says, before any lock is taken. Loads the model of the language."""
    return mood.hear(text, language, words_of(language) if language else ())


def of_message(ticket: Ticket, heard: Heard, now: datetime) -> Mood:
    """The mood of a customer's message that is about to be added to its ticket."""
    if heard == NOTHING:
        return Mood()
    since, unanswered = ticket.waiting_since, 0
    if since is not None and ticket.closed_at is None and now - since >= SAME_BREATH:
        theirs = Message.kind == "customer", Message.automatic.is_(None), Message.at >= since
        before = select(func.count()).select_from(Message).where(Message.ticket_id == ticket.id, *theirs)
        unanswered = (db.session.scalar(before) or 0) + 1
    return mood.judge(heard, unanswered=unanswered, reopened=ticket.state in CLOSED)


def next_mood(until_now: int | None, found: int | None, *, goes_on: bool) -> int | None:
    """The mood of a ticket after a message of the customer's: that of the message. What they have written since our last
    answer is one text, so an unknown one that `goes_on` with it takes nothing back."""
    return until_now if found is None and goes_on else found


def keep(ticket: Ticket, found: int | None, now: datetime) -> None:
    """Sets what is found to be the mood of a ticket, unless a person has said what it is."""
    if not ticket.mood_by_hand and ticket.mood != found:
        old, ticket.mood = ticket.mood, found
        intervals.change(ticket, {"mood": (old, found)}, now)


def set_mood(
    board: Board, ticket: Ticket, choice: str, *, expected: int | str | None = "any", by: By, now: datetime
) -> Ticket:
    """A person says how the customer feels, one of CHOICES, or with FOUND leaves it to the messages again. Refused with 409
    when it is no longer the `expected` one."""
    if choice == FOUND:
        return _put(board, ticket, found_in(ticket), by_hand=False, expected=expected, by=by, now=now)
    if choice not in CHOICES:
        raise Refused(N_("That is not one of the choices."), field="mood")
    return _put(board, ticket, CHOICES[choice], by_hand=True, expected=expected, by=by, now=now)


def put_back(board: Board, ticket: Ticket, event: Event, *, by: By, now: datetime) -> Ticket:
    """What it was before somebody has set it."""
    (old, new), (by_hand, _) = event.changes["mood"], event.changes["by_hand"]
    was = old if by_hand else found_in(ticket)
    return _put(board, ticket, was, by_hand=by_hand, expected=new, by=by, now=now, undoes=event)


def found_in(ticket: Ticket) -> int | None:
    """What the messages of a ticket say."""
    said = db.session.execute(
        select(Message.kind, Message.mood)
        .where(
            Message.ticket_id == ticket.id,
            Message.kind.in_(("customer", "reply")),
            Message.automatic.is_(None),
            Message.withdrawn_at.is_(None),
        )
        .order_by(Message.id)
    ).all()
    found, goes_on = None, False
    for kind, score in said:
        if kind == "customer":
            found = next_mood(found, score, goes_on=goes_on)
        goes_on = kind == "customer"
    return found


def _put(
    board: Board,
    ticket: Ticket,
    score: int | None,
    *,
    by_hand: bool,
    expected: int | str | None,
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    if expected != "any" and ticket.mood != expected:
        raise tickets.changed_meanwhile(ticket, "ticket.mood", now)
    if (ticket.mood, ticket.mood_by_hand) == (score, by_hand):
        return ticket
    changes: dict[str, Any] = {"mood": [ticket.mood, score], "by_hand": [ticket.mood_by_hand, by_hand]}
    old, ticket.mood, ticket.mood_by_hand = ticket.mood, score, by_hand
    if old != score:
        intervals.change(ticket, {"mood": (old, score)}, now, undoes=undoes)
    tickets.changed(board, ticket, "ticket.mood", by=by, now=now, undoes=undoes, **changes)
    return ticket
