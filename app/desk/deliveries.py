"""The outbox: what must leave is a row, written with its cause; it is claimed, sent, marked, and tried again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from app.database import bookkeeping, db, insert_new
from app.desk.events import record
from app.desk.refused import MOVED_MEANWHILE, Refused
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.event import By
from app.words import N_

CLAIM_FOR = timedelta(minutes=10)  # longer than the slowest relay can take, see channels.smtp
PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720))  # then it has failed


def queue(key: str, *, at: datetime, now: datetime, **fields: object) -> int | None:
    """Queues a delivery to leave at `at`, also one that was cancelled; None when its cause has queued it already."""
    return db.session.execute(
        insert_new(Delivery)
        .values(
            key=key,
            state="queued",
            wake_at=at,
            created_at=now,
            attempts=0,
            **{"to_name": "", "references": "", "language": "en", "automatic": False, **fields},
        )
        .on_conflict_do_update(
            index_elements=["key"],
            set_={"state": "queued", "wake_at": at, "error": None},
            where=Delivery.state == "cancelled",
        )
        .returning(Delivery.id)
    ).scalar_one_or_none()


def claim(
    process: str, now: datetime, most: int, *, since: datetime | None = None, webhooks: bool = False
) -> Sequence[int]:
    """Takes the deliveries that are due for this process, oldest first, abandoned claims included; another process
    that asks at the same moment gets others. They are its own until CLAIM_FOR after `since`, when it is not `now`.
    `webhooks`: those for webhooks alone; else all others."""
    which = Delivery.kind == "webhook" if webhooks else Delivery.kind != "webhook"
    due = (
        select(Delivery.id)
        .where(Delivery.wake_at <= now, Delivery.state.in_(("queued", "claimed")), which)
        .order_by(Delivery.wake_at, Delivery.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claimed = bookkeeping(
        update(Delivery)
        .where(Delivery.id.in_(select(due.c.id)))
        .values(state="claimed", claim=process, wake_at=(since or now) + CLAIM_FOR)
        .returning(Delivery.id)
    )
    return sorted(row[0] for row in claimed.rows)


def give_back(delivery_ids: Sequence[int], process: str, now: datetime) -> None:
    """What this process has claimed and has not begun to send is for any other."""
    bookkeeping(
        update(Delivery)
        .where(Delivery.id.in_(delivery_ids), Delivery.state == "claimed", Delivery.claim == process)
        .values(state="queued", wake_at=now)
    )


def abandon(process: str, now: datetime) -> int:
    """The claims of a process that is dead are due at once; returns how many it had. They stay claims: it may have
    sent what it died with, so that nobody can take that back any more."""
    return bookkeeping(
        update(Delivery)
        .where(Delivery.claim == process, Delivery.state == "claimed", Delivery.wake_at > now)
        .values(wake_at=now)
    ).count


def cancel(message_id: int) -> bool:
    """Takes back what has not begun to leave; False when it is too late. Under the board's lock."""
    result = db.session.execute(
        update(Delivery)
        .where(Delivery.message_id == message_id, or_(Delivery.state == "queued", Delivery.state == "held"))
        .values(state="cancelled", wake_at=None)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def resume(message_id: int, at: datetime) -> bool:
    """Queues again what was cancelled; False when it was not. Under the board's lock."""
    result = db.session.execute(
        update(Delivery)
        .where(Delivery.message_id == message_id, Delivery.state == "cancelled")
        .values(state="queued", wake_at=at, error=None)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def cancel_pages(alert_id: int) -> None:
    """Pages of an alert that have not left are not needed any more. Under the board's lock."""
    db.session.execute(
        update(Delivery)
        .where(Delivery.alert_id == alert_id, Delivery.state == "queued")
        .values(state="cancelled", wake_at=None)
    )


def mark_sent(delivery: Delivery, now: datetime, but: str | None = None) -> None:
    """It has left; `but` says which copies did not, and why."""
    delivery.state, delivery.sent_at, delivery.wake_at, delivery.error = "sent", now, None, but
    delivery.attempts += 1


def mark_held(delivery: Delivery) -> None:
    """There is no way to send: it waits on the page of what was not delivered."""
    delivery.state, delivery.wake_at = "held", None


def mark_failed(delivery: Delivery, error: str, now: datetime, *, permanent: bool) -> None:
    """Tries again after a growing pause; a permanent refusal, or the last try, is a failure."""
    delivery.attempts += 1
    delivery.error = error[:500]
    if permanent or delivery.attempts > len(PAUSES):
        delivery.state, delivery.wake_at = "failed", None
    else:
        delivery.state, delivery.wake_at = "queued", now + PAUSES[delivery.attempts - 1]


def try_again(stream: Board | Desk, delivery: Delivery, *, by: By, now: datetime) -> None:
    """A person asks for another try. Refused with 409 for what is neither held nor failed (any more), or not on this board."""
    if isinstance(stream, Board) and delivery.board_id != stream.id:
        raise Refused(MOVED_MEANWHILE, status=409)
    if delivery.state not in ("held", "failed"):
        raise Refused(N_("This message is being sent already."), status=409)
    delivery.state, delivery.wake_at, delivery.attempts = "queued", now, 0
    message = delivery.message
    subject = ("ticket", message.ticket_id) if message is not None else ("delivery", delivery.id)
    record(stream, "delivery.retried", subject, by=by, now=now, delivery=delivery.id)
