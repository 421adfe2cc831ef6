"""What goes wrong between a page and its server: it is said, nothing that was typed is lost, and it goes on by itself."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from app.database import bookkeeping, db, writing
from app.desk import messages, removals, sign_ins
from app.models.clock import Heartbeat
from app.models.ticket import Ticket
from tests.server import Server
from tests.small import PASSWORD, SmallDesk
from tests.stories import ticket_in
from tests.waiting import until

Page = Any


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve(CLOCK="off")


@pytest.fixture
def ticket(desk: SmallDesk, now: Any) -> Ticket:
    return ticket_in(desk, "new", "Where is my parcel?", now)


@pytest.fixture
def board(server: Server, new_page: Callable[..., Page], desk: SmallDesk, ticket: Ticket) -> Page:
    """Bob's board."""
    page = new_page(server.url, desk.bob, troubled=True)
    page.goto(f"/boards/{desk.board.id}")
    expect(live(page)).to_have_text("live")
    return page


def live(page: Page) -> Page:
    return page.locator("#live")


def composer(page: Page) -> Page:
    return page.get_by_role("textbox", name="Message")


def said(page: Page) -> Page:
    return page.locator(".toast-error").last


def refuse_once(page: Page, pattern: str, status: int, **headers: str) -> None:
    """The next request to such an address is answered with this, and nothing is done."""
    page.route(re.compile(pattern), lambda route: route.fulfill(status=status, headers=headers), times=1)


def test_seven_tabs_of_a_browser_stay_alive(board: Page, desk: SmallDesk, ticket: Ticket, now: Any) -> None:
    """Six connections to a host is all a browser has: four tabs hold a stream, and each can still do something."""
    tabs = [board, *(board.context.new_page() for _ in range(6))]
    for tab in tabs[1:]:
        tab.goto(board.url)
        expect(tab.locator(f"#ticket_{ticket.id}")).to_be_visible()
    tabs[-1].locator(f"#c{ticket.id} a").click()
    tabs[-1].locator("#rail_column").select_option(label="Open")
    tabs[-1].locator("form[action$='/column']").get_by_role("button").click()
    for tab in tabs:
        expect(tab.locator(f"#column_{desk.columns['open'].id} #ticket_{ticket.id}")).to_be_visible()
    arrived = ticket_in(desk, "new", "Everywhere", now)
    for tab in tabs:
        expect(tab.locator(f"#ticket_{arrived.id}")).to_be_visible()
        expect(live(tab)).to_have_text("live")


def test_a_tab_that_slept_catches_up(board: Page, desk: SmallDesk, now: Any) -> None:
    """Its connection looks open and is not: nothing is heard, and time has jumped."""
    board.clock.install()
    board.reload()
    expect(live(board)).to_have_text("live")
    with board.expect_request("**/stream?*"):
        board.clock.fast_forward(3_600_000)
    arrived = ticket_in(desk, "new", "Good morning", now)
    expect(board.locator(f"#ticket_{arrived.id}")).to_be_visible()
    expect(live(board)).to_have_text("live")


def test_a_stopped_clock_is_said_on_every_open_board(board: Page, now: Any) -> None:
    expect(board.locator("#clock")).to_be_hidden()
    bookkeeping(update(Heartbeat).values(at=now - timedelta(hours=1)))
    expect(board.locator("#clock")).to_contain_text("The clock has stopped", timeout=15_000)


def test_a_filter_that_takes_too_long_ends_the_board_with_words(board: Page) -> None:
    board.route("**/stream?*", lambda route: route.fulfill(status=422))
    board.route("**/delta?*", lambda route: route.fulfill(status=422))
    board.reload()
    expect(said(board)).to_contain_text("This query takes too long.")
    expect(live(board)).to_have_text("offline")


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (403, {}, "You may not do that."),
        (404, {}, "That is no longer here."),
        (413, {}, "files may have 25 MB together"),
        (429, {"Retry-After": "40"}, "Try again in 40 s."),
        (500, {"X-Request-Id": "abc123"}, "Try again. (abc123)"),
        (503, {"Retry-After": "5"}, "Try again in 5 s."),
        (507, {}, "The disk of the desk is full"),
    ],
)
def test_a_refused_answer_says_why_and_keeps_the_text(
    server: Server,
    new_page: Callable[..., Page],
    desk: SmallDesk,
    ticket: Ticket,
    status: int,
    headers: Any,
    words: str,
) -> None:
    page = new_page(server.url, desk.bob, troubled=True)
    page.goto(f"/tickets/{ticket.id}")
    composer(page).fill("Our whole answer")
    refuse_once(page, "/replies$", status, **headers)
    page.get_by_role("button", name="Send to customer").click()
    expect(said(page)).to_contain_text(words)
    expect(composer(page)).to_have_value("Our whole answer")
    page.get_by_role("button", name="Send to customer").click()
    expect(page.locator(".message-us")).to_contain_text("Our whole answer")


