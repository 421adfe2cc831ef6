"""Whom an answer goes to: one of the customer's addresses, and who reads along."""

import re
from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import Select, bindparam, select

from app.database import db
from app.desk import addresses
from app.desk.refused import Refused
from app.mail.parse import Message as Parsed
from app.models.channel import Channel
from app.models.message import Message
from app.models.ticket import Ticket
from app.words import N_

MOST_CC = 20


def cc(text: str, *, but: str) -> list[str]:
    """The addresses in what somebody has typed, each once and not the one it goes to anyway. Refused, at the field `cc`,
    for one that is none, for our own, and for too many."""
    found: list[str] = []
    for piece in filter(None, (one.strip() for one in re.split(r"[,;\n]", text))):
        named = re.fullmatch(r".*<([^<>]+)>", piece)
        address = checked(named[1] if named else piece, "cc")
        if address not in found and address != but:
            found.append(address)
    if len(found) > MOST_CC:
        raise Refused(N_("Use at most %(most)s addresses."), field="cc", most=MOST_CC)
    return found


def checked(address: str, field: str) -> str:
    """An address that something may be sent to from a ticket. Refused when it is none, or one of ours: it would come
    back as a message of a customer's."""
    try:
        kept = addresses.checked(address)
    except Refused as error:
        raise Refused(
            N_("%(address)s is not an e-mail address."), field=field, address=address[:100]
        ) from error
    if kept in _own():
        raise Refused(N_("%(address)s is our own address."), field=field, address=kept)
    return kept


def chosen(ticket: Ticket, to: str, usual: str) -> str:
    """The address that was chosen; `usual` when none was. Refused when it is not the customer's (any more)."""
    wanted = to.strip().lower() or usual
    if wanted != usual and wanted not in {known.address for known in ticket.customer.addresses}:
        raise Refused(N_("That is not an address of this customer."), field="to")
    return wanted


def others_of(message: Parsed, sender: str, own: Collection[str]) -> list[str]:
    """Who else got a mail that arrived: neither who wrote it nor we ourselves."""
    boxes = (box.address for box in (*message.to, *message.cc))
    ours = {*own, sender, message.from_address}
    return [one for one in dict.fromkeys(boxes) if one and one not in ours][:MOST_CC]


def reading_along(ticket: Ticket, known: Sequence[Message] = ()) -> list[str]:
    """Who got the customer's newest mail beside us: the next answer goes to them too, unless its writer thinks again.
    `known` are the newest messages of the ticket, oldest first, as far as they have been read."""
    wrote = (m.cc for m in reversed(known) if m.kind == "customer" and m.automatic is None)
    newest = next(wrote, None)
    if newest is None:
        newest = db.session.scalar(_newest_copies(), {"ticket": ticket.id})
    theirs = {address.address for address in ticket.customer.addresses}
    return [address for address in newest or () if address not in theirs]


@cache
def _newest_copies() -> Select[list[str]]:
    return (
        select(Message.cc)
        .where(
            Message.ticket_id == bindparam("ticket"), Message.kind == "customer", Message.automatic.is_(None)
        )
        .order_by(Message.id.desc())
        .limit(1)
    )


def told(ticket_id: int) -> set[str]:
    """Everybody whom a message of this ticket was sent to as a copy."""
    copies: Sequence[list[str]] = db.session.scalars(
        select(Message.cc).where(
            Message.ticket_id == ticket_id, Message.kind == "reply", Message.withdrawn_at.is_(None)
        )
    ).all()
    return {address for copy in copies for address in copy}


def _own() -> set[str]:
    return set(db.session.scalars(select(Channel.address).where(Channel.address.is_not(None))))
