"""What a firing of a rule did, in words, and taking it back: a person's change like any other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from app.database import db, insert_new
from app.desk import access, deeds, history, rule_names, rules, transfers, undo
from app.desk.events import KINDS
from app.desk.refused import Refused
from app.models import vocabulary
from app.models.board import Board
from app.models.event import By, Event
from app.models.firing import events_of
from app.models.judged import truth_of
from app.models.person import Person
from app.models.rule import Rule, RuleFiring, RuleState
from app.models.ticket import Ticket
from app.words import N_, gettext
from rules.vocabulary import Names

TAKEN_BACK = N_("%(name)s took it back")
# How it is said that what could be taken back is gone: some of it stays, all is taken back, or nobody has taken anything back.
CHIPS = {"partly": N_("partly undone"), "undone": N_("undone"), "changed": N_("changed since")}
TOO_LATE = N_("Too late: this answer has left already.")
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
    be taken back; `undone`: nothing does any more, because somebody (`back_by`, `back_at`) took it back or it was changed
    since. What of it nobody can take back `stays`."""

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
    back_by: str = ""
    back_at: datetime | None = None
    stays: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """A key of CHIPS where nothing is left to take back; else empty."""
        if not self.undone:
            return ""
        return ("partly" if self.stays else "undone") if self.back_at is not None else "changed"

    @property
    def chip(self) -> str:
        return gettext(CHIPS[self.state]) if self.undone else ""


def told(
    firings: Sequence[RuleFiring], zone: str, now: datetime, boards: Select[int] | None = None
) -> dict[int, Told]:
    """firing -> how it is told; for any number of them. `boards` as for history.told()."""
    events, names = events_of(firings), vocabulary.names()
    all_events = [event for some in events.values() for event in some]
    fates = deeds.fates(all_events)
    people = _people({fate.by_id for fate in fates.values()})
    return {
        firing.id: _told(
            firing,
            events.get(firing.id, []),
            history.deeds(events.get(firing.id, []), zone, now, boards),
            fates,
            names,
            people,
        )
        for firing in firings
    }


def take_back(board: Board, ticket: Ticket, firing_id: int, *, by: By, now: datetime) -> tuple[str, ...]:
    """Undoes what a firing did, as far as nobody has changed it since, and drops what it still owes; returns in words what
    of it cannot be taken back. Refused with 409 when nothing can (any more). The rule does not act again while its condition
    goes on to hold."""
    firing = db.session.get(RuleFiring, firing_id)
    if firing is None or firing.ticket_id != ticket.id:
        raise access.not_found()
    events = events_of([firing]).get(firing.id, [])[::-1]
    fates = deeds.fates(events)
    chosen = [event for event in events if fates[event.id].stands]
    if not chosen and not firing.owed:
        raise _nothing_left(board, ticket, events, fates, by, now)
    late = deeds.take_back(board, ticket, chosen, by=by, now=now)
    if late and late == len(chosen) and not firing.owed:
        raise Refused(TOO_LATE, status=409)
    name = _people({by.id}).get(by.id, "?")
    dropped = [{"action": action, "reason": TAKEN_BACK, "values": {"name": name}} for action in firing.owed]
    firing.dropped = [*firing.dropped, *dropped]
    firing.owed, firing.owed_until = [], None
    _goes_on(firing, now)
    return told([firing], "UTC", now)[firing.id].stays


def undoable(firings: Sequence[RuleFiring]) -> set[int]:
    """Those of these of which something stands and can be taken back."""
    events = events_of(firings)
    fates = deeds.fates([event for some in events.values() for event in some])
    return {
        firing.id
        for firing in firings
        if firing.owed or any(fates[event.id].stands for event in events.get(firing.id, ()))
    }


def boards_of(firing_ids: Iterable[int]) -> set[int]:
    """The boards to which tickets go back when these firings are taken back."""
    return transfers.boards_of(_events(firing_ids))


def boards_beside(firing_ids: Iterable[int]) -> set[int]:
    """The boards that change with them; see deeds.boards_beside()."""
    return deeds.boards_beside(_events(firing_ids))


def _events(firing_ids: Iterable[int]) -> list[Event]:
    rows = db.session.scalars(select(RuleFiring).where(RuleFiring.id.in_(list(firing_ids)))).all()
    return [event for some in events_of(rows).values() for event in some]


def _nothing_left(
    board: Board,
    ticket: Ticket,
    events: Sequence[Event],
    fates: Mapping[int, deeds.Fate],
    by: By,
    now: datetime,
) -> Refused:
    """Why: who was faster, where that is known."""
    name = next((name for name in _people({fate.by_id for fate in fates.values()}).values()), None)
    if name is not None:
        return Refused(N_("%(name)s has undone this already."), status=409, name=name)
    try:
        undo.take_back(
            board, ticket, [event for event in events if KINDS[event.kind].undo][:1], by=by, now=now
        )
    except Refused as refused:
        return refused
    return Refused(N_("Nothing of what it did can be taken back."), status=409)


def _people(ids: Iterable[int | None]) -> dict[int | None, str]:
    wanted = {id for id in ids if id is not None}
    if not wanted:
        return {}
    return dict(db.session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted))).all())


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


def _told(
    firing: RuleFiring,
    events: Sequence[Event],
    said: str,
    fates: Mapping[int, deeds.Fate],
    names: Names,
    people: Mapping[int | None, str],
) -> Told:
    of_it = [fates[event.id] for event in events]
    stand = any(fate.stands for fate in of_it)
    back = max((fate for fate in of_it if fate.at), key=lambda fate: str(fate.at), default=deeds.Fate())
    idle = [one["action"] for one in firing.done if not one.get("events")]
    tells = [_tell(one) for one in rule_names.named(idle, names) if one["kind"] in TELLS]
    idle = [one for one in idle if one["kind"] not in TELLS]
    already = [gettext(N_("%(action)s (it was so already)"), action=_action(one, names)) for one in idle]
    return Told(
        id=firing.id,
        rule_id=firing.rule_id,
        episode=firing.episode,
        at=firing.at,
        done=", ".join([said, *tells] if said else tells),
        dropped=(*(_dropped(one, names) for one in firing.dropped), *already),
        owed=tuple(_action(one, names) for one in firing.owed),
        owed_until=firing.owed_until,
        undo=stand or bool(firing.owed),
        undone=any(fate.gone for fate in of_it) and not stand and not firing.owed,
        back_by=people.get(back.by_id, ""),
        back_at=back.at,
        stays=tuple(dict.fromkeys([*(one for fate in of_it for one in fate.stays), *tells])),
    )


def _tell(action: Mapping[str, Any]) -> str:
    text = TELLS[action["kind"]]
    return gettext(text, **action)


def _dropped(one: Mapping[str, Any], names: Names) -> str:
    text: str = one["reason"]
    reason = gettext(text, **one.get("values", {}))
    return gettext(N_("%(action)s – %(reason)s"), action=_action(one["action"], names), reason=reason)


def _action(action: Mapping[str, Any], names: Names) -> str:
    return rule_names.sentences([action], names)[0]
