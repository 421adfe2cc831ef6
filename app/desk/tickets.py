"""What is done with a ticket. Every verb works under the lock of the ticket's board and records one event."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, insert, select, update

from app.database import db, insert_new
from app.desk import intervals, notifications, ranks, search
from app.desk.events import record
from app.desk.refused import Refused
from app.mail.headers import as_name, one_line
from app.models.board import CLOSED, Board, Column
from app.models.channel import Channel
from app.models.customer import Customer
from app.models.event import By, Event
from app.models.person import Person
from app.models.team import Team
from app.models.ticket import PRIORITIES, PRIORITY_NAMES, Tag, Ticket, TicketTag
from app.words import N_
from rules.query import fold

MOST_TAGS = 30
LONGEST_TAG = 40
LONGEST_SUBJECT = 500
# What goes with the state of a ticket, and comes back with it when a move is undone.
OF_STATE = ("state_since", "closed_at", "reopened")


def open_ticket(
    board: Board,
    *,
    channel: Channel,
    customer: Customer,
    subject: str,
    by: By,
    now: datetime,
    priority: int = 1,
    language: str | None = None,
    confidence: int = 0,
    automatic: bool = False,
    linked_id: int | None = None,
) -> Ticket:
    """Opens a ticket in the board's default column for new tickets; its first message is added by desk.messages."""
    if priority not in PRIORITIES:
        raise Refused(N_("That is not a priority."), field="priority")
    column = board.column_for("new")
    subject = one_line(subject)[:LONGEST_SUBJECT]
    ticket = Ticket(
        board_id=board.id,
        column_id=column.id,
        state=column.state,
        state_since=now,
        subject=subject,
        subject_search=fold(subject),
        customer_id=customer.id,
        channel_id=channel.id,
        language=language,
        language_confidence=confidence,
        priority=priority,
        automatic=automatic,
        linked_id=linked_id,
        created_at=now,
        updated_at=now,
        last_message_at=now,
        last_speaker="customer",
        wake_at=now,
        sort_key="",
        rank=ranks.at_end(column.id),
    )
    ticket.sort_key = ticket.order()
    db.session.add(ticket)
    db.session.flush()
    intervals.begin(ticket, now)
    search.index_ticket(ticket, new=True)
    record(
        board,
        "ticket.opened",
        ("ticket", ticket.id),
        by=by,
        now=now,
        column=[None, column.id],
        state=[None, column.state],
    )
    return ticket


