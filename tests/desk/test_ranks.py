"""The order of hands: whatever people do in whatever order, a column is as they put it."""

import random
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import tickets
from app.desk.ranks import Place
from app.models import card as cards
from app.models.board import Board
from app.models.event import By, Event
from app.models.ticket import RANK_STEP, Ticket
from tests.stories import fill


def in_order(column_id: int) -> list[int]:
    return list(
        db.session.scalars(
            select(Ticket.id).where(Ticket.column_id == column_id).order_by(Ticket.rank, Ticket.id)
        )
    )


def some(desk: Any, now: Any, count: int) -> list[int]:
    with writing(desk.board) as board:
        return [fill(board, desk, "new", f"Number {number}", now).id for number in range(count)]


def put(desk: Any, number: int, column: str, place: Place | None, now: Any, **values: Any) -> None:
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, number)
        by = By("person", desk.bob.id)
        tickets.move(board, ticket, to=desk.columns[column].id, place=place, by=by, now=now, **values)


@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_moves_keeps_the_order_people_asked_for(seed: int, desk: Any, now: Any) -> None:
    chance = random.Random(seed)
    made = some(desk, now, 8)
    model = {"new": list(made), "open": []}
    columns = {name: desk.columns[name].id for name in model}
    spot = made[1]
    for _ in range(90):
        # Half of them at one spot, where the room between two tickets is soon used up.
        moved = chance.choice([number for number in made if number != spot])
        target = (
            next(name for name in model if spot in model[name])
            if chance.random() < 0.5
            else chance.choice(["new", "open"])
        )
        for order in model.values():
            if moved in order:
                order.remove(moved)
        order = model[target]
        place, at = Place(end="bottom"), len(order)
        how = chance.random()
        if spot in order and how < 0.5:
            place, at = Place(before=spot), order.index(spot)
        elif order and how < 0.8:
            at = chance.randrange(len(order))
            place = Place(after=order[at])
            at += 1
        elif how < 0.9:
            place, at = Place(end="top"), 0
        order.insert(at, moved)
        put(desk, moved, target, place, now)
        db.session.expire_all()
        assert {name: in_order(column) for name, column in columns.items()} == model


def test_what_makes_room_is_told_to_every_board(desk: Any, now: Any) -> None:
    made = some(desk, now, 4)
    seq = db.session.get_one(Board, desk.board.id).seq
    for turn in range(26):  # 2 ** 20 halves to nothing
        put(desk, made[turn % 2], "new", Place(before=made[3]), now)
    events = db.session.scalars(select(Event).where(Event.kind == "ticket.ranked").order_by(Event.id)).all()
    assert len(events) == 26
    moved = [event.changes["renumbered"] for event in events if "renumbered" in event.changes]
    assert moved
    assert set(cards.changes(desk.board.id, seq, events[-1].seq).tickets) == {*made[:2], *moved[0]}


def test_a_place_whose_neighbours_have_left_is_the_end(desk: Any, now: Any) -> None:
    made = some(desk, now, 4)
    put(desk, made[1], "open", None, now)
    put(desk, made[0], "new", Place(after=made[1], before=made[3]), now)
    assert in_order(desk.columns["new"].id) == [made[2], made[0], made[3]]
    put(desk, made[0], "new", Place(after=made[1], before=999), now)
    assert in_order(desk.columns["new"].id) == [made[2], made[3], made[0]]


def test_a_move_without_a_place_goes_to_the_end_and_none_within_a_column(desk: Any, now: Any) -> None:
    made = some(desk, now, 3)
    assert [db.session.get_one(Ticket, number).rank for number in made] == [
        RANK_STEP,
        2 * RANK_STEP,
        3 * RANK_STEP,
    ]
    put(desk, made[0], "new", None, now)
    assert in_order(desk.columns["new"].id) == made
    put(desk, made[2], "open", None, now)
    put(desk, made[0], "open", None, now)
    assert in_order(desk.columns["open"].id) == [made[2], made[0]]


def test_a_place_changes_nothing_but_the_place(desk: Any, now: Any) -> None:
    made = some(desk, now, 2)
    with writing(desk.board):
        db.session.get_one(Ticket, made[1]).wake_at = None
    before = db.session.get_one(Ticket, made[1])
    version, updated_at = before.version, before.updated_at
    put(desk, made[1], "new", Place(end="top"), now)
    after = db.session.get_one(Ticket, made[1])
    assert (after.version, after.updated_at, after.wake_at) == (version + 1, updated_at, None)
    with pytest.raises(tickets.Refused):
        put(desk, made[1], "new", Place(end="top"), now, expected=desk.columns["open"].id)
