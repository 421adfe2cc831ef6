"""The list of notifications, the bell, and the choice on the profile, as people use them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import rules, tags, tickets
from app.models.notification import PER_PAGE, Notification
from app.models.ticket import Ticket
from tests.small import SmallDesk
from tests.stories import fill, ticket_in

Open = Callable[..., Any]


@pytest.fixture
def mine(desk: SmallDesk, now: datetime) -> Ticket:
    """Alice gives it to Bob."""
    ticket = ticket_in(desk, "new", "Broken <lamp>", now)
    give(desk, ticket, now)
    return ticket


def give(desk: SmallDesk, ticket: Ticket, now: datetime) -> None:
    with writing(desk.board) as board:
        held = db.session.get_one(Ticket, ticket.id)
        tickets.assign(board, held, desk.bob.id, by=desk.alice.by, now=now)


def test_it_is_listed_counted_and_read(desk: SmallDesk, mine: Ticket, browser_as: Open) -> None:
    bob = browser_as(desk.bob)
    board = bob.get(f"/boards/{desk.board.id}").text
    assert 'aria-label="Notifications: 1 unread"' in board
    assert bob.get("/notifications/count").json == {"count": 1, "said": "1"}
    page = bob.get("/notifications").text
    assert "Alice Moor assigned it to you" in page
    assert "Broken &lt;lamp&gt;" in page
    assert f'href="/tickets/{mine.id}"' in page
    assert bob.post(f"/tickets/{mine.id}/notifications/reading").json == {"count": 0, "said": "0"}
    page = bob.get("/notifications").text
    assert 'aria-label="Notifications"' in page
    assert "Mark all as read" not in page
    assert "Alice Moor assigned it to you" in page


def test_without_script_it_is_read_by_buttons(
    desk: SmallDesk, mine: Ticket, now: datetime, browser_as: Open
) -> None:
    bob = browser_as(desk.bob)
    give(desk, ticket_in(desk, "new", "Another", now), now)
    one = db.session.scalars(select(Notification.id).order_by(Notification.id)).first()
    assert bob.post(f"/notifications/{one}/reading").status_code == 303
    assert bob.get("/notifications/count").json["count"] == 1
    assert bob.post("/notifications/reading").status_code == 303
    assert bob.get("/notifications/count").json["count"] == 0
    give(desk, third := ticket_in(desk, "new", "Third", now), now)
    assert bob.post(f"/tickets/{third.id}/reading").status_code == 303
    assert bob.get("/notifications/count").json["count"] == 0


def test_nobody_reads_those_of_others(desk: SmallDesk, mine: Ticket, browser_as: Open) -> None:
    one = db.session.scalars(select(Notification.id)).one()
    for person in (desk.alice, desk.dana, desk.charlie):
        browser = browser_as(person)
        assert "assigned it to you" not in browser.get("/notifications").text
        assert browser.post(f"/notifications/{one}/reading").status_code == 404
        browser.post("/notifications/reading")
    assert browser_as(desk.bob).get("/notifications/count").json["count"] == 1


def test_what_is_chosen_on_the_profile(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    bob = browser_as(desk.bob)
    page = bob.get("/profile").text
    assert 'name="assigned-mail" value="yes" checked' in page
    assert 'name="answered-mail" value="yes">' in page
    answer = bob.post("/profile/notifications", data={"answered-mail": "yes", "nix-page": "yes"})
    assert answer.location == "/profile#notifications"
    page = bob.get("/profile").text
    assert 'name="assigned-page" value="yes">' in page
    assert 'name="answered-mail" value="yes" checked' in page
    give(desk, ticket_in(desk, "new", "Lamp", now), now)
    assert bob.get("/notifications/count").json["count"] == 0


def test_many_are_paged(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    with writing(desk.board) as board:
        for n in range(PER_PAGE + 3):
            ticket = fill(board, desk, "new", f"Lamp {n}", now)
            tickets.assign(board, ticket, desk.bob.id, by=desk.alice.by, now=now)
    bob = browser_as(desk.bob)
    first = bob.get("/notifications").text
    older = first.partition("/notifications?before=")[2].partition('"')[0]
    second = bob.get(f"/notifications?before={older}").text
    assert (first.count("assigned it to you"), second.count("assigned it to you")) == (PER_PAGE, 3)


def test_a_broken_rule_stands_in_the_list(
    desk: SmallDesk, now: datetime, browser_as: Callable[..., Any]
) -> None:
    with writing(desk.row) as row:
        tag = tickets.tag_named("refund")
        then = [{"kind": "add_tag", "tag": "money"}]
        rule = rules.save(
            row, None, name="Money back", text="tag:refund", then=then, by=desk.alice.by, now=now
        )
        rules.switch(row, rule, True, by=desk.alice.by, now=now)
        tags.remove(row, tag.id, by=desk.dana.by, now=now)
    alice = browser_as(desk.alice)
    assert alice.get("/notifications/count").json["count"] == 1
    page = alice.get("/notifications").text
    assert f'href="/rules#rule_{rule.id}"' in page
    assert "switched off: tag:refund" in page
    assert 'aria-label="Mark as read: Money back"' in page
    alice.post("/notifications/reading")
    assert alice.get("/notifications/count").json["count"] == 0
