"""What the actions of a rule would come to on one ticket now: they are carried out as when the rule acts, then all of it is
rolled back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import select

from app.database import OutOfOrder, db, recording, writing_all
from app.desk import explanations, firings, history, rule_checks
from app.desk.refused import Refused
from app.desk.rule_acts import Acts
from app.models.board import Board
from app.models.event import By
from app.models.message import Message
from app.models.rule import Rule as RuleRow
from app.models.ticket import Ticket
from app.sweeps.people_first import set_at
from app.sweeps.rules import board_first
from app.words import N_, gettext
from rules.actions import Action, AddNote, AssignFromTeam, AssignOnCall, Reply, SnoozeUntilOpen, kind_of
from rules.plan import GUARD_FOR, plan
from rules.query import And
from rules.rule import Rule

OPEN_ENDED = (AssignFromTeam, AssignOnCall, SnoozeUntilOpen)  # whose words do not say what comes of them


class Outcome(NamedTuple):
    """`said` is what comes of it where the action does not say so, or why it would not act (yet); `text` what it would write, as it
    would read, in `language` where it goes to the customer."""

    kind: Literal["acts", "already", "waits", "not"]
    said: str = ""
    text: str = ""
    language: str = ""


class _NothingIsKept(Exception):
    """Ends the transaction."""


def try_out(ticket: Ticket, name: str, actions: Sequence[Action], zone: str, now: datetime) -> list[Outcome]:
    """Of each action of a rule of this name, if its condition held for the ticket."""
    number, boards = ticket.id, {ticket.board_id}
    found: list[Outcome] = []
    while True:
        try:
            with writing_all(Board, boards):
                found = _outcomes(db.session.get_one(Ticket, number), name, actions, zone, now)
                raise _NothingIsKept
        except _NothingIsKept:
            return found
        except OutOfOrder as wanted:
            boards.add(wanted.ident)


def _outcomes(
    ticket: Ticket, name: str, actions: Sequence[Action], zone: str, now: datetime
) -> list[Outcome]:
    row = RuleRow(position=0, name=name, query={}, actions=[])
    db.session.add(row)
    db.session.flush()
    found: dict[int, Outcome] = {}
    wanted: dict[int, Action] = {}
    for place, action in enumerate(actions):
        try:
            wanted[place] = rule_checks.checked(action, now)
        except Refused as refused:
            found[place] = Outcome("not", refused.said())
    places = {id(action): place for place, action in wanted.items()}
    people = set_at([ticket], {}, now, vip=True).get(ticket.id, {})
    guards = {slot: at + GUARD_FOR for slot, at in people.items()}
    rule = Rule(row.id, 1, name, And(()), tuple(wanted.values()))
    judged = plan([rule], {row.id: True}, {}, guards, now)
    for owed in judged.firings[0].owed:
        until = explanations.instant(owed.due_at, zone, now)
        text = N_("a person has just set it, so it waits: %(time)s")
        found[places[id(owed.action)]] = Outcome("waits", gettext(text, time=until))
    for lost in judged.dropped:
        found[places[id(lost.action)]] = Outcome("not", gettext(lost.reason))
    acts = Acts(now)
    for change in board_first(judged.changes):
        found[places[id(change.action)]] = _outcome(acts, ticket, change.action, row.id, zone, now)
    return [found[place] for place in range(len(actions))]


def _outcome(acts: Acts, ticket: Ticket, action: Action, rule_id: int, zone: str, now: datetime) -> Outcome:
    before = len(recording())
    try:
        acts.do(ticket, action, By("rule", rule_id))
    except Refused as refused:
        return Outcome("not", refused.said())
    db.session.flush()
    made = [event for event in recording()[before:] if event.stream == ticket.board_id]
    if not made and kind_of(action).name not in firings.TELLS:
        return Outcome("already", gettext(N_("it is so already")))
    if isinstance(action, Reply | AddNote):
        written = select(Message).where(Message.ticket_id == ticket.id).order_by(Message.id.desc()).limit(1)
        message = db.session.scalars(written).one()
        return Outcome("acts", text=message.text, language=message.language or "")
    return Outcome("acts", history.deeds(made, zone, now) if isinstance(action, OPEN_ENDED) else "")
