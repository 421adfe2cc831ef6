"""What can be done to many tickets at once: the verbs that one ticket has, each with the value it takes as a text."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from app.database import db, locked
from app.desk import access, merges, removals, snoozes, tickets, transfers
from app.desk.links import Both
from app.desk.refused import Refused
from app.models.board import STATES, Board
from app.models.event import By
from app.models.person import Person
from app.models.team import Team
from app.models.ticket import PRIORITIES, Ticket
from app.words import N_

MOST = 1_000  # tickets


class Into(NamedTuple):
    """The ticket that goes on; `anyway` says that the others may be of other customers."""

    number: int
    anyway: bool


@dataclass(frozen=True)
class Action:
    """`read` makes the value from what was chosen, Refused when it is none; `do` is the verb. `asks`: nobody does it before
    they were asked. `most` tickets at once."""

    read: Callable[[str, Person, datetime], Any]
    do: Callable[[Board, Ticket, Any, By, datetime], Any]
    asks: bool = False
    most: int = MOST


def named(text: str) -> tuple[str, Action]:
    """The action of "priority:3", with its name. Refused when there is none."""
    name = text.partition(":")[0]
    if name not in ACTIONS:
        raise _not_offered()
    return name, ACTIONS[name]


def read(text: str, person: Person, now: datetime) -> Any:
    """The value of "priority:3". Refused when it is none."""
    return named(text)[1].read(text.partition(":")[2], person, now)


def do(action: Action, board: Board, ticket: Ticket, value: Any, *, by: By, now: datetime) -> None:
    """Does it to one of the tickets; Refused as when it is done to that one alone."""
    if ticket.merged_into_id is not None:
        raise tickets.merged(ticket)
    action.do(board, ticket, value, by, now)


def _column(text: str, _person: Person, _now: datetime) -> str | int:
    return text if text in STATES else _number(text)


def _move(board: Board, ticket: Ticket, to: str | int, by: By, now: datetime) -> None:
    tickets.move(board, ticket, to=board.column_for(to).id if isinstance(to, str) else to, by=by, now=now)


def _person(text: str, _person: Person, now: datetime) -> Person | None:
    found = db.session.get(Person, _number(text)) if text else None
    if text and (found is None or not found.works_here(now)):
        raise _not_offered()
    return found


def _assign(board: Board, ticket: Ticket, person: Person | None, by: By, now: datetime) -> None:
    if person is not None and not access.can(person, "work_board", board, now):
        raise Refused(N_("That person cannot see this board. Choose somebody who belongs to it."))
    tickets.assign(board, ticket, person.id if person else None, by=by, now=now)


def _team(text: str, _person: Person, _now: datetime) -> int | None:
    if text and db.session.get(Team, _number(text)) is None:
        raise _not_offered()
    return _number(text) if text else None


def _priority(text: str, _person: Person, _now: datetime) -> int:
    if _number(text) not in PRIORITIES:
        raise _not_offered()
    return _number(text)


def _tag(text: str, _person: Person, _now: datetime) -> str:
    return tickets.tag_name(text)


def _until(text: str, person: Person, now: datetime) -> datetime:
    return snoozes.chosen(text, now, person.zone)


def _nothing(text: str, _person: Person, _now: datetime) -> None:
    if text:
        raise _not_offered()


def _into(text: str, _person: Person, _now: datetime) -> Into:
    number, _, anyway = text.partition(":")
    return Into(_number(number), anyway == "anyway")


def _merge(board: Board, ticket: Ticket, to: Into, by: By, now: datetime) -> None:
    into = db.session.get(Ticket, to.number)
    into_board = locked(Board, into.board_id) if into is not None else None
    if into is None or into_board is None:
        raise Refused(N_("There is no ticket #%(number)s, or it is not for you."), number=to.number)
    merges.merge(Both(board, ticket, into_board, into), despite_customer=to.anyway, by=by, now=now)


def _board(text: str, person: Person, now: datetime) -> int:
    return access.board_seen_by(person, _number(text), now).id


def _transfer(board: Board, ticket: Ticket, to: int, by: By, now: datetime) -> None:
    into = locked(Board, to)
    if into is None:
        raise access.not_found()
    transfers.transfer(board, ticket, into, by=by, now=now)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _not_offered()
    return int(text)


def _not_offered() -> Refused:
    return Refused(N_("That is not one of the choices."))


# The name of an action -> what it is. A new one is a line here, and one in the bar (tickets/_bulk.html).
ACTIONS = {
    "assignee": Action(_person, _assign),
    "column": Action(_column, _move),
    "board": Action(_board, _transfer),
    "team": Action(
        _team, lambda board, ticket, to, by, now: tickets.give_to_team(board, ticket, to, by=by, now=now)
    ),
    "priority": Action(
        _priority, lambda board, ticket, to, by, now: tickets.prioritise(board, ticket, to, by=by, now=now)
    ),
    "tag": Action(
        _tag, lambda board, ticket, name, by, now: tickets.add_tag(board, ticket, name, by=by, now=now)
    ),
    "untag": Action(
        _tag, lambda board, ticket, name, by, now: tickets.remove_tag(board, ticket, name, by=by, now=now)
    ),
    "snooze": Action(
        _until, lambda board, ticket, until, by, now: snoozes.snooze(board, ticket, until, by=by, now=now)
    ),
    "merge": Action(_into, _merge, asks=True, most=100),  # in one step, so that all of it is one undo
    "spam": Action(
        _nothing,
        lambda board, ticket, _, by, now: removals.mark_spam(board, ticket, by=by, now=now),
        asks=True,
    ),
    "delete": Action(
        _nothing,
        lambda board, ticket, _, by, now: removals.delete(board, ticket, by=by, now=now),
        asks=True,
    ),
}
