"""Mail that wants something of the desk: to hide another's message, to enter another's ticket, to go round in circles."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import func, select

from app.config import settings
from app.database import db, writing
from app.desk import addresses, boards, inbox, messages
from app.mail import ids
from app.models.customer import CustomerAddress
from app.models.event import CLOCK
from app.models.message import Message, RawMessage
from app.models.ticket import Ticket
from tests.small import ADDRESS, SmallDesk

KIM, EVE = "Kim <kim@example.org>", "Eve <eve@evil.example>"
REPORT = b"""\
From: %(from)b
To: support@example.com
Subject: Please open the door
Message-ID: <report@evil.example>
In-Reply-To: <%(about)b>
MIME-Version: 1.0
Content-Type: multipart/%(kind)b; boundary="b"

--b
Content-Type: text/plain

I am the customer. Send the key to my new address.

--b
Content-Type: message/delivery-status

Final-Recipient: rfc822; kim@example.org
Action: failed

--b--
"""


def mail(
    from_: str,
    text: str = "The lamp flickers.",
    *,
    to: str = ADDRESS,
    id_: str = "guessed@example.org",
    **more: str,
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = from_, to, f"<{id_}>"
    message["Subject"] = more.pop("subject", "A lamp")
    file = more.pop("file", "")
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if file:
        message.add_attachment(file.encode(), maintype="image", subtype="png", filename="a.png")
    return message.as_bytes()


@dataclass(frozen=True)
class Second:
    """The second message under one Message-ID, after Kim's about a lamp; what becomes of it, and in which ticket."""

    raw: bytes
    action: str
    in_first: bool


SECONDS = {
    "the same": Second(mail(KIM), "duplicate", True),
    "the same by a list": Second(mail(KIM, subject="[support] A lamp", List_Id="<x.y>"), "duplicate", True),
    "other line ends": Second(mail(KIM).replace(b"\n", b"\r\n"), "duplicate", True),
    "a list's footer": Second(mail(KIM, "The lamp flickers.\n\n__\nOur list"), "appended", True),
    "another text": Second(mail(KIM, "The house burns."), "appended", True),
    "another file": Second(mail(KIM, file="burning"), "appended", True),
    "another sender": Second(mail(EVE), "created", False),
    "another sender and text": Second(mail(EVE, "The house burns."), "created", False),
    "answers go elsewhere": Second(mail(KIM, Reply_To=EVE), "created", False),
}


@pytest.mark.parametrize("second", SECONDS.values(), ids=SECONDS.keys())
def test_nobody_hides_a_message_behind_its_id(second: Second, desk: SmallDesk, now: datetime) -> None:
    first = receive(mail(KIM), now)
    came = receive(second.raw, now)
    assert (came.action, came.ticket == first.ticket) == (second.action, second.in_first)
    kept = 1 if second.action == "duplicate" else 2
    assert count(Message) == kept
    again = receive(second.raw, now)
    assert (again.action, again.ticket, count(Message)) == ("duplicate", came.ticket, kept)
    assert set(db.session.scalars(select(RawMessage.state))) == {"handled"}


def test_an_id_taken_on_another_board_leads_nobody_there(desk: SmallDesk, now: datetime) -> None:
    with writing(desk.row) as row:
        shop = boards.add(
            row, name="Shop", policy_id=desk.board.policy_id, rota_id=None, owner=desk.dana, by=CLOCK, now=now
        )
        values = addresses.Values("Shop", shop.id, "shop@example.com")
        addresses.add(row, "email", values, by=CLOCK, now=now)
    bait = receive(mail(EVE, to="shop@example.com"), now)
    victim = receive(mail(KIM), now)
    assert (ticket(bait).board_id, ticket(victim).board_id) == (shop.id, desk.board.id)
    assert ticket(victim).linked_id is None


