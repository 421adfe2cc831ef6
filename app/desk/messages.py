"""What is said in a ticket: the customer's messages, our replies and notes, and what each of them moves."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select

from app.config import settings
from app.database import db, insert_new
from app.desk import (
    customers,
    deliveries,
    followers,
    guards,
    held,
    mentions,
    moods,
    notices,
    notifications,
    recipients,
    search,
    signatures,
    snoozes,
    tickets,
)
from app.desk.events import record
from app.desk.refused import Refused
from app.mail import ids
from app.mail.compose import can_be_named
from app.mail.mood import NOTHING, Heard, Mood
from app.models.board import Board
from app.models.channel import Channel
from app.models.customer import CustomerAddress
from app.models.delivery import Delivery
from app.models.desk import the_desk
from app.models.event import CLOCK, By, Event
from app.models.message import Attachment, Blob, Message
from app.models.person import Person
from app.models.rule import Rule
from app.models.ticket import Ticket
from app.words import N_
from rules.query import fold

UNDO_FOR = timedelta(seconds=10)
RESUME_FOR = timedelta(seconds=60)  # a person who takes an answer back is about to write another
LONGEST_TEXT = 100_000
THEN = {"wait": "waiting", "resolve": "resolved", "keep": None}


@dataclass(frozen=True)
class File:
    """An attachment on its way in; `sha256` names a blob that exists."""

    sha256: str
    name: str
    media_type: str
    size: int
    content_id: str | None = None
    inline: bool = False


def receive(
    board: Board,
    ticket: Ticket,
    *,
    by: By,
    now: datetime,
    text: str,
    from_name: str,
    from_address: str,
    sent_from: str | None = None,
    subject: str = "",
    full_text: str | None = None,
    html: str | None = None,
    message_id: str | None = None,
    language: str | None = None,
    automatic: str | None = None,
    raw_id: int | None = None,
    cc: Sequence[str] = (),
    files: Iterable[File] = (),
    heard: Heard = NOTHING,
) -> Message:
    """Adds a message of the customer's. A person's own message waits on us and opens the ticket again,
    snoozed or not; an automatic one moves nothing. `heard` is what moods.listen() made of their own text."""
    felt = moods.of_message(ticket, heard, now) if automatic is None else Mood()
    message = Message(
        ticket_id=ticket.id,
        kind="customer",
        automatic=automatic,
        from_name=from_name,
        from_address=from_address,
        sent_from=sent_from or from_address,
        subject=subject,
        text=text,
        full_text=full_text if full_text != text else None,
        html=html,
        has_html=html is not None,
        search_text=fold(f"{subject}\n{text}"),
        message_id=message_id,
        language=language,
        raw_id=raw_id,
        cc=list(cc),
        mood=felt.score,
        mood_reasons=[list(reason) for reason in felt.reasons],
        at=now,
    )
    message.attachments = [attachment(file) for file in files]
    db.session.add(message)
    db.session.flush()
    search.index_message(ticket, message)
    ticket.message_count += 1
    ticket.last_message_at, ticket.last_speaker = now, "customer"
    ticket.unread = by.kind != "person"  # what a person writes down for the customer has been read by them
    if automatic is None:
        ticket.automatic = False
        goes_on = ticket.waiting_since is not None
        moods.keep(ticket, moods.next_mood(ticket.mood, felt.score, goes_on=goes_on), now)
        ticket.waiting_since = ticket.waiting_since or now
        ticket.customer_wrote_at = now
    tickets.changed(board, ticket, "message.received", by=by, now=now, message=message.id)
    if automatic is None and ticket.message_count > 1:  # nobody has a ticket that is new
        notifications.answered(ticket, message, by=by, now=now)
    if automatic is None and ticket.created_at != now:  # to one that it opens, nobody has written yet
        held.hold_back(board, ticket, but=None, now=now)
        snoozes.end_for_message(board, ticket, now=now)
    if automatic is None and ticket.state in ("waiting", "resolved", "archived"):
        tickets.move(board, ticket, to=board.column_for("open").id, by=by, now=now)
    return message


def reply(
    board: Board,
    ticket: Ticket,
    text: str,
    *,
    person: Person,
    seen: int | None,
    then: str = "wait",
    despite_bounce: bool = False,
    to: str = "",
    cc: str = "",
    files: Sequence[File] = (),
    undo_for: timedelta = UNDO_FOR,
    now: datetime,
) -> Message:
    """Answers the customer: the mail leaves after `undo_for`, everything else is so at once.

    `seen` is the id of the newest message the writer has read: what was written since refuses with 409, None sends
    anyway. An address from which mail came back refuses with 422 unless `despite_bounce`. `then` is a key of THEN;
    `to` one of the customer's addresses (the usual one when empty), `cc` others as typed.
    """
    text = checked(text)
    if then not in THEN:
        raise Refused(N_("Choose what happens after sending."))
    refuse_unseen(ticket, seen)
    address = recipients.chosen(ticket, to, usual_address(ticket))
    copies = recipients.cc(cc, but=address)
    if not despite_bounce and customers.bounced(ticket.customer_id, address):
        raise Refused(
            N_("Mail to %(address)s came back. Your answer may not arrive: choose to send it all the same."),
            field="bounce",
            address=address,
        )
    state = THEN[then]
    spare_automatic(board, ticket, now=now)
    message = add(ticket, "reply", text, person, now, files)
    held.hold_back(board, ticket, but=person.id, now=now)
    message.message_id, message.to_address, message.cc = _mint(message), address, copies
    ticket.last_message_at, ticket.last_speaker, ticket.unread = now, "us", False
    ticket.waiting_since = None
    ticket.first_answered_at = ticket.first_answered_at or now
    followers.join(ticket, person.id, now)
    by = By("person", person.id)
    tickets.changed(board, ticket, "message.replied", by=by, now=now, message=message.id)
    desk = the_desk()
    _queue(
        board,
        ticket,
        message,
        address,
        key=f"reply:{message.id}",
        kind="reply",
        at=now + undo_for,
        now=now,
        person_id=person.id,
        from_name=f"{person.name} ({desk.name})" if desk else person.name,
        language=ticket.language or "en",
        cc=copies,
    )
    if state is not None and ticket.state != state:
        tickets.move(board, ticket, to=board.column_for(state).id, by=by, now=now)
    elif state is None and ticket.state == "new":
        tickets.move(board, ticket, to=board.column_for("open").id, by=by, now=now)
    return message


def answer_automatically(
    board: Board,
    ticket: Ticket,
    text: str,
    *,
    reason: str,
    to: str,
    language: str,
    at: datetime,
    now: datetime,
    by: By = CLOCK,
) -> Message | None:
    """The desk itself writes to the customer, at `at`, once per `reason` and ticket; a rule each time it acts. That answers
    nothing: whoever waits still waits. None, and a line in the ticket's history, when this recipient has been written to
    too much.
    """
    if guards.capped(ticket.id, to, now):
        told(board, ticket, "ticket.capped", by=by, now=now)
        return None
    desk = the_desk()
    message = Message(
        ticket_id=ticket.id,
        kind="reply",
        automatic=reason,
        from_name=desk.name if desk else "",
        text=text,
        search_text=fold(text),
        language=language,
        at=now,
    )
    db.session.add(message)
    db.session.flush()
    search.index_message(ticket, message)
    message.message_id = _mint(message)
    _queue(
        board,
        ticket,
        message,
        to,
        key=f"{reason}:{ticket.id}" if by == CLOCK else f"{reason}:{ticket.id}:{message.id}",
        kind="automatic",
        at=at,
        now=now,
        from_name=message.from_name,
        language=language,
        automatic=True,
    )
    told(board, ticket, "message.automatic", by=by, now=now, message=message.id)
    return message


def spare_automatic(board: Board, ticket: Ticket, *, now: datetime) -> None:
    """A person answers, so what the desk was about to say by itself is not sent."""
    for message in _automatic(ticket, Message.withdrawn_at.is_(None)):
        if deliveries.cancel(message.id):
            _spare(board, ticket, message, by=CLOCK, now=now)


def stop_automatic(board: Board, ticket: Ticket, message_id: int, *, by: By, now: datetime) -> bool:
    """What the desk is about to say by itself is not sent; False when it has left or was stopped before."""
    message = db.session.get_one(Message, message_id)
    if message.ticket_id != ticket.id or message.withdrawn_at or not deliveries.cancel(message.id):
        return False
    _spare(board, ticket, message, by=by, now=now)
    return True


def note(
    board: Board, ticket: Ticket, text: str, *, person: Person, files: Sequence[File] = (), now: datetime
) -> Message:
    """Writes an internal note. It answers nothing and moves nothing."""
    message = add(ticket, "note", checked(text), person, now, files)
    held.hold_back(board, ticket, but=person.id, now=now)
    message.mentions = mentions.found_in(message.text, board, now)
    for person_id in (person.id, *message.mentions):
        followers.join(ticket, person_id, now)
    by, called = By("person", person.id), message.mentions
    tickets.changed(board, ticket, "message.noted", by=by, now=now, message=message.id, mentioned=called)
    notifications.mention(called, ticket, message, by=by, now=now)
    return message


def note_of_rule(board: Board, ticket: Ticket, text: str, *, rule: Rule, now: datetime) -> Message:
    """A rule writes an internal note, and calls people as a person's note does. What others have written to leave later
    leaves all the same."""
    message = Message(
        ticket_id=ticket.id,
        kind="note",
        automatic="rule",
        from_name=rule.name,
        text=checked(text),
        search_text=fold(text),
        mentions=mentions.found_in(text, board, now),
        at=now,
    )
    db.session.add(message)
    db.session.flush()
    search.index_message(ticket, message)
    ticket.message_count += 1
    for person_id in message.mentions:
        followers.join(ticket, person_id, now)
    by, called = By("rule", rule.id), message.mentions
    tickets.changed(board, ticket, "message.noted", by=by, now=now, message=message.id, mentioned=called)
    notifications.mention(called, ticket, message, by=by, now=now)
    return message


def spoke_last_automatically(ticket: Ticket) -> bool:
    """Whether the newest message that came from outside was written by nobody."""
    newest = (
        select(Message.automatic)
        .where(Message.ticket_id == ticket.id, Message.kind == "customer")
        .order_by(Message.id.desc())
        .limit(1)
    )
    return db.session.scalar(newest) is not None


def send_forward(board: Board, ticket: Ticket, message: Message, *, person: Person, now: datetime) -> None:
    """Queues what was sent on to its `to_address`. It continues no conversation there."""
    desk, channel = the_desk(), sender(ticket.channel)
    message.message_id = _mint(message)
    deliveries.queue(
        f"forward:{message.id}",
        at=now + UNDO_FOR,
        now=now,
        kind="forward",
        message_id=message.id,
        board_id=board.id,
        person_id=person.id,
        from_name=f"{person.name} ({desk.name})" if desk else person.name,
        from_address=(channel.address if channel else None) or notices.default_from(),
        to_address=message.to_address,
        cc=message.cc,
        subject=f"Fwd: {ticket.subject}",
        text=message.full_text,
        header_id=message.message_id,
        language=person.locale,
    )


def withdraw(board: Board, ticket: Ticket, message_id: int, *, person: Person, now: datetime) -> Message:
    """Undo send: takes an answer back that has not left, and puts back what it moved, where nobody moved it since.
    What the desk was about to say by itself can be stopped the same way."""
    message = db.session.get(Message, message_id)
    if (
        message is None
        or message.ticket_id != ticket.id
        or message.kind not in ("reply", "forward")
        or message.withdrawn_at
    ):
        raise Refused(N_("There is no answer to take back."), status=409)
    if not deliveries.cancel(message.id):
        raise Refused(N_("Too late: this answer has left already."), status=409)
    by = By("person", person.id)
    if message.automatic is not None:
        _spare(board, ticket, message, by=by, now=now)
        return message
    answered_at, message.withdrawn_at = message.at, now
    db.session.flush()
    search.forget_message(message)
    if message.kind == "reply":
        _unanswer(board, ticket, message, answered_at, by=by, now=now)
    ticket.message_count -= 1
    tickets.changed(board, ticket, "message.withdrawn", by=by, now=now, message=message.id)
    return message


def _unanswer(
    board: Board, ticket: Ticket, message: Message, answered_at: datetime, *, by: By, now: datetime
) -> None:
    """What an answer that is taken back has moved is as it was, where nobody moved it since."""
    resume_automatic(board, ticket, answered_at, now)
    _recall(ticket, now)
    move = _move_of(ticket, message)
    if move is not None and move.changes["column"][1] == ticket.column_id:
        tickets.move(board, ticket, to=move.changes["column"][0], by=by, now=now)


def checked(text: str, *, may_be_empty: bool = False) -> str:
    """What somebody wrote, ready to be kept. Refused when it is empty or too long."""
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text and not may_be_empty:
        raise Refused(N_("Write something first."), field="text")
    if len(text) > LONGEST_TEXT:
        raise Refused(
            N_("This text is too long: at most %(most)s characters."), field="text", most=LONGEST_TEXT
        )
    return text


def store_blob(data: bytes, sha256: str) -> None:
    """Keeps bytes once, whoever brings them again; held, so that nobody takes them away before they are named."""
    kept = insert_new(Blob).values(sha256=sha256, size=len(data), data=data)
    db.session.execute(
        kept.on_conflict_do_update(index_elements=["sha256"], set_={"size": kept.excluded.size})
    )


def add(
    ticket: Ticket, kind: str, text: str, person: Person, now: datetime, files: Sequence[File] = ()
) -> Message:
    """Adds what a person writes to the conversation, and nothing else; what has not left is no part of it yet."""
    message = Message(
        ticket_id=ticket.id,
        kind=kind,
        person_id=person.id,
        from_name=person.name,
        text=text,
        search_text=fold(text),
        language=None,
        at=now,
    )
    message.attachments = [attachment(file) for file in files]
    db.session.add(message)
    db.session.flush()
    if kind != "later":
        search.index_message(ticket, message)
        ticket.message_count += 1
    return message


def _mint(message: Message) -> str:
    return ids.mint(message.ticket_id, message.id, settings().secret_key, settings().host_name)


def _automatic(ticket: Ticket, which: ColumnElement[bool]) -> Sequence[Message]:
    """What the desk itself has to say in this ticket."""
    return db.session.scalars(
        select(Message)
        .where(
            Message.ticket_id == ticket.id,
            Message.kind == "reply",
            Message.automatic.is_not(None),
            which,
        )
        .order_by(Message.id)
    ).all()


def _spare(board: Board, ticket: Ticket, message: Message, *, by: By, now: datetime) -> None:
    """After an acknowledgement that was not sent the customer's next ticket of today may have one."""
    message.withdrawn_at = now
    db.session.flush()
    search.forget_message(message)
    if message.automatic == "acknowledgement":
        customers.give_acknowledgement_back(ticket.customer_id)
    told(board, ticket, "message.spared", by=by, now=now, message=message.id)