def move(
    board: Board,
    ticket: Ticket,
    *,
    to: int,
    expected: int | None = None,
    place: ranks.Place | None = None,
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    """Puts a ticket into another column, or to another `place` in its own. Refused with 409 when it is no longer in the
    `expected` one.

    Here and below: `undoes` is the event whose change this takes back, see desk.undo.
    """
    if ticket.merged_into_id is not None and by.kind == "person":
        raise merged(ticket)
    column = db.session.get(Column, to)
    if column is None or column.board_id != board.id:
        raise Refused(N_("That column is not on this board any more. Reload the board to see its columns."))
    old = ticket.column_id
    if expected is not None and old != expected:
        raise changed_meanwhile(ticket, "ticket.moved", now)
    if old == to and place is None:
        return ticket
    rank = ranks.at(to, place or ranks.BOTTOM, ticket.id)
    room = {"renumbered": rank.others} if rank.others else {}
    before: dict[str, Any] = {"rank": ticket.rank}
    ticket.rank = rank.value
    if old == to:
        ticket.version += 1
        record(board, "ticket.ranked", ("ticket", ticket.id), by=by, now=now, column=[old, to], **room)
        return ticket
    old_state = ticket.state
    ticket.column_id = to
    ticket.column = column
    became: dict[str, tuple[object, object]] = {"column": (old, to)}
    if column.state != old_state:
        kept = OF_STATE if column.state not in CLOSED else (*OF_STATE, "snoozed_until")
        before |= _as_json({name: getattr(ticket, name) for name in kept})
        became["state"] = (old_state, column.state)
        ticket.reopened += old_state in CLOSED and column.state not in CLOSED
        ticket.state, ticket.state_since = column.state, now
        ticket.closed_at = (ticket.closed_at or now) if column.state in CLOSED else None
        if column.state in CLOSED:
            ticket.snoozed_until = None  # there is nothing left to put off
    if intervals.change(ticket, became, now, undoes=undoes) and undoes is not None:
        for name, value in undoes.changes.get("before", {}).items():
            setattr(ticket, name, datetime.fromisoformat(value) if isinstance(value, str) else value)
    if by.kind == "person":
        ticket.column_set_at = now
    changed(
        board,
        ticket,
        "ticket.moved",
        by=by,
        now=now,
        undoes=undoes,
        column=[old, to],
        state=[old_state, column.state],
        before=before,
        **room,
    )
    return ticket


def assign(
    board: Board,
    ticket: Ticket,
    person_id: int | None,
    *,
    expected: int | str | None = "any",
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    """Gives a ticket to a person or, with None, to nobody. Refused with 409 when somebody else has it meanwhile."""
    if expected != "any" and ticket.assignee_id != expected:
        raise changed_meanwhile(ticket, "ticket.assigned", now)
    if ticket.assignee_id == person_id:
        return ticket
    if person_id is not None:
        person = db.session.get(Person, person_id)
        if person is None or not person.works_here(now):
            raise Refused(N_("That person does not work here any more."), field="assignee")
    old = ticket.assignee_id
    ticket.assignee_id = person_id
    if by.kind == "person":
        ticket.assignee_set_at = now
    db.session.flush()
    db.session.expire(ticket, ["assignee"])
    intervals.change(ticket, {"assignee": (old, person_id)}, now, undoes=undoes)
    changed(board, ticket, "ticket.assigned", by=by, now=now, undoes=undoes, assignee=[old, person_id])
    notifications.assigned(ticket, old, by=by, now=now, undone=undoes is not None)
    return ticket


def give_to_team(
    board: Board,
    ticket: Ticket,
    team_id: int | None,
    *,
    expected: int | str | None = "any",
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    """Gives a ticket to a team or, with None, to none. Refused with 409 when another one has it meanwhile."""
    if expected != "any" and ticket.team_id != expected:
        raise changed_meanwhile(ticket, "ticket.teamed", now)
    if ticket.team_id == team_id:
        return ticket
    if team_id is not None and db.session.get(Team, team_id) is None:
        raise Refused(N_("That team is not there any more."), field="team")
    old = ticket.team_id
    ticket.team_id = team_id
    db.session.flush()
    db.session.expire(ticket, ["team"])
    intervals.change(ticket, {"team": (old, team_id)}, now, undoes=undoes)
    changed(board, ticket, "ticket.teamed", by=by, now=now, undoes=undoes, team=[old, team_id])
    return ticket


def prioritise(
    board: Board,
    ticket: Ticket,
    priority: int,
    *,
    expected: int | None = None,
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    """Sets the priority, one of models.ticket.PRIORITIES. Refused with 409 when it is no longer the `expected` one."""
    if expected is not None and ticket.priority != expected:
        raise changed_meanwhile(ticket, "ticket.prioritised", now)
    if priority not in PRIORITIES:
        raise Refused(N_("That is not a priority."), field="priority")
    if ticket.priority == priority:
        return ticket
    old = ticket.priority
    ticket.priority = priority
    intervals.change(ticket, {"priority": (old, priority)}, now, undoes=undoes)
    if by.kind == "person":
        ticket.priority_set_at = now
    changed(
        board,
        ticket,
        "ticket.prioritised",
        by=by,
        now=now,
        undoes=undoes,
        priority=[PRIORITY_NAMES[old], PRIORITY_NAMES[priority]],
    )
    return ticket


def set_language(
    board: Board,
    ticket: Ticket,
    language: str | None,
    *,
    expected: str | None = "any",
    confidence: int = 100,
    by: By,
    now: datetime,
    undoes: Event | None = None,
) -> Ticket:
    """Corrects the language of a ticket; None is unknown. What a person says is remembered for the customer. Refused with
    409 when it is no longer the `expected` one."""
    if expected != "any" and ticket.language != expected:
        raise changed_meanwhile(ticket, "ticket.language", now)
    if ticket.language == language:
        return ticket
    old, was = ticket.language, ticket.language_confidence
    ticket.language, ticket.language_confidence = language, confidence if language else 0
    if intervals.change(ticket, {"language": (old, language)}, now, undoes=undoes) and undoes is not None:
        ticket.language_confidence = undoes.changes.get("confidence", ticket.language_confidence)
    changed(
        board,
        ticket,
        "ticket.language",
        by=by,
        now=now,
        undoes=undoes,
        language=[old, language],
        confidence=was,
        **_remember_language(ticket, language, by, undoes),
    )
    return ticket


def add_tag(
    board: Board, ticket: Ticket, name: str, *, by: By, now: datetime, undoes: Event | None = None
) -> Ticket:
    """Adds a tag, which is made when it is new. Tags are compared case-folded."""
    tag = tag_named(name)
    if any(had.id == tag.id for had in ticket.tags):
        return ticket
    if len(ticket.tags) >= MOST_TAGS:
        raise Refused(N_("A ticket has at most %(most)s tags."), field="tag", most=MOST_TAGS)
    db.session.execute(insert(TicketTag).values(ticket_id=ticket.id, tag_id=tag.id))
    db.session.expire(ticket, ["tags"])
    intervals.change(ticket, {"tag": (None, tag.id)}, now, undoes=undoes)
    changed(board, ticket, "ticket.tagged", by=by, now=now, undoes=undoes, tag=[None, tag.name])
    return ticket


def remove_tag(
    board: Board, ticket: Ticket, name: str, *, by: By, now: datetime, undoes: Event | None = None
) -> Ticket:
    """Removes a tag; refused with 409 when somebody has removed it already."""
    tag = next((tag for tag in ticket.tags if tag.name == tag_name(name)), None)
    if tag is None:
        raise Refused(N_("The tag %(name)s is not on this ticket any more."), status=409, name=name)
    db.session.execute(delete(TicketTag).where(TicketTag.ticket_id == ticket.id, TicketTag.tag_id == tag.id))
    db.session.expire(ticket, ["tags"])
    intervals.change(ticket, {"tag": (tag.id, None)}, now, undoes=undoes)
    changed(board, ticket, "ticket.untagged", by=by, now=now, undoes=undoes, tag=[tag.name, None])
    return ticket


def read(board: Board, ticket: Ticket, *, by: By, now: datetime) -> None:
    """Somebody has opened the customer's last message: the unread dot goes."""
    if ticket.unread:
        ticket.unread = False
        ticket.version += 1
        ticket.wake_at = now  # rules may ask whether it has been read
        record(board, "ticket.read", ("ticket", ticket.id), by=by, now=now)


def touch(which: ColumnElement[bool], now: datetime, *, wake: bool = True) -> None:
    """Cards of these tickets are drawn anew: something that they show has changed. `wake`: rules look again at those that
    are not closed. Under the locks of their boards."""
    values: dict[str, Any] = {"version": Ticket.version + 1}
    if wake:
        values["wake_at"] = case((Ticket.closed_at.is_(None), now), else_=Ticket.wake_at)
    db.session.execute(
        update(Ticket).where(which).values(**values).execution_options(synchronize_session=False)
    )


def changed(
    board: Board,
    ticket: Ticket,
    kind: str,
    /,
    *,
    by: By,
    now: datetime,
    undoes: Event | None = None,
    **changes: Any,
) -> Event:
    """Records a change of a ticket, keeps its order key, and wakes the sweep for it."""
    if undoes is not None:
        changes["undoes"] = undoes.id
        if "undoes" in undoes.changes and not undoes.changes.get("again"):
            changes["again"] = True
    ticket.version += 1
    ticket.wake_at = now
    if by.kind in ("person", "customer"):
        ticket.updated_at = now
    ticket.sort_key = ticket.order()
    return record(board, kind, ("ticket", ticket.id), by=by, now=now, **changes)


def merged(ticket: Ticket) -> Refused:
    """Why nothing is done with a ticket that goes on in another."""
    number = ticket.merged_into_id
    return Refused(N_("This ticket was merged into #%(number)s. Go on there."), status=409, number=number)


def tag_named(name: str) -> Tag:
    """The tag of that name, made when it is new; under any lock, since the name is unique."""
    folded = tag_name(name)
    tag = db.session.scalars(select(Tag).where(Tag.name == folded)).one_or_none()
    if tag is None:
        db.session.execute(insert_new(Tag).values(name=folded).on_conflict_do_nothing())
        tag = db.session.scalars(select(Tag).where(Tag.name == folded)).one()
    return tag


def tag_name(name: str) -> str:
    """How a tag of that name is stored. Refused when none can be called so."""
    folded = fold(as_name(name))
    if not folded or len(folded) > LONGEST_TAG or "," in folded or '"' in folded:
        raise Refused(
            N_("A tag has 1 to %(most)s characters, without commas and quotes."),
            field="tag",
            most=LONGEST_TAG,
        )
    return folded


def _remember_language(
    ticket: Ticket, language: str | None, by: By, undoes: Event | None
) -> dict[str, dict[str, Any]]:
    """The customer speaks what a person says that they do; undone, they speak again what they did, if that still stands.
    What it was is kept for undoing."""
    customer = ticket.customer
    was = {"language": customer.language, "by_hand": customer.language_by_hand}
    if undoes is not None:
        back = undoes.changes.get("remembered")
        if back is None or customer.language != undoes.changes["language"][1]:
            return {}
        customer.language, customer.language_by_hand = back["language"], back["by_hand"]
    elif by.kind == "person" and language is not None:
        customer.language, customer.language_by_hand = language, True
    else:
        return {}
    return {"remembered": was}


# What a conflict says: with who it was, and without. Only of a move it says what it is now.
_FASTER = {
    "ticket.moved": (
        N_("%(name)s has moved this to %(column)s meanwhile."),
        N_("This has moved to %(column)s meanwhile."),
    ),
    "ticket.transferred": (
        N_("%(name)s has moved this to another board meanwhile."),
        N_("This has moved to another board meanwhile."),
    ),
    "ticket.assigned": (
        N_("%(name)s has changed who has this meanwhile."),
        N_("Who has this ticket has changed meanwhile."),
    ),
    "ticket.teamed": (
        N_("%(name)s has changed the team of this ticket meanwhile."),
        N_("The team of this ticket has changed meanwhile."),
    ),
    "ticket.prioritised": (
        N_("%(name)s has changed the priority of this ticket meanwhile."),
        N_("The priority of this ticket has changed meanwhile."),
    ),
    "ticket.language": (
        N_("%(name)s has changed the language of this ticket meanwhile."),
        N_("The language of this ticket has changed meanwhile."),
    ),
    "ticket.mood": (
        N_("%(name)s has changed the mood of this ticket meanwhile."),
        N_("The mood of this ticket has changed meanwhile."),
    ),
}


def changed_meanwhile(ticket: Ticket, kind: str, now: datetime) -> Refused:
    """Why what such an event changes is not changed: it is not what it was any more."""
    return Refused(**_who_was_faster(ticket, kind, now), status=409)


def _who_was_faster(ticket: Ticket, kind: str, now: datetime) -> dict[str, Any]:
    """The words of a conflict: who changed it last, and to what."""
    event = db.session.scalars(
        select(Event)
        .where(Event.subject_kind == "ticket", Event.subject_id == ticket.id, Event.kind == kind)
        .order_by(Event.id.desc())
        .limit(1)
    ).one_or_none()
    person = (
        db.session.get(Person, event.by_id) if event and event.by_kind == "person" and event.by_id else None
    )
    named, unnamed = _FASTER[kind]
    words: dict[str, Any] = {"text": named, "name": person.name} if person else {"text": unnamed}
    if kind == "ticket.moved":
        column = db.session.get(Column, ticket.column_id)
        words["column"] = column.name if column else ""
        if person and event:
            words |= _when(now - event.at)
    return words


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def _when(ago: timedelta) -> dict[str, Any]:
    """How to say that somebody has moved it, so long ago."""
    seconds = max(1, int(ago.total_seconds()))
    if seconds < 60:
        return {"text": N_("%(name)s moved this to %(column)s %(n)s s ago."), "n": seconds}
    if seconds < 3600:
        return {"text": N_("%(name)s moved this to %(column)s %(n)s min ago."), "n": seconds // 60}
    return {"text": N_("%(name)s has moved this to %(column)s meanwhile.")}
