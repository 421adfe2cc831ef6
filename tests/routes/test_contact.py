import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from app.database import db, writing
from app.models.message import Attachment, Blob, Message, RawMessage
from app.models.ticket import Ticket
from app.routes import contact
from tests.small import ADDRESS, SmallDesk

Open = Callable[..., Any]
FILLED_IN = {
    "name": "Kim Minsu",
    "email": "Kim@Example.org",
    "subject": "The lamp flickers",
    "text": "It flickers since Monday, and I have tried another socket.",
}


@pytest.fixture
def visitor(desk: SmallDesk, browser_as: Open, travel: Any) -> "Visitor":
    return Visitor(browser_as(), travel)


class Visitor:
    """A customer's browser on the page of the form."""

    def __init__(self, browser: Any, travel: Any) -> None:
        self.browser = browser
        self._travel = travel

    def open(self, address: str = "/contact", after: float = 20, **options: Any) -> str:
        """Opens the page and lets some seconds pass; returns its token."""
        page = self.browser.get(address, **options).get_data(as_text=True)
        self._travel.shift(timedelta(seconds=after))
        return page.partition('name="opened" type="hidden" value="')[2].partition('"')[0]

    def send(
        self, token: str, address: str = "/contact", files: list[FileStorage] | None = None, **other: Any
    ) -> Any:
        values = MultiDict({**FILLED_IN, "opened": token, **other})
        values.setlist("files", files or [])
        boundary, body = encode_multipart(values)
        return self.browser.post(address, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def file(content: bytes, name: str = "big.bin", media_type: str = "application/octet-stream") -> FileStorage:
    return FileStorage(io.BytesIO(content), name, content_type=media_type)


def said(answer: Any) -> str:
    return answer.get_data(as_text=True).replace("&#39;", "'")


def stored() -> list[Message]:
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def test_a_message_becomes_a_ticket(visitor: Visitor, desk: SmallDesk) -> None:
    answer = visitor.send(visitor.open())
    assert (answer.status_code, answer.location) == (303, "/contact/sent")
    [message] = stored()
    ticket = db.session.get_one(Ticket, message.ticket_id)
    assert (ticket.subject, ticket.channel_id, ticket.state) == ("The lamp flickers", desk.form.id, "new")
    assert (message.from_name, message.from_address, message.text) == (
        "Kim Minsu",
        "kim@example.org",
        FILLED_IN["text"],
    )
    raw = db.session.scalars(select(RawMessage)).one()
    assert (raw.source, raw.state, message.raw_id) == ("form", "handled", raw.id)
    page = said(visitor.browser.get("/contact/sent"))
    assert "We have your message" in page
    assert not re.search(rf"#{ticket.id}\b", page)


def test_files_come_along(visitor: Visitor) -> None:
    files = [file(b"\x89PNG lamp", "램프.png", "image/png"), file(b"log", "a.txt", "text/plain")]
    assert visitor.send(visitor.open(), files=files).status_code == 303
    kept = db.session.scalars(select(Attachment).order_by(Attachment.id)).all()
    assert [(one.name, one.media_type) for one in kept] == [
        ("램프.png", "image/png"),
        ("a.txt", "text/plain"),
    ]
    assert db.session.scalar(select(Blob.data).where(Blob.sha256 == kept[0].sha256)) == b"\x89PNG lamp"


def test_twenty_megabytes_are_taken(visitor: Visitor) -> None:
    size = contact.MOST_MEGABYTES * 1024 * 1024
    opened = visitor.open()
    too_much = visitor.send(opened, files=[file(b"x" * (size + 1))])
    assert too_much.status_code == 422
    assert "Send at most 20 MB of files." in said(too_much)
    assert visitor.send(opened, files=[file(b"x" * size)]).status_code == 303
    assert db.session.scalars(select(Attachment)).one().size == size


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "This field is required."),
        ("name", "   ", "This field is required."),
        ("name", "K" * 101, "longer than 100"),
        ("email", "", "This field is required."),
        ("email", "kim at example", "This is not an e-mail address."),
        ("email", ADDRESS.upper(), "This is our own address."),
        ("subject", "", "This field is required."),
        ("subject", "S" * 201, "longer than 200"),
        ("text", "  \r\n ", "This field is required."),
        ("text", "T" * 100_001, "longer than 100000"),
        ("website", "https://spam.example", "Leave this field empty"),
        ("opened", "forged", "This page was too old or changed"),
        ("opened", "", "This page was too old or changed"),
    ],
)
def test_wrong_values_are_said_and_kept(field: str, value: str, words: str, visitor: Visitor) -> None:
    answer = visitor.send(visitor.open(), **{field: value})
    page = said(answer)
    assert answer.status_code == 422
    assert words in page
    assert field == "name" or 'value="Kim Minsu"' in page
    assert field == "text" or FILLED_IN["text"] in page
    assert stored() == []
    assert db.session.scalar(select(func.count()).select_from(RawMessage)) == 0


