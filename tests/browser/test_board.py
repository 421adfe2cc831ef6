"""The board in a real browser: two people at once, without script, by keyboard alone."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.database import db, writing
from app.desk import tickets
from app.models.event import CLOCK, By
from app.models.rule import Rule
from app.models.ticket import Ticket
from tests.axe import objections
from tests.databases import on_both_databases
from tests.stories import fill, ticket_in

Page = Any
FAIL_ONCE = """() => {
  const real = window.fetch;
  window.fetch = (path, ...more) => {
    if (!String(path).endsWith("/column")) return real(path, ...more);
    window.fetch = real;
    return Promise.reject(new TypeError("Failed to fetch"));
  };
}"""


@pytest.fixture
def open_board(serve: Callable[..., Any], new_page: Callable[..., Page], desk: Any) -> Callable[..., Page]:
    """Opens the board in a browser of this person, and waits until it is live. The browser ends before its server.

    The clock stands still, so that nothing changes but what a test changes.
    """
    url = serve(CLOCK="off").url

    def open_it(person: Any, query: str = "", **options: Any) -> Page:
        page = new_page(url, person, **options)
        page.goto(f"/boards/{desk.board.id}{query}")
        if options.get("java_script_enabled", True):
            page.locator("#live[data-state=live]").wait_for()
        return page

    return open_it


def card(page: Page, ticket: Ticket, column: Any = None) -> Page:
    within = page.locator(f"#column_{column.id}") if column else page
    return within.locator(f"#ticket_{ticket.id}")


def drag(page: Page, ticket: Ticket, column: Any) -> None:
    card(page, ticket).drag_to(page.locator(f"#column_{column.id} .column-body"), steps=5)


def column_of(ticket: Ticket) -> int:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Ticket, ticket.id).column_id


@on_both_databases
def test_a_move_shows_on_the_other_board(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Where is my parcel?", now)
    alice, bob = open_board(desk.alice), open_board(desk.bob)
    drag(alice, ticket, desk.columns["open"])
    card(alice, ticket, desk.columns["open"]).wait_for()
    card(bob, ticket, desk.columns["open"]).wait_for()
    for page in (alice, bob):
        assert page.locator(f"#column_{desk.columns['open'].id}_head .count").inner_text() == "1"
        assert page.locator(f"#column_{desk.columns['new'].id}_head .count").inner_text() == "0"
        assert page.locator(f"#column_{desk.columns['new'].id} .column-empty").is_visible()
    expect(bob.locator("#told")).to_have_text("New in Open: Where is my parcel?")
    alice.get_by_role("button", name="Undo").click()
    card(bob, ticket, desk.columns["new"]).wait_for()
    assert column_of(ticket) == desk.columns["new"].id


@on_both_databases
def test_two_drag_the_same_card(open_board: Any, desk: Any, now: Any) -> None:
    """The second one to let go is told who was faster, sees the true card, and may insist."""
    ticket = ticket_in(desk, "new", "Charged twice", now)
    open_, waiting = desk.columns["open"], desk.columns["waiting"]
    alice, bob = open_board(desk.alice), open_board(desk.bob)
    take(bob, card(bob, ticket))
    drag(alice, ticket, open_)
    card(alice, ticket, open_).wait_for()
    with bob.expect_response("**/column") as answered:
        drop(bob, waiting)
    assert answered.value.status == 409
    toast = bob.locator(".toast-error")
    expect(toast).to_contain_text(re.compile(r"Alice Moor moved this to Open \d+ s ago"))
    card(bob, ticket, open_).wait_for()
    assert column_of(ticket) == open_.id
    toast.get_by_role("button", name="Move anyway").click()
    card(alice, ticket, waiting).wait_for()
    card(bob, ticket, waiting).wait_for()
    assert column_of(ticket) == waiting.id


def test_two_order_a_column_by_hand(open_board: Any, desk: Any, now: Any) -> None:
    """A card stays where it is let go, on both boards; what the other one does meanwhile is kept too."""
    new, open_ = desk.columns["new"], desk.columns["open"]
    first, second, third = (ticket_in(desk, "new", f"Number {number}", now) for number in range(3))
    alice, bob = open_board(desk.alice, "?sort=manual"), open_board(desk.bob, "?sort=manual")
    take(bob, card(bob, third))
    drop_at(alice, first, card(alice, second))
    with bob.expect_response("**/column"):
        drop_on(bob, card(bob, first))
    db.session.rollback()
    expected = [ticket.id for ticket in sorted(db.session.scalars(select(Ticket)), key=lambda one: one.rank)]
    for page in (alice, bob):
        for place, number in enumerate(expected):
            expect(page.locator(f"#column_{new.id} .card").nth(place)).to_have_id(f"ticket_{number}")
    assert expected != [first.id, second.id, third.id]
    drag(bob, second, open_)
    card(alice, second, open_).wait_for()
    assert column_of(second) == open_.id


def test_tickets_are_opened_in_a_column_and_it_is_collapsed(open_board: Any, desk: Any, now: Any) -> None:
    """One after the other by keys; what is wrong is said in place. A collapsed column takes drops, and stays collapsed."""
    ticket = ticket_in(desk, "new", "Where is my parcel?", now)
    column = desk.columns["open"]
    bob, alice = open_board(desk.bob), open_board(desk.alice)
    place = bob.locator(f"#column_{column.id}")
    place.get_by_role("link", name="Add a ticket to Open").click()
    expect(place.get_by_label("Subject")).to_be_focused()
    bob.keyboard.type("Lamp")
    place.get_by_label("Customer's e-mail address").fill("kim")
    place.get_by_label("Message").fill("It flickers.")
    place.get_by_label("Message").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    bob.keyboard.press("Enter")
    expect(place.get_by_text("That is not an e-mail address.")).to_be_visible()
    expect(place.get_by_label("Customer's e-mail address")).to_be_focused()
    bob.keyboard.press("Control+a")
    bob.keyboard.type("kim@example.org")
    bob.keyboard.press("Enter")
    place.locator(".card", has_text="Lamp").wait_for()
    expect(place.get_by_label("Subject")).to_be_focused()
    expect(place.get_by_label("Subject")).to_have_value("")
    expect(place.locator(".error")).to_have_count(0)
    alice.locator(f"#column_{column.id} .card", has_text="Lamp").wait_for()
    bob.keyboard.press("Escape")
    expect(place.get_by_label("Subject")).to_be_hidden()
    cards = place.get_by_role("button", name="Cards of Open")
    with bob.expect_response(re.compile("/look")):
        cards.click()
    expect(cards).to_have_attribute("aria-expanded", "false")
    bob.reload()
    bob.locator("#live[data-state=live]").wait_for()
    expect(place.locator(".card")).to_have_count(0)
    box = place.bounding_box()
    take(bob, card(bob, ticket))
    bob.mouse.move(box["x"] + 15, box["y"] + 200, steps=5)
    bob.mouse.up()
    card(alice, ticket, column).wait_for()
    expect(place.locator(".count").first).to_have_text("2")
    cards.click()
    expect(place.locator(".card:visible")).to_have_count(2)
    expect(place.locator(".show-more")).to_have_count(0)


def test_columns_of_people_are_live(open_board: Any, desk: Any, now: Any) -> None:
    """Whoever drags a card to a person assigns it; the other one sees it, in columns of people or of the board."""
    ticket = ticket_in(desk, "new", "Whose is it?", now)
    alice, bob = open_board(desk.alice, "?group=assignee"), open_board(desk.bob, "?group=assignee")
    other = open_board(desk.alice)
    drag(alice, ticket, desk.bob)
    card(alice, ticket, desk.bob).wait_for()
    card(bob, ticket, desk.bob).wait_for()
    expect(bob.locator(f"#column_{desk.bob.id}_head .count")).to_have_text("1")
    expect(other.locator(f"#ticket_{ticket.id}[data-person='{desk.bob.id}']")).to_have_count(1)
    bob.locator(f"#ticket_{ticket.id} .more").click()
    bob.get_by_label("Assignee").select_option(label="Nobody")
    bob.get_by_role("button", name="Apply", exact=True).last.click()
    expect(alice.locator(f"#column_none #ticket_{ticket.id}")).to_have_count(1)
    drag(other, ticket, desk.columns["resolved"])
    expect(alice.locator(f"#ticket_{ticket.id}")).to_have_count(0)
    bobs = alice.locator(f"#column_{desk.bob.id}")
    bobs.get_by_role("link", name="Add a ticket to Bob Reyes").click()
    for label, value in (("Subject", "Lamp"), ("e-mail", "kim@example.org"), ("Message", "It flickers.")):
        bobs.get_by_label(label).fill(value)
    alice.keyboard.press("Enter")
    bobs.locator(".card", has_text="Lamp").wait_for()
    with alice.expect_response(re.compile("/look")):
        bobs.get_by_role("button", name="Cards of Bob Reyes").click()
    alice.reload()
    expect(bobs.locator(".card")).to_have_count(0)
    expect(bobs.locator(".count").first).to_have_text("1")


def test_a_card_put_by_hand_returns_when_it_is_refused(open_board: Any, desk: Any, now: Any) -> None:
    made = [ticket_in(desk, "new", f"Number {number}", now) for number in range(3)]
    bob = open_board(desk.bob, "?sort=manual")
    bob.evaluate(FAIL_ONCE)
    take(bob, card(bob, made[0]))
    drop_on(bob, card(bob, made[2]))
    expect(bob.locator(".toast-error")).to_contain_text("the card is back where it was")
    expect(bob.locator(".card").first).to_have_id(f"ticket_{made[0].id}")
    bob.locator(f"#ticket_{made[0].id} .more").click()
    bob.get_by_label("Place").select_option(label="At the bottom")
    bob.get_by_role("button", name="Move", exact=True).click()
    expect(bob.locator(".card").nth(2)).to_have_id(f"ticket_{made[0].id}")


def test_a_rule_that_acts_after_a_drop_is_told_of_and_refuses_nothing(
    open_board: Any, desk: Any, now: Any
) -> None:
    """Whoever has changed the ticket is told, once, as soon as they are told of anything; nobody else is. Many are counted."""
    tickets_ = [ticket_in(desk, "new", f"Parcel {n}", now) for n in range(4)]
    with writing(desk.row):
        rule = Rule(position=1, name="Refunds", query={"and": []}, actions=[])
        db.session.add(rule)

    def tag(ticket: Ticket, name: str) -> None:
        with writing(desk.board) as board:
            row, by = db.session.get_one(Ticket, ticket.id), By("rule", rule.id)
            tickets.add_tag(board, row, name, by=by, now=datetime.now(UTC))

    alice, bob = open_board(desk.alice), open_board(desk.bob)
    drag(bob, tickets_[0], desk.columns["open"])
    card(bob, tickets_[0], desk.columns["open"]).wait_for()
    take(bob, card(bob, tickets_[0]))  # it is in the hand again when the rule acts
    tag(tickets_[0], "refund")
    told = bob.locator(".toast", has_text="rule “Refunds” then added the tag refund")
    expect(told).to_have_text(re.compile(f"^#{tickets_[0].id}: "))
    with bob.expect_response("**/column") as answered:
        drop(bob, desk.columns["waiting"])
    assert answered.value.status == 200
    expect(card(bob, tickets_[0], desk.columns["waiting"]).locator(".card-tags")).to_have_text("refund")
    for ticket in tickets_[1:]:
        drag(bob, ticket, desk.columns["waiting"])
        card(bob, ticket, desk.columns["waiting"]).wait_for()
    with writing(desk.board) as board:
        for ticket in tickets_:
            row, by = db.session.get_one(Ticket, ticket.id), By("rule", rule.id)
            tickets.add_tag(board, row, "late", by=by, now=datetime.now(UTC))
    expect(bob.locator(".toast", has_text="Rules then changed 4 of these tickets")).to_be_visible()
    expect(bob.locator(".toast", has_text="refund")).to_have_count(1)
    expect(card(alice, tickets_[0], desk.columns["waiting"]).locator(".card-tags")).to_have_text(
        "late, refund"
    )
    assert alice.locator(".toast").count() == 0


def test_what_arrives_during_a_drag_waits(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "In the hand", now)
    bob = open_board(desk.bob)
    take(bob, card(bob, ticket))
    with bob.expect_event("console", lambda message: "delta" in message.text) as _:
        bob.evaluate("document.addEventListener('board:delta', () => console.log('delta'), { once: true })")
        later = ticket_in(desk, "new", "Arrives meanwhile", now)
    assert card(bob, later).count() == 0
    bob.mouse.move(700, 300)
    expect(bob.locator(".column.is-target")).to_have_count(1)
    bob.keyboard.press("Escape")
    bob.mouse.up()
    card(bob, later, desk.columns["new"]).wait_for()
    assert column_of(ticket) == desk.columns["new"].id


def test_a_card_that_is_pressed_can_be_dragged_whatever_arrives(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Under the finger", now)
    bob = open_board(desk.bob)
    box = card(bob, ticket).bounding_box()
    bob.mouse.move(box["x"] + 60, box["y"] + 15)
    bob.mouse.down()
    with bob.expect_event("console", lambda message: "delta" in message.text):
        bob.evaluate("document.addEventListener('board:delta', () => console.log('delta'), { once: true })")
        with writing(desk.board) as board:
            row = db.session.get_one(Ticket, ticket.id)
            tickets.add_tag(board, row, "refund", by=desk.alice.by, now=now)
    bob.mouse.move(box["x"] + 90, box["y"] + 40, steps=4)
    drop(bob, desk.columns["open"])
    expect(card(bob, ticket, desk.columns["open"]).locator(".card-tags")).to_have_text("refund")
    card(bob, ticket).get_by_role("link").first.click()
    expect(bob.locator("h2#panel_title")).to_have_text("Under the finger")


def test_a_lost_connection_puts_the_card_back_and_offers_to_try_again(
    open_board: Any, desk: Any, now: Any
) -> None:
    ticket = ticket_in(desk, "new", "In a tunnel", now)
    bob = open_board(desk.bob)
    bob.evaluate(FAIL_ONCE)
    drag(bob, ticket, desk.columns["open"])
    toast = bob.locator(".toast-error")
    expect(toast).to_contain_text("the card is back where it was")
    assert card(bob, ticket, desk.columns["new"]).count() == 1
    toast.get_by_role("button", name="Try again").click()
    card(bob, ticket, desk.columns["open"]).wait_for()


def test_by_keyboard_alone(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "No mouse here", now)
    page = open_board(desk.bob)
    page.locator(f"#c{ticket.id} a").focus()
    page.keyboard.press("Tab")
    expect(page.locator(f"#ticket_{ticket.id} .more")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Column")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    card(page, ticket, desk.columns["waiting"]).wait_for()
    expect(page.locator(f"#ticket_{ticket.id} .more")).to_be_focused()
    assert column_of(ticket) == desk.columns["waiting"].id


def test_without_script_everything_is_a_form(open_board: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        made = [fill(board, desk, "new", f"Number {number}", now) for number in range(45)]
    page = open_board(desk.bob, java_script_enabled=False)
    page.locator(f"#ticket_{made[0].id} .more").click()
    page.get_by_label("Column").select_option(label="Open")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(card(page, made[0], desk.columns["open"])).to_have_count(1)
    expect(page.locator(".toasts")).to_contain_text(f"#{made[0].id} moved to Open")
    page.get_by_role("link", name="Show 4 more").click()
    expect(page.locator(".card")).to_have_count(4)
    page.get_by_role("link", name="Back to Support").click()
    page.get_by_label("Search or filter").fill("is:open")
    page.get_by_label("Search or filter").press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("link", name="Archived").click()
    expect(page.locator(".card")).to_have_count(0)


def test_more_of_a_column_is_put_below(open_board: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        for number in range(95):
            fill(board, desk, "new", f"Number {number}", now)
    page = open_board(desk.bob)
    new = page.locator(f"#column_{desk.columns['new'].id}")
    expect(new.locator(".card")).to_have_count(40)
    new.get_by_role("link", name="Show 40 more (55)").click()
    expect(new.locator(".card")).to_have_count(80)
    new.get_by_role("link", name="Show 15 more").click()
    expect(new.locator(".card")).to_have_count(95)
    expect(new.locator(".show-more")).to_have_count(0)
    sorts = [item.get_attribute("data-sort") for item in new.locator(".card").all()]
    assert sorts == sorted(sorts)


def test_a_column_that_is_sorted_anew_keeps_its_length(open_board: Any, desk: Any, now: Any) -> None:
    """A rule or the clock may bring every ticket to the top at once."""
    with writing(desk.board) as board:
        made = [fill(board, desk, "new", f"Number {number}", now).id for number in range(60)]
    page = open_board(desk.bob)
    with writing(desk.board) as board:
        for number in made:
            tickets.prioritise(board, db.session.get_one(Ticket, number), 3, by=CLOCK, now=now)
    new = page.locator(f"#column_{desk.columns['new'].id}")
    expect(new.locator(".card[data-priority='3']")).to_have_count(40)
    expect(new.locator(".card")).to_have_count(40)
    new.get_by_role("link", name="Show 20 more").click()
    expect(new.locator(".card")).to_have_count(60)


def test_a_card_beyond_what_is_loaded_is_only_counted(open_board: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        for number in range(45):
            fill(board, desk, "new", f"Number {number}", now)
    page = open_board(desk.bob)
    new = page.locator(f"#column_{desk.columns['new'].id}")
    low = ticket_in(desk, "new", "Not urgent at all", now, priority=0)
    expect(new.locator(".column-head .count")).to_have_text("46")
    expect(new.get_by_role("link", name="Show 6 more")).to_be_visible()
    assert card(page, low).count() == 0
    urgent = ticket_in(desk, "new", "Most urgent", now, priority=3)
    expect(new.locator(".card").first).to_have_id(f"ticket_{urgent.id}")


def test_what_one_looks_at_does_not_jump(open_board: Any, desk: Any, now: Any) -> None:
    with writing(desk.board) as board:
        for number in range(30):
            fill(board, desk, "new", f"Number {number}", now)
    page = open_board(desk.bob)
    new = page.locator(f"#column_{desk.columns['new'].id}")
    new.locator(".card").nth(20).hover()
    seen = new.locator(".card").nth(20).bounding_box()
    urgent = ticket_in(desk, "new", "Most urgent", now, priority=3)
    pill = new.locator(".new-above")
    expect(pill).to_have_text("1 new above")
    assert abs(new.locator(".card").nth(20).bounding_box()["y"] - seen["y"]) < 1
    pill.click()
    expect(new.locator(".card").first).to_have_id(f"ticket_{urgent.id}")
    expect(pill).to_be_hidden()


def test_columns_are_shown_all_at_once(open_board: Any, desk: Any, now: Any) -> None:
    """While the page is still coming, each column would make the ones before it narrower."""
    ticket = ticket_in(desk, "new", "Where is my parcel?", now)
    page, rest = (
        open_board(desk.alice, java_script_enabled=False),
        f'id="column_{desk.columns["waiting"].id}"',
    )
    expect(card(page, ticket)).to_be_visible()
    whole = page.content()
    page.route(page.url, lambda route: route.fulfill(body=whole.partition(rest)[0], content_type="text/html"))
    page.reload()
    expect(card(page, ticket)).to_be_attached()
    expect(card(page, ticket)).to_be_hidden()


def test_a_card_that_leaves_the_filter_stays_until_one_moves_on(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Filtered", now, priority=3)
    page = open_board(desk.bob, "?q=priority:urgent")
    page.locator(f"#c{ticket.id} a").focus()
    with writing(desk.board) as board:
        tickets.prioritise(board, db.session.get_one(Ticket, ticket.id), 1, by=CLOCK, now=now)
    page.locator(f"#ticket_{ticket.id}.is-leaving").wait_for()
    page.locator("#query").focus()
    expect(card(page, ticket)).to_have_count(0)


def test_focus_survives_a_change_of_its_card(open_board: Any, desk: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "Focused", now)
    page = open_board(desk.bob)
    page.locator(f"#c{ticket.id} a").focus()
    with writing(desk.board) as board:
        tickets.move(
            board, db.session.get_one(Ticket, ticket.id), to=desk.columns["open"].id, by=CLOCK, now=now
        )
    card(page, ticket, desk.columns["open"]).wait_for()
    expect(page.locator(f"#c{ticket.id} a")).to_be_focused()


def test_other_tabs_of_a_browser_are_live_too(open_board: Any, desk: Any, now: Any) -> None:
    """A browser has no seventh connection: four tabs hold a stream, the fifth hears the others."""
    first = open_board(desk.bob)
    tabs = [first.context.new_page() for _ in range(4)]
    for tab in tabs:
        tab.goto(first.url)
    ticket = ticket_in(desk, "new", "Everywhere", now)
    for tab in [first, *tabs]:
        card(tab, ticket).wait_for()


def test_a_stopped_sign_in_ends_the_board(open_board: Any, desk: Any, now: Any) -> None:
    from app.desk import sign_ins

    page = open_board(desk.bob)
    with writing(desk.row):
        sign_ins.end_all(desk.bob)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(".toast-error")).to_contain_text("Your session has ended.")
    expect(page.locator("#live")).to_have_text("offline")


@pytest.mark.parametrize(
    "options", [{}, {"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}]
)
def test_axe_finds_nothing(options: dict[str, Any], open_board: Any, desk: Any, now: Any) -> None:
    for state in desk.columns:
        ticket_in(desk, state, f"In {state}", now, priority=3, language="en")
    page = open_board(desk.bob, bypass_csp=True, **options)  # axe itself needs eval
    for address in (
        page.url,
        f"{page.url}?q=is:",
        f"/columns/{desk.columns['archived'].id}/cards",
        "/tickets/1/move",
    ):
        page.goto(address)
        assert objections(page) == []


def take(page: Page, card: Page) -> None:
    """Begins to drag a card."""
    box = card.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 40, steps=4)


def drop(page: Page, column: Any) -> None:
    box = page.locator(f"#column_{column.id} .column-body").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100, steps=5)
    page.mouse.up()


def drop_on(page: Page, other: Page) -> None:
    """Lets go of the card in the hand where another one is, when it has gone there: the library looks now and then."""
    box, held = other.bounding_box(), page.locator(".is-ghost")
    place = held.evaluate("card => [...card.parentNode.children].indexOf(card)") + 1
    page.mouse.move(box["x"] + 90, box["y"] + box["height"] - 8, steps=8)
    page.mouse.move(box["x"] + 90, box["y"] + box["height"] - 4, steps=2)
    expect(page.locator(f".is-ghost:nth-child({place})")).to_have_count(0)
    page.mouse.up()


def drop_at(page: Page, ticket: Ticket, other: Page) -> None:
    take(page, card(page, ticket))
    with page.expect_response("**/column"):
        drop_on(page, other)
