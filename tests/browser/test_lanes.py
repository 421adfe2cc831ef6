"""A board with lanes in a real browser: cards into other lanes by mouse and keys, live, by thumb, and for a screen reader."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.database import db, writing
from app.desk import tickets
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.axe import objections
from tests.browser.test_board import card, take
from tests.browser.test_touch import SIDEWAYS, SMALL
from tests.stories import fill

Page = Any


@pytest.fixture
def made(desk: Any, now: Any) -> list[Ticket]:
    """Two of Bob's, new and open, and one that nobody has."""
    with writing(desk.board) as board:
        made = [fill(board, desk, state, f"In {state}", now) for state in ("new", "open", "waiting")]
        for ticket in made[:2]:
            tickets.assign(board, ticket, desk.bob.id, by=CLOCK, now=now)
    return made


@pytest.fixture
def open_lanes(serve: Callable[..., Any], new_page: Callable[..., Page], desk: Any) -> Callable[..., Page]:
    url = serve(CLOCK="off").url

    def open_it(person: Any, **options: Any) -> Page:
        page = new_page(url, person, **options)
        page.goto(f"/boards/{desk.board.id}?lanes=assignee")
        page.locator("#live[data-state=live]").wait_for()
        return page

    return open_it


def at(page: Page, ticket: Ticket, column: Any, person: Any) -> Page:
    return page.locator(f"#column_{column.id}_{person.id if person else 'none'} #ticket_{ticket.id}")


def drop(page: Page, ticket: Ticket, there: Page) -> None:
    take(page, card(page, ticket))
    box = there.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 12, steps=6)
    expect(page.locator(".is-target")).to_have_count(1)
    page.mouse.up()


def test_cards_go_from_lane_to_lane_and_others_see_it(
    open_lanes: Any, desk: Any, made: list[Ticket], now: Any
) -> None:
    """Into another cell both are set, with one undo; on a lane's head the lane alone, also of one that is empty."""
    bob, alice = open_lanes(desk.bob), open_lanes(desk.alice)
    open_, waiting = desk.columns["open"], desk.columns["waiting"]
    heads = alice.locator(f"#lane_{desk.bob.id}_head .count"), alice.locator("#lane_none_head .count")
    drop(bob, made[0], bob.locator(f"#column_{waiting.id}_none .column-body"))
    at(bob, made[0], waiting, None).wait_for()
    at(alice, made[0], waiting, None).wait_for()
    expect(heads[0]).to_have_text("1")
    expect(heads[1]).to_have_text("2")
    expect(bob.locator(".toast")).to_contain_text(f"#{made[0].id} moved to Waiting · Nobody")
    bob.get_by_role("button", name="Undo").click()
    at(alice, made[0], desk.columns["new"], desk.bob).wait_for()
    drop(bob, made[0], bob.locator(f"#lane_{desk.alice.id}_head"))
    at(alice, made[0], desk.columns["new"], desk.alice).wait_for()
    take(bob, card(bob, made[1]))
    with writing(desk.board) as board:
        tickets.assign(board, db.session.get_one(Ticket, made[1].id), None, by=desk.alice.by, now=now)
    box = bob.locator(f"#column_{waiting.id}_{desk.alice.id}").bounding_box()
    with bob.expect_response("**/cell") as answered:
        bob.mouse.move(box["x"] + 60, box["y"] + 30, steps=6)
        bob.mouse.up()
    assert answered.value.status == 409
    expect(bob.locator(".toast-error")).to_contain_text("Alice Moor has changed who has this meanwhile.")
    at(bob, made[1], open_, None).wait_for()
    bob.locator(".toast-error").get_by_role("button", name="Move anyway").click()
    at(alice, made[1], waiting, desk.alice).wait_for()
    bob.locator(f"#lane_{desk.alice.id}_head").click()
    expect(card(bob, made[1])).to_be_hidden()


def test_lanes_by_keys_and_for_a_screen_reader(open_lanes: Any, desk: Any, made: list[Ticket]) -> None:
    with writing(desk.board) as board:
        below = fill(board, desk, "new", "Alice's", made[0].created_at)
        tickets.assign(board, below, desk.alice.id, by=CLOCK, now=made[0].created_at)
    page = open_lanes(desk.bob)
    page.locator(f"#c{below.id} a").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#c{made[0].id} a")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"#c{made[1].id} a")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"#c{made[2].id} a")).to_be_focused()
    stops = "[...document.querySelectorAll('.card-subject a')].filter((each) => each.tabIndex === 0).length"
    assert page.evaluate(stops) == 3  # one of Tab in each column
    page.keyboard.press(",")
    at(page, made[2], desk.columns["open"], None).wait_for()
    page.locator(f"#c{made[2].id} a").focus()
    page.keyboard.press("Shift+M")
    page.get_by_role("dialog").get_by_label("Assignee").select_option(label="Bob Reyes")
    page.get_by_role("dialog").get_by_label("Column").select_option(label="New")
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    at(page, made[2], desk.columns["new"], desk.bob).wait_for()
    expect(page.get_by_role("region", name="Open 1 Bob Reyes 3")).to_have_count(1)
    assert objections(page) == []


def test_lanes_under_a_thumb(open_lanes: Any, desk: Any, made: list[Ticket]) -> None:
    phone = open_lanes(desk.bob, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(card(phone, made[0])).to_be_in_viewport()
    expect(card(phone, made[1])).not_to_be_in_viewport()
    phone.locator(".column-tabs a", has_text="Open").tap()
    expect(card(phone, made[1])).to_be_in_viewport()
    expect(phone.locator(f"#lane_{desk.bob.id}_name")).to_be_in_viewport()
    assert phone.evaluate(SMALL) == []
    phone.set_viewport_size({"width": 320, "height": 568})
    assert not phone.evaluate(SIDEWAYS)
    assert objections(phone) == []
