"""What a query looks at, so that whoever asks it of the past knows at which instants its answer may have changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rules import spans
from rules.compile import INSTANTS
from rules.hours import day_of
from rules.query import And, Or, Query, Term, Words, terms
from rules.vocabulary import STATES

# What never changes of a ticket, or what nothing is remembered of: customers and companies are as they are now.
CONSTANT = frozenset({"subject", "from", "channel", "customer", "company", "age", "created"})
CONTAINED = frozenset({"body", "attachment"})  # what has been in a customer's message stays in it
UNTOLD = frozenset({"due", "snoozed", "alert"})
# field of the language -> of what a ticket was
REMEMBERED: Mapping[str, str] = {
    "tag": "tag",
    "priority": "priority",
    "assignee": "assignee",
    "team": "team",
    "board": "board",
    "lang": "language",
    "mood": "mood",
    "since": "state",
    "closed": "state",
    "reopened": "state",
    "waiting": "state",
}
OF_MESSAGES = frozenset({"body", "messages", "last", "during", "attachment", "waiting"})
EVERYTHING = frozenset({"state", *REMEMBERED.values()})
_STATES = {*STATES, "unresolved"}


@dataclass(frozen=True)
class Watched:
    """What can change the answer of a query for a ticket: `fields` of what it was, its messages, changes by people and
    customers, who is on call, and the time that passes since its `facts` (names of Binding's instants)."""

    fields: frozenset[str] = frozenset()
    messages: bool = False
    updates: bool = False
    duty: bool = False
    facts: frozenset[str] = frozenset()

    @property
    def nothing(self) -> bool:
        """Whether the answer stays what it was when the ticket came."""
        return self == Watched()

    def __or__(self, other: "Watched") -> "Watched":
        return Watched(
            self.fields | other.fields,
            self.messages or other.messages,
            self.updates or other.updates,
            self.duty or other.duty,
            self.facts | other.facts,
        )


def watched(tree: Query) -> Watched:
    """What a query looks at. Of a field that is not known here: everything that is remembered."""
    found = Watched()
    for leaf in terms(tree):
        found |= Watched(messages=True) if isinstance(leaf, Words) else _of(leaf)
    return found


def never_changes(tree: Query) -> bool:
    """Whether a ticket fulfils it from the beginning, or never."""
    return watched(tree).nothing


def stays(tree: Query) -> bool:
    """Whether a ticket that fulfils it does so from then on, whatever happens: it asks for what never changes, and for
    what stands in messages, which nothing takes out again."""
    match tree:
        case And(parts) | Or(parts):
            return all(stays(part) for part in parts)
        case Term(field, _, values) if field in CONTAINED and "none" not in values:
            return True
    return never_changes(tree)


def lengths(tree: Query) -> tuple[int, ...]:
    """The lengths of time, in seconds, that its terms compare with."""
    return tuple(
        sorted({value for leaf in _of_time(tree) for value in leaf.values if isinstance(value, int)})
    )


def stretches(tree: Query) -> tuple[str, ...]:
    """The stretches of days that its terms compare with."""
    values = {value for leaf in _of_time(tree) for value in leaf.values if isinstance(value, str)}
    return tuple(sorted(values - {"none"}))


def windows(
    tree: Query, since: datetime, until: datetime, zone: str
) -> dict[str, list[tuple[datetime, datetime]]]:
    """fact -> where it stands, at least, when a term on it changes by itself between two instants."""
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    first, last = day_of(zone, since), day_of(zone, until)
    for leaf in _of_time(tree):
        for value in leaf.values:
            if isinstance(value, int):
                length = timedelta(seconds=value) + timedelta(microseconds=1)
                found.setdefault(INSTANTS[leaf.field], []).append((since - length, until - length + _LITTLE))
            elif value != "none" and not value[0].isdigit():
                found.setdefault(INSTANTS[leaf.field], []).append(_passed(value, first, last, zone))
    return found


def _of(leaf: Term) -> Watched:
    if leaf.field == "is":
        return _of_is(leaf)
    if leaf.field in UNTOLD:
        return Watched()
    facts = frozenset({INSTANTS[leaf.field]}) if leaf.field in INSTANTS else frozenset()
    if leaf.field in CONSTANT:
        return Watched(facts=facts)
    if leaf.field == "updated":
        return Watched(updates=True, facts=facts)
    duty = "oncall" in leaf.values
    remembered = {REMEMBERED[leaf.field]} if leaf.field in REMEMBERED else set()
    fields = frozenset(remembered | ({"board"} if duty else set()))
    if not fields and leaf.field not in OF_MESSAGES:
        return Watched(EVERYTHING, messages=True, updates=True, facts=facts)
    return Watched(fields, messages=leaf.field in OF_MESSAGES, duty=duty, facts=facts)


def _of_is(leaf: Term) -> Watched:
    found = Watched()
    for value in leaf.values:
        if value in _STATES:
            found |= Watched(frozenset({"state"}))
        elif value == "unassigned":
            found |= Watched(frozenset({"assignee"}))
        elif value == "automatic":
            found |= Watched(messages=True)
    return found


def _of_time(tree: Query) -> list[Term]:
    return [
        leaf
        for leaf in terms(tree)
        if isinstance(leaf, Term) and leaf.field in INSTANTS and leaf.field not in UNTOLD
    ]


def _passed(span: str, first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    edges = (*spans.bounds(span, zone, first), *spans.bounds(span, zone, last))
    return min(edges), max(edges)


_LITTLE = timedelta(microseconds=2)
