"""Taking a change back: by the same verbs, while it is still what the change has made of the ticket.

What is taken back is said by the events that recorded it. A token names them; whoever may change the ticket may use it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import ColumnElement, and_, false, or_, select

from app.config import settings
from app.database import db, locked, written
from app.desk import access, merges, moods, removals, snoozes, tickets, transfers, unmerges
from app.desk.events import KINDS
from app.desk.history import Line
from app.desk.links import Both
from app.desk.refused import Refused
from app.desk.unmerges import whole
from app.models.board import Board
from app.models.desk import STREAM
from app.models.event import By, Event
from app.models.person import Person
from app.models.ticket import PRIORITY_NAMES, Ticket
from app.words import N_

GOOD_FOR = timedelta(minutes=10)

Stretch = tuple[int, int, int]  # a board's id, and the first and last number of its events
Back = Callable[[Board, Ticket, Event, By, datetime], None]


def token(stretches: Iterable[Stretch]) -> str:
    """The reference to what these events did."""
    return _signer().dumps([list(stretch) for stretch in stretches])


def read(text: str) -> list[Stretch]:
    """What token() wrote. Refused with 404 for anything else."""
    try:
        found = _signer().loads(text)
        return [(int(stream), int(first), int(last)) for stream, first, last in found]
    except (BadData, ValueError, TypeError):
        raise access.not_found() from None


def stretches(events: Iterable[Event]) -> list[Stretch]:
    """Where these events stand, with as few stretches as may be."""
    found: list[Stretch] = []
    for stream, seq in sorted((event.stream, event.seq) for event in events):
        if found and found[-1][0] == stream and found[-1][2] == seq - 1:
            found[-1] = (stream, found[-1][1], seq)
        else:
            found.append((stream, seq, seq))
    return found


def just_done() -> list[Stretch]:
    """What the last transaction has changed on tickets and can be taken back, for token(). Empty when people did more in it
    than that: an answer with half of it undone would be neither."""
    by_people = [event for event in written() if event.by_kind == "person" and event.stream != STREAM]
    done = all(KINDS[event.kind].undo for event in whole(by_people))
    return stretches(by_people) if done else []


def is_whole(found: Sequence[Stretch]) -> bool:
    """Whether all that people did to tickets in these stretches can be taken back; see just_done()."""
    by_people = select(Event).where(_in(found), Event.by_kind == "person")
    return bool(found) and all(KINDS[event.kind].undo for event in whole(db.session.scalars(by_people).all()))


def events_of(found: Sequence[Stretch], now: datetime) -> dict[int, list[Event]]:
    """ticket -> the events to take back, newest first. Refused when they are too old."""
    rows = db.session.scalars(
        select(Event)
        .where(
            _in(found),
            Event.subject_kind == "ticket",
            Event.by_kind == "person",
            Event.kind.in_([kind for kind in KINDS if KINDS[kind].undo]),
        )
        .order_by(Event.id.desc())
    ).all()
    if any(event.at < now - GOOD_FOR for event in rows):
        raise Refused(N_("This was done more than ten minutes ago. Change it by hand."), status=409)
    of: dict[int, list[Event]] = {}
    for event in whole(rows):
        db.session.expunge(event)  # read once, whatever transactions follow
        of.setdefault(event.subject_id, []).append(event)
    return of


def beside(of: Mapping[int, Sequence[Event]]) -> set[int]:
    """The tickets that change with those of events_of() when these are taken back."""
    numbers = (unmerges.other_of(event) for events in of.values() for event in events)
    return {number for number in numbers if number is not None}


def boards_beside(of: Mapping[int, Sequence[Event]]) -> set[int]:
    """The boards that tickets go back to when the events of events_of() are taken back."""
    return transfers.boards_of(event for events in of.values() for event in events)


def offers(lines: Iterable[Line], now: datetime) -> dict[tuple[int, int], str]:
    """(line, place of the sentence) -> the token that takes back what it tells, where that is what people did in the last
    minutes and nothing has touched it since."""
    found: dict[tuple[int, int], str] = {}
    touched: set[str] = set()
    for line in reversed(list(lines)):
        for place, events in reversed(list(enumerate(line.events))):
            fields = {field for event in events for field in _fields(event)}
            ours = all(KINDS[event.kind].undo and event.by_kind == "person" for event in events)
            if ours and not fields & touched and events[0].at >= now - GOOD_FOR:
                found[line.id, place] = token(stretches(events))
            touched |= fields
    return found


def take_back(board: Board, ticket: Ticket, events: Iterable[Event], *, by: By, now: datetime) -> None:
    """Undoes what these events, newest first, did to a ticket. Refused with 409 when something else has changed it since;
    some may be undone then, so the caller goes back to where it began."""
    for event in events:
        if ticket.deleted_at is not None and event.kind != "ticket.deleted":
            raise access.not_found()
        here = locked(Board, ticket.board_id) if ticket.board_id is not None else None
        try:
            BACK[event.kind](here or board, ticket, event, by, now)
        except Refused as refused:
            raise _already(ticket, event) or refused from None


def _move(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    old, new = event.changes["column"]
    tickets.move(board, ticket, to=old, expected=new, by=by, now=now, undoes=event)


def _transfer(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    transfers.put_back(board, ticket, event, by=by, now=now)


def _assign(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    old, new = event.changes["assignee"]
    tickets.assign(board, ticket, old, expected=new, by=by, now=now, undoes=event)


def _give_to_team(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    old, new = event.changes["team"]
    tickets.give_to_team(board, ticket, old, expected=new, by=by, now=now, undoes=event)


def _prioritise(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    old, new = map(PRIORITY_NAMES.index, event.changes["priority"])
    tickets.prioritise(board, ticket, old, expected=new, by=by, now=now, undoes=event)


def _set_language(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    old, new = event.changes["language"]
    tickets.set_language(board, ticket, old, expected=new, by=by, now=now, undoes=event)


def _set_mood(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    moods.put_back(board, ticket, event, by=by, now=now)


def _untag(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    tickets.remove_tag(board, ticket, event.changes["tag"][1], by=by, now=now, undoes=event)


def _tag(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    name = event.changes["tag"][0]
    if any(tag.name == name for tag in ticket.tags):
        raise Refused(N_("The tag %(name)s is on this ticket again."), status=409, name=name)
    tickets.add_tag(board, ticket, name, by=by, now=now, undoes=event)


def _snooze(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    snoozes.put_back(board, ticket, by=by, now=now, undoes=event)


def _restore(board: Board, ticket: Ticket, event: Event, by: By, now: datetime) -> None:
    removals.restore(board, ticket, by=by, now=now, undoes=event)


def _merge(into_board: Board, into: Ticket, event: Event, by: By, now: datetime) -> None:
    number = unmerges.other_of(event)
    ticket = db.session.get(Ticket, number)
    board = locked(Board, ticket.board_id) if ticket is not None else None
    if ticket is None or board is None:
        raise Refused(N_("There is no ticket #%(number)s, or it is not for you."), status=409, number=number)
    both = Both(board, ticket, into_board, into)
    if event.changes["other"][1] is None:  # it was taken back: they are merged again
        merges.merge(both, despite_customer=True, by=by, now=now, undoes=event)
        return

    def rest(both: Both, events: Sequence[Event]) -> None:
        of = {both.ticket.id: (both.board, both.ticket), both.other.id: (both.other_board, both.other)}
        for each in events:
            BACK[each.kind](*of[each.subject_id], each, by, now)

    unmerges.unmerge(both, event, rest, by=by, now=now)


# How each kind of change that KINDS says can be undone is taken back.
BACK: dict[str, Back] = {
    "ticket.moved": _move,
    "ticket.transferred": _transfer,
    "ticket.assigned": _assign,
    "ticket.teamed": _give_to_team,
    "ticket.prioritised": _prioritise,
    "ticket.language": _set_language,
    "ticket.mood": _set_mood,
    "ticket.tagged": _untag,
    "ticket.untagged": _tag,
    "ticket.snoozed": _snooze,
    "ticket.unsnoozed": _snooze,
    "ticket.deleted": _restore,
    "ticket.absorbed": _merge,
}


def _already(ticket: Ticket, event: Event) -> Refused | None:
    """The words for who asks twice."""
    since = db.session.scalars(
        select(Event)
        .where(Event.subject_kind == "ticket", Event.subject_id == ticket.id, Event.id > event.id)
        .order_by(Event.id.desc())
    )
    undone = next((later for later in since if later.changes.get("undoes") == event.id), None)
    if undone is None:
        return None
    person = db.session.get(Person, undone.by_id) if undone.by_id else None
    return Refused(N_("%(name)s has undone this already."), status=409, name=person.name if person else "?")


def _fields(event: Event) -> set[str]:
    return changed(event.changes)


def changed(changes: Mapping[str, Any]) -> set[str]:
    """What of the ticket an event has changed; of tags and merged tickets, which."""
    changed = {name for name, value in changes.items() if isinstance(value, list)}
    several = next(iter(changed & {"tag", "other"}), None)
    return {f"{several} {one}" for one in changes[several] if one} if several else changed


def _in(found: Sequence[Stretch]) -> ColumnElement[bool]:
    each = [and_(Event.stream == stream, Event.seq.between(first, last)) for stream, first, last in found]
    return or_(false(), *each)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(
        settings().secret_key, salt="undo", signer_kwargs={"digest_method": hashlib.sha256}
    )
