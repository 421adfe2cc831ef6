"""A ticket beside the board it was opened from: under its own address, with both of them live."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import expect

from app.database import db, writing
from app.desk import messages, tickets
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.axe import objections
from tests.small import SmallDesk
from tests.stories import fill, ticket_in

Page = Any


@pytest.fixture
def open_page(
    serve: Callable[..., Any], new_page: Callable[..., Page], desk: SmallDesk
) -> Callable[..., Page]:
    """Opens an address in a browser of this person, and waits until it is live."""
    url = serve(CLOCK="off").url

    def open_it(person: Any, address: str = f"/boards/{desk.board.id}", **options: Any) -> Page:
        page = new_page(url, person, **options)
        page.goto(address)
        return page

    return open_it


def subject(page: Page, number: int) -> Page:
    return page.locator(f"#c{number} a")


def panel(page: Page) -> Page:
    return page.get_by_role("dialog")


def title(page: Page) -> Page:
    return page.locator("#panel_title")


def test_opens_beside_the_board_and_back_closes_it(open_page: Any, desk: SmallDesk, now: datetime) -> None:
    """The address is the ticket's; the board keeps its place and the card gets the focus again."""
    with writing(desk.board) as board:
        made = [fill(board, desk, "new", f"Number {number}", now).id for number in range(30)]
    page = open_page(desk.bob)
    board_at = page.url
    body = page.locator(f"#column_{desk.columns['new'].id} .column-body")
    subject(page, made[20]).scroll_into_view_if_needed()
    scrolled = body.evaluate("body => body.scrollTop")
    assert scrolled > 0
    subject(page, made[20]).click()
    expect(title(page)).to_have_text("Number 20")
    expect(title(page)).to_be_focused()
    assert page.url.endswith(f"/tickets/{made[20]}")
    expect(page).to_have_title(f"Number 20 #{made[20]} · Nightdesk")
    expect(page.locator(f"#ticket_{made[20]}.is-open")).to_be_visible()
    page.go_back()
    expect(panel(page)).to_be_hidden()
    assert page.url == board_at
    assert body.evaluate("body => body.scrollTop") == scrolled
    expect(subject(page, made[20])).to_be_focused()
    page.go_forward()
    expect(title(page)).to_have_text("Number 20")
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    assert page.url == board_at
    page.evaluate(
        f"document.dispatchEvent(new CustomEvent('panel:open', {{ detail: {{ number: {made[3]} }} }}))"
    )
    expect(title(page)).to_have_text("Number 3")
    page.get_by_role("button", name="Next ticket").click()
    expect(title(page)).to_have_text("Number 4")
    panel(page).get_by_role("button", name="Close").click()
    expect(subject(page, made[4])).to_be_focused()
    assert page.url == board_at


def test_what_was_opened_for_a_moment_has_been_read(open_page: Any, desk: SmallDesk, now: datetime) -> None:
    with writing(desk.board) as board:
        number = fill(board, desk, "new", "Where is my parcel?", now).id
    page = open_page(desk.bob)
    held: list[Any] = []
    page.route("**/reading", lambda route: held.append(route))
    with page.expect_request("**/reading"):
        subject(page, number).click()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    with page.expect_response("**/reading"):
        held[0].continue_()


def test_a_page_that_is_opened_is_loaded_once(open_page: Any, desk: SmallDesk, now: datetime) -> None:
    """Also when that says that it has been read."""
    with writing(desk.board) as board:
        number = fill(board, desk, "new", "Where is my parcel?", now).id
    page = open_page(desk.bob)
    with page.expect_request_finished(lambda request: request.url.endswith("/reading")) as read:
        page.goto(f"/tickets/{number}")
    assert not read.value.is_navigation_request()
    expect(page.locator("[data-reading]")).to_have_count(0)


