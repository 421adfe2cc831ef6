"""Rules under kill -9 and under several clocks: each effect exactly once."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update

from app.database import bookkeeping, db, writing
from app.models.clock import Lease
from app.models.delivery import Delivery
from app.models.event import Event
from app.models.message import Message
from app.models.notification import Notification
from app.models.rule import RuleFiring
from tests.sink import Sink
from tests.small import SmallDesk
from tests.stories import fill
from tests.test_sweeps import add_rule, tag
from tests.waiting import until

MANY = 40
ANSWERED = 8  # below the caps on what one customer is sent
TO_FIRE = 3 * MANY + ANSWERED


def test_what_rules_do_is_done_once_whoever_dies(
    app: Any,
    desk: SmallDesk,
    now: datetime,
    start_flask: Callable[..., subprocess.Popen[bytes]],
    smtp_sink: Sink,
) -> None:
    """One clock is killed while it acts, then two go on at the same work; what was answered leaves once."""
    add_rule(desk, "lamp", now, tag("lamp"))
    add_rule(desk, "tag:lamp", now, {"kind": "tell_person", "person_id": desk.bob.id})
    add_rule(desk, "tag:lamp", now, {"kind": "add_note", "text": "Look at the lamp."})
    add_rule(desk, "tag:lamp red", now, {"kind": "reply", "text": "We look at {ticket.number}."})
    came_at = now - timedelta(minutes=10)
    with writing(desk.board) as board:
        ones = [
            fill(board, desk, "open", f"A {'red' if n < ANSWERED else 'blue'} lamp", came_at).id
            for n in range(MANY)
        ]
    db.session.rollback()

    clock = start_flask("clock")
    until(is_at_work, 30)
    clock.kill()  # while it judges, or not much later
    clock.wait()
    bookkeeping(delete(Lease))  # as if the dead one's lease had run out
    clocks = [start_flask("clock"), start_flask("clock")]
    until(lambda: nobody_may_keep_the_lease() and is_all_done(), 30)
    answers = update(Delivery).where(Delivery.kind == "automatic", Delivery.state == "queued")
    bookkeeping(answers.values(wake_at=came_at))  # as if their minute were over
    until(lambda: nobody_may_keep_the_lease() and len(left_for_kim(smtp_sink)) >= ANSWERED, 30)
    for one in clocks:
        one.send_signal(signal.SIGTERM)
    assert [one.wait(30) for one in clocks] == [0, 0]

    db.session.rollback()
    once = Counter(dict.fromkeys(ones, 1))
    assert Counter(db.session.scalars(select(Event.subject_id).where(Event.kind == "ticket.tagged"))) == once
    assert Counter(db.session.scalars(select(Message.ticket_id).where(Message.kind == "note"))) == once
    assert Counter(db.session.scalars(select(Notification.ticket_id))) == once
    answered = select(Message.ticket_id).where(Message.kind == "reply", Message.automatic == "rule")
    assert Counter(db.session.scalars(answered)) == Counter(ones[:ANSWERED])
    left = left_for_kim(smtp_sink)
    assert (len(left), len(set(left))) == (ANSWERED, ANSWERED)
    per_rule = db.session.execute(select(RuleFiring.rule_id, RuleFiring.ticket_id)).all()
    assert (len(per_rule), len(set(per_rule))) == (TO_FIRE, TO_FIRE)
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


def left_for_kim(sink: Sink) -> list[str]:
    """The ids of what was sent to the customer."""
    return [
        str(one.message["Message-ID"]) for one in sink.delivered if one.recipients == ("kim@example.org",)
    ]


def nobody_may_keep_the_lease() -> bool:
    bookkeeping(delete(Lease))
    return True


def is_all_done() -> bool:
    return firings() >= TO_FIRE
