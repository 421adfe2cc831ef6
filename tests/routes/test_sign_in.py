from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.auth import local_path
from app.database import db, writing
from app.desk import sign_ins
from app.words import gettext, speaking
from tests.small import PASSWORD, SmallDesk

FORM = {"email": "bob@example.com", "password": PASSWORD}


HOST = "127.0.0.1"


def cookie_of(browser: Any) -> str:
    """The cookie as the browser keeps it."""
    return browser.get_cookie("nightdesk", domain=HOST).value


def put_back(browser: Any, cookie: str) -> None:
    browser.set_cookie("nightdesk", cookie, domain=HOST)


def test_in_and_out(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    browser = browser_as()
    assert browser.get("/profile").headers["Location"] == "/sign-in?next=/profile"
    page = browser.get("/sign-in?next=/profile")
    assert page.status_code == 200
    assert 'value="/profile"' in page.text
    answer = browser.post("/sign-in", data={**FORM, "next": "/profile"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/profile")
    assert "Bob Reyes" in browser.get("/profile").text
    assert browser.get("/sign-in").headers["Location"] == "/"
    kept = cookie_of(browser)
    assert browser.post("/sign-out").headers["Location"] == "/sign-in"
    assert browser.get("/profile").status_code == 303
    put_back(browser, kept)  # a copy of the cookie is worth nothing any more
    assert browser.get("/profile").status_code == 303


def test_the_cookie_is_guarded_and_says_nothing_of_the_person(
    desk: SmallDesk, browser_as: Callable[..., Any], settings: Any
) -> None:
    answer = browser_as().post("/sign-in", data=FORM)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # plain http on this machine
    browser = browser_as()
    browser.post("/sign-in", data=FORM)
    with browser.session_transaction(base_url=settings.base_url) as session:
        assert set(session) <= {"_user_id", "_fresh", "_id", "_permanent"}
        assert len(session["_user_id"]) >= 43
        assert sign_ins.find(session["_user_id"], desk.bob.created_at) is desk.bob


def test_signing_in_renews_the_session(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    browser = browser_as()
    browser.post("/sign-in", data=FORM)
    first = cookie_of(browser)
    browser.post("/sign-in", data={**FORM, "email": "alice@example.com"})
    assert "Alice Moor" in browser.get("/profile").text
    put_back(browser, first)
    assert browser.get("/profile").status_code == 303


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"password": "wrong"}, "do not fit together"),
        ({"email": "nobody@example.com"}, "do not fit together"),
        ({"email": ""}, "This field is required."),
        ({"password": ""}, "This field is required."),
        ({"password": "x" * 501}, "cannot be longer than 500"),
        ({"email": "'\"<script>"}, "do not fit together"),
    ],
)
def test_what_does_not_fit_is_said_and_the_address_kept(
    desk: SmallDesk, browser_as: Callable[..., Any], values: dict[str, str], shown: str
) -> None:
    sent = {**FORM, **values}
    answer = browser_as().post("/sign-in", data=sent)
    assert answer.status_code == 422
    assert shown in answer.text
    assert "<script>" not in answer.text
    assert PASSWORD not in answer.text
    if "<" not in sent["email"]:
        assert f'value="{sent["email"]}"' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_known_and_unknown_addresses_get_the_same_page(
    desk: SmallDesk, browser_as: Callable[..., Any]
) -> None:
    pages = {
        browser_as().post("/sign-in", data={"email": email, "password": "wrong"}).text.replace(email, "")
        for email in ("bob@example.com", "nil@example.com")
    }
    assert len(pages) == 1


