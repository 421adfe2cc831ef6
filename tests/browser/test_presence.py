"""Who has a ticket open, seen by the others: on the card and beside the ticket, and gone soon after they left."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from app.database import db, writing
from app.desk import tickets
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.databases import on_both_databases
from tests.small import SmallDesk
from tests.stories import ticket_in


@on_both_databases
def test_others_see_who_is_there_and_who_replies(
    serve: Callable[..., Any], new_page: Callable[..., Any], desk: SmallDesk, now: Any
) -> None:
    ticket = ticket_in(desk, "new", "Charged twice", now)
    url = serve(CLOCK="off").url
    alice, bob = new_page(url, desk.alice), new_page(url, desk.bob)
    for page in (alice, bob):
        page.goto(f"/boards/{desk.board.id}")
        page.locator("#live[data-state=live]").wait_for()
    ring = bob.locator(f"#ticket_{ticket.id} .here")
    line = bob.locator("[data-presence]")
    alice.locator(f"#c{ticket.id} a").click()
    expect(ring).to_have_attribute("aria-label", "Alice Moor has this open")
    with writing(desk.board) as board:  # a card that is drawn anew keeps it
        tickets.prioritise(board, db.session.get_one(Ticket, ticket.id), 3, by=CLOCK, now=now)
    expect(bob.locator(f"#ticket_{ticket.id}[data-priority='3'] .here")).to_be_visible()
    bob.goto(f"/tickets/{ticket.id}")
    expect(line).to_have_text("Alice Moor has this open")
    expect(alice.locator("[data-presence]")).to_have_text("Bob Reyes has this open")
    alice.get_by_role("textbox", name="Message").fill("We are sorry")
    expect(line).to_have_text("Alice Moor is replying")
    alice.keyboard.press("Escape")
    expect(line).to_have_text("")
    alice.locator(f"#c{ticket.id} a").click()
    expect(line).to_have_text("Alice Moor has this open")
    alice.goto("/profile")  # her page is left without a word
    expect(line).to_have_text("")
