"""What rules did to a ticket after somebody has changed it, told to whoever that was: nothing of theirs has failed."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select

from app.database import db
from app.desk import history
from app.desk.events import KINDS
from app.models.board import Board
from app.models.event import Event

CHANGED_FOR = timedelta(minutes=2)  # rules wait 60 s with what a person has set, and a sweep may be late
_DEEDS = [*(kind for kind in history.SHOWN if KINDS[kind].deed), "ticket.left"]


class Then(NamedTuple):
    """What one rule did, up to the board's event `seq`; `by` are the people who had changed the ticket before."""

    seq: int
    ticket: int
    by: list[int | None]
    text: str


def told(board_id: int, since: int, until: int, zone: str, now: datetime) -> list[Then]:
    """What rules did after the event `since` up to `until`, to tickets that people changed in the last minutes; in the
    language being spoken. All who look at the board are told the same, so no other board is named."""
    events = db.session.scalars(
        select(Event)
        .where(
            Event.stream == board_id,
            Event.seq > since,
            Event.seq <= until,
            Event.by_kind == "rule",
            Event.kind.in_(_DEEDS),
        )
        .order_by(Event.seq)
    ).all()
    people = db.session.execute(
        select(Event.subject_id, Event.by_id, func.min(Event.seq))
        .where(
            Event.subject_kind == "ticket",
            Event.subject_id.in_({event.subject_id for event in events}),
            Event.stream == board_id,
            Event.by_kind == "person",
            Event.kind.in_(_DEEDS),
            Event.at >= now - CHANGED_FOR,
        )
        .group_by(Event.subject_id, Event.by_id)
    ).all()
    asked = {number for number, _, _ in people}
    found = []
    ours = [one for one in events if one.subject_id in asked]
    for run, text in history.by_rules(ours, zone, now, select(Board.id).where(Board.id == board_id)):
        last = run[-1]
        by = [person for number, person, first in people if number == last.subject_id and first < last.seq]
        if by:
            found.append(Then(last.seq, last.subject_id, by, text))
    return found
