"""What is queued goes out: each delivery is claimed, handed to the relay and marked."""

from collections import Counter
from datetime import datetime

from app.channels import smtp
from app.config import settings
from app.database import db, writing
from app.desk import deliveries, messages
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.event import CLOCK
from app.models.ticket import Ticket
from app.sweeps.process import process
from app.words import N_


def send_due(now: datetime) -> Counter[str]:
    """Sends what is due: claims each delivery, hands it to the relay, marks it."""
    counts: Counter[str] = Counter()
    relay = smtp.relay(settings())
    for delivery_id in deliveries.due(now):
        db.session.rollback()
        if deliveries.claim(delivery_id, process(), now):
            counts[_send(delivery_id, relay, now)] += 1
    return counts


def _send(delivery_id: int, relay: smtp.Relay | None, now: datetime) -> str:
    """Hands one claimed delivery to the relay and marks what became of it."""
    db.session.rollback()
    delivery = db.session.get_one(Delivery, delivery_id)
    error: smtp.Temporary | smtp.Permanent | None = None
    if relay is not None:
        db.session.rollback()  # nothing is held open while the network is waited for
        try:
            relay.send(delivery)
        except (smtp.Temporary, smtp.Permanent) as failure:
            error = failure
    stream: Board | Desk = (
        db.session.get_one(Board, delivery.board_id) if delivery.board_id else db.session.get_one(Desk, 1)
    )
    with writing(stream) as locked:
        delivery = db.session.get_one(Delivery, delivery_id, populate_existing=True)
        if delivery.state != "claimed" or delivery.claim != process():
            return "lost"
        if relay is None:
            deliveries.mark_held(delivery)
        elif error is None:
            deliveries.mark_sent(delivery, now)
        else:
            deliveries.mark_failed(delivery, str(error), now, permanent=isinstance(error, smtp.Permanent))
        _tell_ticket(locked, delivery, now)
        return delivery.state


def _tell_ticket(stream: Board | Desk, delivery: Delivery, now: datetime) -> None:
    if (
        not isinstance(stream, Board)
        or delivery.kind not in ("reply", "automatic")
        or delivery.message is None
    ):
        return
    if delivery.state not in ("sent", "failed", "held"):
        return
    ticket = db.session.get_one(Ticket, delivery.message.ticket_id)
    kind = "delivery.sent" if delivery.state == "sent" else "delivery.failed"
    error = delivery.error or N_("no way to send mail is set up")
    messages.told(stream, ticket, kind, by=CLOCK, now=now, message=delivery.message_id, error=error)
