"""An alert that a rule has raised names its rule: in its mails, on the list, behind its link, in the ticket's history."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.models.delivery import Delivery
from app.models.rule import RuleFiring
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_sweeps import add_rule, tag

Open = Callable[..., Any]
SAID = "The rule “Alarm &amp; more” raises an alert"


def test_an_alert_names_its_rule(desk: SmallDesk, browser_as: Open, now: datetime) -> None:
    then = tag("lamp"), {"kind": "reply", "text": "We have it."}, {"kind": "raise_alert"}
    rule = add_rule(desk, "lamp", now, *then, name="Alarm & more")
    ticket = ticket_in(desk, "open", "A lamp", now)
    sweeps.wake_tickets(now)
    sweeps.wake_alerts(now)
    with writing(desk.row):
        desk.bob.locale = "ko"
        db.session.merge(desk.bob)
    page = db.session.scalars(select(Delivery).where(Delivery.kind == "page").order_by(Delivery.id)).first()
    assert page is not None
    assert page.subject == "The rule “Alarm & more” raises an alert: #1 A lamp"
    link = "/a/" + page.text.partition("/a/")[2].partition("\n")[0]
    manager, agent = browser_as(desk.alice), browser_as(desk.bob)
    for address in ("/alerts", link):
        assert SAID in manager.get(address).text
    assert "“Alarm &amp; more” 규칙이 알림을 올렸습니다" in agent.get("/alerts").text
    done = "Rule Alarm &amp; more added the tag lamp, raised an alert"
    assert done in manager.get(f"/tickets/{ticket.id}").text
    log = manager.get(f"/rules/{rule.id}/firings").text
    assert "added the tag lamp, prepared an automatic answer, raised an alert" in log
    assert "태그 추가: lamp, 자동 답변 준비, 알림 올림" in agent.get(f"/rules/{rule.id}/firings").text
    (firing,) = db.session.scalars(select(RuleFiring))
    manager.post(f"/tickets/{ticket.id}/firings/{firing.id}/undo")
    page = manager.get(f"/tickets/{ticket.id}").text
    assert "ended the alert" in page
