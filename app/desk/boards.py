"""What is done with boards: added and peopled under the lock of the desk, changed under their own."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from app.database import db, lock
from app.desk import access, waking
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import Board, BoardPerson, Column, all_boards
from app.models.channel import Channel
from app.models.desk import Desk
from app.models.event import By
from app.models.person import Person
from app.models.policy import Policy
from app.models.rota import Rota
from app.words import N_, gettext

LONGEST_NAME = 60
MOST_BOARDS = 50
MOST_REOPEN_DAYS = 365
# what a new board begins with: name, state, what the customer is told
COLUMNS = (
    (N_("New"), "new"),
    (N_("Open"), "open"),
    (N_("Waiting"), "waiting"),
    (N_("Resolved"), "resolved"),
    (N_("Archived"), "archived"),
)


def locked_all() -> list[Board]:
    """Every board, locked in order: for a change of the desk that is seen on them, under the desk's lock."""
    return [lock(board) for board in all_boards()]


def add(
    desk: Desk, *, name: str, policy_id: int | None, rota_id: int | None, owner: Person, by: By, now: datetime
) -> Board:
    """Adds a board with a column for each state, the channel for tickets made by hand, and its owner as the one who
    belongs to it. The names are in the language being spoken."""
    access.demand(by, "edit_boards", None, now)
    if len(all_boards()) >= MOST_BOARDS:
        raise Refused(N_("A desk has at most %(most)s boards."), field="name", most=MOST_BOARDS)
    board = Board(name=_name(name, None), **_chosen(policy_id, rota_id), created_at=now)
    db.session.add(board)
    db.session.flush()
    furnish(board, owner)
    record(desk, "board.added", ("board", board.id), by=by, now=now, new=board.name)
    return board


def furnish(board: Board, owner: Person) -> None:
    """Gives a new board its first columns, its channel for tickets made by hand, and who belongs to it."""
    db.session.add_all(
        Column(
            board_id=board.id,
            name=gettext(name),
            state=state,
            position=position,
            is_default=True,
        )
        for position, (name, state) in enumerate(COLUMNS)
    )
    db.session.add(
        Channel(
            kind="manual", name=gettext(N_("By hand")), board_id=board.id, owner_id=owner.id, address=None
        )
    )
    db.session.add(BoardPerson(board_id=board.id, person_id=owner.id))
    db.session.flush()
    db.session.expire(board, ["columns"])


def change(
    board: Board,
    *,
    name: str,
    reopen_days: int,
    policy_id: int | None,
    rota_id: int | None,
    by: By,
    now: datetime,
) -> Board:
    """Changes a board. Another policy or rota has its unresolved tickets judged again."""
    access.demand(by, "edit_boards", None, now)
    if not 0 <= reopen_days <= MOST_REOPEN_DAYS:
        raise Refused(N_("Use 0 to %(most)s days."), field="reopen_days", most=MOST_REOPEN_DAYS)
    values = {"name": _name(name, board), "reopen_days": reopen_days, **_chosen(policy_id, rota_id)}
    changes = {
        field: [getattr(board, field), value]
        for field, value in values.items()
        if getattr(board, field) != value
    }
    if not changes:
        return board
    for field, value in values.items():
        setattr(board, field, value)
    if changes.keys() & {"policy_id", "rota_id"}:
        waking.wake(board, now)
    record(board, "board.changed", ("board", board.id), by=by, now=now, **changes)
    return board


def set_people(desk: Desk, board_id: int, people: Collection[int], *, by: By, now: datetime) -> None:
    """Makes these the people of the board. What it is about is people, so the desk is locked, as for changing one."""
    access.demand(by, "edit_boards", None, now)
    board = db.session.get_one(Board, board_id)
    wanted = set(people)
    if wanted - set(db.session.scalars(select(Person.id).where(Person.id.in_(wanted)))):
        raise Refused(N_("That is not one of the choices."), field="people")
    theirs = set(db.session.scalars(select(BoardPerson.person_id).where(BoardPerson.board_id == board_id)))
    if wanted == theirs:
        return
    gone = BoardPerson.person_id.in_(theirs - wanted)
    db.session.execute(delete(BoardPerson).where(BoardPerson.board_id == board_id, gone))
    db.session.add_all(BoardPerson(board_id=board_id, person_id=one) for one in sorted(wanted - theirs))
    record(
        desk,
        "board.people",
        ("board", board_id),
        by=by,
        now=now,
        new=board.name,
        people=[sorted(theirs), sorted(wanted)],
    )


def _name(name: str, board: Board | None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("A board needs a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    if any(other is not board and other.name.casefold() == name.casefold() for other in all_boards()):
        raise Refused(N_("There is a board of this name already."), field="name")
    return name


def _chosen(policy_id: int | None, rota_id: int | None) -> dict[str, Any]:
    if policy_id is not None and db.session.get(Policy, policy_id) is None:
        raise Refused(N_("That is not one of the choices."), field="policy")
    if rota_id is not None and db.session.get(Rota, rota_id) is None:
        raise Refused(N_("That is not one of the choices."), field="rota")
    return {"policy_id": policy_id, "rota_id": rota_id}
