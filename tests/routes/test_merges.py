"""Merging and splitting over the web: the dialogs, what is asked, where one is led afterwards."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db
from app.models.message import Message
from tests.desk.boards import second_board, ticket_on
from tests.routes.conversation import kim_writes
from tests.small import SmallDesk

SHEET = {"HX-Request": "true"}


def test_a_merged_ticket_leads_to_where_it_goes_on(bob: Any, number: int, now: datetime) -> None:
    other = kim_writes(now, number=2, subject="The same lamp")
    assert f'value="{other}"' in bob.get(f"/tickets/{number}/merge").text
    answer = bob.post(f"/tickets/{number}/merge", data={"other": f"#{other}", "from": "sheet"}, headers=SHEET)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/tickets/{other}")
    led = bob.get(f"/tickets/{number}")
    assert (led.status_code, led.location) == (302, f"/tickets/{other}")
    assert "Merged into it" in bob.get(f"/tickets/{other}").text
    assert bob.get(f"/tickets/{number}", headers=SHEET).headers["HX-Redirect"] == f"/tickets/{other}"
    assert bob.get(f"/tickets/{number}/panel").location == f"/tickets/{other}/panel"
    late = bob.post(f"/tickets/{number}/notes", data={"text": "More", "seen": "99"})
    assert (late.status_code, f"merged into #{other}" in late.text) == (409, True)


def test_a_merge_is_undone_by_who_sees_both(
    bob: Any, desk: SmallDesk, number: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    """From the toast, which comes with the other ticket, and from its history; or told why not."""
    other = ticket_on(second_board(desk, now), desk, "The same lamp", now)
    alice = browser_as(desk.alice)
    alice.post(f"/tickets/{other.id}/merge", data={"other": number})
    undos = re.findall(r'action="(/undo/[^"]+)"', alice.get(f"/tickets/{number}").text)
    assert len(undos) == 2
    refused = bob.post(undos[0], headers={"Accept": "application/json"})
    said = f"There is no ticket #{other.id}, or it is not for you."
    assert (refused.status_code, refused.json["text"]) == (409, said)
    assert alice.post(undos[0]).status_code == 303
    assert "The same lamp" in alice.get(f"/tickets/{other.id}").text
    again = alice.post(undos[1])
    assert (again.status_code, "Alice Moor has undone this already." in again.text) == (409, True)


def test_another_customer_is_asked_about(bob: Any, desk: SmallDesk, number: int, now: datetime) -> None:
    other = ticket_on(desk.board, desk, "Bulb", now, address="lee@example.org")
    asked = bob.post(f"/tickets/{number}/merge", data={"other": other.id})
    assert (asked.status_code, 'name="anyway"' in asked.text) == (422, True)
    done = bob.post(f"/tickets/{number}/merge", data={"other": other.id, "anyway": "yes"})
    assert (done.status_code, done.location) == (303, f"/tickets/{other.id}")


@pytest.mark.parametrize("typed", ["", "lamp", "999999"])
def test_what_is_no_ticket_is_refused_and_kept(bob: Any, number: int, typed: str) -> None:
    answer = bob.post(f"/tickets/{number}/merge", data={"other": typed})
    assert (answer.status_code, f'value="{typed}"' in answer.text) == (422, True)
    assert bob.post(f"/tickets/{number}/merge", data={"other": str(number)}).status_code == 422


def test_into_a_board_that_is_not_for_them_leads_nowhere(
    bob: Any, desk: SmallDesk, number: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    secret = ticket_on(second_board(desk, now), desk, "Wholesale prices", now)
    assert bob.post(f"/tickets/{number}/merge", data={"other": secret.id}).status_code == 422
    alice = browser_as(desk.alice)
    assert alice.post(f"/tickets/{number}/merge", data={"other": secret.id, "anyway": "1"}).status_code == 303
    page = bob.get(f"/tickets/{number}")
    assert (page.status_code, "Wholesale prices" in page.text) == (200, False)


def test_split_by_a_message(bob: Any, desk: SmallDesk, number: int) -> None:
    bob.post(f"/tickets/{number}/notes", data={"text": "A matter of its own", "seen": "1"})
    db.session.rollback()
    note = db.session.scalars(select(Message.id).where(Message.kind == "note")).one()
    assert "A matter of its own" in bob.get(f"/messages/{note}/split").text
    answer = bob.post(f"/messages/{note}/split", data={"subject": "Another matter"})
    assert answer.status_code == 303
    assert "Another matter" in bob.get(answer.location).text
    assert "Continued by" in bob.get(f"/tickets/{number}").text
    assert bob.post("/messages/1/split", data={"subject": "All"}).status_code == 422
