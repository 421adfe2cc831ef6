"""The ticket of an answer moves to another board while the answer is being sent."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from app import sweeps
from app.database import db, writing
from app.desk import messages
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.event import Event
from tests.desk.boards import second_board
from tests.desk.test_transfers import fresh, transfer
from tests.sink import Sink
from tests.small import SmallDesk
from tests.stories import ticket_in

LATER = timedelta(seconds=20)  # "Undo send" is over


class Meanwhile(Sink):
    """Does something when it has read a message, before it says what becomes of that."""

    def __init__(self, port: int, then: Callable[[], object]) -> None:
        super().__init__(port)
        self._then = then

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        self._then()
        return answer


@contextmanager
def before_it_is_locked(engine: Any, then: Callable[[], object]) -> Iterator[None]:
    """Does something once: as soon as it was asked which board a delivery is of, to lock that."""
    asked: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT deliveries.board_id") and not asked:
            asked.append(statement)
            then()

    event.listen(engine, "after_cursor_execute", listen)
    yield
    event.remove(engine, "after_cursor_execute", listen)
    assert asked


@pytest.mark.parametrize("refused", [False, True], ids=["taken", "refused"])
@pytest.mark.parametrize("moment", ["with the relay", "as it is written down"])
def test_an_answer_is_sent_once_and_shown_on_the_new_board(
    app_with: Callable[..., Any],
    app: Any,
    desk: SmallDesk,
    browser_as: Callable[..., Any],
    free_port: Callable[[], int],
    now: datetime,
    moment: str,
    refused: bool,
) -> None:
    other = second_board(desk, now)
    ticket = ticket_in(desk, "open", "Lamp", now)
    with writing(desk.board) as board:
        messages.reply(board, fresh(ticket), "We look.", person=desk.alice, seen=None, now=now)

    def moves() -> None:
        with app.app_context():
            transfer(ticket, other, desk.alice, now + LATER)

    def move() -> None:
        """In a thread of its own, whoever waits for it."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(moves).result()

    at_once = moment == "with the relay"
    with Meanwhile(free_port(), move if at_once else int) as sink:
        sink.answer = "550 5.1.1 Unknown" if refused else None
        sending = app_with(smtp_url=sink.url)
        with sending.app_context():
            if at_once:
                counts = sweeps.send_due(now + LATER)
            else:
                with before_it_is_locked(db.engine, move):
                    counts = sweeps.send_due(now + LATER)
            assert dict(counts) == {"failed" if refused else "sent": 1}
            assert not sweeps.send_due(now + timedelta(days=2))  # neither due nor claimed
        assert (sink.tries, len(sink.delivered)) == (1, 0 if refused else 1)
    db.session.rollback()
    told = db.session.execute(
        select(Event.stream, Event.kind).where(Event.kind.like("delivery.%") | Event.kind.like("ticket.%e%"))
    )
    assert [tuple(one) for one in told][-3:] == [
        (desk.board.id, "ticket.left"),
        (other.id, "ticket.transferred"),
        (other.id, "delivery.failed" if refused else "delivery.sent"),
    ]
    assert db.session.scalars(select(Delivery.board_id).where(Delivery.kind == "reply")).all() == [other.id]
    for board_id in (desk.board.id, other.id):
        numbers = db.session.scalars(
            select(Event.seq).where(Event.stream == board_id).order_by(Event.seq)
        ).all()
        assert list(numbers) == list(range(1, len(numbers) + 1))
        assert db.session.get_one(Board, board_id).seq == numbers[-1]
    page = browser_as(desk.alice).get(f"/tickets/{ticket.id}").text
    assert ('class="delivery delivery-failed"' in page, "Sending" in page) == (refused, False)
    assert refused or '<p class="delivery">' in page
    failed = browser_as(desk.alice).get("/deliveries").text
    assert (f"/tickets/{ticket.id}" in failed) is refused
    assert browser_as(desk.bob).get("/deliveries").text.count(f"/tickets/{ticket.id}") == 0
