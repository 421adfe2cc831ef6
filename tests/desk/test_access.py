"""The table of design/access.md, asked in every cell; what a member sees, minute by minute; nothing for strangers."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import access, people
from app.desk.refused import Refused
from app.models.board import Board, BoardPerson
from app.models.company import Company
from app.models.customer import Customer
from app.models.event import CLOCK, By
from app.models.person import Person
from app.models.rota import Shift
from tests.small import SmallDesk
from tests.stories import ticket_in

ON_BOARD = {"alice", "bob", "dana"}
AGENTS = {"alice", "bob", "charlie", "dana"}
MANAGERS = {"alice", "dana"}
ADMINS = {"dana"}
EVERYBODY = AGENTS | {"erin"}
MAY = {
    "own_profile": EVERYBODY,
    "see_board": ON_BOARD,
    "work_board": ON_BOARD,
    "delete_tickets": MANAGERS,
    "see_deleted": MANAGERS,
    "keep_views": EVERYBODY,
    "edit_views": MANAGERS,
    "see_customers": AGENTS,  # of those on their boards
    "work_customer": ON_BOARD,
    "work_company": ON_BOARD,
    "remove_company": MANAGERS,
    "see_teams": AGENTS,
    "edit_teams": MANAGERS,
    "see_tags": AGENTS,
    "edit_tags": MANAGERS,
    "edit_moods": MANAGERS,
    "see_rota": AGENTS,
    "take_shift": set(),  # of those who take turns, see below
    "edit_rota": MANAGERS,
    "see_rules": AGENTS,
    "edit_rules": MANAGERS,
    "edit_webhooks": MANAGERS,
    "see_policies": AGENTS,
    "edit_policies": MANAGERS,
    "see_failed_messages": MANAGERS,
    "block_senders": MANAGERS,
    "see_people": MANAGERS,
    "edit_people": ADMINS,
    "edit_boards": ADMINS,
    "edit_channels": ADMINS,
    "edit_desk": ADMINS,
}
MINUTE = timedelta(minutes=1)


def shift(
    desk: SmallDesk, person: Person, starts_at: datetime, ends_at: datetime, role: str = "primary"
) -> None:
    with writing(desk.row):
        db.session.add(
            Shift(
                rota_id=desk.board.rota_id,
                role=role,
                starts_at=starts_at,
                ends_at=ends_at,
                person_id=person.id,
                origin_person_id=person.id,
                reason={},
            )
        )


def second_board(desk: SmallDesk, person: Person, now: datetime) -> Board:
    """A board with no rota and one person."""
    with writing(desk.row):
        board = Board(name="Wholesale", created_at=now)
        db.session.add(board)
        db.session.flush()
        db.session.add(BoardPerson(board_id=board.id, person_id=person.id))
    return board


def thing_of(desk: SmallDesk, verb: str, now: datetime) -> Any:
    """What a verb is asked about: the board, or a customer with a ticket on it, or that customer's company."""
    if verb.endswith("_board") or verb == "delete_tickets":
        return desk.board
    if not verb.endswith(("_customer", "_company")):
        return None
    ticket = ticket_in(desk, "new", "Lamp", now)
    with writing(desk.row):
        company = Company(name="Northlight Stores", created_at=now)
        db.session.add(company)
        customer = db.session.get_one(Customer, ticket.customer_id)
        customer.company = company
    return customer if verb.endswith("_customer") else company


def test_the_table_is_whole() -> None:
    assert MAY.keys() == access.VERBS.keys()


@pytest.mark.parametrize("verb", sorted(access.VERBS))
def test_each_cell_of_the_table(desk: SmallDesk, now: datetime, verb: str) -> None:
    thing = thing_of(desk, verb, now)
    may = {name for name in EVERYBODY if access.can(getattr(desk, name), verb, thing, now)}
    assert may == MAY[verb]
    assert not access.can(None, verb, thing, now)


@pytest.mark.parametrize("verb", sorted(access.VERBS))
def test_whoever_left_may_nothing(desk: SmallDesk, now: datetime, verb: str) -> None:
    thing = thing_of(desk, verb, now)
    with writing(desk.row):
        desk.dana.deactivated_at = now
        desk.alice.ends_at = now
    for person in (desk.dana, desk.alice):
        assert not access.can(person, verb, thing, now)
        assert db.session.scalars(access.visible_boards(person, now)).all() == []


def test_an_unknown_verb_is_a_mistake(desk: SmallDesk, now: datetime) -> None:
    with pytest.raises(KeyError):
        access.can(desk.dana, "fly", None, now)


@pytest.mark.parametrize(
    ("name", "verb", "status"),
    [
        ("bob", "edit_rules", 403),
        ("bob", "edit_rota", 403),
        ("bob", "edit_people", 404),
        ("alice", "edit_people", 403),
        ("alice", "edit_boards", 404),
        ("erin", "edit_rules", 404),
        ("erin", "see_rota", 404),
    ],
)
def test_what_one_may_not_see_does_not_exist(
    desk: SmallDesk, now: datetime, name: str, verb: str, status: int
) -> None:
    person = getattr(desk, name)
    for who in (person, By("person", person.id)):
        with pytest.raises(Refused) as refused:
            access.demand(who, verb, None, now)
        assert refused.value.status == status


