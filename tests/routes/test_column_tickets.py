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
    assert folded not in bob.get(f"{page}?lanes=priority").text
    assert bob.post(f"/columns/{column}/look", data={}, headers=JSON).status_code == 204
    assert card in bob.get(page).text
    assert db.session.get_one(Person, desk.bob.id).looks == {"boards": {str(desk.board.id): {}}}


@pytest.mark.parametrize(
    ("group", "key", "field", "value"),
    [
        ("assignee", "bob", "assignee_id", "bob"),
        ("assignee", "none", "assignee_id", None),
        ("priority", "3", "priority", 3),
        ("language", "ko", "language", "ko"),
        ("language", "none", "language", None),
    ],
)
def test_a_ticket_is_opened_in_a_column_of_something_else(
    group: str, key: str, field: str, value: Any, desk: Any, browser_as: Any, now: Any
) -> None:
    bob, people = browser_as(desk.bob), {"bob": desk.bob.id}
    key, value = str(people.get(key, key)), people.get(value, value)
    board = f"/boards/{desk.board.id}"
    address = f"{board}/groups/{key}/tickets"
    query = {"group": group}
    assert f'href="{address}/new?group={group}"' in bob.get(board, query_string=query).text
    assert (
        f'href="{address}/new?group={group}"' in bob.get(board, query_string={**query, "lanes": "state"}).text
    )
    assert f'action="{address}?group={group}"' in bob.get(f"{address}/new", query_string=query).text
    answer = bob.post(
        address, query_string=query, data={**GOOD, "since": desk.board.seq, **query}, headers=JSON
    )
    ticket = db.session.scalars(select(Ticket)).one()
    assert (getattr(ticket, field), ticket.state) == (value, "new")
    (card,) = answer.json["delta"]["cards"]
    assert f'data-column="{key}"' in card["html"]
    wrong = bob.post(address, query_string=query, data={**GOOD, "email": "kim"}, headers=JSON)
    assert (wrong.status_code, f'id="quick-{key}-email"' in wrong.text) == (422, True)
    assert bob.post(address, query_string=query, data=GOOD).status_code == 303


def test_where_nobody_can_open_one(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        fill(board, desk, "new", "One", now, language="sv")
    bob, board_url = browser_as(desk.bob), f"/boards/{desk.board.id}"
    channel = bob.get(f"{board_url}?group=channel").text
    assert "data-adds" not in channel.split('id="board"')[1].split('id="bulk"')[0]
    assert "data-folds" in channel
    for group, key, status in (
        ("channel", str(desk.email.id), 404),
        ("state", "1", 404),
        ("priority", "9", 404),
        ("assignee", "x", 404),
        ("assignee", str(desk.charlie.id), 404),
        ("language", "xx", 404),
        ("language", "sv", 422),  # of a ticket there is, but not one of the desk's
    ):
        answer = bob.post(f"{board_url}/groups/{key}/tickets?group={group}", data=GOOD, headers=JSON)
        assert (group, key, answer.status_code) == (group, key, status)
    assert len(db.session.scalars(select(Ticket)).all()) == 1


def test_columns_of_something_else_and_lanes_are_collapsed(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        number = fill(board, desk, "new", "One", now, priority=3).id
    bob, page = browser_as(desk.bob), f"/boards/{desk.board.id}"
    card, folded = f'id="ticket_{number}"', 'class="column is-folded" id="column_3"'
    address = f"{page}/groups/3/look?q=&group=priority&lanes=none"
    done = bob.post(address, data={"collapsed": "1"})
    assert (done.status_code, done.location) == (303, f"{page}?group=priority&lanes=none#column_3")
    html = bob.get(f"{page}?group=priority").text
    assert (folded in html, card in html) == (True, False)
    assert 'id="column_3_head" data-count="1"' in html
    assert '<details class="lane fold" id="lane_3"' in bob.get(f"{page}?lanes=priority").text
    lane = f'data-folds="{page}/groups/3/look?'
    shut = f"{page}/groups/3/look?sort=due&group=state&lanes=priority&of_lane=1"
    opened = bob.get(f"{page}?lanes=priority").text
    assert re.search(f'{re.escape(lane)}[^>]*" open>', opened)
    assert bob.post(shut, data={"collapsed": "1"}, headers=JSON).status_code == 204
    html = bob.get(f"{page}?lanes=priority").text
    assert not re.search(f'{re.escape(lane)}[^>]*" open>', html)
    assert card in html
    assert bob.post(f"{page}/columns", data={}).status_code == 404
    for wrong in ("9", "x", "none", "a" * 500):
        answer = bob.post(f"{page}/groups/{wrong}/look?group=priority", data={"collapsed": "1"})
        assert (wrong[:9], answer.status_code) == (wrong[:9], 404)
    kept = db.session.get_one(Person, desk.bob.id).looks["boards"][str(desk.board.id)]["collapsed"]
    assert kept == ["lane:priority:3", "priority:3"]
    bob.post(address, data={}, headers=JSON)
    assert card in bob.get(f"{page}?group=priority").text
