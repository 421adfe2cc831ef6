"""The way back that comes with every change of a ticket: in JSON, in a toast, in the history, and without script."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from app.database import db, writing
from app.desk import tickets, undo
from app.models.ticket import Ticket
from tests.small import SmallDesk
from tests.stories import ticket_in

HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
CHANGES = [
    ("column", lambda desk: {"column": desk.columns["waiting"].id}, "column_id"),
    ("assignee", lambda desk: {"person": desk.alice.id}, "assignee_id"),
    ("priority", lambda desk: {"priority": 3}, "priority"),
    ("language", lambda desk: {"language": "ko"}, "language"),
    ("tags", lambda desk: {"tag": "refund, angry"}, "tag_names"),
]


@pytest.fixture
def number(desk: SmallDesk, now: datetime) -> int:
    return ticket_in(desk, "new", "Where is my parcel?", now).id


def field(number: int, name: str) -> Any:
    db.session.rollback()
    db.session.expire_all()
    row = db.session.get_one(Ticket, number)
    return [tag.name for tag in row.tags] if name == "tag_names" else getattr(row, name)


def undos_in(page: Any) -> list[str]:
    return re.findall(r'action="(/undo/[^"]+)"', page.get_data(as_text=True))


@pytest.mark.parametrize(("what", "data", "name"), CHANGES, ids=[change[0] for change in CHANGES])
def test_a_script_undoes_every_change(
    what: str, data: Any, name: str, bob: Any, number: int, desk: SmallDesk
) -> None:
    before = field(number, name)
    seen = {"since": desk.board.seq, "q": "", "board": desk.board.id}
    done = bob.post(f"/tickets/{number}/{what}", data=data(desk) | seen, headers=JSON).json
    assert field(number, name) != before
    answer = bob.post(done["undo"], data=seen, headers=JSON)
    assert answer.status_code == 200
    assert field(number, name) == before
    assert answer.json["text"].startswith(f"#{number}: undid: ")
    assert [card["id"] for card in answer.json["delta"]["cards"]] == [number]
    again = bob.post(answer.json["undo"], headers=JSON)
    assert again.json["text"].startswith(f"#{number}: did again: ")
    assert field(number, name) != before


def test_htmx_is_told_in_a_toast(bob: Any, number: int) -> None:
    done = bob.post(f"/tickets/{number}/priority", data={"priority": 3}, headers=HTMX)
    toast = json.loads(done.headers["HX-Trigger"])["toast"]
    assert toast["text"] == f"#{number}: priority Urgent"
    assert toast["undo"] in undos_in(done)  # beside its line in the history, too
    nothing = bob.post(f"/tickets/{number}/priority", data={"priority": 3}, headers=HTMX)
    assert json.loads(nothing.headers["HX-Trigger"])["toast"]["undo"] is None


@pytest.mark.parametrize("page", ["ticket", "board"])
def test_without_script_it_is_a_form_on_the_next_page(
    page: str, bob: Any, number: int, desk: SmallDesk
) -> None:
    where = {"from": "ticket"} if page == "ticket" else {}
    done = bob.post(f"/tickets/{number}/column", data={"column": desk.columns["open"].id} | where)
    there = done.headers["Location"].partition("#")[0]
    way_back = undos_in(bob.get(there))[-1]
    answer = bob.post(way_back, headers={"Referer": f"http://localhost{there}"})
    assert (answer.status_code, answer.headers["Location"]) == (303, there)
    assert field(number, "state") == "new"
    shown = unescape(bob.get(there).get_data(as_text=True))
    assert f"#{number}: undid: moved it from New to Open" in shown


def test_whoever_changed_it_since_is_named(
    bob: Any, number: int, desk: SmallDesk, now: datetime, browser_as: Callable[..., Any]
) -> None:
    way_back = bob.post(f"/tickets/{number}/priority", data={"priority": 3}, headers=JSON).json["undo"]
    browser_as(desk.alice).post(f"/tickets/{number}/priority", data={"priority": 0})
    told = "Alice Moor has changed the priority of this ticket meanwhile."
    answer = bob.post(way_back, headers=JSON)
    assert (answer.status_code, answer.json["text"]) == (409, told)
    plain = bob.post(way_back)
    assert plain.status_code == 409
    assert told in plain.get_data(as_text=True)
    assert field(number, "priority") == 0
    assert way_back not in undos_in(bob.get(f"/tickets/{number}"))


def test_ten_minutes_and_then_no_more(bob: Any, number: int, travel: Any) -> None:
    way_back = bob.post(f"/tickets/{number}/priority", data={"priority": 3}, headers=JSON).json["undo"]
    travel.shift(timedelta(minutes=9))
    assert undos_in(bob.get(f"/tickets/{number}")) == [way_back]
    travel.shift(timedelta(minutes=2))
    assert undos_in(bob.get(f"/tickets/{number}")) == []
    assert bob.post(way_back, headers=JSON).status_code == 409


def test_an_answer_is_taken_back_in_its_own_way(bob: Any, number: int) -> None:
    sent = bob.post(f"/tickets/{number}/replies", data={"text": "It left today.", "seen": 1}, headers=HTMX)
    assert "HX-Trigger" not in sent.headers


def test_it_is_for_whoever_may_change_the_ticket(
    number: int, desk: SmallDesk, browser_as: Callable[..., Any], now: datetime
) -> None:
    with writing(desk.board) as board:
        tickets.prioritise(board, db.session.get_one(Ticket, number), 3, by=desk.bob.by, now=now)
        way_back = f"/undo/{undo.token([(board.id, board.seq, board.seq)])}"
    assert browser_as(desk.charlie).post(way_back).status_code == 404
    assert field(number, "priority") == 3
    assert browser_as(desk.alice).post(way_back).status_code == 303
    assert field(number, "priority") == 1


@pytest.mark.parametrize("token", ["x", "W1sxLDEsMV1d.x", "%00", "W" * 5000])
def test_what_is_no_token_is_not_found(token: str, bob: Any) -> None:
    assert bob.post(f"/undo/{token}").status_code == 404


@pytest.mark.parametrize("found", [[], [(2**40, 1, 2**70)], [(1, 5, 1)], [(99, 1, 1)]])
def test_a_token_of_nothing(found: Any, bob: Any) -> None:
    assert bob.post(f"/undo/{undo.token(found)}").status_code in (303, 400, 404)
