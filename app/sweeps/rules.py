"""The rules of the desk over one batch of tickets: what holds, what follows from it, and what is still owed."""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from app.database import OutOfOrder, db, recording, trouble
from app.desk import quarrels
from app.desk.refused import Refused
from app.desk.rule_acts import CAPPED, Acts, board_of
from app.models.event import By
from app.models.judged import truth_of
from app.models.rule import RuleFiring, RuleState
from app.models.ticket import Ticket
from app.sweeps.firings import Firings, owing
from app.sweeps.hourly import Hourly
from app.sweeps.people_first import set_at
from rules.actions import MoveToBoard, SetVip
from rules.plan import GUARD_FOR, Change, Plan, State, plan, settle_owed
from rules.rule import Rule

log = logging.getLogger(__name__)

MOST_ROUNDS = 5  # of rules that feed each other


class RuleFailed(Exception):
    """A rule has thrown where it may not: the ticket is judged again without it."""

    def __init__(self, rule_id: int, error: Exception) -> None:
        super().__init__(rule_id, str(error))
        self.rule_id, self.error = rule_id, error


def apply_rules(
    due: Sequence[Ticket], rules: Sequence[Rule], acts: Acts, hourly: Hourly, now: datetime
) -> Counter[str]:
    """Rounds over these tickets, until no rule acts any more or rules disagree. Who moves one to another board has it judged
    there in the next round."""
    counts: Counter[str] = Counter()
    to_judge = {ticket.id: ticket for ticket in due}
    acting: dict[int, list[set[int]]] = defaultdict(
        list
    )  # ticket -> round by round the rules that have acted
    resting = quarrels.resting(due) if rules and due else {}
    vip = any(isinstance(action, SetVip) for rule in rules for action in rule.actions)
    for _ in range(MOST_ROUNDS):
        if not rules or not to_judge:
            return counts
        db.session.flush()
        acted: dict[int, Ticket] = {}
        plans: dict[int, Plan] = {}
        states, owed = _states(to_judge), owing(to_judge)
        firings = {ticket_id: Firings(ticket_id, owed.get(ticket_id, ())) for ticket_id in to_judge}
        by_people = set_at(to_judge.values(), {id: known.owed for id, known in firings.items()}, now, vip=vip)
        truths = truth_of(to_judge, rules, now)
        _go_on(truths, states, now)
        for ticket_id, ticket in to_judge.items():  # the oldest first: turns are taken in this order
            holds, written = truths[ticket_id], firings[ticket_id]
            asked = _not(resting.get(ticket_id), rules)
            set_by_people = by_people.get(ticket_id, {})
            guards = {slot: at + GUARD_FOR for slot, at in set_by_people.items()}
            known = states.get(ticket_id, {})
            judged = plan(asked, holds, known, guards, now)
            if spent := hourly.spent([firing.rule for firing in judged.firings]):
                judged = plan(asked, holds, known, guards, now, spent)
                hourly.held(judged.held, ticket)
            settled = settle_owed(written.owed, judged.states, set_by_people, now)
            plans[ticket_id] = judged
            written.keep(settled.waiting)
            for firing in judged.firings:
                written.begin(firing, now)
                hourly.fired(firing.rule.id)
                counts["firings"] += 1
            for dropped in (*settled.dropped, *judged.dropped):
                written.dropped(dropped, dropped.reason)
            changes = board_first((*settled.changes, *judged.changes))
            for change in changes:
                if _act(acts, ticket, change, written) == CAPPED:
                    hourly.capped(change.rule_id)
            if changes:
                acted[ticket_id] = ticket
                acting[ticket_id].append({change.rule_id for change in changes})
        _remember(plans, states)
        to_judge = acted
    for ticket in _going_on(to_judge, rules, resting, now):
        disagreeing = _disagreeing(acting[ticket.id])
        those = [rule for rule in _not(resting.get(ticket.id), rules) if rule.id in disagreeing]
        if those:
            quarrels.begin(board_of(ticket), ticket, those, now=now)
    return counts


def _going_on(
    tickets: Mapping[int, Ticket],
    rules: Sequence[Rule],
    resting: Mapping[int, Collection[int]],
    now: datetime,
) -> list[Ticket]:
    """Those of these tickets on which a rule would act once more."""
    if not rules or not tickets:
        return []
    db.session.flush()
    truths, states = truth_of(tickets, rules, now), _states(tickets)
    return [
        ticket
        for id, ticket in tickets.items()
        if plan(_not(resting.get(id), rules), truths[id], states.get(id, {}), {}, now).firings
    ]


def _disagreeing(acting: Sequence[Set[int]]) -> set[int]:
    """Who goes round in a circle: all since one of those of the last round acted before. What only set them off is no part of
    it. Without a circle so far it is all but the first."""
    before = (place for place in reversed(range(len(acting) - 1)) if acting[place] & acting[-1])
    return set().union(*acting[next(before, 0) + 1 :])


def _not(resting: Collection[int] | None, rules: Sequence[Rule]) -> Sequence[Rule]:
    """Those that do not rest: of nearly every ticket all of them."""
    return [rule for rule in rules if rule.id not in resting] if resting else rules


def failing(ticket_ids: Collection[int], rules: Sequence[Rule], now: datetime) -> dict[int, Exception]:
    """The rules whose condition cannot be asked of these tickets, each tried alone. Ends the transaction."""
    found: dict[int, Exception] = {}
    for rule in rules:
        try:
            truth_of(ticket_ids, [rule], now)
        except Exception as error:
            if trouble(error):
                raise
            found[rule.id] = error
        db.session.rollback()
    return found


def _go_on(
    truths: Mapping[int, dict[int, bool]], states: Mapping[int, Mapping[int, State]], now: datetime
) -> None:
    """An episode in which a rule has acted later than now goes on: the clock was set back, and what time alone made true
    would else become so a second time. Nothing is asked unless an episode ends."""
    ends = {
        (ticket_id, rule_id)
        for ticket_id, holds in truths.items()
        for rule_id, state in states.get(ticket_id, {}).items()
        if state.holds and holds.get(rule_id) is False
    }
    if not ends:
        return
    ahead = select(RuleFiring.ticket_id, RuleFiring.rule_id).where(
        RuleFiring.ticket_id.in_({ticket_id for ticket_id, _ in ends}), RuleFiring.at > now
    )
    for ticket_id, rule_id in {tuple(row) for row in db.session.execute(ahead)} & ends:
        truths[ticket_id][rule_id] = True


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


def board_first(changes: Sequence[Change]) -> list[Change]:
    """What is done to a ticket that changes boards is done on the board that it comes to: its columns, who is on call there."""
    return sorted(changes, key=lambda change: not isinstance(change.action, MoveToBoard))


def _act(acts: Acts, ticket: Ticket, change: Change, firings: Firings) -> str | None:
    """Carries an action out and writes down which events that made. What cannot be any more is passed over; returns why."""
    before = len(recording())
    try:
        acts.do(ticket, change.action, By("rule", change.rule_id))
    except Refused as refused:
        log.info("rule %s cannot act on ticket %s: %s", change.rule_id, ticket.id, refused)
        firings.dropped(change, refused.text, **refused.values)
        return refused.text
    except OutOfOrder:
        raise
    except Exception as error:
        if trouble(error):
            raise
        raise RuleFailed(change.rule_id, error) from error
    made = [event.seq for event in recording()[before:] if event.stream == ticket.board_id]
    firings.did(change, (ticket.board_id, made[0], made[-1]) if made else None)
    return None
