"""What rules did after people, as a board is told of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.cards import changes_since
from app.database import db, writing
from app.desk import tickets
from app.models.board import Board
from app.models.card import View
from app.models.event import By
from app.models.rule import Rule
from app.models.ticket import Ticket
from tests.small import SmallDesk
from tests.stories import ticket_in

SECOND = timedelta(seconds=1)


@pytest.fixture
def refunds(desk: SmallDesk) -> By:
    with writing(desk.row):
        rule = Rule(position=1, name="Refunds", query={"and": []}, actions=[])
        db.session.add(rule)
    return By("rule", rule.id)


@pytest.fixture
def told(desk: SmallDesk) -> Callable[..., list[dict[str, Any]]]:
    """What a board that stood at the event `since` is told of rules."""

    def asked(since: int, now: datetime, locale: str = "en") -> list[dict[str, Any]]:
        db.session.rollback()
        return list(changes_since(View(desk.board.id, locale), since, now).rules)

    return asked


def does(desk: SmallDesk, ticket: Ticket, by: By, now: datetime, *names: str) -> int:
    """Tags a ticket; returns the number of the last event before."""
    with writing(desk.board) as board:
        since = board.seq
        for name in names:
            tickets.add_tag(board, db.session.get_one(Ticket, ticket.id), name, by=by, now=now)
    return since


def test_in_words_to_everybody_who_has_just_changed_it(
    desk: SmallDesk, refunds: By, told: Any, now: datetime
) -> None:
    one, other = (ticket_in(desk, "new", subject, now) for subject in ("Lamp", "Bulb"))
    for by in (desk.bob.by, desk.alice.by):
        does(desk, one, by, now, str(by.id))
    since = does(desk, one, refunds, now + SECOND, "refund", "money")
    does(desk, other, refunds, now + SECOND, "refund")  # which nobody has touched
    seq = db.session.get_one(Board, desk.board.id).seq - 1
    (line,) = told(since, now + SECOND)
    assert sorted(line.pop("by")) == sorted([desk.alice.id, desk.bob.id])
    text = f"#{one.id}: rule “Refunds” then added the tag refund, added the tag money"
    assert line == {"seq": seq, "ticket": one.id, "text": text}
    (korean,) = told(since, now + SECOND, "ko")
    assert korean["text"] == f"#{one.id}: 이어서 규칙 “Refunds” 실행 – 태그 추가: refund, 태그 추가: money"


def test_not_what_came_before_nor_long_after(desk: SmallDesk, refunds: By, told: Any, now: datetime) -> None:
    ticket = ticket_in(desk, "new", "Lamp", now)
    since = does(desk, ticket, refunds, now, "refund")
    does(desk, ticket, desk.bob.by, now + SECOND, "lamps")
    assert told(since, now + SECOND) == []
    since = does(desk, ticket, refunds, now + SECOND, "money")
    assert len(told(since, now + 100 * SECOND)) == 1
    assert told(since, now + 122 * SECOND) == []