def resume_automatic(board: Board, ticket: Ticket, answered_at: datetime, now: datetime) -> None:
    """The answer that came first is taken back: what was not sent because of it is sent after all, a little later."""
    for message in _automatic(ticket, Message.withdrawn_at == answered_at):
        if message.automatic == "acknowledgement" and not customers.acknowledge(ticket.customer_id, now):
            continue
        if deliveries.resume(message.id, now + RESUME_FOR):
            message.withdrawn_at = None
            search.index_message(ticket, message)
            told(board, ticket, "message.automatic", by=CLOCK, now=now, message=message.id)


def recount(ticket: Ticket, now: datetime) -> None:
    """Sets all that the ticket knows of its conversation after messages have come from another ticket or gone to one."""
    standing = Message.ticket_id == ticket.id, Message.withdrawn_at.is_(None)
    ticket.message_count = (
        db.session.scalar(
            select(func.count())
            .select_from(Message)
            .where(*standing, or_(_counts(), Message.kind.in_(("note", "forward"))))
        )
        or 0
    )
    ticket.customer_wrote_at = db.session.scalar(
        select(func.max(Message.at)).where(*standing, Message.kind == "customer", Message.automatic.is_(None))
    )
    _recall(ticket, now)


def _recall(ticket: Ticket, now: datetime) -> None:
    """Sets what the ticket knows of its conversation from the messages that still count.

    Computed and not put back from before: of two answers, either may be taken back first.
    """
    said = db.session.execute(
        select(Message.kind, Message.automatic, Message.at)
        .where(Message.ticket_id == ticket.id, _counts(), Message.withdrawn_at.is_(None))
        .order_by(Message.id)
    ).all()
    ticket.first_answered_at = ticket.waiting_since = None
    for kind, automatic, at in said:
        if kind == "reply":
            ticket.first_answered_at, ticket.waiting_since = ticket.first_answered_at or at, None
        elif automatic is None:
            ticket.waiting_since = ticket.waiting_since or at
    if said:
        ticket.last_message_at, ticket.last_speaker = (
            said[-1].at,
            "us" if said[-1].kind == "reply" else "customer",
        )
    moods.keep(ticket, moods.found_in(ticket), now)


