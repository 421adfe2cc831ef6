"""Saved views: a person's own, shared ones, what becomes of them when what they name is gone."""

import re
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from app.database import bookkeeping, db, writing
from app.desk import tickets
from app.models.event import By, Event
from app.models.saved_view import SavedView
from app.models.ticket import Tag, TicketTag
from tests.small import SmallDesk
from tests.stories import ticket_in


def save(browser: Any, name: str, query: str, path: str = "/views/new", **more: str) -> Any:
    return browser.post(path, data={"name": name, "query": query, **more})


def names_in(html: str) -> list[tuple[str, str]]:
    """(name, count) of every view in the list."""
    return re.findall(r'<a href="[^"]*"[^>]*><span>([^<]*)</span><span class="count">(\d*)', html)


def test_a_view_of_ones_own(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    ticket_in(desk, "new", "Lamp", now)
    bob = browser_as(desk.bob)
    done = save(bob, "  Lamps ", "subject:lamp", sort="due", columns="number,subject")
    assert done.status_code == 303
    assert done.headers["Location"] == "/tickets?q=subject%3Alamp&columns=number%2Csubject&sort=due"
    assert ("Lamps", "1") in names_in(bob.get("/views").text)
    alice = browser_as(desk.alice)
    assert "Lamps" not in alice.get("/views").text
    (view,) = db.session.scalars(select(SavedView)).all()
    db.session.rollback()
    assert alice.get(f"/views/{view.id}").status_code == 404
    assert save(alice, "Mine", "lamp", f"/views/{view.id}").status_code == 404
    assert alice.post(f"/views/{view.id}/removal").status_code == 404
    assert db.session.scalars(select(Event.kind).where(Event.kind.startswith("view."))).all() == []
    assert bob.post(f"/views/{view.id}/removal").status_code == 303
    assert "Lamps" not in bob.get("/views").text


def test_a_shared_view(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    """Bob shares one: Erin finds it with only what she sees, Charlie may not change it, Alice the manager may."""
    ticket_in(desk, "new", "Lamp", now)
    save(browser_as(desk.bob), "Lamps", "subject:lamp", shared="y")
    (view_id,) = db.session.scalars(select(SavedView.id)).all()
    db.session.rollback()
    charlie = browser_as(desk.charlie)
    assert ("Lamps", "0") in names_in(charlie.get("/views").text)
    assert "Save one of my own" in charlie.get(f"/views/{view_id}").text
    assert save(charlie, "Mine", "lamp", f"/views/{view_id}").status_code == 403
    assert charlie.post(f"/views/{view_id}/removal").status_code == 403
    alice = browser_as(desk.alice)
    assert save(alice, "All lamps", "lamp", f"/views/{view_id}", shared="y").status_code == 303
    kinds = db.session.scalars(
        select(Event.kind).where(Event.kind.startswith("view.")).order_by(Event.id)
    ).all()
    assert kinds == ["view.shared", "view.changed"]


def test_wrong_values_are_named(desk: SmallDesk, browser_as: Any) -> None:
    bob = browser_as(desk.bob)
    for name, query, text in (
        ("", "lamp", "This field is required."),
        ("Lamps", "", "This field is required."),
        ("Lamps", "langauge:ko", "Column 1: unknown field `langauge`"),
        ("x" * 61, "lamp", "Field cannot be longer than 60 characters."),
    ):
        refused = save(bob, name, query)
        assert refused.status_code == 422
        assert text in refused.text.replace("&#39;", "'")
    assert db.session.scalars(select(SavedView)).all() == []


def test_names_change_and_queries_do_not(desk: SmallDesk, browser_as: Any, now: datetime) -> None:
    """A renamed tag is printed by its new name; a deleted one shows the view as broken and finds nothing."""
    ticket = ticket_in(desk, "new", "Lamp", now)
    with writing(desk.board) as board:
        tickets.add_tag(board, ticket, "refund", by=By("clock"), now=now)
    bob = browser_as(desk.bob)
    save(bob, "Refunds", "tag:refund")
    save(bob, "No refunds", "-tag:refund")
    bookkeeping(update(Tag).where(Tag.name == "refund").values(name="money back"))
    html = bob.get("/views").text
    assert "/tickets?q=tag%3A%22money+back%22" in html
    assert {("Refunds", "1"), ("No refunds", "0")} <= set(names_in(html))
    bookkeeping(delete(TicketTag))
    bookkeeping(delete(Tag))
    html = bob.get("/views").text
    assert html.count("Finds nothing:") == 2
    assert {("Refunds", ""), ("No refunds", "")} <= set(names_in(html))
