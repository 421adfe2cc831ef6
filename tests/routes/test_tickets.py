"""The ticket's page: what it shows, each field that is set on it, and tickets opened by hand."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from app import sweeps
from app.database import db, writing
from app.desk import messages, rules, tickets
from app.models.delivery import Delivery
from app.models.event import By, Event
from app.models.message import Message
from app.models.ticket import Ticket
from tests.small import SmallDesk

HTMX = {"HX-Request": "true"}


def ticket(number: int) -> Ticket:
    db.session.rollback()
    return db.session.get_one(Ticket, number, populate_existing=True)


def words(page: Any) -> str:
    """What a reader sees, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.get_data(as_text=True))).split())


def test_shows_the_conversation_and_escapes_it(bob: Any, number: int) -> None:
    page = bob.get(f"/tickets/{number}").get_data(as_text=True)
    assert "The lamp &lt;flickers&gt;" in page
    assert "<script>alert" not in page
    assert '<a href="https://example.org/lamp" target="_blank" rel="noopener noreferrer nofollow">' in page
    assert "</a>에서" in page  # the particle is no part of the address
    assert "Is it plugged in?" not in page  # folded
    assert "Show whole message" in page
    assert "Show as sent" in page
    assert 'name="seen" value="1"' in page


def test_a_deadline_explains_itself_in_the_readers_language_and_zone(
    desk: SmallDesk, number: int, now: datetime, browser_as: Callable[..., Any]
) -> None:
    with writing(desk.row):
        desk.alice.locale, desk.alice.zone = "ko", "Asia/Seoul"
        desk.bob.zone = "Europe/Berlin"
    seen_by_bob, seen_by_alice = (
        words(browser_as(p).get(f"/tickets/{number}")) for p in (desk.bob, desk.alice)
    )
    # 09:30 UTC on a Tuesday in November; open 09:00 to 18:00 in Berlin, four hours to answer
    assert "Target: 4 h of opening hours" in seen_by_bob
    assert "4 h: today 10:30–14:30" in seen_by_bob
    assert "Due: today 14:30" in seen_by_bob
    assert "18:30–22:30" in seen_by_alice


def test_history_tells_who_did_what_and_groups_it(
    desk: SmallDesk, bob: Any, number: int, now: datetime
) -> None:
    bob.post(f"/tickets/{number}/assignee", data={"person": desk.bob.id})
    bob.post(f"/tickets/{number}/priority", data={"priority": 3})
    bob.post(f"/tickets/{number}/assignee", data={"person": ""})
    with writing(desk.board) as board:
        tickets.add_tag(
            board,
            db.session.get_one(Ticket, number),
            "lamps",
            by=By("rule", 99),
            now=now + timedelta(seconds=30),
        )
    told = words(bob.get(f"/tickets/{number}"))
    assert (
        "Bob Reyes took it, changed the priority from Normal to Urgent, "
        "took it from Bob Reyes and gave it to nobody Undo · Rule ? added the tag lamps"
    ) in told


def test_looking_changes_nothing_and_reading_is_told_by_script(bob: Any, number: int) -> None:
    events = len(db.session.scalars(select(Event.id)).all())
    assert "data-reading" in bob.get(f"/tickets/{number}").get_data(as_text=True)
    assert ticket(number).unread
    assert len(db.session.scalars(select(Event.id)).all()) == events
    assert bob.post(f"/tickets/{number}/reading", headers=HTMX).status_code == 204
    assert bob.post(f"/tickets/{number}/reading").headers["Location"] == f"/tickets/{number}"
    assert not ticket(number).unread
    assert "data-reading" not in bob.get(f"/tickets/{number}").get_data(as_text=True)


