"""Snoozing a ticket: the dialog, the page, scripts; what is refused keeps what was typed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.database import db
from app.models.ticket import Ticket
from tests.small import SmallDesk

SHEET = {"HX-Request": "true"}
TOMORROW = datetime(2026, 11, 4, 8, tzinfo=UTC)  # nine o'clock in Berlin


@pytest.fixture
def bob(desk: SmallDesk, browser_as: Callable[..., Any]) -> Any:
    browser = browser_as(desk.bob)
    browser.post(
        "/profile", data={"name": "Bob Reyes", "zone": "Europe/Berlin", "locale": "en", "theme": "system"}
    )
    return browser


def until(number: int) -> datetime | None:
    db.session.rollback()
    return db.session.get_one(Ticket, number, populate_existing=True).snoozed_until


def test_by_a_plain_form(bob: Any, number: int) -> None:
    form = bob.get(f"/tickets/{number}/snooze")
    assert "tomorrow 09:00" in form.text
    assert 'value="own"' not in form.text
    answer = bob.post(f"/tickets/{number}/snooze", data={"choice": "tomorrow", "expected": ""})
    assert (answer.status_code, answer.location) == (303, f"/tickets/{number}")
    assert until(number) == TOMORROW
    assert "Snoozed until tomorrow 09:00" in bob.get("/tickets").text  # said once, wherever one goes
    page = bob.get(f"/tickets/{number}").text
    assert "End the snooze" in page
    assert "snoozed it until tomorrow 09:00" in page
    assert bob.post(f"/tickets/{number}/snooze/removal").status_code == 303
    assert until(number) is None
    assert bob.post(f"/tickets/{number}/snooze/removal").status_code == 409


def test_from_the_sheet_the_page_below_hears_of_it(bob: Any, number: int) -> None:
    sent = {"from": "sheet", "until": "2026-11-04T09:00", "expected": ""}
    answer = bob.post(f"/tickets/{number}/snooze", data=sent, headers=SHEET)
    assert (answer.status_code, answer.text) == (204, "")
    assert "sheet:done" in answer.headers["HX-Trigger"]
    assert until(number) == TOMORROW


@pytest.mark.parametrize("typed", ["2026-11-01T09:00", "", "soon"])
def test_what_is_refused_keeps_what_was_typed(bob: Any, number: int, typed: str) -> None:
    for headers in ({}, SHEET):
        sent = {"from": "sheet", "until": typed, "expected": ""}
        answer = bob.post(f"/tickets/{number}/snooze", data=sent, headers=headers)
        assert (answer.status_code, f'value="{typed}"' in answer.text) == (422, True)
        assert 'role="alert"' in answer.text
    assert until(number) is None


def test_somebody_was_faster(bob: Any, number: int) -> None:
    bob.post(f"/tickets/{number}/snooze", data={"choice": "week"})
    answer = bob.post(f"/tickets/{number}/snooze", data={"choice": "tomorrow", "expected": ""})
    assert answer.status_code == 409
    assert "meanwhile" in answer.text
    assert until(number) != TOMORROW


def test_scripts_are_answered_in_json(bob: Any, number: int) -> None:
    json = {"Accept": "application/json"}
    answer = bob.post(f"/tickets/{number}/snooze", data={"choice": "tomorrow"}, headers=json)
    assert answer.json["text"] == "Snoozed until tomorrow 09:00"
    answer = bob.post(f"/tickets/{number}/snooze", data={"choice": "never"}, headers=json)
    assert (answer.status_code, answer.json["text"]) == (422, "Choose a day and a time.")


def test_boards_lists_and_queries_show_it(bob: Any, desk: SmallDesk, number: int) -> None:
    bob.post(f"/tickets/{number}/snooze", data={"choice": "tomorrow"})
    assert "snoozed until" in bob.get(f"/boards/{desk.board.id}").text
    for query, found in (("is:snoozed", True), ("snoozed:tomorrow", True), ("snoozed:none", False)):
        page = bob.get("/tickets", query_string={"q": query}).text
        assert (query, f'href="/tickets/{number}"' in page) == (query, found)
    assert "is%3Asnoozed" in bob.get("/views").text
