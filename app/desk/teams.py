"""What is done with teams, under the lock of the desk."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, update

from app.database import db
from app.desk import access, boards, broken_rules, intervals, tickets, uses
from app.desk.events import record
from app.desk.refused import Refused
from app.models.desk import Desk
from app.models.event import By
from app.models.person import Person
from app.models.team import Team, TeamPerson
from app.models.ticket import Ticket
from app.words import N_
from rules.query import quoted

LONGEST_NAME = 40
MOST_TEAMS = 100


class Effects(NamedTuple):
    """What a team is needed for. `rules` are names; of `views` only those that are shared have theirs said."""

    unresolved: int
    tickets: int
    rules: list[str]
    views: list[str]
    own_views: int


def add(desk: Desk, *, name: str, people: Collection[int] = (), by: By, now: datetime) -> Team:
    """Adds a team. `people` are ids."""
    access.demand(by, "edit_teams", None, now)
    if (db.session.scalar(select(func.count()).select_from(Team)) or 0) >= MOST_TEAMS:
        raise Refused(N_("A desk has at most %(most)s teams."), field="name", most=MOST_TEAMS)
    team = Team(name=_name(name, None), created_at=now)
    db.session.add(team)
    db.session.flush()
    joined = _set_people(team, people)
    record(desk, "team.added", ("team", team.id), by=by, now=now, new=team.name, **joined)
    return team


def change(desk: Desk, team_id: int, *, name: str, people: Collection[int], by: By, now: datetime) -> Team:
    """Renames a team and makes these its people."""
    access.demand(by, "edit_teams", None, now)
    team = found(team_id)
    old, new = team.name, _name(name, team)
    changes: dict[str, Any] = _set_people(team, people)
    if old != new:
        changes["name"] = [old, new]
        team.name = new
        for board in boards.locked_all():
            if _tickets(team, Ticket.board_id == board.id):
                record(board, "board.team", ("team", team.id), by=by, now=now, old=old, new=new)
    if changes:
        record(desk, "team.changed", ("team", team.id), by=by, now=now, **{"new": new, **changes})
    return team


def remove(desk: Desk, team_id: int, *, by: By, now: datetime) -> str:
    """Takes a team away; returns its name. Its tickets have no team then; what names it in a query matches nothing, and a
    rule that names it is switched off."""
    access.demand(by, "edit_teams", None, now)
    team = found(team_id)
    held = boards.locked_all()  # a ticket is given to a team under its board's lock
    touched = [board for board in held if _tickets(team, Ticket.board_id == board.id)]
    intervals.end("team", team.id, select(Ticket.id).where(Ticket.team_id == team.id), now)
    had = Ticket.team_id == team.id
    tickets.touch(had, now)
    db.session.execute(
        update(Ticket).where(had).values(team_id=None).execution_options(synchronize_session=False)
    )
    db.session.execute(delete(TeamPerson).where(TeamPerson.team_id == team.id))
    db.session.delete(team)
    db.session.flush()
    for board in touched:
        record(board, "board.team", ("team", team.id), by=by, now=now, old=team.name, new=None)
    record(desk, "team.removed", ("team", team.id), by=by, now=now, old=team.name)
    broken_rules.switch_off(desk, called={f"team:#{team.id}": f"team:{quoted(team.name)}"}, by=by, now=now)
    return team.name


def effects_of(team: Team) -> Effects:
    """What changes when this team is removed."""
    shared, own = uses.views_with("team", team.id)
    return Effects(
        unresolved=_tickets(team, Ticket.closed_at.is_(None)),
        tickets=_tickets(team),
        rules=[rule.name for rule in uses.rules_with("team", team.id)],
        views=[view.name for view in shared],
        own_views=len(own),
    )


def found(team_id: int) -> Team:
    """Refused with 404 when there is no such team."""
    team = db.session.get(Team, team_id)
    if team is None:
        raise access.not_found()
    return team


def _tickets(team: Team, *conditions: Any) -> int:
    return (
        db.session.scalar(
            select(func.count()).where(Ticket.team_id == team.id, Ticket.deleted_at.is_(None), *conditions)
        )
        or 0
    )


def _name(name: str, team: Team | None) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused(N_("A team needs a name."), field="name")
    if len(name) > LONGEST_NAME:
        raise Refused(N_("Use at most %(most)s characters."), field="name", most=LONGEST_NAME)
    others = db.session.scalars(select(Team.name).where(Team.id != (team.id if team else 0)))
    if any(other.casefold() == name.casefold() for other in others):
        raise Refused(N_("There is a team of this name already."), field="name")
    return name


def _set_people(team: Team, people: Collection[int]) -> dict[str, Any]:
    """Makes these the people of the team; returns the difference as an event's changes."""
    wanted = set(people)
    if wanted - set(db.session.scalars(select(Person.id).where(Person.id.in_(wanted)))):
        raise Refused(N_("That is not one of the choices."), field="people")
    theirs = set(db.session.scalars(select(TeamPerson.person_id).where(TeamPerson.team_id == team.id)))
    if wanted == theirs:
        return {}
    db.session.execute(
        delete(TeamPerson).where(TeamPerson.team_id == team.id, TeamPerson.person_id.in_(theirs - wanted))
    )
    db.session.add_all(TeamPerson(team_id=team.id, person_id=person) for person in sorted(wanted - theirs))
    db.session.flush()
    db.session.expire(team, ["people"])
    return {"people": [sorted(theirs), sorted(wanted)]}
