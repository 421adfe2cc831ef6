"""Under a finger and on little room: targets of 44 px, inputs that do not zoom, nothing that scrolls sideways; on paper."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from app.database import db, writing
from app.desk import looks
from app.models.ticket import Ticket
from tests.finger import Finger
from tests.small import SmallDesk
from tests.stories import fill, ticket_in
from tests.waiting import until

# What is pressed and is smaller than 44 px in both directions, or an input whose letters make a phone zoom in.
SMALL = """() => [...document.querySelectorAll("button, select, input, textarea, summary, a.button, .more, .column-tabs a")]
  .filter((each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !each.matches(".unseen, :disabled"))
  .filter((each) => {
    const label = each.matches("[type=checkbox], [type=radio]") ? each.closest("label") ?? each : each.closest(".query") ?? each;
    const { width, height } = label.getBoundingClientRect();
    return height < 43.5 || width < 43.5 && !each.matches(":is(a, summary)");
  }).map((each) => each.outerHTML.slice(0, 120))"""
TINY = """() => [...document.querySelectorAll("input:not([type=checkbox], [type=radio], [type=hidden]), select, textarea")]
  .filter((each) => each.checkVisibility() && parseFloat(getComputedStyle(each).fontSize) < 16).map((each) => each.outerHTML.slice(0, 120))"""
AT_ITS_END = "board => board.scrollLeft + board.clientWidth > board.scrollWidth - 2"
SIDEWAYS = "document.documentElement.scrollWidth > innerWidth + 1"


def test_under_a_finger(
    serve: Callable[..., Any], new_page: Callable[..., Any], desk: SmallDesk, now: Any
) -> None:
    ticket = ticket_in(desk, "new", "Where is my parcel? It should have come three days ago", now, priority=3)
    url = serve(CLOCK="off").url
    phone = new_page(url, desk.bob, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    for address in (f"/boards/{desk.board.id}", f"/tickets/{ticket.id}", "/tickets", "/search?q=parcel"):
        phone.goto(address)
        assert (address, phone.evaluate(SMALL)) == (address, [])
        assert (address, phone.evaluate(TINY)) == (address, [])
        phone.set_viewport_size({"width": 320, "height": 568})
        assert (address, phone.evaluate(SIDEWAYS)) == (address, False)
        phone.set_viewport_size({"width": 390, "height": 844})
    tablet = new_page(url, desk.bob, viewport={"width": 1024, "height": 768}, has_touch=True, is_mobile=True)
    tablet.goto(f"/boards/{desk.board.id}")
    tablet.locator(f"#c{ticket.id} a").tap()
    expect(tablet.locator("#panel_title")).to_be_visible()
    assert tablet.evaluate(SMALL) == []
    assert not tablet.evaluate(SIDEWAYS)


def test_a_collapsed_column_is_a_tab_like_others(
    serve: Callable[..., Any], new_page: Callable[..., Any], desk: SmallDesk, now: Any
) -> None:
    """On a phone there is one column at a time, so it takes no room: it has its cards when it is opened."""
    ticket = ticket_in(desk, "open", "Where is my parcel?", now)
    ticket_in(desk, "new", "Which lamp?", now)
    looks.collapse(desk.bob, desk.board, desk.columns["open"].id, collapsed=True)
    looks.collapse(desk.bob, desk.board, looks.made("priority", "1", lane=True), collapsed=True)
    phone = new_page(
        serve(CLOCK="off").url,
        desk.bob,
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    phone.goto(f"/boards/{desk.board.id}")
    tab = phone.locator(".column-tabs a", has_text="Open")
    expect(tab).to_have_text("Open 1")
    tab.tap()
    expect(phone.locator(f"#ticket_{ticket.id}")).to_be_in_viewport()
    column = phone.locator(f"#column_{desk.columns['open'].id}")
    assert column.bounding_box()["width"] > 300
    expect(column.locator(".show-more, .column-tools button")).to_be_hidden()
    phone.goto(f"/boards/{desk.board.id}?lanes=priority")
    expect(phone.locator(f"#ticket_{ticket.id}")).to_be_hidden()
    with phone.expect_response("**/look?**"):
        phone.locator("#lane_1_head").tap()
    phone.locator(".column-tabs a", has_text="Open").tap()
    expect(phone.locator(f"#ticket_{ticket.id}")).to_be_in_viewport()


def test_on_paper(serve: Callable[..., Any], new_page: Callable[..., Any], desk: SmallDesk, now: Any) -> None:
    """The board without its frame, and a ticket without what is pressed, also when it is open beside the board."""
    ticket = ticket_in(desk, "new", "Where is my parcel?", now)
    page = new_page(serve(CLOCK="off").url, desk.bob)
    page.goto(f"/boards/{desk.board.id}")
    page.emulate_media(media="print")
    expect(page.locator(f"#ticket_{ticket.id}")).to_be_visible()
    for hidden in (".side", ".bar", ".more >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()
    page.emulate_media(media="screen")
    page.locator(f"#c{ticket.id} a").click()
    expect(page.locator(".message")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".message")).to_be_visible()
    expect(page.locator("#panel_title")).to_have_text("Where is my parcel?")
    for hidden in (f"#ticket_{ticket.id}", ".composer", ".drawer-bar", ".rail select >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()


def test_a_card_is_dragged_by_a_finger(
    serve: Callable[..., Any], new_page: Callable[..., Any], desk: SmallDesk, now: Any
) -> None:
    """A flick scrolls; a finger that rests takes the card, and at the edge of the screen the next column comes. A colleague
    sees where it was let go."""
    with writing(desk.board) as board:
        made = [fill(board, desk, "new", f"Number {n}", now).id for n in range(12)]
    number, resolved = made[2], desk.columns["resolved"].id
    url = serve(CLOCK="off").url
    phone = new_page(url, desk.bob, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    alice = new_page(url, desk.alice)
    for page in (phone, alice):
        page.goto(f"/boards/{desk.board.id}")
        page.locator("#live[data-state=live]").wait_for()
    card, finger = phone.locator(f"#ticket_{number}"), Finger(phone)

    x, y = middle(phone, number)  # at once on its way: the column scrolls, the card stays
    finger.press(x, y)
    finger.move(x, y - 200)
    finger.lift()
    until(lambda: card.bounding_box()["y"] < y - 100)
    expect(phone.locator(".is-dragged, .sortable-chosen")).to_have_count(0)

    x, y = middle(phone, number)
    finger.press(x, y)
    expect(phone.locator(f"#ticket_{number}.sortable-chosen")).to_be_visible()
    finger.move(x + 20, y + 10)
    expect(phone.locator(".is-dragged")).to_be_visible()
    finger.move(365, y)
    until(lambda: phone.locator("#board").evaluate(AT_ITS_END))
    finger.move(x, y)
    expect(phone.locator(f"#column_{resolved}.is-target")).to_be_in_viewport(ratio=0.5)
    finger.lift()
    expect(phone.locator(f"#column_{resolved} #ticket_{number}")).to_be_visible()
    expect(alice.locator(f"#column_{resolved} #ticket_{number}")).to_be_visible()
    db.session.rollback()
    assert db.session.get_one(Ticket, number).state == "resolved"


def middle(page: Any, number: int) -> tuple[float, float]:
    """Where a card is, when it does not move any more."""
    page.locator(f"#ticket_{number}").evaluate("card => card.scrollIntoView({ block: 'center' })")
    page.locator(f"#ticket_{number}").click(trial=True)
    box = page.locator(f"#ticket_{number}").bounding_box()
    return box["x"] + 120, box["y"] + box["height"] / 2
