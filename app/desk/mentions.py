"""Colleagues who are called by name in a note: @Kim Minji."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from app.database import db
from app.desk import access
from app.models.board import Board
from app.models.message import Message
from app.models.person import Person, people_working


def may_be_called(board_id: int, now: datetime) -> list[Person]:
    """Everybody who may see this board now, by name."""
    people = people_working(now)
    seeing = access.who_see([(person.id, board_id) for person in people], now)
    return [person for person in people if (person.id, board_id) in seeing]


def found_in(text: str, board: Board, now: datetime) -> list[int]:
    """The ids of those whom a text calls, in the order of their names. Of two of one name both are meant."""
    if "@" not in text:
        return []
    people = may_be_called(board.id, now)
    called = {name.casefold() for name in _called(text, [person.name for person in people])}
    return [person.id for person in people if person.name.casefold() in called]


def mentions_of(message: Message) -> Sequence[Person]:
    """The people whom a note calls, by name."""
    if not message.mentions:
        return []
    return db.session.scalars(
        select(Person).where(Person.id.in_(message.mentions)).order_by(Person.name, Person.id)
    ).all()


def names_of(messages: Sequence[Message]) -> list[str]:
    """What those who are called in these messages are called, the longest names first."""
    wanted = {person_id for message in messages for person_id in message.mentions}
    if not wanted:
        return []
    return sorted(db.session.scalars(select(Person.name).where(Person.id.in_(wanted))), key=len, reverse=True)


def _called(text: str, names: Sequence[str]) -> list[str]:
    """A longer name first: @Kim Minji does not call Kim. A particle may follow a Korean name without a blank."""
    if not names:
        return []
    known = "|".join(
        re.escape(name) + (r"(?![A-Za-z0-9])" if name[-1].isascii() else "")
        for name in sorted(names, key=len, reverse=True)
    )
    return re.findall(rf"(?<![\w/=@.])@({known})", text, re.IGNORECASE)