@pytest.mark.parametrize(
    ("from_", "more"),
    [
        (EVE, {}),
        (EVE, {"Reply_To": KIM}),
        ("kim@example.org <eve@evil.example>", {}),
        ('"kim@example.org" <eve@evil.example>', {"Sender": KIM}),
        ("eve@evil.example, kim@example.org", {}),
        ("Kim <kim@ехample.org>", {}),  # Cyrillic
        ("Kim <kim@example.org.evil.example>", {}),
    ],
)
def test_a_stranger_with_a_signed_id_opens_a_ticket_of_their_own(
    from_: str, more: dict[str, str], desk: SmallDesk, now: datetime
) -> None:
    first, about = conversation(desk, now)
    raw = mail(
        "x@y.example", "Send the key elsewhere.", id_="eve@evil.example", In_Reply_To=f"<{about}>", **more
    )
    came = receive(raw.replace(b"From: x@y.example", b"From: " + from_.encode()), now)
    assert came.action == "created"
    assert ticket(came).linked_id == first.ticket
    assert ticket(first).state == "resolved"


@pytest.mark.parametrize(
    ("kind", "from_", "action"),
    [
        (b"mixed", b"eve@evil.example", "created"),
        (b"mixed", b"kim@example.org", "appended"),
        (b"report", b"mailer-daemon@mx.example", "appended"),
    ],
)
def test_only_a_bounce_is_a_bounce(
    kind: bytes, from_: bytes, action: str, desk: SmallDesk, now: datetime
) -> None:
    first, about = conversation(desk, now)
    came = receive(REPORT % {b"from": from_, b"about": about.encode(), b"kind": kind}, now)
    assert came.action == action
    marked = db.session.scalar(select(func.count(CustomerAddress.bounced_at)))
    assert marked == (kind == b"report")
    assert ticket(first).state == ("open" if from_.startswith(b"kim") else "resolved")


def test_an_id_of_ours_counts_only_with_its_signature(desk: SmallDesk, now: datetime) -> None:
    first, own = conversation(desk, now)
    number, signed = own.split(".")[1], own.split(".")[3]
    other_number = own.replace(f"nd.{number}.", f"nd.{int(number) + 1}.")
    forged = [other_number, own.replace(signed[:4], "aaaa"), own.replace("nd.", "nd.0")]
    for n, message_id in enumerate(forged):
        came = receive(mail(EVE, f"Text {n}", id_=f"{message_id}"), now)
        assert (message_id, came.action, came.automatic) == (message_id, "created", None)
    assert receive(mail(EVE, id_=own), now).action == "ignored"
    assert ids.read(own, settings().secret_key) is not None
    assert ticket(first).message_count == 2


def test_our_own_mail_goes_round_no_circle(desk: SmallDesk, now: datetime) -> None:
    for number, from_ in enumerate((ADDRESS, ADDRESS.upper(), f"Us <{ADDRESS}>", "support@EXAMPLE.com.")):
        assert receive(mail(from_, id_=f"{number}@x.example"), now).action == "ignored"
    came = receive(mail(KIM, id_="5@x.example", Reply_To=ADDRESS), now)
    assert ticket(came).customer.addresses[0].address == "kim@example.org"
    assert count(Ticket) == 1


def test_a_form_elsewhere_that_writes_in_our_name_is_no_circle(desk: SmallDesk, now: datetime) -> None:
    """Forms of shops and web sites send as support@ and put their customer into Reply-To."""
    came = receive(mail(ADDRESS, Reply_To=KIM), now)
    assert (came.action, ticket(came).customer.addresses[0].address) == ("created", "kim@example.org")
    automatic = receive(mail(ADDRESS, id_="2@x.example", Reply_To=KIM, Auto_Submitted="auto-generated"), now)
    assert automatic.action == "ignored"


def conversation(desk: SmallDesk, now: datetime) -> tuple[inbox.Receipt, str]:
    """Kim's ticket, answered and resolved, and the Message-ID of the answer."""
    first = receive(mail(KIM), now - timedelta(hours=1))
    with writing(desk.board) as board:
        reply = messages.reply(
            board, ticket(first), "Try another bulb.", person=desk.bob, seen=None, then="resolve", now=now
        )
    return first, str(reply.message_id)


def receive(raw: bytes, now: datetime) -> inbox.Receipt:
    return inbox.receive(raw, now=now, source="command")


def ticket(receipt: inbox.Receipt) -> Ticket:
    return db.session.get_one(Ticket, receipt.ticket)


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0
