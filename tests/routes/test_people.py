import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import sign_ins
from app.models.board import BoardPerson
from app.models.person import Person, SignIn, person_by_email
from tests.small import PASSWORD, SmallDesk

NEW = "seven quiet rivers"
FINN = {
    "name": "Finn Berg",
    "email": "Finn@example.com",
    "role": "agent",
    "languages": ["de", "en"],
    "zone": "Europe/Berlin",
    "locale": "en",
    "ends_on": "",
}


def link_in(page: str) -> str:
    found = re.search(r'value="http://127\.0\.0\.1:\d+(/invitations/[^"]+)"', page)
    assert found, page
    return found[1]


def test_the_story_of_a_newcomer(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    admin, finn = browser_as(desk.dana), browser_as()
    assert admin.get("/people/new").status_code == 200
    added = admin.post("/people", data={**FINN, "boards": [desk.board.id]})
    assert added.status_code == 201
    assert added.headers["Cache-Control"] == "no-store"
    link = link_in(added.text)
    assert link not in admin.get("/people").text  # shown once
    shown = finn.get(link)
    assert shown.status_code == 200
    assert "finn@example.com" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    weak = finn.post(link, data={"password": "password1234"})
    assert weak.status_code == 422
    assert "easy to guess" in weak.text
    assert finn.post(link, data={}).status_code == 422
    assert finn.post(link, data={"password": NEW}).headers["Location"] == "/"
    assert "Finn Berg" in finn.get("/profile").text
    again = browser_as().get(link)
    assert again.status_code == 404
    assert "used already" in again.text
    assert browser_as().post(link, data={"password": "another quiet river"}).status_code == 404
    other = browser_as()
    assert other.post("/sign-in", data={"email": "finn@example.com", "password": NEW}).status_code == 303
    boards = select(BoardPerson.board_id).join(Person, Person.id == BoardPerson.person_id)
    assert db.session.scalars(boards.where(Person.name == "Finn Berg")).all() == [desk.board.id]


def test_languages_are_told_by_name(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    with writing(desk.board):
        db.session.get_one(Person, desk.bob.id).languages = ["ko", "de"]
    assert "Korean, German</td>" in browser_as(desk.dana).get("/people").text


def test_choosing_a_password_signs_out_whoever_sat_there(
    desk: SmallDesk, browser_as: Callable[..., Any]
) -> None:
    admin = browser_as(desk.dana)
    link = link_in(admin.post(f"/people/{desk.bob.id}/invitation").text)
    assert admin.post(link, data={"password": NEW}).status_code == 303
    assert "Bob Reyes" in admin.get("/profile").text
    assert sign_ins.of(desk.dana, desk.dana.created_at) == []


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"name": "  "}, "This field is required."),
        ({"name": "x" * 101}, "cannot be longer than 100"),
        ({"email": "finn"}, "This is not an e-mail address."),
        ({"email": "bob@example.com"}, "Bob Reyes has this address already."),
        ({"role": "owner"}, "Not a valid choice."),
        ({"role": None}, "Not a valid choice."),
        ({"zone": "Mars/Olympus"}, "Not a valid choice."),
        ({"locale": "xx"}, "Not a valid choice."),
        ({"languages": ["de", "zz"]}, "is not a valid choice for this field."),
        ({"boards": ["999"]}, "is not a valid choice for this field."),
        ({"boards": ["one"]}, "could not be coerced"),
        ({"ends_on": "tomorrow"}, "Not a valid date value."),
        ({"ends_on": "2020-01-01"}, "This day is over."),
    ],
)
def test_a_wrong_value_is_said_in_place_and_the_others_kept(
    desk: SmallDesk, browser_as: Callable[..., Any], values: dict[str, Any], shown: str
) -> None:
    sent = {name: value for name, value in {**FINN, **values}.items() if value is not None}
    answer = browser_as(desk.dana).post("/people", data=sent)
    assert answer.status_code == 422
    assert shown in answer.text
    assert 'aria-invalid="true"' in answer.text or "is-wrong" in answer.text
    if "name" not in values:
        assert 'value="Finn Berg"' in answer.text
    assert db.session.scalars(select(Person).where(Person.name.like("Finn%"))).all() == []