def _counts() -> ColumnElement[bool]:
    """The condition on messages that the customer or a person of ours has said."""
    return or_(Message.kind == "customer", (Message.kind == "reply") & Message.automatic.is_(None))


def _move_of(ticket: Ticket, message: Message) -> Event | None:
    """The move that sending an answer brought with it, when nothing has moved the ticket since."""
    events = db.session.scalars(
        select(Event)
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id == ticket.id,
            Event.kind.in_(("message.replied", "ticket.moved")),
        )
        .order_by(Event.id.desc())
        .limit(50)
    ).all()
    newer: list[Event] = []
    for event in events:
        if event.kind == "message.replied" and event.changes["message"] == message.id:
            moves = [move for move in newer if move.kind == "ticket.moved"]
            return moves[-1] if len(moves) == 1 and moves[0].at == event.at else None
        newer.append(event)
    return None


def refuse_unseen(ticket: Ticket, seen: int | None) -> None:
    """Refused with 409 when something was written after the message `seen`; None is everything."""
    if seen is None:
        return
    unseen = db.session.scalar(
        select(func.count())
        .select_from(Message)
        .where(
            Message.ticket_id == ticket.id,
            Message.id > seen,
            or_(_counts(), Message.kind == "note"),
            Message.withdrawn_at.is_(None),
        )
    )
    if unseen:
        raise Refused(
            N_("%(n)s new since you began to write. Read them, then send again."), status=409, n=unseen
        )


