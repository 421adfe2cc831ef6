"""Sessions, throttles and drafts that have run out are forgotten; opening hours are written further ahead; rules that miss
something are switched off."""

from collections import Counter
from datetime import datetime

from sqlalchemy import delete

from app.database import bookkeeping, db, writing
from app.desk import backtests, broken_rules, calendars, drafts, notifications, removals
from app.models.board import Board
from app.models.calendar import Calendar
from app.models.desk import Desk
from app.models.event import CLOCK
from app.models.person import SignIn, Throttle


def tidy(now: datetime) -> Counter[str]:
    """Forgets sessions, throttles, files of drafts, notifications and backtests that have run out, tickets deleted long ago, switches off rules that miss something, and keeps the windows of opening hours a year ahead."""
    signed_in = bookkeeping(delete(SignIn).where(SignIn.expires_at <= now)).count
    throttled = bookkeeping(delete(Throttle).where(Throttle.until <= now)).count
    files = drafts.forget_abandoned(now)
    told = notifications.forget_old(now)
    tested = backtests.forget_old(now)
    forgotten = _forget_deleted(now)
    return Counter(
        {
            "sessions": signed_in,
            "throttles": throttled,
            "files": files,
            "notifications": told,
            "backtests": tested,
            "deleted": forgotten,
            "calendars": _extend(now),
            "rules": _switch_off(now),
        }
    )


def _forget_deleted(now: datetime) -> int:
    due = removals.due(now)
    db.session.rollback()
    forgotten = 0
    for number, board_id in due:
        with writing(Board(id=board_id)) as board:
            forgotten += removals.forget(board, number, now)
    return forgotten


def _switch_off(now: datetime) -> int:
    """Rules that name whose last day is over, or what was deleted under another lock than the desk's."""
    found = broken_rules.broken(now)
    db.session.rollback()
    if not found:
        return 0
    with writing(db.session.get_one(Desk, 1)) as desk:
        return broken_rules.switch_off(desk, by=CLOCK, now=now)


def _extend(now: datetime) -> int:
    found = calendars.running_out(now)
    db.session.rollback()
    extended = 0
    for calendar_id in found:
        with writing(db.session.get_one(Desk, 1)):
            extended += calendars.keep_windows(db.session.get_one(Calendar, calendar_id), now)
    return extended
