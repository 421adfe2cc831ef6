import ast
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import inbox
from app.desk.refused import Refused
from app.mail import parse
from app.models import failed
from app.models.event import By, Event
from app.models.message import Message, RawMessage
from tests.small import SmallDesk

Open = Callable[..., Any]
NO_SENDER = b"Subject: =?utf-8?B?7KO866y4?=\r\nTo: support@example.com\r\nX-Evil: <b>\x00\x1b[31m</b>\r\n\r\nWhere is it?\r\n"
FINE = b"From: Kim <kim@example.org>\r\nTo: support@example.com\r\nSubject: Hello\r\nMessage-ID: <1@example.org>\r\n\r\nHi\r\n"


@pytest.fixture
def alice(desk: SmallDesk, browser_as: Open) -> Any:
    return browser_as(desk.alice)


def said(answer: Any) -> str:
    return answer.get_data(as_text=True).replace("&#39;", "'")


def fail(raw: bytes, now: datetime, sent_to: str | None = None) -> int:
    receipt = inbox.receive(raw, now=now, source="command", sent_to=sent_to)
    assert receipt.action == "failed"
    return db.session.scalars(select(RawMessage.id).order_by(RawMessage.id.desc())).first() or 0


def test_nothing_has_failed(alice: Any) -> None:
    assert "No failed messages" in said(alice.get("/failed-messages"))


def test_they_are_listed_with_what_can_be_read(alice: Any, now: datetime) -> None:
    fail(NO_SENDER, now)
    fail(b"", now, sent_to="support@example.com")
    page = said(alice.get("/failed-messages"))
    assert "주문" in page
    assert "The message names no usable sender address." in page
    assert "The message is empty." in page
    assert page.index("The message is empty.") < page.index("주문")  # the newest first


def test_the_source_is_shown_and_downloaded_as_it_came(alice: Any, now: datetime) -> None:
    raw_id = fail(NO_SENDER, now)
    page = said(alice.get(f"/failed-messages/{raw_id}"))
    assert "X-Evil: &lt;b&gt;��[31m&lt;/b&gt;" in page
    answer = alice.get(f"/failed-messages/{raw_id}/source")
    assert answer.data == NO_SENDER
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment;")


def test_only_the_beginning_of_a_large_one_is_shown(alice: Any, now: datetime) -> None:
    raw_id = fail(b"Subject: Large\r\n\r\n" + b"x" * 200_000 + b"the end", now)
    answer = alice.get(f"/failed-messages/{raw_id}")
    assert "the end" not in said(answer)
    assert "This is the beginning." in said(answer)
    assert alice.get(f"/failed-messages/{raw_id}/source").data.endswith(b"the end")


def test_one_that_fails_again_stays(alice: Any, now: datetime) -> None:
    raw_id = fail(NO_SENDER, now)
    answer = alice.get(alice.post(f"/failed-messages/{raw_id}/attempt").location)
    assert "It failed again: The message names no usable sender address." in said(answer)
    assert db.session.get_one(RawMessage, raw_id).state == "failed"


def test_one_that_works_now_becomes_a_ticket(desk: SmallDesk, alice: Any, now: datetime) -> None:
    email = desk.email
    with writing(desk.row):
        email.closed_at = now
    raw_id = fail(FINE, now)
    assert "No e-mail address is set up for this desk." in said(alice.get(f"/failed-messages/{raw_id}"))
    with writing(desk.row):
        email.closed_at = None
    answer = alice.get(alice.post(f"/failed-messages/{raw_id}/attempt").location)
    message = db.session.scalars(select(Message)).one()
    assert f"The message is in ticket #{message.ticket_id} now." in said(answer)
    assert db.session.get_one(RawMessage, raw_id).state == "handled"
    for path in ("", "/source"):
        assert alice.get(f"/failed-messages/{raw_id}{path}").status_code == 404
    assert alice.post(f"/failed-messages/{raw_id}/attempt").status_code == 404


def test_a_message_that_was_handled_is_not_here(alice: Any, now: datetime) -> None:
    inbox.receive(FINE, now=now, source="command")
    raw_id = db.session.scalars(select(RawMessage.id)).one()
    assert alice.get(f"/failed-messages/{raw_id}/source").status_code == 404


def test_older_ones_are_on_another_page(alice: Any, now: datetime) -> None:
    numbers = [
        fail(f"Subject: Number {number}.\r\n\r\nx".encode(), now) for number in range(failed.PER_PAGE + 2)
    ]
    first = said(alice.get("/failed-messages"))
    assert f"before={numbers[2]}" in first
    assert "Number 1." not in first
    second = said(alice.get(f"/failed-messages?before={numbers[2]}"))
    assert "Number 1." in second
    assert "Number 2." not in second


