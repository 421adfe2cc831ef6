"""Alerts whose next step is due climb their ladder."""

import logging
from collections import Counter
from datetime import datetime

from sqlalchemy import update

from app.database import bookkeeping, db, trouble, writing
from app.desk import alerts
from app.models.alert import Alert
from app.models.board import Board
from app.sweeps.tickets import RETRY_FOR

log = logging.getLogger(__name__)


def wake_alerts(now: datetime) -> Counter[str]:
    """Lets alerts climb their ladder."""
    counts: Counter[str] = Counter()
    for board_id, alert_id in alerts.due_alerts(now):
        try:
            with writing(db.session.get_one(Board, board_id)) as board:
                counts["told"] += alerts.climb(board, db.session.get_one(Alert, alert_id), now)
        except Exception as error:
            if trouble(error):
                raise
            log.exception("alert %s failed and is tried again in five minutes", alert_id)
            db.session.rollback()
            bookkeeping(update(Alert).where(Alert.id == alert_id).values(wake_at=now + RETRY_FOR))
            counts["failed"] += 1
    return counts
