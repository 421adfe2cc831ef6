"""The ticket's page in a real browser: answering and taking back, drafts, what others change, and without script."""

from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.database import db, writing
from app.desk import messages, tickets
from app.models.delivery import Delivery
from app.models.event import By
from app.models.message import Message
from app.models.ticket import Ticket
from tests.axe import objections
from tests.databases import on_both_databases
from tests.small import SmallDesk

Page = Any


def composer(page: Page) -> Page:
    return page.get_by_role("textbox", name="Message")


def ticket(number: int) -> Ticket:
    db.session.rollback()
    return db.session.get_one(Ticket, number, populate_existing=True)


@on_both_databases
def test_answers_and_takes_it_back(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob)
    composer(page).fill("Try the other bulb.")
    composer(page).press("Control+Enter")
    expect(page.locator(".delivery")).to_contain_text("Sending in")
    expect(composer(page)).to_have_value("")
    assert (ticket(number).state, ticket(number).unread) == ("waiting", False)
    expect(page.locator(".ticket-line")).to_contain_text("Waiting")
    composer(page).fill("And one thing more.")
    page.get_by_role("button", name="Undo send").click()
    expect(composer(page)).to_have_value("Try the other bulb.\n\nAnd one thing more.")
    expect(page.get_by_text("Taken back before it was sent")).to_be_visible()
    assert ticket(number).state == "new"
    assert db.session.scalars(select(Delivery.state)).all() == ["cancelled"]
    page.reload()  # it is a draft again
    expect(composer(page)).to_have_value("Try the other bulb.\n\nAnd one thing more.")


def test_from_the_head_to_the_answer(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob)
    page.set_viewport_size({"width": 390, "height": 320})
    expect(composer(page)).not_to_be_in_viewport()
    page.get_by_role("link", name="Reply").click()
    expect(composer(page)).to_be_focused()
    expect(composer(page)).to_be_in_viewport()


def test_enter_that_ends_a_syllable_sends_nothing(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob)
    composer(page).fill("안녕하세")
    composer(page).evaluate(
        """field => field.dispatchEvent(new KeyboardEvent("keydown",
             { key: "Enter", ctrlKey: true, isComposing: true, bubbles: true, cancelable: true }))"""
    )
    composer(page).press("Enter")
    expect(composer(page)).to_have_value("안녕하세\n")
    assert ticket(number).message_count == 1


def test_a_draft_outlives_its_tab_and_goes_when_it_is_sent(
    open_ticket: Any, desk: SmallDesk, number: int
) -> None:
    page = open_ticket(desk.bob)
    composer(page).fill("Half an answ")
    again = page.context.new_page()
    page.close(run_before_unload=False)
    again.goto(f"/tickets/{number}")
    expect(composer(again)).to_have_value("Half an answ")
    composer(again).fill("A whole answer")
    again.get_by_role("button", name="Send and resolve").click()
    expect(again.locator(".ticket-line")).to_contain_text("Resolved")
    again.reload()
    expect(composer(again)).to_have_value("")


def test_a_note_looks_like_one_and_is_not_sent(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob)
    page.get_by_text("Internal note").click()
    expect(page.get_by_role("button", name="Send to customer")).to_be_hidden()
    composer(page).fill("She called too.")
    composer(page).press("Control+Enter")
    expect(page.locator(".message-note")).to_contain_text("She called too.")
    assert db.session.scalars(select(Delivery.id)).all() == []


def test_a_colleague_writes_meanwhile(open_ticket: Any, desk: SmallDesk, number: int, now: datetime) -> None:
    """It appears at once, what is being written stays, and the answer waits until it was read."""
    page = open_ticket(desk.bob)
    composer(page).fill("Try the other bulb.")
    with writing(desk.board) as board:
        messages.note(
            board, db.session.get_one(Ticket, number), "Already sent her one.", person=desk.alice, now=now
        )
    expect(page.locator(".message-note")).to_contain_text("Already sent her one.")
    expect(composer(page)).to_have_value("Try the other bulb.")
    page.get_by_role("button", name="Send to customer").click()
    expect(page.locator(".message.is-new")).to_contain_text("Already sent her one.")
    expect(composer(page)).to_have_value("Try the other bulb.")
    page.get_by_label("Send anyway").check()
    page.get_by_role("button", name="Send to customer").click()
    expect(page.locator(".message-us")).to_contain_text("Try the other bulb.")
    expect(page.locator(".message.is-new")).to_have_count(0)


def test_what_is_being_chosen_is_not_taken_away(
    open_ticket: Any, desk: SmallDesk, number: int, now: datetime
) -> None:
    page = open_ticket(desk.bob)
    page.get_by_label("Priority").select_option(label="Urgent")
    with writing(desk.board) as board:
        tickets.add_tag(board, db.session.get_one(Ticket, number), "lamps", by=By("rule", 1), now=now)
    expect(page.locator(".ticket-line .tag")).to_have_text("lamps")
    assert page.get_by_label("Priority").input_value() == "3"
    page.locator("form[action$='/priority']").get_by_role("button").click()
    expect(page.locator(".ticket-line")).to_contain_text("urgent")
    expect(page.locator(".rail .tag")).to_have_text("lamps")
    assert ticket(number).priority == 3