def test_a_server_that_restarts_during_a_drag(
    board: Page, server: Server, desk: SmallDesk, ticket: Ticket
) -> None:
    """The card stays in the hand; let go too early it is back where it was, and may be tried again."""
    box = board.locator(f"#ticket_{ticket.id}").bounding_box()
    board.mouse.move(box["x"] + 60, box["y"] + 15)
    board.mouse.down()
    board.mouse.move(box["x"] + 90, box["y"] + 40, steps=4)
    server.kill()
    target = board.locator(f"#column_{desk.columns['open'].id} .column-body").bounding_box()
    board.mouse.move(target["x"] + 100, target["y"] + 100, steps=5)
    expect(live(board)).not_to_have_text("live")
    board.mouse.up()
    expect(said(board)).to_contain_text("the card is back where it was")
    expect(board.locator(f"#column_{desk.columns['new'].id} #ticket_{ticket.id}")).to_be_visible()
    server.restart()
    said(board).get_by_role("button", name="Try again").click()
    expect(board.locator(f"#column_{desk.columns['open'].id} #ticket_{ticket.id}")).to_be_visible()
    expect(live(board)).to_have_text("live", timeout=20_000)


def test_a_network_that_is_cut_while_a_reply_is_written(
    board: Page, server: Server, desk: SmallDesk, ticket: Ticket, now: Any
) -> None:
    """Offline one can go on writing; sending waits and says why. Afterwards all that others did is there, too."""
    board.locator(f"#c{ticket.id} a").click()
    composer(board).fill("The first half")
    board.context.set_offline(True)
    expect(board.locator("#offline")).to_be_visible()
    expect(live(board)).to_have_text("offline")
    changing = (board.locator("form[action$='/column'] button"), board.locator(f"#ticket_{ticket.id} .more"))
    for control in changing:
        expect(control).to_be_disabled()
        expect(control).to_have_accessible_description(re.compile("No connection"))
    expect(board.get_by_role("button", name="Send to customer")).to_be_enabled()
    changing[1].press("Enter")
    expect(said(board)).to_contain_text("No connection. Nothing was changed")
    board.get_by_label("Priority").select_option(label="High")
    board.locator("form[action$='/priority'] button").press("Enter")
    expect(said(board)).to_contain_text("No connection. Nothing was changed")
    composer(board).press_sequentially(" and the second")
    composer(board).press("Control+Enter")
    expect(said(board)).to_contain_text("No connection. Nothing was changed")
    with writing(desk.board) as locked:
        messages.note(
            locked, db.session.get_one(Ticket, ticket.id), "She called too.", person=desk.alice, now=now
        )
    board.context.set_offline(False)
    expect(board.locator("#offline")).to_be_hidden()
    for control in changing:
        expect(control).to_be_enabled()
        expect(control).not_to_have_attribute("title", re.compile("No connection"))
    expect(live(board)).to_have_text("live")
    expect(board.locator(".message-note")).to_contain_text("She called too.")
    expect(composer(board)).to_have_value("The first half and the second")
    server.kill()  # the wire is there, the server is not
    composer(board).press("Control+Enter")
    expect(said(board)).to_contain_text("what you write stays here")
    expect(composer(board)).to_have_value("The first half and the second")
    server.restart()
    board.reload()
    expect(composer(board)).to_have_value("The first half and the second")


def test_a_ticket_that_cannot_be_opened_says_so_and_offers_to_try_again(
    board: Page, server: Server, desk: SmallDesk, ticket: Ticket
) -> None:
    refuse_once(board, "/panel$", 500, **{"X-Request-Id": "abc123"})
    board.locator(f"#c{ticket.id} a").click()
    panel = board.get_by_role("dialog")
    expect(panel).to_contain_text("The ticket could not be opened. (abc123)")
    board.route("**/panel", lambda route: route.abort(), times=1)
    panel.get_by_role("button", name="Try again").click()
    expect(panel).to_contain_text("The desk cannot be reached")
    panel.get_by_role("button", name="Try again").click()
    expect(board.locator("h2#panel_title")).to_have_text("Where is my parcel?")