def test_the_clock_and_rules_may_and_nobody_may_not(desk: SmallDesk, now: datetime) -> None:
    access.demand(CLOCK, "edit_people", None, now)
    access.demand(By("rule", 7), "edit_people", None, now)
    for who in (None, By("person", 999), By("person", None)):
        with pytest.raises(Refused):
            access.demand(who, "own_profile", None, now)


@pytest.mark.parametrize("role", ["primary", "backup"])
def test_a_member_sees_the_board_from_the_shift_to_an_hour_after(
    desk: SmallDesk, now: datetime, role: str
) -> None:
    starts_at, ends_at = now, now + timedelta(days=7)
    shift(desk, desk.erin, starts_at, ends_at, role)
    seen = {
        at: bool(db.session.scalars(access.visible_boards(desk.erin, at)).all())
        for at in (
            starts_at - MINUTE,
            starts_at,
            ends_at - MINUTE,
            ends_at,
            ends_at + timedelta(minutes=59),
            ends_at + timedelta(hours=1),
        )
    }
    assert list(seen.values()) == [False, True, True, True, True, False]
    assert [access.can(desk.erin, "work_board", desk.board, at) for at in seen] == list(seen.values())


def test_who_takes_turns_sees_the_rota_and_may_take_more(desk: SmallDesk, now: datetime) -> None:
    def may(at: datetime) -> list[bool]:
        return [access.can(desk.erin, verb, None, at) for verb in ("see_rota", "take_shift", "edit_rota")]

    assert may(now) == [False, False, False]
    shift(desk, desk.erin, now + timedelta(days=7), now + timedelta(days=14))
    assert may(now) == [True, True, False]
    assert may(now + timedelta(days=14)) == [False, False, False]


def test_a_turn_opens_the_boards_of_that_rota_alone(desk: SmallDesk, now: datetime) -> None:
    other = second_board(desk, desk.charlie, now)
    shift(desk, desk.erin, now - MINUTE, now + MINUTE)
    assert access.board_seen_by(desk.erin, desk.board.id, now) is desk.board
    with pytest.raises(Refused):
        access.board_seen_by(desk.erin, other.id, now)


def test_an_agent_of_another_board_sees_this_one_while_on_call_for_it(desk: SmallDesk, now: datetime) -> None:
    other = second_board(desk, desk.charlie, now)
    assert db.session.scalars(access.visible_boards(desk.charlie, now)).all() == [other.id]
    shift(desk, desk.charlie, now - MINUTE, now + MINUTE, "backup")
    assert db.session.scalars(access.visible_boards(desk.charlie, now)).all() == [desk.board.id, other.id]


def test_many_are_asked_for_as_each_is(desk: SmallDesk, now: datetime) -> None:
    """A stream goes on for exactly those whom the page would let in."""
    other = second_board(desk, desk.charlie, now)
    shift(desk, desk.erin, now, now + timedelta(days=7))
    with writing(desk.row):
        desk.bob.ends_at = now + timedelta(days=1)
        desk.alice.deactivated_at = now
    people = (desk.alice, desk.bob, desk.charlie, desk.dana, desk.erin)
    pairs = {(person.id, board.id) for person in people for board in (desk.board, other)}
    for at in (now, now + timedelta(days=1), now + timedelta(days=8)):
        each = {
            (person.id, board.id)
            for person in people
            for board in (desk.board, other)
            if access.can(person, "see_board", board, at)
        }
        assert access.who_see(pairs, at) == each
        few = {(desk.dana.id, other.id), (desk.bob.id, desk.board.id)}
        assert access.who_see(few, at) == each & few
    assert access.who_see((), now) == set()


@pytest.mark.parametrize("number", [0, -1, 999_999, 2**31 - 1])
def test_an_unknown_number_is_not_found(desk: SmallDesk, now: datetime, number: int) -> None:
    for find in (access.board_seen_by, access.ticket_seen_by):
        with pytest.raises(Refused) as refused:
            find(desk.dana, number, now)
        assert refused.value.status == 404


def test_managers_look_up_the_people_of_their_boards(desk: SmallDesk, now: datetime) -> None:
    def seen(person: Person) -> list[str]:
        return [found.name.split()[0] for found in db.session.scalars(access.people_seen_by(person, now))]

    assert seen(desk.dana) == ["Alice", "Bob", "Charlie", "Dana", "Erin"]
    assert seen(desk.alice) == ["Alice", "Bob", "Dana"]
    assert seen(desk.bob) == ["Bob"]


def test_a_verb_asks_again_under_the_lock(desk: SmallDesk, now: datetime) -> None:
    with pytest.raises(Refused) as refused, writing(desk.row) as row:
        people.deactivate(row, desk.bob.id, by=By("person", desk.alice.id), now=now)
    assert refused.value.status == 403
    assert db.session.scalars(select(Person.deactivated_at).where(Person.id == desk.bob.id)).one() is None
