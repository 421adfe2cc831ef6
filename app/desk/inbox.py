"""What arrives: archived before anything is parsed, then made a ticket or joined to one. One way in for every channel.

`receive` is the one verb that owns its transactions: the archive must be durable before the parsing begins.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app.config import settings
from app.database import bookkeeping, db, insert_new, trouble, words_of, writing
from app.desk import (
    access,
    acknowledgements,
    blocked,
    customers,
    merges,
    messages,
    moods,
    recipients,
    tickets,
)
from app.desk.events import record
from app.desk.refused import Refused
from app.mail import ids
from app.mail.automatic import is_marked_as_spam
from app.mail.headers import one_line
from app.mail.language import MIN_CONFIDENCE, detect
from app.mail.mood import NOTHING, Heard
from app.mail.parse import Message as Parsed
from app.mail.parse import ParseError, parse
from app.models.blocked import is_blocked
from app.models.board import Board
from app.models.channel import Channel, channels_in_use
from app.models.delivery import Delivery
from app.models.desk import Desk, the_desk
from app.models.event import CLOCK, By
from app.models.message import Blob, Message, RawMessage
from app.models.ticket import Ticket
from app.words import LOCALES, N_, gettext, speaking

log = logging.getLogger(__name__)

LARGEST = 25 * 1024 * 1024  # bytes of one message; what the form takes is limited there, before it is encoded
LEFT_FOR = timedelta(
    minutes=1
)  # what was archived longer ago and not handled was left by a process that died
MOST_TRIES = 5  # of one that is left
LONGEST_REASON = 200
TOO_LARGE = "X-Nightdesk-Too-Large"  # the header that tells headers alone from a message
UNNAMED = "@digest.invalid"  # the end of an id that is ours, as mail.parse makes them
NO_SUBJECT = N_("(no subject)")
# What mail.parse may say of a message that failed; it knows no catalogue, the list of failed messages says it.
PARSE_TEXTS = (
    N_("The message is empty."),
    N_("The message has no headers."),
    N_("The message names no usable sender address."),
)


class Unavailable(Exception):
    """The database cannot be written now: whoever brought the message should try again. `full`: for lack of room."""

    def __init__(self, reason: str, full: bool) -> None:
        super().__init__(reason)
        self.full = full


@dataclass(frozen=True)
class Receipt:
    """What became of one message; `as_json` is what the command prints."""

    action: str  # created, appended, duplicate, ignored, failed
    ticket: int | None = None
    message_id: str | None = None
    from_: str | None = None
    subject: str | None = None
    text: str | None = None
    attachments: tuple[dict[str, Any], ...] = ()
    automatic: str | None = None
    language: str | None = None
    error: str | None = field(default=None)

    def as_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["from"] = data.pop("from_")
        data["attachments"] = list(self.attachments)
        if self.error is None:
            del data["error"]
        return data


def receive(raw: bytes, *, now: datetime, source: str, sent_to: str | None = None) -> Receipt:
    """Takes one message in. Raises Unavailable when it could not even be archived; nothing else, whatever it is."""
    try:
        raw_id = archive(raw, now=now, source=source, sent_to=sent_to)
    except SQLAlchemyError as error:
        raise Unavailable(words_of(error), trouble(error) == "full") from error
    return _unless_in_trouble(raw_id, lambda: _take(raw_id, raw, source, sent_to, now))


def receive_headers(
    head: bytes, *, size: int, now: datetime, source: str, sent_to: str | None = None
) -> Receipt:
    """Takes in the headers of a message that is too large and stays where it lies; `size` is its bytes. As `receive`."""
    desk = the_desk()
    spoken = next((language for language in desk.languages if language in LOCALES), "en") if desk else "en"
    db.session.rollback()
    with speaking(spoken):
        text = gettext(
            "This message is too large for the desk (%(size)s MB). It was kept in the mailbox; only its headers are here.",
            size=f"{size / 1024 / 1024:.0f}",
        )
    return receive(_kept_headers(head, text), now=now, source=source, sent_to=sent_to)


def archive(raw: bytes, *, now: datetime, source: str, sent_to: str | None = None) -> int:
    """Keeps the bytes of a message, durably; returns its number in the archive."""
    sha256 = hashlib.sha256(raw).hexdigest()
    db.session.rollback()
    kept = bookkeeping(
        insert_new(Blob).values(sha256=sha256, size=len(raw), data=raw).on_conflict_do_nothing(),
        insert(RawMessage)
        .values(sha256=sha256, source=source, sent_to=sent_to, received_at=now, state="received")
        .returning(RawMessage.id),
    )
    return int(kept.rows[0][0])


def handle(raw_id: int, *, now: datetime) -> Receipt:
    """Handles what the archive holds: a new message, or one that has failed before. A failure is kept and listed; while
    the database is in trouble the message waits in the archive for the sweep. Raises nothing, whatever it is."""
    return _unless_in_trouble(raw_id, lambda: _handle(raw_id, now))


def left(now: datetime) -> Sequence[int]:
    """Archived messages that no living process is handling, oldest first."""
    return db.session.scalars(
        select(RawMessage.id)
        .where(RawMessage.state == "received", RawMessage.received_at < now - LEFT_FOR)
        .order_by(RawMessage.id)
        .limit(100)
    ).all()


def handled_by_hand(raw_id: int) -> None:
    """A failed message has been read by a person, who makes a ticket of it. Under the lock of the ticket's board.
    Refused with 409 when it has not failed (any more)."""
    _leave_failed(raw_id, "handled")


def discard(desk: Desk, raw_id: int, reason: str, *, by: By, now: datetime) -> None:
    """Takes a failed message off the list; it stays in the archive, with the reason in the event. Refused with 409
    when it has not failed (any more), with 422 without a reason."""
    access.demand(by, "see_failed_messages", None, now)
    reason = one_line(reason)
    if not reason:
        raise Refused(N_("Say why it needs no ticket."), field="reason")
    if len(reason) > LONGEST_REASON:
        raise Refused(N_("Use at most %(most)s characters."), field="reason", most=LONGEST_REASON)
    _leave_failed(raw_id, "discarded")
    record(desk, "mail.discarded", ("raw_message", raw_id), by=by, now=now, new=reason)


@dataclass(frozen=True)
class _Arrival:
    """A message on its way into the desk: its number in the archive, what was read, whom to answer, how it came."""

    raw_id: int
    message: Parsed
    name: str
    address: str
    channels: Sequence[Channel]  # of which it came by one
    source: str
    sent_to: str | None
    now: datetime


def _unless_in_trouble(raw_id: int, take: Callable[[], Receipt]) -> Receipt:
    try:
        return take()
    except SQLAlchemyError as error:
        log.warning("message %s waits in the archive: %s", raw_id, words_of(error))
        db.session.rollback()
        return Receipt("failed", error=N_("The database was not available. The message is tried again."))


def _handle(raw_id: int, now: datetime) -> Receipt:
    if _begun(raw_id) > MOST_TRIES:
        return _failed(raw_id, N_("The desk has ended in the middle of this message again and again."))
    raw, data = db.session.execute(
        select(RawMessage, Blob.data)
        .join(Blob, Blob.sha256 == RawMessage.sha256)
        .where(RawMessage.id == raw_id)
    ).one()
    return _take(raw_id, data, raw.source, raw.sent_to, now)


def _begun(raw_id: int) -> int:
    """How often this message was begun after a process has died; it may be what they died of. 0 when a person tries
    one that has failed."""
    begun = bookkeeping(
        update(RawMessage)
        .where(RawMessage.id == raw_id, RawMessage.state == "received")
        .values(tries=RawMessage.tries + 1)
        .returning(RawMessage.tries)
    )
    return int(begun.rows[0][0]) if begun.rows else 0


def _take(raw_id: int, data: bytes, source: str, sent_to: str | None, now: datetime) -> Receipt:
    try:
        if source != "form" and len(data) > LARGEST:
            raise ParseError(N_("The message is larger than 25 MB."))
        db.session.rollback()
        channels = channels_in_use()
        own = frozenset(
            channel.address for channel in channels if channel.kind == "email" and channel.address
        )
        message = _parsed(data, own)
        name, address = _sender(message, own)
        if message.automatic == "own-message" or address in own:
            _mark(raw_id, "ignored")
            return _receipt("ignored", message, automatic=message.automatic or "own-message")
        if is_blocked({address, message.from_address}):
            _mark(raw_id, "ignored", blocked.REASON)
            return _receipt("ignored", message, error=blocked.REASON)
        return _deliver(_Arrival(raw_id, message, name, address, channels, source, sent_to, now))
    except ParseError as error:
        return _failed(raw_id, str(error))
    except Exception as error:
        if trouble(error):
            raise
        log.exception("message %s failed", raw_id)
        return _failed(raw_id, f"{type(error).__name__}: {error}")


def _leave_failed(raw_id: int, state: str) -> None:
    left = db.session.execute(
        update(RawMessage).where(RawMessage.id == raw_id, RawMessage.state == "failed").values(state=state)
    )
    if not left.rowcount:  # type: ignore[attr-defined]
        raise Refused(N_("Somebody has dealt with this message meanwhile."), status=409)


def _kept_headers(head: bytes, text: str) -> bytes:
    """The headers as they came, but for those that tell what the body is made of, over a text of our own."""
    fields = re.split(rb"\r?\n(?![ \t])", head.strip(b"\r\n"))
    kept = [
        field for field in fields if field and not field.lower().startswith((b"content-", b"mime-version"))
    ]
    body = [
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: 8bit",
    ]
    return b"\r\n".join([*kept, *body, TOO_LARGE.encode() + b": kept in the mailbox", b"", text.encode()])


def _parsed(data: bytes, own: frozenset[str]) -> Parsed:
    secret = settings().secret_key
    return parse(
        data, own_id=lambda message_id: ids.read(message_id, secret) is not None, channel_addresses=own
    )


def _sender(message: Parsed, own: frozenset[str]) -> tuple[str, str]:
    """(name, address) of the customer: Reply-To, which shop systems set to whom they write for, else From."""
    for box in message.reply_to:
        if box.address not in own and message.automatic is None:
            return box.name or message.from_name, box.address
    return message.from_name, message.from_address


class _Moved(Exception):
    """The ticket that a message answers was merged into another before its board was locked."""


def _deliver(arrival: _Arrival) -> Receipt:
    try:
        return _keep(arrival)
    except _Moved:
        return _deliver(arrival)
    except (
        IntegrityError
    ):  # one with this Message-ID came on another board at the same moment: now it is there to see
        db.session.rollback()
        return _keep(arrival)


def _keep(arrival: _Arrival) -> Receipt:
    """Makes a ticket of a message or adds it to one, unless it is there already."""
    message, now = arrival.message, arrival.now
    answered = _thread(arrival)
    channel = answered.channel if answered else _channel(arrival)
    board_id = answered.board_id if answered else channel.board_id
    answered_id, channel_id = (answered.id if answered else None), channel.id
    language, confidence = _language(arrival)
    heard = _heard(message, language or (answered.language if answered else None), opens=answered is None)
    with writing(db.session.get_one(Board, board_id)) as board:
        kept_as, known = _known(arrival)
        if known is not None:
            _settle(arrival.raw_id)
            return _receipt("duplicate", message, ticket=known.ticket_id, language=known.language)
        answered = db.session.get(Ticket, answered_id) if answered_id else None
        if answered is not None and (answered.merged_into_id is not None or answered.board_id != board.id):
            raise _Moved
        ticket, created = _ticket(board, answered, channel_id, arrival, language, confidence)
        added = _add(board, ticket, arrival, kept_as, language, heard)
        if ticket.language is None and language is not None and message.automatic is None:
            tickets.set_language(board, ticket, language, confidence=confidence, by=CLOCK, now=now)
        if message.report is not None and _is_bounce(message):
            customers.mark_bounced(board, ticket, message.report.failed, by=CLOCK, now=now)
        if _is_headers_alone(message):
            acknowledgements.tell_too_large(board, ticket, added, now=now)
        elif created and not is_marked_as_spam(message.headers):
            acknowledgements.offer(board, ticket, added, now=now)
        _settle(arrival.raw_id)
        return _receipt("created" if created else "appended", message, ticket=ticket.id, language=language)


def _known(arrival: _Arrival) -> tuple[str, Message | None]:
    """(the id to keep a message under, the same message if it is here already).

    A Message-ID alone proves nothing: whoever knows or guesses another's could send a message under it first, and the
    other's would be taken for a copy and be lost. One that says something else is kept, under an id of our own.
    """
    by_digest = arrival.message.digest[:40] + UNNAMED
    own = f"{arrival.raw_id}.{by_digest}"
    possible = (arrival.message.message_id, by_digest, own)
    here = {
        one.message_id: one
        for one in db.session.scalars(select(Message).where(Message.message_id.in_(possible)))
    }
    for kept_as in possible[:2]:
        known = here.get(kept_as)
        if known is None or _says_the_same(known, arrival):
            return kept_as, known
    return own, here.get(own)  # there when another process was faster with the same archived message


def _says_the_same(known: Message, arrival: _Arrival) -> bool:
    """Whether nothing would be lost. Lists change the subject and the blanks of what they pass on."""
    message = arrival.message
    files = {hashlib.sha256(file.content).hexdigest() for file in message.attachments}
    return (
        known.from_address == arrival.address
        and (known.full_text or known.text).split() == (message.full_text or message.text).split()
        and {file.sha256 for file in known.attachments} == files
    )


def _thread(arrival: _Arrival) -> Ticket | None:
    """The ticket that a signed id names, whoever sent the message; else that of another version of it, which a list
    makes that adds lines of its own."""
    found = ids.threads(arrival.message, settings().secret_key)
    if found:
        return merges.where_now(*found)
    return db.session.scalars(
        select(Ticket)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(
            Message.message_id == arrival.message.message_id,
            Message.from_address == arrival.address,
            Ticket.deleted_at.is_(None),
        )
    ).one_or_none()


def _channel(arrival: _Arrival) -> Channel:
    """The channel a message came by: the form, the address it was sent to, else the first address of the desk."""
    if arrival.source == "form":
        form = next((channel for channel in arrival.channels if channel.kind == "form"), None)
        if form is not None:
            return form
    by_address = {channel.address: channel for channel in arrival.channels if channel.kind == "email"}
    message = arrival.message
    tried = (arrival.sent_to, *message.delivered_to, *(box.address for box in (*message.to, *message.cc)))
    for address in tried:
        if address and address.strip().lower() in by_address:
            return by_address[address.strip().lower()]
    if not by_address:
        raise ParseError(N_("No e-mail address is set up for this desk."))
    return next(iter(by_address.values()))


def _is_headers_alone(message: Parsed) -> bool:
    """Whether the text is ours, below the headers of a message that was too large. A sender who says so gets nothing but
    an answer that it was."""
    return any(name.lower() == TOO_LARGE.lower() for name, _ in message.headers)


def _language(arrival: _Arrival) -> tuple[str | None, int]:
    """The language of a message, with the confidence in it: where the text does not tell, that which a person has set for
    the customer."""
    desk, message = the_desk(), arrival.message
    text = message.subject if _is_headers_alone(message) else message.text or message.subject
    language, confidence = detect(text, desk.languages if desk else [])
    if language is None and confidence < MIN_CONFIDENCE:  # above, it is sure to be another
        known = customers.spoken_from(arrival.address)
        language = known if desk and known in desk.languages else None
    return language, confidence


def _heard(message: Parsed, language: str | None, *, opens: bool) -> Heard:
    """What the customer's own words say of their mood; the subject is theirs when it begins a conversation."""
    if message.automatic is not None or _is_headers_alone(message):
        return NOTHING
    return moods.listen(f"{message.subject}\n{message.text}" if opens else message.text, language)


