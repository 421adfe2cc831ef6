"""Answers, notes and "Undo send" as the page sends them, with and without script."""

from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select, update

from app import sweeps
from app.database import bookkeeping, db, writing
from app.desk import acknowledgements, customers
from app.models.customer import CustomerAddress
from app.models.delivery import Delivery
from app.models.event import CLOCK
from app.models.message import Message
from app.models.ticket import Ticket
from tests.routes.conversation import kim_writes, newest
from tests.small import SmallDesk

HTMX = {"HX-Request": "true"}


def composer(page: Any) -> str:
    text = page.get_data(as_text=True)
    return unescape(text[text.index('<form class="composer"') :].partition("</form>")[0])


@pytest.mark.parametrize(("then", "state"), [("wait", "waiting"), ("resolve", "resolved"), ("keep", "open")])
def test_sends_an_answer(bob: Any, number: int, then: str, state: str) -> None:
    form = {"text": "Try the\r\nother bulb.", "seen": newest(), "then": then, "kind": "reply"}
    answer = bob.post(f"/tickets/{number}/replies", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/tickets/{number}#message_{newest()}")
    assert db.session.get_one(Ticket, number).state == state
    assert db.session.scalars(select(Delivery.text)).one() == "Try the\nother bulb."
    page = bob.get(f"/tickets/{number}").get_data(as_text=True)
    assert "Undo send" in page
    assert 'data-leaves-in="' in page


def test_undo_send_gives_the_text_back(bob: Any, number: int, travel: Any) -> None:
    bob.post(f"/tickets/{number}/replies", data={"text": "Try <b>", "seen": newest()})
    travel.shift(timedelta(seconds=5))
    answer = bob.post(f"/tickets/{number}/replies/{newest()}/withdrawal")
    assert answer.headers["Location"] == f"/tickets/{number}#composer_{number}"
    page = bob.get(f"/tickets/{number}")
    assert ">Try <b></textarea>" in composer(page)
    assert "Taken back before it was sent" in page.get_data(as_text=True)


def test_undo_send_by_script_keeps_what_was_begun_since(bob: Any, number: int) -> None:
    bob.post(f"/tickets/{number}/replies", data={"text": "First", "seen": newest()})
    part = bob.post(f"/tickets/{number}/replies/{newest()}/withdrawal", data={"text": "Second"}, headers=HTMX)
    assert ">First\n\nSecond</textarea>" in composer(part)


def test_undo_send_gives_the_text_to_its_writer_alone(
    desk: SmallDesk, bob: Any, number: int, browser_as: Callable[..., Any]
) -> None:
    """Also when somebody else takes it back, and above what the writer has begun since."""
    alice = browser_as(desk.alice)
    bob.post(f"/tickets/{number}/replies", data={"text": "Not yours", "seen": newest()})
    bob.post(f"/tickets/{number}/draft", data={"text": "And then"})
    part = alice.post(f"/tickets/{number}/replies/{newest()}/withdrawal", data={"text": ""}, headers=HTMX)
    assert "Not yours" not in composer(part)
    assert "Not yours" not in composer(alice.get(f"/tickets/{number}"))
    assert ">Not yours\n\nAnd then</textarea>" in composer(bob.get(f"/tickets/{number}"))


def test_undo_while_held_and_not_twice(bob: Any, number: int, now: datetime, travel: Any) -> None:
    bob.post(f"/tickets/{number}/replies", data={"text": "Gone", "seen": newest()})
    message = newest()
    travel.shift(timedelta(seconds=11))
    sweeps.send_due(now + timedelta(seconds=11))
    # held, because no way to send is set up: that can still be taken back
    assert bob.post(f"/tickets/{number}/replies/{message}/withdrawal").status_code == 303
    late = bob.post(f"/tickets/{number}/replies/{message}/withdrawal")
    assert late.status_code == 409
    assert "There is no answer to take back." in late.get_data(as_text=True)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["form", "htmx"])
def test_somebody_wrote_meanwhile(bob: Any, number: int, now: datetime, headers: dict[str, str]) -> None:
    seen = newest()
    bob.post(f"/tickets/{number}/notes", data={"text": "Careful, she is a journalist."})
    form = {"text": "Try the other bulb.", "seen": seen, "then": "wait"}
    refused = bob.post(f"/tickets/{number}/replies", data=form, headers=headers)
    page = refused.get_data(as_text=True)
    assert refused.status_code == 409
    assert page.count("is-new") == 1
    assert "Try the other bulb." in composer(refused)
    assert f'name="seen" value="{seen}"' in composer(refused)
    assert f'name="anyway" value="{newest()}"' in composer(refused)
    assert bob.post(f"/tickets/{number}/replies", data=form, headers=headers).status_code == 409
    assert db.session.scalars(select(Delivery.id)).all() == []
    sent = bob.post(f"/tickets/{number}/replies", data={**form, "anyway": newest()}, headers=headers)
    assert sent.status_code == (200 if headers else 303)
    assert len(db.session.scalars(select(Delivery.id)).all()) == 1


def test_send_anyway_is_meant_for_what_was_shown(bob: Any, number: int) -> None:
    seen = newest()
    bob.post(f"/tickets/{number}/notes", data={"text": "One"})
    shown = newest()
    bob.post(f"/tickets/{number}/notes", data={"text": "Two"})
    form = {"text": "Try the other bulb.", "seen": seen, "anyway": shown}
    assert bob.post(f"/tickets/{number}/replies", data=form).status_code == 409


