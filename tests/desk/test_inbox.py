"""What becomes of what arrives: every action of a receipt, and what stands in the database afterwards."""

import threading
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.database import bookkeeping, db, writing
from app.desk import addresses, boards, inbox, messages, tickets
from app.models import failed
from app.models.channel import Channel
from app.models.customer import Customer, CustomerAddress
from app.models.event import CLOCK, Event
from app.models.message import Attachment, Blob, Message, RawMessage
from app.models.ticket import Ticket
from tests.small import ADDRESS, SmallDesk

MAILS = Path(__file__).parents[1] / "mail" / "messages"
KIM = "Kim Minsu <kim@example.org>"
BOUNCE = """\
From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce.1@mx.example.net>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {failed}
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <{about}>

--b--
"""


def mail(
    text: str = "The lamp flickers since Monday.",
    *,
    from_: str = KIM,
    to: str = ADDRESS,
    subject: str = "The lamp flickers",
    files: tuple[tuple[str, bytes], ...] = (),
    **headers: str,
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = from_, to, subject
    message["Date"] = "Tue, 03 Nov 2026 10:00:00 +0100"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    for name, content in files:
        message.add_attachment(content, maintype="image", subtype="png", filename=name)
    return message.as_bytes()


def receive(raw: bytes, now: datetime, **other: Any) -> inbox.Receipt:
    return inbox.receive(raw, now=now, source=other.pop("source", "command"), **other)


def ticket_of(receipt: inbox.Receipt) -> Ticket:
    assert receipt.ticket is not None
    return db.session.get_one(Ticket, receipt.ticket)


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def answered(desk: SmallDesk, receipt: inbox.Receipt, now: datetime, then: str = "wait") -> str:
    """Bob answers the ticket; returns the Message-ID of the answer."""
    with writing(desk.board) as board:
        reply = messages.reply(
            board, ticket_of(receipt), "Try another bulb.", person=desk.bob, seen=None, then=then, now=now
        )
        assert reply.message_id is not None
        return reply.message_id


def test_a_first_message_opens_a_ticket(desk: SmallDesk, now: datetime) -> None:
    receipt = receive(mail(Message_ID="<1@example.org>"), now)
    assert receipt.as_json() == {
        "action": "created",
        "ticket": receipt.ticket,
        "message_id": "1@example.org",
        "from": "kim@example.org",
        "subject": "The lamp flickers",
        "text": "The lamp flickers since Monday.",
        "attachments": [],
        "automatic": None,
        "language": "en",
    }
    ticket = ticket_of(receipt)
    assert (ticket.state, ticket.channel_id, ticket.board_id) == ("new", desk.email.id, desk.board.id)
    assert (ticket.created_at, ticket.waiting_since, ticket.wake_at) == (now, now, now)
    assert (ticket.language, ticket.unread, ticket.message_count) == ("en", True, 1)
    assert ticket.customer.name == "Kim Minsu"
    raw = db.session.scalars(select(RawMessage)).one()
    assert (raw.state, raw.error, raw.source) == ("handled", None, "command")
    kinds = db.session.scalars(
        select(Event.kind).where(Event.stream == desk.board.id).order_by(Event.seq)
    ).all()
    assert kinds == ["ticket.opened", "message.received"]


def test_an_answer_with_the_signed_id_joins_and_opens_again(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now, then="resolve")
    assert ticket_of(first).state == "resolved"
    later = now + timedelta(days=13)
    receipt = receive(mail("It still flickers.", In_Reply_To=f"<{about}>"), later)
    assert (receipt.action, receipt.ticket) == ("appended", first.ticket)
    ticket = ticket_of(receipt)
    assert (ticket.state, ticket.closed_at, ticket.waiting_since) == ("open", None, later)
    assert ticket.message_count == 3


def test_an_id_in_the_references_is_enough(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now)
    receipt = receive(mail("Thanks.", References=f"<other@example.org> <{about.upper()}>"), now)
    assert (receipt.action, receipt.ticket) == ("appended", first.ticket)


def test_a_stranger_with_the_signed_id_gets_a_ticket_of_their_own(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now)
    receipt = receive(mail("Tell me more.", from_="Eve <eve@example.net>", In_Reply_To=f"<{about}>"), now)
    assert receipt.action == "created"
    assert receipt.ticket != first.ticket
    assert ticket_of(receipt).linked_id == first.ticket
    assert ticket_of(first).message_count == 2


@pytest.mark.parametrize(
    "about",
    ["nd.{ticket}.2.aaaaaaaaaaaaaaaaaaaaaaaa@localhost", "nd.{ticket}.2@localhost", "{ticket}@example.com"],
)
def test_a_guessed_id_or_number_joins_nothing(about: str, desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    guess = f"<{about.format(ticket=first.ticket)}>"
    receipt = receive(mail("Hello", subject=f"Re: #{first.ticket}", In_Reply_To=guess), now)
    assert receipt.action == "created"
    assert ticket_of(receipt).linked_id is None


def test_long_after_it_was_resolved_a_new_ticket_continues_it(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now, then="resolve")
    receipt = receive(mail("And again.", In_Reply_To=f"<{about}>"), now + timedelta(days=14, seconds=1))
    assert receipt.action == "created"
    assert ticket_of(receipt).linked_id == first.ticket
    assert ticket_of(receipt).customer_id == ticket_of(first).customer_id
    assert ticket_of(first).state == "resolved"


def test_the_board_says_how_long_that_is(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.board) as board:
        board.reopen_days = 0
    first = receive(mail(), now)
    about = answered(desk, first, now, then="resolve")
    receipt = receive(mail("And again.", In_Reply_To=f"<{about}>"), now + timedelta(seconds=1))
    assert ticket_of(receipt).linked_id == first.ticket


@pytest.mark.parametrize("message_id", ["<1@example.org>", None])
def test_the_same_message_twice_is_one(message_id: str | None, desk: SmallDesk, now: datetime) -> None:
    raw = mail(Message_ID=message_id) if message_id else mail()
    first, again = receive(raw, now), receive(raw, now + timedelta(hours=1))
    assert (again.action, again.ticket) == ("duplicate", first.ticket)
    assert (count(Message), count(Ticket), count(Blob), count(RawMessage)) == (1, 1, 1, 2)


def test_the_same_message_by_two_ways_is_one(desk: SmallDesk, now: datetime) -> None:
    """A list and the address itself: each server adds headers of its own."""
    raw = mail()
    receive(b"Received: from a.example\r\n" + raw, now)
    again = receive(b"Received: from b.example\r\nX-Spam: no\r\n" + raw.replace(b"\n", b"\r\n"), now)
    assert again.action == "duplicate"


def test_the_same_message_at_the_same_instant_is_one(app: Any, desk: SmallDesk, now: datetime) -> None:
    raw, starting, receipts = mail(Message_ID="<1@example.org>"), threading.Barrier(4), []

    def come() -> None:
        with app.app_context():
            starting.wait()
            receipts.append(receive(raw, now))

    run_at_once(come, 4)
    assert sorted(receipt.action for receipt in receipts) == [
        "created",
        "duplicate",
        "duplicate",
        "duplicate",
    ]
    assert len({receipt.ticket for receipt in receipts}) == 1
    assert (count(Message), count(Ticket), count(Customer)) == (1, 1, 1)


def test_the_same_message_on_two_boards_at_the_same_instant_is_one(
    app: Any, desk: SmallDesk, now: datetime
) -> None:
    add_shop(desk, now)
    raw, starting, receipts = mail(Message_ID="<1@example.org>"), threading.Barrier(2), []
    ways = iter([ADDRESS, "shop@example.com"])

    def come() -> None:
        sent_to = next(ways)
        with app.app_context():
            starting.wait()
            receipts.append(receive(raw, now, sent_to=sent_to))

    run_at_once(come, 2)
    assert sorted(receipt.action for receipt in receipts) == ["created", "duplicate"]
    assert (count(Message), count(Ticket)) == (1, 1)
    assert db.session.scalars(select(RawMessage.state)).all() == ["handled", "handled"]


def run_at_once(what: Any, times: int) -> None:
    threads = [threading.Thread(target=what) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    db.session.expire_all()


def test_our_own_message_come_back_is_kept_and_ignored(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now)
    for raw in (
        mail("Try another bulb.", from_="Bob <bob@else.example>", Message_ID=f"<{about}>"),
        mail(from_=ADDRESS),
    ):
        receipt = receive(raw, now)
        assert (receipt.action, receipt.ticket, receipt.automatic) == ("ignored", None, "own-message")
    assert (count(Message), count(Ticket)) == (2, 1)
    states = db.session.scalars(select(RawMessage.state).order_by(RawMessage.id)).all()
    assert states == ["handled", "ignored", "ignored"]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", "The message is empty."),
        (b"\x00\x01\x02", "The message has no headers."),
        (b"Subject: From nobody\r\n\r\nHello", "The message names no usable sender address."),
    ],
)
def test_what_cannot_be_parsed_is_kept_and_the_others_go_on(
    raw: bytes, error: str, desk: SmallDesk, now: datetime
) -> None:
    receipt = receive(raw, now)
    assert (receipt.action, receipt.error, receipt.ticket) == ("failed", error, None)
    kept = db.session.scalars(select(RawMessage)).one()
    assert (kept.state, kept.error) == ("failed", error)
    assert db.session.scalar(select(Blob.data).where(Blob.sha256 == kept.sha256)) == raw
    assert receive(mail(), now).action == "created"
    assert inbox.left(now + timedelta(hours=1)) == []


def test_what_is_too_large_is_kept(desk: SmallDesk, now: datetime) -> None:
    raw = mail() + b"x" * inbox.LARGEST
    receipt = receive(raw, now)
    assert (receipt.action, receipt.error) == ("failed", "The message is larger than 25 MB.")
    assert db.session.scalar(select(Blob.size)) == len(raw)


def test_without_an_address_mail_is_kept_until_there_is_one(desk: SmallDesk, now: datetime) -> None:
    email = desk.email
    with writing(desk.row):
        email.closed_at = now
    assert receive(mail(), now).error == "No e-mail address is set up for this desk."
    raw_id = db.session.scalars(select(RawMessage.id)).one()
    with writing(desk.row):
        email.closed_at = None
    assert inbox.handle(raw_id, now=now).action == "created"
    assert db.session.get_one(RawMessage, raw_id).error is None


def test_what_a_dead_process_left_is_found(desk: SmallDesk, now: datetime) -> None:
    raw_id = inbox.archive(mail(), now=now, source="command")
    assert inbox.left(now + timedelta(seconds=30)) == []
    assert inbox.left(now + timedelta(seconds=61)) == [raw_id]
    assert inbox.handle(raw_id, now=now).action == "created"
    assert db.session.scalar(select(RawMessage.tries)) == 1
    assert inbox.left(now + timedelta(seconds=61)) == []


def test_what_processes_die_of_is_listed_and_may_be_tried_by_a_person(desk: SmallDesk, now: datetime) -> None:
    """Else the clock would begin it, and end with it, for ever."""
    raw_id = inbox.archive(mail(), now=now, source="command")
    bookkeeping(update(RawMessage).where(RawMessage.id == raw_id).values(tries=inbox.MOST_TRIES))
    assert inbox.handle(raw_id, now=now).action == "failed"
    assert inbox.left(now + timedelta(hours=1)) == []
    assert "again and again" in (db.session.get_one(RawMessage, raw_id).error or "")
    assert inbox.handle(raw_id, now=now).action == "created"


def test_automatic_mail_opens_a_ticket_without_deadlines(desk: SmallDesk, now: datetime) -> None:
    receipt = receive(mail(Auto_Submitted="auto-generated"), now)
    assert (receipt.action, receipt.automatic) == ("created", "auto-submitted")
    ticket = ticket_of(receipt)
    assert (ticket.automatic, ticket.waiting_since) == (True, None)


def test_a_person_who_joins_automatic_mail_is_waited_on(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(Auto_Submitted="auto-generated"), now)
    about = answered(desk, first, now)
    assert receive(mail("Who is this?", In_Reply_To=f"<{about}>"), now).action == "appended"
    ticket = ticket_of(first)
    assert (ticket.automatic, ticket.waiting_since) == (False, now)


def test_a_vacation_note_joins_and_moves_nothing(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now)
    note = mail(
        "I am away.",
        subject="Automatic reply: The lamp",
        In_Reply_To=f"<{about}>",
        Auto_Submitted="auto-replied",
    )
    receipt = receive(note, now)
    assert (receipt.action, receipt.ticket, receipt.automatic) == ("appended", first.ticket, "auto-submitted")
    assert (ticket_of(first).state, ticket_of(first).waiting_since) == ("waiting", None)


@pytest.mark.parametrize("state", ["waiting", "resolved", "archived"])
@pytest.mark.parametrize(
    "mark",
    [
        {"Auto_Submitted": "auto-replied"},
        {"X_Autoreply": "yes"},
        {"Precedence": "bulk"},
        {"subject": "Out of office: Re: The lamp flickers"},
        {"subject": "부재중 자동 응답: 램프"},
    ],
)
def test_out_of_office_never_opens_a_ticket_again(
    mark: dict[str, str], state: str, desk: SmallDesk, now: datetime
) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now)
    with writing(desk.board) as board:
        tickets.move(board, ticket_of(first), to=desk.columns[state].id, by=CLOCK, now=now)
    later = now + timedelta(days=30)
    receipt = receive(mail("I am away.", **{"In_Reply_To": f"<{about}>", **mark}), later)
    assert (receipt.action, receipt.ticket) == ("appended", first.ticket)
    ticket = ticket_of(first)
    assert (ticket.state, ticket.waiting_since) == (state, None)
    assert count(Ticket) == 1


