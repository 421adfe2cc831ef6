"""The machine's clock was set back: what waits for an instant that is far away now would wait for too long."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, literal, update

from app.database import UTCDateTime, bookkeeping
from app.desk import acknowledgements, alerts, deliveries, mailboxes, notifications
from app.models.alert import Alert
from app.models.delivery import Delivery
from app.models.mailbox import Mailbox
from app.models.notification import Notification
from app.sweeps.tickets import judge_anew


def set_back(now: datetime) -> None:
    """Shortens every wait to the longest that such a wait can be, and has every unresolved ticket judged anew.

    Nothing is done twice by it: claims go on for a while yet, and a step of a ladder that was told is told.
    """
    step = _at(now, alerts.STEP_FOR)
    bookkeeping(update(Alert).where(Alert.wake_at > step).values(wake_at=step))
    again = _of_deliveries(now)
    bookkeeping(update(Delivery).where(Delivery.wake_at > again).values(wake_at=again))
    look = _of_mailboxes(now)
    bookkeeping(update(Mailbox).where(Mailbox.wake_at > look).values(wake_at=look))
    claim = _at(now, mailboxes.CLAIM_FOR)
    bookkeeping(update(Mailbox).where(Mailbox.claimed_until > claim).values(claimed_until=claim))
    mail = _at(now, notifications.MAIL_EVERY)
    bookkeeping(update(Notification).where(Notification.wake_at > mail).values(wake_at=mail))
    judge_anew(now)


def _of_deliveries(now: datetime) -> ColumnElement[datetime]:
    return case(
        (Delivery.state == "claimed", _at(now, deliveries.CLAIM_FOR)),
        (Delivery.attempts == 0, _at(now, acknowledgements.DELAY_FOR)),
        *((Delivery.attempts == n, _at(now, pause)) for n, pause in enumerate(deliveries.PAUSES, 1)),
        else_=_at(now, deliveries.PAUSES[-1]),
    )


def _of_mailboxes(now: datetime) -> ColumnElement[datetime]:
    return case(
        (Mailbox.attempts == 0, _at(now, mailboxes.EVERY)),
        *((Mailbox.attempts == n, _at(now, pause)) for n, pause in enumerate(mailboxes.PAUSES, 1)),
        else_=_at(now, mailboxes.PAUSES[-1]),
    )


def _at(now: datetime, later: timedelta) -> ColumnElement[datetime]:
    return literal(now + later, UTCDateTime())
