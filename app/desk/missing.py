"""What rules name that is not there any more, and whom their conditions name who has left, in words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.database import db
from app.desk import lost_names, rule_names
from app.models.person import Person
from app.models.rule import Rule
from app.words import N_, gettext
from rules import query
from rules.actions import kinds
from rules.vocabulary import VOCABULARY, Names

CALLED = N_("%(what)s “%(name)s”")
# Where the vocabulary has no word for it, or a longer one.
LABELS: Mapping[str, str] = {
    "assignee": N_("Person"),
    "column": N_("Column"),
    "during": N_("Opening hours"),
    "webhook": N_("Webhook"),
}


def of(rule: Rule, names: Names, now: datetime) -> list[str]:
    """What is missing, under the name that it had: Webhook “Warehouse”."""
    gone = rule_names.missing(query.from_json(rule.query), rule.actions, names, now)
    return _words(lost_names.said(gone, lost_names.of(rule, names))) if gone else []


def read(rule: Rule, names: Names) -> tuple[str, list[str]]:
    """The condition and the actions of a rule with the names that things had which are gone."""
    lost = lost_names.of(rule, names)
    known = lost_names.known(names, lost)
    actions = rule_names.named(rule.actions, known)
    for named, action in zip(actions, rule.actions, strict=True):
        for detail in kinds()[action["kind"]].details:
            id: Any = action.get(detail.name)
            if detail.type in rule_names.OWN and named.get(detail.noun) == f"#{id}":
                named[detail.noun] = lost.get(detail.type, {}).get(id, f"#{id}")
    text = query.to_text(query.from_json(rule.query), names=known)
    return text, [rule_names.said(action) for action in actions]


def who_left(those: Sequence[Rule], now: datetime) -> dict[int, list[str]]:
    """rule -> whom its condition names who does not work here any more; only rules that name any such. One statement."""
    named = {rule.id: _people(query.from_json(rule.query)) for rule in those}
    everybody = {person_id for people in named.values() for person_id in people}
    if not everybody:
        return {}
    people = db.session.scalars(select(Person).where(Person.id.in_(everybody)).order_by(Person.name))
    left = {person.id: person.name for person in people if not person.works_here(now)}
    found = {
        rule_id: [name for id, name in left.items() if id in numbers] for rule_id, numbers in named.items()
    }
    return {rule_id: there for rule_id, there in found.items() if there}


def _people(tree: query.Query) -> set[int]:
    return {
        value
        for leaf in query.terms(tree)
        if isinstance(leaf, query.Term) and leaf.field == "assignee"
        for value in leaf.values
        if isinstance(value, int)
    }


def _words(said: Iterable[str]) -> list[str]:
    found = []
    for term in said:
        field, _, name = term.partition(":")
        known = VOCABULARY.get(field)
        label = LABELS.get(field) or (known.label if known else field)
        found.append(gettext(CALLED, what=gettext(label), name=name.replace('"', "")))
    return found
