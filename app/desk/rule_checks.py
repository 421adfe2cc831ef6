"""Whether what an action of a rule names is there, when the rule is saved."""

from dataclasses import replace
from datetime import datetime

from app.database import db
from app.desk import tickets
from app.desk.refused import Refused
from app.models.board import Board, Column
from app.models.person import Person
from app.models.team import Team
from app.models.webhook import Webhook
from app.words import N_
from rules.actions import (
    Action,
    AddTag,
    Assign,
    AssignFromTeam,
    CallWebhook,
    Move,
    MoveToBoard,
    RemoveTag,
    SetTeam,
    TellPerson,
    TellTeam,
)

NO_BOARD = N_("That board is not there any more.")


def checked(action: Action, now: datetime) -> Action:
    """The action with ids for names; a new tag is made, so that its id can be stored. Refused when something is missing."""
    match action:
        case AddTag(str(tag)) | RemoveTag(str(tag)):
            return replace(action, tag=tickets.tag_named(tag).id)
        case Assign() | TellPerson():
            person = db.session.get(Person, action.person_id)
            if person is None or not person.works_here(now):
                raise Refused(N_("That person does not work here any more."), field="actions")
        case AssignFromTeam() | SetTeam() | TellTeam():
            if db.session.get(Team, action.team) is None:
                raise Refused(N_("That team is not there any more."), field="actions")
        case Move(int(column)):
            if db.session.get(Column, column) is None:
                raise Refused(N_("That column is not there any more."), field="actions")
        case MoveToBoard():
            if db.session.get(Board, action.board) is None:
                raise Refused(NO_BOARD, field="actions")
        case CallWebhook():
            if db.session.get(Webhook, action.webhook) is None:
                raise Refused(N_("That webhook is not there any more."), field="actions")
    return action
