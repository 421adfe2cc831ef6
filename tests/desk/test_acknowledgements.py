"""The automatic answer to a first message: to whom, how often, what it says, and what makes it needless."""

from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import select

from app.channels.smtp import raw
from app.database import bookkeeping, db, insert_new, writing
from app.desk import acknowledgements, customers, guards, inbox, messages
from app.desk.refused import Refused
from app.models.channel import Channel
from app.models.customer import CustomerAddress
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Message
from app.models.ticket import Ticket
from app.sweeps import send_due
from tests.desk.test_inbox import KIM, mail, receive
from tests.small import SmallDesk

SECOND = timedelta(seconds=1)


@pytest.fixture
def answering(desk: SmallDesk, now: datetime) -> SmallDesk:
    """A desk whose address answers first messages, and whose form does not."""
    switch(desk, now)
    return desk


def switch(
    desk: SmallDesk, now: datetime, *, on: bool = True, channel: Channel | None = None, **texts: str
) -> None:
    chosen = (channel or desk.email).id
    with writing(desk.row) as row:
        acknowledgements.set_up(row, chosen, on=on, texts=texts, by=By("person", desk.dana.id), now=now)


def automatic() -> list[Delivery]:
    db.session.rollback()
    db.session.expire_all()
    return list(
        db.session.scalars(select(Delivery).where(Delivery.kind == "automatic").order_by(Delivery.id))
    )


def states() -> list[str]:
    return [delivery.state for delivery in automatic()]


def ticket_of(receipt: inbox.Receipt) -> Ticket:
    return db.session.get_one(Ticket, receipt.ticket)


def test_a_first_message_is_answered(answering: SmallDesk, now: datetime) -> None:
    receipt = receive(mail(Message_ID="<1@example.org>"), now)
    (delivery,) = automatic()
    assert (delivery.state, delivery.wake_at) == ("queued", now + timedelta(seconds=60))
    sent = message_from_bytes(raw(delivery), policy=default)
    assert sent["To"] == "kim@example.org"
    assert sent["From"] == "Northlight <support@example.com>"
    assert sent["Subject"] == "Re: The lamp flickers"
    assert sent["Auto-Submitted"] == "auto-replied"
    assert sent["In-Reply-To"] == "<1@example.org>"
    assert sent.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == (
        "Hello Kim Minsu,\n\nthank you for your message. It has reached us, and a person will read it and answer you."
        "\n\nOur opening hours: Monday–Friday 9:00 AM–6:00 PM (Central European Time)."
        "\n\nThis answer was sent automatically."
    )
    said = db.session.scalars(select(Message).where(Message.automatic == "acknowledgement")).one()
    assert (said.kind, said.ticket_id, said.message_id) == ("reply", receipt.ticket, delivery.header_id)


def test_it_answers_nothing(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(), now))
    assert (ticket.first_answered_at, ticket.waiting_since, ticket.state) == (None, now, "new")
    assert (ticket.last_speaker, ticket.unread, ticket.message_count) == ("customer", True, 1)


def test_what_it_said_can_be_answered(answering: SmallDesk, now: datetime) -> None:
    first = receive(mail(), now)
    about = automatic()[0].header_id
    receipt = receive(mail("It is lamp 3.", In_Reply_To=f"<{about}>"), now + timedelta(minutes=5))
    assert (receipt.action, receipt.ticket) == ("appended", first.ticket)
    assert len(automatic()) == 1  # once per ticket


