"""Many tickets changed at once: each by itself, whoever may not see one learns nothing of it, and one undo for all."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select

from app.database import db, writing
from app.desk import history, snoozes, tickets
from app.models import conversation
from app.models.board import STATES, Board, BoardPerson, Column
from app.models.event import Event
from app.models.team import Team
from app.models.ticket import Ticket
from tests.desk.boards import ticket_on
from tests.small import SmallDesk
from tests.stories import fill

JSON = {"Accept": "application/json"}


@pytest.fixture
def some(desk: SmallDesk, now: datetime) -> list[int]:
    with writing(desk.board) as board:
        return [fill(board, desk, "new", f"Lamp {number}", now).id for number in range(4)]


def other_board(desk: SmallDesk, now: datetime, *people: Any, name: str = "Wholesale") -> Board:
    with writing(desk.row):
        board = Board(name=name, created_at=now)
        board.columns = [
            Column(name=name, state=state, position=place, is_default=True)
            for place, (state, name) in enumerate(STATES.items())
        ]
        db.session.add(board)
        db.session.flush()
        db.session.add_all(BoardPerson(board_id=board.id, person_id=person.id) for person in people)
    return board


def values(name: str, numbers: list[int]) -> set[Any]:
    db.session.rollback()
    db.session.expire_all()
    return {getattr(db.session.get_one(Ticket, number), name) for number in numbers}


@pytest.mark.parametrize(
    ("do", "more", "name", "after"),
    [
        ("column:resolved", {}, "state", "resolved"),
        ("priority:3", {}, "priority", 3),
        ("tag", {"tag": "Refund"}, "tag_names", "refund"),
        ("snooze:tomorrow", {}, "snoozed_until", "tomorrow"),
        ("assignee:alice", {}, "assignee_id", "alice"),
        ("team:team", {}, "team_id", "team"),
    ],
)
def test_each_action_and_its_undo(
    do: str, more: Any, name: str, after: Any, bob: Any, some: list[int], desk: SmallDesk, now: datetime
) -> None:
    with writing(desk.row):
        team = Team(name="Returns", created_at=now)
        db.session.add(team)
    named = {
        "alice": desk.alice.id,
        "team": team.id,
        "tomorrow": snoozes.chosen("tomorrow", now, desk.bob.zone),
    }
    do = do.replace("alice", str(desk.alice.id)).replace(":team", f":{team.id}")
    field = "id" if name == "tag_names" else name
    before = values(field, some)
    answer = bob.post("/tickets/bulk", data={"do": do, "ids": ",".join(map(str, some)), **more}, headers=JSON)
    assert (answer.status_code, answer.json["text"]) == (200, "4 tickets changed.")
    assert (answer.json["failed"], answer.json["left"]) == ([], [])
    if name == "tag_names":
        assert all([t.name for t in db.session.get_one(Ticket, number).tags] == [after] for number in some)
        bob.post("/tickets/bulk", data={"do": "untag", "tag": "refund", "ids": some})
        assert not any(db.session.get_one(Ticket, number).tags for number in some)
    else:
        assert values(field, some) == {named.get(after, after)}
        undone = bob.post(answer.json["undo"], headers=JSON)
        assert undone.json["text"] == "4 tickets are as they were."
    assert values(field, some) == before


def test_250_on_two_boards_with_three_failures_and_one_undo(bob: Any, desk: SmallDesk, now: datetime) -> None:
    """As a script asks: a hundred at a time. What one may not see is not found, and is not touched."""
    other = other_board(desk, now, desk.bob)
    hidden = other_board(desk, now)
    with writing(desk.board) as board:
        numbers = [fill(board, desk, "new", f"Lamp {n}", now).id for n in range(150)]
    for there, count in ((other, 98), (hidden, 1)):
        with writing(Board(id=there.id)) as board:
            numbers += [fill(board, desk, "new", f"Lamp {n}", now).id for n in range(count)]
    with writing(desk.board) as board:  # one that has as many tags as a ticket may have
        for n in range(tickets.MOST_TAGS):
            tickets.add_tag(board, db.session.get_one(Ticket, numbers[7]), f"t{n}", by=desk.bob.by, now=now)
    numbers += [999_999]
    asked = {"do": "tag", "tag": "sale", "ids": ",".join(map(str, numbers))}
    steps, failed, said = 0, [], None
    while said is None or said["left"]:
        said = bob.post("/tickets/bulk", data=asked, headers=JSON).json
        asked |= {"ids": ",".join(map(str, said["left"])), "undo": said["token"], "done": said["done"]}
        failed += said["failed"]
        steps += 1
    assert (steps, said["done"], said["text"]) == (3, 247, "247 tickets changed.")
    assert {one["number"] for one in failed} == {numbers[7], numbers[-2], 999_999}
    assert [one["text"] for one in failed if one["number"] == numbers[7]] == ["A ticket has at most 30 tags."]
    tagged = select(func.count()).where(
        Event.kind == "ticket.tagged", Event.changes["tag"][1].as_string() == "sale"
    )
    assert db.session.scalar(tagged) == 247
    with writing(desk.board) as board:  # somebody is faster
        tickets.remove_tag(board, db.session.get_one(Ticket, numbers[0]), "sale", by=desk.alice.by, now=now)
    undone = bob.post(said["undo"], headers=JSON).json
    assert undone["text"].startswith("246 tickets are as they were. 1 is not, such as")
    db.session.rollback()
    db.session.expire_all()
    left = [n for n in numbers[:-1] if "sale" in {tag.name for tag in db.session.get_one(Ticket, n).tags}]
    assert left == []


def test_all_that_match(bob: Any, some: list[int], desk: SmallDesk, now: datetime) -> None:
    """The query is asked anew, whatever was shown: on a board only what the board shows."""
    with writing(desk.board) as board:
        tickets.move(
            board,
            db.session.get_one(Ticket, some[0]),
            to=desk.columns["archived"].id,
            by=desk.bob.by,
            now=now,
        )
    done = bob.post(
        "/tickets/bulk",
        data={"do": "priority:2", "all": "1", "q": "lamp", "board": desk.board.id},
        headers=JSON,
    )
    assert done.json["text"] == "3 tickets changed."
    assert values("priority", some[:1]) == {1}
    shown = bob.get("/tickets/bulk?q=lamp", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "All 4 that match" in shown
    wrong = bob.post("/tickets/bulk", data={"do": "priority:2", "all": "1", "q": "is:"}, headers=JSON)
    assert wrong.status_code == 422


def test_without_script(bob: Any, some: list[int], desk: SmallDesk, browser_as: Any) -> None:
    """The board's form leads to a page with what was chosen; that leads back, or says what could not be done."""
    page = bob.get("/tickets/bulk", query_string={"ids": some[:2], "board": desk.board.id})
    assert re.findall(r'name="ids" value="(\d+)" checked', page.get_data(as_text=True)) == [
        str(number) for number in reversed(some[:2])
    ]
    done = bob.post(
        "/tickets/bulk",
        data={"do": "priority:3", "ids": some[:2]},
        headers={"Referer": "http://localhost/tickets?q=lamp"},
    )
    assert (done.status_code, done.headers["Location"]) == (303, "/tickets?q=lamp")
    assert 'action="/undo/' in bob.get("/tickets").get_data(as_text=True)
    some_fail = bob.post("/tickets/bulk", data={"do": "priority:2", "ids": [some[0], 4711]})
    said = unescape(some_fail.get_data(as_text=True))
    assert some_fail.status_code == 200
    assert "1 ticket changed." in said
    assert "There is nothing here, or it is not for you." in said
    assert bob.post("/tickets/bulk", data={"do": "untag", "tag": "never", "ids": some}).status_code == 409
    outsider = browser_as(desk.charlie)
    assert outsider.post("/tickets/bulk", data={"do": "priority:0", "ids": some}).status_code == 409
    assert values("priority", some[2:]) == {1}


