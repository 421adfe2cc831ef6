"""Several clocks at the same work, and a lease that none of them can keep: whatever they do is done once."""

import ctypes
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select

from app.database import bookkeeping, db, writing
from app.desk import inbox, messages
from app.models.alert import Alert
from app.models.board import Board
from app.models.clock import Heartbeat, Lease
from app.models.delivery import Delivery
from app.models.event import Event
from app.models.message import RawMessage
from app.models.ticket import NORMAL, URGENT, Ticket
from tests.channels.accounts import mail
from tests.duty import publish
from tests.sink import Sink
from tests.small import SmallDesk
from tests.stories import fill
from tests.waiting import until

MINUTE = timedelta(minutes=1)


def test_everything_is_done_once(
    app: Any,
    desk: SmallDesk,
    now: datetime,
    start_flask: Callable[..., subprocess.Popen[bytes]],
    smtp_sink: Sink,
) -> None:
    publish(desk, [desk.bob, desk.erin], now, at_once=True)
    came_at = now - timedelta(days=20)
    with writing(desk.board) as board:
        late = [fill(board, desk, "new", f"Late {n}", came_at, priority=URGENT) for n in range(12)]
        for n in range(12):
            asked = fill(board, desk, "open", f"Asked {n}", came_at, priority=NORMAL)
            messages.reply(board, asked, f"Answer {n}", person=desk.bob, seen=None, now=now - MINUTE)
    for n in range(8):
        inbox.archive(mail(f"Left {n}"), now=now - 5 * MINUTE, source="lmtp")

    clocks = [start_flask("clock"), start_flask("clock")]
    onces = [start_flask("clock", "--once") for _ in range(2)]
    until(lambda: nobody_may_keep_the_lease() and is_all_done(), 60)
    for clock in clocks:
        clock.send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in (*clocks, *onces)] == [0] * 4

    db.session.expire_all()
    alerts = db.session.scalars(select(Alert).where(Alert.kind == "first_response")).all()
    assert sorted(alert.ticket_id for alert in alerts if alert.level == "breach") == [one.id for one in late]
    pages = db.session.scalars(select(Delivery).where(Delivery.kind == "page")).all()
    assert set(Counter((page.alert_id, page.person_id) for page in pages).values()) == {1}
    came = Counter(str(one.message["Message-ID"]).strip("<>") for one in smtp_sink.delivered)
    assert came == Counter(db.session.scalars(select(Delivery.header_id).where(Delivery.state == "sent")))
    subjects = Counter(db.session.scalars(select(Ticket.subject).where(Ticket.subject.like("Left %"))))
    assert subjects == {f"Left {n}": 1 for n in range(8)}
    told = Counter(
        db.session.execute(select(Event.kind, Event.subject_id).where(Event.kind.in_(ONCE_FOR_EACH))).all()
    )
    assert set(told.values()) == {1}
    numbers = db.session.scalars(
        select(Event.seq).where(Event.stream == desk.board.id).order_by(Event.seq)
    ).all()
    assert list(numbers) == list(range(1, db.session.get_one(Board, desk.board.id).seq + 1))


ONCE_FOR_EACH = ("ticket.opened", "shift.started", "delivery.sent")


def nobody_may_keep_the_lease() -> bool:
    bookkeeping(delete(Lease))
    return True


def is_all_done() -> bool:
    """Nothing waits, and everybody who was to be told was told."""
    unsent = select(Delivery.id).where(Delivery.state.in_(("queued", "claimed")))
    unhandled = select(RawMessage.id).where(RawMessage.state == "received")
    waits = db.session.scalar(select(unsent.exists())) or db.session.scalar(select(unhandled.exists()))
    pages = db.session.scalar(select(func.count()).select_from(Delivery).where(Delivery.kind == "page"))
    return not waits and (pages or 0) >= 12


def test_an_end_is_heard_whichever_thread_the_kernel_tells(
    desk: SmallDesk, start_flask: Callable[..., subprocess.Popen[bytes]]
) -> None:
    clock = start_flask("clock")
    until(lambda: db.session.scalar(select(func.count()).select_from(Heartbeat)), 60)
    another = max(int(name) for name in os.listdir(f"/proc/{clock.pid}/task"))
    assert another != clock.pid
    assert ctypes.CDLL(None).tgkill(clock.pid, another, signal.SIGTERM) == 0
    assert clock.wait(60) == 0
