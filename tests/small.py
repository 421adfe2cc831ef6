"""A small desk to tell stories with.

Alice is the manager, Bob an agent of the board, Charlie an agent who belongs to no board and must see nothing, Dana
the admin, Erin a member who only takes turns on call. Everybody's password is PASSWORD.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from sqlalchemy import select

from app.database import db, writing
from app.desk.setup import ensure_desk, set_up
from app.models.board import Board, BoardPerson, Column, all_boards
from app.models.channel import Channel, channels_in_use
from app.models.desk import Desk
from app.models.person import Person

PASSWORD = "a lamp in the window"
ADDRESS = "support@example.com"


@dataclass(frozen=True)
class SmallDesk:
    row: Desk
    board: Board  # "Support", with the five first columns
    alice: Person
    bob: Person
    charlie: Person
    dana: Person
    erin: Person

    @property
    def columns(self) -> dict[str, Column]:
        """The default column of each state."""
        return {column.state: column for column in self.board.columns if column.is_default}

    @property
    def email(self) -> Channel:
        """support@example.com"""
        return channels_in_use("email")[0]

    @property
    def form(self) -> Channel:
        return channels_in_use("form")[0]

    @property
    def by_hand(self) -> Channel:
        return channels_in_use("manual")[0]


def make_small_desk(now: datetime) -> None:
    """Sets the desk up in the database of the app whose context is pushed."""
    with writing(ensure_desk(now, "Northlight")) as row:
        alice = _person("Alice Moor", "alice@example.com", "manager", ["en", "de"], now)
        bob = _person("Bob Reyes", "bob@example.com", "agent", ["en", "ko"], now)
        charlie = _person("Charlie Stone", "charlie@example.com", "agent", ["en"], now)
        dana = _person("Dana Wolf", "dana@example.com", "admin", ["en"], now)
        erin = _person("Erin Park", "erin@example.com", "member", ["ko"], now)
        db.session.add_all([alice, bob, charlie, dana, erin])
        db.session.flush()
        board = set_up(row, admin=dana, board_name="Support", address=ADDRESS, zone="Europe/Berlin", now=now)
        db.session.add_all(BoardPerson(board_id=board.id, person_id=person.id) for person in (alice, bob))


def find_small_desk() -> SmallDesk:
    """The desk that was made in the database of the app whose context is pushed."""
    row = db.session.get_one(Desk, 1)
    (board,) = all_boards()
    alice, bob, charlie, dana, erin = db.session.scalars(select(Person).order_by(Person.email))
    db.session.commit()  # ends the reading; what was read stays at hand
    return SmallDesk(row, board, alice, bob, charlie, dana, erin)


def _person(name: str, email: str, role: str, languages: list[str], now: datetime) -> Person:
    return Person(
        name=name, email=email, role=role, languages=languages, password_hash=_hash(PASSWORD), created_at=now
    )


@cache
def _hash(password: str) -> str:
    """Slow by design, so it is done once."""
    return PasswordHasher().hash(password)
