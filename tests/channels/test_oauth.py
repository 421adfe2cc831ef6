"""A mailbox that people sign in to at its provider: the whole way, the refresh, and the end of what was allowed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.channels import imap
from app.channels.imap_connection import opened, tells
from app.database import db
from app.desk import mailboxes
from app.models.mailbox import mailbox_of
from app.models.message import Blob
from tests.channels.accounts import fetch, fresh, mail, set_up
from tests.dovecot import Dovecot
from tests.provider import CLIENT, Provider
from tests.small import SmallDesk

Open = Callable[..., Any]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def form(desk: SmallDesk, dovecot: Dovecot, provider: Provider, mailbox_user: str) -> dict[str, Any]:
    """As an admin fills it in."""
    return {
        "sign_in": "oauth",
        "host": "127.0.0.1",
        "port": str(dovecot.port),
        "encryption": "none",
        "user_name": mailbox_user,
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        "authorise_url": provider.authorise_url,
        "token_url": provider.token_url,
        "scope": "mail offline",
    }


@pytest.fixture
def page(desk: SmallDesk) -> str:
    return f"/settings/addresses/{desk.email.id}/mailbox"


@pytest.fixture
def admin(desk: SmallDesk, browser_as: Open, form: dict[str, Any], page: str) -> Any:
    """Dana's browser, with the mailbox set up."""
    browser = browser_as(desk.dana)
    assert browser.post(page, data=form).status_code == 303
    return browser


def followed(browser: Any, answer: Any) -> str:
    """The page that an answer leads to."""
    assert answer.status_code == 303
    return str(browser.get(answer.headers["Location"]).text)


def let_in(browser: Any, page: str, provider: Provider) -> str:
    address = browser.get(page + "/authorisation").headers["Location"]
    parts = urlsplit(provider.sign_in(address))
    return followed(
        browser, browser.get(f"{parts.path}?{parts.query}", headers={"Sec-Fetch-Site": "cross-site"})
    )


def board(browser: Any, desk: SmallDesk) -> str:
    return str(browser.get(f"/boards/{desk.board.id}").text)


def test_signing_in_reading_refreshing_and_the_end(
    desk: SmallDesk,
    now: datetime,
    browser_as: Open,
    admin: Any,
    page: str,
    dovecot: Dovecot,
    provider: Provider,
    mailbox_user: str,
) -> None:
    assert fetch(now + MINUTE)["broken"] == 1
    shown = admin.get(page).text
    assert "Nobody has signed in at the provider yet." in shown
    assert f'href="{page}/authorisation">Sign in<' in shown

    assert "The desk may read the mailbox now." in let_in(admin, page, provider)
    mailbox = fresh(desk.email)
    assert "access" not in (mailbox.tokens or "access")
    assert CLIENT[1] not in (mailbox.client_secret or CLIENT[1])
    assert fetch(now + MINUTE) == Counter()
    dovecot.deliver(mailbox_user, mail("By a token"))
    before = provider.state.refreshed
    assert fetch(now + 2 * MINUTE) == Counter(created=1)
    assert provider.state.refreshed == before

    dovecot.deliver(mailbox_user, mail("After an hour"))
    assert fetch(now + timedelta(hours=2)) == Counter(created=1)
    assert provider.state.refreshed == before + 1

    provider.state.access.clear()  # taken back before its time
    dovecot.deliver(mailbox_user, mail("With another token"))
    assert fetch(now + timedelta(hours=2, minutes=1)) == Counter(created=1)
    assert provider.state.refreshed == before + 2

    provider.revoke()
    assert fetch(now + timedelta(hours=2, minutes=2)) == Counter(broken=1)
    shown = admin.get(page).text
    assert "The provider does not let the desk in any more." in shown
    assert "AADSTS50173: revoked" in shown
    assert "Sign in again" in shown
    assert "cannot be read" in admin.get("/settings/addresses").text
    assert "1 mailbox cannot be read: what customers write there does not arrive. <a href" in board(
        admin, desk
    )
    assert "1 mailbox cannot be read" in board(browser_as(desk.alice), desk)
    assert "cannot be read" not in board(browser_as(desk.bob), desk)

    let_in(admin, page, provider)
    dovecot.deliver(mailbox_user, mail("Welcome back"))
    assert fetch(now + timedelta(hours=3)) == Counter(created=1)
    assert fresh(desk.email).error is None
    assert "cannot be read" not in board(admin, desk)


