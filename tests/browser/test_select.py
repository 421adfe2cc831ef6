"""Tickets are selected by mouse and by the keyboard's event, changed together, and put back by one undo."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.database import writing
from tests.axe import objections
from tests.stories import fill

SELECT = "(detail) => document.dispatchEvent(new CustomEvent('board:select', { detail }))"


@pytest.fixture
def open_page(serve: Callable[..., Any], new_page: Callable[..., Any], desk: Any) -> Callable[..., Any]:
    url = serve(CLOCK="off").url
    return lambda **options: new_page(url, desk.bob, **options)


def test_by_mouse_and_keyboard_on_the_board(open_page: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        for number in range(6):
            fill(board, desk, "new", f"Lamp {number}", now)
    page = open_page(bypass_csp=True, reduced_motion="reduce")  # axe itself needs eval
    page.goto(f"/boards/{desk.board.id}")
    page.locator("#live[data-state=live]").wait_for()
    bar, count = page.locator("#bulk"), page.locator("#bulk [data-count]")
    expect(bar).to_be_hidden()
    cards = page.locator(f"#column_{desk.columns['new'].id} .card")
    cards.nth(1).hover()
    cards.nth(1).get_by_role("checkbox").click()
    cards.nth(4).hover()
    cards.nth(4).get_by_role("checkbox").click(modifiers=["Shift"])
    expect(count).to_have_text("4 selected")
    first = int(cards.nth(0).get_attribute("data-id"))
    page.evaluate(SELECT, {"number": first, "mode": "toggle"})
    expect(count).to_have_text("5 selected")
    page.evaluate(SELECT, {"number": int(cards.nth(2).get_attribute("data-id")), "mode": "extend"})
    expect(count).to_have_text("5 selected")
    assert objections(page) == []
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    cards.nth(0).locator("a").first.focus()
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(count).to_have_text("3 selected")
    page.keyboard.press("s")
    bar.get_by_role("button", name="Open").click()
    expect(page.locator(f"#column_{desk.columns['open'].id} .card")).to_have_count(3)
    toast = page.locator(".toast")
    expect(toast).to_contain_text("3 tickets changed.")
    expect(bar).to_be_hidden()
    toast.get_by_role("button", name="Undo").click()
    expect(cards).to_have_count(6)
    expect(page.locator(".toast").last).to_contain_text("3 tickets are as they were.")
    cards.nth(0).locator("a").first.focus()
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowDown")
    for key in ("Shift+X", "Tab", "Enter"):  # More, Merge, Spam
        page.keyboard.press(key)
    sheet = page.locator("#sheet")
    expect(sheet.get_by_role("heading")).to_have_text("Put 2 tickets away as spam")
    expect(sheet.get_by_role("button", name="Spam")).to_be_focused()
    assert objections(page) == []
    page.keyboard.press("Enter")
    expect(cards).to_have_count(4)
    expect(page.locator(".toast").last).to_contain_text("2 tickets are put away as spam.")
    page.keyboard.press("z")
    expect(cards).to_have_count(6)


def test_all_that_match_in_the_list(open_page: Any, desk: Any, now: Any) -> None:
    """More than a hundred go in steps; the last word is one undo for all."""
    with writing(desk.board) as board:
        for number in range(120):
            fill(board, desk, "new", f"Lamp {number}", now)
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto("/tickets?q=lamp&columns=subject,priority")
    page.locator("#rows").get_by_role("checkbox").first.check()
    page.get_by_label("All 120 that match").check()
    page.locator("#bulk summary", has_text="Priority").click()
    page.locator("#bulk").get_by_role("button", name="Urgent").click()
    expect(page.locator(".toast")).to_contain_text("120 tickets changed.", timeout=20_000)
    expect(page.locator("#rows .is-priority").first).to_have_text("Urgent")
    page.evaluate("document.dispatchEvent(new CustomEvent('undo:last'))")
    expect(page.locator(".toast").last).to_contain_text("120 tickets are as they were.", timeout=20_000)
    expect(page.locator("#rows .is-priority").first).to_have_text("Normal")
    rows = page.locator("#rows tr:has(input)")
    for place in (0, 1, 2):
        rows.nth(place).get_by_role("checkbox").check()
    page.locator("#bulk summary", has_text="More").click()
    page.locator("#bulk").get_by_role("button", name="Merge").click()
    sheet = page.locator("#sheet")
    oldest = rows.nth(2).get_by_role("checkbox").get_attribute("value")
    expect(sheet.get_by_label("The ticket that goes on")).to_have_value(f"merge:{oldest}")
    sheet.get_by_role("button", name="Merge").click()
    expect(page.locator(".toast").last).to_contain_text(f"2 tickets were merged into #{oldest}.")
    page.keyboard.press("z")
    expect(page.locator(".toast").last).to_contain_text(f"#{oldest}: undid: merged #")
