"""Whose turn it is in a team, and who of it has least to do."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update

from app.database import bookkeeping, db
from app.desk import access
from app.models.board import Board
from app.models.person import Person
from app.models.team import Team, TeamPerson
from app.models.ticket import Ticket


def speaks(person: Person, ticket: Ticket) -> bool:
    """Whether they speak the ticket's language; of one that nobody knows everybody does."""
    return ticket.language is None or ticket.language in person.languages


class Turns:
    """Of the teams that one sweep of a board assigns to. Read under the board's lock, written by `keep` after it: another
    board may take the same turn at the same time, and none waits for the other."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._able: dict[tuple[int, int], list[Person]] = {}
        self._turns: dict[int, dict[int, int]] = {}
        self._taken: set[tuple[int, int]] = set()

    def able(self, team: Team, board: Board) -> list[Person]:
        """Who of a team works here and may see the board now, by name."""
        key = (team.id, board.id)
        if key not in self._able:
            people = [person for person in team.people if person.works_here(self._now)]
            seeing = access.who_see({(person.id, board.id) for person in people}, self._now)
            self._able[key] = [person for person in people if (person.id, board.id) in seeing]
        return self._able[key]

    def next(self, team_id: int, people: Sequence[Person], *, least_loaded: bool) -> Person:
        """Who of these is next; of several with the same load it is whose turn is longest ago."""
        turns = self._of(team_id)
        loads = _loads(people) if least_loaded else {}
        person = min(people, key=lambda one: (loads.get(one.id, 0), turns.get(one.id, 0), one.id))
        turns[person.id] = max(turns.values(), default=0) + 1
        self._taken.add((team_id, person.id))
        return person

    def keep(self) -> None:
        """Writes the turns down: one statement for each, without a lock."""
        for team_id, person_id in self._taken:
            bookkeeping(
                update(TeamPerson)
                .where(TeamPerson.team_id == team_id, TeamPerson.person_id == person_id)
                .values(turn=self._turns[team_id][person_id])
            )
        self._taken.clear()

    def _of(self, team_id: int) -> dict[int, int]:
        if team_id not in self._turns:
            rows = select(TeamPerson.person_id, TeamPerson.turn).where(TeamPerson.team_id == team_id)
            self._turns[team_id] = dict(db.session.execute(rows).all())
        return self._turns[team_id]


def _loads(people: Sequence[Person]) -> dict[int, int]:
    """person -> unresolved tickets; what is put off until later is nothing to do now."""
    rows = (
        select(Ticket.assignee_id, func.count())
        .where(
            Ticket.assignee_id.in_([person.id for person in people]),
            Ticket.closed_at.is_(None),
            Ticket.snoozed_until.is_(None),
        )
        .group_by(Ticket.assignee_id)
    )
    return {person_id: count for person_id, count in db.session.execute(rows) if person_id is not None}
