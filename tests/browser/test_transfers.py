"""A ticket is moved to another board in a real browser: everybody's boards and its own page hear of it, and of the undo."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import expect

from app.database import db, writing
from app.desk import messages, presences
from app.models.board import Board
from app.models.event import CLOCK
from tests.desk.boards import second_board
from tests.desk.test_transfers import fresh, transfer
from tests.stories import ticket_in


def test_from_one_board_to_the_other_and_back(
    serve: Callable[..., Any], new_page: Callable[..., Any], desk: Any, now: Any
) -> None:
    ticket = ticket_in(desk, "open", "Lamp", now)
    other = second_board(desk, now)
    url = serve(CLOCK="off").url
    alice, there = new_page(url, desk.alice), new_page(url, desk.dana)
    own = there.context.new_page()
    for page, address in ((alice, f"/boards/{desk.board.id}"), (there, f"/boards/{other.id}")):
        page.goto(address)
        page.locator("#live[data-state=live]").wait_for()
    own.goto(f"/tickets/{ticket.id}")
    own.locator("#live[data-state=live]").wait_for()
    card = f"#column_%s #ticket_{ticket.id}"

    alice.locator(card % desk.columns["open"].id).get_by_role("link", name="Lamp").click()
    alice.locator(f"#line_{ticket.id}").get_by_label("More actions").click()
    alice.get_by_role("link", name="Move to another board").click()
    sheet = alice.get_by_role("dialog", name="to another board")
    expect(sheet.get_by_label("Board")).to_have_value(str(other.id))
    sheet.get_by_role("button", name="Move").click()

    there.locator(card % other.column_for("open").id).wait_for()
    expect(alice.locator(card % desk.columns["open"].id)).to_have_count(0)
    expect(alice.locator(f"#line_{ticket.id}")).to_contain_text("Wholesale")
    expect(own.locator(f"#line_{ticket.id}")).to_contain_text("Wholesale")
    expect(own.locator("#board")).to_have_attribute("data-board", str(other.id))
    expect(own.locator("#live")).to_have_attribute("data-state", "live")

    toast = alice.locator(".toast")
    expect(toast).to_contain_text(f"#{ticket.id} moved to the board Wholesale")
    toast.get_by_role("button", name="Undo").click()
    alice.locator(card % desk.columns["open"].id).wait_for()
    expect(there.locator(f"#ticket_{ticket.id}")).to_have_count(0)
    expect(own.locator("#board")).to_have_attribute("data-board", str(desk.board.id))
    expect(own.locator(".event").last).to_contain_text("undid: moved it from the board Support to Wholesale")


def test_who_has_it_open_beside_its_old_board(
    serve: Callable[..., Any], new_page: Callable[..., Any], desk: Any, now: Any
) -> None:
    """Alice, who sees both boards, is told where it went and hears what is written there. Bob is told that it has gone, and hears
    nothing more until it is back."""
    ticket = ticket_in(desk, "open", "Lamp", now)
    other = second_board(desk, now)
    url = serve(CLOCK="off").url
    alice, bob = new_page(url, desk.alice), new_page(url, desk.bob, troubled=True)  # he is refused it
    for page in (alice, bob):
        page.goto(f"/boards/{desk.board.id}")
        page.locator("#live[data-state=live]").wait_for()
        page.locator(f"#ticket_{ticket.id}").get_by_role("link", name="Lamp").click()
        page.locator(f"#line_{ticket.id}").wait_for()

    def kim_writes(board: Board, text: str) -> None:
        with writing(Board(id=board.id)) as locked:
            kim = {"from_name": "Kim", "from_address": "kim@example.org"}
            messages.receive(locked, fresh(ticket), by=CLOCK, now=now, text=text, **kim)

    transfer(ticket, other, desk.dana, now)
    told = alice.locator(".conversation [role=status]")
    expect(told).to_have_text("Dana Wolf moved it from the board Support to Wholesale")
    expect(bob.get_by_role("alert").filter(has_text="moved to a board that you do not see")).to_be_visible()
    expect(bob.locator(f"#composer_{ticket.id} button.primary").first).to_be_disabled()
    kim_writes(other, "It flickers again.")
    expect(alice.locator(f"#messages_{ticket.id}")).to_contain_text("It flickers again.")
    expect(alice.locator("#board")).to_have_attribute("data-board", str(desk.board.id))
    expect(bob.locator(f"#messages_{ticket.id}")).not_to_contain_text("It flickers again.")
    presences.be_at(fresh(ticket), desk.dana, "reply", datetime.now(UTC))
    expect(alice.locator("#panel [data-presence]")).to_contain_text("Dana Wolf")

    transfer(ticket, desk.board, desk.dana, now)
    expect(told).to_have_text("Dana Wolf moved it from the board Wholesale to Support")
    expect(bob.locator(f"#messages_{ticket.id}")).to_contain_text("It flickers again.")
    expect(bob.get_by_role("alert").filter(has_text="moved to a board that you do not see")).to_have_count(0)
    expect(bob.locator(f"#composer_{ticket.id} button.primary").first).to_be_enabled()
    kim_writes(desk.board, "And it is dark now.")
    for page in (alice, bob):
        expect(page.locator(f"#messages_{ticket.id}")).to_contain_text("And it is dark now.")


def test_by_key_and_by_the_palette(
    serve: Callable[..., Any], new_page: Callable[..., Any], desk: Any, now: Any
) -> None:
    """The card in focus, the ticket that is open, and all that are selected, on the board and in a list."""
    lamp, bulb = (ticket_in(desk, "open", subject, now) for subject in ("Lamp", "Bulb"))
    other = second_board(desk, now)
    page = new_page(serve(CLOCK="off").url, desk.alice)
    sheet = page.get_by_role("dialog", name="to another board")

    def by_palette() -> None:
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Go to, find or do").fill("another board")
        page.get_by_role("option", name="Move to another board").click()

    page.goto(f"/boards/{desk.board.id}")
    page.locator("#live[data-state=live]").wait_for()
    page.locator(f"#c{bulb.id} a").focus()
    page.keyboard.press("Shift+B")
    expect(sheet.get_by_role("heading")).to_have_text(f"Move #{bulb.id} to another board")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.locator(f"#c{lamp.id} a").click()
    more = page.locator(f"#line_{lamp.id} a[href='/tickets/{lamp.id}/board']")
    expect(more).to_have_attribute("title", "Move to another board (Shift+B)")
    by_palette()
    expect(sheet.get_by_role("heading")).to_have_text(f"Move #{lamp.id} to another board")
    sheet.get_by_role("button", name="Move").click()
    expect(page.locator(f"#ticket_{lamp.id}")).to_have_count(0)

    page.goto("/tickets")
    for ticket in (lamp, bulb):
        page.locator(f"input[form=bulk][value='{ticket.id}']").check()
    page.get_by_text("2 selected").wait_for()
    menu = page.locator("#bulk [data-menu=board]")
    by_palette()
    expect(menu.get_by_role("button", name="Support")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    page.keyboard.press("Shift+B")
    menu.get_by_role("button", name="Wholesale").click()
    expect(page.locator(".toast")).to_contain_text("2 tickets")
    db.session.rollback()
    assert {fresh(one).board_id for one in (lamp, bulb)} == {other.id}
