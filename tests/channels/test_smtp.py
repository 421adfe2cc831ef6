"""The way out: one connection for many messages, also to a relay that has had enough of it, or that is not there."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import select

from app import sweeps
from app.channels import smtp
from app.config import Settings
from app.database import db
from app.desk import deliveries
from app.models.delivery import Delivery
from app.sweeps.deliveries import SEND_FOR
from tests.small import SmallDesk
from tests.stories import queue_notices


class Door:
    """Answers each connection with one line and shuts it."""

    def __init__(self, says: bytes) -> None:
        self.knocked = 0
        self._says = says
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def shut(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _answer(self) -> None:
        while True:
            try:
                knocking, _ = self._listening.accept()
            except OSError:
                return
            self.knocked += 1
            with knocking:
                knocking.sendall(self._says)


@pytest.fixture(params=[b"421 4.3.2 Not now\r\n", b""], ids=["not now", "silence"])
def closed_door(request: pytest.FixtureRequest, app: Any) -> Iterator[Door]:
    door = Door(request.param)
    settings: Settings = current_app.config["SETTINGS"]
    current_app.config["SETTINGS"] = replace(settings, smtp_url=door.url)
    yield door
    door.shut()


@pytest.mark.parametrize(
    ("tires", "connections"),
    [(None, 1), ((2, True), 3), ((2, False), 3)],
    ids=["patient", "says it is enough", "hangs up"],
)
def test_many_messages_over_few_connections(
    desk: SmallDesk, now: datetime, smtp_sink: Any, tires: tuple[int, bool] | None, connections: int
) -> None:
    smtp_sink.tires = tires
    queue_notices(desk, 5, now)
    assert sweeps.send_due(now) == {"sent": 5}
    came = smtp_sink.wait_for(5)
    assert [one.message["Message-ID"] for one in came] == [f"<{n}.test@example.com>" for n in range(5)]
    assert smtp_sink.connections == connections


def test_a_relay_that_takes_no_mail_is_asked_once_for_all(
    desk: SmallDesk, now: datetime, closed_door: Door
) -> None:
    queue_notices(desk, 5, now)
    assert sweeps.send_due(now) == {"queued": 5}
    assert closed_door.knocked == 1
    waiting = db.session.scalars(select(Delivery)).all()
    assert {one.attempts for one in waiting} == {1}
    assert all(one.error for one in waiting)
    assert all(one.wake_at and one.wake_at >= now + deliveries.PAUSES[0] for one in waiting)


def test_what_is_refused_does_not_end_the_connection(desk: SmallDesk, now: datetime, smtp_sink: Any) -> None:
    queue_notices(desk, 3, now)
    smtp_sink.answer = "451 4.3.0 Try again later"
    assert sweeps.send_due(now) == {"queued": 3}
    assert (smtp_sink.tries, smtp_sink.connections) == (3, 1)
    smtp_sink.answer = None
    assert sweeps.send_due(now + timedelta(minutes=2)) == {"sent": 3}


def test_two_processes_claim_different_deliveries(desk: SmallDesk, now: datetime) -> None:
    queue_notices(desk, 5, now)
    assert [deliveries.claim("one", now, 3), deliveries.claim("other", now, 3)] == [[1, 2, 3], [4, 5]]
    assert deliveries.claim("third", now, 3) == []
    deliveries.give_back([2, 3, 4], "one", now)
    assert deliveries.claim("third", now, 3) == [2, 3]
    later = now + deliveries.CLAIM_FOR
    assert deliveries.claim("third", later, 9) == [1, 2, 3, 4, 5]


def test_a_claim_outlives_the_slowest_relay() -> None:
    """Otherwise a second process would send what the first is still sending."""
    until_it_begins, from_then_on = (
        9,
        5,
    )  # a connection, TLS, three ways to sign in; RSET, MAIL, RCPT, DATA and its end
    slowest = timedelta(seconds=until_it_begins * smtp.TIMEOUT + from_then_on * smtp.ANSWER_FOR)
    assert slowest + SEND_FOR < deliveries.CLAIM_FOR
