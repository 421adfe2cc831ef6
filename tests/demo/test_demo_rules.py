"""The rules of the demo have acted when it is first looked at, and nothing is left for them to do, nor anything to send."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app import sweeps
from app.database import db, writing
from app.demo import fill
from app.demo.judging import ON_FOR
from app.desk import backtests, why
from app.desk.setup import ensure_desk
from app.models.backtest import Backtest
from app.models.delivery import Delivery
from app.models.person import Person
from app.models.rule import Rule, RuleFiring
from app.models.ticket import Ticket


def counted() -> tuple[int, int]:
    """What waits to be sent, and how often rules have acted."""
    queued = db.session.scalar(select(func.count(Delivery.id)).where(Delivery.state != "sent"))
    return queued or 0, db.session.scalar(select(func.count(RuleFiring.id))) or 0


def test_what_the_rules_of_the_demo_have_done(app: Any, now: datetime) -> None:
    with writing(ensure_desk(now)) as row:
        fill.fill(row, password=fill.new_password(), now=now)
    acted = dict(
        db.session.execute(
            select(Rule.name, func.count(RuleFiring.id)).outerjoin(RuleFiring).group_by(Rule.id)
        ).all()
    )
    assert {name for name, times in acted.items() if not times} == {"No answer for a day"}
    assert acted["Written in German"] == acted["German to Tom"] > 3
    first, last = db.session.execute(select(func.min(RuleFiring.at), func.max(RuleFiring.at))).one()
    assert now - ON_FOR <= first < now - timedelta(days=7)
    assert last <= now

    german = select(RuleFiring.ticket_id).join(Rule).where(Rule.name == "Written in German")
    ticket = db.session.get_one(Ticket, db.session.scalars(german.order_by(RuleFiring.id)).first())
    told = {one.rule.name: one for one in why.told(ticket, "Europe/Berlin", now)}
    assert [firing.done for firing in told["Written in German"].firings] == ["added the tag german"]

    before = counted()
    assert before[0] == 0
    db.session.rollback()
    sweeps.wake_tickets(now + timedelta(seconds=2))
    assert counted() == before  # nothing was left to do

    admin = db.session.scalars(select(Person).where(Person.email == fill.ADMIN)).one()
    draft = backtests.of_draft("Refund", "refund", [{"kind": "add_tag", "tag": "refund"}], "")
    backtest = backtests.start(draft, 30, person=admin, now=now)
    db.session.rollback()
    sweeps.run_backtests(now)
    db.session.rollback()
    result = db.session.get_one(Backtest, backtest).result
    assert result is not None
    (action,) = result["actions"]
    assert (
        min(result["times"], action["people"], action["ruled"]) > 0
    )  # tagged by hand at first, then by the rule
