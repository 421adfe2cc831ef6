"""Followers and linked tickets on a ticket's page: by form, by htmx, by script; what is not for somebody stays unsaid."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.desk.boards import second_board, ticket_on
from tests.routes.conversation import kim_writes
from tests.small import SmallDesk

JSON = {"Accept": "application/json"}


def test_follow_add_somebody_and_stop(bob: Any, desk: SmallDesk, number: int) -> None:
    assert "Nobody follows it." in bob.get(f"/tickets/{number}").text
    assert bob.post(f"/tickets/{number}/followers").status_code == 303
    page = bob.post(
        f"/tickets/{number}/followers", data={"person": desk.alice.id}, headers={"HX-Request": "true"}
    )
    assert "Remove the follower Alice Moor" in page.text
    assert "Remove the follower Bob Reyes" in page.text
    for person, status in ((desk.charlie.id, 422), (2**40, 422), ("x", 422), (desk.alice.id, 200)):
        answer = bob.post(f"/tickets/{number}/followers", data={"person": person}, headers=JSON)
        assert (person, answer.status_code) == (person, status)
    assert bob.post(f"/tickets/{number}/followers/removal", headers=JSON).status_code == 200
    assert bob.post(f"/tickets/{number}/followers/removal", headers=JSON).status_code == 409
    assert "Remove the follower Bob Reyes" not in bob.get(f"/tickets/{number}").text


def test_link_and_take_away(bob: Any, number: int, now: datetime) -> None:
    other = kim_writes(now, number=2, subject="The same lamp")
    answer = bob.post(f"/tickets/{number}/links", data={"other": f"#{other}"}, headers=JSON)
    assert answer.json["text"] == f"#{number} and #{other} are linked"
    assert "Related" in bob.get(f"/tickets/{number}").text
    assert "The lamp &lt;flickers&gt;" in bob.get(f"/tickets/{other}").text
    assert bob.post(f"/tickets/{other}/links/removal", data={"other": number}).status_code == 303
    assert bob.post(f"/tickets/{other}/links/removal", data={"other": number}).status_code == 409


@pytest.mark.parametrize("typed", ["", "lamp", "999999", "2147483648"])
def test_what_is_no_ticket_is_refused_in_words(bob: Any, number: int, typed: str) -> None:
    for typed_now in (typed, str(number)):
        answer = bob.post(f"/tickets/{number}/links", data={"other": typed_now})
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)


def test_a_ticket_of_a_board_that_is_not_for_them_is_not_shown(
    bob: Any, desk: SmallDesk, number: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    secret = ticket_on(second_board(desk, now), desk, "Wholesale prices", now)
    assert bob.post(f"/tickets/{number}/links", data={"other": secret.id}, headers=JSON).status_code == 422
    alice = browser_as(desk.alice)
    assert alice.post(f"/tickets/{number}/links", data={"other": secret.id}, headers=JSON).status_code == 200
    assert "Wholesale prices" in alice.get(f"/tickets/{number}").text
    assert "Wholesale prices" not in bob.get(f"/tickets/{number}").text
    assert (
        bob.post(f"/tickets/{number}/links/removal", data={"other": secret.id}, headers=JSON).status_code
        == 422
    )