def test_a_hundred_messages_and_one_is_broken(desk: SmallDesk, now: datetime) -> None:
    broken = b"Subject: no sender at all\r\n\r\nHello\r\n"
    for n in range(100):
        raw = broken if n == 57 else mail(f"Lamp number {n}.", Message_ID=f"<{n}@example.org>")
        assert receive(raw, now).action == ("failed" if n == 57 else "created")
    assert count(Ticket) == 99
    (entry,) = failed.failed()
    assert entry.raw.error == "The message names no usable sender address."
    assert failed.source(entry.raw) == broken


def test_a_bounce_joins_its_ticket_and_marks_the_address(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = answered(desk, first, now)
    receipt = receive(BOUNCE.format(to=ADDRESS, failed="kim@example.org", about=about).encode(), now)
    assert (receipt.action, receipt.ticket) == ("appended", first.ticket)
    assert receipt.automatic is not None
    assert ticket_of(first).state == "waiting"
    [address] = db.session.scalars(
        select(CustomerAddress).where(CustomerAddress.address == "kim@example.org")
    )
    assert address.bounced_at == now


def test_a_bounce_marks_nobody_else(desk: SmallDesk, now: datetime) -> None:
    receive(mail(from_="Lee <lee@example.org>"), now)
    first = receive(mail(), now)
    about = answered(desk, first, now)
    receive(BOUNCE.format(to=ADDRESS, failed="lee@example.org", about=about).encode(), now)
    assert db.session.scalars(select(CustomerAddress.bounced_at)).all() == [None, None]


def test_reply_to_names_the_customer(desk: SmallDesk, now: datetime) -> None:
    """Shop systems write for somebody."""
    raw = mail(from_="Shop <shop@shop.example>", Reply_To="Kim Minsu <kim@example.org>")
    ticket = ticket_of(receive(raw, now))
    assert [address.address for address in ticket.customer.addresses] == ["kim@example.org"]
    assert ticket.customer.name == "Kim Minsu"


def test_who_writes_from_one_address_and_reads_at_another_stays_in_the_ticket(
    desk: SmallDesk, now: datetime
) -> None:
    both = {"from_": "Kim <kim@work.example>", "Reply_To": "kim@example.org"}
    receipt = receive(mail(**both), now)
    ours = answered(desk, receipt, now)
    again = receive(mail("It still flickers.", In_Reply_To=f"<{ours}>", **both), now + timedelta(hours=1))
    assert (again.action, again.ticket) == ("appended", receipt.ticket)


def test_reply_to_ourselves_does_not(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(Reply_To=ADDRESS), now))
    assert [address.address for address in ticket.customer.addresses] == ["kim@example.org"]


