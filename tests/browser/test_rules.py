"""A manager writes a rule in a real browser: by form and by text, tried, saved, ordered, gone back, out into a file and in again."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from app.database import db, writing
from app.desk import rules, tickets
from app.models.ticket import Ticket
from tests.axe import objections
from tests.stories import ticket_in
from tests.waiting import until


def test_a_rule_from_its_first_word_to_its_file(
    serve: Any, new_page: Any, desk: Any, now: Any, tmp_path: Path
) -> None:
    for n in range(6):
        ticket = ticket_in(desk, "open", f"The lamp is broken {n}", now)
    ticket_in(desk, "open", "Where is my parcel?", now)
    with writing(desk.row) as row:
        tickets.tag_named("really bad")
        for name in ("First", "Second"):
            add = [{"kind": "add_tag", "tag": "lamps"}]
            rules.save(row, None, name=name, text="lang:de", then=add, by=desk.dana.by, now=now)
    page = new_page(serve(CLOCK="off").url, desk.alice)

    kinds: list[str] = []  # of questions that the browser asks

    # From a filter of the board, by form: text, count and examples follow.
    page.goto(f"/boards/{desk.board.id}?q=is:unresolved")
    page.get_by_role("link", name="Make a rule of it").click()
    text, found = page.get_by_role("textbox", name="When, as text"), page.locator("#rule-matches")
    rows = page.get_by_role("group", name=re.compile(r"Condition \d"))
    expect(text).to_have_value("is:unresolved")
    expect(found).to_contain_text("Holds for 7 unresolved tickets now.")
    page.get_by_role("button", name="Add a condition").click()
    rows.nth(1).get_by_label("Value", exact=True).press_sequentially("broken")
    expect(text).to_have_value("is:unresolved broken")
    expect(found).to_contain_text("Holds for 6 unresolved tickets now.")
    expect(found.get_by_role("listitem")).to_have_count(5)
    expect(rows.nth(1).get_by_label("Value", exact=True)).to_be_focused()

    # By text: completed, wrong in place, mended; the form follows.
    text.press("Control+End")
    text.press_sequentially(" -tag:re")
    expect(page.locator("#query-options [role=option]")).to_have_text(["really bad"])
    text.press("ArrowDown")
    text.press("Enter")
    expect(text).to_have_value('is:unresolved broken -tag:"really bad" ')
    expect(rows).to_have_count(3)
    text.press_sequentially("lagn:de")
    expect(page.locator("#query-said")).to_contain_text(
        "Column 40: unknown field `lagn`, did you mean `lang`?"
    )
    assert objections(page) == []
    for _ in range(len(" lagn:de")):
        text.press("Backspace")
    expect(page.locator("#query-said")).to_be_empty()
    expect(rows.nth(2).get_by_label("Value", exact=True)).to_have_value("really bad")

    # What it does: rows come, move and go where one is, and the focus with them.
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("textbox", name="Tag").fill("broken")
    page.get_by_label("Another action").select_option("Set the priority")
    page.get_by_label("Another action").press("Tab")
    top = page.evaluate("scrollY")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Priority", exact=True)).to_be_focused()
    expect(page.locator("#actions-told")).to_have_text("Added: Set the priority")
    page.get_by_role("button", name="Up: Set the priority").press("Enter")
    expect(page.get_by_role("button", name="Down: Set the priority")).to_be_focused()
    expect(page.locator("#actions-told")).to_have_text("Set the priority stands at place 1 of 2.")
    asks = page.get_by_role("button", name="What would it have done?")
    asks.click()
    summary = page.get_by_role("alert").filter(has_text="Please mend this first")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Set the priority: a priority is missing")
    expect(page.get_by_label("Priority", exact=True)).to_have_attribute("aria-invalid", "true")
    assert objections(page) == []
    page.get_by_label("Priority", exact=True).select_option("High")
    with page.context.expect_page() as window:
        asks.click()
    expect(window.value).to_have_url(re.compile(r"/rules/backtests/\d+$"))
    window.value.close()
    expect(text).to_have_value('is:unresolved broken -tag:"really bad"')
    expect(found).to_contain_text("Holds for 6 unresolved tickets now.")
    page.get_by_role("button", name="Leave this action out: Set the priority").press("Enter")
    expect(page.get_by_role("button", name="Leave this action out: Add a tag")).to_be_focused()
    expect(page.get_by_role("textbox", name="Tag")).to_have_value("broken")
    assert page.evaluate("scrollY") >= top > 0
    page.set_viewport_size({"width": 1280, "height": 720})

    # Tried on a ticket, then saved.
    page.get_by_label("Number of the ticket").fill(f"#{ticket.id}")
    page.get_by_role("button", name="Try").click()
    tried = page.locator("#rule-trial")
    expect(tried).to_contain_text(f"The condition holds for #{ticket.id}.")
    expect(tried).to_contain_text("Add the tag broken")
    assert db.session.get_one(Ticket, ticket.id).tags == []
    page.get_by_label("Name").fill("Broken lamps")
    page.once("dialog", lambda asked: (kinds.append(asked.type), asked.dismiss()))
    page.get_by_role("link", name="Cancel").click()
    until(lambda: kinds == ["beforeunload"])
    page.get_by_label("Name").press("Enter")
    page.get_by_role("link", name="Leave it off").click()

    # Ordered by keyboard and by drag; it lasts.
    names = page.locator("#rules [data-number] + a")
    expect(names).to_have_text(["First", "Second", "Broken lamps"])
    handle = page.get_by_role("button", name="Move Broken lamps: drag")
    handle.press("ArrowUp")
    handle.press("ArrowUp")
    expect(names).to_have_text(["Broken lamps", "First", "Second"])
    expect(handle).to_be_focused()
    expect(page.get_by_text("Broken lamps stands at place 1 of 3.")).to_be_attached()
    page.get_by_role("button", name="Move Second: drag").hover()
    page.mouse.down()
    box = names.nth(0).bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2, steps=5)
    expect(page.locator("#rules > .is-ghost:first-child")).to_have_count(
        1
    )  # it follows the pointer 20 times a second
    page.mouse.up()
    expect(names).to_have_text(["Second", "Broken lamps", "First"])
    until(lambda: [rule.name for rule in _fresh()] == ["Second", "Broken lamps", "First"])
    page.reload()
    expect(names).to_have_text(["Second", "Broken lamps", "First"])

    # Changed, and gone back.
    page.get_by_role("link", name="Broken lamps", exact=True).click()
    text.fill("parcel")
    expect(found).to_contain_text("Holds for 1 unresolved ticket now.")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("link", name="Leave it off")).to_be_visible()
    page.goto(f"/rules/{_fresh()[1].id}/versions")
    expect(page.get_by_text('When: is:unresolved broken -tag:"really bad" → parcel')).to_be_visible()
    page.get_by_role("button", name="Go back to version 1").click()
    expect(page.get_by_text("Went back to version 1")).to_be_visible()

    # Out and in again.
    page.goto("/rules")
    with page.expect_download() as file:
        page.get_by_role("link", name="Export rules").click()
    kept = tmp_path / "rules.toml"
    file.value.save_as(kept)
    page.get_by_role("link", name="Import rules").click()
    page.get_by_label("A file of rules").set_input_files(kept)
    page.get_by_role("button", name="Look at the rules").click()
    page.get_by_role("checkbox", name="Broken lamps").check()  # they are all there already
    page.get_by_role("button", name="Add the chosen rules").click()
    expect(names).to_have_text(["Second", "Broken lamps", "First", "Broken lamps"])


def _fresh() -> Any:
    db.session.rollback()
    return rules.in_order()
