import re
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from app.database import db, writing
from app.desk import people, rules, setup
from app.desk.refused import Refused
from app.models.board import Board, BoardPerson, all_boards
from app.models.calendar import Calendar
from app.models.channel import channels_in_use
from app.models.desk import the_desk
from app.models.event import OPERATOR, Event
from app.models.person import Person, person_by_email

FILLED_IN = {
    "name": "Ada Lund",
    "email": "Ada@Example.com",
    "password": "a lamp in the window",
    "desk_name": "Northlight",
    "board_name": "Support",
    "address": "Help@Example.com",
    "zone": "Europe/Berlin",
    "languages": ["en", "ko"],
}
Open = Callable[..., Any]


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in FILLED_IN.items() if name not in names}


@pytest.mark.parametrize("path", ["/", "/boards/1", "/profile", "/contact", "/nowhere"])
def test_every_page_of_an_empty_desk_leads_there(path: str, browser_as: Open) -> None:
    answer = browser_as().get(path)
    assert (answer.status_code, answer.location) == (303, "/set-up")


def test_an_empty_desk_becomes_one_that_works(browser_as: Open) -> None:
    browser = browser_as()
    assert b"Set up your desk" in browser.get("/set-up").data
    answer = browser.post("/set-up", data=FILLED_IN)
    assert (answer.status_code, answer.location) == (303, "/")
    desk, admin = the_desk(), person_by_email("ada@example.com")
    assert desk is not None
    assert admin is not None
    assert (desk.name, desk.languages) == ("Northlight", ["en", "ko"])
    assert (admin.role, admin.zone, admin.locale) == ("admin", "Europe/Berlin", "en")
    [board] = all_boards()
    assert [column.state for column in board.columns] == ["new", "open", "waiting", "resolved", "archived"]
    assert [channel.address for channel in channels_in_use("email")] == ["help@example.com"]
    assert len(channels_in_use("form")) == len(channels_in_use("manual")) == 1
    assert db.session.scalars(select(Calendar)).one().hours["zone"] == "Europe/Berlin"
    assert db.session.scalars(select(BoardPerson.person_id)).all() == [admin.id]
    assert browser.get(f"/boards/{board.id}").status_code == 200


def test_it_is_gone_afterwards(browser_as: Open) -> None:
    browser_as().post("/set-up", data=FILLED_IN)
    stranger = browser_as()
    assert stranger.get("/set-up").status_code == 404
    assert stranger.post("/set-up", data=FILLED_IN | {"email": "eve@example.com"}).status_code == 404
    assert person_by_email("eve@example.com") is None


def test_it_speaks_korean(browser_as: Open) -> None:
    browser = browser_as()
    browser.post("/set-up", data=FILLED_IN, headers={"Accept-Language": "ko"})
    admin = person_by_email("ada@example.com")
    assert admin is not None
    assert admin.locale == "ko"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "   ", "This field is required."),
        ("email", "ada", "This is not an e-mail address."),
        ("password", "short", "12"),
        ("desk_name", "", "This field is required."),
        ("desk_name", "N" * 61, "longer than 60"),
        ("board_name", "", "This field is required."),
        ("address", "help at example", "This is not an e-mail address."),
        ("zone", "Europe/Atlantis", "Not a valid choice."),
        ("languages", [], "Choose at least one language."),
        ("languages", ["xx"], "not a valid choice"),
    ],
)
def test_wrong_values_are_said_and_kept(field: str, value: Any, said: str, browser_as: Open) -> None:
    answer = browser_as().post("/set-up", data=FILLED_IN | {field: value})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert said in page.replace("&#39;", "'")
    assert 'value="Northlight"' in page or field == "desk_name"
    assert FILLED_IN["password"] not in page
    assert all_boards() == []
    assert db.session.scalar(select(func.count()).select_from(Person)) == 0