def test_a_colleague_who_was_told_belongs_to_the_ticket(desk: SmallDesk, now: datetime) -> None:
    """Somebody who wrote in it before may go on, whatever customer they are."""
    first = receive(mail(), now)
    about = answered(desk, first, now)
    with writing(desk.board) as board:
        messages.receive(
            board,
            ticket_of(first),
            by=CLOCK,
            now=now,
            text="I am Kim's colleague.",
            from_name="Lee",
            from_address="lee@example.org",
        )
    receipt = receive(mail("And me.", from_="Lee <lee@example.org>", In_Reply_To=f"<{about}>"), now)
    assert (receipt.action, receipt.ticket) == ("appended", first.ticket)


def test_attachments_are_kept_once(desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(files=(("lamp.png", b"\x89PNG 1"), ("same.png", b"\x89PNG 1"))), now)
    receive(mail("Once more.", files=(("lamp again.png", b"\x89PNG 1"),)), now)
    assert first.attachments == (
        {"name": "lamp.png", "size": 6, "type": "image/png"},
        {"name": "same.png", "size": 6, "type": "image/png"},
    )
    kept = db.session.scalars(select(Attachment).order_by(Attachment.id)).all()
    assert len({file.sha256 for file in kept}) == 1
    assert len({file.token for file in kept}) == 3
    assert count(Blob) == 3  # the picture, and two messages


