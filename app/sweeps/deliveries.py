"""What is queued goes out: each delivery is claimed, handed to the relay and marked."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.channels import smtp
from app.config import settings
from app.database import db, trouble, writing
from app.desk import backtests, deliveries, messages
from app.mail.files import File
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.event import CLOCK
from app.models.message import Attachment, Blob, Message
from app.models.ticket import Ticket
from app.sweeps.later import leave_due
from app.sweeps.process import bury, claimant
from app.words import N_

BATCH = 20
# What a sweep begins with must be sent before the claim runs out: see deliveries.CLAIM_FOR.
SEND_FOR = timedelta(seconds=10)


def send_due(now: datetime) -> Counter[str]:
    """Sends what is due: claims a few deliveries at a time, hands each to the relay and marks it, so that a process
    that dies has sent at most one that it does not know of. Any number of processes do this side by side."""
    _write_down_what_is_owed()
    leave_due(now)
    bury(partial(_abandon, now))
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    with smtp.relay(settings()) or nullcontext() as relay:
        while (at := _later(now, begun)) < now + SEND_FOR:
            claimed = deliveries.claim(claimant(), now, BATCH, since=at)
            if not claimed:
                break
            counts += _send_all(claimed, relay, now, begun)
    return counts


def _abandon(now: datetime, dead: str) -> None:
    """What a dead process had begun is for any other."""
    deliveries.abandon(dead, now)
    backtests.abandon(dead)


def _send_all(claimed: Sequence[int], relay: smtp.Relay | None, now: datetime, begun: float) -> Counter[str]:
    """Sends a batch. What there is no time to begin with is given back, long before its claim runs out; when the relay
    cannot be reached, what follows is not tried for nothing."""
    counts: Counter[str] = Counter()
    unreachable: smtp.Unreachable | None = None
    with _owing(partial(deliveries.give_back, claimed, claimant(), now)):
        batch, streams = _read(claimed)
    for place, delivery in enumerate(batch):
        if _later(now, begun) >= now + SEND_FOR:
            deliveries.give_back(claimed[place:], claimant(), now)
            break
        error: smtp.Temporary | smtp.Permanent | None = unreachable
        but: str | None = None
        if relay is not None and error is None:
            with _owing(partial(deliveries.give_back, claimed[place:], claimant(), now)):
                files = _files_of(delivery)
            error, but = _hand_over(delivery, files, relay)
            unreachable = error if isinstance(error, smtp.Unreachable) else None
        stream = streams[delivery.board_id]
        mark = partial(_mark, stream, delivery.id, relay is None, error, but, _later(now, begun))
        with _owing(mark, partial(deliveries.give_back, claimed[place + 1 :], claimant(), now)):
            counts[mark()] += 1  # what became of this one is known here alone
    return counts


@contextmanager
def _owing(*write_down: Callable[[], object]) -> Iterator[None]:
    """When the database is in trouble here, this is done as soon as it is not."""
    try:
        yield
    except SQLAlchemyError as failure:
        if trouble(failure):
            _owed().extend(write_down)
        raise


def _owed() -> deque[Callable[[], object]]:
    """What this process could not write down when the database was in trouble, oldest first."""
    owed: deque[Callable[[], object]] = current_app.extensions.setdefault("unmarked deliveries", deque())
    return owed


def _write_down_what_is_owed() -> None:
    """Before anything else is sent: else what has left would leave again when its claim runs out."""
    owed = _owed()
    while owed:
        write_down = owed.popleft()
        try:
            write_down()
        except SQLAlchemyError as failure:
            if trouble(failure):
                owed.appendleft(write_down)
            raise


def _read(claimed: Sequence[int]) -> tuple[Sequence[Delivery], Mapping[int | None, Board | Desk]]:
    """The claimed deliveries, and by their `board_id` the streams they are recorded on. By a session of its own that is
    closed again, so that nothing is held open, nor read anew, while the network is waited for."""
    with Session(db.engine) as reading:
        batch = reading.scalars(select(Delivery).where(Delivery.id.in_(claimed)).order_by(Delivery.id)).all()
        streams: dict[int | None, Board | Desk] = {
            board.id: board for board in reading.scalars(select(Board))
        }
        streams[None] = reading.get_one(Desk, 1)
    return batch, streams


def _later(now: datetime, begun: float) -> datetime:
    """The instant that is `now` plus the time since `begun`, of time.monotonic()."""
    return now + timedelta(seconds=time.monotonic() - begun)


def _files_of(delivery: Delivery) -> list[File]:
    """What goes with it; read when its turn comes, so that one message at a time is held in memory."""
    if delivery.message_id is None:
        return []
    with Session(db.engine) as reading:
        found = reading.execute(
            select(Attachment.name, Attachment.media_type, Blob.data)
            .join(Blob, Blob.sha256 == Attachment.sha256)
            .where(Attachment.message_id == delivery.message_id)
            .order_by(Attachment.id)
        )
        return [File(name, media_type, data) for name, media_type, data in found]


def _hand_over(
    delivery: Delivery, files: Sequence[File], relay: smtp.Relay
) -> tuple[smtp.Temporary | smtp.Permanent | None, str | None]:
    """What went wrong, and which copies were refused when the message itself was not."""
    try:
        return None, relay.send(delivery, files)
    except (smtp.Temporary, smtp.Permanent) as failure:
        return failure, None


def _mark(
    stream: Board | Desk,
    delivery_id: int,
    held: bool,
    error: smtp.Temporary | smtp.Permanent | None,
    but: str | None,
    now: datetime,
) -> str:
    """Writes down what became of a delivery; returns its state, or "lost" when it is not this process' any more."""
    with writing(_where_it_is(stream, delivery_id)) as locked:
        delivery = db.session.get_one(Delivery, delivery_id)
        moved = isinstance(locked, Board) and delivery.board_id not in (None, locked.id)
        if not moved:
            return _mark_locked(locked, delivery, held, error, but, now)
    return _mark(stream, delivery_id, held, error, but, now)  # since it was asked where it is