def test_an_admin_made_by_the_command_signs_in_first(app: Any, now: datetime, browser_as: Open) -> None:
    with writing(setup.ensure_desk(now)) as desk:
        admin = people.add(
            desk,
            name="Ada Lund",
            email="ada@example.com",
            role="admin",
            password="a lamp in the window",
            by=OPERATOR,
            now=now,
        )
    stranger = browser_as()
    assert stranger.get("/set-up").location == "/sign-in?next=/set-up"
    assert (
        stranger.post("/set-up", data=FILLED_IN | {"email": "eve@example.com"}).location
        == "/sign-in?next=/set-up"
    )
    assert stranger.get("/sign-in").status_code == 200
    browser = browser_as(admin)
    assert b'name="password"' not in browser.get("/set-up").data
    answer = browser.post("/set-up", data=without("name", "email", "password"))
    assert (answer.status_code, answer.location) == (303, "/")
    assert db.session.scalars(select(Person.email)).all() == ["ada@example.com"]
    assert len(all_boards()) == 1


@pytest.mark.parametrize(
    ("chosen", "added"),
    [([], []), (["korean", "refund"], ["Written in Korean", "Wants money back"])],
)
def test_rules_are_chosen_to_begin_with(browser_as: Open, chosen: list[str], added: list[str]) -> None:
    browser = browser_as()
    page = browser.get("/set-up").text
    assert "Wants money back" in page
    assert "Add the tag refund" in page
    assert re.search(': reminder <span class="chip[^>]*>writes to customers<', page)
    assert page.count("writes to customers") == 1
    assert not re.search(r'name="starters"[^>]*checked', page)
    assert browser.post("/set-up", data={**FILLED_IN, "starters": ["nonsense"]}).status_code == 422
    assert browser.post("/set-up", data={**FILLED_IN, "starters": chosen}).status_code == 303
    assert [(rule.name, rule.enabled) for rule in rules.in_order()] == [(name, True) for name in added]


def test_an_agent_alone_cannot_set_up_but_does_not_stop_it(app: Any, now: datetime, browser_as: Open) -> None:
    with writing(setup.ensure_desk(now)) as desk:
        agent = people.add(desk, name="Bob", email="bob@example.com", role="agent", by=OPERATOR, now=now)
    assert b'name="password"' in browser_as(agent).get("/set-up").data
    assert browser_as().post("/set-up", data=FILLED_IN).status_code == 303
    assert {person.role for person in db.session.scalars(select(Person))} == {"agent", "admin"}


def test_whoever_is_second_is_told_so(app: Any, now: datetime) -> None:
    values: dict[str, Any] = {
        "name": "Northlight",
        "languages": ["en"],
        "admin": None,
        "board_name": "Support",
        "address": "help@example.com",
        "zone": "UTC",
        "now": now,
    }
    accounts = [
        {"name": name, "email": f"{name}@example.com", "password": "a lamp in the window", "locale": "en"}
        for name in ("ada", "eve")
    ]
    with writing(setup.ensure_desk(now)) as desk:
        setup.begin(desk, account=accounts[0], **values)
    with pytest.raises(Refused, match="set up already") as refused, writing(setup.ensure_desk(now)) as desk:
        setup.begin(desk, account=accounts[1], **values)
    assert refused.value.status == 409
    assert person_by_email("eve@example.com") is None


def test_two_at_the_same_instant_make_one_desk(app: Any, browser_as: Open) -> None:
    starting, answers = threading.Barrier(2), []

    def set_up(email: str) -> None:
        browser = app.test_client()
        starting.wait()
        with app.app_context():
            answers.append(browser.post("/set-up", data=FILLED_IN | {"email": email}).status_code)

    threads = [
        threading.Thread(target=set_up, args=(email,)) for email in ("ada@example.com", "eve@example.com")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(303) == 1
    assert set(answers) <= {303, 404, 409}
    assert db.session.scalar(select(func.count()).select_from(Board)) == 1
    assert db.session.scalar(select(func.count()).select_from(Person)) == 1
    assert db.session.scalar(select(func.count()).where(Event.kind == "desk.set-up")) == 1
