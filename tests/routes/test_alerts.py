"""Alerts over the web: the list, and the signed link that works half asleep and without signing in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import alerts as desk_alerts
from app.desk import tickets
from app.models.alert import Alert
from app.models.delivery import Delivery
from app.models.event import CLOCK
from app.models.ticket import URGENT, Ticket
from tests.duty import alerts, publish
from tests.small import SmallDesk
from tests.stories import ticket_in

Open = Callable[..., Any]


@pytest.fixture
def ticket(desk: SmallDesk, now: datetime, travel: Any) -> Ticket:
    """An overdue ticket, about which Bob was told."""
    publish(desk, [desk.bob, desk.erin], now)
    made = ticket_in(desk, "new", "All lights are out", now - timedelta(hours=8), priority=URGENT)
    with writing(desk.board) as board:
        tickets.add_tag(board, db.session.get_one(Ticket, made.id), "door-code-4711", by=CLOCK, now=now)
    sweeps.everything(now)
    return made


@pytest.fixture
def link(ticket: Ticket) -> str:
    """The path of the link in Bob's mail."""
    text = db.session.scalars(select(Delivery.text).where(Delivery.kind == "page").limit(1)).one()
    return next(urlsplit(word).path for word in text.split() if "/a/" in word)


def test_the_list(desk: SmallDesk, ticket: Ticket, browser_as: Open) -> None:
    page = browser_as(desk.bob).get("/alerts")
    assert page.status_code == 200
    assert "All lights are out" in page.text
    assert "A first answer is late" in page.text
    assert "All lights are out" not in browser_as(desk.charlie).get("/alerts").text


def test_an_empty_list_says_what_it_is_for(desk: SmallDesk, browser_as: Open) -> None:
    assert "No alerts" in browser_as(desk.bob).get("/alerts").text


def test_acknowledging_in_the_list(desk: SmallDesk, ticket: Ticket, browser_as: Open) -> None:
    browser, alert = browser_as(desk.bob), alerts()[0]
    answer = browser.post(f"/alerts/{alert.id}/acknowledgement")
    assert (answer.status_code, answer.location) == (303, "/alerts")
    assert (alerts()[0].state, alerts()[0].acknowledged_by_id) == ("acknowledged", desk.bob.id)
    assert "Bob Reyes has acknowledged it" in browser.get("/alerts").text
    assert browser_as(desk.charlie).post(f"/alerts/{alert.id}/acknowledgement").status_code == 404


def test_the_link_shows_and_the_button_acts(
    desk: SmallDesk, ticket: Ticket, link: str, browser_as: Open
) -> None:
    """From a mail program on another site, without a session."""
    browser = browser_as()
    for _ in range(2):
        page = browser.get(link, headers={"Sec-Fetch-Site": "cross-site"})
        assert page.status_code == 200
        assert alerts()[0].state == "open"  # whatever scans mail follows links
    for wanted in (f"#{ticket.id} All lights are out", "Kim Seoyeon", "A first answer is late"):
        assert wanted in page.text
    assert "door-code-4711" not in page.text
    answer = browser.post(link, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "You have it. Nobody else is told." in answer.text
    assert alerts()[0].acknowledged_by_id == desk.bob.id
    assert "You have it." in browser.post(link).text
    assert "Set-Cookie" not in answer.headers
    assert (page.headers["Cache-Control"], page.headers.get("Vary", "").count("Cookie")) == ("no-store", 0)


def test_the_link_acts_for_whom_it_was_sent_to(
    desk: SmallDesk, ticket: Ticket, link: str, browser_as: Open
) -> None:
    """Whoever is signed in at that browser."""
    browser_as(desk.alice).post(link)
    assert alerts()[0].acknowledged_by_id == desk.bob.id


def test_somebody_else_has_it(desk: SmallDesk, ticket: Ticket, link: str, browser_as: Open) -> None:
    with writing(desk.board) as board:
        alert = db.session.get_one(Alert, alerts()[0].id)
        desk_alerts.acknowledge(board, alert, person=desk.erin, now=alert.opened_at)
    page = browser_as().get(link)
    assert "Erin Park has it." in page.text
    assert browser_as().post(link).status_code == 200
    assert alerts()[0].acknowledged_by_id == desk.erin.id


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_alert_that_has_ended_is_409(
    desk: SmallDesk, ticket: Ticket, link: str, now: datetime, browser_as: Open, method: str
) -> None:
    with writing(desk.board) as board:
        again = db.session.get_one(Ticket, ticket.id)
        tickets.move(board, again, to=desk.columns["resolved"].id, by=CLOCK, now=now)
    sweeps.everything(now)
    answer = browser_as().open(link, method=method)
    assert answer.status_code == 409
    assert "This alert has ended" in answer.text
    assert {one.state for one in alerts() if one.kind == "first_response"} == {"closed"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_links_that_are_no_good(
    desk: SmallDesk, ticket: Ticket, link: str, now: datetime, travel: Any, browser_as: Open, method: str
) -> None:
    browser = browser_as()
    for forged in (link[:-2], link + "x", "/a/x", "/a/" + "A" * 3000):
        answer = browser.open(forged, method=method)
        assert answer.status_code == 404
        assert "This link is not complete." in answer.text
    travel.move_to(now + timedelta(days=8))
    answer = browser.open(link, method=method)
    assert answer.status_code == 410
    assert "This link is too old." in answer.text
    assert alerts()[0].state == "open"


def test_the_link_speaks_the_language_of_its_person(
    desk: SmallDesk, ticket: Ticket, link: str, browser_as: Open
) -> None:
    with writing(desk.row):
        desk.bob.locale = "ko"
    assert '<html lang="ko"' in browser_as().get(link).text