def _mark_locked(
    stream: Board | Desk,
    delivery: Delivery,
    held: bool,
    error: smtp.Temporary | smtp.Permanent | None,
    but: str | None,
    now: datetime,
) -> str:
    if delivery.state != "claimed" or delivery.claim != claimant():
        return "lost"
    if held:
        deliveries.mark_held(delivery)
    elif error is None:
        deliveries.mark_sent(delivery, now, but)
    else:
        deliveries.mark_failed(delivery, str(error), now, permanent=isinstance(error, smtp.Permanent))
    _tell_ticket(stream, delivery, now)
    return delivery.state


def _where_it_is(stream: Board | Desk, delivery_id: int) -> Board | Desk:
    """While it was being sent, its ticket may have come to another board."""
    if isinstance(stream, Desk):
        return stream
    board_id = db.session.scalar(select(Delivery.board_id).where(Delivery.id == delivery_id))
    return stream if board_id is None else Board(id=board_id)


def _tell_ticket(stream: Board | Desk, delivery: Delivery, now: datetime) -> None:
    if not isinstance(stream, Board) or delivery.kind not in ("reply", "automatic", "forward"):
        return
    if delivery.state not in ("sent", "failed", "held"):
        return
    ticket = db.session.scalars(
        select(Ticket).join(Message, Message.ticket_id == Ticket.id).where(Message.id == delivery.message_id)
    ).one_or_none()
    if ticket is None:
        return
    kind = "delivery.sent" if delivery.state == "sent" else "delivery.failed"
    error = delivery.error or N_("no way to send mail is set up")
    messages.told(stream, ticket, kind, by=CLOCK, now=now, message=delivery.message_id, error=error)
