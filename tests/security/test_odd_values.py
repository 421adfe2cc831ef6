"""Numbers that no database knows, characters that none can keep, and texts that mean something elsewhere.

Whatever is sent in whatever place, the desk answers that it cannot be: never that it broke (the app raises under test).
"""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db
from app.models.ticket import Ticket
from tests.routes.world import World, make_world
from tests.security.forms import SentForm, forms_of
from tests.small import SmallDesk

NUMBERS = (str(2**31), str(10**30), "-1", "٣", "²", "")
TEXTS = (
    "a\x00b\u202e",
    """'; DROP TABLE tickets; -- "><script>alert(1)</script>{{ 7 * 7 }} %(name)s {0.__class__}\r\nBcc: x@y.example""",
    "x" * 20_000,
)
ODD = (*NUMBERS, *TEXTS)
PARAMETERS = (
    "q",
    "ids",
    "since",
    "until",
    "after",
    "before",
    "all",
    "draft",
    "images",
    "lang",
    "next",
    "week",
    "from",
    "page",
    "sort",
    "group",
    "lanes",
    "lane",
    "columns",
    "board",
    "vip",
    "company",
    "at",
    "email",
    "recent",
    "scope",
)
PAGES = (
    "/tickets",
    "/tickets/bulk",
    "/tickets/{number}",
    "/tickets/{number}/move",
    "/tickets/{number}/snooze",
    "/tickets/{number}/rules",
    "/tickets/{number}/merge",
    "/tickets/{number}/board",
    "/tickets/{number}/deletion",
    "/tickets/{number}/block",
    "/tickets/deleted",
    "/messages/{message_id}/split",
    "/tickets/new",
    "/people/new",
    "/people/{person_id}",
    "/profile",
    "/keys",
    "/notifications",
    "/deliveries",
    "/search",
    "/alerts",
    "/views/new",
    "/views/{view_id}",
    "/queries/completion",
    "/queries/form",
    "/customers/offered",
    "/companies/offered",
    "/rules",
    "/rules/new",
    "/rules/starters",
    "/rules/{rule_id}",
    "/rules/{rule_id}/switch",
    "/rules/{rule_id}/versions",
    "/rules/{rule_id}/firings",
    "/rules/import",
    "/rules/{rule_id}/backtest",
    "/rules/backtests/{backtest_id}",
    "/rota",
    "/rota/edit",
    "/shifts/{shift_id}/cover",
    "/failed-messages/{raw_id}",
    "/settings/addresses/{channel_id}/mailbox",
    "/settings/desk",
    "/settings/boards",
    "/settings/boards/{board_id}",
    "/settings/columns/{column_id}",
    "/settings/addresses",
    "/settings/addresses/new",
    "/settings/addresses/{channel_id}",
    "/settings/calendars/new",
    "/settings/calendars/{calendar_id}",
    "/settings/policies/{policy_id}",
    "/customers",
    "/customers/{customer_id}",
    "/companies",
    "/companies/new",
    "/companies/{company_id}",
    "/settings/webhooks",
    "/settings/webhooks/{webhook_id}",
    "/settings/teams",
    "/settings/teams/{team_id}",
    "/settings/blocked",
    "/settings/tags",
    "/settings/tags/{tag_id}",
    "/contact",
)


@pytest.fixture
def world(desk: SmallDesk, now: Any, travel: Any) -> World:
    return make_world(desk, now)


def test_numbers_in_addresses(world: World, app: Any, browser_as: Callable[..., Any]) -> None:
    browser = browser_as(world.desk.dana)
    for method, address in addresses_with_numbers(app, world):
        with browser.open(address, method=method) as answer:
            assert (address, answer.status_code in (404, 405)) == (address, True)


def test_parameters_of_every_page(world: World, app: Any, browser_as: Callable[..., Any]) -> None:
    browser = browser_as(world.desk.dana)
    pages = [page.format(**world.parts_of("admin", "")) for page in PAGES]
    board, column = world.desk.board.id, world.desk.columns["open"].id
    pages += ["/", "/sign-in", "/contact/sent", f"/boards/{board}", f"/boards/{board}/delta"]
    pages += [
        f"/columns/{column}/cards",
        f"/columns/{column}/tickets/new",
        "/failed-messages",
        "/rota",
        "/palette",
        *(f"/tickets/{world.parts['number']}/choices/{noun}" for noun in ("assignee", "tags")),
        f"/messages/{world.parts['message_id']}/html",
    ]
    for page in pages:
        for value in ODD:
            query = dict.fromkeys(PARAMETERS, value)
            with browser.get(page, query_string=query) as answer:
                assert (page, value[:40], answer.status_code < 500) == (page, value[:40], True)


@pytest.mark.parametrize("page", [*PAGES, "/tickets/{number}/move?lanes=assignee"])
def test_fields_of_every_form(page: str, world: World, browser_as: Callable[..., Any]) -> None:
    """Each field in turn, the others as the page has them."""
    browser = browser_as(world.desk.dana)
    address = page.format(**world.parts_of("admin", ""))
    with browser.get(address) as answer:
        assert answer.status_code == 200
        forms = [form for form in forms_of(answer.text, address) if form.action != "/sign-out"]
    for form in forms:
        for name in form.fields:
            for value in ODD:
                with browser.post(form.action, data=spoilt(form, name, value)) as answer:
                    said = (form.action, name, value[:40])
                    assert (said, answer.status_code in (200, 201, 303, 400, 403, 404, 409, 422, 429)) == (
                        said,
                        True,
                    )
    assert db.session.scalar(select(Ticket.id).limit(1))


def addresses_with_numbers(app: Any, world: World) -> list[tuple[str, str]]:
    """Every route with a number in its address, with a number too large for the database there."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if "<int:" not in rule.rule:
                continue
            parts = world.parts_of("admin", rule.endpoint)
            values = {name: parts[name] for name in rule.arguments}
            for name, converter in rule._converters.items():
                if converter.regex == r"\d+":
                    for number in (2**31, 2**63, 10**30):
                        address = app.url_for(rule.endpoint, **{**values, name: number})
                        found += [(method, address) for method in rule.methods & {"GET", "POST"}]
    return found


def spoilt(form: SentForm, name: str, value: str) -> dict[str, str]:
    return {**{field: text or "word" for field, text in form.fields.items()}, name: value}
