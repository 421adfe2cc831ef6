"""Senders whose mail becomes no ticket: blocked and let in again, under the lock of the desk."""

import re
from datetime import datetime

from sqlalchemy import func, select

from app.database import db
from app.desk import access, companies
from app.desk.addresses import checked
from app.desk.events import record
from app.desk.refused import Refused
from app.mail.addresses import punycode
from app.models.blocked import BlockedSender
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.event import By
from app.models.message import Message
from app.models.person import Person
from app.models.ticket import Ticket
from app.words import N_

LONGEST = 320
MOST = 5_000
REASON = N_("Ignored because the sender is blocked.")  # as the archive says it
_DOMAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}")


def block(desk: Desk, text: str, *, by: By, now: datetime) -> BlockedSender:
    """Blocks an address, or a domain (`acme.com` or `@acme.com`). Refused for what is neither, for our own, and for a
    domain where anybody can have mail."""
    access.demand(by, "block_senders", None, now)
    sender = _sender(text)
    if db.session.scalar(select(BlockedSender.id).where(BlockedSender.sender == sender)) is not None:
        raise Refused(N_("%(sender)s is blocked already."), field="sender", sender=sender)
    if (db.session.scalar(select(func.count()).select_from(BlockedSender)) or 0) >= MOST:
        raise Refused(N_("At most %(most)s senders can be blocked."), field="sender", most=MOST)
    blocked = BlockedSender(sender=sender, by_id=by.id if by.kind == "person" else None, at=now)
    db.session.add(blocked)
    db.session.flush()
    record(desk, "sender.blocked", ("sender", blocked.id), by=by, now=now, new=sender)
    return blocked


def unblock(desk: Desk, blocked_id: int, *, by: By, now: datetime) -> str:
    """Lets a sender in again; returns who it is. What was ignored meanwhile stays in the archive."""
    access.demand(by, "block_senders", None, now)
    blocked = db.session.get(BlockedSender, blocked_id)
    if blocked is None:
        raise access.not_found()
    db.session.delete(blocked)
    db.session.flush()
    record(desk, "sender.unblocked", ("sender", blocked_id), by=by, now=now, old=blocked.sender)
    return blocked.sender


def choices(ticket: Ticket) -> list[str]:
    """What can be blocked for a ticket: the address that wrote last, and its domain where not anybody can have mail.
    Empty when nobody has written."""
    newest = (
        select(Message.from_address)
        .where(Message.ticket_id == ticket.id, Message.kind == "customer", Message.from_address != "")
        .order_by(Message.id.desc())
        .limit(1)
    )
    address = db.session.scalar(newest)
    if not address:
        return []
    domain = address.rpartition("@")[2]
    whole = _DOMAIN.fullmatch(domain) and not companies.is_public(domain) and domain not in _own_domains()
    return [address, domain] if whole else [address]


def _sender(text: str) -> str:
    """In the spelling that is kept."""
    text = text.strip()
    if len(text) > LONGEST:
        raise Refused(N_("Use at most %(most)s characters."), field="sender", most=LONGEST)
    local, _, rest = text.rpartition("@")
    return _address(text) if local else _domain(rest)


def _address(text: str) -> str:
    try:
        address = checked(text)
    except Refused as refused:
        raise Refused(refused.text, field="sender") from refused
    ours = select(Channel.id).where(Channel.address == address).limit(1)
    colleague = select(Person.id).where(Person.email == address).limit(1)
    if db.session.scalar(ours) is not None or db.session.scalar(colleague) is not None:
        raise Refused(N_("%(sender)s is an address of this desk."), field="sender", sender=address)
    return address


def _domain(text: str) -> str:
    domain = punycode(text) or ""
    if not _DOMAIN.fullmatch(domain):
        raise Refused(N_("This is neither an e-mail address nor a domain."), field="sender")
    if companies.is_public(domain):
        raise Refused(
            N_("Anybody can have an address at %(domain)s. Block single addresses of it."),
            field="sender",
            domain=domain,
        )
    if domain in _own_domains():
        raise Refused(N_("%(sender)s is a domain of this desk."), field="sender", sender=domain)
    return domain


def _own_domains() -> set[str]:
    """Those of the desk's addresses, the closed ones too."""
    addresses = db.session.scalars(select(Channel.address).where(Channel.address.is_not(None)))
    return {address.rpartition("@")[2] for address in addresses if address}
