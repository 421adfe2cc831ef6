"""Whom an answer goes to, who reads along, what is sent on to somebody else, and who is called in a note."""

from datetime import datetime, timedelta
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import inbox, mentions
from app.models.customer import CustomerAddress
from app.models.delivery import Delivery
from app.models.event import Event
from app.models.follower import TicketFollower
from app.models.message import Message
from app.models.ticket import Ticket
from tests.routes.conversation import newest
from tests.sink import Sink
from tests.small import ADDRESS, SmallDesk

HTMX = {"HX-Request": "true"}


def arrives(now: datetime, sender: str, **headers: str) -> inbox.Receipt:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = (
        sender,
        "Re: The lamp",
        f"<{hash((sender, now))}@x.org>",
    )
    for name, value in {"To": ADDRESS, **headers}.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("I read along.")
    return inbox.receive(mail.as_bytes(), now=now, source="command", sent_to=ADDRESS)


def test_who_reads_along_is_kept_and_belongs_to_the_ticket(
    smtp_sink: Sink, bob: Any, number: int, now: datetime
) -> None:
    form = {
        "text": "Try the other bulb.",
        "seen": newest(),
        "cc": "Lee Park <LEE@example.net>; max@example.net",
    }
    assert bob.post(f"/tickets/{number}/replies", data=form).status_code == 303
    assert "Cc lee@example.net, max@example.net" in bob.get(f"/tickets/{number}").text
    sweeps.send_due(now + timedelta(minutes=1))
    sent = smtp_sink.wait_for(1)[0]
    assert sent.recipients == ("kim@example.org", "lee@example.net", "max@example.net")
    assert (sent.message["To"], sent.message["Cc"]) == ("kim@example.org", "lee@example.net, max@example.net")
    answered = {"In_Reply_To": sent.message["Message-ID"]}
    lee = arrives(now, "Lee <lee@example.net>", Cc="Kim <kim@example.org>, ann@example.net", **answered)
    assert (lee.action, lee.ticket) == ("appended", number)
    stranger = arrives(now, "eve@example.net", **answered)
    assert (stranger.action, stranger.ticket != number) == ("created", True)
    page = unescape(bob.get(f"/tickets/{number}").text)
    assert 'name="cc" value="ann@example.net"' in page  # whoever got Lee's mail, but for us and the customer
    db.session.rollback()
    assert db.session.get_one(Ticket, number).customer.name == "Kim Byrne"
    bob.post(f"/tickets/{number}/replies", data={"text": "Good.", "seen": newest()})
    db.session.rollback()
    assert (
        db.session.scalars(select(Delivery.to_address).order_by(Delivery.id.desc())).first()
        == "kim@example.org"
    )


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"cc": "lee@example.net, nobody"}, "nobody is not an e-mail address."),
        ({"cc": f"{ADDRESS}"}, f"{ADDRESS} is our own address."),
        ({"cc": ",".join(f"p{n}@example.net" for n in range(21))}, "Use at most 20 addresses."),
        ({"to": "lee@example.net"}, "That is not an address of this customer."),
    ],
)
def test_addresses_that_cannot_be_are_refused(bob: Any, number: int, form: dict[str, str], said: str) -> None:
    page = bob.post(f"/tickets/{number}/replies", data={"text": "Hello", "seen": newest(), **form})
    assert page.status_code == 422
    assert said in unescape(page.text)
    assert ">Hello</textarea>" in page.text
    if "cc" in form:
        assert f'value="{form["cc"]}"' in page.text
    assert db.session.scalars(select(Delivery.id)).all() == []


def test_one_of_several_addresses_is_chosen(desk: SmallDesk, bob: Any, number: int) -> None:
    with writing(desk.board):
        customer_id = db.session.get_one(Ticket, number).customer_id
        db.session.add(CustomerAddress(customer_id=customer_id, address="kim@home.example"))
    assert '<option value="kim@example.org" selected>' in bob.get(f"/tickets/{number}").text
    bob.post(f"/tickets/{number}/replies", data={"text": "x", "seen": newest(), "to": "kim@home.example"})
    assert db.session.scalars(select(Delivery.to_address)).one() == "kim@home.example"


def test_a_copy_that_is_refused_is_told(smtp_sink: Sink, bob: Any, number: int, now: datetime) -> None:
    form = {"text": "x", "seen": newest(), "cc": "lee@example.net"}
    bob.post(f"/tickets/{number}/replies", data=form)
    smtp_sink.refused = {"lee@example.net": "550 5.1.1 Unknown"}
    sweeps.send_due(now + timedelta(minutes=1))
    assert smtp_sink.wait_for(1)[0].recipients == ("kim@example.org",)
    page = bob.get(f"/tickets/{number}").text
    assert "Copies that were refused:" in page
    assert "lee@example.net: 550 5.1.1 Unknown" in page


