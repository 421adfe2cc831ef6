"""Deleting over the web: asked first, gone from every page, listed for managers, taken back."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.routes.conversation import kim_writes
from tests.small import SmallDesk


def test_no_page_shows_it_until_it_is_back(
    desk: SmallDesk, number: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    alice, dana = browser_as(desk.alice), browser_as(desk.dana)
    other = kim_writes(now, number=2, subject="Bulb")
    assert alice.post(f"/tickets/{number}/deletion").status_code == 422
    assert "For 30 days" in alice.get(f"/tickets/{number}/deletion").text
    gone = alice.post(f"/tickets/{number}/deletion", data={"really": "yes"})
    assert (gone.status_code, gone.location) == (303, f"/boards/{desk.board.id}")
    pages = [
        f"/boards/{desk.board.id}",
        f"/columns/{desk.columns['new'].id}/cards",
        "/tickets",
        "/tickets.csv",
        "/search?q=flickers",
        "/customers",
        "/customers/1",
        f"/tickets/{other}",
        "/alerts",
        "/deliveries",
        "/views",
    ]
    for browser in (alice, dana):
        browser.get("/profile")  # the toast that tells of it
        for page in pages:
            text = browser.get(page).text
            assert (page, "The lamp" in text, f"/tickets/{number}" in text) == (page, False, False)
        for page in ("", "/move", "/snooze", "/merge", "/deletion"):
            assert browser.get(f"/tickets/{number}{page}").status_code == 404
        assert browser.get("/messages/1/html").status_code == 404
    listed = alice.get("/tickets/deleted").text
    assert ("The lamp" in listed, "Alice Moor" in listed) == (True, True)
    assert browser_as(desk.bob).get("/tickets/deleted").status_code == 404
    assert alice.post(f"/tickets/{number}/restoration").status_code == 303
    assert "The lamp" in alice.get(f"/tickets/{number}").text
    assert alice.post(f"/tickets/{number}/restoration").status_code == 404


def test_spam_can_be_undone(desk: SmallDesk, number: int, browser_as: Callable[..., Any]) -> None:
    bob = browser_as(desk.bob)
    assert "Spam" in bob.get(f"/tickets/{number}").text
    assert bob.post(f"/tickets/{number}/spam").status_code == 303
    assert "spam" in bob.get("/tickets?q=tag:spam+is:archived").text
    assert bob.post(f"/tickets/{number}/spam", headers={"Accept": "application/json"}).status_code == 200
