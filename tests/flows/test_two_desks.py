"""Two desks that answer automatically and write to each other: real bytes, two databases, and a mail system between them
that may lose what tells machines from people."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.channels.smtp import raw
from app.config import Settings
from app.database import db, writing
from app.desk import acknowledgements, deliveries, inbox, manual
from app.models.board import all_boards
from app.models.channel import channels_in_use
from app.models.delivery import Delivery
from app.models.desk import the_desk
from app.models.event import OPERATOR
from app.models.message import Message
from app.models.person import Person
from app.models.ticket import Ticket

HERE, THERE = "support@here.example", "help@there.example"
MARKS = rb"(?im)^(auto-submitted|x-auto-response-suppress):.*\r\n"
THREAD = rb"(?im)^(in-reply-to|references):.*\r\n(?:[ \t].*\r\n)*"

Way = Callable[[bytes], bytes]


def polite(data: bytes) -> bytes:
    return data


def rude(data: bytes) -> bytes:
    """Loses the headers that say that a machine wrote."""
    return re.sub(MARKS, b"", data)


def ruder(data: bytes) -> bytes:
    """Loses what it answers, too, and gives it an id of its own."""
    data = re.sub(THREAD, b"", rude(data))
    return re.sub(rb"(?im)^message-id: <nd\.", b"Message-ID: <relayed.", data)


@pytest.fixture
def other(request: pytest.FixtureRequest, database: str, settings: Settings, tmp_path: Path) -> Iterator[Any]:
    """A second desk with a database and a secret of its own."""
    from app import create_app

    data = tmp_path / "other"
    data.mkdir()
    if database == "sqlite":
        path = shutil.copy(request.getfixturevalue("sqlite_template")(True), data / "nightdesk.db")
        url = f"sqlite:///{path}"
    else:
        server = request.getfixturevalue("postgres")
        url = server.create("other_desk", template=request.getfixturevalue("postgres_template")(True))
    made = create_app(
        replace(settings, data=data, database_url=url, secret_key="another secret, which is none either")
    )
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()
    if database == "postgresql":
        server.drop("other_desk")


@pytest.mark.parametrize("way", [polite, rude, ruder])
@pytest.mark.parametrize("first", ["a person writes", "a forged customer"])
def test_they_fall_silent_within_five_messages(
    way: Way, first: str, app: Any, other: Any, desk: Any, now: datetime
) -> None:
    desks = {HERE: app, THERE: other}
    for address, one in desks.items():
        with at(one):
            answers_automatically(address, now)
    if first == "a person writes":
        with at(app):
            write_to(THERE, now)
    else:  # somebody writes to one desk in the name of the other
        forged = b"From: " + THERE.encode() + b"\r\nTo: " + HERE.encode() + b"\r\nSubject: Hi\r\n\r\nHi\r\n"
        with at(app):
            inbox.receive(forged, now=now, source="command", sent_to=HERE)
    written = 0
    for minute in range(1, 120):
        later = now + timedelta(minutes=2 * minute)
        for one in desks.values():
            for to, data in leaving(one, later):
                written += 1
                with at(desks[to]):
                    assert (
                        inbox.receive(way(data), now=later, source="command", sent_to=to).action != "failed"
                    )
    assert 1 <= written <= 5
    for one in desks.values():
        with at(one):
            assert not db.session.scalars(select(Delivery.id).where(Delivery.state == "queued")).all()
            assert (db.session.scalar(select(func.count()).select_from(Ticket)) or 0) <= 3
            assert (db.session.scalar(select(func.count()).select_from(Message)) or 0) >= 1


@contextmanager
def at(one: Any) -> Iterator[None]:
    with one.app_context():
        db.session.rollback()
        yield
        db.session.remove()


def answers_automatically(address: str, now: datetime) -> None:
    row, channel = the_desk(), channels_in_use("email")[0]
    assert row is not None
    channel_id = channel.id
    with writing(row) as desk:
        channels_in_use("email")[0].address = address
        acknowledgements.set_up(desk, channel_id, on=True, texts={}, by=OPERATOR, now=now)


def write_to(address: str, now: datetime) -> None:
    (board,) = all_boards()
    with writing(board) as locked:
        person = db.session.scalars(select(Person).where(Person.email == "bob@example.com")).one()
        manual.open_by_hand(
            locked,
            person=person,
            name="",
            email=address,
            subject="A question about your lamps",
            text="Do you have lamp 3 in green?",
            send=True,
            now=now,
        )


def leaving(one: Any, now: datetime) -> list[tuple[str, bytes]]:
    """What this desk sends at `now`, as its relay would get it."""
    sent = []
    with at(one):
        for delivery_id in deliveries.claim("test", now, 50):
            (board,) = all_boards()
            with writing(board):
                delivery = db.session.get_one(Delivery, delivery_id, populate_existing=True)
                sent.append((delivery.to_address, raw(delivery)))
                deliveries.mark_sent(delivery, now)
    return sent
