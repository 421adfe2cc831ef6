"""What keeps strangers out of every answer, and other sites out of every change."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Blueprint, Response

from app import create_app
from app.auth import POLICY, current_person, in_the_clear, own_token
from app.database import db
from tests.browsing import Browser, sign_in
from tests.databases import on_one_database
from tests.small import SmallDesk

ADDRESSES = ["/sign-in", "/profile", "/people", "/static/icon.svg", "/nothing-here", "/invitations/none"]


@on_one_database
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("signed_in", [False, True])
def test_every_answer_carries_them(
    desk: SmallDesk, browser_as: Callable[..., Any], address: str, signed_in: bool
) -> None:
    with browser_as(desk.dana if signed_in else None).get(address) as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_the_policy_is_the_one_of_the_design() -> None:
    parts = [part.split() for part in POLICY.split("; ")]
    assert {part[0]: part[1:] for part in parts} == {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }


@on_one_database
@pytest.mark.parametrize("address", ["/profile", "/people", "/people/new", "/nothing-here"])
def test_what_the_signed_in_see_is_kept_nowhere(
    desk: SmallDesk, browser_as: Callable[..., Any], address: str
) -> None:
    assert browser_as(desk.dana).get(address).headers["Cache-Control"] == "no-store"


def test_static_files_are_kept_and_know_nobody(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    with browser_as(desk.dana).get("/static/icon.svg") as answer:
        headers = answer.headers
    assert "max-age=31536000" in headers["Cache-Control"]
    assert "Cookie" not in headers.get("Vary", "")


@on_one_database
@pytest.mark.parametrize("base_url", ["https://desk.example.com"])
def test_behind_https(desk: SmallDesk, app: Any, settings: Any, base_url: str) -> None:
    secure = create_app(replace(settings, base_url=base_url), TESTING=True)
    secure.test_client_class = Browser
    with secure.app_context():
        try:
            answer = secure.test_client().post(
                "/sign-in", data={"email": "bob@example.com", "password": "a lamp in the window"}
            )
        finally:
            db.session.remove()
            db.engine.dispose()
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-nightdesk=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    ("base_url", "open_to_listeners"),
    [
        ("https://desk.example.com", False),
        ("http://127.0.0.1:5000", False),
        ("http://[::1]:5000", False),
        ("http://localhost:5000", False),
        ("http://desk.localhost", False),
        ("http://desk.example.com", True),
        ("http://192.168.1.20:5000", True),
    ],
)
def test_plain_http_beyond_this_machine_is_known(
    app: Any, settings: Any, base_url: str, open_to_listeners: bool
) -> None:
    app.config["SETTINGS"] = replace(settings, base_url=base_url)
    assert in_the_clear() is open_to_listeners


def test_managers_are_warned_on_every_page(
    desk: SmallDesk, app: Any, settings: Any, browser_as: Callable[..., Any]
) -> None:
    def warned(person: Any) -> bool:
        return "Passwords can be read" in browser_as(person).get("/profile").text

    assert not warned(desk.alice)
    app.config["SETTINGS"] = replace(settings, base_url="http://desk.example.com")
    assert [warned(person) for person in (desk.erin, desk.bob, desk.alice, desk.dana)] == [
        False,
        False,
        True,
        True,
    ]


@on_one_database
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "OURS"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, 303),
        ({"Origin": "OURS"}, 303),
        ({"Origin": "OURS/"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "OURS.evil.example"}, 403),
        ({}, 403),
    ],
)
def test_only_our_own_pages_change_something(
    desk: SmallDesk,
    app: Any,
    settings: Any,
    browser_as: Callable[..., Any],
    headers: dict[str, str],
    status: int,
) -> None:
    browser = browser_as(desk.bob)
    sent = {name: value.replace("OURS", settings.base_url) for name, value in headers.items()}
    form = {"name": "Robert", "zone": "UTC", "locale": "en", "theme": "dark"}
    answer = _without_fetch_site(browser, sent).post("/profile", data=form, headers=sent)
    assert answer.status_code == status
    db.session.refresh(desk.bob)
    assert desk.bob.theme == ("dark" if status == 303 else "system")
    if status == 403:
        assert "<h1" in answer.text


@on_one_database
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_every_unsafe_method_is_looked_at(
    desk: SmallDesk, browser_as: Callable[..., Any], method: str
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert browser_as(desk.bob).open("/sign-out", method=method, headers=headers).status_code in (403, 405)
    assert browser_as(desk.bob).open("/nothing-here", method=method, headers=headers).status_code == 404


def test_reading_is_open_to_links_from_elsewhere(desk: SmallDesk, browser_as: Callable[..., Any]) -> None:
    assert browser_as(desk.bob).get("/profile", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.fixture
def linked(desk: SmallDesk, settings: Any) -> Iterator[Any]:
    """An app with two endpoints that carry a token of their own: one by itself, one by its blueprint."""
    bp = own_token(Blueprint("signed_links", __name__, url_prefix="/links"))

    @bp.route("/blueprint", methods=["GET", "POST"])
    def by_blueprint() -> str:
        return repr(current_person())

    made = create_app(settings, TESTING=True)
    made.test_client_class = Browser
    made.register_blueprint(bp)

    @made.route("/links/view", methods=["GET", "POST"])
    @own_token
    def by_view() -> Response:
        answer = Response(repr(current_person()))
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return answer

    with made.app_context():
        yield made
        db.session.remove()
        db.engine.dispose()


@on_one_database
@pytest.mark.parametrize("address", ["/links/view", "/links/blueprint"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_own_token_is_open_to_other_sites_and_blind_to_the_cookie(
    desk: SmallDesk, linked: Any, address: str, method: str
) -> None:
    browser = linked.test_client()
    sign_in(browser, desk.bob, desk.bob.created_at)
    answer = browser.open(address, method=method, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.text) == (200, "None")
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert "no-store" not in answer.headers.get("Cache-Control", "")


def test_a_view_may_set_a_policy_of_its_own(linked: Any) -> None:
    answer = linked.test_client().get("/links/view")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def _without_fetch_site(browser: Any, headers: dict[str, str]) -> Any:
    """The test's browser adds the header; an old one, which has none, is played by taking it away."""
    if "Sec-Fetch-Site" not in headers:
        application = browser.application.wsgi_app

        def old_browser(environ: dict[str, Any], start_response: Any) -> Any:
            environ.pop("HTTP_SEC_FETCH_SITE", None)
            return application(environ, start_response)

        browser.application.wsgi_app = old_browser
    return browser
