"""From what holds for a ticket to what is done: pure, so that "why" can be told and a backtest can repeat it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.actions import Action, slot_of
from rules.rule import Rule
from rules.words import N_

GUARD_FOR = timedelta(seconds=60)  # what a person has just set is left alone

Slot = str  # what an action sets, see rules.actions.slot_of


@dataclass(frozen=True)
class State:
    """Of one rule for one ticket: whether its query holds, and how many episodes there have been. A rule switched on
    for new matches only starts with `State(holds=True, episode=0)` where it holds already."""

    holds: bool = False
    episode: int = 0


@dataclass(frozen=True)
class Owed:
    """An action that waits because a person has just set what it sets. `planned_at` and `due_at` are aware."""

    rule_id: int
    episode: int
    action: Action
    planned_at: datetime
    due_at: datetime


@dataclass(frozen=True)
class Firing:
    """A rule acts in an episode: `actions` at once, `owed` later perhaps. Unique on (rule, ticket, episode)."""

    rule: Rule
    episode: int
    actions: tuple[Action, ...]
    owed: tuple[Owed, ...]


@dataclass(frozen=True)
class Change:
    """An action to carry out, and the rule that gets the credit in the ticket's history."""

    rule_id: int
    episode: int
    action: Action


@dataclass(frozen=True)
class Dropped:
    """An action of a firing that will not be done. `reason` is a msgid."""

    rule_id: int
    episode: int
    action: Action
    reason: str


@dataclass(frozen=True)
class Plan:
    """One round for one ticket. `states` are all of them after the round, `changed` those to store; `firings` by
    position; `changes` what has to be done, with at most one for the priority and one for the assignee; `dropped` what
    others have won against. `stopped_by` is the rule that kept those behind it from being judged; `held` those that would have fired
    and have done so too often."""

    states: Mapping[int, State]
    changed: frozenset[int]
    firings: tuple[Firing, ...]
    changes: tuple[Change, ...]
    dropped: tuple[Dropped, ...]
    stopped_by: int | None
    held: tuple[int, ...] = ()


@dataclass(frozen=True)
class Settled:
    """What becomes of owed actions: `changes` to carry out now, what is `dropped`, and what is still `waiting`."""

    changes: tuple[Change, ...]
    dropped: tuple[Dropped, ...]
    waiting: tuple[Owed, ...]


PERSON_FASTER = N_("a person was faster")
NO_LONGER_HOLDS = N_("the rule no longer held")
OVERRULED = N_("a later action won")
DONE_ALREADY = N_("it was done already")


def plan(
    rules: Iterable[Rule],
    truth: Mapping[int, bool],
    states: Mapping[int, State],
    guards: Mapping[Slot, datetime],
    now: datetime,
    spent: Collection[int] = (),
) -> Plan:
    """Judges one ticket as it stands at the start of a round.

    `truth`: rule id -> its query holds; `states`: what the last round left (a missing one is `State()`); `guards`:
    slot -> until when a person's choice is left alone. Disabled rules are passed over and keep their state; so are
    those of `spent` that would fire: they do when they may again.

    A rule fires when its query changes from false to true, once per ticket in the first episode only. Rules go by
    position. While the query of a `stop_after` rule holds, whether it fires in this round or did in an earlier one,
    the rules behind it are not judged and keep the state they had: otherwise the next round, which its own change
    causes, would let them act after all. They are judged again, and may fire, once it no longer holds.
    """
    after = dict(states)
    firings: list[Firing] = []
    held: list[int] = []
    stopped_by = None
    for rule in sorted(rules, key=lambda rule: (rule.position, rule.id)):
        if not rule.enabled:
            continue
        before = states.get(rule.id, State())
        holds = truth[rule.id]
        begins = holds and not before.holds
        episode = before.episode + begins
        fires = begins and (rule.once_per == "episode" or episode == 1)
        if fires and rule.id in spent:
            held.append(rule.id)
            continue
        after[rule.id] = State(holds, episode)
        if fires:
            firings.append(_fire(rule, after[rule.id].episode, guards, now))
        if rule.stop_after and holds:
            stopped_by = rule.id
            break
    changes = [
        Change(firing.rule.id, firing.episode, action) for firing in firings for action in firing.actions
    ]
    changed = frozenset(id for id, state in after.items() if state != states.get(id, State()))
    return Plan(after, changed, tuple(firings), *effective(changes), stopped_by, tuple(held))


def settle_owed(
    owed: Iterable[Owed], states: Mapping[int, State], set_at: Mapping[Slot, datetime], now: datetime
) -> Settled:
    """Decides about the owed actions of one ticket, given oldest firing first and by position within a round.

    `states`: as they are after this round's `plan`; `set_at`: slot -> when a person has set it last. An action is dropped
    when its episode is over or a person has set its slot again, waits until it is due, and is done then. Of several for
    one slot the last one wins.
    """
    done: list[Change] = []
    dropped: list[Dropped] = []
    waiting: list[Owed] = []
    for one in owed:
        state = states.get(one.rule_id, State())
        if not state.holds or state.episode != one.episode:
            dropped.append(Dropped(one.rule_id, one.episode, one.action, NO_LONGER_HOLDS))
        elif _set_again(one, set_at.get(slot_of(one.action))):
            dropped.append(Dropped(one.rule_id, one.episode, one.action, PERSON_FASTER))
        elif now < one.due_at:
            waiting.append(one)
        else:
            done.append(Change(one.rule_id, one.episode, one.action))
    changes, lost = effective(done)
    return Settled(changes, (*dropped, *lost), tuple(waiting))


def effective(changes: Iterable[Change]) -> tuple[tuple[Change, ...], tuple[Dropped, ...]]:
    """What is left of `changes`, in their order, when a later one wins its slot; and what has lost. Of two that do the same
    the first gets the credit."""
    winners: dict[Slot, Change] = {}
    dropped: list[Dropped] = []
    for change in changes:
        slot = slot_of(change.action)
        before = winners.get(slot)
        if before is not None and before.action == change.action:
            dropped.append(Dropped(change.rule_id, change.episode, change.action, DONE_ALREADY))
            continue
        if before is not None:
            dropped.append(Dropped(before.rule_id, before.episode, before.action, OVERRULED))
            del winners[slot]  # what is done later is done in its own turn
        winners[slot] = change
    return tuple(winners.values()), tuple(dropped)


def _set_again(owed: Owed, at: datetime | None) -> bool:
    """Whether a person has set it since. Who had to wait for the sweep did so before it, by their own clock: then their
    minute is not over when the action is due."""
    return at is not None and (at > owed.planned_at or at + GUARD_FOR > owed.due_at)


def _fire(rule: Rule, episode: int, guards: Mapping[Slot, datetime], now: datetime) -> Firing:
    at_once: list[Action] = []
    owed: list[Owed] = []
    for action in rule.actions:
        until = guards.get(slot_of(action))
        if until is not None and now < until:
            owed.append(Owed(rule.id, episode, action, planned_at=now, due_at=until))
        else:
            at_once.append(action)
    return Firing(rule, episode, tuple(at_once), tuple(owed))