def bounced_address(ticket: Ticket) -> CustomerAddress | None:
    """The address that the next answer goes to, when mail to it came back."""
    if not any(known.bounced_at for known in ticket.customer.addresses):
        return None
    return customers.bounced(ticket.customer_id, usual_address(ticket))


def usual_address(ticket: Ticket, known: Sequence[Message] = ()) -> str:
    """Where an answer goes: the address the customer wrote from last, else their first one. `known` are the newest
    messages of the ticket, oldest first, as far as they have been read."""
    theirs = [address.address for address in ticket.customer.addresses]
    wrote = (m.from_address for m in reversed(known) if m.kind == "customer" and m.from_address in theirs)
    last = next(wrote, None) or db.session.scalar(
        _wrote_last(), {"ticket": ticket.id, "customer": ticket.customer_id}
    )
    address = last or next(iter(theirs), None)
    if address is None:
        raise Refused(N_("This customer has no address to answer to."), field="text")
    return address


@cache
def _wrote_last() -> Select[str]:
    return (
        select(Message.from_address)
        .join(CustomerAddress, CustomerAddress.address == Message.from_address)
        .where(
            Message.ticket_id == bindparam("ticket"),
            Message.kind == "customer",
            CustomerAddress.customer_id == bindparam("customer"),
        )
        .order_by(Message.id.desc())
        .limit(1)
    )


