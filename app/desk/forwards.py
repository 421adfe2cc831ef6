"""A message of a conversation sent on to somebody outside. It is no answer to the customer, and stops no deadline."""

from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from app.database import db
from app.desk import followers, messages, recipients, tickets
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import By
from app.models.message import Message
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_, gettext


def forward(
    board: Board,
    ticket: Ticket,
    message_id: int,
    *,
    to: str,
    cc: str = "",
    text: str,
    originals: Collection[int] | None = None,
    files: Sequence[messages.File] = (),
    person: Person,
    now: datetime,
) -> Message:
    """Sends a message to addresses outside, below what the person writes, with its files, or with the `originals` among them
    (by id), and with others; it leaves after UNDO_FOR. Refused, at the field `to` or `cc`, for an address that is none, ours, or the customer's own."""
    original = found(ticket, message_id)
    address = recipients.checked(to, "to")
    copies = recipients.cc(cc, but=address)
    theirs = {known.address for known in ticket.customer.addresses}
    for field, addresses in (("to", [address]), ("cc", copies)):
        if theirs & set(addresses):
            raise Refused(N_("This is the customer's own address. Answer them instead."), field=field)
    written = messages.checked(text, may_be_empty=True)
    sent = [
        messages.File(file.sha256, file.name, file.media_type, file.size)
        for file in original.attachments
        if originals is None or file.id in originals
    ]
    message = messages.add(ticket, "forward", written, person, now, [*sent, *files])
    message.to_address, message.cc = address, copies
    message.full_text = sent_on(original, ticket, written, person)
    messages.send_forward(board, ticket, message, person=person, now=now)
    followers.join(ticket, person.id, now)
    by = By("person", person.id)
    tickets.changed(
        board,
        ticket,
        "message.forwarded",
        by=by,
        now=now,
        message=message.id,
        original=original.id,
        address=[None, address],
    )
    return message


def found(ticket: Ticket, message_id: int) -> Message:
    """A message that can be sent on. Refused with 404 when it is not of this ticket, or is for us alone."""
    message = db.session.get(Message, message_id)
    kinds = ("customer", "reply")
    if message is None or message.ticket_id != ticket.id or message.kind not in kinds or message.withdrawn_at:
        raise Refused(N_("There is nothing here, or it is not for you."), status=404)
    return message


def sent_on(original: Message, ticket: Ticket, written: str, person: Person) -> str:
    """The text that leaves: what the person wrote, then the message under a head that says whose it is."""
    at = original.at.astimezone(ZoneInfo(person.zone))
    sender = " ".join(
        part for part in (original.from_name, f"<{original.from_address}>") if part.strip("<> ")
    )
    head = [
        gettext("---------- Forwarded message ----------"),
        gettext("From: %(sender)s", sender=sender),
        gettext("Date: %(date)s", date=f"{at:%Y-%m-%d %H:%M %Z}"),
        gettext("Subject: %(subject)s", subject=original.subject or ticket.subject),
    ]
    body = "\n".join([*head, "", original.full_text or original.text])
    return f"{written}\n\n{body}" if written else body
