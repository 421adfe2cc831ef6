"""kill -9 at any moment: what was accepted is there once, and nobody is alerted twice."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from app.database import bookkeeping, db, writing
from app.desk import customers, inbox, messages, rotas, tickets
from app.models.alert import Alert
from app.models.board import Board
from app.models.clock import Lease
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.models.event import CLOCK, By, Event
from app.models.message import Message, RawMessage
from app.models.rota import Rota
from app.models.ticket import URGENT, Ticket
from tests.around import process_environment
from tests.server import ROOT

KILLED_WITHIN = 2.0  # seconds; a process that lives longer has done its work


@pytest.fixture
def receive_or_die(environment: dict[str, str]) -> Callable[[bytes, float], dict[str, Any] | None]:
    """Hands a message to `flask receive` and kills it after so many seconds; what it printed, or None."""

    def run(raw: bytes, seconds: float) -> dict[str, Any] | None:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "receive"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=process_environment(environment, {}),
        )
        try:
            printed, _ = process.communicate(raw, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
        return json.loads(printed) if printed.endswith(b"\n") else None

    return run


def test_an_accepted_message_survives_the_death_of_its_process(
    app: Any, desk: Any, receive_or_die: Any, flask: Any
) -> None:
    chance = random.Random(20)
    raws = [_mail(n) for n in range(4)]
    first = [receive_or_die(raw, chance.uniform(0.4, KILLED_WITHIN)) for raw in raws]
    accepted = [n for n, receipt in enumerate(first) if receipt is not None]

    # Whoever was not told that it was taken brings it again, as a mail server does; some others do so too.
    again = [receive_or_die(raw, 60) for n, raw in enumerate(raws) if n not in accepted or n % 2]
    assert {receipt["action"] for receipt in again if receipt} <= {"created", "duplicate"}
    assert flask("clock", "--once").returncode == 0

    subjects = Counter(db.session.scalars(select(Ticket.subject)))
    assert subjects == {f"Question {n}": 1 for n in range(len(raws))}
    assert db.session.scalar(select(func.count()).select_from(Message)) == len(raws)
    _assert_gapless(desk.board.id)


def test_what_was_archived_by_a_dead_process_is_handled_later(
    app: Any, desk: Any, flask: Any, now: datetime
) -> None:
    inbox.archive(_mail(1), now=now - timedelta(minutes=5), source="command")
    done = flask("clock", "--once")
    assert json.loads(done.stdout)["messages"] == {"created": 1}
    assert db.session.scalars(select(Ticket.subject)).all() == ["Question 1"]
    assert set(db.session.scalars(select(RawMessage.state))) == {"handled"}


def test_an_alert_is_told_once_however_often_the_clock_dies(
    app: Any, desk: Any, start_flask: Any, flask: Any, smtp_sink: Any, now: datetime
) -> None:
    chance = random.Random(7)
    _on_call(desk, now)
    late = [_late_ticket(desk, n, now) for n in range(4)]
    for _ in range(4):
        clock = start_flask("clock")
        try:
            clock.wait(timeout=chance.uniform(0.8, 2.5))
        except subprocess.TimeoutExpired:
            clock.kill()
            clock.wait()
        bookkeeping(delete(Lease))  # as if the dead one's lease had run out
    # Claims of the dead run out in five minutes: the last look is taken after that, before anybody else is told.
    done = flask("clock", "--once", "--now", (now + timedelta(minutes=8)).isoformat())
    assert done.returncode == 0, done.stderr

    alerts = db.session.scalars(select(Alert).where(Alert.kind == "first_response")).all()
    assert sorted(alert.ticket_id for alert in alerts) == late
    pages = db.session.scalars(select(Delivery).where(Delivery.kind == "page")).all()
    told = Counter((page.alert_id, page.person_id) for page in pages)
    assert set(told.values()) == {1}
    assert {page.state for page in pages} == {"sent"}
    ids = Counter(str(mail.message["Message-ID"]).strip("<>") for mail in smtp_sink.delivered)
    assert set(ids) >= {page.header_id for page in pages}
    _assert_gapless(desk.board.id)


def test_what_the_form_accepted_survives_the_death_of_the_server(
    app: Any, desk: Any, serve: Any, new_page: Any
) -> None:
    server = serve(CLOCK="off")
    page = new_page(server.url)
    page.goto("/contact")
    page.get_by_label("Your name").fill("Kim")
    page.get_by_label("Your e-mail address").fill("kim@example.org")
    page.get_by_label("What is it about?").fill("Accepted before the crash")
    page.get_by_label("Your message").fill("Please tell me where my parcel is, it has been a week.")
    page.get_by_role("button", name="Send message").click()
    page.wait_for_url("**/contact/sent*")
    server.kill()
    server.restart()
    assert db.session.scalars(select(Ticket.subject)).all() == ["Accepted before the crash"]


def _mail(n: int) -> bytes:
    return (
        f"From: Kim <kim{n}@example.org>\r\nTo: support@example.com\r\nSubject: Question {n}\r\n"
        f"Message-ID: <question.{n}@example.org>\r\nDate: Tue, 03 Nov 2026 09:30:00 +0000\r\n\r\n"
        f"Where is my parcel number {n}? It has been a week now.\r\n"
    ).encode()


def _on_call(desk: Any, now: datetime) -> None:
    with writing(db.session.get_one(Desk, 1)) as row:
        rota = db.session.get_one(Rota, desk.board.rota_id)
        edit = rotas.preview(
            rota,
            zone="UTC",
            weekday=0,
            time="09:00",
            people=[desk.bob.id, desk.alice.id],
            at_once=True,
            now=now,
        )
        rotas.change(row, rota, edit, digest=edit.digest, by=CLOCK, now=now)


def _late_ticket(desk: Any, n: int, now: datetime) -> int:
    """A ticket whose first answer has been late for long, whatever the opening hours."""
    came_at = now - timedelta(days=20)
    with writing(db.session.get_one(Board, desk.board.id)) as board:
        customer = customers.find_or_make(f"kim{n}@example.org", "Kim", "en", now=came_at)
        by = By("customer", customer.id)
        ticket = tickets.open_ticket(
            board,
            channel=desk.email,
            customer=customer,
            subject=f"Late {n}",
            by=by,
            now=came_at,
            priority=URGENT,
        )
        messages.receive(
            board,
            ticket,
            by=by,
            now=came_at,
            text="Still nothing?",
            from_name="Kim",
            from_address=f"kim{n}@example.org",
        )
        return ticket.id


def _assert_gapless(board_id: int) -> None:
    numbers = db.session.scalars(select(Event.seq).where(Event.stream == board_id).order_by(Event.seq)).all()
    assert list(numbers) == list(range(1, len(numbers) + 1))