def test_two_people_at_once(bob: Any, some: list[int], desk: SmallDesk, browser_as: Any) -> None:
    """What a colleague has changed since is not undone, the rest is."""
    done = bob.post("/tickets/bulk", data={"do": "column:open", "ids": some}, headers=JSON).json
    browser_as(desk.alice).post("/tickets/bulk", data={"do": "column:waiting", "ids": some[:1]})
    undone = bob.post(done["undo"], headers=JSON).json
    assert f"#{some[0]}: Alice Moor moved this to Waiting" in undone["text"]
    assert (values("state", some[:1]), values("state", some[1:])) == ({"waiting"}, {"new"})


def test_spam_and_its_undo(bob: Any, some: list[int], desk: SmallDesk) -> None:
    """Asked about first, with the number; then each as if it were put away alone."""
    asked = {"do": "spam", "ids": ",".join(map(str, some))}
    question = bob.post("/tickets/bulk", data=asked)
    assert (question.status_code, "Put 4 tickets away as spam" in question.text) == (200, True)
    assert bob.post("/tickets/bulk", data=asked, headers=JSON).status_code == 422
    assert values("state", some) == {"new"}
    said = bob.post("/tickets/bulk", data={**asked, "really": "yes"}, headers=JSON).json
    assert (said["text"], values("state", some)) == ("4 tickets are put away as spam.", {"archived"})
    assert bob.post(said["undo"], headers=JSON).json["text"] == "4 tickets are as they were."
    assert values("state", some) == {"new"}
    assert not any(db.session.get_one(Ticket, number).tags for number in some)


