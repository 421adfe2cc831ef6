"""Search as people see it: found, ranked, marked, and only what is theirs."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.database import db, writing
from app.desk import messages
from app.models.ticket import Ticket
from app.routes.search import PER_PAGE
from tests.plans import plans_of
from tests.small import SmallDesk
from tests.stories import fill, ticket_in

NOTHING = "<strong>Nothing found</strong>"


@pytest.fixture
def tickets(desk: SmallDesk, now: datetime) -> dict[str, int]:
    """Three tickets; the refund of the lamp is spoken of in a note, in a reply, and in a subject."""
    numbers = {}
    for place, (name, subject) in enumerate(
        (("subject", "Refund for a <b>lamp</b>"), ("note", "Broken chair"), ("reply", "환불 문의"))
    ):
        numbers[name] = ticket_in(desk, "new", subject, now + timedelta(minutes=place)).id
    with writing(desk.board) as board:
        note, reply = (db.session.get_one(Ticket, numbers[name]) for name in ("note", "reply"))
        messages.note(board, note, "He wants a refund, too", person=desk.bob, now=now)
        messages.reply(board, reply, "We sent the refunds <script>", person=desk.bob, seen=None, now=now)
    return numbers


def order(page: Any) -> list[int]:
    return [
        int(part.split('"')[0]) for part in page.text.split('<a href="/tickets/')[1:] if part[0].isdigit()
    ]


def test_subjects_come_first_then_whole_words_then_the_newest(
    desk: SmallDesk, tickets: dict[str, int], browser_as: Callable[..., Any]
) -> None:
    page = browser_as(desk.bob).get("/search?q=refund")
    assert order(page) == [tickets["subject"], tickets["note"], tickets["reply"]]
    assert "3 tickets" in page.text
    assert "<mark>Refund</mark> for a &lt;b&gt;lamp&lt;/b&gt;" in page.text
    assert "We sent the <mark>refund</mark>s &lt;script&gt;" in page.text
    assert "<script>" not in page.text.split("<main")[1].split("</main")[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("환", ["reply"]),
        ("환불 문", ["reply"]),
        ("불", ["reply"]),
        ('"the refund"', ["reply"]),
        ('"refund the"', []),
        ("REFUND lamp", ["subject"]),
        ("refund -lamp", ["note", "reply"]),
        ("refund is:waiting", ["reply"]),
        ("lamp OR chair", ["note", "subject"]),
        ("is:new", ["note", "subject"]),
        ("kim@example.org chair", ["note"]),
        ("nothing-like-it", []),
        ("und", []),
    ],
)
def test_what_is_found(
    query: str, found: list[str], desk: SmallDesk, tickets: dict[str, int], browser_as: Callable[..., Any]
) -> None:
    page = browser_as(desk.bob).get("/search", query_string={"q": query})
    assert page.status_code == 200
    assert order(page) == [tickets[name] for name in found]
    assert (NOTHING in page.text) is not bool(found)


def test_only_what_one_may_see(
    desk: SmallDesk, tickets: dict[str, int], browser_as: Callable[..., Any]
) -> None:
    for person in (desk.charlie, desk.erin):
        page = browser_as(person).get("/search?q=refund")
        assert page.status_code == 200
        assert NOTHING in page.text
        assert browser_as(person).get(f"/search?q=%23{tickets['note']}").status_code == 200


def test_a_number_goes_to_its_ticket(
    desk: SmallDesk, tickets: dict[str, int], browser_as: Callable[..., Any]
) -> None:
    browser = browser_as(desk.bob)
    for text in (str(tickets["note"]), f"#{tickets['note']}", f" ＃{tickets['note']} "):
        answer = browser.get("/search", query_string={"q": text})
        assert (answer.status_code, answer.location) == (303, f"/tickets/{tickets['note']}")
    assert NOTHING in browser.get("/search?q=999999999").text
    assert browser.get("/search", query_string={"q": f'"{tickets["note"]}"'}).status_code == 200


def test_an_empty_search_explains_itself(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    assert "A number opens the ticket." in browser_as(desk.bob).get("/search").text


def test_a_mistake_is_shown_with_its_column(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    page = browser_as(desk.bob).get("/search?q=lamp+langauge:de")
    assert page.status_code == 422
    assert "Column 6:" in page.text
    assert 'value="lamp langauge:de"' in page.text


@pytest.mark.parametrize("text", ["!!!", "...", '"- /"', "lamp OR ?"])
def test_signs_alone_are_refused_in_every_box(
    desk: SmallDesk, browser_as: Callable[..., Any], text: str
) -> None:
    for place in ("/search", "/tickets", f"/boards/{desk.board.id}"):
        page = browser_as(desk.bob).get(place, query_string={"q": text})
        assert page.status_code == 422
        assert "holds no letter and no digit to look for" in page.text
    assert browser_as(desk.bob).get("/tickets?q=subject:!!!").status_code == 200


def test_many_are_paged(desk: SmallDesk, now: datetime, browser_as: Callable[..., Any]) -> None:
    with writing(desk.board) as board:
        numbers = [fill(board, desk, "new", f"Lamp {n}", now).id for n in range(PER_PAGE + 5)]
    browser = browser_as(desk.bob)
    first, second = browser.get("/search?q=lamp"), browser.get("/search?q=lamp&page=2")
    assert order(first) + order(second) == numbers[::-1]
    assert "page 2 of 2" in second.text
    assert "Older tickets" not in first.text
    for odd in ("0", "-1", "99", "x", "9" * 30):
        assert browser.get(f"/search?q=lamp&page={odd}").status_code == 200


def test_too_many_says_so(
    desk: SmallDesk, now: datetime, browser_as: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.models.finding.MOST", 3)
    with writing(desk.board) as board:
        for n in range(4):
            fill(board, desk, "new", f"Lamp {n}", now)
    assert "Older tickets may hold this" in browser_as(desk.bob).get("/search?q=lamp").text
    assert "Older tickets may hold this" in browser_as(desk.bob).get("/search?q=is:new").text


def test_the_box_is_on_every_page(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    page = browser_as(desk.bob).get("/profile").text
    assert 'action="/search"' in page
    assert 'href="/search"' in page


def test_what_is_shown_of_messages_is_looked_up_however_many_there_are(
    desk: Any, browser_as: Any, now: Any
) -> None:
    ticket_in(desk, "open", "The lamp is broken", now)
    browser = browser_as(desk.bob)

    def ask() -> None:
        assert "<mark>lamp</mark> is broken" in browser.get("/search?q=lamp").text

    (plan,) = plans_of(ask, "substr(messages.text")
    assert not re.search(r"(Seq Scan on|SCAN) messages", plan), plan