@pytest.mark.parametrize(
    ("other", "now_and"),
    [
        ({"Auto_Submitted": "auto-generated"}, "automatic"),
        ({"Precedence": "bulk"}, "automatic"),
        ({"subject": "Out of office: The lamp"}, "automatic"),
        ({"from_": "no-reply@shop.example"}, "a machine by its name"),
        ({"from_": "MAILER-DAEMON@mx.example"}, "a machine by its name"),
    ],
)
def test_machines_are_not_answered(
    other: dict[str, str], now_and: str, answering: SmallDesk, now: datetime
) -> None:
    assert receive(mail(**other), now).action == "created", now_and
    assert automatic() == []


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("no-reply", True),
        ("NoReply+1234", True),
        ("do_not_reply", True),
        ("donotreply", True),
        ("bounces-77-kim=example.org", True),
        ("bounce+1", True),
        ("MAILER-DAEMON", True),
        ("auto-reply", True),
        ("kim", False),
        ("postmasters", False),
        ("norepl", False),
        ("bouncer", False),
        ("reply", False),
    ],
)
def test_names_of_machines(name: str, machine: bool) -> None:
    assert guards.is_a_machine(f"{name}@example.org") == machine


def test_off_is_off(desk: SmallDesk, now: datetime) -> None:
    receive(mail(), now)
    switch(desk, now)
    switch(desk, now, on=False)
    receive(mail("Another."), now)
    assert automatic() == []


def test_each_address_for_itself(answering: SmallDesk, now: datetime) -> None:
    receive(mail(), now, source="form")
    assert automatic() == []
    switch(answering, now, channel=answering.form)
    receive(mail("Another."), now, source="form")
    assert [delivery.from_address for delivery in automatic()] == ["support@example.com"]


def test_once_a_day_for_each_customer(answering: SmallDesk, now: datetime) -> None:
    receive(mail("One."), now)
    receive(mail("Two."), now + timedelta(hours=23))
    receive(mail("Of somebody else.", from_="lee@example.org"), now)
    assert [delivery.to_address for delivery in automatic()] == ["kim@example.org", "lee@example.org"]
    receive(mail("Three."), now + timedelta(hours=24))
    assert len(automatic()) == 3


def test_an_address_that_bounced_is_not_written_to(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail("One."), now))
    with writing(answering.board) as board:
        customers.mark_bounced(
            board, ticket, ["kim@example.org"], by=By("customer", ticket.customer_id), now=now
        )
    receive(mail("Two."), now + timedelta(days=2))
    assert len(automatic()) == 1


@pytest.mark.parametrize(
    ("text", "language", "greeting"),
    [
        ("월요일부터 램프가 계속 깜박거립니다. 어떻게 해야 하나요?", "ko", "Kim Minsu님, 안녕하세요."),
        ("Seit Montag flackert die Lampe im Wohnzimmer. Was soll ich tun?", "de", "Guten Tag Kim Minsu,"),
        ("12345", "en", "Hello Kim Minsu,"),
    ],
)
def test_in_the_customers_language(
    text: str, language: str, greeting: str, answering: SmallDesk, now: datetime
) -> None:
    receive(mail(text, subject="1"), now)
    (delivery,) = automatic()
    assert delivery.language == language
    assert delivery.text.startswith(greeting)


def test_a_text_of_its_own(answering: SmallDesk, now: datetime) -> None:
    switch(answering, now, en="Dear {name}: {hours}.", ko=acknowledgements.usual_text("ko"), de="")
    receive(mail(), now)
    assert automatic()[0].text == (
        "Dear Kim Minsu: Monday–Friday 9:00 AM–6:00 PM (Central European Time)."
        "\n\nThis answer was sent automatically."
    )
    assert db.session.get_one(Channel, answering.email.id).acknowledgements == {"en": "Dear {name}: {hours}."}


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Kim {hours}", "Kim {hours}"),
        ("Win at https://spam.example", "kim"),
        ("www.spam.example", "kim"),
        ("K" * 61, "kim"),
        ("Dr. Kim", "Dr. Kim"),
    ],
)
def test_names_fill_nothing_in_and_carry_no_links(
    name: str, greeted: str, answering: SmallDesk, now: datetime
) -> None:
    receive(mail(from_=f'"{name}" <kim@example.org>'), now)
    assert automatic()[0].text.startswith(f"Hello {greeted},")