def test_too_many_files(visitor: Visitor) -> None:
    files = [file(b"x", f"{number}.txt") for number in range(11)]
    answer = visitor.send(visitor.open(), files=files)
    assert answer.status_code == 422
    assert "Send at most 10 files." in said(answer)


def test_what_is_far_too_large_is_refused_before_it_is_read(visitor: Visitor) -> None:
    opened = visitor.open()
    answer = visitor.send(opened, files=[file(b"x" * 27 * 1024 * 1024)])
    assert answer.status_code == 413
    assert stored() == []


def test_a_browser_that_fills_the_form_in_may_send_it_at_once(visitor: Visitor) -> None:
    assert visitor.send(visitor.open(after=0)).status_code == 303


def test_a_page_that_is_not_ours_gets_a_new_token(visitor: Visitor) -> None:
    page = said(visitor.send("forged"))
    opened = page.partition('name="opened" type="hidden" value="')[2].partition('"')[0]
    assert visitor.send(opened).status_code == 303


def test_sent_twice_is_one_message(visitor: Visitor) -> None:
    opened = visitor.open()
    assert [visitor.send(opened).status_code for _ in range(2)] == [303, 303]
    assert len(stored()) == 1
    visitor.send(opened, text="And now it is dark.")
    assert len(stored()) == 2


def test_too_many_from_one_address(visitor: Visitor, travel: Any) -> None:
    opened = visitor.open()
    for number in range(contact.MOST_PER_ADDRESS):
        assert visitor.send(opened, text=f"Message {number}").status_code == 303
    answer = visitor.send(opened, text="One more")
    assert answer.status_code == 429
    assert "Too many tries" in said(answer)
    assert "One more" in said(answer)
    assert len(stored()) == contact.MOST_PER_ADDRESS
    travel.shift(timedelta(minutes=16))
    assert visitor.send(opened, text="One more").status_code == 303


def test_other_sites_cannot_send(visitor: Visitor) -> None:
    data = {**FILLED_IN, "opened": visitor.open()}
    answer = visitor.browser.post("/contact", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert stored() == []


@pytest.mark.parametrize(
    ("address", "asked", "spoken"),
    [
        ("/contact", "ko-KR,ko;q=0.9", "ko"),
        ("/contact", "de", "en"),
        ("/contact?lang=ko", "en", "ko"),
        ("/contact?lang=xx", "ko", "ko"),
    ],
)
def test_the_language_of_the_page(address: str, asked: str, spoken: str, visitor: Visitor) -> None:
    page = said(visitor.browser.get(address, headers={"Accept-Language": asked}))
    assert f'<html lang="{spoken}"' in page


def test_the_language_is_kept(visitor: Visitor) -> None:
    answer = visitor.send(visitor.open("/contact?lang=ko"), "/contact?lang=ko")
    assert answer.location == "/contact/sent?lang=ko"
    assert '<html lang="ko"' in said(visitor.browser.get(answer.location))


def test_the_page_says_when_messages_are_read_again(visitor: Visitor, travel: Any, now: datetime) -> None:
    assert "We are closed now" not in said(visitor.browser.get("/contact"))
    travel.move_to(now.replace(hour=20))
    page = said(visitor.browser.get("/contact"))
    assert "We are closed now" in page
    assert 'datetime="2026-11-04T08:00:00Z"' in page


@pytest.mark.parametrize("path", ["/contact", "/contact/sent"])
def test_there_is_no_page_without_a_form_in_use(
    path: str, desk: SmallDesk, visitor: Visitor, now: datetime
) -> None:
    with writing(desk.row):
        desk.form.closed_at = now
    assert visitor.browser.get(path).status_code == 404
    assert visitor.send("").status_code == 404


def test_a_database_that_only_reads(visitor: Visitor, database: str) -> None:
    """As during a failover: the page comes back with what was written, to be sent again."""
    statement = "PRAGMA query_only=on" if database == "sqlite" else "SET default_transaction_read_only=on"
    opened = visitor.open()

    def read_only(connection: Any, _record: Any) -> None:
        connection.execute(statement)
        if database == "postgresql":
            connection.commit()

    db.session.remove()
    db.engine.dispose()
    event.listen(db.engine, "connect", read_only)
    answer = visitor.send(opened)
    assert answer.status_code == 503
    assert "Please send it again in a minute." in said(answer)
    assert FILLED_IN["text"] in said(answer)
    event.remove(db.engine, "connect", read_only)
    db.session.remove()
    db.engine.dispose()
    assert visitor.send(opened).status_code == 303
