"""One night on the desk, from a customer's mail to their thanks, with real processes, mail and browsers."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import expect
from sqlalchemy import select

from app.database import db, writing
from app.desk import rotas
from app.desk import rules as desk_rules
from app.models.calendar import Calendar
from app.models.desk import Desk
from app.models.event import OPERATOR
from app.models.rota import Rota
from app.models.ticket import Ticket

FIRST = b"""\
From: Jan Mueller <jan@example.org>
To: support@example.com
Subject: Charged twice, third time I write
Message-ID: <first@example.org>
Date: Tue, 03 Nov 2026 02:14:00 +0000
Content-Type: text/plain; charset=utf-8

Hello, you have charged my card twice for the same lamp. I want a refund, this is urgent.
"""


def test_a_message_at_night(
    app: Any, desk: Any, serve: Any, flask: Any, new_page: Any, smtp_sink: Any, now: datetime
) -> None:
    _night(desk, now)
    server = serve(CLOCK="off")
    alice, bob = new_page(server.url, desk.alice), new_page(server.url, desk.bob)
    for page in (alice, bob):
        page.goto(f"/boards/{desk.board.id}")
        expect(page.locator(".live")).to_contain_text("live")

    # The mail is a card on both boards.
    receipt = json.loads(flask("receive", input=FIRST).stdout)
    assert (receipt["action"], receipt["from"], receipt["language"]) == ("created", "jan@example.org", "en")
    number = receipt["ticket"]
    cards = [page.locator(f"#ticket_{number}") for page in (alice, bob)]
    for card in cards:
        expect(card).to_contain_text("Charged twice")

    # The sweep tags it, makes it urgent, gives it to who is on call, and pages them: it came out of hours.
    _clock(flask, datetime.now(UTC))
    for card in cards:
        expect(card).to_contain_text("refund")
        expect(card.get_by_role("img", name="Bob Reyes")).to_be_visible()
    assert _about(smtp_sink, "on call now") == [("bob@example.com",), ("alice@example.com",)]
    assert _about(smtp_sink, "urgent ticket") == [("bob@example.com",)]

    # Half an hour without an answer breaks the round-the-clock promise: the alert becomes louder.
    _clock(flask, now + timedelta(minutes=33))
    assert _about(smtp_sink, "is late") == [("bob@example.com",)]
    breach = smtp_sink.delivered[-1]
    assert breach.message["Auto-Submitted"] == "auto-generated"

    # The link acknowledges without a sign-in: looking changes nothing, the button does.
    link = re.search(rf"{re.escape(server.url)}/a/\S+", breach.message.get_body(("plain",)).get_content())
    assert link is not None
    phone = new_page(server.url, viewport={"width": 390, "height": 844})
    phone.goto(link.group())
    expect(phone.get_by_text(f"#{number}").first).to_be_visible()
    told_before = smtp_sink.tries
    phone.get_by_role("button", name="Acknowledge").click()
    expect(phone.get_by_text("acknowledged").first).to_be_visible()
    _clock(flask, now + timedelta(minutes=50))
    assert smtp_sink.tries == told_before  # the backup sleeps on

    # Bob answers; the mail leaves when its ten seconds are over.
    bob.goto(f"/tickets/{number}")
    bob.get_by_label("Message").fill("Dear Jan, the second charge goes back to your card today.")
    bob.get_by_role("button", name="Send to customer").click()
    expect(bob.get_by_role("button", name="Undo send")).to_be_visible()
    expect(alice.locator(f"#ticket_{number}")).to_contain_text("we")
    _clock(flask, now + timedelta(minutes=51))
    answer = next(mail for mail in smtp_sink.delivered if mail.recipients == ("jan@example.org",)).message
    assert answer["In-Reply-To"] == "<first@example.org>"
    assert answer["From"].endswith("<support@example.com>")
    assert _state(number) == "waiting"

    # The customer's thanks join the ticket and open it again, on both boards.
    thanks = (
        f"From: jan@example.org\r\nTo: support@example.com\r\nSubject: Re: Charged twice\r\n"
        f"Message-ID: <second@example.org>\r\nIn-Reply-To: {answer['Message-ID']}\r\n\r\n"
        "Thank you, but I cannot see it on my card yet.\r\n"
    )
    receipt = json.loads(flask("receive", input=thanks).stdout)
    assert (receipt["action"], receipt["ticket"]) == ("appended", number)
    assert _state(number) == "open"
    open_column = alice.locator(f"#column_{desk.columns['open'].id}")
    expect(open_column.locator(f"#ticket_{number}")).to_be_visible()


def _night(desk: Any, now: datetime) -> None:
    """The desk opens in three days; Bob is on call, Alice behind him; two rules are on."""
    with writing(db.session.get_one(Desk, 1)) as row:
        calendar = db.session.scalars(select(Calendar)).one()
        day = (now + timedelta(days=3)).weekday()
        calendar.hours = {"zone": "UTC", "weekly": {str(day): [["09:00", "18:00"]]}, "holidays": {}}
        rota = db.session.get_one(Rota, desk.board.rota_id)
        people = [desk.bob.id, desk.alice.id]
        edit = rotas.preview(rota, zone="UTC", weekday=0, time="09:00", people=people, at_once=True, now=now)
        rotas.change(row, rota, edit, digest=edit.digest, by=OPERATOR, now=now)
        for name, text, then in (
            ("Refunds", "refund OR charged", {"kind": "add_tag", "tag": "refund"}),
            ("Urgent", 'body:urgent OR "third time"', {"kind": "set_priority", "priority": "urgent"}),
        ):
            rule = desk_rules.save(row, None, name=name, text=text, then=[then], by=OPERATOR, now=now)
            desk_rules.switch(row, rule, True, by=OPERATOR, now=now)


def _about(sink: Any, words: str) -> list[tuple[str, ...]]:
    """Who got the mails whose subject holds these words."""
    return [mail.recipients for mail in sink.delivered if words in mail.message["Subject"]]


def _clock(flask: Any, at: datetime) -> dict[str, Any]:
    done = flask("clock", "--once", "--now", at.isoformat())
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _state(number: int) -> str:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Ticket, number).state
