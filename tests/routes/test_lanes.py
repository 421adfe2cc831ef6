"""A board with lanes: what its cells hold, cards that are put into another one, and how it is remembered."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import tickets
from app.models.event import CLOCK, Event
from app.models.ticket import Ticket
from tests.routes.test_board_looks import CARD, shown
from tests.stories import fill

JSON = {"Accept": "application/json"}


def cells_of(html: str, lane: str) -> tuple[int, dict[str, int]]:
    """What a lane's head says: how many it holds, and how many of that in each column."""
    count, cells = re.search(
        rf'id="lane_{lane}_head"[^>]* data-count="(\d+)" data-cells="([^"]*)"', html
    ).groups()  # type: ignore[union-attr]
    return int(count), {column: int(held) for column, held in (cell.split(":") for cell in cells.split())}


def test_cells_count_what_they_hold_and_show_it_page_by_page(desk: Any, browser_as: Any, now: Any) -> None:
    new, open_ = str(desk.columns["new"].id), str(desk.columns["open"].id)
    with writing(desk.board) as board:
        made = [fill(board, desk, ("new", "open")[number % 2], f"{number}", now) for number in range(120)]
        for ticket in made[:100]:
            tickets.assign(board, ticket, desk.bob.id, by=CLOCK, now=now)
        for number, state in enumerate(("waiting", "resolved")):
            tickets.move(board, made[number], to=desk.columns[state].id, by=CLOCK, now=now)
        expected = {ticket.id for ticket in made if ticket.assignee_id and str(ticket.column_id) == open_}
    browser, url = browser_as(desk.bob), f"/boards/{desk.board.id}?lanes=assignee"
    html = browser.get(url).text
    bobs, waiting = f"{desk.bob.id}", str(desk.columns["waiting"].id)
    assert cells_of(html, bobs) == (99, {new: 49, open_: 49, waiting: 1})
    assert cells_of(html, "none") == (20, {new: 10, open_: 10})
    assert cells_of(html, str(desk.alice.id)) == (0, {})
    assert all(
        not found for cell, found in shown(html).items() if cell.startswith(str(desk.columns["resolved"].id))
    )
    assert f'id="column_{desk.columns["resolved"].id}_head" data-count="1"' in html
    assert f'href="/columns/{desk.columns["resolved"].id}/cards?' in html
    cell = shown(html)[f"{open_}/{bobs}"]
    assert len(cell) == 40
    more = re.search(rf'id="more_{open_}_{bobs}"[^>]* href="([^"]+)">Show 9 more', html)
    assert more
    rest = browser.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    assert {*cell, *(int(number) for number, _, _ in CARD.findall(rest))} == expected
    assert "Open · Bob Reyes" in browser.get(more[1].replace("&amp;", "&")).text
    assert browser.get(f"/columns/{open_}/cards?lanes=assignee&lane=999").status_code == 404
    assert browser.get(f"/columns/{open_}/cards?lanes=none&lane=none").status_code == 404


