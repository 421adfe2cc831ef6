"""What customers and colleagues write in their names, subjects and ids, as it leaves again in our mail."""

import email
import email.policy
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import inbox, messages
from app.models.delivery import Delivery
from app.models.ticket import Ticket
from tests.small import ADDRESS, SmallDesk

HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"),
    *("Content-Language", "MIME-Version", "Content-Type"),
}
BCC = "=?utf-8?q?x=0D=0ABcc=3A_all@example.com=0D=0A=0D=0Abody?="
HOSTILE = {
    "a name that ends its line": {"From": f'"{BCC}" <kim@example.org>'},
    "a name of addresses": {"From": '"all@example.com, <boss@example.com>" <kim@example.org>'},
    "a name that is an encoded word": {
        "From": "=?utf-8?b?PT91dGYtOD9xP3g9MEQ9MEFCY2M6X2FAYi5jPz0=?= <kim@example.org>"
    },
    "a subject that ends its line": {"Subject": BCC},
    "a subject with a bare return": {"Subject": "=?utf-8?q?a=0DBcc:_all@example.com?="},
    "a subject with a line separator": {"Subject": "=?utf-8?q?a=E2=80=A8Bcc:_all@example.com=C2=85X:_y?="},
    "a subject with half a character": {"Subject": "=?utf-16?b?2AA=?= lamp"},
    "an endless subject": {"Subject": "x" * 60_000},
    "an id that is no id": {"Message-ID": "<ünïcode lamp\x01@example.org>"},
    "an id that ends its line": {"Message-ID": "<a@example.org\r\n Bcc: all@example.com>"},
    "an endless id": {"Message-ID": f"<{'a' * 980}@x.example>"},
    "references that end their line": {"References": "<a@b.example>\r\n\t<c\x0bBcc:all@example.com>"},
    "an address beyond ASCII": {"From": "김 <김민수@example.org>"},
    "an address with signs": {"From": "<!#$%&'*+/=?^_`{|}~@example.org>"},
    "an answer address that ends its line": {"Reply-To": "<kim@example.org\r\n Bcc: all@example.com>"},
}


def mail(changes: dict[str, str]) -> bytes:
    fields = {"From": "Kim <kim@example.org>", "Subject": "Lamp", "Message-ID": "<1@example.org>", **changes}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{head}To: {ADDRESS}\r\n\r\nThe lamp flickers since Monday.".encode()


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_answer_leaves_and_says_only_what_we_say(
    changes: dict[str, str], desk: SmallDesk, now: datetime, smtp_sink: Any
) -> None:
    bad = inbox.receive(mail(changes), now=now, source="command")
    good = inbox.receive(mail({"Message-ID": "<2@example.org>"}), now=now, source="command")
    for receipt in (bad, good):
        with writing(desk.board) as board:
            ticket = db.session.get_one(Ticket, receipt.ticket)
            messages.reply(board, ticket, "Try it again.", person=desk.bob, seen=None, now=now)
    sweeps.send_due(now + timedelta(minutes=1))
    first, second = smtp_sink.wait_for(2)
    assert second.recipients == ("kim@example.org",)
    (recipient,) = first.recipients
    assert recipient == db.session.scalars(select(Delivery.to_address).order_by(Delivery.id)).first()
    head = first.raw.partition(b"\r\n\r\n")[0]
    read = email.message_from_bytes(head, policy=email.policy.compat32)
    assert set(read.keys()) <= HEADERS
    assert all(len(line) <= 998 for line in first.raw.split(b"\r\n"))
    assert not set(head) & set(range(32)) - {9, 10, 13}


def test_what_cannot_leave_holds_nothing_up(desk: SmallDesk, now: datetime, smtp_sink: Any) -> None:
    """Rows of an earlier version, or of somebody who wrote to the database."""
    for _ in range(2):
        receipt = inbox.receive(mail({"Message-ID": f"<{_}@example.org>"}), now=now, source="command")
        with writing(desk.board) as board:
            ticket = db.session.get_one(Ticket, receipt.ticket)
            messages.reply(board, ticket, "Try it again.", person=desk.bob, seen=None, now=now)
    with writing(desk.board):
        first = db.session.scalars(select(Delivery).order_by(Delivery.id)).first()
        assert first is not None
        first.to_address = "kim@example.org\r\nRCPT TO:<all@example.com>"
    counts = sweeps.send_due(now + timedelta(minutes=1))
    assert counts == {"failed": 1, "sent": 1}
    smtp_sink.wait_for(1)
    failed = db.session.scalars(select(Delivery).where(Delivery.state == "failed")).one()
    assert failed.wake_at is None
    assert (failed.error or "").startswith("Not a mail address")
