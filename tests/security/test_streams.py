"""What a stream still says to somebody whose access has ended: nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from app import live
from app.database import bookkeeping, db, writing
from app.desk import inbox, people, sign_ins
from app.models.board import BoardPerson
from app.models.event import By
from app.models.person import Person
from app.routes.streams import standing
from tests.small import ADDRESS, SmallDesk


def signs_out(desk: SmallDesk, browser: Any, now: datetime) -> None:
    browser.post("/sign-out")


def signs_out_elsewhere(desk: SmallDesk, browser: Any, now: datetime) -> None:
    for row in sign_ins.of(desk.bob, now):
        sign_ins.end(desk.bob, row.id)


def chooses_a_password(desk: SmallDesk, browser: Any, now: datetime) -> None:
    with writing(desk.row) as row:
        bob = db.session.get_one(Person, desk.bob.id)
        people.set_password(row, bob, "seven grey herons fly", by=By("person", bob.id), now=now)


def is_deactivated(desk: SmallDesk, browser: Any, now: datetime) -> None:
    with writing(desk.row) as row:
        people.deactivate(row, desk.bob.id, by=By("person", desk.dana.id), now=now)


def is_a_helper_whose_time_is_over(desk: SmallDesk, browser: Any, now: datetime) -> None:
    with writing(desk.row):
        db.session.get_one(Person, desk.bob.id).ends_at = now - timedelta(seconds=1)


def leaves_the_board(desk: SmallDesk, browser: Any, now: datetime) -> None:
    bookkeeping(delete(BoardPerson).where(BoardPerson.person_id == desk.bob.id))


WAYS = (
    signs_out,
    signs_out_elsewhere,
    chooses_a_password,
    is_deactivated,
    is_a_helper_whose_time_is_over,
    leaves_the_board,
)


@pytest.mark.parametrize("ends", WAYS)
def test_no_change_is_told_after_the_end(
    ends: Callable[..., None], desk: SmallDesk, app: Any, now: datetime, browser_as: Callable[..., Any]
) -> None:
    live.use(app, live.Live(app, most=4, ask=standing, trusted_for=0))
    browser = browser_as(desk.bob)
    answer = browser.get(f"/boards/{desk.board.id}/stream", buffered=False)
    told = iter(answer.response)
    assert b"event: delta" in next(told)
    ends(desk, browser, now)
    mail = f"From: kim@example.org\nTo: {ADDRESS}\nSubject: Nobody else may read this\n\nPlease."
    inbox.receive(mail.encode(), now=now, source="command")
    rest = b"".join(told)
    answer.close()
    assert b"Nobody else" not in rest
    assert rest == b"event: ended\ndata: {}\n\n"