def _queue(
    board: Board,
    ticket: Ticket,
    message: Message,
    address: str,
    *,
    key: str,
    kind: str,
    at: datetime,
    now: datetime,
    **fields: object,
) -> None:
    channel = sender(ticket.channel)
    ids_before = db.session.scalars(
        select(Message.message_id)
        .where(
            Message.ticket_id == ticket.id,
            Message.id < message.id,
            _counts(),
            Message.message_id.not_like("%@digest.invalid"),  # ours, for a message that came without one
            Message.withdrawn_at.is_(None),
        )
        .order_by(Message.id)
    ).all()
    earlier = [one for one in ids_before if one and can_be_named(one)]
    first = kind == "reply" and ticket.message_count == 1  # we write first: it answers nothing
    subject = ticket.subject if first or ticket.subject.lower().startswith("re:") else f"Re: {ticket.subject}"
    signature = signatures.below(message.person, channel)
    deliveries.queue(
        key,
        at=at,
        now=now,
        kind=kind,
        message_id=message.id,
        board_id=board.id,
        from_address=(channel.address if channel else None) or notices.default_from(),
        to_name=ticket.customer.name,
        to_address=address,
        subject=subject,
        text=f"{message.text}\n\n-- \n{signature}" if signature else message.text,
        header_id=message.message_id,
        in_reply_to=earlier[-1] if earlier else None,
        references=" ".join(earlier),
        **fields,
    )


