"""What a script is told after a change: a text, and all that changed on its board since it looked."""

from typing import Any

import pytest

from app.database import db, writing
from app.desk import tickets
from app.models.board import Board
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.stories import ticket_in

JSON = {"Accept": "application/json"}


@pytest.mark.parametrize(
    ("noun", "form", "said"),
    [
        ("assignee", {"person": "{bob}"}, "#1 is assigned to Bob Reyes"),
        ("assignee", {"person": ""}, "#1 is assigned to nobody"),
        ("team", {"team": ""}, "#1: team None"),
        ("priority", {"priority": "3"}, "#1: priority Urgent"),
        ("language", {"language": ""}, "#1: language Unknown"),
        ("tags", {"tag": "refund, vip "}, "#1: tag refund, vip added"),
        ("tags/removal", {"tag": "lamp"}, "#1: tag lamp removed"),
        ("column", {"column": "{open}"}, "#1 moved to Open"),
    ],
)
def test_a_change_is_told_with_its_card(
    noun: str, form: dict[str, str], said: str, desk: Any, browser_as: Any, now: Any
) -> None:
    ticket = ticket_in(desk, "new", "A lamp", now)
    with writing(desk.board) as board:
        tickets.add_tag(board, db.session.get_one(Ticket, ticket.id), "lamp", by=CLOCK, now=now)
    seq = _seq(desk)
    values = {"bob": desk.bob.id, "open": desk.columns["open"].id}
    form = {name: value.format(**values) for name, value in form.items()}
    answer = browser_as(desk.bob).post(
        f"/tickets/{ticket.id}/{noun}", data={**form, "since": seq}, headers=JSON
    )
    assert answer.status_code == 200
    told = answer.get_json()
    assert (told["text"], told["ticket"], told["delta"]["since"]) == (said, ticket.id, seq)
    assert told["delta"]["seq"] == _seq(desk)
    if told["delta"]["seq"] > seq:
        assert [card["id"] for card in told["delta"]["cards"]] == [ticket.id]


def test_the_delta_is_of_the_filter_that_is_looked_through(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "A lamp", now)
    form = {"person": desk.bob.id, "since": _seq(desk), "q": "is:unassigned"}
    told = browser_as(desk.bob).post(f"/tickets/{ticket.id}/assignee", data=form, headers=JSON).get_json()
    assert (told["delta"]["cards"], told["delta"]["gone"]) == ([], [ticket.id])
    wrong = browser_as(desk.bob).post(
        f"/tickets/{ticket.id}/priority", data={"priority": 2, "since": _seq(desk), "q": "is:"}, headers=JSON
    )
    assert [card["id"] for card in wrong.get_json()["delta"]["cards"]] == [ticket.id]


@pytest.mark.parametrize(
    ("noun", "form", "status", "said"),
    [
        ("assignee", {"person": "{charlie}"}, 422, "That person cannot see this board."),
        ("assignee", {"person": "{bob}", "expected": "{alice}"}, 409, "has changed meanwhile"),
        ("assignee", {"person": "x"}, 422, "not one of the choices"),
        ("priority", {"priority": "9"}, 422, "not a priority"),
        ("tags", {"tag": "x" * 100}, 422, "1 to 40 characters"),
        ("tags/removal", {"tag": "gone"}, 409, "not on this ticket any more"),
    ],
)
def test_a_refusal_is_told_in_words_with_the_true_card(
    noun: str, form: dict[str, str], status: int, said: str, desk: Any, browser_as: Any, now: Any
) -> None:
    ticket = ticket_in(desk, "new", "A lamp", now)
    values = {"bob": desk.bob.id, "alice": desk.alice.id, "charlie": desk.charlie.id}
    form = {name: value.format(**values) for name, value in form.items()}
    answer = browser_as(desk.bob).post(
        f"/tickets/{ticket.id}/{noun}", data={**form, "since": _seq(desk) - 1}, headers=JSON
    )
    assert answer.status_code == status
    assert said in answer.get_json()["text"]
    assert [card["id"] for card in answer.get_json()["delta"]["cards"]] == [ticket.id]


def test_whoever_may_not_see_it_is_told_nothing(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "A lamp", now)
    for noun in ("assignee", "priority", "tags"):
        answer = browser_as(desk.charlie).post(
            f"/tickets/{ticket.id}/{noun}", data={"since": 0}, headers=JSON
        )
        assert answer.status_code == 404


def _seq(desk: Any) -> int:
    db.session.rollback()
    return db.session.get_one(Board, desk.board.id, populate_existing=True).seq
