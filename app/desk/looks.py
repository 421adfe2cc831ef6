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


def collapsed(person: Person, board_id: int) -> frozenset[int]:
    """The columns of the board that this person has collapsed."""
    return frozenset(at_board(person, board_id).get("collapsed", ()))


def collapse(person: Person, board: Board, column_id: int, *, collapsed: bool) -> None:
    """Collapses a column of the board, or expands it. Columns that are gone are forgotten."""
    kept = {
        column.id for column in board.columns if column.id in at_board(person, board.id).get("collapsed", ())
    }
    kept = kept | {column_id} if collapsed else kept - {column_id}
    remember(person, board.id, collapsed=sorted(kept) or None)


def remember(person: Person, board_id: int, *, compact: bool | None = None, **chosen: Any) -> None:
    """Keeps what they have chosen for a board, where None forgets it, and whether cards are small on every board."""
    kept = {**at_board(person, board_id), **chosen}
    boards = person.looks.get("boards", {})
    found = {**boards, str(board_id): {name: value for name, value in kept.items() if value is not None}}
    looks = {**person.looks, "boards": found}
    if compact is not None:
        looks["compact"] = compact
    bookkeeping(update(Person).where(Person.id == person.id).values(looks=looks))