def test_a_message_is_sent_on_with_its_files(
    smtp_sink: Sink, desk: SmallDesk, bob: Any, number: int, now: datetime
) -> None:
    address = f"/tickets/{number}/messages/{newest()}/forward"
    assert "영수증" in bob.get(address).text
    for to, said in (
        ("nobody", "is not an e-mail address"),
        ("kim@example.org", "own address"),
        (ADDRESS, "our own"),
    ):
        refused = bob.post(address, data={"to": to, "text": "Please repair it."})
        assert (refused.status_code, said in unescape(refused.text)) == (422, True)
        assert "Please repair it.</textarea>" in refused.text
    before = db.session.get_one(Ticket, number)
    waiting = (before.waiting_since, before.first_answered_at, before.state, before.last_speaker)
    assert bob.post(address, data={"to": "fix@lamps.example", "text": "Please repair it."}).status_code == 303
    after = db.session.get_one(Ticket, number)
    assert waiting == (after.waiting_since, after.first_answered_at, after.state, after.last_speaker)
    page = bob.get(f"/tickets/{number}").text
    assert "forwarded to fix@lamps.example, not to the customer" in page
    sweeps.send_due(now + timedelta(minutes=1))
    sent = smtp_sink.wait_for(1)[0]
    assert sent.recipients == ("fix@lamps.example",)
    assert sent.message["Subject"] == "Fwd: The lamp <flickers>"
    assert sent.message["In-Reply-To"] is None
    text = sent.message.get_body(("plain",)).get_content()
    assert text.startswith("Please repair it.")
    assert "From: Kim Byrne <kim@example.org>" in text
    assert "Is it plugged in?" in text
    assert {part.get_filename() for part in sent.message.iter_attachments()} == {
        "lamp.png",
        "영수증 _1_.html",
    }
    # What the workshop answers stands in the conversation; the customer stays who they are.
    answer = arrives(now, "Fix <fix@lamps.example>", In_Reply_To=sent.message["Message-ID"])
    assert (answer.action, answer.ticket) == ("appended", number)


def test_undo_of_what_was_sent_on_is_no_answer(bob: Any, number: int) -> None:
    bob.post(
        f"/tickets/{number}/messages/{newest()}/forward", data={"to": "fix@lamps.example", "text": "Psst"}
    )
    count = db.session.get_one(Ticket, number).message_count
    part = bob.post(f"/tickets/{number}/replies/{newest()}/withdrawal", headers=HTMX).text
    assert "Psst</textarea>" not in part
    assert "Taken back before it was sent" in part
    db.session.rollback()
    assert db.session.get_one(Ticket, number).message_count == count - 1
    assert db.session.scalars(select(Delivery.state)).all() == ["cancelled"]


def test_notes_are_not_sent_on(bob: Any, number: int) -> None:
    bob.post(f"/tickets/{number}/notes", data={"text": "For us alone"})
    assert bob.get(f"/tickets/{number}/messages/{newest()}/forward").status_code == 404


def test_colleagues_are_called_in_notes(desk: SmallDesk, bob: Any, number: int) -> None:
    with writing(desk.row):
        desk.alice.name = "김민지"
    assert bob.get(f"/tickets/{number}/people").json == {"people": ["Bob Reyes", "Dana Wolf", "김민지"]}
    text = "@김민지님 look, and @dana wolf. Not @Charlie Stone, x@Bob Reyes or https://x.example/@Bob Reyes."
    bob.post(f"/tickets/{number}/notes", data={"text": text})
    message = db.session.get_one(Message, newest())
    assert [person.name for person in mentions.mentions_of(message)] == ["Dana Wolf", "김민지"]
    event = db.session.scalars(select(Event).where(Event.kind == "message.noted")).one()
    assert set(event.changes["mentioned"]) == {desk.alice.id, desk.dana.id}
    following = db.session.scalars(select(TicketFollower.person_id)).all()
    assert set(following) == {desk.alice.id, desk.bob.id, desk.dana.id}
    page = bob.get(f"/tickets/{number}").text
    assert '<mark class="mention">@김민지</mark>님 look' in page
    assert '<mark class="mention">@dana wolf</mark>' in page
    assert page.count('<mark class="mention">') == 2
