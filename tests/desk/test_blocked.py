"""Blocked senders: what they write is kept and becomes nothing, until they are let in again."""

from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import func, select

from app.database import db, writing
from app.desk import blocked, inbox, messages
from app.desk.refused import Refused
from app.models import failed
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Message, RawMessage
from app.models.ticket import Ticket
from tests.small import ADDRESS, SmallDesk

HOUR = timedelta(hours=1)


def arrives(now: datetime, from_: str, **headers: str) -> inbox.Receipt:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = from_, ADDRESS, "You have won"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(f"Write to us at once. {from_} {headers}")
    return inbox.receive(mail.as_bytes(), now=now, source="command")


def block(desk: SmallDesk, text: str, now: datetime) -> int:
    with writing(desk.row) as row:
        return blocked.block(row, text, by=By("person", desk.alice.id), now=now).id


def unblock(desk: SmallDesk, blocked_id: int, now: datetime) -> str:
    with writing(desk.row) as row:
        return blocked.unblock(row, blocked_id, by=By("person", desk.alice.id), now=now)


def count(noun: type) -> int:
    return db.session.scalar(select(func.count()).select_from(noun)) or 0


def test_what_a_blocked_sender_writes_is_kept_and_becomes_nothing(desk: SmallDesk, now: datetime) -> None:
    known = arrives(now, "eve@lottery.example")
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, known.ticket)
        answer = messages.reply(board, ticket, "No, thank you.", person=desk.bob, seen=None, now=now)
    before = (count(Ticket), count(Message), count(Delivery))
    address = block(desk, " Eve@Lottery.EXAMPLE ", now)
    receipts = [
        arrives(now, "Eve <EVE@lottery.example>"),
        arrives(now, "shop@honest.example", Reply_To="eve@lottery.example"),
        arrives(now, "eve@lottery.example", Reply_To="shop@honest.example"),
        arrives(now, "eve@lottery.example", In_Reply_To=f"<{answer.message_id}>"),
    ]
    assert [(receipt.action, receipt.ticket) for receipt in receipts] == [("ignored", None)] * 4
    assert (count(Ticket), count(Message), count(Delivery)) == before
    kept = failed.failed("ignored")
    assert [one.raw.error for one in kept] == [blocked.REASON] * 4
    assert arrives(now, "adam@lottery.example").action == "created"
    assert unblock(desk, address, now) == "eve@lottery.example"
    assert arrives(now + HOUR, "eve@lottery.example", X_Letter="2").action == "created"
    again = inbox.handle(kept[0].raw.id, now=now + HOUR)  # a person tries what was ignored
    assert (again.action, again.ticket) == ("appended", known.ticket)
    kinds = db.session.scalars(select(Event.kind).where(Event.subject_kind == "sender").order_by(Event.id))
    assert kinds.all() == ["sender.blocked", "sender.unblocked"]


def test_a_domain_is_blocked_without_those_below_it(desk: SmallDesk, now: datetime) -> None:
    domain = block(desk, "@Lottery.example", now)
    assert arrives(now, "eve@lottery.example").action == "ignored"
    assert arrives(now, "eve@mail.lottery.example").action == "created"
    assert arrives(now, "eve@thelottery.example").action == "created"
    unblock(desk, domain, now)
    assert arrives(now + HOUR, "eve@lottery.example").action == "created"


def test_our_own_mail_is_ignored_without_a_word(desk: SmallDesk, now: datetime) -> None:
    assert arrives(now, ADDRESS).action == "ignored"
    assert (failed.count("ignored"), count(RawMessage)) == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        "alice@example.com",
        "example.com",
        "@EXAMPLE.com",
        "gmail.com",
        "yahoo.co.jp",
        "lottery",
        "@",
        "",
        "eve@",
        "eve@@x",
        "two words",
        "x" * 400,
        "a\x00b.example",
    ],
)
def test_what_cannot_be_blocked(text: str, desk: SmallDesk, now: datetime) -> None:
    with pytest.raises(Refused) as refused:
        block(desk, text, now)
    assert (refused.value.status, refused.value.field) == (422, "sender")


def test_who_is_blocked_already_and_who_may_not(desk: SmallDesk, now: datetime) -> None:
    number = block(desk, "eve@gmail.com", now)
    with pytest.raises(Refused):
        block(desk, "EVE@gmail.com", now)
    unblock(desk, number, now)
    with pytest.raises(Refused) as gone:
        unblock(desk, number, now)
    with writing(desk.row) as row, pytest.raises(Refused) as refused:
        blocked.block(row, "eve@gmail.com", by=By("person", desk.bob.id), now=now)
    assert (gone.value.status, refused.value.status) == (404, 404)


def test_what_is_offered_for_a_ticket(desk: SmallDesk, now: datetime) -> None:
    offered = {}
    for from_ in ("eve@lottery.example", "eve@gmail.com", "colleague@example.com"):
        ticket = db.session.get_one(Ticket, arrives(now, from_).ticket)
        offered[from_] = blocked.choices(ticket)
    assert offered == {
        "eve@lottery.example": ["eve@lottery.example", "lottery.example"],
        "eve@gmail.com": ["eve@gmail.com"],
        "colleague@example.com": ["colleague@example.com"],
    }
