"""Taking a merge back: all of it, while nothing that came since contradicts.

The event of the ticket that went on holds what the merge has moved ("back"), and where the events stand that it has
recorded beside ("parts"): those are never taken back alone.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, false, or_, select

from app.database import db
from app.desk import merges, messages, tickets
from app.desk.links import Both
from app.desk.refused import Refused
from app.models.event import By, Event
from app.models.follower import TicketFollower
from app.models.message import Message
from app.words import N_

# What makes one conversation of two.
GOES_ON = (
    "message.received",
    "message.replied",
    "message.withdrawn",
    "message.noted",
    "message.forwarded",
    "ticket.scheduled",
    "ticket.unscheduled",
    "ticket.split",
    "ticket.split-off",
    "ticket.merged",
    "ticket.absorbed",
    "ticket.deleted",
)


def unmerge(
    both: Both, event: Event, rest: Callable[[Both, Sequence[Event]], None], *, by: By, now: datetime
) -> None:
    """`both.ticket` is again what it was before `event` made it a part of `both.other`. `rest` takes back the tags and the
    moves that came with it, newest first. Refused with 409 when somebody has changed any of it, or written, since; some
    may be done then, so the caller goes back to where it began."""
    board, ticket, into_board, into = both
    back = event.changes.get("back")
    if back is None or ticket.merged_into_id != into.id:
        raise Refused(N_("#%(number)s is no part of this ticket any more."), status=409, number=ticket.id)
    beside = _parts_of(event)
    _refuse_if_it_went_on(both, event, {one.id for one in beside})
    before = {one.id: one.seq for one in (board, into_board)}
    unread = into.unread
    ticket.merged_into_id = None
    merges.hand_over(back["messages"], ticket, board)
    db.session.execute(
        delete(TicketFollower).where(
            TicketFollower.ticket_id == into.id,
            TicketFollower.person_id.in_(back["followers"]),
            TicketFollower.at == event.at,  # who has stopped since and begun again means it
        )
    )
    for one in (ticket, into):
        messages.recount(one, now)
    ticket.unread, into.unread = (unread and was for was in back["unread"])
    _let_leave(back["held"], now)
    messages.resume_automatic(board, ticket, event.at, now)
    rest(both, [one for one in reversed(beside) if one.kind in ("ticket.moved", "ticket.tagged")])
    merged = next(one for one in beside if one.kind == "ticket.merged")
    count = len(back["messages"])
    undone = tickets.changed(
        into_board, into, event.kind, by=by, now=now, undoes=event, other=[ticket.id, None], messages=count
    )
    tickets.changed(
        board, ticket, merged.kind, by=by, now=now, undoes=merged, other=[into.id, None], messages=count
    )
    undone.changes = {**undone.changes, "back": {"parts": merges.parts(undone, both, before)}}


def whole(events: Iterable[Event]) -> list[Event]:
    """These events without those that another of them brings with it when it is taken back."""
    found = list(events)
    beside = [stretch for event in found for stretch in _stretches(event)]
    return [
        event
        for event in found
        if not any(event.stream == stream and first <= event.seq <= last for stream, first, last in beside)
    ]


def _stretches(event: Event) -> list[list[int]]:
    found: list[list[int]] = event.changes.get("back", {}).get("parts", [])
    return found


def _parts_of(event: Event) -> Sequence[Event]:
    """The events that were recorded with this one, oldest first."""
    which: list[ColumnElement[bool]] = [
        and_(Event.stream == stream, Event.seq.between(first, last))
        for stream, first, last in _stretches(event)
    ]
    return db.session.scalars(select(Event).where(or_(false(), *which)).order_by(Event.id)).all()


def _refuse_if_it_went_on(both: Both, event: Event, beside: set[int]) -> None:
    """What was undone since does not count, and neither does the undoing."""
    since = db.session.scalars(
        select(Event)
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id.in_((both.ticket.id, both.other.id)),
            Event.kind.in_(GOES_ON),
            Event.id > event.id,
        )
        .order_by(Event.id)
    ).all()
    undone = {one.changes.get("undoes") for one in since}
    for one in since:
        undoing = "undoes" in one.changes and not one.changes.get("again")
        if one.id not in beside and one.id not in undone and not undoing:
            raise Refused(
                N_("The conversation of #%(number)s has gone on since it was merged. Split it by hand."),
                status=409,
                number=both.other.id,
            )


def _let_leave(held: Iterable[tuple[int, str]], now: datetime) -> None:
    """Answers that the merge has held back leave as they were to, if a little later."""
    for message_id, at in held:
        message = db.session.get(Message, message_id)
        if message is not None and message.kind == "later" and message.withdrawn_at is None:
            message.leaves_at = max(datetime.fromisoformat(at), now + messages.RESUME_FOR)


def other_of(event: Event) -> int | None:
    """The ticket that a merge, or the undo of one, is about beside its own."""
    pair: list[Any] = event.changes.get("other") or [None, None]
    return pair[0] or pair[1] if event.kind == "ticket.absorbed" else None
