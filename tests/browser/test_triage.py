"""A morning's work without a mouse: twenty tickets, the palette, and what a screen reader is told of it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from app.database import bookkeeping, db, writing
from app.desk import tickets
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.stories import fill, ticket_in

Page = Any


@pytest.fixture
def open_board(serve: Callable[..., Any], new_page: Callable[..., Page], desk: Any) -> Callable[..., Page]:
    """Opens the board, whose clock stands still, in a browser of this person."""
    url = serve(CLOCK="off").url

    def open_it(person: Any, query: str = "", **options: Any) -> Page:
        page = new_page(url, person, **options)
        page.goto(f"/boards/{desk.board.id}{query}")
        page.locator("#live[data-state=live]").wait_for()
        return page

    return open_it


def press(page: Page, *typed: str) -> None:
    for key in typed:
        page.keyboard.press(key)


def choose(page: Page, key: str, text: str) -> None:
    """Opens what a key asks, types, and takes what is found first."""
    page.keyboard.press(key)
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator("#palette")).to_be_hidden()


def stored(number: int) -> Ticket:
    db.session.rollback()
    return db.session.get_one(Ticket, number, populate_existing=True)


def test_twenty_tickets_by_keyboard_alone(open_board: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        made = [fill(board, desk, "new", f"Matter {n}", now).id for n in range(20)]
    page = open_board(desk.bob)
    page.keyboard.press("j")
    for place, number in enumerate(made):
        focused = page.locator(f"#c{number} a")
        expect(focused).to_be_focused()
        match place % 5:
            case 0:  # nothing to do
                page.keyboard.press("e")
            case 1:
                page.keyboard.press("i")
                expect(page.locator(f"#ticket_{number}[data-person='{desk.bob.id}']")).to_have_count(1)
                expect(focused).to_be_focused()
                page.keyboard.press(".")
            case 2:
                choose(page, "a", "alice")
                expect(page.locator(f"#ticket_{number}[data-person='{desk.alice.id}']")).to_have_count(1)
                choose(page, "s", "wait")
            case 3:
                choose(page, "t", "refund")
                expect(page.locator(f"#ticket_{number} .card-tags")).to_have_text("refund")
                press(page, "Shift+M")
                expect(page.locator("#sheet select").first).to_be_focused()
                press(page, "Escape")
                expect(focused).to_be_focused()
                press(page, ".")
            case 4:
                page.keyboard.press("b")
                expect(page.locator("#sheet [name=choice]").first).to_be_focused()
                expect(page.locator("#sheet-body")).not_to_have_class(re.compile("htmx-"))
                page.keyboard.press("Enter")
                expect(page.locator(f"#ticket_{number} .chip-paused")).to_be_visible()
                continue  # it stays where it is
        expect(page.locator(f"#column_{desk.columns['new'].id} #ticket_{number}")).to_have_count(0)
    states = [(stored(number).state, stored(number).assignee_id) for number in made[:3]]
    assert states == [("resolved", None), ("open", desk.bob.id), ("waiting", desk.alice.id)]
    page.keyboard.press("z")
    expect(page.locator(".toast").last).to_contain_text("undid: snoozed it")


def test_a_screen_reader_hears_what_the_board_shows(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Charged twice", now, priority=2)
    with writing(desk.board) as board:
        tickets.assign(board, db.session.get_one(Ticket, ticket.id), desk.alice.id, by=CLOCK, now=now)
    due = {
        "next_deadline_at": now + timedelta(minutes=42),
        "next_deadline_for": 60,
        "next_deadline_kind": "next_response",
    }
    bookkeeping(update(Ticket).values(**due))
    page = open_board(desk.bob)
    column = page.get_by_role("region", name="New 1", exact=True)
    link = column.get_by_role("list").get_by_role("listitem").get_by_role("link", name="Charged twice")
    expect(link).to_have_count(1)
    said = column.aria_snapshot()
    for part in (
        "Charged twice by e-mail #1 · Kim",
        "high priority",
        "answer due in 4",
        "Assigned to Alice Moor",
    ):
        assert part in said, said
    page.keyboard.press("j")
    choose(page, "p", "urg")
    expect(page.locator(".toasts")).to_contain_text("#1: priority Urgent")
    assert "urgent" in column.aria_snapshot()


def test_pickers_refuse_and_compose(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "환불", now)
    page = open_board(desk.bob)
    press(page, "j", "t")
    box = page.get_by_role("combobox", name="Add or remove a tag · #1")
    expect(box).to_be_focused()
    box.fill("환불")
    expect(page.get_by_role("option", name="환불")).to_be_visible()
    for told in ({"isComposing": True}, {"keyCode": 229}):  # Enter that ends a syllable
        box.evaluate(
            "(box, told) => box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, ...told }))",
            told,
        )
    expect(page.locator("#palette")).to_be_visible()
    press(page, "Enter")
    expect(page.locator(f"#ticket_{ticket.id} .card-tags")).to_have_text("환불")
    expect(page.locator(f"#c{ticket.id} a")).to_be_focused()
    press(page, "t")  # once more takes it away
    expect(page.locator("#palette [role=option]").first).to_contain_text("Remove")
    press(page, "Enter")
    expect(page.locator(f"#ticket_{ticket.id} .card-tags")).to_have_count(0)
    press(page, "a")
    expect(page.locator("#palette [role=option]")).to_have_text(
        ["Alice Moor", "Bob Reyes", "Dana Wolf", "Nobody current"]
    )
    with writing(desk.board) as board:
        tickets.assign(board, db.session.get_one(Ticket, ticket.id), desk.bob.id, by=desk.alice.by, now=now)
    press(page, "Enter")
    expect(page.locator(".toast-error")).to_contain_text("Alice Moor has changed who has this meanwhile.")
    assert stored(ticket.id).assignee_id == desk.bob.id
    press(page, "a")
    page.keyboard.type("nobody called so")
    expect(page.locator("#palette [role=status]")).to_have_text("Nothing found")
    press(page, "Enter", "Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_the_palette_finds_and_does(open_board: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        lamp, parcel = (
            fill(board, desk, "new", name, now) for name in ("The lamp flickers", "Where is my parcel?")
        )
    page = open_board(desk.bob)
    press(page, "Control+k")
    box = page.get_by_role("combobox", name="Go to, find or do")
    expect(box).to_be_focused()
    expect(page.get_by_role("group", name="Actions")).to_contain_text("New ticket")
    page.keyboard.type("lamp flick")
    found = page.get_by_role("group", name="Tickets").get_by_role("option")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("#1 · Kim Seoyeon · New")
    expect(box).to_have_attribute("aria-activedescendant", found.get_attribute("id"))
    press(page, "Enter")
    expect(page).to_have_url(f"/tickets/{lamp.id}")
    page.locator("#live[data-state=live]").wait_for()
    press(page, "Control+k")
    expect(page.get_by_role("group", name="Recent").get_by_role("option")).to_have_text(
        ["The lamp flickers #1 · Kim Seoyeon · New"]
    )
    page.keyboard.type("resolve")
    expect(page.get_by_role("option", name="Resolve E")).to_be_visible()
    page.get_by_role("option", name="Resolve E").click()
    expect(page.locator(".ticket-line")).to_contain_text("Resolved")
    press(page, "Control+k")
    page.keyboard.type("#2")
    press(page, "Enter")
    expect(page).to_have_url(f"/tickets/{parcel.id}")
    page.locator("#live[data-state=live]").wait_for()
    press(page, "Control+k")
    page.keyboard.type("alice")
    press(page, "ArrowUp", "ArrowDown", "Enter")
    expect(page).to_have_url("/tickets?q=is%3Aunresolved+assignee%3A%22Alice+Moor%22")


def test_a_ticket_is_worked_on_by_keys(open_board: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        one, two = (fill(board, desk, "new", name, now) for name in ("One", "Two"))
    page = open_board(desk.bob)
    panel = page.locator("#panel")
    press(page, "j", "Space", "Space")  # closed before its ticket is there
    expect(panel).to_be_hidden()
    press(page, "Space")
    expect(panel.get_by_role("heading", name="One")).to_be_visible()
    expect(page.locator(f"#c{one.id} a")).to_be_focused()
    expect(panel.locator("[data-reading]")).to_have_count(0)  # what is under way has its place
    press(page, "Space")
    expect(panel).to_be_hidden()
    expect(page.locator(f"#c{one.id} a")).to_be_focused()
    press(page, "Enter")
    expect(panel.get_by_role("heading", name="One")).to_be_focused()
    expect(panel.locator("[data-reading]")).to_have_count(0)
    press(page, "]")
    expect(panel.get_by_role("heading", name="Two")).to_be_focused()
    expect(panel.locator("[data-reading]")).to_have_count(0)
    press(page, "p")
    page.keyboard.type("high")
    press(page, "Enter")
    expect(panel.locator(".ticket-line")).to_contain_text("high priority")
    press(page, "n")
    expect(panel.get_by_role("textbox", name="Message")).to_be_focused()
    expect(panel.locator("[name=kind][value=note]")).to_be_checked()
    page.reload()
    page.locator("#live[data-state=live]").wait_for()
    press(page, "[")
    expect(page).to_have_url(f"/tickets/{one.id}")
    page.locator("#live[data-state=live]").wait_for()
    press(page, "i")
    expect(page.locator(".ticket-line")).to_contain_text("Bob Reyes")
    press(page, "e")
    expect(page.locator(".ticket-line")).to_contain_text("Resolved")
    assert (stored(one.id).state, stored(two.id).state) == ("resolved", "new")