@pytest.mark.parametrize(
    "name",
    [
        "ko-euc-kr-8bit",
        "ja-shift-jis",
        "ja-iso-2022-jp",
        "outlook-ko-cp949",
        "zh-gb18030",
        "unknown-8bit",
        "nul-bytes",
    ],
)
def test_every_charset_reaches_the_database(name: str, desk: SmallDesk, now: datetime) -> None:
    receipt = receive((MAILS / f"{name}.eml").read_bytes(), now)
    assert receipt.action == "created"
    message = db.session.scalars(select(Message)).one()
    assert message.text == receipt.text
    assert "\x00" not in message.text


def test_the_language_is_the_one_of_the_text(desk: SmallDesk, now: datetime) -> None:
    receipt = receive(mail("주문한 상품이 아직 도착하지 않았습니다. 확인 부탁드립니다."), now)
    assert (receipt.language, ticket_of(receipt).language) == ("ko", "ko")


def add_shop(desk: SmallDesk, now: datetime) -> Channel:
    """shop@example.com, on a board of its own."""
    with writing(desk.row) as row:
        board = boards.add(
            row, name="Wholesale", policy_id=None, rota_id=None, owner=desk.dana, by=CLOCK, now=now
        )
        values = addresses.Values("Shop", board.id, "shop@example.com")
        return addresses.add(row, "email", values, by=CLOCK, now=now)