def test_a_page_shows_fewer_of_each_cell_the_more_there_are(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        for number in range(160):
            fill(board, desk, ("new", "open")[number % 2], f"{number}", now, priority=number // 2 % 4)
        for ticket in db.session.scalars(select(Ticket).where(Ticket.id % 3 == 0)):
            tickets.set_language(board, ticket, "ko", by=CLOCK, now=now)
    html = browser_as(desk.bob).get(f"/boards/{desk.board.id}?lanes=priority").text
    assert {len(found) for found in shown(html).values()} == {0, 20}
    html = browser_as(desk.bob).get(f"/boards/{desk.board.id}?lanes=priority&group=language").text
    assert (
        max(len(found) for found in shown(html).values()) == 27
    )  # 160 of 240 in eight cells, 27 of them in one
    assert len(CARD.findall(html)) == 160


@pytest.mark.parametrize(
    ("lanes", "to", "seen", "status"),
    [
        ("assignee", {"column": "open", "person": "bob"}, {"column": "new", "person": ""}, 200),
        ("assignee", {"column": "open", "person": "bob"}, {}, 200),
        ("assignee", {"column": "open", "person": "bob"}, {"column": "waiting", "person": ""}, 409),
        ("assignee", {"column": "open", "person": "bob"}, {"column": "new", "person": "alice"}, 409),
        ("assignee", {"column": "open", "person": "charlie"}, {"column": "new"}, 422),
        ("assignee", {"column": "open", "person": "x"}, {}, 422),
        ("assignee", {"column": "999", "person": "bob"}, {}, 422),
        ("assignee", {}, {}, 422),
        ("priority", {"column": "open", "priority": "3"}, {"column": "new", "priority": "1"}, 200),
        ("priority", {"column": "open", "priority": "3"}, {"column": "new", "priority": "2"}, 409),
        ("priority", {"column": "open", "priority": "9"}, {}, 422),
        ("language", {"person": "bob", "language": "ko"}, {"person": "", "language": ""}, 200),
        ("language", {"person": "bob", "language": "ko"}, {"person": "", "language": "en"}, 409),
        ("language", {"person": "bob", "language": "xx"}, {}, 422),
    ],
)
def test_both_are_set_at_once_or_neither(
    lanes: str, to: dict[str, str], seen: dict[str, str], status: int, desk: Any, browser_as: Any, now: Any
) -> None:
    with writing(desk.board) as board:
        number = fill(board, desk, "new", "One", now).id
    named = {state: str(column.id) for state, column in desk.columns.items()}
    named |= {name: str(getattr(desk, name).id) for name in ("alice", "bob", "charlie")}
    data = {name: named.get(value, value) for name, value in to.items()}
    data |= {f"was_{name}": named.get(value, value) for name, value in seen.items()}
    since = db.session.scalar(
        select(Event.seq).where(Event.stream == desk.board.id).order_by(Event.id.desc()).limit(1)
    )
    bob, asked = browser_as(desk.bob), {"lanes": lanes, "since": since}
    answer = bob.post(f"/tickets/{number}/cell", data={**data, **asked}, headers=JSON)
    ticket = db.session.get_one(Ticket, number)
    has = {
        "column": ticket.column_id,
        "person": ticket.assignee_id,
        "priority": ticket.priority,
        "language": ticket.language,
    }
    before = {"column": desk.columns["new"].id, "person": None, "priority": 1, "language": None}
    assert answer.status_code == status
    if status != 200:
        assert has == before
        return
    assert {name: str(value) for name, value in has.items() if name in to} == {
        name: data[name] for name in to
    }
    (card,) = answer.json["delta"]["cards"]
    assert f'data-column="{data.get("column", named["open"])}"' in card["html"] or "column" not in to
    assert "data-lane=" in card["html"]
    assert answer.json["delta"]["lanes"]
    undone = bob.post(answer.json["undo"], headers=JSON)
    assert undone.status_code == 200
    ticket = db.session.get_one(Ticket, number)
    assert (ticket.column_id, ticket.assignee_id, ticket.priority, ticket.language) == tuple(before.values())


def test_a_dialog_offers_column_and_lane(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        number = fill(board, desk, "new", "One", now).id
    bob = browser_as(desk.bob)
    html = bob.get(f"/boards/{desk.board.id}?lanes=assignee").text
    assert f'href="/tickets/{number}/move?group=state&amp;lanes=assignee"' in html
    dialog = bob.get(f"/tickets/{number}/move?group=state&lanes=assignee").text
    assert f'action="/tickets/{number}/cell"' in dialog
    assert re.findall(r'<select id="[^"]*" name="(\w+)" data-path="(\w+)" data-was="(\d*)"', dialog) == [
        ("column", "column", str(desk.columns["new"].id)),
        ("person", "assignee", ""),
    ]
    assert ">Resolved</option>" in dialog
    data = {
        "column": desk.columns["open"].id,
        "was_column": desk.columns["new"].id,
        "person": "",
        "was_person": "",
    }
    done = bob.post(f"/tickets/{number}/cell", data=data)
    assert (done.status_code, done.location) == (303, f"/boards/{desk.board.id}#ticket_{number}")
    assert bob.post(f"/tickets/{number}/cell", data=data).status_code == 409
    only = bob.get(f"/tickets/{number}/move?group=channel&lanes=priority").text
    assert f'action="/tickets/{number}/priority"' in only


def test_lanes_are_remembered_and_never_what_the_columns_are(desk: Any, browser_as: Any, now: Any) -> None:
    with writing(desk.board) as board:
        fill(board, desk, "new", "One", now)
    bob, url = browser_as(desk.bob), f"/boards/{desk.board.id}"
    chosen = bob.post(f"{url}/look", data={"sort": "due", "group": "state", "lanes": "priority"})
    assert chosen.location == f"{url}?sort=due&group=state&lanes=priority"
    assert 'id="lane_3"' in bob.get(url).text
    assert 'id="lane_3"' not in bob.get(f"{url}?lanes=none").text
    assert "lanes=none" in bob.get(f"{url}?lanes=none").text
    assert 'id="lane_' not in bob.get(f"{url}?lanes=state").text
    assert 'id="lane_' not in bob.get(f"{url}?group=priority").text
    assert f'id="lane_{desk.columns["open"].id}"' in bob.get(f"{url}?group=priority&lanes=state").text
    assert 'id="lane_' not in browser_as(desk.alice).get(url).text
    bob.post(f"{url}/look", data={"lanes": "nonsense"})
    assert 'id="lane_' not in bob.get(url).text
