"""The rules of the desk over one batch of tickets: what holds, what follows from it, and what is still owed."""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app.database import db
from app.desk import rotas, tickets
from app.desk.refused import Refused
from app.models.board import Board
from app.models.event import CLOCK, By
from app.models.judged import truth_of
from app.models.rule import RuleFiring, RuleState
from app.models.ticket import Tag, Ticket
from rules import actions
from rules.actions import Action, AddTag, Assign, AssignOnCall, SetPriority, TicketField
from rules.plan import Owed, Plan, Settled, State, plan, settle_owed
from rules.rule import Rule
from rules.vocabulary import PRIORITIES

log = logging.getLogger(__name__)

MOST_ROUNDS = 5  # of rules that feed each other
GUARD_FOR = timedelta(seconds=60)  # a field that a person has just set is left alone


def apply_rules(board: Board, due: Sequence[Ticket], rules: Sequence[Rule], now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    to_judge = {ticket.id: ticket for ticket in due}
    tags = dict(db.session.execute(select(Tag.id, Tag.name)).all()) if rules else {}
    disputed: dict[int, set[int]] = {}
    for _ in range(MOST_ROUNDS):
        if not rules or not to_judge:
            return counts
        db.session.flush()
        acted: dict[int, Ticket] = {}
        plans: dict[int, Plan] = {}
        states = _states(to_judge)
        owed = _owed(to_judge)
        for ticket_id, holds in truth_of(to_judge, rules, now).items():
            ticket = to_judge[ticket_id]
            known = states.get(ticket_id, {})
            judged = plan(rules, holds, known, guards(ticket), now)
            settled = settle_owed(owed.get(ticket_id, ()), judged.states, _set_again(ticket, owed), now)
            plans[ticket_id] = judged
            for firing in judged.firings:
                _record_firing(ticket_id, firing.rule.id, firing.episode, firing.owed, now)
                counts["firings"] += 1
            _keep_owed(ticket_id, owed.get(ticket_id, ()), settled)
            changes = (*settled.changes, *judged.changes)
            for change in changes:
                _act(board, ticket, change.action, By("rule", change.rule_id), tags, now)
            if changes:
                acted[ticket_id] = ticket
                disputed[ticket_id] = {change.rule_id for change in changes}
        _remember(plans, states)
        to_judge = acted
    for ticket in to_judge.values():
        names = ", ".join(rule.name for rule in rules if rule.id in disputed[ticket.id])
        tickets.changed(board, ticket, "ticket.disputed", by=CLOCK, now=now, rules=[None, names])
    return counts


def guards(ticket: Ticket) -> dict[TicketField, datetime]:
    """field -> until when a person's choice is left alone."""
    return {field: at + GUARD_FOR for field, at in _set_at(ticket).items()}


def _states(due: Collection[int]) -> dict[int, dict[int, State]]:
    states: dict[int, dict[int, State]] = defaultdict(dict)
    rows = db.session.execute(
        select(RuleState.ticket_id, RuleState.rule_id, RuleState.holds, RuleState.episode).where(
            RuleState.ticket_id.in_(due)
        )
    )
    for ticket_id, rule_id, holds, episode in rows:
        states[ticket_id][rule_id] = State(holds, episode)
    return states


def _owed(due: Collection[int]) -> dict[int, list[Owed]]:
    owed: dict[int, list[Owed]] = defaultdict(list)
    rows = db.session.scalars(
        select(RuleFiring)
        .where(RuleFiring.ticket_id.in_(due), RuleFiring.owed_until.is_not(None))
        .order_by(RuleFiring.id)
    )
    for firing in rows:
        until = firing.owed_until or firing.at
        owed[firing.ticket_id].extend(
            Owed(firing.rule_id, firing.episode, actions.from_json(action), firing.at, until)
            for action in firing.owed
        )
    return owed


def _set_again(ticket: Ticket, owed: Mapping[int, Sequence[Owed]]) -> set[TicketField]:
    """Fields that a person has set after the last action on them was planned; of several, that one would win."""
    planned = {actions.kind_of(one.action).field: one.planned_at for one in owed.get(ticket.id, ())}
    return {field for field, at in _set_at(ticket).items() if field in planned and at > planned[field]}


def _set_at(ticket: Ticket) -> dict[TicketField, datetime]:
    set_at: dict[TicketField, datetime | None] = {
        "priority": ticket.priority_set_at,
        "assignee": ticket.assignee_set_at,
    }
    return {field: at for field, at in set_at.items() if at is not None}


def _remember(plans: Mapping[int, Plan], states: Mapping[int, Mapping[int, State]]) -> None:
    """Stores the state rows that have changed: the new ones in one statement, the others in another."""
    new: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    for ticket_id, planned in plans.items():
        for rule_id in planned.changed:
            state = planned.states[rule_id]
            row = {
                "ticket_id": ticket_id,
                "rule_id": rule_id,
                "holds": state.holds,
                "episode": state.episode,
            }
            (old if rule_id in states.get(ticket_id, {}) else new).append(row)
    if new:
        db.session.execute(insert(RuleState), new)
    if old:
        db.session.execute(update(RuleState), old)


def _record_firing(ticket_id: int, rule_id: int, episode: int, owed: Sequence[Owed], now: datetime) -> None:
    db.session.add(
        RuleFiring(
            rule_id=rule_id,
            ticket_id=ticket_id,
            episode=episode,
            at=now,
            owed=[actions.to_json(one.action) for one in owed],
            owed_until=max((one.due_at for one in owed), default=None),
        )
    )


def _keep_owed(ticket_id: int, owed: Sequence[Owed], settled: Settled) -> None:
    """What was done or dropped is owed no more; what waits stays on its firing."""
    over = {(one.rule_id, one.episode) for one in owed if one not in settled.waiting}
    for rule_id, episode in over:
        left = [one for one in settled.waiting if (one.rule_id, one.episode) == (rule_id, episode)]
        db.session.execute(
            update(RuleFiring)
            .where(
                RuleFiring.ticket_id == ticket_id,
                RuleFiring.rule_id == rule_id,
                RuleFiring.episode == episode,
            )
            .values(
                owed=[actions.to_json(one.action) for one in left],
                owed_until=max((one.due_at for one in left), default=None),
            )
        )


def _act(
    board: Board, ticket: Ticket, action: Action, by: By, tags: Mapping[int, str], now: datetime
) -> None:
    """Carries an action out through the verb that people use. What cannot be any more is passed over."""
    try:
        _carry_out(board, ticket, action, by, tags, now)
    except Refused as refused:
        log.info("rule %s cannot act on ticket %s: %s", by.id, ticket.id, refused)


def _carry_out(
    board: Board, ticket: Ticket, action: Action, by: By, tags: Mapping[int, str], now: datetime
) -> None:
    match action:
        case AddTag(tag) if isinstance(tag, int):
            if tag in tags:
                tickets.add_tag(board, ticket, tags[tag], by=by, now=now)
        case AddTag(tag):
            tickets.add_tag(board, ticket, str(tag), by=by, now=now)
        case SetPriority(priority):
            tickets.prioritise(board, ticket, PRIORITIES.index(priority), by=by, now=now)
        case Assign(person_id):
            tickets.assign(board, ticket, person_id, by=by, now=now)
        case AssignOnCall():
            duty = rotas.on_call(board.rota_id, now)
            person = duty.primary or duty.backup
            if person is not None:
                tickets.assign(board, ticket, person.id, by=by, now=now)
