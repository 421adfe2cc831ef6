"""What customers send is downloaded, framed or folded, and never part of the desk's own pages."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.models.message import Attachment, Message
from tests.routes.conversation import PICTURE, TEXT, kim_writes
from tests.small import SmallDesk


@pytest.fixture
def message(desk: SmallDesk, travel: Any, now: datetime) -> int:
    kim_writes(now)
    return db.session.scalars(select(Message.id)).one()


def address(media_type: str) -> str:
    file = db.session.scalars(select(Attachment).where(Attachment.media_type == media_type)).one()
    return f"/attachments/{file.token}/{quote(file.name)}"


def test_html_is_downloaded_and_never_shown(bob: Any, message: int) -> None:
    with bob.get(address("text/html")) as answer:
        assert answer.data == b"<script>alert(1)</script>"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert quote("영수증") in answer.headers["Content-Disposition"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_the_page_links_to_what_can_be_downloaded(bob: Any, message: int) -> None:
    number = db.session.get_one(Message, message).ticket_id
    assert address("text/html").partition("%")[0] in bob.get(f"/tickets/{number}").get_data(as_text=True)


@pytest.mark.parametrize("images", [False, True])
def test_the_frame_is_sealed(bob: Any, message: int, images: bool) -> None:
    answer = bob.get(f"/messages/{message}/html" + ("?images=1" if images else ""))
    policy, text = answer.headers["Content-Security-Policy"], answer.get_data(as_text=True)
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "frame-ancestors 'self'" in policy
    assert ("https:" in policy, 'src="https://tracker.example/p.png"' in text) == (images, images)
    assert "<script" not in text
    assert "onclick" not in text
    assert f'src="data:image/png;base64,{b64encode(PICTURE).decode()}"' in text
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_whole_message_and_the_one_as_sent_are_parts_or_pages(bob: Any, message: int) -> None:
    whole = bob.get(f"/messages/{message}/whole").get_data(as_text=True)
    assert "Is it plugged in?" in whole
    assert "<html" in whole
    part = bob.get(f"/messages/{message}/sent", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in part
    assert "Load pictures from elsewhere" in part
    assert "<html" not in part


@pytest.mark.parametrize(
    ("text", "html", "size"),
    [
        ("Hello", "<p>Hello</p>", "short"),
        ("Hello", "<p>Hello <img></p>", "middle"),
        ("\n".join("abcdefgh"), "<p>a</p>", "middle"),
        ("x" * 1000, "<p>x</p>", "middle"),
        ("x" * 2000, "<p>x</p>", "tall"),
        ("\n" * 20, "<p>x</p>", "tall"),
    ],
)
def test_the_frame_is_as_high_as_its_text_needs(
    desk: SmallDesk, bob: Any, message: int, text: str, html: str, size: str
) -> None:
    with writing(desk.board):
        row = db.session.get_one(Message, message)
        row.text, row.full_text, row.html = text, None, html
    assert f'class="message-frame is-{size}"' in bob.get(f"/messages/{message}/sent").text


def test_raw_mail_is_for_managers(
    desk: SmallDesk, bob: Any, message: int, browser_as: Callable[..., Any]
) -> None:
    assert bob.get(f"/messages/{message}/raw").status_code == 404
    with browser_as(desk.alice).get(f"/messages/{message}/raw") as answer:
        assert answer.headers["Content-Disposition"] == f"attachment; filename=message-{message}.eml"
        assert TEXT.splitlines()[0].partition(":")[0].encode() in answer.data


def test_others_find_nothing(desk: SmallDesk, message: int, browser_as: Callable[..., Any]) -> None:
    charlie = browser_as(desk.charlie)
    for path in (
        address("text/html"),
        *(f"/messages/{message}/{what}" for what in ("html", "sent", "whole", "raw")),
    ):
        assert charlie.get(path).status_code == 404
    assert browser_as(desk.bob).get("/attachments/AAAAAAAAAAAAAAAAAAAAAA/x.txt").status_code == 404


def test_a_message_without_html_has_no_frame(desk: SmallDesk, bob: Any, message: int) -> None:
    number = db.session.get_one(Message, message).ticket_id
    bob.post(f"/tickets/{number}/notes", data={"text": "plain"})
    assert bob.get(f"/messages/{message + 1}/html").status_code == 404
    assert bob.get(f"/messages/{message + 1}/sent").status_code == 404
