"""The bell in two real browsers: one gives a ticket away, the other is told without asking, and has read it by opening it."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.stories import ticket_in


def test_a_ticket_that_is_assigned_rings_the_bell_of_the_other(
    serve: Any, new_page: Any, desk: Any, now: Any
) -> None:
    ticket = ticket_in(desk, "new", "Where is my parcel?", now)
    url = serve(CLOCK="off").url
    alice, bob = new_page(url, desk.alice), new_page(url, desk.bob)
    bob.goto(f"/boards/{desk.board.id}")
    bob.locator("#live[data-state=live]").wait_for()
    bell = bob.locator("[data-bell]")
    expect(bell).to_have_attribute("aria-label", "Notifications")

    alice.goto(f"/tickets/{ticket.id}")
    alice.get_by_label("Assignee").select_option("Bob Reyes")
    alice.locator("form[action$='/assignee']").get_by_role("button", name="Save").click()
    expect(bell).to_have_attribute("aria-label", "Notifications: 1 unread", timeout=15_000)
    expect(bell).to_have_text("1")
    expect(bob).to_have_title("(1) Support · Nightdesk")

    bell.click()
    expect(bob.get_by_text("Alice Moor assigned it to you")).to_be_visible()
    assert [found["id"] for found in Axe().run(bob).response["violations"]] == []
    bob.get_by_role("link", name="Where is my parcel?").click()
    expect(bell).to_have_text("")
    expect(bob).not_to_have_title("(1)")
    bob.goto("/notifications")
    expect(bob.get_by_role("button", name="Mark all as read")).to_have_count(0)
