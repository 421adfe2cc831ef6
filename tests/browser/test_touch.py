"""Under a finger and on little room: targets of 44 px, inputs that do not zoom, nothing that scrolls sideways; on paper."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.small import SmallDesk
from tests.stories import ticket_in

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
    tablet.locator(f"#s{ticket.id}").tap()
    expect(tablet.locator("#panel_title")).to_be_visible()
    assert tablet.evaluate(SMALL) == []
    assert not tablet.evaluate(SIDEWAYS)


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
    page.locator(f"#s{ticket.id}").click()
    expect(page.locator(".message")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".message")).to_be_visible()
    expect(page.locator("#panel_title")).to_have_text("Where is my parcel?")
    for hidden in (f"#ticket_{ticket.id}", ".composer", ".drawer-bar", ".rail select >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()
