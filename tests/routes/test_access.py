"""Who gets through to what: every route of the app, asked by everybody, against one table.

A route that is not in TABLE fails the test. To add one: a line in TABLE and, when its address has a new part, a line
in `World.parts_of`. The requests carry no form, so one that gets through is answered with 422, or changes something small.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from app.database import writing
from tests.databases import on_one_database
from tests.routes.world import ACTORS, World, make_world
from tests.small import SmallDesk

PUBLIC = frozenset(ACTORS)
SIGNED_IN = PUBLIC - {"stranger"}
BOARD = frozenset({"member on call", "agent", "manager", "admin"})
AGENTS = frozenset({"agent elsewhere", "agent", "manager", "admin"})
ON_A_BOARD = BOARD | {"agent elsewhere"}
MANAGERS = frozenset({"manager", "admin"})
ADMINS = frozenset({"admin"})
ON_CALL = frozenset({"member on call"})


@dataclass(frozen=True)
class Row:
    """`may` get through; `sees` the thing without being allowed this: 403. All others: 404, strangers must sign in."""

    may: frozenset[str]
    sees: frozenset[str] = frozenset()
    others: str = "404"
    stranger: str = "sign in"

    def answer(self, actor: str) -> str:
        if actor in self.may:
            return "in"
        if actor == "stranger":
            return self.stranger
        return "403" if actor in self.sees else self.others


OUT = Row(frozenset(), others="sign in")
NOT_ANY_MORE = Row(frozenset(), stranger="404")

TABLE = {
    "GET /static/<path:filename>": Row(PUBLIC),
    "GET /sign-in": Row(PUBLIC),
    "POST /sign-in": Row(PUBLIC),
    "POST /sign-out": OUT,
    "GET /invitations/<token>": Row(PUBLIC),
    "POST /invitations/<token>": Row(PUBLIC),
    "GET /profile": Row(SIGNED_IN),
    "POST /profile": Row(SIGNED_IN),
    "POST /profile/password": Row(SIGNED_IN),
    "POST /profile/notifications": Row(SIGNED_IN),
    "GET /notifications": Row(SIGNED_IN),
    "GET /notifications/count": Row(SIGNED_IN),
    "POST /notifications/reading": Row(SIGNED_IN),
    "POST /notifications/<int:notification_id>/reading": Row(SIGNED_IN),  # their own, see test_notifications
    "POST /tickets/<int:number>/notifications/reading": Row(BOARD),
    "POST /profile/sign-ins/<sign_in_id>/end": Row(SIGNED_IN),
    "GET /people": Row(MANAGERS),
    "GET /people/new": Row(ADMINS, sees=MANAGERS),
    "POST /people": Row(ADMINS, sees=MANAGERS),
    "GET /people/<int:person_id>": Row(ADMINS, sees=MANAGERS),
    "POST /people/<int:person_id>": Row(ADMINS, sees=MANAGERS),
    "POST /people/<int:person_id>/invitation": Row(ADMINS, sees=MANAGERS),
    "POST /people/<int:person_id>/deactivation": Row(ADMINS, sees=MANAGERS),
    "POST /people/<int:person_id>/reactivation": Row(ADMINS, sees=MANAGERS),
    "GET /": Row(SIGNED_IN),
    "GET /boards/<int:board_id>": Row(BOARD),
    "GET /boards/<int:board_id>/delta": Row(BOARD),
    "GET /boards/<int:board_id>/stream": Row(BOARD),
    "POST /boards/<int:board_id>/look": Row(BOARD),
    "GET /boards/<int:board_id>/groups/<key>/cards": Row(BOARD),
    "GET /columns/<int:column_id>/cards": Row(BOARD),
    "POST /columns/<int:column_id>/look": Row(BOARD),
    "GET /columns/<int:column_id>/tickets/new": Row(BOARD),
    "POST /columns/<int:column_id>/tickets": Row(BOARD),
    "POST /boards/<int:board_id>/groups/<key>/look": Row(BOARD),
    "GET /boards/<int:board_id>/groups/<key>/tickets/new": Row(BOARD),
    "POST /boards/<int:board_id>/groups/<key>/tickets": Row(BOARD),
    "GET /tickets/<int:number>/move": Row(BOARD),
    "POST /tickets/<int:number>/cell": Row(BOARD),
    "POST /tickets/<int:number>/column": Row(BOARD),
    "POST /tickets/<int:number>/followers": Row(BOARD),
    "POST /tickets/<int:number>/followers/removal": Row(BOARD),
    "POST /tickets/<int:number>/links": Row(BOARD),
    "POST /tickets/<int:number>/links/removal": Row(BOARD),
    "GET /tickets/<int:number>/merge": Row(BOARD),
    "POST /tickets/<int:number>/merge": Row(BOARD),
    "GET /tickets/<int:number>/board": Row(BOARD),
    "POST /tickets/<int:number>/board": Row(BOARD),
    "GET /messages/<int:message_id>/split": Row(BOARD),
    "POST /messages/<int:message_id>/split": Row(BOARD),
    "POST /tickets/<int:number>/spam": Row(BOARD),
    "GET /tickets/<int:number>/deletion": Row(MANAGERS, sees=BOARD),
    "POST /tickets/<int:number>/deletion": Row(MANAGERS, sees=BOARD),
    "GET /tickets/deleted": Row(MANAGERS),
    "GET /tickets/<int:number>/block": Row(MANAGERS),
    "POST /tickets/<int:number>/block": Row(MANAGERS),
    "POST /tickets/<int:number>/restoration": Row(frozenset()),  # it is not deleted
    "GET /tickets/<int:number>/snooze": Row(BOARD),
    "POST /tickets/<int:number>/snooze": Row(BOARD),
    "POST /tickets/<int:number>/snooze/removal": Row(BOARD),
    "GET /tickets/<int:number>": Row(BOARD),
    "GET /tickets/<int:number>/panel": Row(BOARD),
    "POST /tickets/<int:number>/reading": Row(BOARD),
    "POST /tickets/<int:number>/presence": Row(BOARD),
    "POST /tickets/<int:number>/presence/removal": Row(BOARD),
    "POST /tickets/<int:number>/replies": Row(BOARD),
    "GET /drafts": Row(SIGNED_IN),
    "POST /tickets/<int:number>/later": Row(BOARD),
    "GET /tickets/<int:number>/later/<int:message_id>": Row(BOARD),
    "POST /tickets/<int:number>/later/<int:message_id>": Row(BOARD),
    "POST /tickets/<int:number>/later/<int:message_id>/departure": Row(BOARD),
    "POST /tickets/<int:number>/later/<int:message_id>/removal": Row(BOARD),
    "GET /tickets/<int:number>/people": Row(BOARD),
    "GET /tickets/<int:number>/messages/<int:message_id>/forward": Row(BOARD),
    "POST /tickets/<int:number>/messages/<int:message_id>/forward": Row(BOARD),
    "GET /tickets/<int:number>/messages/<int:message_id>/forward/draft": Row(BOARD),
    "POST /tickets/<int:number>/messages/<int:message_id>/forward/draft": Row(BOARD),
    "POST /tickets/<int:number>/messages/<int:message_id>/forward/files": Row(BOARD),
    "POST /tickets/<int:number>/messages/<int:message_id>/forward/files/<token>/removal": Row(BOARD),
    "GET /tickets/<int:number>/draft": Row(BOARD),
    "POST /tickets/<int:number>/draft": Row(BOARD),
    "POST /tickets/<int:number>/files": Row(BOARD),
    "POST /tickets/<int:number>/files/<token>/removal": Row(BOARD),
    "POST /tickets/<int:number>/replies/<int:message_id>/withdrawal": Row(BOARD),
    "POST /tickets/<int:number>/bounces/removal": Row(BOARD),
    "POST /tickets/<int:number>/notes": Row(BOARD),
    "POST /tickets/<int:number>/assignee": Row(BOARD),
    "POST /tickets/<int:number>/team": Row(BOARD),
    "POST /tickets/<int:number>/priority": Row(BOARD),
    "POST /tickets/<int:number>/language": Row(BOARD),
    "POST /tickets/<int:number>/mood": Row(BOARD),
    "GET /settings/moods": Row(MANAGERS),
    "GET /settings/moods/<language>": Row(MANAGERS),
    "POST /settings/moods/<language>": Row(MANAGERS),
    "POST /settings/moods/<language>/removal": Row(MANAGERS),
    "POST /tickets/<int:number>/tags": Row(BOARD),
    "POST /tickets/<int:number>/tags/removal": Row(BOARD),
    "POST /undo/<token>": Row(BOARD),
    "GET /tickets/bulk": Row(SIGNED_IN),
    "POST /tickets/bulk": Row(SIGNED_IN),  # of each ticket it asks by itself, see test_bulk
    "GET /tickets": Row(SIGNED_IN),
    "GET /tickets.csv": Row(SIGNED_IN),
    "GET /queries/completion": Row(SIGNED_IN),
    "GET /queries/form": Row(SIGNED_IN),
    "POST /queries/form": Row(SIGNED_IN),
    "GET /keys": Row(SIGNED_IN),
    "GET /palette": Row(SIGNED_IN),
    "GET /tickets/<int:number>/choices/<any(assignee,column,priority,tags):noun>": Row(BOARD),
    "GET /views": Row(SIGNED_IN),
    "GET /views/new": Row(SIGNED_IN),
    "POST /views/new": Row(SIGNED_IN),
    "GET /views/<int:view_id>": Row(SIGNED_IN),  # their own, see test_views
    "POST /views/<int:view_id>": Row(SIGNED_IN),
    "POST /views/<int:view_id>/removal": Row(SIGNED_IN),
    "GET /tickets/new": Row(ON_A_BOARD),
    "POST /tickets/new": Row(ON_A_BOARD),
    "GET /messages/<int:message_id>/whole": Row(BOARD),
    "GET /messages/<int:message_id>/sent": Row(BOARD),
    "GET /messages/<int:message_id>/html": Row(BOARD),
    "GET /messages/<int:message_id>/raw": Row(MANAGERS),
    "GET /attachments/<token>/<_name>": Row(BOARD),
    "GET /deliveries": Row(SIGNED_IN),
    "POST /deliveries/<int:delivery_id>/try": Row(BOARD),
    "GET /search": Row(SIGNED_IN),
    "GET /alerts": Row(SIGNED_IN),
    "POST /alerts/<int:alert_id>/acknowledgement": Row(BOARD),
    "GET /a/<signed>": Row(PUBLIC),
    "POST /a/<signed>": Row(PUBLIC),
    "GET /customers": Row(ON_A_BOARD),
    "GET /customers/offered": Row(ON_A_BOARD),
    "GET /companies/offered": Row(ON_A_BOARD),
    "GET /customers/<int:customer_id>": Row(BOARD),
    "POST /customers/<int:customer_id>": Row(BOARD),
    "GET /companies": Row(ON_A_BOARD),
    "POST /companies": Row(ON_A_BOARD),
    "GET /companies/new": Row(ON_A_BOARD),
    "GET /companies/<int:company_id>": Row(BOARD),
    "POST /companies/<int:company_id>": Row(BOARD),
    "POST /companies/<int:company_id>/customers": Row(BOARD),
    "POST /companies/<int:company_id>/removal": Row(MANAGERS, sees=BOARD),
    "GET /tickets/<int:number>/rules": Row(BOARD - ON_CALL),
    "POST /tickets/<int:number>/firings/<int:firing_id>/undo": Row(BOARD - ON_CALL),
    "GET /rules": Row(AGENTS),
    "GET /rules/new": Row(MANAGERS, sees=AGENTS),
    "POST /rules": Row(MANAGERS, sees=AGENTS),
    "POST /rules/all": Row(MANAGERS, sees=AGENTS),
    "GET /rules/file": Row(MANAGERS, sees=AGENTS),
    "GET /rules/<int:rule_id>/file": Row(MANAGERS, sees=AGENTS),
    "GET /rules/import": Row(MANAGERS, sees=AGENTS),
    "POST /rules/import": Row(MANAGERS, sees=AGENTS),
    "POST /rules/actions": Row(MANAGERS, sees=AGENTS),
    "POST /rules/draft": Row(MANAGERS, sees=AGENTS),
    "POST /rules/matches": Row(MANAGERS, sees=AGENTS),
    "POST /rules/trial": Row(MANAGERS, sees=AGENTS),
    "GET /rules/starters": Row(MANAGERS, sees=AGENTS),
    "POST /rules/starters": Row(MANAGERS, sees=AGENTS),
    "GET /rules/<int:rule_id>": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>/place": Row(MANAGERS, sees=AGENTS),
    "GET /rules/<int:rule_id>/backtest": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>/backtest": Row(MANAGERS, sees=AGENTS),
    "POST /rules/backtest": Row(MANAGERS, sees=AGENTS),
    "POST /rules/backtest/newest": Row(MANAGERS, sees=AGENTS),
    "GET /rules/backtests": Row(MANAGERS, sees=AGENTS),
    "GET /rules/backtests/<int:backtest_id>": Row(MANAGERS, sees=AGENTS),  # their own, see test_backtests
    "POST /rules/backtests/<int:backtest_id>": Row(MANAGERS, sees=AGENTS),
    "POST /rules/backtests/<int:backtest_id>/stop": Row(MANAGERS, sees=AGENTS),
    "GET /rules/<int:rule_id>/switch": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>/switch": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>/resumption": Row(MANAGERS, sees=AGENTS),
    "GET /rules/<int:rule_id>/versions": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>/versions": Row(MANAGERS, sees=AGENTS),
    "GET /rules/<int:rule_id>/firings": Row(AGENTS),
    "GET /rules/<int:rule_id>/firings/undo": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>/firings/undo": Row(MANAGERS, sees=AGENTS),
    "POST /rules/<int:rule_id>/removal": Row(MANAGERS, sees=AGENTS),
    "GET /queries/reference": Row(SIGNED_IN),
    "GET /rota": Row(AGENTS | ON_CALL),
    "GET /rota/edit": Row(MANAGERS, sees=AGENTS | ON_CALL),
    "POST /rota/edit": Row(MANAGERS, sees=AGENTS | ON_CALL),
    "GET /shifts/<int:shift_id>/cover": Row(AGENTS | ON_CALL),
    "POST /shifts/<int:shift_id>/cover": Row(AGENTS | ON_CALL),
    "GET /set-up": NOT_ANY_MORE,
    "POST /set-up": NOT_ANY_MORE,
    "GET /metrics": Row(PUBLIC),  # of this machine: see test_metrics
    "GET /health": Row(PUBLIC),
    "GET /manifest.webmanifest": Row(PUBLIC),
    "GET /contact": Row(PUBLIC),
    "POST /contact": Row(PUBLIC),
    "GET /contact/sent": Row(PUBLIC),
    "GET /failed-messages": Row(MANAGERS),
    "GET /failed-messages/<int:raw_id>": Row(MANAGERS),
    "GET /failed-messages/<int:raw_id>/source": Row(MANAGERS),
    "POST /failed-messages/<int:raw_id>/attempt": Row(MANAGERS),
    "POST /failed-messages/<int:raw_id>/discarding": Row(MANAGERS),
    "GET /failed-messages/<int:raw_id>/ticket": Row(MANAGERS),
    "POST /failed-messages/<int:raw_id>/ticket": Row(MANAGERS),
    "GET /settings": Row(SIGNED_IN),
    "GET /settings/desk": Row(ADMINS),
    "POST /settings/desk": Row(ADMINS),
    "GET /settings/boards": Row(ADMINS),
    "POST /settings/boards": Row(ADMINS),
    "GET /settings/boards/<int:board_id>": Row(ADMINS),
    "POST /settings/boards/<int:board_id>": Row(ADMINS),
    "POST /settings/boards/<int:board_id>/columns": Row(ADMINS),
    "POST /settings/boards/<int:board_id>/people": Row(ADMINS),
    "GET /settings/columns/<int:column_id>": Row(ADMINS),
    "POST /settings/columns/<int:column_id>": Row(ADMINS),
    "POST /settings/columns/<int:column_id>/default": Row(ADMINS),
    "POST /settings/columns/<int:column_id>/position": Row(ADMINS),
    "POST /settings/columns/<int:column_id>/removal": Row(ADMINS),
    "GET /settings/addresses": Row(ADMINS),
    "POST /settings/addresses": Row(ADMINS),
    "GET /settings/addresses/new": Row(ADMINS),
    "GET /settings/addresses/<int:channel_id>": Row(ADMINS),
    "POST /settings/addresses/<int:channel_id>": Row(ADMINS),
    "GET /settings/addresses/<int:channel_id>/acknowledgement": Row(ADMINS),
    "POST /settings/addresses/<int:channel_id>/acknowledgement": Row(ADMINS),
    "POST /settings/addresses/<int:channel_id>/closing": Row(ADMINS),
    "POST /settings/addresses/<int:channel_id>/reopening": Row(ADMINS),
    "GET /settings/addresses/<int:channel_id>/mailbox": Row(ADMINS),
    "POST /settings/addresses/<int:channel_id>/mailbox": Row(ADMINS),
    "POST /settings/addresses/<int:channel_id>/mailbox/removal": Row(ADMINS),
    "POST /settings/addresses/<int:channel_id>/mailbox/test": Row(ADMINS),
    "GET /settings/addresses/<int:channel_id>/mailbox/authorisation": Row(ADMINS),
    "GET /settings/mailboxes/authorised": Row(ADMINS),
    "GET /settings/calendars": Row(AGENTS),
    "POST /settings/calendars": Row(MANAGERS, sees=AGENTS),
    "GET /settings/calendars/new": Row(MANAGERS, sees=AGENTS),
    "GET /settings/calendars/<int:calendar_id>": Row(AGENTS),
    "POST /settings/calendars/<int:calendar_id>": Row(MANAGERS, sees=AGENTS),
    "GET /settings/webhooks": Row(MANAGERS),
    "POST /settings/webhooks": Row(MANAGERS),
    "GET /settings/webhooks/<int:webhook_id>": Row(MANAGERS),
    "POST /settings/webhooks/<int:webhook_id>": Row(MANAGERS),
    "POST /settings/webhooks/<int:webhook_id>/removal": Row(MANAGERS),
    "GET /settings/teams": Row(AGENTS),
    "POST /settings/teams": Row(MANAGERS, sees=AGENTS),
    "GET /settings/teams/<int:team_id>": Row(AGENTS),
    "POST /settings/teams/<int:team_id>": Row(MANAGERS, sees=AGENTS),
    "POST /settings/teams/<int:team_id>/removal": Row(MANAGERS, sees=AGENTS),
    "GET /settings/tags": Row(AGENTS),
    "GET /settings/tags/<int:tag_id>": Row(AGENTS),
    "POST /settings/tags/<int:tag_id>": Row(MANAGERS, sees=AGENTS),
    "POST /settings/tags/<int:tag_id>/merging": Row(MANAGERS, sees=AGENTS),
    "POST /settings/tags/<int:tag_id>/removal": Row(MANAGERS, sees=AGENTS),
    "GET /settings/blocked": Row(MANAGERS),
    "POST /settings/blocked": Row(MANAGERS),
    "POST /settings/blocked/<int:blocked_id>/removal": Row(MANAGERS),
    "GET /settings/policies": Row(AGENTS),
    "GET /settings/policies/<int:policy_id>": Row(AGENTS),
    "POST /settings/policies/<int:policy_id>": Row(MANAGERS, sees=AGENTS),
}


CHANGING = [route for route in TABLE if not route.startswith("GET ")]


@pytest.fixture
def world(desk: SmallDesk, now: datetime, travel: Any) -> World:
    return make_world(desk, now)


def routes_of(app: Any) -> dict[str, tuple[str, str]]:
    """ "GET /people" -> (method, endpoint)"""
    return {
        f"{method} {rule.rule}": (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def answer_to(response: Any) -> str:
    sent_to = response.headers.get("Location", "")
    if response.status_code == 401 or (sent_to == "/sign-in" or sent_to.startswith("/sign-in?")):
        return "sign in"
    return str(response.status_code) if response.status_code in (403, 404) else "in"


def ask(app: Any, browser: Any, world: World, actor: str, route: str) -> str:
    """What this actor is answered at this route: in, 403, 404 or sign in."""
    method, endpoint = routes_of(app)[route]
    rule = next(r for r in app.url_map.iter_rules() if r.endpoint == endpoint and method in r.methods)
    parts = world.parts_of(actor, endpoint)
    with app.test_request_context():
        address = app.url_for(endpoint, **{name: parts[name] for name in rule.arguments})
    with browser.open(address, method=method) as response:
        return answer_to(response)


def test_every_route_is_in_the_table(app: Any) -> None:
    assert routes_of(app).keys() == TABLE.keys()


def test_everybody_reads_what_is_theirs_to_see(
    world: World, app: Any, browser_as: Callable[..., Any]
) -> None:
    reading = [route for route in TABLE if route.startswith("GET ")]
    for actor in ACTORS:
        browser = browser_as(world.people.get(actor))
        found = {route: ask(app, browser, world, actor, route) for route in reading}
        assert (actor, found) == (actor, {route: TABLE[route].answer(actor) for route in reading})


def test_nobody_changes_what_is_not_theirs(world: World, app: Any, browser_as: Callable[..., Any]) -> None:
    for actor in ACTORS:
        refused = [route for route in CHANGING if TABLE[route].answer(actor) in ("403", "404", "sign in")]
        refused.sort(key=lambda route: TABLE[route] is OUT)  # last, for it ends the sign-in
        browser = browser_as(world.people.get(actor))
        found = {route: ask(app, browser, world, actor, route) for route in refused}
        assert (actor, found) == (actor, {route: TABLE[route].answer(actor) for route in refused})


@on_one_database
@pytest.mark.parametrize("route", CHANGING)
def test_whoever_may_gets_through(route: str, world: World, app: Any, browser_as: Callable[..., Any]) -> None:
    """From the least to the most powerful, so that what the last ones change disturbs nobody's answer."""
    may = [actor for actor in ACTORS if actor in TABLE[route].may]
    found = {actor: ask(app, browser_as(world.people.get(actor)), world, actor, route) for actor in may}
    assert found == dict.fromkeys(may, "in")


def test_whoever_left_is_a_stranger(world: World, app: Any, browser_as: Callable[..., Any]) -> None:
    """With a cookie that was good until their access ended. Routes open to strangers are asked by these above."""
    browser = browser_as(world.desk.dana)
    with writing(world.desk.row):
        world.desk.dana.deactivated_at = world.now
    closed = [route for route in TABLE if "stranger" not in TABLE[route].may]
    found = {route: ask(app, browser, world, "admin", route) for route in closed}
    assert found == {route: TABLE[route].answer("stranger") for route in closed}