def test_what_managers_delete_is_taken_back_by_one_undo(
    some: list[int], desk: SmallDesk, now: datetime, browser_as: Any
) -> None:
    """Alice manages one board and works on no other: what is not hers to delete is listed, with why."""
    other = other_board(desk, now, desk.bob)
    with writing(Board(id=other.id)) as board:
        hidden = fill(board, desk, "new", "Prices", now).id
    alice, bob = browser_as(desk.alice), browser_as(desk.bob)
    sheet = {"HX-Request": "true"}
    shown = [who.get("/tickets/bulk", headers=sheet).text for who in (alice, bob)]
    assert ['value="delete"' in text for text in shown] == [True, False]
    asked = {"do": "delete", "ids": ",".join(map(str, [*some, hidden]))}
    assert "Delete 4 tickets" in alice.post("/tickets/bulk", data=asked, headers=sheet).text
    refused = bob.post("/tickets/bulk", data={**asked, "really": "yes"}, headers=JSON).json
    assert {one["text"] for one in refused["failed"]} == {
        "You may see this but not change it. Ask an admin of this desk."
    }
    assert values("board_id", some) == {desk.board.id}
    said = alice.post("/tickets/bulk", data={**asked, "really": "yes"}, headers=JSON).json
    assert (said["text"], [one["number"] for one in said["failed"]]) == ("4 tickets are deleted.", [hidden])
    assert values("board_id", some) == {None}
    assert bob.post(said["undo"], headers=JSON).status_code == 403
    assert alice.post(said["undo"], headers=JSON).json["text"] == "4 tickets are as they were."
    assert (values("board_id", some), values("state", some)) == ({desk.board.id}, {"new"})
    told = [line.sentences for line in history.told(conversation.events_of(some[0], history.SHOWN))]
    assert told[-1][-1].endswith("undid: deleted the ticket")
    again = alice.post(said["undo"], headers=JSON)
    assert (again.status_code, again.json["text"]) == (409, "Alice Moor has undone this already.")


def test_nothing_of_a_deleted_ticket_is_undone_but_that_it_was_deleted(
    bob: Any, some: list[int], desk: SmallDesk, browser_as: Any
) -> None:
    done = bob.post("/tickets/bulk", data={"do": "priority:3", "ids": some[0]}, headers=JSON).json
    alice = browser_as(desk.alice)
    gone = alice.post(f"/tickets/{some[0]}/deletion", data={"really": "yes"})
    assert gone.status_code == 303
    for browser in (bob, alice):
        assert browser.post(done["undo"], headers=JSON).status_code == 404
    assert values("priority", some[:1]) == {3}