@pytest.mark.parametrize("seen", [None, "", "x"])
def test_without_a_sign_of_what_was_read_nothing_is_sent(bob: Any, number: int, seen: str | None) -> None:
    form = {"text": "Hello"} if seen is None else {"text": "Hello", "seen": seen}
    assert bob.post(f"/tickets/{number}/replies", data=form).status_code == 409


def test_the_same_form_sent_twice_is_one_answer(bob: Any, number: int) -> None:
    form = {"text": "Try the other bulb.", "seen": newest()}
    assert [bob.post(f"/tickets/{number}/replies", data=form).status_code for _ in range(2)] == [303, 409]
    assert len(db.session.scalars(select(Delivery.id)).all()) == 1


@pytest.mark.parametrize("kind", ["replies", "notes"])
@pytest.mark.parametrize(
    ("text", "said"),
    [(" ", "Write something first."), ("x" * 100_001, "This text is too long")],
    ids=["empty", "long"],
)
def test_refused_texts_are_kept(bob: Any, number: int, kind: str, text: str, said: str) -> None:
    refused = bob.post(f"/tickets/{number}/{kind}", data={"text": text, "seen": newest()})
    assert refused.status_code == 422
    assert said in composer(refused)
    assert f">{text}</textarea>" in composer(refused)
    assert ('value="note" checked' in composer(refused)) == (kind == "notes")


def test_a_note_is_not_sent(bob: Any, number: int) -> None:
    answer = bob.post(f"/tickets/{number}/notes", data={"text": "She called."})
    assert answer.headers["Location"] == f"/tickets/{number}#message_{newest()}"
    assert db.session.scalars(select(Delivery.id)).all() == []
    assert "internal note" in bob.get(f"/tickets/{number}").get_data(as_text=True)


@pytest.mark.parametrize(
    ("state", "attempts", "said"),
    [
        ("claimed", 0, "Sending"),
        ("queued", 2, "Could not be sent yet: 451 later"),
        ("sent", 1, "Sent"),
        ("held", 0, "Not sent: no mail server is set up."),
        ("failed", 8, "Not delivered: 451 later"),
    ],
)
def test_what_became_of_an_answer(
    bob: Any, number: int, now: datetime, state: str, attempts: int, said: str
) -> None:
    bob.post(f"/tickets/{number}/replies", data={"text": "Hello", "seen": newest()})
    bookkeeping(
        update(Delivery).values(
            state=state, attempts=attempts, error="451 later", sent_at=now, wake_at=now + timedelta(minutes=5)
        )
    )
    page = bob.get(f"/tickets/{number}").get_data(as_text=True)
    assert said in page
    assert "Undo send" not in page


# an address from which mail came back


@pytest.fixture
def bounced(desk: SmallDesk, number: int, now: datetime) -> int:
    """The ticket, and Kim's address marked."""
    with writing(desk.board) as board:
        ticket = db.session.get_one(Ticket, number)
        customers.mark_bounced(board, ticket, ["kim@example.org"], by=CLOCK, now=now)
    return number


def test_a_bounced_address_is_shown_and_warns_first(bob: Any, bounced: int) -> None:
    page = bob.get(f"/tickets/{bounced}").get_data(as_text=True)
    assert "Mail to kim@example.org came back" in page  # above the composer and in the history
    assert "Clear the mark" in page
    form = {"text": "Are you there?", "seen": newest()}
    refused = bob.post(f"/tickets/{bounced}/replies", data=form)
    assert refused.status_code == 422
    assert ">Are you there?</textarea>" in composer(refused)
    assert "Your answer may not arrive" in composer(refused)
    sent = bob.post(f"/tickets/{bounced}/replies", data={**form, "despite_bounce": "1"})
    assert sent.status_code == 303


def test_the_mark_is_cleared(bob: Any, bounced: int) -> None:
    address_id = db.session.scalars(select(CustomerAddress.id)).one()
    path = f"/tickets/{bounced}/bounces/removal"
    part = bob.post(path, data={"address": address_id, "text": "Half a sen"}, headers=HTMX)
    assert ">Half a sen</textarea>" in composer(part)
    assert "may not arrive" not in part.get_data(as_text=True)
    assert "cleared the mark that mail to kim@example.org came back" in part.get_data(as_text=True)
    assert bob.post(path, data={"address": address_id}).status_code == 409
    assert bob.post(path, data={"address": "x"}).status_code == 409
    sent = bob.post(f"/tickets/{bounced}/replies", data={"text": "Hello", "seen": newest()})
    assert sent.status_code == 303


def test_notes_are_written_as_before(bob: Any, bounced: int) -> None:
    assert bob.post(f"/tickets/{bounced}/notes", data={"text": "Call them."}).status_code == 303


# what the desk says by itself


def test_an_automatic_answer_is_shown_and_can_be_stopped(
    desk: SmallDesk, bob: Any, now: datetime, travel: Any
) -> None:
    with writing(desk.row) as row:
        acknowledgements.set_up(row, desk.email.id, on=True, texts={}, by=CLOCK, now=now)
    number = kim_writes(now)
    page = bob.get(f"/tickets/{number}").get_data(as_text=True)
    assert "message-automatic" in page
    assert "Do not send" in page
    said = db.session.scalars(select(Message).where(Message.automatic == "acknowledgement")).one()
    for headers in ({}, HTMX):
        travel.move_to(now)
        answer = bob.post(f"/tickets/{number}/replies/{said.id}/withdrawal", headers=headers)
        assert answer.status_code == (409 if headers else 303)
    page = bob.get(f"/tickets/{number}")
    assert "Not sent" in page.get_data(as_text=True)
    assert "></textarea>" in composer(page)
