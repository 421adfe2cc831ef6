from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mail.addresses import canonical
from app.mail.form import File, message_from_form
from app.mail.parse import Message, parse

SENT_AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


def written(**other: Any) -> bytes:
    values: dict[str, Any] = {
        "name": "Kim Minsu",
        "address": "kim@example.org",
        "to": "support@example.com",
        "subject": "The lamp flickers",
        "text": "It flickers.\n\nSince Monday.",
        "files": [],
        "date": SENT_AT,
        "language": "en",
        "once": "page-1",
        "domain": "desk.example.com",
    }
    return message_from_form(**(values | other))


def read(**other: Any) -> Message:
    return parse(written(**other))


def test_what_was_written_arrives() -> None:
    message = read()
    assert (message.from_name, message.from_address) == ("Kim Minsu", "kim@example.org")
    assert message.subject == "The lamp flickers"
    assert message.text == "It flickers.\n\nSince Monday."
    assert message.to[0].address == "support@example.com"
    assert message.date == SENT_AT
    assert message.automatic is None
    assert message.html is None


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ('Kim "Lamp" 김민수, Jr.', "kim@example.org"),
        ("Åsa <evil@example.net>", "asa@xn--bcher-kva.example"),
        ("조르주\r\nBcc: all@example.com", "jürgen@example.org"),
        ("=?utf-8?q?x?=", "o'neil+shop@example.org"),
    ],
)
def test_strange_senders(name: str, address: str) -> None:
    message = read(name=name, address=address)
    assert message.from_address == address
    assert not [header for header, _ in message.headers if header.lower() == "bcc"]


def test_files_come_with_their_names_and_bytes() -> None:
    files = [
        File("사진 1.png", "image/png", b"\x89PNG\r\n\x00"),
        File("mail.eml", "message/rfc822", b"From: x\r\n\r\nhi"),
        File("notes.txt", "text/plain", b"one\ntwo\xff"),
        File("a\r\nX-Evil: 1.bin", "no type", b""),
    ]
    message = read(files=files)
    assert [file.content for file in message.attachments] == [file.content for file in files]
    assert [file.media_type for file in message.attachments][:2] == ["image/png", "application/octet-stream"]
    assert message.attachments[0].name == "사진 1.png"
    assert not [header for header, _ in message.headers if header == "X-Evil"]


def test_the_same_text_from_the_same_page_is_one_message() -> None:
    first = read().message_id
    assert read().message_id == first
    others = [read(once="page-2"), read(text="It still flickers."), read(files=[File("a", "x/y", b"1")])]
    assert len({first, *(message.message_id for message in others)}) == 4


@given(name=st.text(max_size=40), subject=st.text(max_size=80), text=st.text(min_size=1, max_size=200))
@settings(max_examples=100)
def test_anything_can_be_written(name: str, subject: str, text: str) -> None:
    message = read(name=name, subject=subject, text=text)
    assert message.from_address == "kim@example.org"
    assert canonical(message.from_address) == message.from_address
