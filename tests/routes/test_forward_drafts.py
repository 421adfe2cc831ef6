"""What is written above a message that is sent on: kept for its writer until it is sent, back when it is taken back."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import drafts
from app.models.delivery import Delivery
from app.models.draft import DraftFile, ForwardDraft
from app.models.message import Attachment, Message
from tests.routes.conversation import PICTURE, kim_writes, newest
from tests.sink import Sink
from tests.small import ADDRESS, SmallDesk

HTMX = {"HX-Request": "true"}
DRAFT = {"to": "fix@lamps.example", "cc": "lee@example.net", "text": "Please repair it."}


@pytest.fixture
def address(number: int) -> str:
    return f"/tickets/{number}/messages/{newest()}/forward"


def save(browser: Any, address: str, stamp: str = "", **changes: str) -> Any:
    return browser.post(f"{address}/draft", data={**DRAFT, **changes, "stamp": stamp})


def attach(browser: Any, address: str, name: str = "lamp.png") -> Any:
    return browser.post(f"{address}/files", data={"files": (BytesIO(PICTURE), name)}, headers=HTMX)


def tokens() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(DraftFile.token).order_by(DraftFile.id)))


def kept() -> list[tuple[str, str, str]]:
    db.session.rollback()
    return [(draft.to_address, draft.cc, draft.text) for draft in db.session.scalars(select(ForwardDraft))]


def test_it_is_there_on_another_browser_of_its_writer(
    desk: SmallDesk, bob: Any, number: int, address: str, browser_as: Callable[..., Any]
) -> None:
    stamp = save(bob, address).json["stamp"]
    assert "lamp.png" in attach(bob, address).text
    elsewhere = browser_as(desk.bob)
    form = elsewhere.get(address).text
    assert 'value="fix@lamps.example"' in form
    assert 'name="cc" value="lee@example.net"' in form
    assert ">Please repair it.</textarea>" in form
    assert f'name="file" value="{tokens()[0]}"' in form
    assert elsewhere.get(f"{address}/draft").json == {**DRAFT, "stamp": stamp}
    page = elsewhere.get(f"/tickets/{number}").text
    assert "You have begun to write" in page
    assert "lamp.png</span> <span" in page  # Kim's own
    assert f'value="{tokens()[0]}"' not in page  # it goes with no answer
    assert elsewhere.get("/drafts").json == {"tickets": [number]}
    alice = browser_as(desk.alice)
    assert "Please repair" not in alice.get(address).text
    assert tokens()[0] not in alice.get(address).text
    assert "You have begun to write" not in alice.get(f"/tickets/{number}").text
    assert alice.get(f"{address}/draft").json["text"] == ""
    alice.post(f"{address}/files/{tokens()[0]}/removal", headers=HTMX)
    assert len(tokens()) == 1
    assert tokens()[0] not in bob.post(f"{address}/files/{tokens()[0]}/removal", headers=HTMX).text
    assert tokens() == []


def test_of_two_windows_the_older_is_told_and_nothing_is_no_draft(bob: Any, address: str) -> None:
    first = save(bob, address).json["stamp"]
    second = save(bob, address, first, text="Please.").json["stamp"]
    for stamp in ("", first, "nonsense"):
        refused = save(bob, address, stamp, text="Else")
        assert (refused.status_code, refused.json["text"], refused.json["stamp"]) == (409, "Please.", second)
    third = save(bob, address, second, to="", cc="lee@example.net", text="").json["stamp"]
    assert kept() == [("", "lee@example.net", "")]
    assert save(bob, address, third, to=" ", cc="", text="").json == {"stamp": ""}
    assert kept() == []
    assert save(bob, address, text="x" * 100_001).status_code == 422


def test_it_is_sent_with_copies_and_files_and_taken_back_whole(
    smtp_sink: Sink, bob: Any, number: int, address: str, now: datetime
) -> None:
    save(bob, address)
    attach(bob, address, "own.png")
    form = {**DRAFT, "file": tokens()}
    part = bob.post(address, data={**form, "from": "sheet"}, headers=HTMX)
    assert (part.status_code, kept(), tokens()) == (204, [], [])
    forwarded = newest()
    page = unescape(bob.get(f"/tickets/{number}").text)
    assert "Cc lee@example.net" in page
    save(bob, address, text="And one thing more.")
    back = bob.post(f"/tickets/{number}/replies/{forwarded}/withdrawal", data={"text": "An answer"})
    assert back.headers["Location"] == f"/tickets/{number}#message_{forwarded - 1}"
    assert kept() == [(DRAFT["to"], DRAFT["cc"], "Please repair it.\n\nAnd one thing more.")]
    db.session.rollback()
    assert [(file.name, file.message_id) for file in db.session.scalars(select(DraftFile))] == [
        ("own.png", forwarded - 1)
    ]
    db.session.rollback()
    assert bob.post(address, data={**form, "file": tokens()}).status_code == 303
    sweeps.send_due(now + timedelta(minutes=1))
    sent = smtp_sink.wait_for(1)[0]
    assert sent.recipients == ("fix@lamps.example", "lee@example.net")
    names = [part.get_filename() for part in sent.message.iter_attachments()]
    assert names == ["lamp.png", "영수증 _1_.html", "own.png"]


def test_files_of_the_message_can_be_left_out(bob: Any, number: int, address: str) -> None:
    attach(bob, address, "plan.png")
    first, second = re.findall(r'name="original" value="(\d+)" checked', bob.get(address).text)
    form = {**DRAFT, "originals": "yes", "original": second, "file": tokens()}
    refused = bob.post(address, data={**form, "to": "nobody"}).text
    assert re.findall(r'name="original" value="(\d+)"( checked)?', refused) == [
        (first, ""),
        (second, " checked"),
    ]
    bob.post(address, data=form)
    db.session.rollback()
    sent = db.session.get_one(Message, newest())
    assert [file.name for file in sent.attachments] == ["영수증 _1_.html", "plan.png"]
    bob.post(f"/tickets/{number}/replies/{sent.id}/withdrawal", data={})
    db.session.rollback()
    assert list(db.session.scalars(select(DraftFile.name))) == ["plan.png"]


def test_of_a_message_that_is_elsewhere_now_it_is_a_note(
    desk: SmallDesk, bob: Any, number: int, address: str, now: datetime
) -> None:
    bob.post(address, data=DRAFT)
    forwarded = newest()
    other = kim_writes(now, number=2)
    with writing(desk.board):
        message = db.session.get_one(Message, forwarded - 1)
        message.ticket_id = other
    part = bob.post(f"/tickets/{number}/replies/{forwarded}/withdrawal", headers=HTMX).text
    assert ">Please repair it.</textarea>" in part
    assert 'value="note" checked' in part


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"cc": "lee@example.net, nobody"}, "nobody is not an e-mail address."),
        ({"cc": ADDRESS}, "our own address"),
        ({"cc": "kim@example.org"}, "This is the customer's own address."),
        ({"to": "kim@example.org"}, "This is the customer's own address."),
        ({"file": "gone"}, "A file is not there any more."),
    ],
)
def test_what_is_refused_stays_a_draft(bob: Any, address: str, form: dict[str, str], said: str) -> None:
    save(bob, address)
    attach(bob, address)
    refused = bob.post(address, data={**DRAFT, **form})
    assert refused.status_code == 422
    assert said in unescape(refused.text)
    assert "data-unsaved" in refused.text
    assert f'name="cc" value="{form.get("cc", DRAFT["cc"])}"' in refused.text
    assert tokens()[0] in refused.text
    assert kept() == [tuple(DRAFT.values())]
    assert db.session.scalars(select(Delivery.id)).all() == []


def test_without_script(bob: Any, address: str) -> None:
    """What is chosen comes with the form, is not chosen again after a refusal, and can be removed with what was written."""
    form = {**DRAFT, "to": "nobody", "files": [(BytesIO(PICTURE), "own.png")]}
    assert bob.post(address, data=form).status_code == 422
    (token,) = tokens()
    page = bob.post(f"{address}/files/{token}/removal", data={**DRAFT, "text": "Still here"}).text
    assert ">Still here</textarea>" in page
    assert tokens() == []
    bob.post(f"{address}/files", data={"files": (BytesIO(PICTURE), "own.png")})
    assert bob.post(address, data={**DRAFT, "file": tokens()}).status_code == 303
    assert db.session.scalars(select(Attachment.name).order_by(Attachment.id.desc())).first() == "own.png"


def test_it_goes_where_its_message_goes_and_is_forgotten_in_the_end(
    desk: SmallDesk, bob: Any, number: int, address: str, now: datetime
) -> None:
    save(bob, address)
    attach(bob, address)
    other = kim_writes(now, number=2)
    assert bob.post(f"/tickets/{number}/merge", data={"other": f"#{other}"}).status_code == 303
    moved = bob.get(address.replace(f"/{number}/", f"/{other}/", 1)).text
    assert ">Please repair it.</textarea>" in moved
    assert tokens()[0] in moved
    assert bob.get("/drafts").json == {"tickets": [other]}
    sweeps.tidy(now + drafts.KEEP_FOR + timedelta(minutes=1))
    assert (kept(), tokens()) == ([], [])
