"""No room for SQLite: nothing is written, everything is read, mail waits outside, and all goes on when there is room.

The processes may not make a file larger than a few bytes, which they learn at the same place as of a full disk, and
which works without a disk of one's own. On a disk that is truly full SQLite says the same with another word.
"""

import contextlib
import json
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db
from app.models.board import Board
from app.models.event import Event
from app.models.message import Message, RawMessage
from app.models.ticket import Ticket
from tests.around import process_environment
from tests.channels.accounts import mail
from tests.processes.from_outside import Words, deliver, visitor
from tests.server import ROOT, Server
from tests.small import SmallDesk
from tests.waiting import until

SMALL = 4096  # bytes: less than one page of the log with its head


@pytest.fixture
def database() -> str:
    return "sqlite"


def test_a_full_disk(
    app: Any,
    desk: SmallDesk,
    now: datetime,
    serve: Callable[..., Server],
    start_flask: Callable[..., subprocess.Popen[bytes]],
    environment: dict[str, str],
    free_port: Callable[[], int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    server, clock, port = serve(CLOCK="off"), start_flask("clock"), free_port()
    lmtp = start_flask("lmtp", "--port", str(port))
    bob, said, board_id = visitor(app, server, desk.bob, now), Words(capfd), desk.board.id
    until(lambda: deliver(port, mail("Before")) == 250)
    ticket = until(lambda: judged("Before"))
    until(lambda: json.loads(bob.ask("/health")[1])["status"] == "ok")
    note = f"/tickets/{ticket.id}/notes"
    seq = db.session.get_one(Board, board_id).seq

    with no_room(pids(server.process.pid, clock.pid, lmtp.pid)):
        for path in (f"/boards/{board_id}", f"/tickets/{ticket.id}"):
            assert bob.ask(path)[0] == 200
        status, page, headers = bob.ask(note, {"text": "A note"})
        assert (status, "The disk of the desk is full" in page) == (507, True)
        assert headers["Retry-After"] == "5"
        assert deliver(port, mail("By LMTP")) == 452
        done = receive(
            environment, mail("By command"), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, LITTLE)
        )
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (75, "", False)
        said.hears("waits for the database")
        assert whole(Path(environment["NIGHTDESK_DATA"]) / "nightdesk.db")
        assert db.session.get_one(Board, board_id, populate_existing=True).seq == seq

    assert bob.ask(note, {"text": "A note"})[0] == 303
    assert deliver(port, mail("By LMTP")) == 250
    assert json.loads(receive(environment, mail("By command")).stdout)["action"] == "created"
    for subject in ("By LMTP", "By command"):
        until(lambda subject=subject: judged(subject))
    assert [process.poll() for process in (server.process, clock, lmtp)] == [None] * 3
    assert "Traceback" not in said.so_far + server.log

    db.session.remove()
    assert whole(Path(environment["NIGHTDESK_DATA"]) / "nightdesk.db")
    assert sorted(db.session.scalars(select(Ticket.subject))) == ["Before", "By LMTP", "By command"]
    assert db.session.scalars(select(Message.text).where(Message.kind == "note")).all() == ["A note"]
    assert set(db.session.scalars(select(RawMessage.state))) == {"handled"}
    numbers = db.session.scalars(select(Event.seq).where(Event.stream == board_id).order_by(Event.seq))
    assert list(numbers) == list(range(1, db.session.get_one(Board, board_id).seq + 1))


LITTLE = (SMALL, resource.RLIM_INFINITY)


@contextlib.contextmanager
def no_room(pids: Sequence[int]) -> Iterator[None]:
    """These processes cannot write beyond the first bytes of a file."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, LITTLE)
    yield
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def pids(*parents: int) -> list[int]:
    """These processes and their children."""
    children = [Path(f"/proc/{pid}/task/{pid}/children").read_text().split() for pid in parents]
    return [*parents, *(int(child) for some in children for child in some)]


def judged(subject: str) -> Ticket | None:
    """The ticket, when a sweep has looked at it."""
    wanted = select(Ticket).where(Ticket.subject == subject, Ticket.wake_at != Ticket.created_at)
    return db.session.scalars(wanted).one_or_none()


def receive(
    environment: dict[str, str], raw: bytes, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "receive"],
        input=raw.decode(),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=process_environment(environment, {}),
        preexec_fn=before,
    )


def whole(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
