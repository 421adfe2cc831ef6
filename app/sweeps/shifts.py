"""Shifts begin and end: what is open passes to the next person, and new weeks are published."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import select

from app.database import db, writing
from app.desk import alerts, rotas, shifts, waking
from app.desk.events import record
from app.models.board import Board, all_boards
from app.models.desk import Desk
from app.models.event import CLOCK
from app.models.rota import PRIMARY, Rota, Shift


def hand_over(now: datetime) -> Counter[str]:
    """Begins and ends shifts: open alerts pass to the next person, who is told; new weeks are published."""
    counts: Counter[str] = Counter()
    for shift_id in [shift.id for shift in shifts.due(now)]:
        with writing(db.session.get_one(Desk, 1)) as desk:
            shift = db.session.get(Shift, shift_id)
            if shift is None or shift.wake_at is None or shift.wake_at > now:
                continue  # another process was faster, or the shift was published anew
            counts["shifts"] += 1
            if shifts.start_or_end(desk, shift, now) and shift.role == PRIMARY:
                for board in _boards_of(shift.rota_id):
                    counts["handed_over"] += _hand_over(board, shift, now)
    for rota_id in db.session.scalars(select(Rota.id)).all():
        if _lacks_weeks(rota_id, now):
            with writing(db.session.get_one(Desk, 1)) as desk:
                counts["published"] += rotas.extend(desk, db.session.get_one(Rota, rota_id), now)
    return counts


def _hand_over(board: Board, shift: Shift, now: datetime) -> int:
    """A primary shift has begun: its alerts, what nobody has, and the head of the board go by the new person. The
    board's row is locked behind the desk's, as the order of locks asks for."""
    locked = db.session.get_one(Board, board.id, with_for_update=True, populate_existing=True)
    record(locked, "duty.changed", ("board", locked.id), by=CLOCK, now=now, person=shift.person_id)
    waking.wake(locked, now)
    return alerts.hand_over(locked, shift.person_id, now)


def _lacks_weeks(rota_id: int, now: datetime) -> bool:
    until = rotas.published_until(rota_id)
    rota = db.session.get_one(Rota, rota_id)
    return until is not None and until < now + timedelta(weeks=rota.horizon_weeks)


def _boards_of(rota_id: int) -> list[Board]:
    return [board for board in all_boards() if board.rota_id == rota_id]
