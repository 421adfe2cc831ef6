"""An answer that leaves later: nobody hears of it before, and it waits when somebody writes."""

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import messages, recipients
from app.models.delivery import Delivery
from app.models.draft import Draft
from app.models.event import CLOCK
from app.models.message import Message
from app.models.ticket import Ticket
from tests.routes.conversation import PICTURE, newest
from tests.sink import Sink
from tests.small import SmallDesk

TOMORROW = datetime(2026, 11, 4, 9, 0, tzinfo=UTC)


def text_of(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def scheduled() -> Message:
    db.session.rollback()
    return db.session.scalars(select(Message).where(Message.kind == "later")).one()


def facts(number: int) -> tuple[Any, ...]:
    db.session.rollback()
    ticket = db.session.get_one(Ticket, number, populate_existing=True)
    return (
        ticket.state,
        ticket.waiting_since,
        ticket.first_answered_at,
        ticket.message_count,
        ticket.last_speaker,
    )


@pytest.fixture
def message_id(bob: Any, number: int) -> int:
    form = {"text": "Try the other bulb.", "seen": newest(), "later": "tomorrow", "cc": "lee@example.net"}
    assert bob.post(f"/tickets/{number}/later", data=form).status_code == 303
    return scheduled().id


def test_it_leaves_at_its_time_and_not_before(
    smtp_sink: Sink, bob: Any, number: int, now: datetime, message_id: int
) -> None:
    assert facts(number) == ("new", now, None, 1, "customer")  # the customer still waits
    assert scheduled().leaves_at == TOMORROW
    page = bob.get(f"/tickets/{number}").text
    assert "to the customer, not sent yet" in page
    assert 'datetime="2026-11-04T09:00:00Z"' in page
    sweeps.send_due(TOMORROW - timedelta(seconds=1))
    assert db.session.scalars(select(Delivery.id)).all() == []
    db.session.rollback()
    sweeps.send_due(TOMORROW)
    sent = smtp_sink.wait_for(1)[0]
    assert sent.recipients == ("kim@example.org", "lee@example.net")
    assert facts(number) == ("waiting", None, TOMORROW, 2, "us")
    assert db.session.scalars(select(Message.kind).order_by(Message.id)).all() == ["customer", "reply"]
    db.session.rollback()
    sweeps.send_due(TOMORROW + timedelta(minutes=1))
    assert len(smtp_sink.delivered) == 1


@pytest.mark.parametrize(
    ("then", "state", "said"),
    [
        ("wait", "waiting", "Wait for the customer"),
        ("resolve", "resolved", "Resolve the ticket"),
        ("keep", "open", "Keep it open"),
    ],
)
def test_what_happens_then_is_chosen(
    bob: Any, number: int, message_id: int, then: str, state: str, said: str
) -> None:
    """When it is written, and with another time; a time alone leaves it."""
    bob.post(f"/tickets/{number}/later/{message_id}/removal")
    form = {"text": "Try it.", "seen": newest(), "later": "tomorrow", "later_then": then}
    assert bob.post(f"/tickets/{number}/later", data=form).status_code == 303
    (first,) = db.session.scalars(select(Message.id).where(Message.leaves_at.is_not(None)))
    assert f"Then: {said}" in text_of(bob.get(f"/tickets/{number}"))
    sheet = bob.get(f"/tickets/{number}/later/{first}").text
    assert f'<option value="{then}" selected>' in sheet
    bob.post(f"/tickets/{number}/later/{first}", data={"choice": "monday"})
    assert f"Then: {said}" in text_of(bob.get(f"/tickets/{number}"))
    sweeps.send_due(TOMORROW + timedelta(days=7))
    assert facts(number)[0] == state
    bob.post(f"/tickets/{number}/later", data={**form, "seen": newest(), "later_then": "wait"})
    (second,) = db.session.scalars(select(Message.id).where(Message.leaves_at.is_not(None)))
    bob.post(f"/tickets/{number}/later/{second}", data={"choice": "tomorrow", "later_then": then})
    assert f"Then: {said}" in text_of(bob.get(f"/tickets/{number}"))
    bob.post(f"/tickets/{number}/later/{second}/departure")
    assert facts(number)[0] == state


@pytest.mark.parametrize("who", ["customer", "colleague", "oneself"])
def test_it_is_held_back_when_somebody_writes(
    desk: SmallDesk, bob: Any, number: int, now: datetime, message_id: int, who: str
) -> None:
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, number)
        if who == "customer":
            messages.receive(
                board,
                ticket,
                by=CLOCK,
                now=now + timedelta(minutes=1),
                text="It works!",
                from_name="Kim",
                from_address="kim@example.org",
            )
        else:
            person = desk.alice if who == "colleague" else desk.bob
            messages.note(board, ticket, "She called.", person=person, now=now)
    sweeps.send_due(TOMORROW)
    db.session.rollback()
    if who == "oneself":
        assert len(db.session.scalars(select(Delivery.id)).all()) == 1
        return
    assert db.session.scalars(select(Delivery.id)).all() == []
    page = bob.get(f"/tickets/{number}").text
    assert "Held back: somebody wrote before it left." in page
    assert "An answer that was to leave later is held back" in page
    assert bob.post(f"/tickets/{number}/later/{message_id}", data={"choice": "monday"}).status_code == 303
    assert scheduled().leaves_at == datetime(2026, 11, 9, 9, 0, tzinfo=UTC)