def sender(channel: Channel) -> Channel | None:
    """The address that answers for a channel: its own, else the first e-mail address of its board."""
    if channel.address:
        return channel
    return db.session.scalars(
        select(Channel)
        .where(Channel.board_id == channel.board_id, Channel.kind == "email", Channel.closed_at.is_(None))
        .order_by(Channel.id)
    ).first()


def deliveries_of(ticket: Ticket) -> dict[int, Delivery]:
    """message id -> its delivery."""
    rows = db.session.scalars(_deliveries(), {"ticket": ticket.id}).all()
    return {row.message_id: row for row in rows if row.message_id}


@cache
def _deliveries() -> Select[Delivery]:
    """Made once: to build it takes longer than to run it."""
    return (
        select(Delivery)
        .join(Message, Delivery.message_id == Message.id)
        .where(Message.ticket_id == bindparam("ticket"))
    )


def told(board: Board, ticket: Ticket, kind: str, *, by: By, now: datetime, **changes: object) -> None:
    """Records what happened to a ticket's answer outside, without waking the sweep."""
    ticket.version += 1
    record(board, kind, ("ticket", ticket.id), by=by, now=now, **changes)


def attachment(file: File) -> Attachment:
    """The row of a file, under a name nobody can guess."""
    return Attachment(
        token=secrets.token_urlsafe(16),
        sha256=file.sha256,
        name=file.name,
        media_type=file.media_type,
        size=file.size,
        content_id=file.content_id,
        inline=file.inline,
    )
