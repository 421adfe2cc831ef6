"""What is wrong with rules is seen where managers look: the list of rules, the navigation, the board, the ticket."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app import sweeps
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_rule_quarrels import disagreeing

Open = Callable[..., Any]


def test_rules_that_disagree_are_marked_with_the_ticket(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    disagreeing(desk, now)
    ticket = ticket_in(desk, "new", "A lamp", now)
    sweeps.wake_tickets(now)
    page = browser_as(desk.alice).get("/rules").text
    for other in ("Second", "First"):
        said = page.split(f"It disagrees with “{other}”")[1]
        assert f'<a href="/tickets/{ticket.id}">' in said.split("</span>")[0]
    assert "It disagrees" not in browser_as(desk.charlie).get("/rules").text  # who does not see the ticket
    rail = browser_as(desk.bob).get(f"/tickets/{ticket.id}").text.split('id="rail_rules"')[1]
    assert (rail.count("First</dt>"), rail.count("Second</dt>")) == (1, 1)
    assert "· 3 times" in rail
    told = browser_as(desk.alice).get("/notifications").text
    assert "These rules disagree about a ticket and rest on it: First, Second" in told
    assert 'href="/rules#rule_' in told
