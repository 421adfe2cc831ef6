"""Tickets opened in a column of the board, and columns that somebody has collapsed."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from app.database import db, writing
from app.models.event import Event
from app.models.message import Message
from app.models.person import Person
from app.models.ticket import Ticket
from tests.stories import fill

JSON = {"Accept": "application/json", "HX-Request": "true"}
GOOD = {"subject": "Lamp flickers", "email": "kim@example.org", "text": "She called: the lamp flickers."}


@pytest.mark.parametrize("state", ["new", "open", "waiting", "resolved"])
def test_a_ticket_is_opened_in_the_column(state: str, desk: Any, browser_as: Any, now: Any) -> None:
    bob, column = browser_as(desk.bob), desk.columns[state]
    since = desk.board.seq
    answer = bob.post(f"/columns/{column.id}/tickets", data={**GOOD, "since": since}, headers=JSON)
    ticket = db.session.scalars(select(Ticket)).one()
    assert (ticket.column_id, ticket.state, ticket.subject) == (column.id, state, GOOD["subject"])
    assert db.session.scalars(select(Message.text)).one() == GOOD["text"]
    kinds = db.session.scalars(
        select(Event.kind).where(Event.subject_id == ticket.id).order_by(Event.id)
    ).all()
    assert [kind for kind in kinds if kind == "ticket.moved"] == ["ticket.moved"] * (state != "new")
    assert kinds.count("ticket.opened") == 1
    assert answer.json["text"] == f"#{ticket.id} opened in {column.name}"
    (card,) = answer.json["delta"]["cards"]
    assert f'data-column="{column.id}"' in card["html"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"subject": " "}, "Write a subject."),
        ({"email": "kim"}, "That is not an e-mail address."),
        ({"text": ""}, "This field is required."),
        ({"subject": "x" * 2000}, "Field cannot be longer"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said_in_place(
    wrong: dict[str, str], said: str, desk: Any, browser_as: Any, now: Any
) -> None:
    bob, url = browser_as(desk.bob), f"/columns/{desk.columns['open'].id}/tickets"
    for headers, whole in ((JSON, False), ({}, True)):
        answer = bob.post(url, data={**GOOD, **wrong}, headers=headers)
        (name,) = wrong
        assert answer.status_code == 422
        assert ("<html" in answer.text) == whole
        error = re.search(rf'id="quick-\d+-{name}-error"><p class="error">([^<]*)', answer.text)
        assert error
        assert error[1].startswith(said)
        kept = next(value for field, value in GOOD.items() if field not in wrong)
        assert f'value="{kept}"' in answer.text
    assert db.session.scalars(select(Ticket)).all() == []


def test_without_script_it_is_a_page_that_leads_back(desk: Any, browser_as: Any, now: Any) -> None:
    bob, column = browser_as(desk.bob), desk.columns["open"]
    address = f"/columns/{column.id}/tickets"
    board = f"/boards/{desk.board.id}"
    assert f'href="{address}/new"' in bob.get(board).text
    assert "/tickets/new" not in bob.get(f"{board}?group=priority").text.split('id="board"')[1]
    assert f'action="{address}"' in bob.get(f"{address}/new").text
    opened = bob.post(address, data=GOOD)
    number = db.session.scalars(select(Ticket.id)).one()
    assert (opened.status_code, opened.location) == (303, f"{board}#ticket_{number}")
    assert f"#{number} opened in {column.name}" in bob.get(board).text


def test_a_column_is_collapsed_for_one_person(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        number = fill(board, desk, "open", "One", now).id
        fill(board, desk, "new", "Two", now)
    bob, column, page = browser_as(desk.bob), desk.columns["open"].id, f"/boards/{desk.board.id}"
    card, folded = f'id="ticket_{number}"', 'class="column is-folded"'
    bob.get(page)
    told: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        before = bob.get(page).text
        counted = len(told)
        done = bob.post(f"/columns/{column}/look?q=&sort=newest", data={"collapsed": "1"})
        told.clear()
        after = bob.get(page).text
        assert len(told) <= counted
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert (done.status_code, done.location) == (303, f"{page}?sort=newest#column_{column}")
    assert (card in before, folded in before) == (True, False)
    assert (card in after, after.count(folded)) == (False, 1)
    assert f'id="column_{column}_head" data-count="1"' in after
    assert folded not in browser_as(desk.alice).get(page).text
    assert folded not in bob.get(f"{page}?group=priority").text
    assert bob.post(f"/columns/{column}/look", data={}, headers=JSON).status_code == 204
    assert card in bob.get(page).text
    assert db.session.get_one(Person, desk.bob.id).looks == {"boards": {str(desk.board.id): {}}}