def _ticket(
    board: Board,
    answered: Ticket | None,
    channel_id: int,
    arrival: _Arrival,
    language: str | None,
    confidence: int,
) -> tuple[Ticket, bool]:
    """The ticket a message joins, or the new one it opens; True when it is new."""
    message, now = arrival.message, arrival.now
    if answered is not None and _joins(board, answered, message, now):
        return answered, False
    customer = customers.find_or_make(arrival.address, arrival.name, language, now=now)
    ticket = tickets.open_ticket(
        board,
        channel=db.session.get_one(Channel, channel_id),
        customer=customer,
        subject=message.subject or NO_SUBJECT,
        by=By("customer", customer.id),
        now=now,
        language=language,
        confidence=confidence,
        automatic=message.automatic is not None,
        linked_id=answered.id if answered else None,
    )
    return ticket, True


def _joins(board: Board, ticket: Ticket, message: Parsed, now: datetime) -> bool:
    """A signed id is not enough: the sender must belong to the ticket, and it must not have been closed too long."""
    if _is_bounce(message):
        return True
    if (
        message.automatic is None
        and ticket.closed_at
        and now - ticket.closed_at > timedelta(days=board.reopen_days)
    ):
        return False
    sender = message.from_address  # not Reply-To, which anybody can set to anybody from an honest domain
    if customers.belongs(ticket.customer_id, sender):
        return True
    took_part = select(Message.id).where(
        Message.ticket_id == ticket.id,
        Message.kind == "customer",
        or_(Message.from_address == sender, Message.sent_from == sender),
    )
    was_told = (
        select(Delivery.id)
        .join(Message, Delivery.message_id == Message.id)
        .where(Message.ticket_id == ticket.id, Delivery.to_address == sender)
    )
    return bool(
        db.session.scalar(select(or_(took_part.exists(), was_told.exists())))
    ) or sender in recipients.told(ticket.id)