def test_a_person_who_is_faster_makes_it_needless(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(), now))
    answer(answering, ticket, now + 30 * SECOND)
    assert states() == ["cancelled"]
    receive(mail("Another."), now + timedelta(hours=1))  # nothing was said today yet
    assert states() == ["cancelled", "queued"]


def test_an_answer_taken_back_leaves_it_due(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(), now))
    reply = answer(answering, ticket, now + 30 * SECOND)
    with writing(answering.board) as board:
        again = db.session.get_one(Ticket, ticket.id)
        messages.withdraw(board, again, reply.id, person=answering.bob, now=now + 35 * SECOND)
    (delivery,) = automatic()
    assert (delivery.state, delivery.wake_at) == ("queued", now + 95 * SECOND)
    ticket = ticket_of(receive(mail("Another."), now + timedelta(hours=1)))
    assert len(automatic()) == 1
    assert ticket.first_answered_at is None


def test_what_has_left_stays(answering: SmallDesk, now: datetime, smtp_sink: Any) -> None:
    ticket = ticket_of(receive(mail(), now))
    assert send_due(now + 59 * SECOND) == {}
    assert send_due(now + 60 * SECOND) == {"sent": 1}
    answer(answering, ticket, now + 90 * SECOND)
    assert states() == ["sent"]
    said = db.session.scalars(select(Message).where(Message.automatic.is_not(None))).one()
    assert said.withdrawn_at is None
    (delivered,) = smtp_sink.delivered
    assert delivered.message["Auto-Submitted"] == "auto-replied"
    assert delivered.sender == "support@example.com", "what comes back marks the customer's address"


def test_a_person_may_stop_it(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(), now))
    said = db.session.scalars(select(Message).where(Message.automatic.is_not(None))).one()
    with writing(answering.board) as board:
        messages.withdraw(board, ticket, said.id, person=answering.bob, now=now + SECOND)
    assert states() == ["cancelled"]
    ticket = db.session.get_one(Ticket, ticket.id)
    assert (ticket.message_count, ticket.last_speaker, ticket.waiting_since) == (1, "customer", now)


def test_an_answer_names_the_customers_message_not_the_automatic_one(
    answering: SmallDesk, now: datetime
) -> None:
    ticket = ticket_of(receive(mail(Message_ID="<1@example.org>"), now))
    reply = answer(answering, ticket, now + timedelta(hours=1))
    delivery = db.session.scalars(select(Delivery).where(Delivery.message_id == reply.id)).one()
    assert (delivery.in_reply_to, delivery.references) == ("1@example.org", "1@example.org")


def test_who_reads_while_it_is_prepared_is_not_stopped(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(), now))
    seen = db.session.scalars(select(Message.id).where(Message.kind == "customer")).one()
    answer(answering, ticket, now + SECOND, seen=seen)


@pytest.mark.parametrize(
    ("texts", "said", "field"),
    [
        ({"en": "Hello {nmae}, {hours}"}, "Only {name} and {hours} are filled in.", "en"),
        ({"de": "Guten Tag {name}"}, "Write {hours} where the opening hours belong.", "de"),
        ({"ko": "{hours}" + "가" * 4000}, "Use at most 4000 characters.", "ko"),
    ],
)
def test_texts_that_cannot_be(
    texts: dict[str, str], said: str, field: str, desk: SmallDesk, now: datetime
) -> None:
    with pytest.raises(Refused) as refused:
        switch(desk, now, **texts)
    assert (refused.value.said(), refused.value.field) == (said, field)


def test_only_admins_may_and_it_is_recorded(desk: SmallDesk, now: datetime) -> None:
    with pytest.raises(Refused), writing(desk.row) as row:
        acknowledgements.set_up(
            row, desk.email.id, on=True, texts={}, by=By("person", desk.alice.id), now=now
        )
    switch(desk, now)
    switch(desk, now)
    events = db.session.scalars(select(Event).where(Event.kind == "channel.changed")).all()
    assert [event.changes["acknowledges"] for event in events] == [[False, True]]


