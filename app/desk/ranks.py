"""Where a ticket stands in its column, as people put it: whole numbers with room between them, under the board's lock."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from sqlalchemy import Select, bindparam, literal, select, tuple_, update

from app.database import db
from app.models.ticket import RANK_STEP, Ticket


@dataclass(frozen=True)
class Place:
    """Where somebody puts a ticket: between the two they saw, either of which may have left meanwhile, or at an end."""

    after: int | None = None
    before: int | None = None
    end: Literal["top", "bottom"] = "bottom"


@dataclass(frozen=True)
class Rank:
    """A rank, and the numbers of the tickets that had to make room for it."""

    value: int
    others: tuple[int, ...] = ()


BOTTOM = Place()


def at_end(column_id: int) -> int:
    """The rank behind every ticket of a column."""
    return at(column_id, BOTTOM).value


def at(column_id: int, place: Place, ticket_id: int = 0) -> Rank:
    """The rank of that place in a column, for this ticket, which is not counted itself."""
    asked = {"column": column_id, "ticket": ticket_id}
    if place == BOTTOM:  # of nearly every ticket that moves
        last_rank = db.session.scalar(_last_rank(), asked)
        return Rank((last_rank or 0) + RANK_STEP)
    others = select(Ticket.rank, Ticket.id).where(Ticket.column_id == column_id, Ticket.id != ticket_id)
    first, last = (Ticket.rank, Ticket.id), (Ticket.rank.desc(), Ticket.id.desc())
    above = below = None
    if place.after is not None and (above := _one(others.where(Ticket.id == place.after))):
        below = _one(others.where(tuple_(*first) > tuple_(*map(literal, above))).order_by(*first))
    elif place.before is not None and (below := _one(others.where(Ticket.id == place.before))):
        above = _one(others.where(tuple_(*first) < tuple_(*map(literal, below))).order_by(*last))
    elif place.end == "top":
        below = _one(others.order_by(*first))
    else:
        above = _one(others.order_by(*last))
    if below is None:
        return Rank((above[0] if above else 0) + RANK_STEP)
    if above is None:
        return Rank(below[0] - RANK_STEP)
    if below[0] - above[0] >= 2:
        return Rank((above[0] + below[0]) // 2)
    return _make_room(others, below)


def _make_room(others: Select[int, int], below: tuple[int, int]) -> Rank:
    """Moves all that stand above this one up: those are the few that people see, where the rest may be many."""
    above = others.where(tuple_(Ticket.rank, Ticket.id) < tuple_(*map(literal, below)))
    ids = [id for _, id in db.session.execute(above.order_by(Ticket.rank.desc(), Ticket.id.desc()))]
    rank = below[0] - RANK_STEP
    steps = enumerate(ids, start=1)
    db.session.execute(update(Ticket), [{"id": id, "rank": rank - step * RANK_STEP} for step, id in steps])
    return Rank(rank, tuple(ids))


def _one(wanted: Select[int, int]) -> tuple[int, int] | None:
    row = db.session.execute(wanted.limit(1)).one_or_none()
    return (row[0], row[1]) if row else None


@cache
def _last_rank() -> Select[int]:
    """Made once: to build it takes longer than to run it."""
    others = Ticket.column_id == bindparam("column"), Ticket.id != bindparam("ticket")
    return select(Ticket.rank).where(*others).order_by(Ticket.rank.desc(), Ticket.id.desc()).limit(1)
