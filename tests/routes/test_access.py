"""Who gets through to what: every route of the app, asked by everybody, against one table.

A route that is not in TABLE fails the test. To add one: a line in TABLE and, when its address has a new part, a line
in `parts_of`. The requests carry no form, so one that gets through is answered with 422, or changes something small.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.database import db, writing
from app.desk import customers, invitations, sign_ins, tickets
from app.models.board import Board, BoardPerson
from app.models.event import CLOCK
from app.models.person import Person
from app.models.rota import Shift
from tests.small import SmallDesk

# from the least to the most powerful: what the last ones change disturbs nobody's answer
ACTORS = ("stranger", "member", "member on call", "agent elsewhere", "agent", "manager", "admin")
PUBLIC = frozenset(ACTORS)
SIGNED_IN = PUBLIC - {"stranger"}
BOARD = frozenset({"member on call", "agent", "manager", "admin"})
AGENTS = frozenset({"agent elsewhere", "agent", "manager", "admin"})
MANAGERS = frozenset({"manager", "admin"})
ADMINS = frozenset({"admin"})


@dataclass(frozen=True)
class Row:
    """`may` get through; `sees` the thing without being allowed this: 403. All others: 404, strangers must sign in.

    Where nobody may stay, as after signing out, everybody is sent to sign in.
    """

    may: frozenset[str]
    sees: frozenset[str] = frozenset()

    def answer(self, actor: str) -> str:
        if actor in self.may:
            return "in"
        if actor == "stranger" or not self.may:
            return "sign in"
        return "403" if actor in self.sees else "404"


TABLE = {
    "GET /static/<path:filename>": Row(PUBLIC),
    "GET /sign-in": Row(PUBLIC),
    "POST /sign-in": Row(PUBLIC),
    "POST /sign-out": Row(frozenset()),
    "GET /invitations/<token>": Row(PUBLIC),
    "POST /invitations/<token>": Row(PUBLIC),
    "GET /profile": Row(SIGNED_IN),
    "POST /profile": Row(SIGNED_IN),
    "POST /profile/password": Row(SIGNED_IN),
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
    "GET /columns/<int:column_id>/cards": Row(BOARD),
    "GET /tickets/<int:number>/move": Row(BOARD),
    "POST /tickets/<int:number>/column": Row(BOARD),
}


@dataclass(frozen=True)
class World:
    desk: SmallDesk
    people: dict[str, Person]
    ticket: int
    invitation: str
    now: datetime


@pytest.fixture
def world(desk: SmallDesk, now: datetime, travel: Any) -> World:
    """The small desk, somebody on call for its board, a second board with an agent of its own, and one ticket."""
    with writing(desk.row) as row:
        on_call = Person(
            name="Gus Lind", email="gus@example.com", role="member", languages=["en"], created_at=now
        )
        elsewhere = Board(name="Wholesale", created_at=now)
        db.session.add_all([on_call, elsewhere])
        db.session.flush()
        db.session.add(BoardPerson(board_id=elsewhere.id, person_id=desk.charlie.id))
        db.session.add(
            Shift(
                rota_id=desk.board.rota_id,
                role="primary",
                starts_at=now - timedelta(days=1),
                ends_at=now + timedelta(days=6),
                person_id=on_call.id,
                origin_person_id=on_call.id,
                reason={},
            )
        )
        link = invitations.invite(row, on_call, by=CLOCK, now=now)
    with writing(desk.board) as board:
        customer = customers.find_or_make("kim@example.org", "Kim", "en", now=now)
        ticket = tickets.open_ticket(
            board, channel=desk.email, customer=customer, subject="The lamp flickers", by=CLOCK, now=now
        )
    people = {
        "member": desk.erin,
        "member on call": on_call,
        "agent elsewhere": desk.charlie,
        "agent": desk.bob,
        "manager": desk.alice,
        "admin": desk.dana,
    }
    return World(desk, people, ticket.id, link.rpartition("/")[2], now)


def parts_of(world: World, actor: str) -> dict[str, Any]:
    """What stands for the variable parts of addresses; all of it exists and belongs to the board "Support"."""
    person = world.people.get(actor)
    db.session.rollback()  # SQLite reads as of the first look
    own = sign_ins.of(person, world.now) if person else ()
    return {
        "filename": "icon.svg",
        "token": world.invitation,
        "sign_in_id": own[0].id if own else "0",
        "person_id": world.desk.bob.id,
        "board_id": world.desk.board.id,
        "column_id": world.desk.columns["open"].id,
        "number": world.ticket,
    }


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


def test_every_route_is_in_the_table(app: Any) -> None:
    assert routes_of(app).keys() == TABLE.keys()


@pytest.mark.parametrize("route", TABLE)
def test_everybody_at_every_route(route: str, world: World, app: Any, browser_as: Callable[..., Any]) -> None:
    method, endpoint = routes_of(app)[route]
    rule = next(r for r in app.url_map.iter_rules() if r.endpoint == endpoint and method in r.methods)
    found, expected = {}, {}
    for actor in ACTORS:
        browser = browser_as(world.people.get(actor))
        parts = parts_of(world, actor)
        with app.test_request_context():
            address = app.url_for(endpoint, **{name: parts[name] for name in rule.arguments})
        with browser.open(address, method=method) as response:
            found[actor], expected[actor] = answer_to(response), TABLE[route].answer(actor)
    assert found == expected


@pytest.mark.parametrize("route", TABLE)
def test_whoever_left_is_a_stranger(
    route: str, world: World, app: Any, browser_as: Callable[..., Any]
) -> None:
    """With a cookie that was good until their access ended."""
    method, endpoint = routes_of(app)[route]
    rule = next(r for r in app.url_map.iter_rules() if r.endpoint == endpoint and method in r.methods)
    browser = browser_as(world.desk.dana)
    parts = parts_of(world, "admin")
    with writing(world.desk.row):
        world.desk.dana.deactivated_at = world.now
    with app.test_request_context():
        address = app.url_for(endpoint, **{name: parts[name] for name in rule.arguments})
    with browser.open(address, method=method) as response:
        assert answer_to(response) == TABLE[route].answer("stranger")