@pytest.mark.parametrize(("minutes", "most"), [(10, 10), (30, 15), (60, 25), (180, 50), (600, 100)])
def test_caps_on_one_recipient(minutes: int, most: int, answering: SmallDesk, now: datetime) -> None:
    """Spread so that no shorter cap is reached before."""
    first = ticket_of(receive(mail("First.", from_="lee@example.org"), now - timedelta(days=2)))
    for n in range(most - 1):
        written_to("kim@example.org", f"{n}", now - timedelta(minutes=minutes) * n / most)
    assert not guards.capped(first.id, "kim@example.org", now)
    written_to("kim@example.org", "last", now - timedelta(minutes=minutes) * (most - 1) / most)
    assert guards.capped(first.id, "kim@example.org", now)
    assert not guards.capped(first.id, "lee@example.org", now)
    assert not guards.capped(first.id, "kim@example.org", now + timedelta(minutes=600))
    receipt = receive(mail(), now)
    assert len(automatic()) == 1  # Lee's
    kinds = db.session.scalars(
        select(Event.kind).where(Event.subject_kind == "ticket", Event.subject_id == receipt.ticket)
    ).all()
    assert "ticket.capped" in kinds


def test_caps_on_one_ticket_stop_no_person(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(), now - timedelta(hours=1)))
    for n in range(12):
        answer(answering, ticket, now + n * SECOND)
    assert guards.capped(ticket.id, "somebody@else.example", now + 12 * SECOND)
    assert db.session.scalars(select(Delivery.state).where(Delivery.kind == "reply")).all() == ["queued"] * 12


def answer(desk: SmallDesk, ticket: Ticket, now: datetime, seen: int | None = None) -> Message:
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, ticket.id)
        return messages.reply(board, ticket, "Try another bulb.", person=desk.bob, seen=seen, now=now)


def written_to(address: str, key: str, at: datetime) -> None:
    db.session.rollback()  # SQLite reads as of the first look
    bookkeeping(
        insert_new(Delivery).values(
            key=f"written:{key}",
            kind="reply",
            from_name="",
            from_address="support@example.com",
            to_name="",
            to_address=address,
            subject="",
            text="",
            language="en",
            references="",
            header_id=f"{key}@example.com",
            automatic=False,
            state="sent",
            attempts=1,
            created_at=at,
        )
    )


