"""What rules do to tickets: each action through the verb that people use."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app.database import db
from app.desk import rotas, tickets
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import By
from app.models.ticket import Tag, Ticket
from app.words import N_
from rules.actions import Action, AddTag, Assign, AssignOnCall, SetPriority
from rules.vocabulary import PRIORITIES

NOBODY_ON_CALL = N_("nobody is on call")


class Acts:
    """What the rules do to the tickets of one board in one sweep, under its lock."""

    def __init__(self, board: Board, now: datetime) -> None:
        self._board = board
        self._now = now

    def do(self, ticket: Ticket, action: Action, by: By) -> None:
        """Refused when it cannot be (any more)."""
        _VERBS[type(action)](self, ticket, action, by)

    def _add_tag(self, ticket: Ticket, action: AddTag, by: By) -> None:
        tickets.add_tag(self._board, ticket, _tag_name(action.tag), by=by, now=self._now)

    def _set_priority(self, ticket: Ticket, action: SetPriority, by: By) -> None:
        priority = PRIORITIES.index(action.priority)
        tickets.prioritise(self._board, ticket, priority, by=by, now=self._now)

    def _assign(self, ticket: Ticket, action: Assign, by: By) -> None:
        tickets.assign(self._board, ticket, action.person_id, by=by, now=self._now)

    def _assign_on_call(self, ticket: Ticket, _action: AssignOnCall, by: By) -> None:
        duty = rotas.on_call(self._board.rota_id, self._now)
        person = duty.primary or duty.backup
        if person is None:
            raise Refused(NOBODY_ON_CALL)
        tickets.assign(self._board, ticket, person.id, by=by, now=self._now)


_VERBS: dict[type[Action], Callable[[Acts, Ticket, Any, By], None]] = {
    AddTag: Acts._add_tag,
    SetPriority: Acts._set_priority,
    Assign: Acts._assign,
    AssignOnCall: Acts._assign_on_call,
}


def _tag_name(tag: int | str) -> str:
    found = db.session.get(Tag, tag) if isinstance(tag, int) else None
    if isinstance(tag, int) and found is None:
        raise Refused(N_("That tag is not there any more."))
    return found.name if found else str(tag)