def test_a_reload_shows_the_page_and_back_the_board(open_page: Any, desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Where is my parcel?", now)
    page = open_page(desk.bob)
    subject(page, ticket.id).click()
    expect(title(page)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Where is my parcel?")
    expect(page.locator("#live")).to_have_text("live")
    page.go_back()
    expect(subject(page, ticket.id)).to_be_visible()
    expect(page.locator("#live")).to_have_text("live")
    subject(page, ticket.id).click()
    expect(title(page)).to_be_visible()


def test_both_are_live_and_work(open_page: Any, desk: SmallDesk, now: datetime) -> None:
    """What others do is seen in the panel and on the board; what is done in the panel as well."""
    ticket = ticket_in(desk, "new", "Charged twice", now)
    other = ticket_in(desk, "new", "The next one", now)
    bob = open_page(desk.bob)
    subject(bob, ticket.id).click()
    expect(title(bob)).to_be_visible()
    composer = bob.get_by_role("textbox", name="Message")
    composer.fill("We have paid it back")
    with writing(desk.board) as board:
        seen = db.session.get_one(Ticket, ticket.id)
        messages.note(board, seen, "She called too.", person=desk.alice, now=now)
        tickets.prioritise(board, seen, 3, by=CLOCK, now=now)
    expect(panel(bob).locator(".message-note")).to_contain_text("She called too.")
    expect(composer).to_have_value("We have paid it back")
    expect(bob.locator(f"#ticket_{ticket.id}.is-open[data-priority='3']")).to_be_visible()
    panel(bob).get_by_label("Column").select_option(label="Open")
    panel(bob).locator("form[action$='/column']").get_by_role("button").click()
    expect(bob.locator(f"#column_{desk.columns['open'].id} #ticket_{ticket.id}")).to_be_visible()
    expect(panel(bob).locator(".ticket-line")).to_contain_text("Open")
    bob.get_by_role("button", name="Next ticket").click()  # of the column where it stood
    expect(title(bob)).to_have_text("The next one")
    bob.get_by_role("textbox", name="Message").fill("Another half")
    panel(bob).get_by_role("button", name="Close").click()
    for number, text in ((ticket.id, "We have paid it back"), (other.id, "Another half")):
        subject(bob, number).click()
        expect(bob.get_by_role("textbox", name="Message")).to_have_value(text)
        bob.keyboard.press("Escape")
        expect(panel(bob)).to_be_hidden()
    subject(bob, ticket.id).click()
    composer.press("Control+End")
    composer.press("Control+Enter")
    expect(panel(bob).locator(".delivery")).to_contain_text("Sending in")
    expect(bob.locator(f"#column_{desk.columns['waiting'].id} #ticket_{ticket.id}")).to_be_visible()


@pytest.mark.parametrize("address", ["/tickets", "/search?q=lamp"])
def test_beside_a_list_it_is_live_too(open_page: Any, desk: SmallDesk, now: datetime, address: str) -> None:
    for name in ("one", "two"):
        ticket = ticket_in(desk, "new", f"Lamp {name}", now)
    page = open_page(desk.bob, address)
    page.get_by_role("link", name="Lamp one").click()
    expect(title(page)).to_have_text("Lamp one")
    expect(page.locator("#live")).to_have_text("live")
    page.get_by_role("button", name=re.compile("ticket$")).and_(page.locator(":enabled")).click()
    expect(title(page)).to_have_text("Lamp two")
    with writing(desk.board) as board:
        seen = db.session.get_one(Ticket, ticket.id)
        messages.note(board, seen, "She called too.", person=desk.alice, now=now)
    expect(panel(page).locator(".message-note")).to_contain_text("She called too.")
    page.go_back()
    expect(panel(page)).to_be_hidden()
    assert page.url.endswith(address)
    expect(page.get_by_role("link", name="Lamp two")).to_be_focused()
    page.get_by_role("link", name="Lamp two").click()
    expect(page.locator("#live")).to_have_text("live")


def test_where_there_is_no_room_the_page_opens(open_page: Any, desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "On a phone", now)
    page = open_page(desk.bob, viewport={"width": 390, "height": 844})
    subject(page, ticket.id).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("On a phone")
    expect(panel(page)).to_have_count(0)


@pytest.mark.parametrize("locale", ["en", "ko"])
@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}], ids=["light", "dark"])
def test_axe_finds_nothing(
    open_page: Any, desk: SmallDesk, now: datetime, locale: str, options: dict[str, Any]
) -> None:
    ticket = ticket_in(desk, "new", "Where is my parcel?", now, priority=3, language="en")
    with writing(desk.row):
        desk.bob.locale = locale
    page = open_page(desk.bob, bypass_csp=True, **options)  # axe itself needs eval
    subject(page, ticket.id).click()
    expect(title(page)).to_be_visible()
    for width in (1440, 900):
        page.set_viewport_size({"width": width, "height": 800})
        assert objections(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"), "scrolls sideways"
