"""What rules do to tickets: each action through the verb that people use."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from app.database import db, lock_late, locked
from app.desk import (
    acknowledgements,
    alerts,
    customers,
    guards,
    messages,
    notifications,
    rotas,
    snoozes,
    tickets,
    transfers,
    turns,
    webhooks,
)
from app.desk.refused import Refused
from app.desk.rule_checks import NO_BOARD
from app.models.board import Board, Column
from app.models.desk import the_desk
from app.models.event import By
from app.models.person import Person
from app.models.rule import Rule
from app.models.team import Team
from app.models.ticket import Tag, Ticket
from app.models.webhook import Webhook
from app.words import N_
from rules import hours
from rules.actions import (
    Action,
    AddNote,
    AddTag,
    Assign,
    AssignFromTeam,
    AssignNobody,
    AssignOnCall,
    CallWebhook,
    Move,
    MoveToBoard,
    RaiseAlert,
    RemoveTag,
    Reply,
    SetLanguage,
    SetPriority,
    SetTeam,
    SetVip,
    Snooze,
    SnoozeUntilOpen,
    TellOnCall,
    TellPerson,
    TellTeam,
)
from rules.placeholders import filled
from rules.vocabulary import PRIORITIES

NOBODY_ON_CALL = N_("nobody is on call")
NOBODY_SPEAKS = N_("nobody who could take it speaks the ticket's language")
NOBODY_TAKES = N_("nobody of the team can take it")
CAPPED = N_("capped: too much was written to this customer in a short time")
MACHINE = N_("automatic mail is not answered")
ELSEWHERE = N_("the column is not on the ticket's board")
NO_HOURS = N_("the ticket's address has no opening hours that end")


class Acts:
    """What the rules do to tickets in one sweep, each under the lock of its board. `turns` are whose turn it is in which team;
    they are written down after the locks are given back."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.turns = turns.Turns(now)

    def do(self, ticket: Ticket, action: Action, by: By) -> None:
        """Refused when it cannot be (any more). Raises OutOfOrder when another board has to be locked first."""
        self._board = board_of(ticket)
        _VERBS[type(action)](self, ticket, action, by)

    # ---- what a ticket is

    def _add_tag(self, ticket: Ticket, action: AddTag, by: By) -> None:
        tickets.add_tag(self._board, ticket, _tag_name(action.tag), by=by, now=self._now)

    def _remove_tag(self, ticket: Ticket, action: RemoveTag, by: By) -> None:
        name = tickets.tag_name(_tag_name(action.tag))
        if any(tag.name == name for tag in ticket.tags):
            tickets.remove_tag(self._board, ticket, name, by=by, now=self._now)

    def _set_priority(self, ticket: Ticket, action: SetPriority, by: By) -> None:
        priority = PRIORITIES.index(action.priority)
        tickets.prioritise(self._board, ticket, priority, by=by, now=self._now)

    def _set_language(self, ticket: Ticket, action: SetLanguage, by: By) -> None:
        tickets.set_language(self._board, ticket, action.language, by=by, now=self._now)

    def _move(self, ticket: Ticket, action: Move, by: By) -> None:
        if isinstance(action.column, int):
            column = db.session.get(Column, action.column)
            if column is None or column.board_id != self._board.id:
                raise Refused(ELSEWHERE)
        elif ticket.state == action.column:  # in whichever column of that state
            return
        else:
            column = self._board.column_for(action.column)
        tickets.move(self._board, ticket, to=column.id, by=by, now=self._now)

    def _move_to_board(self, ticket: Ticket, action: MoveToBoard, by: By) -> None:
        if db.session.get(Board, action.board) is None:
            raise Refused(NO_BOARD)
        into = lock_late(Board, action.board)
        transfers.transfer(self._board, ticket, into, by=by, now=self._now)

    def _set_vip(self, ticket: Ticket, action: SetVip, by: By) -> None:
        customers.set_vip(self._board, ticket.customer, action.vip, by=by, now=self._now)

    def _snooze(self, ticket: Ticket, action: Snooze, by: By) -> None:
        until = self._now + timedelta(seconds=action.seconds)
        snoozes.snooze(self._board, ticket, until, by=by, now=self._now)

    def _snooze_until_open(self, ticket: Ticket, _action: SnoozeUntilOpen, by: By) -> None:
        week = acknowledgements.hours_of(ticket.channel)
        until = hours.next_opening(week, self._now) if week is not None else None
        if until is None:
            raise Refused(NO_HOURS)
        snoozes.snooze(self._board, ticket, until, by=by, now=self._now)

    # ---- whose it is

    def _assign(self, ticket: Ticket, action: Assign, by: By) -> None:
        tickets.assign(self._board, ticket, action.person_id, by=by, now=self._now)

    def _assign_nobody(self, ticket: Ticket, _action: AssignNobody, by: By) -> None:
        tickets.assign(self._board, ticket, None, by=by, now=self._now)

    def _assign_on_call(self, ticket: Ticket, action: AssignOnCall, by: By) -> None:
        people = self._on_call()
        if action.speaking:
            people = [person for person in people if turns.speaks(person, ticket)]
            if not people:
                raise Refused(NOBODY_SPEAKS)
        tickets.assign(self._board, ticket, people[0].id, by=by, now=self._now)

    def _assign_from_team(self, ticket: Ticket, action: AssignFromTeam, by: By) -> None:
        people = self.turns.able(_team(action.team), self._board)
        if action.speaking and people:
            people = [person for person in people if turns.speaks(person, ticket)]
            if not people:
                raise Refused(NOBODY_SPEAKS)
        if not people:
            raise Refused(NOBODY_TAKES)
        person = self.turns.next(action.team, people, least_loaded=action.way == "load")
        tickets.assign(self._board, ticket, person.id, by=by, now=self._now)

    def _set_team(self, ticket: Ticket, action: SetTeam, by: By) -> None:
        tickets.give_to_team(self._board, ticket, action.team, by=by, now=self._now)

    def _on_call(self) -> list[Person]:
        duty = rotas.on_call(self._board.rota_id, self._now)
        people = [person for person in (duty.primary, duty.backup) if person is not None]
        if not people:
            raise Refused(NOBODY_ON_CALL)
        return people

    # ---- what is said

    def _add_note(self, ticket: Ticket, action: AddNote, by: By) -> None:
        text = filled(action.text, self._places(ticket))
        messages.note_of_rule(self._board, ticket, text, rule=_rule(by), now=self._now)

    def _reply(self, ticket: Ticket, action: Reply, by: By) -> None:
        address = messages.usual_address(ticket)
        if ticket.automatic or messages.spoke_last_automatically(ticket) or guards.is_a_machine(address):
            raise Refused(MACHINE)
        if customers.bounced(ticket.customer_id, address) is not None:
            raise Refused(N_("mail to this customer came back"))
        language = acknowledgements.language_for(ticket)
        text = filled(action.texts.get(language) or action.text, self._places(ticket, address))
        sent = messages.answer_automatically(
            self._board,
            ticket,
            f"{text}\n\n{acknowledgements.automatic_line(language)}",
            reason="rule",
            to=address,
            language=language,
            at=self._now + acknowledgements.DELAY_FOR,
            now=self._now,
            by=by,
        )
        if sent is None:
            raise Refused(CAPPED)

    def _tell_person(self, ticket: Ticket, action: TellPerson, by: By) -> None:
        self._tell([action.person_id], ticket, by)

    def _tell_team(self, ticket: Ticket, action: TellTeam, by: By) -> None:
        self._tell([person.id for person in _team(action.team).people], ticket, by)

    def _tell_on_call(self, ticket: Ticket, _action: TellOnCall, by: By) -> None:
        self._tell([self._on_call()[0].id], ticket, by)

    def _raise_alert(self, ticket: Ticket, _action: RaiseAlert, by: By) -> None:
        alerts.open_of_rule(self._board, ticket, by=by, now=self._now)

    def _call_webhook(self, ticket: Ticket, action: CallWebhook, by: By) -> None:
        webhook = db.session.get(Webhook, action.webhook)
        if webhook is None:
            raise Refused(N_("That webhook is not there any more."))
        webhooks.call(self._board, ticket, webhook, _rule(by), now=self._now)

    def _tell(self, people: list[int], ticket: Ticket, by: By) -> None:
        notifications.told_by_rule(people, ticket, _rule(by).name, by=by, now=self._now)

    def _places(self, ticket: Ticket, address: str = "") -> dict[str, str]:
        """What each of rules.placeholders.PLACES says of this ticket."""
        desk = the_desk()
        desk_name = desk.name if desk else ""
        return {
            "customer.name": acknowledgements.greeted(ticket.customer.name, address),
            "ticket.number": f"#{ticket.id}",
            "ticket.subject": ticket.subject,
            "agent.name": ticket.assignee.name if ticket.assignee else desk_name,
            "desk.name": desk_name,
            "board.name": self._board.name,
        }