def _is_bounce(message: Parsed) -> bool:
    """A report that machines send. A part of a person's message that only looks like one opens no ticket to them."""
    return message.report is not None and message.automatic is not None


def _add(
    board: Board, ticket: Ticket, arrival: _Arrival, kept_as: str, language: str | None, heard: Heard
) -> Message:
    message = arrival.message
    return messages.receive(
        board,
        ticket,
        by=By("customer", ticket.customer_id),
        now=arrival.now,
        text=message.text,
        full_text=message.full_text,
        html=message.html,
        from_name=arrival.name,
        from_address=arrival.address,
        sent_from=message.from_address,
        subject=message.subject,
        message_id=kept_as,
        language=language,
        automatic=message.automatic,
        raw_id=arrival.raw_id,
        cc=recipients.others_of(
            message, arrival.address, [channel.address for channel in arrival.channels if channel.address]
        ),
        files=list(_files(message)),
        heard=heard,
    )


def _files(message: Parsed) -> Iterable[messages.File]:
    for file in message.attachments:
        sha256 = hashlib.sha256(file.content).hexdigest()
        messages.store_blob(file.content, sha256)
        yield messages.File(sha256, file.name, file.media_type, file.size, file.content_id, file.inline)


def _settle(raw_id: int) -> None:
    db.session.execute(
        update(RawMessage)
        .where(RawMessage.id == raw_id)
        .values(state="handled", error=None)
        .execution_options(synchronize_session=False)
    )


def _mark(raw_id: int, state: str, error: str | None = None) -> None:
    db.session.rollback()
    bookkeeping(update(RawMessage).where(RawMessage.id == raw_id).values(state=state, error=error))


def _failed(raw_id: int, error: str) -> Receipt:
    _mark(raw_id, "failed", error[:1000])
    return Receipt("failed", error=error)


def _receipt(action: str, message: Parsed, *, automatic: str | None = None, **found: Any) -> Receipt:
    return Receipt(
        action=action,
        message_id=message.message_id,
        from_=message.from_address,
        subject=message.subject,
        text=message.text,
        attachments=tuple(
            {"name": file.name, "size": file.size, "type": file.media_type} for file in message.attachments
        ),
        automatic=automatic or message.automatic,
        **found,
    )
