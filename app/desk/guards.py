"""Keeps the desk from talking to machines, and from talking too much: how many messages may go to one recipient."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select

from app.database import db
from app.models.delivery import Delivery
from app.models.message import Message

# (so many messages, in this time): what a desk writes to one recipient or in one ticket before it falls silent.
# A person may go on; only what the desk says by itself is held back.
CAPS = tuple(
    (most, timedelta(minutes=minutes))
    for most, minutes in ((10, 10), (15, 30), (25, 60), (50, 180), (100, 600))
)
# Nobody reads what is sent to these, and some of them answer.
_MACHINE = re.compile(
    r"""(?ix) (?: mailer[-_.]?daemon | postmaster | (?:do[-_.]?not|no)[-_.]?reply | bounces? | listserv | majordomo
    | auto[-_.]?(?:reply|answer|responder) ) (?:[-+=_.].*)?"""
)


def is_a_machine(address: str) -> bool:
    """Whether nobody reads what is sent to this address, by its name."""
    return _MACHINE.fullmatch(address.partition("@")[0]) is not None


def capped(ticket_id: int, address: str, now: datetime) -> bool:
    """Whether so much has gone to this recipient, or in this ticket, that the desk must not add to it by itself."""
    in_ticket = Delivery.message_id.in_(select(Message.id).where(Message.ticket_id == ticket_id))
    return _too_many(Delivery.to_address == address, now) or _too_many(in_ticket, now)


def _too_many(which: ColumnElement[bool], now: datetime) -> bool:
    most, longest = CAPS[-1]
    queued_at: Sequence[datetime] = db.session.scalars(
        select(Delivery.created_at)
        .where(
            which,
            Delivery.kind.in_(("reply", "automatic")),
            Delivery.state != "cancelled",
            Delivery.created_at > now - longest,
        )
        .order_by(Delivery.created_at.desc())
        .limit(most)
    ).all()
    return any(sum(at > now - time for at in queued_at) >= count for count, time in CAPS)
