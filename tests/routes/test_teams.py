"""Teams in the settings, on a ticket and on its card; what happens to what a removed one had."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from app.database import db, writing
from app.desk import rules, teams, tickets
from app.models.board import Board
from app.models.event import CLOCK, By, Event
from app.models.interval import TicketInterval
from app.models.saved_view import SavedView
from app.models.team import Team, all_teams
from app.models.ticket import Ticket
from tests.routes.test_tickets import ticket, words
from tests.small import SmallDesk

Open = Callable[..., Any]


@pytest.fixture
def returns(desk: SmallDesk, now: datetime) -> Team:
    with writing(desk.row) as row:
        return teams.add(row, name="Returns", people=[desk.bob.id], by=CLOCK, now=now)


def kinds(stream: int) -> list[str]:
    return list(db.session.scalars(select(Event.kind).where(Event.stream == stream).order_by(Event.id)))


def test_the_life_of_a_team(desk: SmallDesk, browser_as: Open) -> None:
    alice = browser_as(desk.alice)
    sent = {"name": "  Returns ", "people": [desk.bob.id, desk.charlie.id]}
    assert alice.post("/settings/teams", data=sent).status_code == 303
    (team,) = all_teams()
    assert (team.name, [person.name for person in team.people]) == (
        "Returns",
        ["Bob Reyes", "Charlie Stone"],
    )
    assert "Bob Reyes, Charlie Stone" in words(alice.get("/settings/teams"))
    again = alice.post("/settings/teams", data={"name": "RETURNS"})
    assert (again.status_code, "There is a team of this name already." in words(again)) == (422, True)
    changed = alice.post(f"/settings/teams/{team.id}", data={"name": "Warehouse", "people": [desk.alice.id]})
    assert changed.status_code == 303
    db.session.rollback()
    (team,) = all_teams()
    assert (team.name, [person.name for person in team.people]) == ("Warehouse", ["Alice Moor"])
    assert "No ticket has this team." in words(alice.get(f"/settings/teams/{team.id}"))
    assert alice.post(f"/settings/teams/{team.id}/removal").status_code == 303
    db.session.rollback()
    assert all_teams() == []
    assert kinds(0)[-3:] == ["team.added", "team.changed", "team.removed"]


def test_an_agent_sees_teams_and_changes_none(desk: SmallDesk, returns: Team, browser_as: Open) -> None:
    bob = browser_as(desk.bob)
    page = bob.get(f"/settings/teams/{returns.id}").text
    assert '<fieldset class="form" disabled>' in page
    assert "removal" not in page
    assert bob.post(f"/settings/teams/{returns.id}/removal").status_code == 403


def test_whoever_left_stays_a_member_unseen(
    desk: SmallDesk, returns: Team, now: datetime, browser_as: Open
) -> None:
    with writing(desk.row):
        desk.bob.deactivated_at = now
    sent = {"name": "Returns", "people": [desk.alice.id]}
    assert browser_as(desk.alice).post(f"/settings/teams/{returns.id}", data=sent).status_code == 303
    db.session.rollback()
    (team,) = all_teams()
    assert {person.id for person in team.people} == {desk.alice.id, desk.bob.id}


def test_a_ticket_is_given_to_a_team(desk: SmallDesk, returns: Team, number: int, browser_as: Open) -> None:
    bob = browser_as(desk.bob)
    sent = {"team": returns.id, "expected": ""}
    assert bob.post(f"/tickets/{number}/team", data=sent).status_code == 303
    assert ticket(number).team_id == returns.id
    page = words(bob.get(f"/tickets/{number}"))
    assert "Bob Reyes gave it to the team Returns" in page
    assert "Team Returns" in bob.get(f"/boards/{desk.board.id}").text
    late = bob.post(f"/tickets/{number}/team", data={"team": "", "expected": ""})
    assert (late.status_code, "Bob Reyes has changed the team of this ticket meanwhile." in words(late)) == (
        409,
        True,
    )
    assert bob.post(f"/tickets/{number}/team", data={"team": ""}).status_code == 303
    assert "took it from the team Returns" in words(bob.get(f"/tickets/{number}"))
    gone = bob.post(f"/tickets/{number}/team", data={"team": 999})
    assert (gone.status_code, "That team is not there any more." in words(gone)) == (422, True)


def test_what_a_removed_team_had(
    desk: SmallDesk, returns: Team, number: int, now: datetime, browser_as: Open
) -> None:
    """It is said before, and put right after."""
    alice = browser_as(desk.alice)
    alice.post(f"/tickets/{number}/team", data={"team": returns.id})
    named = {"field": "team", "operator": ":", "values": [returns.id]}
    with writing(desk.row) as row:
        then = [{"kind": "add_tag", "tag": "back"}]
        rule = rules.save(row, None, name="Send back", text="is:new", then=then, by=CLOCK, now=now)
        rule.query = {"and": [{"field": "is", "operator": ":", "values": ["new"]}, named]}
        owner = desk.bob.id
        db.session.add(SavedView(name="Ours", owner_id=owner, shared=True, query=named, created_at=now))
        db.session.add(SavedView(name="Mine", owner_id=owner, query=named, created_at=now))
    said = words(alice.get(f"/settings/teams/{returns.id}"))
    assert "1 ticket has no team then, 1 of them unresolved." in said
    assert "In the rules: Send back In shared views: Ours In 1 view that somebody keeps" in said
    assert "Mine" not in said.split("Remove the team")[1]
    before = ticket(number).version
    with writing(desk.board):
        db.session.get_one(Ticket, number).wake_at = None
    alice.post(f"/settings/teams/{returns.id}/removal")
    left = ticket(number)
    assert (left.team_id, left.version, left.wake_at is not None) == (None, before + 1, True)
    rows = db.session.scalars(select(TicketInterval).where(TicketInterval.field == "team")).all()
    assert [row.until_at is not None for row in rows] == [True]
    assert kinds(desk.board.id)[-1] == "board.team"
    assert "gave it to the team that is gone" in words(alice.get(f"/tickets/{number}"))


def test_a_new_name_is_told_to_the_boards_that_show_it(
    desk: SmallDesk, returns: Team, number: int, now: datetime
) -> None:
    with writing(desk.row) as row:
        teams.change(row, returns.id, name="Back", people=[], by=By("person", desk.alice.id), now=now)
    assert "board.team" not in kinds(desk.board.id)
    with writing(desk.board) as board:
        tickets.give_to_team(board, db.session.get_one(Ticket, number), returns.id, by=CLOCK, now=now)
    seq = db.session.get_one(Board, desk.board.id).seq
    with writing(desk.row) as row:
        teams.change(row, returns.id, name="Forth", people=[], by=By("person", desk.alice.id), now=now)
    assert kinds(desk.board.id)[-1] == "board.team"
    assert db.session.get_one(Board, desk.board.id, populate_existing=True).seq == seq + 1
