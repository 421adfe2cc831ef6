"""Has the sweep look at tickets again by which nothing was done: something that they are judged by has changed."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import case, func, select, update

from app.database import db
from app.models.board import UNRESOLVED, Board
from app.models.ticket import Ticket

# What somebody does meanwhile waits behind so many at most; a sweep does more in that time.
AT_ONCE, EVERY = 200, timedelta(seconds=1)
SLACK = 60


def wake(board: Board, now: datetime, states: Collection[str] = UNRESOLVED) -> None:
    """Lets the sweep look at the tickets of a board in these states again: AT_ONCE now, and as many after each EVERY, the
    newest first, those that are not resolved before the others. Whoever is due before that stays so."""
    among = [
        Ticket.board_id == board.id,
        Ticket.state.in_(states) if set(states) - set(UNRESOLVED) else Ticket.closed_at.is_(None),
    ]
    newest = select(Ticket.id).where(*among).order_by(Ticket.closed_at.is_not(None), Ticket.id.desc())
    ids = db.session.scalars(newest).all()
    for place, first in enumerate(range(0, len(ids), AT_ONCE)):
        at = now + place * EVERY
        some = update(Ticket).where(Ticket.id.in_(ids[first : first + AT_ONCE]))
        sooner = case((Ticket.wake_at < at, Ticket.wake_at), else_=at)
        db.session.execute(some.values(wake_at=sooner).execution_options(synchronize_session=False))


def lasts_for() -> timedelta:
    """How long it takes at most until all that are not resolved have been looked at."""
    unresolved = db.session.scalar(select(func.count()).select_from(Ticket).where(Ticket.closed_at.is_(None)))
    return ((unresolved or 0) // AT_ONCE + SLACK) * EVERY
