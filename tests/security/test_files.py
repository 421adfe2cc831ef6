"""Attachments whose names and types want to be more than a file in the reader's folder."""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app.database import db
from app.desk import inbox
from app.models.message import Attachment
from tests.small import ADDRESS, SmallDesk

NAMES = (
    'filename="../../../etc/passwd"',
    'filename="..\\\\..\\\\windows\\\\win.ini"',
    'filename="/etc/passwd"',
    'filename="C:\\\\x\\\\y.exe"',
    'filename=".."',
    'filename="."',
    'filename=".htaccess"',
    'filename="CON.txt:stream"',
    'filename="a\x00.html"',
    'filename="a\\"; filename=\\"b.html"',
    "filename*=utf-8''a%0D%0AContent-Type:%20text/html%0D%0A%0D%0A%3Cscript%3E",
    "filename*=utf-8''a%00b%1F%7F.txt",
    "filename*=utf-8''%E2%80%AEgnp.exe",
    "filename*=utf-8''%E2%81%A6a%E2%81%A9%E2%80%8B.txt",
    "filename*=utf-8''%ED%A0%80.txt",
    "filename*=utf-8''%FF%FE.txt",
    "filename*=utf-8''..%2F..%2Fa.txt",
    "filename*0*=utf-8''..; filename*1*=%2F; filename*2*=x",
    'filename="<img src=x onerror=alert(1)>.png"',
    'filename="=?utf-8?q?a=0D=0ASet-Cookie:_x=3Dy?="',
    'filename="' + "a" * 5000 + '.pdf"',
    "filename*=utf-8''" + "%ED%95%9C" * 900 + ".pdf",
    "filename*=idna''xn--a; filename=b",
    "filename*=",
)
TYPES = (
    "text/html",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/xml",
    "application/javascript",
    "text/css",
    "x/y\r\n z",
)
DATA = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


def mail(name: str, media_type: str = "text/html") -> bytes:
    return (
        (
            f"From: eve@evil.example\r\nTo: {ADDRESS}\r\nSubject: files\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nsee the file\r\n--b\r\n'
            f"Content-Type: {media_type}\r\nContent-ID: <x>\r\nContent-Disposition: attachment; {name}\r\n\r\n"
        ).encode()
        + DATA
        + b"\r\n--b--\r\n"
    )


def arrived(raw: bytes, now: datetime) -> tuple[int, Attachment]:
    receipt = inbox.receive(raw, now=now, source="command")
    assert receipt.ticket is not None
    return receipt.ticket, db.session.scalars(select(Attachment).order_by(Attachment.id.desc())).all()[0]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_a_name(name: str, desk: SmallDesk, now: datetime, browser_as: Callable[..., Any]) -> None:
    number, file = arrived(mail(name), now)
    assert 0 < len(file.name) <= 120
    assert not set(file.name) & set('/\\<>:"|?*')
    assert file.name.strip(". ") == file.name
    assert not {unicodedata.category(character) for character in file.name} & {"Cc", "Cf", "Cs", "Co", "Cn"}
    bob = browser_as(desk.bob)
    for said in (file.name, "x.html", "..%2f..%2fx"):
        with bob.get(f"/attachments/{file.token}/{quote(said, safe='%')}") as answer:
            if answer.status_code == 404:
                continue  # a slash in it: another address
            assert answer.data == DATA
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert not set("\r\n\x00") & set(str(answer.headers["Content-Disposition"]))
            assert [key for key, _ in answer.headers].count("Content-Type") == 1
    with bob.get(f"/tickets/{number}") as page:
        assert "<img src=x" not in page.text


@pytest.mark.parametrize("media_type", TYPES)
def test_a_type_is_a_claim(
    media_type: str, desk: SmallDesk, now: datetime, browser_as: Callable[..., Any]
) -> None:
    _, file = arrived(mail('filename="a.svg"', media_type), now)
    with browser_as(desk.bob).get(
        f"/attachments/{file.token}/a.svg?type={quote(media_type)}&inline=1"
    ) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["Cache-Control"] == "private, no-store"
