"""What rules tell webhooks goes out: claimed, posted and marked, beside mail, which waits for none of them."""

from collections import Counter
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.channels import webhooks
from app.config import settings
from app.database import db, writing
from app.desk import deliveries, sealed
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.webhook import Webhook
from app.sweeps.process import claimant

BATCH = 10  # a claim is good for longer than so many take that do not answer


def send_webhooks(now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    for delivery_id in deliveries.claim(claimant(), now, BATCH, webhooks=True):
        counts[_send(delivery_id, now)] += 1
    return counts


def _send(delivery_id: int, now: datetime) -> str:
    """Returns the state it is in then, or "lost" when it is not this process' any more."""
    with Session(db.engine) as reading:
        delivery, webhook = reading.execute(
            select(Delivery, Webhook)
            .outerjoin(Webhook, Webhook.id == Delivery.webhook_id)
            .where(Delivery.id == delivery_id)
        ).one()
        board_id = delivery.board_id
    error = _failure(delivery, webhook, now)
    stream: Board | Desk | None = db.session.get(Board, board_id) if board_id is not None else None
    with writing(stream or db.session.get_one(Desk, 1)):
        delivery = db.session.get_one(Delivery, delivery_id)
        if delivery.state != "claimed" or delivery.claim != claimant():
            return "lost"
        if error is None:
            deliveries.mark_sent(delivery, now)
        else:
            deliveries.mark_failed(delivery, str(error), now, permanent=error.permanent)
        return delivery.state


def _failure(delivery: Delivery, webhook: Webhook | None, now: datetime) -> webhooks.Failed | None:
    if webhook is None:
        return webhooks.Failed("the webhook is not there any more", permanent=True)
    try:
        webhooks.post(
            webhook.url,
            delivery.text,
            id=delivery.header_id,
            secret=sealed.unseal(webhook.secret),
            now=now,
            allowed=settings().webhook_allow,
        )
    except webhooks.Failed as failed:
        return failed
    except (sealed.Unreadable, ValueError) as error:
        return webhooks.Failed(f"the secret cannot be used: {type(error).__name__}", permanent=True)
    return None
