"""What happens to whole tickets, done by hand beside the board: put off, made one, made two, put away, deleted and taken back."""

import re
from typing import Any

from playwright.sync_api import expect

from app.database import db, writing
from app.desk import messages
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.small import SmallDesk
from tests.stories import fill

Page = Any


def stored(number: int) -> Ticket:
    db.session.rollback()
    return db.session.get_one(Ticket, number, populate_existing=True)


def sheet(page: Page, name: str) -> Page:
    """What a link of the panel has opened."""
    return page.get_by_role("dialog", name=re.compile(name))


def more(panel: Page, action: str) -> None:
    panel.get_by_role("group").filter(has=panel.page.get_by_label("More actions")).locator("summary").click()
    panel.locator(".menu-items").get_by_text(action, exact=True).click()


def test_snooze_merge_split_spam_delete_and_take_back(
    serve: Any, new_page: Any, desk: SmallDesk, now: Any
) -> None:
    with writing(desk.board) as board:
        one, two, three = (
            fill(board, desk, "new", subject, now) for subject in ("Lamp", "Lamp again", "Buy!")
        )
        messages.receive(
            board,
            two,
            by=CLOCK,
            now=now,
            text="And my invoice?",
            from_name="Kim",
            from_address="kim@example.org",
        )
        lamp, again, advert = one.id, two.id, three.id
    page = new_page(serve(CLOCK="off").url, desk.alice)
    page.goto(f"/boards/{desk.board.id}")
    page.locator("#live[data-state=live]").wait_for()
    panel, title = page.locator("#panel"), page.locator("#panel_title")

    page.locator(f"#c{lamp} a").click()
    expect(title).to_have_text("Lamp")
    panel.get_by_role("link", name="Snooze").click()
    sheet(page, "Snooze").get_by_role("button", name=re.compile("Tomorrow")).click()
    expect(panel.locator(".ticket-line")).to_contain_text("Snoozed until")
    expect(page.locator(f"#ticket_{lamp} .chip-paused")).to_be_visible()
    panel.get_by_role("button", name="End the snooze").click()
    expect(panel.locator(".ticket-line")).not_to_contain_text("Snoozed until")

    panel.get_by_role("button", name="Next ticket").click()
    expect(title).to_have_text("Lamp again")
    panel.locator(".message").last.get_by_role("link", name="Split off from here").click()
    sheet(page, "Split").get_by_label("Subject of the new ticket").fill("The invoice")
    sheet(page, "Split").get_by_role("button", name="Split off").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The invoice")  # one goes there
    expect(page.locator(".message")).to_have_count(1)
    invoice = advert + 1
    page.goto(f"/boards/{desk.board.id}")
    page.locator(f"#c{again} a").click()
    expect(title).to_have_text("Lamp again")
    more(panel, "Merge into another ticket")
    sheet(page, "Merge").get_by_label("Number of the ticket that goes on").fill(f"#{lamp}")
    sheet(page, "Merge").get_by_role("button", name="Merge").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Lamp")
    expect(page.locator(".message")).to_have_count(2)
    assert [stored(number).merged_into_id for number in (again, invoice)] == [lamp, None]

    page.goto(f"/boards/{desk.board.id}")
    expect(page.locator(f"#ticket_{again}")).to_have_count(0)
    page.locator(f"#c{advert} a").click()
    expect(title).to_have_text("Buy!")
    more(panel, "Spam")
    expect(panel.locator(".ticket-line .tag")).to_have_text("spam")
    expect(page.locator(f"#ticket_{advert}")).to_have_count(0)
    more(panel, "Delete")
    sheet(page, "Delete").get_by_role("button", name="Delete").click()
    expect(page.locator(".toast").last).to_contain_text("deleted")
    assert stored(advert).deleted_at is not None
    page.goto("/tickets/deleted")
    page.get_by_role("button", name=f"Take back #{advert}").click()
    expect(page.get_by_role("button", name=f"Take back #{advert}")).to_have_count(0)
    page.goto(f"/tickets/{advert}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Buy!")
    assert (stored(advert).deleted_at, stored(advert).state) == (None, "archived")
