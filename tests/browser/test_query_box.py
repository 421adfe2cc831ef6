"""The query box in a real browser: completed by keyboard and by mouse, whole in the address, saved as a view."""

from typing import Any

from playwright.sync_api import expect

from tests.databases import on_both_databases
from tests.stories import ticket_in


@on_both_databases
def test_a_query_is_typed_by_keyboard_kept_as_a_view_and_found_again(
    serve: Any, new_page: Any, desk: Any, now: Any
) -> None:
    ticket_in(desk, "new", "The lamp is broken", now)
    ticket_in(desk, "open", "Where is my parcel?", now)
    page = new_page(serve(CLOCK="off").url, desk.bob)
    page.goto("/tickets")
    expect(page.locator("tbody tr")).to_have_count(2)

    box, options = page.get_by_role("combobox"), page.locator("#query-options [role=option]")
    box.press_sequentially("is:o")
    expect(options).to_have_text(["open"])
    expect(box).to_have_attribute("aria-expanded", "true")
    box.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    box.press("Enter")
    expect(box).to_have_value("is:open ")
    box.press_sequentially("assig")
    expect(options.locator("code")).to_have_text(["assignee:"])
    options.first.click()
    expect(box).to_have_value("is:open assignee:")
    box.press_sequentially("no")
    expect(options.first).to_have_text("none")
    box.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_have_value("is:open assignee:no")  # Escape closes the list and clears nothing
    box.press_sequentially("ne")
    box.press("Enter")  # nothing in the list is chosen, so the query is asked
    expect(page).to_have_url("/tickets?q=is%3Aopen+assignee%3Anone")
    expect(page.locator("tbody th")).to_have_text(["Where is my parcel?"])

    page.get_by_role("link", name="Remove assignee:none").click()
    expect(page).to_have_url("/tickets?q=is%3Aopen")
    page.get_by_role("link", name="Save as a view").click()
    page.get_by_label("Name").fill("Being worked on")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url("/tickets?q=is%3Aopen")

    page.goto(f"/boards/{desk.board.id}")
    page.get_by_text("Views", exact=True).click()
    page.get_by_role("link", name="Being worked on 1").click()
    expect(page.locator("[data-ticket], .card")).to_have_count(1)
    expect(page.get_by_text("1 hidden")).to_be_visible()
