"""Blocking over the web: the list in the settings, and the sender of a ticket, who is put away as spam with it."""

from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from typing import Any

import pytest

from app.database import db
from app.desk import inbox
from app.models.ticket import Ticket
from tests.small import ADDRESS, SmallDesk


def writes_again(now: datetime) -> str:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "kim@example.org", ADDRESS, "Second letter"
    mail.set_content("And another thing.")
    return inbox.receive(mail.as_bytes(), now=now, source="command").action


def test_the_list_in_the_settings(
    desk: SmallDesk, number: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    alice = browser_as(desk.alice)
    assert "/settings/blocked" in alice.get("/settings").text
    assert "Nobody is blocked" in alice.get("/settings/blocked").text
    assert alice.post("/settings/blocked", data={"sender": "gmail.com"}).status_code == 422
    assert alice.post("/settings/blocked", data={"sender": "Example.ORG"}).status_code == 303
    listed = alice.get("/settings/blocked").text
    assert ("example.org" in listed, "Alice Moor" in listed) == (True, True)
    assert writes_again(now) == "ignored"
    assert "Ignored because the sender is blocked" in alice.get("/failed-messages").text
    ignored = alice.get("/failed-messages?ignored=").text
    assert ("Second letter" in ignored, "sender is blocked." in ignored) == (True, True)
    address = ignored.partition('href="/failed-messages/')[2].partition('"')[0]
    shown = alice.get(f"/failed-messages/{address}").text
    assert ("Try again" in shown, "Make a ticket by hand" in shown) == (True, False)
    assert alice.post(f"/failed-messages/{address}/attempt").status_code == 303
    assert "Ignored because the sender is blocked." in alice.get("/failed-messages").text
    assert alice.post("/settings/blocked/1/removal").status_code == 303
    assert alice.post(f"/failed-messages/{address}/attempt").status_code == 303
    assert "The message is in ticket #2 now." in alice.get("/failed-messages").text
    assert alice.post("/settings/blocked/1/removal").status_code == 404


@pytest.mark.parametrize("spam", [True, False])
def test_the_sender_of_a_ticket(
    desk: SmallDesk, number: int, now: datetime, browser_as: Callable[..., Any], spam: bool
) -> None:
    alice, bob = browser_as(desk.alice), browser_as(desk.bob)
    page = f"/tickets/{number}/block"
    assert (page in alice.get(f"/tickets/{number}").text, page in bob.get(f"/tickets/{number}").text) == (
        True,
        False,
    )
    asked = alice.get(page).text
    assert ("kim@example.org" in asked, "Everybody at example.org" in asked) == (True, True)
    assert alice.post(page, data={"sender": "somebody@else.example"}).status_code == 422
    data = {"sender": "kim@example.org", **({"spam": "yes"} if spam else {})}
    assert alice.post(page, data=data).status_code == 303
    assert alice.post(page, data=data).status_code == 422  # blocked already
    assert writes_again(now) == "ignored"
    db.session.rollback()
    ticket = db.session.get_one(Ticket, number, populate_existing=True)
    assert (ticket.state, [tag.name for tag in ticket.tags]) == (
        ("archived", ["spam"]) if spam else ("new", [])
    )
