"""Rules under kill -9 and under several clocks: each effect exactly once."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select

from app.database import bookkeeping, db, writing
from app.models.clock import Lease
from app.models.delivery import Delivery
from app.models.event import Event
from app.models.message import Message
from app.models.notification import Notification
from app.models.rule import RuleFiring
from tests.small import SmallDesk
from tests.stories import fill
from tests.test_sweeps import add_rule, tag
from tests.waiting import until

MANY = 60


def test_what_rules_do_is_done_once_whoever_dies(
    app: Any,
    desk: SmallDesk,
    now: datetime,
    start_flask: Callable[..., subprocess.Popen[bytes]],
) -> None:
    """One clock is killed while it acts, then two go on at the same work."""
    add_rule(desk, "lamp", now, tag("lamp"))
    add_rule(desk, "tag:lamp", now, {"kind": "tell_person", "person_id": desk.bob.id})
    add_rule(desk, "tag:lamp", now, {"kind": "add_note", "text": "Look at the lamp."})
    came_at = now - timedelta(minutes=10)
    with writing(desk.board) as board:
        ones = [fill(board, desk, "open", f"A lamp {n}", came_at).id for n in range(MANY)]
    db.session.rollback()

    clock = start_flask("clock")
    until(is_at_work, 30)
    clock.kill()  # while it judges, or not much later
    clock.wait()
    bookkeeping(delete(Lease))  # as if the dead one's lease had run out
    clocks = [start_flask("clock"), start_flask("clock")]
    until(lambda: nobody_may_keep_the_lease() and is_all_done(), 30)
    for one in clocks:
        one.send_signal(signal.SIGTERM)
    assert [one.wait(30) for one in clocks] == [0, 0]

    db.session.rollback()
    once = Counter(dict.fromkeys(ones, 1))
    assert Counter(db.session.scalars(select(Event.subject_id).where(Event.kind == "ticket.tagged"))) == once
    assert Counter(db.session.scalars(select(Message.ticket_id).where(Message.kind == "note"))) == once
    assert Counter(db.session.scalars(select(Notification.ticket_id))) == once
    per_rule = db.session.execute(select(RuleFiring.rule_id, RuleFiring.ticket_id)).all()
    assert (len(per_rule), len(set(per_rule))) == (3 * MANY, 3 * MANY)
    keys = db.session.scalars(select(Delivery.key)).all()
    assert len(keys) == len(set(keys))
    numbers = db.session.scalars(
        select(Event.seq).where(Event.stream == desk.board.id).order_by(Event.seq)
    ).all()
    assert list(numbers) == list(range(1, len(numbers) + 1))


def is_at_work() -> bool:
    db.session.rollback()
    return db.session.scalar(select(Lease.owner).limit(1)) is not None


def firings() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(RuleFiring)) or 0


def nobody_may_keep_the_lease() -> bool:
    bookkeeping(delete(Lease))
    return True


def is_all_done() -> bool:
    return firings() >= 3 * MANY
