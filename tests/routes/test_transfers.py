"""Moving a ticket to another board over the web: who is offered it, the form, what scripts are told, many at once, undo."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from app import sweeps
from app.database import db
from app.models.board import Board
from app.models.ticket import Ticket
from tests.desk.boards import second_board, ticket_on
from tests.routes.conversation import kim_writes
from tests.small import SmallDesk
from tests.test_rule_firings import add_rule

SHEET = {"HX-Request": "true"}
SCRIPT = {"Accept": "application/json"}


@pytest.fixture
def other(desk: SmallDesk, now: datetime) -> Board:
    """Alice's alone."""
    return second_board(desk, now)


@pytest.fixture
def alice(desk: SmallDesk, browser_as: Callable[..., Any]) -> Any:
    return browser_as(desk.alice)


def board_of(number: int) -> int:
    db.session.rollback()
    return db.session.get_one(Ticket, number, populate_existing=True).board_id


def test_it_is_offered_to_who_sees_several_boards(bob: Any, alice: Any, number: int, other: Board) -> None:
    menu, bar = f'href="/tickets/{number}/board"', f'value="board:{other.id}"'
    assert (menu in alice.get(f"/tickets/{number}").text, menu in bob.get(f"/tickets/{number}").text) == (
        True,
        False,
    )
    assert (bar in alice.get("/tickets/bulk").text, bar in bob.get("/tickets/bulk").text) == (True, False)
    form = alice.get(f"/tickets/{number}/board", headers=SHEET).text
    assert re.findall(r'<option value="(\d+)"', form) == [str(other.id)]
    assert "There is no other board for you." in bob.get(f"/tickets/{number}/board").text


def test_moved_by_the_form_and_taken_back(alice: Any, desk: SmallDesk, number: int, other: Board) -> None:
    sent = {"board": other.id, "expected": desk.board.id}
    answer = alice.post(f"/tickets/{number}/board", data=sent)
    assert (answer.status_code, answer.location, board_of(number)) == (303, f"/tickets/{number}", other.id)
    page = alice.get(answer.location).text
    assert f"#{number} moved to the board Wholesale" in page
    assert "moved it from the board Support to Wholesale" in page
    stale = alice.post(f"/tickets/{number}/board", data=sent)
    assert (stale.status_code, "moved this to another board meanwhile" in stale.text) == (409, True)
    undos = re.findall(r'action="(/undo/[^"]+)"', page)
    assert alice.post(undos[0]).status_code == 303
    assert board_of(number) == desk.board.id
    sheet = alice.post(f"/tickets/{number}/board", data={**sent, "from": "sheet"}, headers=SHEET)
    assert (sheet.status_code, "Wholesale" in sheet.headers["HX-Trigger"]) == (204, True)
    assert board_of(number) == other.id


def test_where_it_came_from_is_named_to_nobody_who_does_not_see_that_board(
    bob: Any, alice: Any, desk: SmallDesk, other: Board, now: datetime
) -> None:
    """Not in its history, in what rules did, in what a board is told of them, nor in what was undone."""
    rule = add_rule(desk, "lamp", now, {"kind": "board", "board": desk.board.id})
    ticket = ticket_on(other, desk, "A lamp", now)
    sweeps.wake_tickets(now)
    by_hand = ticket_on(other, desk, "A bulb", now)
    alice.post(f"/tickets/{by_hand.id}/board", data={"board": desk.board.id})
    for address, said in (
        (f"/tickets/{ticket.id}", "moved it to the board Support from another one"),
        (f"/tickets/{by_hand.id}", "moved it to the board Support from another one"),
        (f"/tickets/{ticket.id}/rules", "moved it to the board Support from another one"),
        (f"/rules/{rule.id}/firings", "moved it to the board Support from another one"),
        (f"/boards/{desk.board.id}/delta?since=0", ""),
        ("/tickets", ""),
    ):
        page = bob.get(address)
        assert (page.status_code, said in page.text, "Wholesale" in page.text) == (200, True, False), address
        seen = alice.get(address).text
        assert not said or "moved it from the board Wholesale to Support" in seen, address


@pytest.mark.parametrize("board", ["", "0", "999", "lamp", "secret"])
def test_only_to_a_board_of_theirs(bob: Any, desk: SmallDesk, number: int, other: Board, board: str) -> None:
    wanted = str(other.id) if board == "secret" else board
    for headers in ({}, SHEET, SCRIPT):
        sent = {"board": wanted, "from": "sheet"}
        answer = bob.post(f"/tickets/{number}/board", data=sent, headers=headers)
        assert (answer.status_code, "Choose one of your boards." in answer.text) == (422, True)
        assert "Wholesale" not in answer.text
    assert bob.post("/tickets/bulk", data={"ids": number, "do": f"board:{wanted}"}).status_code in (404, 422)
    assert board_of(number) == desk.board.id


def test_who_does_not_see_where_it_went_sees_it_no_more(
    bob: Any, alice: Any, desk: SmallDesk, number: int, other: Board
) -> None:
    """The board that asks is told that the card has gone; undoing from there is for who sees both boards."""
    asked = {"board": desk.board.id, "since": 0}
    told = alice.post(f"/tickets/{number}/board", data={"board": other.id}, headers=SCRIPT).json
    assert (told["ticket"], told["text"]) == (number, f"#{number} moved to the board Wholesale")
    assert bob.get(f"/tickets/{number}").status_code == 404
    assert number in bob.get(f"/boards/{desk.board.id}/delta?since=0", headers=SCRIPT).json["gone"]
    assert bob.post(told["undo"], headers=SCRIPT).status_code == 404
    back = alice.post(told["undo"], data=asked, headers=SCRIPT).json
    assert [card["id"] for card in back["delta"]["cards"]] == [number]
    assert board_of(number) == desk.board.id


def test_many_at_once_and_one_undo(
    alice: Any, desk: SmallDesk, number: int, other: Board, now: datetime
) -> None:
    numbers = [number, kim_writes(now, number=2, subject="Bulb")]
    sent = {"ids": ",".join(map(str, numbers)), "do": f"board:{other.id}", "board": desk.board.id, "since": 0}
    told = alice.post("/tickets/bulk", data=sent, headers=SCRIPT).json
    assert (told["done"], told["failed"], sorted(told["delta"]["gone"])) == (2, [], numbers)
    assert {board_of(one) for one in numbers} == {other.id}
    assert alice.post(told["undo"], headers=SCRIPT).status_code == 200
    assert {board_of(one) for one in numbers} == {desk.board.id}


def test_what_a_rule_moved_is_undone(
    alice: Any, bob: Any, desk: SmallDesk, number: int, other: Board, now: datetime
) -> None:
    """Beside the ticket, or from the rule's log; by who sees both boards."""
    with_bulb = kim_writes(now, number=2, subject="The lamp again")
    rule = add_rule(desk, "subject:lamp board:Support", now, {"kind": "board", "board": other.id})
    sweeps.wake_tickets(now)
    assert {board_of(number), board_of(with_bulb)} == {other.id}
    page = alice.get(f"/tickets/{number}/rules").text
    assert "moved it from the board Support to Wholesale" in page
    (undo,) = re.findall(r'action="(/tickets/\d+/firings/\d+/undo)"', page)
    assert alice.post(undo).status_code == 303
    assert board_of(number) == desk.board.id
    since = {"since": now.isoformat()}
    assert alice.post(f"/rules/{rule.id}/firings/undo", data=since).status_code in (303, 200)
    assert board_of(with_bulb) == desk.board.id
