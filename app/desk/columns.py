"""What is done with the columns of a board, under its lock. Each state keeps one column that is its default."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.database import db, lock
from app.desk import access, broken_rules
from app.desk.events import record
from app.desk.refused import Refused
from app.models.board import STATES, Board, Column
from app.models.desk import Desk
from app.models.event import By
from app.models.ticket import Ticket
from app.words import N_
from rules.query import quoted

LONGEST_NAME = 40
MOST_COLUMNS = 20
HIGHEST_LIMIT = 999


def add(
    board: Board,
    *,
    name: str,
    state: str,
    wip_limit: int | None = None,
    by: By,
    now: datetime,
) -> Column:
    """Adds a column behind the others of its state."""
    access.demand(by, "edit_boards", None, now)
    if state not in STATES:
        raise Refused(N_("That is not one of the choices."), field="state")
    if len(board.columns) >= MOST_COLUMNS:
        raise Refused(N_("A board has at most %(most)s columns."), field="name", most=MOST_COLUMNS)
    values = _values(board, None, name, wip_limit)
    place = max((at for at, one in enumerate(board.columns, start=1) if one.state == state), default=0)
    column = Column(board_id=board.id, state=state, position=0, **values)
    order = [*board.columns[:place], column, *board.columns[place:]]
    db.session.add(column)
    _number(board, order)
    record(board, "column.added", ("column", column.id), by=by, now=now, new=column.name, state=[None, state])
    return column


def change(
    board: Board,
    column_id: int,
    *,
    name: str,
    wip_limit: int | None,
    by: By,
    now: datetime,
) -> Column:
    """Changes how a column is called and how many tickets it should hold. Its state stays what it is."""
    access.demand(by, "edit_boards", None, now)
    column = _found(board, column_id)
    values = _values(board, column, name, wip_limit)
    changes = {
        field: [getattr(column, field), value]
        for field, value in values.items()
        if getattr(column, field) != value
    }
    if changes:
        for field, value in values.items():
            setattr(column, field, value)
        record(board, "column.changed", ("column", column.id), by=by, now=now, new=column.name, **changes)
    return column


def shift(board: Board, column_id: int, *, up: bool, by: By, now: datetime) -> Column:
    """Moves a column one place to the front (`up`) or to the back; at the end it stays."""
    access.demand(by, "edit_boards", None, now)
    column = _found(board, column_id)
    order = list(board.columns)
    place = order.index(column)
    other = place - 1 if up else place + 1
    if 0 <= other < len(order):
        order[place], order[other] = order[other], order[place]
        _number(board, order)
        record(
            board,
            "column.changed",
            ("column", column.id),
            by=by,
            now=now,
            new=column.name,
            position=[place, other],
        )
    return column


def make_default(board: Board, column_id: int, *, by: By, now: datetime) -> Column:
    """Makes it the column to which tickets of its state go by themselves."""
    access.demand(by, "edit_boards", None, now)
    column = _found(board, column_id)
    if column.is_default:
        return column
    old = board.column_for(column.state)
    old.is_default = False
    db.session.flush()  # two defaults of one state are refused by the database, also for an instant
    column.is_default = True
    record(
        board,
        "column.changed",
        ("column", column.id),
        by=by,
        now=now,
        new=column.name,
        is_default=[old.id, column.id],
    )
    return column


def remove(desk: Desk, column_id: int, *, by: By, now: datetime) -> None:
    """Takes an empty column away, under the desk's lock and its board's. The default of a state stays, so that every state
    has a column. A rule that names it is switched off."""
    access.demand(by, "edit_boards", None, now)
    gone = db.session.get(Column, column_id)
    if gone is None:
        raise access.not_found()
    board = lock(gone.board)
    column = _found(board, column_id)
    held = db.session.scalar(select(func.count()).where(Ticket.column_id == column.id)) or 0
    if held:
        raise Refused(
            N_("Tickets still in %(column)s: %(count)s. Move them first."), column=column.name, count=held
        )
    if column.is_default:
        raise Refused(
            N_("Tickets go to %(column)s by themselves. Make another column of its state the default first."),
            column=column.name,
        )
    name, state = column.name, column.state
    db.session.delete(column)
    db.session.flush()
    db.session.expire(board, ["columns"])
    record(board, "column.removed", ("column", column_id), by=by, now=now, old=name, state=[state, None])
    called = {f"column:#{column_id}": f"column:{quoted(f'{board.name}: {name}')}"}
    broken_rules.switch_off(desk, called=called, by=by, now=now)


def _found(board: Board, column_id: int) -> Column:
    column = db.session.get(Column, column_id)
    if column is None or column.board_id != board.id:
        raise access.not_found()
    return column


def _values(board: Board, column: Column | None, name: str, wip_limit: int | None) -> dict[str, Any]:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("A column needs a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    if any(one is not column and one.name.casefold() == name.casefold() for one in board.columns):
        raise Refused(N_("This board has a column of this name already."), field="name")
    if wip_limit is not None and not 1 <= wip_limit <= HIGHEST_LIMIT:
        raise Refused(N_("Use 1 to %(most)s, or leave it empty."), field="wip_limit", most=HIGHEST_LIMIT)
    return {"name": name, "wip_limit": wip_limit}


def _number(board: Board, order: list[Column]) -> None:
    for position, column in enumerate(order):
        column.position = position
    db.session.flush()
    db.session.expire(board, ["columns"])
