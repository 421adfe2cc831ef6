"""What is wrong with rules is seen where managers look: the list of rules, the navigation, the board, the ticket."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from app import sweeps
from app.database import writing
from app.desk import broken_rules, columns, rules, webhooks
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


def test_a_broken_rule_is_not_switched_on_before_it_is_changed(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    with writing(desk.row) as row:
        hook = webhooks.add(
            row, name="Warehouse", url="https://w.example", secret="s" * 20, by=desk.dana.by, now=now
        )
    rule = add_rule(desk, "sofa", now, {"kind": "call_webhook", "webhook": hook.id}, name="Calls")
    with writing(desk.row) as row:
        webhooks.remove(row, hook.id, by=desk.dana.by, now=now)
    browser = browser_as(desk.alice)
    page = browser.get("/rules").text
    said = "Not there any more: Webhook “Warehouse”. Conditions and actions that name it have no effect."
    assert (said in page, "Call the webhook Warehouse" in page) == (True, True)
    said = (
        "This rule names what is not there any more: Webhook “Warehouse”. Change it before you switch it on."
    )
    assert said in browser.get(f"/rules/{rule.id}/switch").text
    answer = browser.post(f"/rules/{rule.id}/switch", data={"on": "yes"})
    assert (answer.status_code, said in answer.text, again(rule).enabled) == (422, True, False)


def test_a_condition_that_names_who_left_is_marked(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    rule = add_rule(desk, 'sofa assignee:"Bob Reyes"', now, tag("sofa"), name="Bob's")
    other = add_rule(desk, "sofa", now, {"kind": "assign", "person_id": desk.bob.id}, name="To Bob")
    browser = browser_as(desk.dana)
    person = browser.get(f"/people/{desk.bob.id}").text
    assert "In rules that are switched off then: To Bob" in person
    assert "In conditions of rules, which stay as they are: Bob&#39;s" in person
    assert "names who left" not in browser.get("/rules").text
    browser.post(f"/people/{desk.bob.id}/deactivation")
    page = browser.get("/rules").text
    said = "Its condition names who does not work here any more and is given no ticket: Bob Reyes"
    assert (page.count("names who left"), said in page) == (1, True)
    assert (again(rule).enabled, again(other).enabled) == (True, False)


def test_the_question_when_one_is_switched_on_agrees_with_the_list(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    rule = add_rule(desk, "sofa", now, tag("sofa"))
    ticket_in(desk, "new", "A sofa", now)
    sweeps.wake_tickets(now)
    with writing(desk.row) as row:
        rules.switch(row, again(rule), False, by=CLOCK, now=now)
    browser, path = browser_as(desk.alice), f"/rules/{rule.id}/switch"
    page = browser.get(path).text
    assert "It holds for 1 ticket on which it has acted already, and does not act again." in page
    assert ("also_present" in page, "these 0 tickets" in page) == (True, False)
    ticket_in(desk, "new", "Another sofa", now)
    assert "Also 1 ticket that it holds for now" in browser.get(path).text


def test_a_column_says_which_rules_name_it(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    with writing(desk.board) as board:
        later = columns.add(board, name="Later", state="open", wip_limit=None, by=desk.dana.by, now=now)
    add_rule(desk, "sofa", now, {"kind": "move", "column": later.id}, name="Puts off")
    page = browser_as(desk.dana).get(f"/settings/columns/{later.id}").text
    assert "In the rules: Puts off" in page
    assert "Rules that name it are switched off then" in page
