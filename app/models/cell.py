"""A board with lanes: its columns are crossed by bands that are made of something else, and a card stands in the cell of
both. It shows what is not resolved yet; what is, is counted in the heads of its columns and reached from there."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, func, literal, not_, select, union_all

from app.database import db
from app.models.group import COLUMNS, Group, key, value_of, within
from app.models.ticket import Ticket, late_key

MOST_CARDS = 240  # of a page, shared by the cells that hold any
FEWEST = 3  # cards of a cell, however many cells there are


@dataclass(frozen=True)
class Lane:
    """A band of a board: what it holds, and how many of that in each column's cell."""

    key: str
    name: str
    count: int
    late: int
    cells: tuple[tuple[str, int], ...]


class Crossed(NamedTuple):
    """`columns` are (key, name, how many, of them late) where they are not those of the board, `hidden` what the filter leaves out."""

    columns: list[tuple[str, str, int, int]]
    lanes: list[Lane]
    hidden: int


def crossed(
    columns: Group | None, lanes: Group, board_id: int, matches: ColumnElement[bool], now: datetime
) -> Crossed:
    """What each cell of the board holds, and how columns and lanes are called, in one statement. `columns` is None for those of
    the board."""
    across = columns or COLUMNS
    late = and_(matches, Ticket.sort_key < late_key(now))
    sums = [func.sum(case((each, 1), else_=0)) for each in (matches, late, not_(matches))]
    counted = (
        select(literal(0), cast(across.field, String), cast(lanes.field, String), *sums)
        .where(within(board_id))
        .group_by(across.field, lanes.field)
    )
    listed = [by.listed(board_id, (), now).subquery() for by in (across, lanes)]
    named = [select(literal(n + 1), *each.c, literal(0), literal(0)) for n, each in enumerate(listed)]
    rows: Sequence[Any] = db.session.execute(union_all(counted, *named)).all()
    cells = {
        (value_of(across, row[1]), value_of(lanes, row[2])): (row[3], row[4], row[5])
        for row in rows
        if not row[0]
    }
    names = [
        by.named([(row[1], row[2], row[3]) for row in rows if row[0] == n + 1], {cell[n] for cell in cells})
        for n, by in enumerate((across, lanes))
    ]
    made = [
        (key(column), name, *_sums([held for (there, _), held in cells.items() if there == column])[:2])
        for column, name in names[0].items()
    ]
    lanes_made = [_lane(lane, name, cells) for lane, name in names[1].items()]
    return Crossed(made if columns else [], lanes_made, _sums(list(cells.values()))[2])


def most_in_each(lanes: Sequence[Lane]) -> int:
    """How many cards a cell shows at first."""
    filled = sum(count > 0 for lane in lanes for _, count in lane.cells)
    return max(FEWEST, MOST_CARDS // max(filled, 1))


def first_of_each(
    columns: Group | None,
    lanes: Group,
    board_id: int,
    matches: ColumnElement[bool],
    order: Any,
    most: int,
) -> Select[int]:
    """The ids of the first of each cell."""
    cell = ((columns or COLUMNS).field, lanes.field)
    place = func.row_number().over(partition_by=cell, order_by=order).label("place")
    numbered = select(Ticket.id, place).where(within(board_id), matches).subquery()
    return select(numbered.c.id).where(numbered.c.place <= most)


def _lane(lane: Any, name: str, cells: dict[tuple[Any, Any], tuple[int, int, int]]) -> Lane:
    counts: dict[str, int] = defaultdict(int)
    for (column, there), held in cells.items():
        if there == lane:
            counts[key(column)] += held[0]
    count, late, _ = _sums([held for (_, there), held in cells.items() if there == lane])
    return Lane(key(lane), name, count, late, tuple(sorted(counts.items())))


def _sums(held: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    return sum(one[0] for one in held), sum(one[1] for one in held), sum(one[2] for one in held)