def test_an_admin_changes_a_person(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    admin = browser_as(desk.dana)
    page = admin.get(f"/people/{desk.bob.id}").text
    assert 'value="bob@example.com"' in page
    sent = {**FINN, "name": "Bob R.", "email": "bob@example.com", "role": "manager", "ends_on": "2026-12-24"}
    assert admin.post(f"/people/{desk.bob.id}", data=sent).headers["Location"] == "/people"
    shown = admin.get("/people").text
    assert "Bob R. is changed." in shown
    assert "until 2026-12-24" in shown
    assert 'value="2026-12-24"' in admin.get(f"/people/{desk.bob.id}").text
    assert desk.bob.role == "manager"


def test_the_last_admin_is_told_why_not(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    admin = browser_as(desk.dana)
    answer = admin.post(f"/people/{desk.dana.id}", data={**FINN, "email": desk.dana.email, "role": "agent"})
    assert answer.status_code == 422
    assert "Somebody must remain who is an admin" in answer.text
    answer = admin.post(f"/people/{desk.dana.id}/deactivation")
    assert answer.status_code == 422
    assert desk.dana.role == "admin"


def test_ending_access_signs_out_at_once(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    admin, bob = browser_as(desk.dana), browser_as(desk.bob)
    assert bob.get("/profile").status_code == 200
    assert admin.post(f"/people/{desk.bob.id}/deactivation").status_code == 303
    assert bob.get("/profile").status_code == 303
    assert "Give access back" in admin.get(f"/people/{desk.bob.id}").text
    assert admin.post(f"/people/{desk.bob.id}/invitation").status_code == 409
    assert admin.post(f"/people/{desk.bob.id}/reactivation").status_code == 303
    assert bob.get("/profile").status_code == 303
    form = {"email": "bob@example.com", "password": PASSWORD}
    assert bob.post("/sign-in", data=form).headers["Location"] == "/"


def test_a_manager_sees_the_people_of_their_boards(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    page = browser_as(desk.alice).get("/people").text
    assert "bob@example.com" in page
    assert "charlie@example.com" not in page
    assert "/people/new" not in page
    assert f"/people/{desk.bob.id}" not in page


@pytest.mark.parametrize("person_id", [0, 999_999])
@pytest.mark.parametrize("what", ["", "/invitation", "/deactivation", "/reactivation"])
def test_nobody_has_this_number(
    desk: SmallDesk, browser_as: Callable[..., Any], person_id: int, what: str
) -> None:
    assert browser_as(desk.dana).post(f"/people/{person_id}{what}", data=FINN).status_code == 404


def test_a_person_changes_their_own_profile(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    bob = browser_as(desk.bob)
    sent = {
        "name": "Bob R.",
        "languages": ["ko"],
        "zone": "Asia/Seoul",
        "locale": "ko",
        "theme": "dark",
        "role": "admin",
        "email": "x@x.org",
    }
    assert bob.post("/profile", data=sent).headers["Location"] == "/profile"
    assert 'lang="ko" data-theme="dark" data-zone="Asia/Seoul"' in bob.get("/profile").text
    assert (desk.bob.name, desk.bob.languages, desk.bob.role) == ("Bob R.", ["ko"], "agent")
    assert person_by_email("bob@example.com") is desk.bob
    wrong = bob.post("/profile", data={**sent, "theme": "neon", "name": ""})
    assert wrong.status_code == 422


def test_changing_the_password_keeps_this_device_alone(
    desk: SmallDesk, browser_as: Callable[..., Any]
) -> None:
    here, there = browser_as(desk.bob), browser_as(desk.bob)
    wrong = here.post("/profile/password", data={"current": "nonsense", "password": NEW})
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    weak = here.post("/profile/password", data={"current": PASSWORD, "password": "short"})
    assert weak.status_code == 422
    assert "at least 12 characters" in weak.text
    assert there.get("/profile").status_code == 200
    changed = here.post("/profile/password", data={"current": PASSWORD, "password": NEW})
    assert changed.headers["Location"] == "/profile"
    assert here.get("/profile").status_code == 200
    assert there.get("/profile").status_code == 303
    new = browser_as()
    assert new.post("/sign-in", data={"email": "bob@example.com", "password": PASSWORD}).status_code == 422
    assert new.post("/sign-in", data={"email": "bob@example.com", "password": NEW}).status_code == 303


def test_a_person_signs_out_another_device(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    here, there, alice = browser_as(desk.bob), browser_as(desk.bob), browser_as(desk.alice)
    page = here.get("/profile").text
    assert page.count(">this device<") == 1
    (address,) = re.findall(r'action="(/profile/sign-ins/\w+/end)"', page)
    assert alice.post(address).status_code == 404
    assert there.get("/profile").status_code == 200
    assert here.post(address).headers["Location"] == "/profile"
    assert there.get("/profile").status_code == 303
    assert here.get("/profile").status_code == 200
    assert len(db.session.scalars(select(SignIn).where(SignIn.person_id == desk.bob.id)).all()) == 1