def test_two_processes_that_refresh_at_once(
    desk: SmallDesk, now: datetime, admin: Any, page: str, provider: Provider
) -> None:
    """The provider takes a refresh token once: who comes second uses what the first one got."""
    let_in(admin, page, provider)
    mailbox_id, later = fresh(desk.email).id, now + timedelta(hours=2)
    (one, _), (two, _) = mailboxes.apart(mailbox_id), mailboxes.apart(mailbox_id)
    for mailbox in (one, two):
        with opened(mailbox, later, most=20) as box:
            assert tells(box)
    provider.revoke()
    with pytest.raises(imap.Failed) as failed:
        imap.test(mailbox_id, later)
    assert failed.value.must_sign_in


def test_another_secret_key(
    desk: SmallDesk,
    now: datetime,
    app: Any,
    admin: Any,
    page: str,
    form: dict[str, str],
    dovecot: Dovecot,
    provider: Provider,
    mailbox_user: str,
) -> None:
    """As after a restore without it: the page says what to do, and doing it helps."""
    let_in(admin, page, provider)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], secret_key="another key, and long enough too")
    assert fetch(now + MINUTE) == Counter(broken=1)
    said = "The desk's secret key has changed. Enter the secrets of this mailbox again."
    assert said in admin.get(page).text.replace("&#39;", "'")
    assert said in let_in(admin, page, provider).replace("&#39;", "'")
    admin.post(page, data=form)
    assert "The desk may read the mailbox now." in let_in(admin, page, provider)
    dovecot.deliver(mailbox_user, mail("With the new key"))
    assert fetch(now + 2 * MINUTE) == Counter(created=1)


def test_only_the_browser_that_began_may_end_it(
    admin: Any, page: str, desk: SmallDesk, provider: Provider, browser_as: Open
) -> None:
    began = urlsplit(provider.sign_in(admin.get(page + "/authorisation").headers["Location"]))
    back = f"{began.path}?{began.query}"
    assert browser_as(desk.dana).get(back).status_code == 422
    assert admin.get(f"{began.path}?code=x&state=another").status_code == 422
    assert admin.get(back).status_code == 422, "it was used up"
    assert fresh(desk.email).tokens is None


def test_who_must_sign_in_is_told_so_whatever_else_fails(
    desk: SmallDesk, now: datetime, admin: Any, page: str, form: dict[str, str], provider: Provider
) -> None:
    admin.post(page, data=form | {"port": "1"})
    fetch(now)
    assert "Nobody has signed in at the provider yet." in admin.get(page).text
    at = now + timedelta(hours=2)
    admin.post(page, data=form)
    let_in(admin, page, provider)
    provider.revoke()
    fetch(at)
    mailbox = fresh(desk.email)
    assert mailbox.must_sign_in
    assert mailboxes.claim(mailbox.id, "one", mailbox.wake_at)
    mailboxes.mark_failed(mailbox.id, "one", "Nothing.", "", at, must_sign_in=False, at_uid=None)
    assert fresh(desk.email).must_sign_in


def test_a_mailbox_that_was_changed_meanwhile(
    desk: SmallDesk, now: datetime, admin: Any, page: str, form: dict[str, str], provider: Provider
) -> None:
    """The tokens of one account are not kept for another."""
    began = urlsplit(provider.sign_in(admin.get(page + "/authorisation").headers["Location"]))
    admin.post(page, data=form | {"user_name": "another"})
    assert admin.get(f"{began.path}?{began.query}").status_code == 409
    assert fresh(desk.email).tokens is None


