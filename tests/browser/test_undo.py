"""Changes are taken back in a real browser: by the toast, by the key's event, beside the history, after a new page."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.database import db
from app.models.ticket import Ticket
from tests.stories import ticket_in

LAST = "document.dispatchEvent(new CustomEvent('undo:last'))"


@pytest.fixture
def page(serve: Callable[..., Any], new_page: Callable[..., Any], desk: Any) -> Any:
    return new_page(serve(CLOCK="off").url, desk.bob)


def move(page: Any, ticket: Ticket, column: Any) -> None:
    detail = {"number": ticket.id, "column": column.id, "expected": ticket.column_id}
    page.evaluate("(detail) => document.dispatchEvent(new CustomEvent('board:move', { detail }))", detail)
    page.locator(f"#column_{column.id} #ticket_{ticket.id}").wait_for()


def test_undo_on_the_board_and_after_another_page(page: Any, desk: Any, now: Any) -> None:
    one, two = (ticket_in(desk, "new", subject, now) for subject in ("First", "Second"))
    new, open_ = desk.columns["new"], desk.columns["open"]
    page.goto(f"/boards/{desk.board.id}")
    page.locator("#live[data-state=live]").wait_for()
    move(page, one, open_)
    move(page, two, open_)
    page.get_by_role("button", name="Undo").first.click()
    page.locator(f"#column_{new.id} #ticket_{one.id}").wait_for()
    expect(page.locator(".toast").last).to_contain_text(f"#{one.id}: undid: moved it from New to Open")
    page.reload()
    page.locator("#live[data-state=live]").wait_for()
    page.evaluate(LAST)
    page.locator(f"#column_{new.id} #ticket_{two.id}").wait_for()
    page.evaluate(LAST)  # what was undone is behind us
    expect(page.locator(".toast").last).to_contain_text("There is nothing to undo here.")
    page.get_by_role("button", name="Undo").click()  # the undoing itself
    page.locator(f"#column_{open_.id} #ticket_{two.id}").wait_for()


def test_undo_on_the_page_of_a_ticket(page: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    page.goto(f"/tickets/{ticket.id}")
    page.get_by_label("Priority").select_option(label="Urgent")
    page.locator(".rail-form.is-changed").get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text(f"#{ticket.id}: priority Urgent")
    page.locator(".event").get_by_role("button", name="Undo").click()
    expect(page.locator("#rail_priority")).to_have_value("1")
    expect(page.locator(".event").last).to_contain_text("undid: changed the priority from Normal to Urgent")
    page.evaluate(LAST)
    expect(page.locator(".toast").last).to_contain_text("There is nothing to undo here.")
    db.session.rollback()
    assert db.session.get_one(Ticket, ticket.id, populate_existing=True).priority == 1
