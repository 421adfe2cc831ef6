"""What a firing of a rule did, in words, and taking it back: a person's change like any other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from app.database import db, insert_new
from app.desk import access, history, rule_names, rules, transfers, undo
from app.desk.events import KINDS
from app.desk.refused import Refused
from app.models import vocabulary
from app.models.board import Board
from app.models.event import By, Event
from app.models.firing import events_of
from app.models.judged import truth_of
from app.models.rule import Rule, RuleFiring, RuleState
from app.models.ticket import Ticket
from app.words import N_, gettext
from rules.vocabulary import Names

TAKEN_BACK = N_("a person took it back")
# What changes nothing that has a history, and how it is told.
TELLS = {
    "tell_person": N_("told %(person)s"),
    "tell_team": N_("told the team %(team)s"),
    "tell_on_call": N_("told who is on call"),
    "call_webhook": N_("called the webhook %(webhook)s"),
}


@dataclass(frozen=True)
class Told:
    """A firing in words: what was `done`, what not and why, what is still `owed`. `undo`: something of it stands and can
    be taken back; `undone`: all that could be was."""

    id: int
    rule_id: int
    episode: int
    at: datetime
    done: str
    dropped: tuple[str, ...]
    owed: tuple[str, ...]
    owed_until: datetime | None
    undo: bool
    undone: bool


def told(
    firings: Sequence[RuleFiring], zone: str, now: datetime, boards: Select[int] | None = None
) -> dict[int, Told]:
    """firing -> how it is told; for any number of them. `boards` as for history.told()."""
    events, names = events_of(firings), vocabulary.names()
    all_events = [event for some in events.values() for event in some]
    stands = undo.standing(all_events)
    return {
        firing.id: _told(
            firing,
            events.get(firing.id, []),
            history.deeds(events.get(firing.id, []), zone, now, boards),
            stands,
            names,
        )
        for firing in firings
    }


def take_back(board: Board, ticket: Ticket, firing_id: int, *, by: By, now: datetime) -> None:
    """Undoes what a firing did to a ticket, as far as nobody has changed it since, and drops what it still owes. Refused with
    409 when all of it was changed since. The rule does not act again while its condition goes on to hold."""
    firing = db.session.get(RuleFiring, firing_id)
    if firing is None or firing.ticket_id != ticket.id:
        raise access.not_found()
    events = [event for event in events_of([firing]).get(firing.id, []) if KINDS[event.kind].undo][::-1]
    stands = undo.standing(events)
    if not events and not firing.owed:
        raise Refused(N_("Nothing of what it did can be taken back."), status=409)
    chosen = [event for event in events if event.id in stands]
    if chosen or not firing.owed:
        undo.take_back(board, ticket, chosen or events, by=by, now=now)
    dropped = [{"action": action, "reason": TAKEN_BACK, "values": {}} for action in firing.owed]
    firing.dropped = [*firing.dropped, *dropped]
    firing.owed, firing.owed_until = [], None
    _goes_on(firing, now)


def boards_of(firing_ids: Iterable[int]) -> set[int]:
    """The boards to which tickets go back when these firings are taken back."""
    rows = db.session.scalars(select(RuleFiring).where(RuleFiring.id.in_(list(firing_ids)))).all()
    return transfers.boards_of(event for some in events_of(rows).values() for event in some)


def _goes_on(firing: RuleFiring, now: datetime) -> None:
    """Where the undoing alone makes the condition true again, as that of `-tag:refund` that adds the tag, this is the same
    episode: the rule shall not do again what a person has just taken back."""
    rule = db.session.get_one(Rule, firing.rule_id)
    if rules.fault(rule) is not None:
        return
    db.session.flush()
    if not truth_of([firing.ticket_id], [rules.ready(rule)], now)[firing.ticket_id][rule.id]:
        return
    state = insert_new(RuleState).values(
        ticket_id=firing.ticket_id, rule_id=rule.id, holds=True, episode=firing.episode
    )
    db.session.execute(
        state.on_conflict_do_update(index_elements=["ticket_id", "rule_id"], set_={"holds": True})
    )


def _told(firing: RuleFiring, events: Sequence[Event], deeds: str, stands: set[int], names: Names) -> Told:
    can_be = [event for event in events if KINDS[event.kind].undo]
    stand = any(event.id in stands for event in can_be)
    idle = [one["action"] for one in firing.done if not one.get("events")]
    tells = [_tell(one) for one in rule_names.named(idle, names) if one["kind"] in TELLS]
    idle = [one for one in idle if one["kind"] not in TELLS]
    already = [gettext(N_("%(action)s: it was so already"), action=_action(one, names)) for one in idle]
    return Told(
        id=firing.id,
        rule_id=firing.rule_id,
        episode=firing.episode,
        at=firing.at,
        done=", ".join([deeds, *tells] if deeds else tells),
        dropped=(*(_dropped(one, names) for one in firing.dropped), *already),
        owed=tuple(_action(one, names) for one in firing.owed),
        owed_until=firing.owed_until,
        undo=stand or bool(firing.owed),
        undone=bool(can_be) and not stand and not firing.owed,
    )


def _tell(action: Mapping[str, Any]) -> str:
    text = TELLS[action["kind"]]
    return gettext(text, **action)


def _dropped(one: Mapping[str, Any], names: Names) -> str:
    text: str = one["reason"]
    reason = gettext(text, **one.get("values", {}))
    return gettext(N_("%(action)s: %(reason)s"), action=_action(one["action"], names), reason=reason)


def _action(action: Mapping[str, Any], names: Names) -> str:
    return rule_names.sentences([action], names)[0]