def test_the_mark_of_a_bounce_is_of_the_address(desk: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(receive(mail(from_=KIM), now))
    by = By("person", desk.bob.id)
    with writing(desk.board) as board:
        customers.mark_bounced(board, ticket, ["kim@example.org", "lee@example.org"], by=by, now=now)
    (address,) = db.session.scalars(select(CustomerAddress))
    assert address.bounced_at == now
    with writing(desk.board) as board, pytest.raises(Refused) as refused:
        messages.reply(board, ticket_of_id(ticket.id), "Hello?", person=desk.bob, seen=None, now=now)
    assert (refused.value.status, refused.value.field) == (422, "bounce")
    with writing(desk.board) as board:
        messages.reply(
            board,
            ticket_of_id(ticket.id),
            "Hello?",
            person=desk.bob,
            seen=None,
            despite_bounce=True,
            now=now,
        )
    with writing(desk.board) as board:
        customers.clear_bounce(board, ticket_of_id(ticket.id), address.id, by=by, now=now)
    with writing(desk.board) as board:
        messages.reply(board, ticket_of_id(ticket.id), "Again.", person=desk.bob, seen=None, now=now)
    with writing(desk.board) as board, pytest.raises(Refused) as refused:
        customers.clear_bounce(board, ticket_of_id(ticket.id), address.id, by=by, now=now)
    assert refused.value.status == 409


def ticket_of_id(number: int) -> Ticket:
    return db.session.get_one(Ticket, number)


@pytest.mark.parametrize(
    ("header", "answered"),
    [
        ({"X_Spam_Flag": "YES"}, False),
        ({"X_Spam_Status": "Yes, score=7.1 required=5.0"}, False),
        ({"X_Spam": "yes"}, False),
        ({"X_Forefront_Antispam_Report": "CIP:192.0.2.1;SFV:SPM;CTRY:DE"}, False),
        ({"X_MS_Exchange_Organization_SCL": "6"}, False),
        ({"X_Spam_Flag": "NO"}, True),
        ({"X_Spam_Status": "No, score=-1.9"}, True),
        ({"X_Forefront_Antispam_Report": "CIP:192.0.2.1;SFV:NSPM"}, True),
        ({"X_MS_Exchange_Organization_SCL": "-1"}, True),
    ],
)
def test_what_a_filter_has_marked_as_spam_is_a_ticket_without_an_answer(
    header: dict[str, str], answered: bool, answering: SmallDesk, now: datetime
) -> None:
    ticket = ticket_of(receive(mail(**header), now))
    assert len(automatic()) == answered
    assert not ticket.automatic, "a filter may be wrong: the deadlines run"


def too_large(
    now: datetime, head: bytes = b"", subject: str = "사진입니다 확인 부탁드립니다"
) -> inbox.Receipt:
    """As of a message that a mailbox keeps."""
    headers = f"From: Kim <kim@example.org>\r\nTo: support@example.com\r\nSubject: {subject}\r\n".encode()
    return inbox.receive_headers(headers + head, size=30_000_000, now=now, source="imap")


def test_what_is_too_large_is_told_so_once_in_a_ticket(desk: SmallDesk, now: datetime) -> None:
    """Also where first messages are not answered, for the customer believes that all has arrived."""
    first = too_large(now)
    (delivery,) = automatic()
    assert (delivery.language, delivery.automatic, delivery.to_address) == ("ko", True, "kim@example.org")
    assert delivery.wake_at == now + 60 * SECOND
    assert delivery.text.startswith("Kim님, 안녕하세요.\n\n보내 주신 메시지가 너무 커서 제목만 받았습니다.")
    assert delivery.text.endswith("\n\n이 답변은 자동으로 발송되었습니다.")
    again = too_large(
        now + SECOND, f"In-Reply-To: <{delivery.header_id}>\r\nMessage-ID: <second@example.org>\r\n".encode()
    )
    assert (again.action, again.ticket, len(automatic())) == ("appended", first.ticket, 1)
    assert db.session.scalars(select(Message).where(Message.automatic == "too-large")).one()


def test_it_takes_the_place_of_the_usual_answer(answering: SmallDesk, now: datetime) -> None:
    ticket = ticket_of(too_large(now))
    answer(answering, ticket, now + SECOND)
    assert states() == ["cancelled"]
    receive(mail("Another."), now + timedelta(hours=1))
    assert states() == ["cancelled", "queued"], "today's answer is not used up"


@pytest.mark.parametrize("head", [b"Auto-Submitted: auto-generated\r\n", b"List-Id: <news.example.org>\r\n"])
def test_machines_are_not_told_that_they_were_too_large(head: bytes, desk: SmallDesk, now: datetime) -> None:
    assert too_large(now, head).action == "created"
    assert automatic() == []


def test_it_is_told_under_the_caps(desk: SmallDesk, now: datetime) -> None:
    for n in range(15):
        too_large(now + n * SECOND, f"X-Number: {n}\r\n".encode(), subject=f"Photo {n}")
    assert len(automatic()) == 10


def test_every_language_has_all_its_texts() -> None:
    texts = acknowledgements.all_words()
    assert len(texts) > 20
    for language, words in texts.items():
        assert words.keys() == {"text", "too_large", "automatic", "always"}, language
        assert "{name}" in words["too_large"], language
