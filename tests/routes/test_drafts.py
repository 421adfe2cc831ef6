"""What somebody has begun to write: theirs, on every browser, until it is sent."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db
from app.desk import drafts, messages
from app.models.delivery import Delivery
from app.models.draft import Draft
from app.models.message import Message
from tests.routes.conversation import newest
from tests.sink import Sink
from tests.small import SmallDesk


def save(browser: Any, number: int, text: str, stamp: str = "", kind: str = "reply") -> Any:
    return browser.post(f"/tickets/{number}/draft", data={"text": text, "stamp": stamp, "kind": kind})


def test_a_draft_is_there_on_another_browser(
    desk: SmallDesk, bob: Any, number: int, browser_as: Callable[..., Any]
) -> None:
    save(bob, number, "Half an <answ", kind="note")
    page = browser_as(desk.bob).get(f"/tickets/{number}").text
    assert ">Half an &lt;answ</textarea>" in page
    assert 'value="note" checked' in page
    assert browser_as(desk.bob).get("/drafts").json == {"tickets": [number]}
    alice = browser_as(desk.alice)
    assert "Half an" not in alice.get(f"/tickets/{number}").text
    assert alice.get(f"/tickets/{number}/draft").json["text"] == ""
    assert alice.get("/drafts").json == {"tickets": []}


def test_of_two_windows_the_older_is_told(bob: Any, number: int) -> None:
    first = save(bob, number, "One").json["stamp"]
    second = save(bob, number, "One and two", first).json["stamp"]
    for stamp in ("", first, "nonsense"):
        refused = save(bob, number, "Something else", stamp)
        assert refused.status_code == 409
        assert (refused.json["text"], refused.json["stamp"]) == ("One and two", second)
    assert save(bob, number, "Mine after all", second).status_code == 200
    assert bob.get(f"/tickets/{number}/draft").json["text"] == "Mine after all"


def test_an_empty_text_is_no_draft(bob: Any, number: int) -> None:
    assert save(bob, number, " ").json == {"stamp": ""}
    stamp = save(bob, number, "One").json["stamp"]
    assert save(bob, number, "", stamp).json == {"stamp": ""}
    assert bob.get("/drafts").json == {"tickets": []}
    assert save(bob, number, "x" * (messages.LONGEST_TEXT + 1)).status_code == 422


@pytest.mark.parametrize("noun", ["replies", "notes"])
def test_what_is_sent_is_no_draft_any_more(bob: Any, number: int, noun: str) -> None:
    stamp = save(bob, number, "Half").json["stamp"]
    bob.post(f"/tickets/{number}/{noun}", data={"text": "", "seen": newest()})
    assert bob.get("/drafts").json == {"tickets": [number]}  # refused: it is one still
    bob.post(f"/tickets/{number}/{noun}", data={"text": "Whole", "seen": newest()})
    assert bob.get("/drafts").json == {"tickets": []}
    late = save(bob, number, "Half", stamp)  # a window that does not know
    assert (late.status_code, late.json["text"]) == (409, "")


def test_what_is_never_sent_is_forgotten(bob: Any, number: int, now: datetime) -> None:
    save(bob, number, "Half")
    sweeps.tidy(now + drafts.KEEP_FOR - timedelta(minutes=1))
    assert db.session.scalars(select(Draft.text)).all() == ["Half"]
    db.session.rollback()
    sweeps.tidy(now + drafts.KEEP_FOR + timedelta(minutes=1))
    assert db.session.scalars(select(Draft.text)).all() == []


def test_signatures_of_the_person_and_the_address(
    smtp_sink: Sink, desk: SmallDesk, bob: Any, number: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    profile = {"name": "Bob Reyes", "languages": ["en"], "locale": "en", "zone": "UTC", "theme": "system"}
    refused = bob.post("/profile", data={**profile, "signature": "{name}, {phone}"})
    assert refused.status_code == 422
    assert "{phone} stands for nothing." in refused.text
    assert bob.post("/profile", data={**profile, "signature": "{name} | {desk}"}).status_code == 303
    address = {
        "name": "Mail",
        "board": desk.board.id,
        "address": desk.email.address,
        "owner": "",
        "calendar": "",
    }
    browser_as(desk.dana).post(
        f"/settings/addresses/{desk.email.id}", data={**address, "signature": "{desk}, Lamp Street 1"}
    )
    below = "Bob Reyes | Northlight\nNorthlight, Lamp Street 1"
    assert below in bob.get(f"/tickets/{number}").text  # as it will be
    bob.post(f"/tickets/{number}/replies", data={"text": "Try the other bulb.", "seen": newest()})
    assert (
        db.session.scalars(select(Message.text).where(Message.kind == "reply")).one() == "Try the other bulb."
    )
    assert db.session.scalars(select(Delivery.text)).one() == f"Try the other bulb.\n\n-- \n{below}"
    db.session.rollback()
    sweeps.send_due(now + timedelta(minutes=1))
    assert below in smtp_sink.wait_for(1)[0].message.get_body(("plain",)).get_content().replace("\r\n", "\n")
