"""Whether an action of a rule can be and what it names is there, when the rule is saved."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from app.database import db
from app.desk import tickets
from app.desk.refused import Refused
from app.models.board import Board, Column
from app.models.person import Person
from app.models.team import Team
from app.models.webhook import Webhook
from app.words import N_, gettext
from rules.actions import (
    Action,
    ActionError,
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
    from_json,
    kinds,
)

NO_BOARD = N_("That board is not there any more.")


class WrongAction(Refused):
    """The action at `place` is at fault, in its `detail` where it has any."""

    def __init__(self, place: int, detail: str | None, mistake: str) -> None:
        super().__init__(N_("Action: %(mistake)s"), field="actions", mistake=mistake)
        self.place = place
        self.detail = detail
        self.mistake = mistake


def read(data: dict[str, Any], place: int, now: datetime) -> Action:
    """The action that a form describes. Raises WrongAction."""
    try:
        action = from_json(data)
        _demand(action, now)
    except ActionError as error:
        detail, mistake = error.detail, gettext(error.message).format(**error.values)
    except Refused as refused:
        detail, mistake = None, refused.said()
    else:
        return action
    kind = kinds().get(str(data.get("kind")))
    raise WrongAction(place, detail or (kind.details[0].name if kind and kind.details else None), mistake)


def checked(action: Action, now: datetime) -> Action:
    """The action with ids for names; a new tag is made, so that its id can be stored. Refused when something is missing."""
    _demand(action, now)
    match action:
        case AddTag(str(tag)) | RemoveTag(str(tag)):
            return replace(action, tag=tickets.tag_named(tag).id)
    return action


def _demand(action: Action, now: datetime) -> None:
    match action:
        case AddTag(str(tag)) | RemoveTag(str(tag)):
            tickets.tag_name(tag)
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