def test_too_many_tries_are_429(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    browser = browser_as()
    for _ in range(sign_ins.MOST_PER_ACCOUNT):
        assert browser.post("/sign-in", data={**FORM, "password": "wrong"}).status_code == 422
    answer = browser.post("/sign-in", data=FORM)
    assert answer.status_code == 429
    assert "Try again in 15 min." in answer.text


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/", True),
        ("/boards/1?q=tag:refund", True),
        ("/tickets/42#message_7", True),
        ("", False),
        (None, False),
        ("https://evil.example/", False),
        ("//evil.example/", False),
        ("/\\evil.example/", False),
        ("\\\\evil.example", False),
        ("/a\\b", False),
        ("/\t/evil.example", False),
        ("/%0d%0aSet-Cookie:x", True),
        ("/a\r\nSet-Cookie: x", False),
        ("javascript:alert(1)", False),
        (" /boards", False),
    ],
)
def test_only_paths_of_this_desk_are_gone_to(address: str | None, kept: bool) -> None:
    assert local_path(address) == (address if kept else None)


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_signing_in_never_leads_elsewhere(
    desk: SmallDesk, browser_as: Callable[..., Any], wanted: str
) -> None:
    browser = browser_as()
    assert "evil" not in browser.get("/sign-in", query_string={"next": wanted}).text
    assert browser.post("/sign-in", data={**FORM, "next": wanted}).headers["Location"] == "/"
    assert browser.get("/sign-in", query_string={"next": wanted}).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("headers", "status", "where"),
    [
        ({}, 303, ("Location", "/sign-in?next=/people%3Fpage%3D2")),
        ({"Accept": "text/html,*/*;q=0.8"}, 303, ("Location", "/sign-in?next=/people%3Fpage%3D2")),
        ({"Accept": "application/json"}, 401, ("Content-Type", "application/json")),
        ({"Accept": "text/event-stream"}, 401, ("Location", None)),
        (
            {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1/boards/1?q=x"},
            401,
            ("HX-Redirect", "/sign-in?next=/boards/1%3Fq%3Dx"),
        ),
        (
            {"HX-Request": "true", "HX-Current-URL": "https://evil.example//evil.example/"},
            401,
            ("HX-Redirect", "/sign-in"),
        ),
    ],
)
def test_a_stranger_is_sent_to_sign_in(
    desk: SmallDesk,
    browser_as: Callable[..., Any],
    headers: dict[str, str],
    status: int,
    where: tuple[str, str | None],
) -> None:
    answer = browser_as().get("/people?page=2", headers=headers)
    assert (answer.status_code, answer.headers.get(where[0])) == (status, where[1])


def test_a_form_is_not_sent_again_by_a_link(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    assert browser_as().post("/people", data={"name": "x"}).headers["Location"] == "/sign-in"


def test_a_forged_or_stale_cookie_is_nobody(
    desk: SmallDesk, browser_as: Callable[..., Any], travel: Any
) -> None:
    browser = browser_as(desk.bob)
    good = cookie_of(browser)
    for bad in ("", "nonsense", good[:-2], "A" + good[1:], good.swapcase()):
        put_back(browser, bad)
        assert browser.get("/profile").status_code == 303
    put_back(browser, good)
    assert browser.get("/profile").status_code == 200
    travel.shift(timedelta(days=15))
    assert browser.get("/profile").status_code == 303


def test_access_that_ends_meanwhile_ends_at_the_next_request(
    desk: SmallDesk, browser_as: Callable[..., Any], travel: Any
) -> None:
    browser = browser_as(desk.bob)
    with writing(desk.row):
        desk.bob.ends_at = desk.bob.created_at + timedelta(hours=1)
    assert browser.get("/profile").status_code == 200
    travel.shift(timedelta(hours=2))
    assert browser.get("/profile").status_code == 303


def test_the_page_speaks_the_language_of_the_browser(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    page = browser_as().get("/sign-in", headers={"Accept-Language": "ko-KR,ko;q=0.9"})
    with speaking("ko"):
        assert gettext("Sign in") in page.text
        wrong = gettext("This field is required.")
    answer = browser_as().post("/sign-in", data={}, headers={"Accept-Language": "ko"})
    assert wrong in answer.text
    assert 'lang="ko"' in answer.text


def test_the_signed_in_are_spoken_to_in_theirs(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    with writing(desk.row):
        desk.bob.locale, desk.bob.theme, desk.bob.zone = "ko", "dark", "Asia/Seoul"
    db.session.rollback()
    page = browser_as(desk.bob).get("/profile", headers={"Accept-Language": "en"}).text
    assert 'lang="ko" data-theme="dark" data-zone="Asia/Seoul"' in page
