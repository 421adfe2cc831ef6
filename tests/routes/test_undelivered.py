"""What was not delivered: who sees it, that its links work, and that it can be tried again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.models.delivery import Delivery
from app.models.event import Event
from app.models.message import Message
from tests.routes.conversation import kim_writes
from tests.small import SmallDesk


@pytest.fixture
def held(desk: SmallDesk, travel: Any, now: datetime, browser_as: Callable[..., Any]) -> int:
    """Bob has answered with a link, and there is no way to send."""
    number = kim_writes(now)
    newest = db.session.scalars(select(Message.id)).one()
    form = {"text": "See https://example.org/help. <b>", "seen": newest}
    browser_as(desk.bob).post(f"/tickets/{number}/replies", data=form)
    travel.shift(timedelta(seconds=11))
    sweeps.send_due(now + timedelta(seconds=11))
    db.session.rollback()
    return db.session.scalars(select(Delivery.id).where(Delivery.state == "held")).one()


def text(browser: Any) -> str:
    answer = browser.get("/deliveries")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_is_shown_with_its_links(desk: SmallDesk, held: int, browser_as: Callable[..., Any]) -> None:
    shown = text(browser_as(desk.bob))
    assert "Re: The lamp &lt;flickers&gt;" in shown
    assert "Kim Byrne &lt;kim@example.org&gt;" in shown
    assert '<a href="https://example.org/help" target="_blank"' in shown
    assert "&lt;b&gt;" in shown
    assert "No mail server is set up" in shown


def test_each_sees_what_is_for_them(
    desk: SmallDesk, held: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    with writing(desk.row):
        db.session.add(
            Delivery(
                key="invitation:1",
                kind="notice",
                person_id=desk.erin.id,
                from_name="Northlight",
                from_address="desk@example.com",
                to_address=desk.erin.email,
                subject="Choose your password",
                text="http://127.0.0.1/invitations/secret",
                header_id="invitation.1@example.com",
                state="failed",
                error="550 unknown",
                created_at=now,
            )
        )
    seen = {
        person.name: text(browser_as(person))
        for person in (desk.alice, desk.bob, desk.charlie, desk.dana, desk.erin)
    }
    assert {name for name, page in seen.items() if "The lamp" in page} == {
        "Alice Moor",
        "Bob Reyes",
        "Dana Wolf",
    }
    # an invitation lets its reader in as somebody else: not even a manager reads it
    assert {name for name, page in seen.items() if "/invitations/" in page} == {"Dana Wolf", "Erin Park"}


def test_is_tried_again_once(desk: SmallDesk, held: int, browser_as: Callable[..., Any]) -> None:
    bob = browser_as(desk.bob)
    answer = bob.post(f"/deliveries/{held}/try")
    assert answer.headers["Location"] == "/deliveries"
    delivery = db.session.get_one(Delivery, held)
    assert (delivery.state, delivery.attempts) == ("queued", 0)
    assert "The message to kim@example.org is on its way again." in text(bob)
    assert bob.post(f"/deliveries/{held}/try").status_code == 409
    assert db.session.scalars(select(Event.kind).order_by(Event.id.desc())).first() == "delivery.retried"


def test_is_tried_again_from_its_ticket(desk: SmallDesk, held: int, browser_as: Callable[..., Any]) -> None:
    message = db.session.get_one(Delivery, held).message
    assert message is not None
    answer = browser_as(desk.bob).post(f"/deliveries/{held}/try", data={"from": "ticket"})
    assert answer.headers["Location"] == f"/tickets/{message.ticket_id}#message_{message.id}"


def test_others_find_nothing(desk: SmallDesk, held: int, browser_as: Callable[..., Any]) -> None:
    assert browser_as(desk.charlie).post(f"/deliveries/{held}/try").status_code == 404
    assert browser_as(desk.bob).post("/deliveries/99999/try").status_code == 404
    assert db.session.get_one(Delivery, held).state == "held"
