"""How a person looks at each board, remembered: whatever an address does not say. Nobody else sees it, so that it is
kept without a lock and without an event."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from app.database import bookkeeping
from app.models.board import Board
from app.models.person import Person


def at_board(person: Person, board_id: int) -> Mapping[str, Any]:
    """What this person has chosen for a board."""
    found = person.looks.get("boards", {}).get(str(board_id), {})
    return found if isinstance(found, dict) else {}


def collapsed(person: Person, board_id: int) -> frozenset[int | str]:
    """What of the board this person has collapsed: the ids of its columns, and what made() calls others."""
    return frozenset(at_board(person, board_id).get("collapsed", ()))


def made(of: str, key: int | str, *, lane: bool = False) -> int | str:
    """How a column of a board, one that is made of something else, or a lane is kept."""
    return key if isinstance(key, int) else f"{'lane:' if lane else ''}{of}:{key}"


def collapse(person: Person, board: Board, what: int | str, *, collapsed: bool) -> None:
    """Collapses a column of the board or a lane, or expands it. Columns of the board that are gone are forgotten."""
    before = at_board(person, board.id).get("collapsed", ())
    there = {column.id for column in board.columns}
    kept = {one for one in before if isinstance(one, str) or one in there}
    kept = kept | {what} if collapsed else kept - {what}
    remember(person, board.id, collapsed=sorted(kept, key=str) or None)


def remember(person: Person, board_id: int, *, compact: bool | None = None, **chosen: Any) -> None:
    """Keeps what they have chosen for a board, where None forgets it, and whether cards are small on every board."""
    kept = {**at_board(person, board_id), **chosen}
    boards = person.looks.get("boards", {})
    found = {**boards, str(board_id): {name: value for name, value in kept.items() if value is not None}}
    looks = {**person.looks, "boards": found}
    if compact is not None:
        looks["compact"] = compact
    bookkeeping(update(Person).where(Person.id == person.id).values(looks=looks))