@pytest.mark.parametrize(
    ("field", "form", "expected"),
    [
        ("priority", {"priority": "3"}, {"priority": 3}),
        ("language", {"language": "de"}, {"language": "de", "language_confidence": 100}),
        ("language", {"language": ""}, {"language": None, "language_confidence": 0}),
        ("assignee", {"person": ""}, {"assignee_id": None}),
    ],
)
def test_sets_a_field(
    bob: Any, number: int, field: str, form: dict[str, str], expected: dict[str, Any]
) -> None:
    answer = bob.post(f"/tickets/{number}/{field}", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/tickets/{number}")
    assert {name: getattr(ticket(number), name) for name in expected} == expected


@pytest.mark.parametrize(
    ("field", "form", "status", "said"),
    [
        ("priority", {"priority": "9"}, 422, "That is not a priority."),
        ("priority", {}, 422, "That is not a priority."),
        ("language", {"language": "xx"}, 422, "That is not one of the choices."),
        ("assignee", {"person": "somebody"}, 422, "That is not one of the choices."),
        ("assignee", {"person": "99999"}, 422, "That person cannot see this board."),
        ("assignee", {"person": "1", "expected": "2"}, 409, "Who has this ticket has changed meanwhile."),
        ("tags", {"tag": 'a"b'}, 422, "A tag has 1 to 40 characters"),
        ("tags", {"tag": "fine," + "x" * 41}, 422, "A tag has 1 to 40 characters"),
        ("tags", {}, 422, "A tag has 1 to 40 characters"),
        ("tags/removal", {"tag": "gone"}, 409, "The tag gone is not on this ticket any more."),
        ("column", {"column": "9999", "from": "ticket"}, 422, "That column is not on this board any more."),
    ],
)
def test_refuses_in_words_and_changes_nothing(
    bob: Any, number: int, field: str, form: dict[str, str], status: int, said: str
) -> None:
    before = ticket(number).version
    page = bob.post(f"/tickets/{number}/{field}", data=form)
    assert page.status_code == status
    assert said in words(page)
    assert "Reply to customer" in words(page)  # the ticket as it is, not a bare error
    part = bob.post(f"/tickets/{number}/{field}", data=form, headers=HTMX)
    assert (part.status_code, said in part.headers["HX-Trigger"]) == (status, True)
    assert ticket(number).version == before


def test_a_ticket_is_given_only_to_who_sees_it(desk: SmallDesk, bob: Any, number: int) -> None:
    assert bob.post(f"/tickets/{number}/assignee", data={"person": desk.charlie.id}).status_code == 422
    page = bob.get(f"/tickets/{number}").get_data(as_text=True)
    assert "Alice Moor</option>" in page
    assert "Charlie Stone</option>" not in page


def test_tags_come_and_go(bob: Any, number: int) -> None:
    bob.post(f"/tickets/{number}/tags", data={"tag": " Lamps , 배송"})
    assert [tag.name for tag in ticket(number).tags] == ["lamps", "배송"]
    bob.post(f"/tickets/{number}/tags/removal", data={"tag": "lamps"})
    assert [tag.name for tag in ticket(number).tags] == ["배송"]


def test_moves_from_its_page_and_stays_there(desk: SmallDesk, bob: Any, number: int) -> None:
    form = {"column": desk.columns["open"].id, "expected": desk.columns["new"].id, "from": "ticket"}
    answer = bob.post(f"/tickets/{number}/column", data=form)
    assert answer.headers["Location"] == f"/tickets/{number}"
    assert ticket(number).state == "open"
    late = bob.post(f"/tickets/{number}/column", data={**form, "column": desk.columns["resolved"].id})
    assert late.status_code == 409
    assert "Bob Reyes moved this to Open" in words(late)


def test_htmx_is_answered_with_the_parts(bob: Any, number: int) -> None:
    part = bob.post(f"/tickets/{number}/priority", data={"priority": 2}, headers=HTMX)
    text = part.get_data(as_text=True)
    assert part.status_code == 200
    assert "<html" not in text
    for root in ("due", "line", "messages", "composer", "rail"):
        assert text.count(f'id="{root}_{number}"') == 1


def test_what_is_on_another_board_does_not_exist(
    desk: SmallDesk, number: int, browser_as: Callable[..., Any]
) -> None:
    charlie = browser_as(desk.charlie)
    for method, path in (
        ("get", ""),
        ("post", "/replies"),
        ("post", "/notes"),
        ("post", "/tags"),
        ("post", "/priority"),
    ):
        assert getattr(charlie, method)(f"/tickets/{number}{path}", data={"text": "Hi"}).status_code == 404
    assert charlie.get("/tickets/99999").status_code == 404


def test_the_customers_other_tickets(desk: SmallDesk, bob: Any, number: int, now: datetime) -> None:
    with writing(desk.board) as board:
        customer = db.session.get_one(Ticket, number).customer
        for subject in ("One", "Two", "Three", "Four", "Five", "Six"):
            tickets.open_ticket(
                board, channel=desk.email, customer=customer, subject=subject, by=By("clock"), now=now
            )
    told = words(bob.get(f"/tickets/{number}"))
    assert "Six" in told
    assert "Two" in told
    assert "One" not in told


def test_a_long_conversation_is_cut_and_can_be_shown(
    desk: SmallDesk, bob: Any, number: int, now: datetime
) -> None:
    with writing(desk.board) as board:
        for _ in range(105):
            messages.note(board, db.session.get_one(Ticket, number), "note", person=desk.bob, now=now)
    page = bob.get(f"/tickets/{number}")
    assert "Show 6 earlier messages" in words(page)
    assert page.get_data(as_text=True).count("<article") == 100
    assert bob.get(f"/tickets/{number}?all").get_data(as_text=True).count("<article") == 106


FORM = {
    "name": "Lee",
    "email": "Lee@Example.org",
    "subject": "Called about\nlamp 7",
    "text": "It is dark.",
    "priority": "2",
}


def test_opens_a_ticket_by_hand(desk: SmallDesk, bob: Any) -> None:
    answer = bob.post("/tickets/new", data={**FORM, "board": desk.board.id})
    opened = ticket(int(answer.headers["Location"].rpartition("/")[2]))
    assert (opened.subject, opened.priority, opened.state, opened.unread) == (
        "Called about lamp 7",
        2,
        "new",
        False,
    )
    assert (opened.channel.kind, opened.customer.addresses[0].address) == ("manual", "lee@example.org")
    assert opened.waiting_since is not None
    assert db.session.scalars(select(Delivery)).all() == []
    assert (
        "Bob Reyes"
        not in words(bob.get(f"/tickets/{opened.id}")).partition("It is dark.")[0].partition("Lee")[2]
    )


def test_opens_a_ticket_by_writing_first(desk: SmallDesk, bob: Any, travel: Any) -> None:
    answer = bob.post("/tickets/new", data={**FORM, "board": desk.board.id, "send": "y"})
    opened = ticket(int(answer.headers["Location"].rpartition("/")[2]))
    assert (opened.state, opened.waiting_since, opened.last_speaker) == ("waiting", None, "us")
    delivery = db.session.scalars(select(Delivery)).one()
    assert (delivery.to_address, delivery.subject) == ("lee@example.org", "Called about lamp 7")
    assert db.session.scalars(select(Message.kind)).all() == ["reply"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"email": "nobody"}, "That is not an e-mail address."),
        ({"email": ""}, "This field is required."),
        ({"subject": " "}, "Write a subject."),
        ({"text": ""}, "This field is required."),
        ({"priority": "7"}, "Not a valid choice."),
        ({"board": "99"}, "Not a valid choice."),
    ],
)
def test_refuses_a_ticket_and_keeps_what_was_typed(
    desk: SmallDesk, bob: Any, wrong: dict[str, str], said: str
) -> None:
    form = {**FORM, "board": desk.board.id, **wrong}
    page = bob.post("/tickets/new", data=form)
    assert page.status_code == 422
    assert said in words(page)
    assert all(
        f'value="{form[name]}"' in page.get_data(as_text=True) for name in ("name", "email") if form[name]
    )
    assert db.session.scalars(select(Ticket.id)).all() == []


def test_rules_that_acted_are_told(desk: SmallDesk, bob: Any, number: int, now: datetime) -> None:
    by = By("person", desk.alice.id)
    then = [{"kind": "add_tag", "tag": "lamps"}]
    with writing(desk.row) as row:
        rule = rules.save(row, None, name="Lamps", text="subject:lamp", then=then, by=by, now=now)
        rules.switch(row, rule, True, also_present=True, by=by, now=now)
    sweeps.wake_tickets(now + timedelta(minutes=1))
    told = words(bob.get(f"/tickets/{number}"))
    assert "Rule Lamps added the tag lamps" in told
    assert "Rules Lamps acted" in told