def test_merge_into_the_one_that_was_chosen(
    bob: Any, some: list[int], desk: SmallDesk, now: datetime
) -> None:
    """The oldest is offered first. What is merged already, another customer's, or not for Bob, is listed with why. One undo
    makes all of them again."""
    hidden = other_board(desk, now)
    with writing(Board(id=hidden.id)) as board:
        secret = fill(board, desk, "new", "Prices", now).id
    elsewhere = ticket_on(other_board(desk, now, desk.bob, name="Retail"), desk, "Lamp, too", now).id
    lee = ticket_on(desk.board, desk, "Bulb", now, address="lee@example.org").id
    chosen = ",".join(map(str, [*some, lee, elsewhere, secret]))
    question = bob.post("/tickets/bulk", data={"do": "merge", "ids": chosen}).text
    assert re.findall(r'value="merge:(\d+)"', question) == [str(n) for n in (*some, elsewhere, lee)]
    assert ("Merge 6 tickets into one" in question, 'name="anyway"' in question) == (True, True)
    asked = {"do": f"merge:{some[1]}", "ids": chosen, "really": "yes"}
    said = bob.post("/tickets/bulk", data=asked, headers=JSON).json
    assert said["text"] == f"4 tickets were merged into #{some[1]}."
    whole = said["undo"]
    assert {one["number"]: one["text"].split(":")[0] for one in said["failed"]} == {
        lee: f"#{some[1]} is of another customer",
        secret: "There is nothing here, or it is not for you.",
    }
    assert values("merged_into_id", [some[0], *some[2:], elsewhere]) == {some[1]}
    assert values("message_count", [some[1]]) == {5}
    late = bob.post("/tickets/bulk", data={"do": "priority:3", "ids": some[0]}, headers=JSON).json
    assert late["failed"][0]["text"] == f"This ticket was merged into #{some[1]}. Go on there."
    said = bob.post("/tickets/bulk", data={**asked, "ids": lee, "anyway": "yes"}, headers=JSON).json
    assert said["text"] == f"1 ticket was merged into #{some[1]}."
    alone = bob.post(said["undo"], headers=JSON).json
    assert alone["text"] == f"#{some[1]}: undid: merged #{lee} into it"
    assert bob.post(whole, headers=JSON).status_code == 200
    assert values("merged_into_id", [*some, elsewhere, lee]) == {None}
    assert values("message_count", some) == {1}
    into_secret = {"do": f"merge:{secret}", "ids": some[1], "really": "yes"}
    refused = bob.post("/tickets/bulk", data=into_secret, headers=JSON).json
    assert refused["failed"][0]["text"] == f"There is no ticket #{secret}, or it is not for you."


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 422),
        ({"do": "priority:3"}, 422),
        ({"do": "priority:3", "ids": "x"}, 422),
        ({"do": "priority:3", "ids": ",".join(map(str, range(1, 10_001)))}, 422),
        ({"do": "priority:3", "ids": "1" * 30}, 422),
        ({"do": "priority:9", "ids": "1"}, 422),
        ({"do": "column:", "ids": "1"}, 422),
        ({"do": "assignee:999", "ids": "1"}, 422),
        ({"do": "tag", "tag": "", "ids": "1"}, 422),
        ({"do": "snooze:never", "ids": "1"}, 422),
        ({"do": "explode:1", "ids": "1"}, 422),
        ({"do": "merge", "ids": "1", "really": "yes"}, 422),
        ({"do": "merge:x", "ids": "1", "really": "yes"}, 422),
        ({"do": "merge:1", "ids": ",".join(map(str, range(1, 102))), "really": "yes"}, 422),
        ({"do": "delete:1", "ids": "1", "really": "yes"}, 422),
    ],
)
def test_what_is_no_choice_is_refused(data: Any, status: int, bob: Any, some: list[int]) -> None:
    answer = bob.post("/tickets/bulk", data=data, headers=JSON)
    assert (answer.status_code, bool(answer.json["text"])) == (status, True)
    assert values("priority", some) == {1}


def test_who_cannot_see_a_board_is_not_given_its_tickets(bob: Any, some: list[int], desk: SmallDesk) -> None:
    answer = bob.post("/tickets/bulk", data={"do": f"assignee:{desk.charlie.id}", "ids": some}, headers=JSON)
    assert {one["text"] for one in answer.json["failed"]} == {
        "That person cannot see this board. Choose somebody who belongs to it."
    }


def test_ten_minutes_for_all(bob: Any, some: list[int], travel: Any) -> None:
    done = bob.post("/tickets/bulk", data={"do": "priority:3", "ids": some}, headers=JSON).json
    travel.shift(timedelta(minutes=11))
    assert bob.post(done["undo"], headers=JSON).status_code == 409