def test_what_arrives_as_the_network_goes_is_grey_too(
    board: Page, desk: SmallDesk, ticket: Ticket, now: Any
) -> None:
    with board.expect_response("**/reading"):
        board.locator(f"#c{ticket.id} a").click()
    arriving: list[Any] = []
    board.route(f"**/tickets/{ticket.id}", lambda route: arriving.append((route, route.fetch())))
    with board.expect_request(f"**/tickets/{ticket.id}"), writing(desk.board) as locked:
        found = db.session.get_one(Ticket, ticket.id)
        messages.note(locked, found, "Ask the warehouse.", person=desk.alice, now=now)
    until(lambda: board.evaluate("true") and arriving)
    board.context.set_offline(True)
    control = board.locator("form[action$='/column'] button")
    expect(control).to_be_disabled()
    route, answer = arriving[-1]
    route.fulfill(response=answer)
    expect(board.locator(".message", has_text="Ask the warehouse.")).to_be_visible()
    expect(control).to_be_disabled()


def test_what_is_deleted_while_it_is_open_keeps_the_text(
    board: Page, desk: SmallDesk, ticket: Ticket, now: Any
) -> None:
    board.locator(f"#c{ticket.id} a").click()
    composer(board).fill("Half an answer")
    with writing(desk.board) as locked:
        removals.delete(locked, db.session.get_one(Ticket, ticket.id), by=desk.alice.by, now=now)
    expect(board.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "This ticket is not here any more"
    )
    expect(composer(board)).to_have_value("Half an answer")
    expect(board.get_by_role("button", name="Send to customer")).to_be_disabled()


def test_a_session_that_ended_keeps_the_text_until_one_is_back(
    board: Page, server: Server, desk: SmallDesk, ticket: Ticket
) -> None:
    board.on("dialog", lambda dialog: dialog.accept())
    with board.expect_response("**/reading"):
        board.locator(f"#c{ticket.id} a").click()
    composer(board).fill("Our whole answer")
    with writing(desk.row):
        sign_ins.end_all(desk.bob)
    composer(board).press("Control+Enter")
    sign_in_again(board, desk)
    expect(composer(board)).to_have_value("Our whole answer")
    expect(board.get_by_text("Draft saved")).to_be_visible()
    composer(board).press("Control+Enter")
    expect(board.locator(".message-us")).to_contain_text("Our whole answer")


def test_what_the_page_asks_by_itself_leads_nobody_away_from_what_they_write(
    board: Page, desk: SmallDesk, ticket: Ticket, now: Any
) -> None:
    with board.expect_response("**/reading"):
        board.locator(f"#c{ticket.id} a").click()
    composer(board).fill("Half an answer")
    board.context.clear_cookies()  # the stream goes on until the session is looked at anew
    with board.expect_response(lambda answer: "hx-redirect" in answer.headers), writing(desk.board) as locked:
        found = db.session.get_one(Ticket, ticket.id)
        messages.note(locked, found, "Ask the warehouse.", person=desk.alice, now=now)
    expect(said(board)).to_contain_text("Your session has ended")
    expect(composer(board)).to_have_value("Half an answer")
    board.on("dialog", lambda dialog: dialog.accept())
    board.get_by_role("button", name="Sign in").click()
    sign_in_again(board, desk)
    expect(composer(board)).to_have_value("Half an answer")


def test_an_answer_that_never_got_there_is_kept_without_a_session_and_without_script(
    board: Page, desk: SmallDesk, ticket: Ticket
) -> None:
    """The page is led away while it is being sent, and somebody signs in before the scripts of that page have begun."""
    board.on("dialog", lambda dialog: dialog.accept())
    with board.expect_response("**/reading"):
        board.locator(f"#c{ticket.id} a").click()
    composer(board).fill("Our whole answer")
    with writing(desk.row):
        sign_ins.end_all(desk.bob)
    board.route("**/replies", lambda route: None)
    with board.expect_request("**/replies"):
        composer(board).press("Control+Enter")
    board.route("**/*.js*", lambda route: route.abort())
    board.goto(board.url)
    board.unroute_all()
    sign_in_again(board, desk)
    expect(composer(board)).to_have_value("Our whole answer")


def sign_in_again(page: Page, desk: SmallDesk) -> None:
    page.locator("input[name=email]").fill(desk.bob.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Where is my parcel?")
