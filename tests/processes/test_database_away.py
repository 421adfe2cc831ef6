"""PostgreSQL goes away under real processes and comes back: each says so meanwhile, none ends, nothing is lost.

The test brings it back as soon as every process was seen to fail.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import create_app
from app.config import load
from app.database import db
from app.migrations import upgrade
from app.models.board import Board
from app.models.event import Event
from app.models.message import RawMessage
from app.models.ticket import Ticket
from tests.channels.accounts import mail
from tests.postgres import Postgres, running
from tests.processes.from_outside import Words, deliver, open_stream, visitor
from tests.server import Server
from tests.small import SmallDesk
from tests.waiting import until


@pytest.fixture
def database() -> str:
    return "postgresql"


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """A server that nobody else needs. What it has confirmed survives its crash."""
    with running(durable=True) as server:
        yield server


@pytest.fixture
def database_url(own_postgres: Postgres, tmp_path: Path) -> str:
    url = own_postgres.create("away")
    app = create_app(load({"DATABASE_URL": url, "NIGHTDESK_DATA": str(tmp_path / "data")}))
    with app.app_context():
        upgrade()
        db.session.remove()
        db.engine.dispose()
    return url


def test_the_database_goes_and_comes_back(
    own_postgres: Postgres,
    app: Any,
    desk: SmallDesk,
    now: datetime,
    serve: Callable[..., Server],
    start_flask: Callable[..., subprocess.Popen[bytes]],
    free_port: Callable[[], int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    server, clock, lmtp_port = serve(CLOCK="off"), start_flask("clock"), free_port()
    lmtp = start_flask("lmtp", "--port", str(lmtp_port))
    bob = visitor(app, server, desk.bob, now)
    board_id = desk.board.id
    board, said = f"/boards/{board_id}", Words(capfd)

    until(lambda: deliver(lmtp_port, mail("Before")) == 250)
    (number,) = until(lambda: db.session.scalars(select(Ticket.id)).all())
    until(lambda: json.loads(bob.ask("/health")[1])["status"] == "ok")
    connection, stream = open_stream(bob, f"{board}/stream")
    db.session.remove()
    db.engine.dispose()

    own_postgres.crash()
    status, page, headers = bob.ask(board)
    assert (status, "Back in a moment" in page, headers["Retry-After"]) == (503, True, "5")
    assert 'lang="ko"' in bob.ask("/contact", language="ko")[1]
    assert bob.ask(f"/tickets/{number}/notes", {"text": "A note"})[0] == 503
    status, page, _ = bob.ask("/health")
    assert (status, json.loads(page)["database"]) == (503, {"reachable": False})
    assert deliver(lmtp_port, mail("Meanwhile")) == 451
    said.hears("the sweep tickets waits for the database")

    own_postgres.start()
    until(lambda: bob.ask(board)[0] == 200)
    until(lambda: deliver(lmtp_port, mail("Meanwhile")) == 250)
    assert bob.ask(f"/tickets/{number}/notes", {"text": "A note"})[0] == 303
    while b"Meanwhile" not in stream.readline():
        pass  # the stream that was open all the time tells of it, or the connection's time runs out
    connection.close()
    stream.close()
    late = select(Ticket).where(Ticket.subject == "Meanwhile", Ticket.wake_at != Ticket.created_at)
    until(lambda: db.session.scalars(late).all())  # a sweep has looked at it
    until(lambda: json.loads(bob.ask("/health")[1])["status"] == "ok")
    assert [process.poll() for process in (server.process, clock, lmtp)] == [None] * 3

    assert sorted(db.session.scalars(select(Ticket.subject))) == ["Before", "Meanwhile"]
    assert set(db.session.scalars(select(RawMessage.state))) == {"handled"}
    numbers = db.session.scalars(select(Event.seq).where(Event.stream == board_id).order_by(Event.seq))
    assert list(numbers) == list(range(1, db.session.get_one(Board, board_id).seq + 1))
    assert "Traceback" not in said.so_far + server.log