@pytest.mark.parametrize(
    ("headers", "sent_to", "shop"),
    [
        ({"to": "Shop@Example.com"}, None, True),
        ({"to": ADDRESS}, "SHOP@example.com ", True),
        ({"to": ADDRESS, "Cc": "shop@example.com"}, None, False),
        ({"to": "undisclosed-recipients:;", "Delivered_To": "shop@example.com"}, None, True),
        ({"to": "somebody@else.example"}, None, False),
    ],
)
def test_the_address_decides_the_board(
    headers: dict[str, str], sent_to: str | None, shop: bool, desk: SmallDesk, now: datetime
) -> None:
    channel = add_shop(desk, now)
    ticket = ticket_of(receive(mail(**headers), now, sent_to=sent_to))
    assert (ticket.channel_id == channel.id, ticket.board_id == channel.board_id) == (shop, shop)


def test_a_message_of_the_form_comes_by_the_form(desk: SmallDesk, now: datetime) -> None:
    assert ticket_of(receive(mail(), now, source="form")).channel_id == desk.form.id


def test_moved_to_another_column_meanwhile(desk: SmallDesk, now: datetime) -> None:
    """An archived ticket opens again too."""
    first = receive(mail(), now)
    about = answered(desk, first, now)
    with writing(desk.board) as board:
        tickets.move(board, ticket_of(first), to=desk.columns["archived"].id, by=CLOCK, now=now)
    receive(mail("Hello?", In_Reply_To=f"<{about}>"), now + timedelta(days=1))
    assert ticket_of(first).state == "open"
