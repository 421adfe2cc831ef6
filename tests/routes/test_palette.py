"""What the palette and the pickers find: only what the reader may see, whatever is typed."""

import re
from html import unescape
from typing import Any

import pytest

from app.database import db, writing
from app.desk import tickets
from app.models.event import CLOCK
from app.models.ticket import Ticket
from tests.stories import fill, ticket_in


def found(browser: Any, path: str, **asked: Any) -> list[str]:
    answer = browser.get(path, query_string=asked)
    assert answer.status_code == 200
    options = re.findall(r'role="option".*?>(.*?)</div>', answer.text, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", option)).split()) for option in options]


@pytest.fixture
def made(desk: Any, now: Any) -> list[int]:
    with writing(desk.board) as board:
        names = ("The lamp flickers", "환불 요청", "Where is my parcel?")
        return [fill(board, desk, "new", name, now).id for name in names]


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [("lamp", [1]), ("LAM", [1]), ("parcel where", [3]), ("seoyeon", [3, 2, 1]), ("환불", [2]), ("환", [2]), ("#3", [3]), ("2", [2]),
     ("is:open", []), ('"', []), ("((", []), ("!!!", []), ("l", []), ("99", [])],
)  # fmt: skip
def test_tickets_are_found_by_number_subject_and_customer(
    typed: str, numbers: list[int], made: list[int], desk: Any, browser_as: Any
) -> None:
    lines = found(browser_as(desk.bob), "/palette", q=typed)
    assert sorted(int(n) for line in lines for n in re.findall(r"#(\d+) · Kim", line)) == sorted(numbers)


def test_what_is_not_for_the_reader_is_not_hinted_at(made: list[int], desk: Any, browser_as: Any) -> None:
    charlie = browser_as(desk.charlie)
    for asked in ({"q": "lamp"}, {"q": "#1"}, {"q": "Support"}, {"q": "alice"}):
        assert found(charlie, "/palette", **asked) == []
    assert not [line for line in found(charlie, "/palette", recent="1,2,3") if "#" in line]
    assert found(charlie, "/palette", q="charlie") == ["Charlie Stone Unresolved tickets"]
    for noun in ("assignee", "column", "priority", "tags"):
        assert charlie.get(f"/tickets/1/choices/{noun}").status_code == 404
    assert browser_as(desk.bob).get("/tickets/1/choices/subject").status_code == 404
    assert "Settings" not in found(browser_as(desk.erin), "/palette", q="settings")


def test_without_a_word_what_was_seen_last_and_what_can_be_done(
    made: list[int], desk: Any, browser_as: Any
) -> None:
    bob = browser_as(desk.bob)
    lines = found(bob, "/palette", recent="3,1,x,,²,999", scope=["page", "card", "nonsense"])
    assert lines[:2] == [
        "Where is my parcel? #3 · Kim Seoyeon · New",
        "The lamp flickers #1 · Kim Seoyeon · New",
    ]
    assert "Assign to me I" in lines
    assert "Support" in lines
    assert not [line for line in found(bob, "/palette", scope="page") if line.startswith("Assign")]
    with writing(desk.row):
        desk.bob.single_keys = False
    assert "Assign to me" in found(bob, "/palette", q="assign to me", scope="card")


def test_pickers_offer_what_the_field_may_be(desk: Any, browser_as: Any, now: Any) -> None:
    ticket = ticket_in(desk, "new", "A lamp", now)
    with writing(desk.board) as board:
        for name in ("lamp", "vip"):
            tickets.add_tag(board, db.session.get_one(Ticket, ticket.id), name, by=CLOCK, now=now)
        tickets.remove_tag(board, db.session.get_one(Ticket, ticket.id), "vip", by=CLOCK, now=now)
    bob, path = browser_as(desk.bob), f"/tickets/{ticket.id}/choices"
    assert found(bob, f"{path}/priority") == ["Urgent", "High", "Normal current", "Low"]
    assert found(bob, f"{path}/column", q="re") == ["Resolved"]
    assert found(bob, f"{path}/assignee", q="nob") == ["Nobody current"]
    assert found(bob, f"{path}/tags") == ["lamp Remove", "vip"]
    assert found(bob, f"{path}/tags", q="Refund") == ["Refund New tag"]
    assert found(bob, f"{path}/tags", q="LAMP") == ["lamp Remove"]
    assert 'data-values="column=4&amp;expected=1"' in bob.get(f"{path}/column?q=resolved").text