def test_sent_now_after_all(bob: Any, number: int, message_id: int) -> None:
    answer = bob.post(f"/tickets/{number}/later/{message_id}/departure")
    assert answer.status_code == 303
    assert facts(number)[0] == "waiting"
    assert "Undo send" in bob.get(f"/tickets/{number}").text
    again = bob.post(f"/tickets/{number}/later/{message_id}/departure")
    assert again.status_code == 409
    assert "This answer has left already, or was taken back." in again.text
    assert bob.get(f"/tickets/{number}/later/{message_id}").status_code == 409


def test_taken_back_it_is_a_draft_again(bob: Any, number: int, now: datetime, message_id: int) -> None:
    assert bob.post(f"/tickets/{number}/later/{message_id}/removal", data={"text": ""}).status_code == 303
    draft = db.session.scalars(select(Draft)).one()
    assert (draft.kind, draft.text, draft.cc) == ("reply", "Try the other bulb.", "lee@example.net")
    db.session.rollback()
    sweeps.send_due(TOMORROW)
    db.session.rollback()
    assert db.session.scalars(select(Delivery.id)).all() == []


def test_what_cannot_leave_when_its_time_has_come_is_held_back(
    desk: SmallDesk, bob: Any, number: int, message_id: int
) -> None:
    with writing(desk.board):
        for address in db.session.get_one(Ticket, number).customer.addresses:
            address.bounced_at = TOMORROW
    sweeps.send_due(TOMORROW)
    assert scheduled().leaves_at is None
    assert db.session.scalars(select(Delivery.id)).all() == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"later": "own", "later_at": "2026-11-03T08:00"}, "Choose a time that is still to come."),
        ({"later": "own", "later_at": "2028-11-03T08:00"}, "Choose a time within the next year."),
        ({"later": "own", "later_at": "soon"}, "Choose a day and a time."),
        ({"later": "never"}, "Choose a day and a time."),
        ({"later": "tomorrow", "text": ""}, "Write something first."),
        ({"later": "tomorrow", "later_then": "burn"}, "Choose what happens after sending."),
    ],
)
def test_times_that_cannot_be_are_refused(bob: Any, number: int, form: dict[str, str], said: str) -> None:
    page = bob.post(f"/tickets/{number}/later", data={"text": "Hello", "seen": newest(), **form})
    assert page.status_code == 422
    assert said in page.text


def test_its_files_go_with_it(smtp_sink: Sink, bob: Any, number: int, now: datetime) -> None:
    form = {"text": "Look", "seen": newest(), "later": "tomorrow", "files": [(BytesIO(PICTURE), "lamp.png")]}
    bob.post(f"/tickets/{number}/later", data=form)
    sweeps.send_due(TOMORROW)
    (file,) = smtp_sink.wait_for(1)[0].message.iter_attachments()
    assert (file.get_filename(), file.get_payload(decode=True)) == ("lamp.png", PICTURE)
    assert recipients.told(number) == set()
