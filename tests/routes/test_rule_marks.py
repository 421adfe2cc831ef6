"""What is wrong with rules is seen where managers look: the list of rules, the navigation, the board, the ticket."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from app import sweeps
from app.database import writing
from app.desk import broken_rules, rules
from app.models.event import CLOCK
from tests.small import SmallDesk
from tests.stories import ticket_in
from tests.test_rule_quarrels import again, disagreeing
from tests.test_sweeps import add_rule, tag

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


def badge(page: str) -> str | None:
    """What stands beside "Rules" in the navigation."""
    found = re.search(r'<span>Rules</span>(?:<span class="count">([^<]*)</span>)?', page)
    assert found is not None
    return found[1]


def test_the_navigation_counts_what_managers_should_look_at(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    first, _ = disagreeing(desk, now)
    ticket_in(desk, "new", "A lamp", now)
    paused, failed, left, fine = (add_rule(desk, "sofa", now, tag("sofa"), name=name) for name in "PFLO")
    home = "/customers"
    assert badge(browser_as(desk.alice).get(home).text) is None
    sweeps.wake_tickets(now)
    with writing(desk.row) as row:
        again(paused).paused_at = again(failed).failed_at = now
        rule = again(left)
        rule.actions = [{"kind": "call_webhook", "webhook": 77}]
        assert broken_rules.switch_off(row, by=CLOCK, now=now) == 1
        rules.move(row, rule, 0, by=CLOCK, now=now)
        rules.switch(row, again(fine), False, by=CLOCK, now=now)
    assert badge(browser_as(desk.alice).get(home).text) == "5"
    assert badge(browser_as(desk.bob).get(home).text) is None  # who can do nothing about it
    with writing(desk.row) as row:
        rules.switch(row, again(first), False, by=CLOCK, now=now)
        rules.switch(row, again(paused), False, by=CLOCK, now=now)
        rules.remove(row, again(left), by=CLOCK, now=now)
    assert badge(browser_as(desk.alice).get(home).text) == "1"


def test_that_all_rules_are_stopped_is_said_everywhere(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    add_rule(desk, "sofa", now, tag("sofa"))
    board, said = f"/boards/{desk.board.id}", "All rules are stopped: nothing is tagged or assigned by rule."
    alice, bob = browser_as(desk.alice), browser_as(desk.bob)
    assert said not in alice.get(board).text
    alice.post("/rules/all", data={"on": "no"})
    assert (said in alice.get(board).text, said in bob.get(board).text) == (True, True)
    assert badge(alice.get("/customers").text) == "stopped"
    page = alice.get("/rules").text
    assert ("chip-good" in page.split('id="rules"')[1], "stopped</span>" in page) == (False, True)
    alice.post("/rules/all", data={"on": "yes"})
    assert (said in alice.get(board).text, badge(alice.get("/customers").text)) == (False, None)