_VERBS: dict[type[Action], Callable[[Acts, Ticket, Any, By], None]] = {
    AddTag: Acts._add_tag,
    RemoveTag: Acts._remove_tag,
    SetPriority: Acts._set_priority,
    SetLanguage: Acts._set_language,
    Move: Acts._move,
    MoveToBoard: Acts._move_to_board,
    SetVip: Acts._set_vip,
    Assign: Acts._assign,
    AssignNobody: Acts._assign_nobody,
    AssignOnCall: Acts._assign_on_call,
    AssignFromTeam: Acts._assign_from_team,
    SetTeam: Acts._set_team,
    Snooze: Acts._snooze,
    SnoozeUntilOpen: Acts._snooze_until_open,
    AddNote: Acts._add_note,
    Reply: Acts._reply,
    TellPerson: Acts._tell_person,
    TellTeam: Acts._tell_team,
    TellOnCall: Acts._tell_on_call,
    RaiseAlert: Acts._raise_alert,
    CallWebhook: Acts._call_webhook,
}


def board_of(ticket: Ticket) -> Board:
    """As it stands under the lock that is held."""
    board = locked(Board, ticket.board_id)
    if board is None:
        raise RuntimeError(f"the board of ticket {ticket.id} is not locked")
    return board


def _tag_name(tag: int | str) -> str:
    found = db.session.get(Tag, tag) if isinstance(tag, int) else None
    if isinstance(tag, int) and found is None:
        raise Refused(N_("That tag is not there any more."))
    return found.name if found else str(tag)


def _team(team_id: int) -> Team:
    team = db.session.get(Team, team_id)
    if team is None:
        raise Refused(N_("That team is not there any more."))
    return team


def _rule(by: By) -> Rule:
    return db.session.get_one(Rule, by.id)
