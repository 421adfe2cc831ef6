"""Answers that leave at a time their writer has chosen. Until then they are said to nobody: the customer still waits."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.database import db
from app.desk import followers, messages, recipients, tickets
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import By
from app.models.message import Message
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_

LONGEST = timedelta(days=366)


def schedule(
    board: Board,
    ticket: Ticket,
    text: str,
    *,
    at: datetime,
    person: Person,
    seen: int | None,
    to: str = "",
    cc: str = "",
    then: str = "wait",
    files: Sequence[messages.File] = (),
    now: datetime,
) -> Message:
    """Keeps an answer that leaves at `at`, and what it does to the ticket then, a key of messages.THEN; refused as
    messages.reply refuses, and for a time that cannot be."""
    text = messages.checked(text)
    _check(at, then, now)
    messages.refuse_unseen(ticket, seen)
    address = recipients.chosen(ticket, to, messages.usual_address(ticket))
    copies = recipients.cc(cc, but=address)
    message = messages.add(ticket, "later", text, person, now, files)
    message.to_address, message.cc, message.leaves_at, message.then = address, copies, at, then
    followers.join(ticket, person.id, now)
    _tell(board, ticket, "ticket.scheduled", message, person, now)
    return message


def change(
    board: Board,
    ticket: Ticket,
    message_id: int,
    *,
    at: datetime,
    then: str | None = None,
    person: Person,
    now: datetime,
) -> Message:
    """Another time, also for one that was held back: whoever chooses it has read what held it. `then` as it was when
    nothing is said of it."""
    message = found(ticket, message_id)
    then = then or message.then or "wait"
    _check(at, then, now)
    message.leaves_at, message.then = at, then
    _tell(board, ticket, "ticket.scheduled", message, person, now)
    return message


def send_now(board: Board, ticket: Ticket, message_id: int, *, now: datetime) -> Message:
    """It leaves as if it had been sent just now: "Undo send" takes it back."""
    return _say(board, ticket, found(ticket, message_id), messages.UNDO_FOR, now)


def take_back(board: Board, ticket: Ticket, message_id: int, *, person: Person, now: datetime) -> Message:
    """It does not leave."""
    message = found(ticket, message_id)
    message.leaves_at, message.withdrawn_at = None, now
    _tell(board, ticket, "ticket.unscheduled", message, person, now)
    return message


def leave(board: Board, ticket: Ticket, message: Message, *, now: datetime) -> Message:
    """Its time has come. Refused when it cannot leave, as messages.reply refuses."""
    return _say(board, ticket, message, timedelta(0), now)


def found(ticket: Ticket, message_id: int) -> Message:
    """An answer of this ticket that has not left. Refused with 409 when it has, or was taken back."""
    message = db.session.get(Message, message_id)
    if message is None or message.ticket_id != ticket.id or message.kind != "later" or message.withdrawn_at:
        raise Refused(N_("This answer has left already, or was taken back."), status=409)
    return message


def _say(board: Board, ticket: Ticket, message: Message, undo_for: timedelta, now: datetime) -> Message:
    """The answer itself, in the place that it has now: whoever writes at this moment has not seen it."""
    person = message.person
    if person is None:
        raise RuntimeError("an answer without its writer")
    files = [
        messages.File(file.sha256, file.name, file.media_type, file.size) for file in message.attachments
    ]
    text, to, cc, then = message.text, message.to_address or "", ", ".join(message.cc), message.then or "wait"
    said = messages.reply(
        board,
        ticket,
        text,
        person=person,
        seen=None,
        then=then,
        to=to,
        cc=cc,
        files=files,
        undo_for=undo_for,
        now=now,
    )
    for file in message.attachments:
        db.session.delete(file)
    db.session.flush()
    db.session.delete(message)
    db.session.flush()
    return said


def _check(at: datetime, then: str, now: datetime) -> None:
    if then not in messages.THEN:
        raise Refused(N_("Choose what happens after sending."))
    if at <= now:
        raise Refused(N_("Choose a time that is still to come."), field="until")
    if at > now + LONGEST:
        raise Refused(N_("Choose a time within the next year."), field="until")


def _tell(board: Board, ticket: Ticket, kind: str, message: Message, person: Person, now: datetime) -> None:
    tickets.changed(board, ticket, kind, by=By("person", person.id), now=now, message=message.id)