def test_a_code_for_another_browser_is_worth_nothing(
    admin: Any, page: str, desk: SmallDesk, provider: Provider
) -> None:
    """The provider's code is bound to the verifier that only the browser's session holds."""
    stolen = urlsplit(provider.sign_in(admin.get(page + "/authorisation").headers["Location"]))
    mine = admin.get(page + "/authorisation").headers["Location"]
    code, state = parse_qs(stolen.query)["code"][0], parse_qs(urlsplit(mine).query)["state"][0]
    answer = admin.get(stolen.path, query_string={"code": code, "state": state})
    assert "The provider did not let the desk in" in followed(admin, answer)
    assert fresh(desk.email).tokens is None


@pytest.mark.parametrize("secret", ["another secret", ""])
def test_a_wrong_client_is_told(
    secret: str, desk: SmallDesk, admin: Any, page: str, form: dict[str, Any], provider: Provider
) -> None:
    assert (
        admin.post(page, data=form | {"client_id": CLIENT[0], "client_secret": secret or "x"}).status_code
        == 303
    )
    assert "invalid_client" in let_in(admin, page, provider)


def test_a_person_who_says_no(admin: Any, page: str, provider: Provider) -> None:
    state = parse_qs(urlsplit(admin.get(page + "/authorisation").headers["Location"]).query)["state"][0]
    answer = admin.get(
        "/settings/mailboxes/authorised",
        query_string={"error": "access_denied", "state": state},
    )
    assert "The provider did not let the desk in: access_denied" in followed(admin, answer)


def test_a_provider_that_is_down_is_tried_again(
    desk: SmallDesk, now: datetime, admin: Any, page: str, provider: Provider
) -> None:
    let_in(admin, page, provider)
    provider.state.down = True
    try:
        assert fetch(now + timedelta(hours=2)) == Counter(broken=1)
    finally:
        provider.state.down = False
    assert not fresh(desk.email).must_sign_in
    assert fetch(now + timedelta(hours=2, minutes=2)) == Counter()
    assert fresh(desk.email).error is None


@pytest.mark.parametrize(
    ("sign_in", "host"), [("microsoft", "outlook.office365.com"), ("google", "imap.gmail.com")]
)
def test_known_providers_need_only_a_client(
    sign_in: str, host: str, desk: SmallDesk, browser_as: Open, page: str
) -> None:
    browser = browser_as(desk.dana)
    answer = browser.post(
        page, data={"sign_in": sign_in, "encryption": "tls", "client_id": "x", "client_secret": "y"}
    )
    assert answer.status_code == 303
    mailbox = mailbox_of(desk.email.id)
    assert mailbox is not None
    assert (mailbox.host, mailbox.port, mailbox.user_name) == (host, 993, "support@example.com")
    sent_to = urlsplit(browser.get(page + "/authorisation").headers["Location"])
    asked = parse_qs(sent_to.query)
    assert sent_to.scheme == "https"
    assert asked["scope"][0]
    assert asked["redirect_uri"][0].endswith("/settings/mailboxes/authorised")
    assert ("offline" in asked["scope"][0]) or asked["access_type"] == ["offline"]


def test_the_page_shows_no_secret(
    desk: SmallDesk, now: datetime, browser_as: Open, page: str, dovecot: Dovecot, mailbox_user: str
) -> None:
    set_up(desk, now, dovecot.port, mailbox_user, password="never to be seen", folder="")
    browser = browser_as(desk.dana)
    sealed = fresh(desk.email).password or ""
    shown = browser.get(page).text
    assert "never to be seen" not in shown
    assert sealed not in shown
    tested = followed(browser, browser.post(page + "/test"))
    assert "The server refuses the user name or the password." in tested
    set_up(desk, now, dovecot.port, mailbox_user)
    dovecot.deliver(mailbox_user, mail("One"))
    assert "There is 1 message in the folder." in followed(browser, browser.post(page + "/test"))
    assert db.session.query(Blob).count() == 0, "a test takes nothing"
    wrong = browser.post(page, data={"sign_in": "password", "encryption": "tls", "password": "typed"})
    assert wrong.status_code == 422
    assert "typed" not in wrong.text
    gone = followed(browser, browser.post(page + "/removal"))
    assert "No mailbox is set up." in gone
