"""The rota over the web: what is shown to whom, the manager's form with its preview, and covering a shift."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.models.person import Person
from app.models.rota import RotaVersion
from app.models.ticket import Ticket
from tests.duty import publish, shifts
from tests.small import SmallDesk
from tests.stories import ticket_in

Open = Callable[..., Any]


def the_form(*people: Person, **other: str) -> dict[str, Any]:
    sent = {
        "zone": "Europe/Berlin",
        "weekday": "0",
        "time": "09:00",
        "start": "next",
        "do": "preview",
    } | other
    return {**sent, "people": [str(person.id) for person in people]}


def digest_in(page: Any) -> str:
    found = re.search(r'name="digest" value="(\w+)"', page.text)
    assert found
    return found[1]


def order_in(page: Any) -> list[int]:
    return [int(one) for one in re.findall(r'name="people" value="(\d+)"', page.text)]


def test_before_the_first_rota(desk: SmallDesk, browser_as: Open) -> None:
    page = browser_as(desk.alice).get("/rota")
    assert page.status_code == 200
    assert "Nobody takes turns yet" in page.text
    assert "Nobody is on call" in page.text
    assert "Make the first rota" in page.text
    assert "Make the first rota" not in browser_as(desk.bob).get("/rota").text


def test_the_lanes(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    publish(desk, [desk.bob, desk.erin, desk.alice], now)
    page = browser_as(desk.bob).get("/rota")
    assert "On call <strong>Bob Reyes</strong>" in page.text
    assert "Hand-over: Monday 09:00, Europe/Berlin" in page.text
    assert page.text.count('scope="col"') == 13
    assert page.text.count("is-mine") > 4
    assert "Covers" not in page.text
    assert "Change the rota" not in page.text


def test_who_takes_turns_sees_the_rota(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    """Erin is a member: nothing of the rota concerns her before she stands in its order."""
    assert browser_as(desk.erin).get("/rota").status_code == 404
    publish(desk, [desk.bob, desk.erin], now)
    assert browser_as(desk.erin).get("/rota").status_code == 200


def test_a_gap_is_shown(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    with writing(desk.row):
        desk.bob.deactivated_at = now
    page = browser_as(desk.alice).get("/rota")
    assert "is-gap" in page.text
    assert "Bob Reyes has left" in page.text


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ("up-{erin}", ["erin", "bob", "alice"]),
        ("down-{erin}", ["bob", "alice", "erin"]),
        ("up-{bob}", ["bob", "erin", "alice"]),
        ("remove-{erin}", ["bob", "alice"]),
        ("remove-999", ["bob", "erin", "alice"]),
        ("up-x", ["bob", "erin", "alice"]),
        ("add", ["bob", "erin", "alice", "dana"]),
    ],
)
def test_the_order_is_edited_without_script(
    desk: SmallDesk, browser_as: Open, do: str, expected: list[str]
) -> None:
    do = do.format(bob=desk.bob.id, erin=desk.erin.id)
    sent = the_form(desk.bob, desk.erin, desk.alice, do=do, add=str(desk.dana.id), time="18:30")
    page = browser_as(desk.alice).post("/rota/edit", data=sent)
    assert page.status_code == 200
    assert order_in(page) == [getattr(desk, name).id for name in expected]
    assert 'value="18:30"' in page.text
    assert db.session.scalars(select(RotaVersion)).all() == []


def test_preview_then_publish(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    ticket = ticket_in(desk, "new", "A lamp", now)
    with writing(desk.board):
        db.session.get_one(Ticket, ticket.id).wake_at = None
    browser = browser_as(desk.alice)
    page = browser.post("/rota/edit", data=the_form(desk.bob, desk.erin))
    assert page.status_code == 200
    assert "Next hand-overs" in page.text
    assert shifts() == []
    sent = the_form(desk.bob, desk.erin, do="publish", digest=digest_in(page))
    answer = browser.post("/rota/edit", data=sent)
    assert (answer.status_code, answer.location) == (303, "/rota")
    assert shifts()[0].person_id == desk.bob.id
    assert db.session.get_one(Ticket, ticket.id).wake_at is not None  # it is looked at again
    assert "The rota is published" in browser.get("/rota").text


def test_a_stale_preview_is_409_and_shows_a_new_one(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    browser = browser_as(desk.alice)
    old = digest_in(browser.post("/rota/edit", data=the_form(desk.bob, desk.erin)))
    publish(desk, [desk.dana, desk.bob], now)
    answer = browser.post("/rota/edit", data=the_form(desk.bob, desk.erin, do="publish", digest=old))
    assert answer.status_code == 409
    assert "Look at it again" in answer.text
    assert digest_in(answer) != old
    assert {shift.person_id for shift in shifts()} == {desk.dana.id, desk.bob.id}
    again = the_form(desk.bob, desk.erin, do="publish", digest=digest_in(answer))
    assert browser.post("/rota/edit", data=again).status_code == 303


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time": "25:00"}, "is not a time"),
        ({"time": ""}, "This field is required."),
        ({"zone": "Mars/Olympus"}, "Not a valid choice."),
        ({"weekday": "9"}, "Not a valid choice."),
        ({"start": "yesterday"}, "Not a valid choice."),
    ],
)
def test_wrong_values_are_kept_and_named(
    desk: SmallDesk, browser_as: Open, wrong: dict[str, str], said: str
) -> None:
    page = browser_as(desk.alice).post("/rota/edit", data=the_form(desk.bob, desk.erin, **wrong))
    assert page.status_code == 422
    assert said in page.text
    assert order_in(page) == [desk.bob.id, desk.erin.id]


def test_who_has_left_is_named_in_the_order(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    with writing(desk.row):
        desk.bob.deactivated_at = now
    page = browser_as(desk.alice).post("/rota/edit", data=the_form(desk.bob, desk.erin))
    assert page.status_code == 422
    assert "Somebody in this order does not work here any more." in page.text


def test_a_rota_of_nobody_says_what_it_means(desk: SmallDesk, browser_as: Open) -> None:
    page = browser_as(desk.alice).post("/rota/edit", data=the_form())
    assert page.status_code == 200
    assert "Nobody would be on call." in page.text


# ---- One shift


def cover(browser: Any, shift_id: int, person: Person | str, expected: Person) -> Any:
    chosen = person if isinstance(person, str) else str(person.id)
    return browser.post(f"/shifts/{shift_id}/cover", data={"person": chosen, "expected": str(expected.id)})


def test_a_manager_gives_a_shift(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    shift, browser = shifts()[0], browser_as(desk.alice)
    assert "Who covers it" in browser.get(f"/shifts/{shift.id}/cover").text
    answer = cover(browser, shift.id, desk.charlie, desk.bob)
    assert (answer.status_code, answer.location) == (303, "/rota")
    page = browser.get("/rota").text
    assert "Charlie Stone has the shift now." in page
    assert "for Bob Reyes" in page


def test_who_takes_turns_takes_a_shift_over(desk: SmallDesk, now: datetime, browser_as: Open) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    shift, browser = shifts()[0], browser_as(desk.erin)
    assert "Take this shift" in browser.get(f"/shifts/{shift.id}/cover").text
    assert cover(browser, shift.id, desk.erin, desk.bob).status_code == 303
    assert shifts()[0].person_id == desk.erin.id


def test_nobody_but_a_manager_gives_shifts_to_others(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    for person, to in ((desk.erin, desk.alice), (desk.bob, desk.erin), (desk.charlie, desk.charlie)):
        assert cover(browser_as(person), shifts()[0].id, to, desk.bob).status_code == 403
    assert shifts()[0].person_id == desk.bob.id


def test_a_shift_that_somebody_else_has_taken_meanwhile(
    desk: SmallDesk, now: datetime, browser_as: Open
) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    shift = shifts()[0]
    cover(browser_as(desk.alice), shift.id, desk.charlie, desk.bob)
    answer = cover(browser_as(desk.erin), shift.id, desk.erin, desk.bob)
    assert answer.status_code == 409
    assert "Somebody else has taken this shift meanwhile." in answer.text
    assert "Charlie Stone" in answer.text


def test_a_shift_that_is_over(desk: SmallDesk, now: datetime, browser_as: Open, travel: Any) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    travel.move_to(now + timedelta(weeks=2))
    shift, browser = shifts()[0], browser_as(desk.alice)
    assert "This shift is over." in browser.get(f"/shifts/{shift.id}/cover").text
    answer = cover(browser, shift.id, desk.charlie, desk.bob)
    assert answer.status_code == 422
    assert "This shift is over." in answer.text
    assert shifts()[0].person_id == desk.bob.id


@pytest.mark.parametrize("person", ["", "x", "999999"])
def test_a_cover_by_nobody(desk: SmallDesk, now: datetime, browser_as: Open, person: str) -> None:
    publish(desk, [desk.bob, desk.erin], now)
    assert cover(browser_as(desk.alice), shifts()[0].id, person, desk.bob).status_code == 422


def test_there_is_no_such_shift(desk: SmallDesk, browser_as: Open) -> None:
    assert browser_as(desk.alice).get("/shifts/77/cover").status_code == 404
