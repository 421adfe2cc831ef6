"""A backtest under kill -9: another clock takes it up, and nothing happens to any ticket."""

import signal
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.database import db, writing
from app.desk import backtests
from app.models.backtest import Backtest
from app.models.delivery import Delivery
from app.models.event import Event
from app.models.message import Message
from app.models.rule import RuleFiring
from app.models.ticket import Ticket, TicketTag
from tests.small import SmallDesk
from tests.stories import fill
from tests.waiting import until

MANY, HOURS = 60, 90  # each ticket is asked at so many instants: that takes some seconds


def test_another_clock_goes_on_with_it(
    app: Any, desk: SmallDesk, now: datetime, start_flask: Callable[..., subprocess.Popen[bytes]]
) -> None:
    with writing(desk.board) as board:
        for n in range(MANY):
            fill(board, desk, "open", f"A lamp {n}", now - timedelta(days=20))
    text = " OR ".join(f"age>{n}h" for n in range(1, HOURS + 1))
    then = [{"kind": "add_tag", "tag": "lamp"}, {"kind": "assign", "person_id": desk.bob.id}]
    draft = backtests.of_draft("Lamps", f"subject:lamp ({text})", then, "episode")
    before = all_that_rules_could_do()
    backtest_id = backtests.start(draft, 30, person=desk.alice, now=now)

    def is_(state: str) -> bool:
        return db.session.get_one(Backtest, backtest_id).state == state

    clock = start_flask("clock")
    until(lambda: is_("running"))
    clock.kill()
    clock.wait()
    db.session.rollback()
    assert (is_("running"), db.session.get_one(Backtest, backtest_id).looked_at) == (True, 0)

    other = start_flask("clock")
    until(lambda: is_("done"), 60)
    other.send_signal(signal.SIGTERM)
    assert other.wait(30) == 0
    done = db.session.get_one(Backtest, backtest_id)
    assert (done.result["tickets"], done.result["times"], done.claim) == (MANY, MANY, None)
    assert all_that_rules_could_do() == before


def all_that_rules_could_do() -> list[Any]:
    counted = (RuleFiring, TicketTag, Message, Delivery)
    found: list[Any] = [db.session.scalar(select(func.count()).select_from(kind)) for kind in counted]
    found += db.session.execute(select(Ticket.id, Ticket.assignee_id).order_by(Ticket.id)).all()
    found += db.session.scalars(select(Event.id).where(Event.by_kind == "rule")).all()
    db.session.rollback()
    return found