def test_the_headers_are_listed(alice: Any, now: datetime) -> None:
    page = said(alice.get(f"/failed-messages/{fail(NO_SENDER, now)}"))
    assert "<dt>X-Evil</dt>" in page
    assert '<dd class="breaks">주문</dd>' in page


def test_one_is_discarded_with_a_reason_and_kept(desk: SmallDesk, alice: Any, now: datetime) -> None:
    raw_id = fail(NO_SENDER, now)
    assert "Discarded messages" not in said(alice.get("/failed-messages"))
    answer = alice.get(
        alice.post(f"/failed-messages/{raw_id}/discarding", data={"reason": "Test\tmail"}).location
    )
    assert "The message is discarded." in said(answer)
    assert "No failed messages" in said(answer)
    assert "Discarded messages</a>" in said(answer).replace(": 1</a>", "</a>")
    page = said(alice.get("/failed-messages?discarded="))
    assert "Test mail" in page
    assert "주문" in page
    shown = said(alice.get(f"/failed-messages/{raw_id}"))
    assert "Discarded by Alice Moor" in shown
    assert "Make a ticket by hand" not in shown
    assert alice.get(f"/failed-messages/{raw_id}/source").data == NO_SENDER
    event = db.session.scalars(select(Event).where(Event.kind == "mail.discarded")).one()
    assert (event.subject_id, event.by_id, event.changes) == (raw_id, desk.alice.id, {"new": "Test mail"})
    for path in ("attempt", "discarding", "ticket"):
        assert alice.post(f"/failed-messages/{raw_id}/{path}").status_code == 404


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_reasons_that_cannot_be(reason: str, alice: Any, now: datetime) -> None:
    raw_id = fail(NO_SENDER, now)
    assert alice.post(f"/failed-messages/{raw_id}/discarding", data={"reason": reason}).status_code == 422
    assert db.session.get_one(RawMessage, raw_id).state == "failed"


def test_a_ticket_is_made_by_hand(desk: SmallDesk, alice: Any, now: datetime) -> None:
    raw_id = fail(NO_SENDER, now)
    page = said(alice.get(f"/failed-messages/{raw_id}/ticket"))
    assert 'value="주문"' in page
    assert "Where is it?</textarea>" in page
    form = {"board": desk.board.id, "subject": "주문", "text": "Where is it?", "priority": "1", "name": "Kim"}
    refused = alice.post(f"/failed-messages/{raw_id}/ticket", data={**form, "email": "nowhere"})
    assert refused.status_code == 422
    assert db.session.get_one(RawMessage, raw_id).state == "failed"
    made = alice.post(f"/failed-messages/{raw_id}/ticket", data={**form, "email": "kim@example.org"})
    message = db.session.scalars(select(Message)).one()
    assert made.location == f"/tickets/{message.ticket_id}"
    assert (message.raw_id, message.text, message.from_address) == (raw_id, "Where is it?", "kim@example.org")
    assert alice.get(f"/messages/{message.id}/raw").data == NO_SENDER
    db.session.rollback()
    db.session.expire_all()
    assert db.session.get_one(RawMessage, raw_id).state == "handled"
    assert alice.post(f"/failed-messages/{raw_id}/ticket", data=form).status_code == 404


def test_the_form_is_filled_with_whatever_can_be_read(alice: Any, now: datetime) -> None:
    raw_id = fail(b"\x00\xff\xfe", now)
    assert alice.get(f"/failed-messages/{raw_id}/ticket").status_code == 200
    with_sender = b"From: Kim Minji <kim@example.org>\r\nSubject: Hello\r\n\r\n" + b"x" * inbox.LARGEST
    page = said(alice.get(f"/failed-messages/{fail(with_sender, now)}/ticket"))
    assert 'value="Kim Minji"' in page
    assert 'value="kim@example.org"' in page


def test_two_people_deal_with_one_message(desk: SmallDesk, now: datetime) -> None:
    raw_id = fail(NO_SENDER, now)
    by = By("person", desk.alice.id)
    with writing(desk.row) as row:
        inbox.discard(row, raw_id, "Spam", by=by, now=now)
    with writing(desk.row) as row, pytest.raises(Refused) as refused:
        inbox.discard(row, raw_id, "Spam", by=by, now=now)
    assert refused.value.status == 409
    with writing(desk.board), pytest.raises(Refused) as refused:
        inbox.handled_by_hand(raw_id)
    assert refused.value.status == 409


def test_every_reason_of_the_parser_can_be_translated() -> None:
    tree = ast.parse(Path(str(parse.__file__)).read_text())
    reasons = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ParseError"
        if isinstance(node.args[0], ast.Constant)
    }
    assert reasons == set(inbox.PARSE_TEXTS)
