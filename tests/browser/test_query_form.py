"""The board's query box and its form in a real browser: completed, put together by keyboard, read as text, used."""

import re
from typing import Any

from playwright.sync_api import expect

from app.database import db, writing
from app.desk import tickets
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.axe import objections
from tests.stories import ticket_in


def test_a_boards_filter_is_completed_and_changed_as_a_form(
    serve: Any, new_page: Any, desk: Any, now: Any
) -> None:
    wanted = ticket_in(desk, "open", "The lamp is broken", now)
    ticket_in(desk, "open", "Where is my parcel?", now)
    with writing(desk.board) as board:
        tickets.add_tag(board, db.session.get_one(Ticket, wanted.id), "really bad", by=CLOCK, now=now)
    page = new_page(serve(CLOCK="off").url, desk.bob)
    page.goto(f"/boards/{desk.board.id}")
    cards = page.locator(".card")
    expect(cards).to_have_count(2)

    box, options = (
        page.get_by_role("combobox", name="Search or filter"),
        page.locator("#query-options [role=option]"),
    )
    box.press_sequentially("tag:re")
    expect(options).to_have_text(["really bad"])
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value('tag:"really bad" ')

    page.get_by_role("link", name="As a form").click()  # with what was not asked for yet
    form = page.get_by_role("dialog").locator("form")
    text, rows = form.locator("output"), form.get_by_role("group", name=re.compile(r"Condition \d"))
    expect(text).to_have_text('tag:"really bad"')
    expect(rows).to_have_count(1)
    form.get_by_role("button", name="Add a condition").click()
    expect(rows).to_have_count(2)
    expect(rows.nth(1).get_by_label("Field")).to_be_focused()
    rows.nth(1).get_by_label("Field").select_option("priority")
    rows.nth(1).get_by_label("Comparison").select_option(">=")
    rows.nth(1).get_by_label("Value", exact=True).select_option("normal")
    expect(text).to_have_text('tag:"really bad" priority>=normal')
    value = rows.first.get_by_label("Value", exact=True)
    value.fill("")
    value.press_sequentially("really")
    expect(rows.first.get_by_text("did you mean `really bad`?")).to_be_visible()
    expect(page.locator("#query-0-offered option")).to_have_attribute("value", "really bad")
    assert objections(page) == []
    value.press_sequentially(" bad")
    expect(text).to_have_text('tag:"really bad" priority>=normal')
    expect(rows.first.get_by_text("did you mean")).to_have_count(0)
    expect(value).to_have_value("really bad")
    value.press("Enter")
    expect(page).to_have_url(f"/boards/{desk.board.id}?q=tag%3A%22really+bad%22+priority%3E%3Dnormal")
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("The lamp is broken")
