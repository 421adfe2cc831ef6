"""The bell in two real browsers: one gives a ticket away, the other is told without asking, and has read it by opening it."""

from typing import Any

from playwright.sync_api import expect

from app.database import db, writing
from app.desk import tickets
from app.models.ticket import Ticket
from tests.axe import objections
from tests.stories import ticket_in
from tests.waiting import until


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
    assert objections(bob) == []
    bob.get_by_role("link", name="Where is my parcel?").click()
    expect(bell).to_have_text("")
    expect(bob).not_to_have_title("(1)")
    bob.goto("/notifications")
    expect(bob.get_by_role("button", name="Mark all as read")).to_have_count(0)


def test_where_no_board_is_followed_the_bell_asks_while_somebody_looks(
    serve: Any, new_page: Any, desk: Any, now: Any
) -> None:
    """Every twenty seconds, never while it is hidden, and when one comes back; other pages of the browser hear of it."""
    one, two = (ticket_in(desk, "new", subject, now).id for subject in ("One", "Two"))
    bob = new_page(serve(CLOCK="off").url, desk.bob)
    asked: list[str] = []
    bob.on("request", lambda request: asked.append(request.url) if request.url.endswith("/count") else None)
    other = bob.context.new_page()
    bob.context.clock.install()  # one for both
    for page in (bob, other):
        page.goto("/customers")
    hide(other, True)
    bell, there = (page.locator("[data-bell]") for page in (bob, other))
    give(desk, one, now)
    until(lambda: bob.clock.run_for(5_000) or bell.inner_text() == "1")
    expect(there).to_have_text("1")
    hide(bob, True)
    give(desk, two, now)
    before = len(asked)
    bob.clock.run_for(300_000)
    assert len(asked) == before
    hide(bob, False)
    with bob.expect_response("**/notifications/count"):
        bob.evaluate("dispatchEvent(new Event('focus'))")
        bob.clock.run_for(1)
    expect(bell).to_have_text("2")


def give(desk: Any, number: int, now: Any) -> None:
    with writing(desk.board) as board:
        tickets.assign(board, db.session.get_one(Ticket, number), desk.bob.id, by=desk.alice.by, now=now)


def hide(page: Any, hidden: bool) -> None:
    """As when another tab is in front."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          if (hidden) document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