def test_saving_one_choice_keeps_the_others(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob)
    page.get_by_label("Priority").select_option(label="Urgent")
    page.get_by_label("Add a tag").fill("la")
    page.get_by_label("Assignee").select_option(label="Bob Reyes")
    page.locator("form[action$='/assignee']").get_by_role("button").click()
    expect(page.locator(".ticket-line")).to_contain_text("Bob Reyes")
    expect(page.locator("form[action$='/assignee']").get_by_role("button")).to_be_hidden()
    expect(page.get_by_label("Priority")).to_have_value("3")
    page.locator("form[action$='/priority']").get_by_role("button").click()
    expect(page.locator(".ticket-line")).to_contain_text("urgent")
    expect(page.get_by_label("Add a tag")).to_have_value("la")
    page.get_by_label("Add a tag").fill("lamps")
    page.get_by_label("Add a tag").press("Enter")
    expect(page.locator(".ticket-line .tag")).to_have_text("lamps")
    expect(page.get_by_label("Add a tag")).to_have_value("")
    assert (ticket(number).priority, ticket(number).assignee_id) == (3, desk.bob.id)


def test_the_message_as_it_was_sent_is_sealed(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob)
    page.get_by_text("Show as sent").click()
    frame = page.frame_locator(".message-frame")
    expect(frame.locator("b")).to_have_text("yesterday")
    expect(frame.locator("img").first).to_have_attribute(
        "src", "data:image/png;base64,iVBORw0KGgpub3QgbXVjaCBvZiBhIHBpY3R1cmU="
    )
    assert page.locator("script[src*=tracker]").count() == 0
    page.get_by_text("Show whole message").click()
    expect(page.locator("blockquote")).to_contain_text("Is it plugged in?")


def test_a_refused_change_is_told_and_undone(
    open_ticket: Any, desk: SmallDesk, number: int, now: datetime
) -> None:
    page = open_ticket(desk.bob)
    page.get_by_label("Assignee").select_option(label="Bob Reyes")
    with writing(desk.board) as board:
        tickets.assign(
            board, db.session.get_one(Ticket, number), desk.alice.id, by=By("person", desk.alice.id), now=now
        )
    page.locator("form[action$='/assignee']").get_by_role("button").click()
    expect(page.locator(".toast")).to_contain_text("Alice Moor has changed who has this meanwhile.")
    expect(page.locator(".ticket-line")).to_contain_text("Alice Moor")
    expect(page.get_by_label("Assignee")).to_have_value(str(desk.alice.id))
    assert ticket(number).assignee_id == desk.alice.id


def test_everything_works_without_script(open_ticket: Any, desk: SmallDesk, number: int) -> None:
    page = open_ticket(desk.bob, java_script_enabled=False)
    page.get_by_role("button", name="Mark as read").click()
    assert not ticket(number).unread
    page.get_by_label("Assignee").select_option(label="Bob Reyes")
    page.locator("form[action$='/assignee']").get_by_role("button").click()
    page.get_by_label("Add a tag").fill("lamps")
    page.locator("form[action$='/tags']").get_by_role("button").click()
    page.get_by_role("button", name="Remove the tag lamps").click()
    page.get_by_label("Column").select_option(label="Open")
    page.locator("form[action$='/column']").get_by_role("button").click()
    assert (ticket(number).assignee_id, ticket(number).state, ticket(number).tags) == (
        desk.bob.id,
        "open",
        [],
    )
    page.get_by_text("Show whole message").click()
    expect(page.locator("blockquote")).to_contain_text("Is it plugged in?")
    page.go_back()
    composer(page).fill("Try the other bulb.")
    page.get_by_role("button", name="Send to customer").click()
    page.get_by_role("button", name="Undo send").click()
    expect(composer(page)).to_have_value("Try the other bulb.")
    page.get_by_text("Internal note").click()
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".message-note")).to_contain_text("Try the other bulb.")
    db.session.rollback()
    assert db.session.scalars(select(Message.kind).order_by(Message.id)).all() == [
        "customer",
        "reply",
        "note",
    ]


def test_a_ticket_by_hand(open_ticket: Any, desk: SmallDesk) -> None:
    page = open_ticket(desk.bob)
    page.goto("/tickets/new")
    page.get_by_label("Customer's name").fill("Lee")
    page.get_by_label("Customer's e-mail address").fill("nobody")
    page.get_by_label("Subject").fill("Called about lamp 7")
    page.get_by_label("Message").fill("It is dark.")
    page.get_by_role("button", name="Open ticket").click()
    expect(page.locator(".error-summary")).to_contain_text("That is not an e-mail address.")
    page.get_by_label("Customer's e-mail address").fill("lee@example.org")
    page.get_by_role("button", name="Open ticket").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Called about lamp 7")


@pytest.mark.parametrize("locale", ["en", "ko"])
@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}, "has_touch": True}],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing(
    open_ticket: Any, desk: SmallDesk, number: int, now: datetime, locale: str, options: dict[str, Any]
) -> None:
    with writing(desk.board) as board:
        kim = db.session.get_one(Ticket, number)
        tickets.add_tag(board, kim, "lamps", by=By("rule", 1), now=now)
        messages.note(board, kim, "She called too.", person=desk.alice, now=now)
        messages.reply(board, kim, "Try the other bulb.", person=desk.bob, seen=None, now=now)
        tickets.prioritise(board, kim, 3, by=By("person", desk.bob.id), now=now)
    with writing(desk.row):
        desk.bob.locale = locale
    page = open_ticket(desk.bob, bypass_csp=True, **options)  # axe itself needs eval
    for address in (page.url, "/tickets/new", "/deliveries", "/messages/1/whole"):
        page.goto(address)
        assert objections(page) == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"), "scrolls sideways"
