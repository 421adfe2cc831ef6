"""Tells the events of a ticket in the reader's language: ids become names, what belongs together is one line."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import CompoundSelect, Integer, Select, bindparam, literal_column, select, union_all

from app.database import db
from app.desk.alerts import TITLES
from app.desk.events import KINDS
from app.desk.explanations import instant
from app.models.board import Board, Column
from app.models.customer import Customer
from app.models.event import Event
from app.models.person import Person
from app.models.rule import Rule
from app.models.team import Team
from app.models.ticket import PRIORITIES, PRIORITY_NAMES, mood_word
from app.words import N_, gettext, language_name

# What the conversation shows by itself, or what nobody did, is not told again.
SHOWN = frozenset(
    kind
    for kind in KINDS
    if kind.startswith(("ticket.", "alert.", "delivery."))
    and kind
    not in (
        "ticket.opened",
        "ticket.left",  # "ticket.transferred" tells it, on the other board
        "ticket.ranked",
        "ticket.deadline",
        "ticket.read",
        "delivery.sent",
        "delivery.failed",
    )
)
TOGETHER_FOR = timedelta(seconds=60)

DONE_BY = N_("%(by)s %(deeds)s")
THEN = N_("#%(number)s: rule “%(name)s” then %(deeds)s")
# Where "... assigned ..." would be odd.
TAKEN = N_("took it")
PUT_BACK = N_("took it from %(old)s and gave it to nobody")
TAKEN_FROM_TEAM = N_("took it from the team %(old)s")
# Which of the two boards the reader may see -> how it is said that a ticket went from the one to the other.
TRANSFERRED = {
    (True, False): N_("moved it from the board %(old)s to another one"),
    (False, True): N_("moved it to the board %(new)s from another one"),
    (False, False): N_("moved it to another board"),
}
LEFT_TO_FOUND = N_("left the mood to what is found: %(new)s")
RAISED = N_("raised an alert")
ENDED = N_("ended the alert")
VIP = {True: N_("marked the customer as VIP"), False: N_("took the VIP mark off the customer")}
UNDID = N_("undid: %(deed)s")
DID_AGAIN = N_("did again: %(deed)s")

_OF_THEMSELVES = {
    "ticket.followed": N_("follows it"),
    "ticket.unfollowed": N_("does not follow it any more"),
}
_ACTORS = ("person", "customer", "rule")
# Which field of its changes an event tells.
_FIELDS = {
    "ticket.moved": "column",
    "ticket.transferred": "board",
    "ticket.assigned": "assignee",
    "ticket.teamed": "team",
    "ticket.prioritised": "priority",
    "ticket.language": "language",
    "ticket.mood": "mood",
    "ticket.tagged": "tag",
    "ticket.untagged": "tag",
    "ticket.snoozed": "snoozed",
    "ticket.followed": "person",
    "ticket.unfollowed": "person",
    "ticket.linked": "other",
    "ticket.merged": "other",
    "ticket.absorbed": "other",
    "ticket.split": "other",
    "ticket.split-off": "other",
    "ticket.unlinked": "other",
    "ticket.disputed": "rules",
    "ticket.bounced": "address",
    "message.forwarded": "address",
    "ticket.bounce-cleared": "address",
}
# What an event of another kind has undone.
_OPPOSITE = {
    "ticket.tagged": "ticket.untagged",
    "ticket.untagged": "ticket.tagged",
    "ticket.restored": "ticket.deleted",
}


@dataclass(frozen=True)
class Line:
    """What happened at about the same time, as sentences; `id` is the first event's. Beside each sentence stand the events
    that it tells."""

    id: int
    at: datetime
    sentences: tuple[str, ...]
    events: tuple[tuple[Event, ...], ...] = ()


def told(
    events: Sequence[Event],
    said_at: Sequence[datetime] = (),
    *,
    zone: str = "UTC",
    now: datetime | None = None,
    boards: Select[int] | None = None,
) -> list[Line]:
    """The events as lines, oldest first; `said_at` is when messages were written, in order: no line goes across one.
    Instants are said in `zone`, at `now`. Of boards only those of `boards` (ids) are named, which the reader may see; without
    it none. Takes at most two statements for the names."""
    names = _Names(events, zone, now, boards)
    lines = []
    for group in _together(events, said_at):
        said = list(names.sentences(group))
        lines.append(Line(group[0].id, group[0].at, tuple(s for s, _ in said), tuple(of for _, of in said)))
    return lines


def deeds(events: Sequence[Event], zone: str, now: datetime, boards: Select[int] | None = None) -> str:
    """What these events did, without who did it; `boards` as for told()."""
    names = _Names(events, zone, now, boards)
    return ", ".join(names.said(event) for event in events)


def by_rules(
    events: Sequence[Event], zone: str, now: datetime, boards: Select[int] | None = None
) -> Iterator[tuple[tuple[Event, ...], str]]:
    """What each rule did to a ticket, as a sentence that goes on from what somebody did before; `boards` as for told()."""
    names = _Names(events, zone, now, boards)
    for (number, rule), group in groupby(events, key=lambda event: (event.subject_id, event.by_id)):
        run = tuple(group)
        told = ", ".join(names.said(event) for event in run)
        yield run, gettext(THEN, number=number, name=names.rule(rule), deeds=told)


def _together(events: Sequence[Event], said_at: Sequence[datetime]) -> list[list[Event]]:
    groups: list[list[Event]] = []
    for event in events:
        first = groups[-1][0] if groups else None
        across = first is not None and bisect_right(said_at, first.at) != bisect_right(said_at, event.at)
        if first is not None and event.at - first.at <= TOGETHER_FOR and not across:
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


class _Names:
    """The names behind the ids in some events, each kind of thing read once."""

    def __init__(
        self, events: Sequence[Event], zone: str, now: datetime | None, boards: Select[int] | None
    ) -> None:
        self._zone, self._now = zone, now
        told = [event.changes["new"] for event in events if event.kind == "alert.paged"]
        actors = {kind: {event.by_id for event in events if event.by_kind == kind} for kind in _ACTORS}
        self._people, self._columns, self._teams, self._rules, self._customers = _names_of(
            {*actors["person"], *told, *_values(events, "assignee"), *_values(events, "person")},
            {*_values(events, "column")},
            {*_values(events, "team")},
            actors["rule"],
            actors["customer"],
        )
        left_for = {event.changes["to"] for event in events if event.kind == "ticket.left"}
        self._boards = _names_of_boards({*left_for, *_values(events, "board")}, boards)

    def sentences(self, events: Sequence[Event]) -> Iterator[tuple[str, tuple[Event, ...]]]:
        """What one actor did in a row is one sentence, and names them once."""
        for actor, group in groupby(events, key=_actor):
            run = tuple(group)
            if actor is None:
                yield from ((self.said(event), (event,)) for event in run)
            else:
                told = ", ".join(self.said(event) for event in run)
                yield gettext(DONE_BY, by=self._by(*actor), deeds=told), run

    def said(self, event: Event) -> str:
        if "undoes" in event.changes:
            again = event.changes.get("again")
            told = _without_undo(event) if again else _undone(event)
            return gettext(DID_AGAIN if again else UNDID, deed=self.said(told))
        old, new = self._change(event)
        return ", ".join((gettext(self._wording(event), old=old, new=new), *self._lost(event)))

    def _wording(self, event: Event) -> str:
        if event.kind == "ticket.transferred":
            old, new = (board in self._boards for board in event.changes["board"])
            return TRANSFERRED.get((old, new), KINDS[event.kind].wording)
        if event.kind == "ticket.left" and event.changes["to"] not in self._boards:
            return TRANSFERRED[False, False]
        return _wording(event)

    def _lost(self, event: Event) -> Iterator[str]:
        """Who does not have it any more on the other board."""
        if event.kind == "ticket.transferred":
            person, team = (event.changes.get(field, (None, None)) for field in ("assignee", "team"))
            if person[0] and not person[1]:
                yield gettext(PUT_BACK, old=self._person(person[0]))
            if team[0] and not team[1]:
                yield gettext(TAKEN_FROM_TEAM, old=self._team(team[0]))

    def rule(self, rule_id: int | None) -> str:
        return self._rules.get(rule_id, "?")

    def _by(self, kind: str, id: int | None) -> str:
        if kind == "rule":
            return gettext(N_("Rule %(name)s"), name=self.rule(id))
        if kind == "person":
            return self._person(id)
        if kind == "customer":
            return self._customers.get(id, gettext(N_("The customer")))
        return "Nightdesk"

    def _change(self, event: Event) -> tuple[str, str]:
        """What it was and what it became, in words."""
        if event.kind == "alert.paged":
            return "", self._person(event.changes["new"])
        if event.kind in ("alert.opened", "alert.raised"):
            title = TITLES.get((event.changes["alert_kind"], event.changes["new"]))
            return "", gettext(title) if title else str(event.changes["new"])
        if event.kind == "ticket.left":
            return "", self._board(event.changes["to"])
        field = _FIELDS.get(event.kind)
        if field is None:
            return "", ""
        if field == "snoozed":
            until = event.changes[field][1]
            said_at = self._now or event.at
            return "", instant(datetime.fromisoformat(until), self._zone, said_at) if until else ""
        said: dict[str, Callable[[Any], str]] = {
            "column": self._column,
            "board": self._board,
            "assignee": self._person,
            "person": self._person,
            "other": str,
            "team": self._team,
            "priority": _priority,
            "language": _language,
            "mood": _mood,
            "tag": str,
            "rules": str,
            "address": str,
        }
        old, new = event.changes[field]
        return said[field](old), said[field](new)

    def _column(self, column_id: int | None) -> str:
        return self._columns.get(column_id, gettext(N_("a column that is gone")))

    def _board(self, board_id: int | None) -> str:
        return self._boards.get(board_id, "")  # then the wording does not name it

    def _team(self, team_id: int | None) -> str:
        return self._teams.get(team_id, gettext(N_("that is gone")))

    def _person(self, person_id: int | None) -> str:
        return self._people.get(person_id, gettext(N_("somebody")))


def _values(events: Iterable[Event], field: str) -> Iterator[Any]:
    for event in events:
        if _FIELDS.get(event.kind) == field or (
            event.kind == "ticket.transferred" and field in event.changes
        ):
            yield from event.changes[field]


def _names_of(*wanted: Iterable[int | None]) -> list[dict[int | None, str]]:
    """The names of these people, columns, teams, rules and customers. One statement, or none."""
    asked = {place: [id for id in ids if id is not None] for place, ids in enumerate(wanted)}
    found: list[dict[int | None, str]] = [{} for _ in asked]
    if any(asked.values()):
        parameters = {f"wanted_{place}": ids for place, ids in asked.items()}
        for place, id, name in db.session.execute(_named(), parameters):
            found[place][id] = name
    return found


def _names_of_boards(ids: set[int], seen: Select[int] | None) -> dict[int | None, str]:
    if not ids or seen is None:
        return {}
    named = select(Board.id, Board.name).where(Board.id.in_(ids), Board.id.in_(seen.order_by(None)))
    return dict(db.session.execute(named).all())


@cache
def _named() -> CompoundSelect[int, int, str]:
    """Made once: to build it takes longer than to run it."""
    nouns: tuple[Any, ...] = (Person, Column, Team, Rule, Customer)
    return union_all(
        *(
            select(literal_column(str(place), Integer), noun.id, noun.name).where(
                noun.id.in_(bindparam(f"wanted_{place}", expanding=True))
            )
            for place, noun in enumerate(nouns)
        )
    )


def _actor(event: Event) -> tuple[str, int | None] | None:
    """None for what is told without naming who did it."""
    return (event.by_kind, event.by_id) if KINDS[event.kind].deed or _is_raised_or_ended(event) else None


def _is_raised_or_ended(event: Event) -> bool:
    """Alerts come and go by themselves, but for those of rules and those that people end with what a rule did."""
    return (event.kind, event.by_kind) in (("alert.opened", "rule"), ("alert.closed", "person"))


def _wording(event: Event) -> str:
    if event.kind == "ticket.assigned":
        _, new = event.changes["assignee"]
        if new is None:
            return PUT_BACK
        if event.by_kind == "person" and event.by_id == new:
            return TAKEN
    of_themselves = event.by_kind == "person" and event.by_id in event.changes.get("person", ())
    if of_themselves and event.kind in _OF_THEMSELVES:
        return _OF_THEMSELVES[event.kind]
    if event.kind == "ticket.teamed" and event.changes["team"][1] is None:
        return TAKEN_FROM_TEAM
    if event.kind == "ticket.mood" and not event.changes["by_hand"][1]:
        return LEFT_TO_FOUND
    if _is_raised_or_ended(event):
        return RAISED if event.kind == "alert.opened" else ENDED
    if event.kind == "customer.changed" and "vip" in event.changes:
        return VIP[event.changes["vip"][1]]
    return KINDS[event.kind].wording


def _priority(name: str) -> str:
    return gettext(PRIORITIES[PRIORITY_NAMES.index(name)])


def _language(code: str | None) -> str:
    return language_name(code) if code else gettext(N_("unknown"))


def _mood(score: int | None) -> str:
    return gettext(mood_word(score))


def _undone(event: Event) -> Event:
    """What this one has taken back; whoever did that is told elsewhere."""
    changes = {field: [new, old] for field, (old, new) in _pairs(event)}
    kind = _OPPOSITE.get(event.kind, event.kind)
    if "snoozed" in changes:
        kind = "ticket.snoozed" if changes["snoozed"][1] else "ticket.unsnoozed"
    return Event(kind=kind, changes=changes, by_kind="", by_id=None)


def _without_undo(event: Event) -> Event:
    return Event(kind=event.kind, changes=dict(_pairs(event)), by_kind=event.by_kind, by_id=event.by_id)


def _pairs(event: Event) -> Iterator[tuple[str, list[Any]]]:
    """The fields that it changed."""
    return ((name, value) for name, value in event.changes.items() if isinstance(value, list))
