"""One thing done to many tickets: in one transaction for each hundred, under the locks of their boards, each by itself."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import select

from app.auth import now, signed_in_person
from app.database import db, writing_all, written
from app.desk import access
from app.desk.refused import Refused
from app.desk.undo import Stretch, stretches
from app.models.board import Board
from app.models.ticket import Ticket

AT_ONCE = 100


class Failure(NamedTuple):
    """Why nothing was done to a ticket."""

    number: int
    reason: Refused


@dataclass
class Outcome:
    """What came of it; `stretches` are the events that it made."""

    done: list[int] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)


def each(
    numbers: Iterable[int],
    do: Callable[[Board, Ticket], None],
    *,
    beside: Iterable[int] = (),
    into: Iterable[int] = (),
    boards_beside: Iterable[int] = (),
    deleted: bool = False,
) -> Outcome:
    """Calls `do` for each of these tickets that the signed-in person may see; the others are not found. What is `beside`
    them may be changed with each: its boards are locked, too, as are those `into` which they may come, of which the person
    sees them, and `boards_beside` them, whoever sees these. With `deleted` those are found that were deleted."""
    wanted, others = list(dict.fromkeys(numbers)), list(beside)
    boards = access.boards_of_tickets(signed_in_person(), [*wanted, *others], now(), deleted=deleted)
    coming = access.boards_among(signed_in_person(), into, now()) | set(boards_beside)
    outcome = Outcome(failed=[_not_found(number) for number in wanted if number not in boards])
    found = sorted((number for number in wanted if number in boards), key=lambda number: boards[number])
    for start in range(0, len(found), AT_ONCE):
        some = found[start : start + AT_ONCE]
        board_ids = {boards[number] for number in (*some, *others) if number in boards}
        _some(some, board_ids | coming, do, outcome, deleted)
    return outcome


def _some(
    numbers: Sequence[int],
    board_ids: Collection[int],
    do: Callable[[Board, Ticket], None],
    outcome: Outcome,
    deleted: bool,
) -> None:
    done: list[int] = []
    failed: list[Failure] = []
    person, at = signed_in_person(), now()
    with writing_all(Board, board_ids) as boards:
        seen = access.boards_of_tickets(person, numbers, at, deleted=deleted)
        rows = {row.id: row for row in db.session.scalars(select(Ticket).where(Ticket.id.in_(seen)))}
        for number in numbers:
            if seen.get(number) not in boards:
                failed.append(_not_found(number))
                continue
            try:
                with db.session.begin_nested():  # what is refused half way leaves nothing
                    do(boards[seen[number]], rows[number])
            except Refused as refused:
                failed.append(Failure(number, refused))
            else:
                done.append(number)
    outcome.done += done
    outcome.failed += failed
    outcome.stretches += stretches(written())


def _not_found(number: int) -> Failure:
    return Failure(number, access.not_found())
