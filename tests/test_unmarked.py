"""The relay has taken a message and the database goes before that is written down: the process remembers it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from app import sweeps
from app.database import db, trouble, writing
from app.desk import messages
from app.models.board import Board
from app.models.delivery import Delivery
from tests.sink import Sink
from tests.small import SmallDesk
from tests.stories import fill
from tests.trouble import impatient

LATER = timedelta(seconds=20)  # "Undo send" is over


class Breaking(Sink):
    """Does something as soon as the first message is there, before it says that it has it."""

    def __init__(self, port: int, then: Callable[[], None]) -> None:
        super().__init__(port)
        self._then = then

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if len(self.delivered) == 1:
            self._then()
        return answer


def test_nothing_is_sent_again_and_nothing_waits_for_a_claim(
    app_with: Callable[..., Any],
    app: Any,
    desk: SmallDesk,
    now: datetime,
    database: str,
    free_port: Callable[[], int],
) -> None:
    with writing(desk.board) as board:
        for n in range(3):
            ticket = fill(board, desk, "open", f"Asked {n}", now)
            messages.reply(board, ticket, f"Answer {n}", person=desk.bob, seen=None, now=now)
    with holder(desk.board.id) as (hold, let_go), Breaking(free_port(), hold) as sink:
        sending = app_with(smtp_url=sink.url)
        with sending.app_context():
            with impatient(database):
                with pytest.raises(SQLAlchemyError) as failed:
                    sweeps.send_due(now + LATER)
                assert trouble(failed.value) == "away"
                let_go()
                assert sweeps.send_due(now + LATER + timedelta(seconds=1))["sent"] == 2
            states = db.session.scalars(select(Delivery.state)).all()
        came = [str(one.message["Message-ID"]) for one in sink.delivered]
    assert (list(states), len(came), len(set(came))) == (["sent"] * 3, 3, 3)


@contextmanager
def holder(board_id: int) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """What takes the lock that everybody needs who writes to the board, from any thread, and what gives it back."""
    if db.engine.dialect.name == "sqlite":
        path = str(db.engine.url.database)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        yield lambda: other.execute("BEGIN IMMEDIATE") and None, lambda: other.execute("ROLLBACK") and None
        other.close()
        return
    engine = create_engine(db.engine.url)
    with engine.connect() as connection:
        statement = select(Board.seq).where(Board.id == board_id).with_for_update()
        yield lambda: connection.execute(statement) and None, connection.rollback
    engine.dispose()
