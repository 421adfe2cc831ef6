"""What names a tag, a team or another noun by its id: rules in their queries and actions, and saved views."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import func, select

from app.database import db
from app.models.rule import Rule
from app.models.saved_view import SavedView


class Views(NamedTuple):
    """The shared views, and those that people keep for themselves."""

    shared: list[SavedView]
    own: list[SavedView]

    @property
    def all(self) -> list[SavedView]:
        return [*self.shared, *self.own]


def rules_with(field: str, id: int) -> list[Rule]:
    """The rules that name it, in their order."""
    rules = db.session.scalars(select(Rule).where(Rule.removed_at.is_(None)).order_by(Rule.position, Rule.id))
    return [rule for rule in rules if names(rule.query, field, id) or acts_with(rule, field, id)]


class OfPerson(NamedTuple):
    """The rules that are on and give a person tickets or tell them, and the others that their conditions name them in."""

    acting: list[Rule]
    asking: list[Rule]


def rules_with_person(id: int) -> OfPerson:
    acting = [rule for rule in rules_with("person_id", id) if rule.enabled]
    asking = [rule for rule in rules_with("assignee", id) if rule not in acting]
    return OfPerson(acting, asking)


def views_with(field: str, id: int) -> Views:
    """The saved views whose query names it."""
    views = db.session.scalars(select(SavedView).order_by(func.lower(SavedView.name), SavedView.id))
    named = [view for view in views if names(view.query, field, id)]
    return Views([view for view in named if view.shared], [view for view in named if not view.shared])


def names(tree: Any, field: str, id: int) -> bool:
    """Whether a stored query names it."""
    return any(term["field"] == field and id in _values(term) for term in _terms(tree))


def acts_with(rule: Rule, field: str, id: int) -> bool:
    """Whether one of a rule's actions names it."""
    return any(isinstance(action, dict) and action.get(field) == id for action in rule.actions)


def exchanged(tree: Any, field: str, old: int, new: int) -> Any:
    """The stored query with another id in the place of one; each is named once then."""
    if isinstance(tree, list):
        return [exchanged(part, field, old, new) for part in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.get("field") == field and isinstance(tree.get("values"), list):
        return {**tree, "values": list(dict.fromkeys(new if one == old else one for one in tree["values"]))}
    return {key: exchanged(part, field, old, new) for key, part in tree.items()}


def _values(term: dict[str, Any]) -> list[Any]:
    """None of what cannot be read."""
    values = term.get("values")
    return values if isinstance(values, list) else []


def _terms(tree: Any) -> Iterator[dict[str, Any]]:
    """Every term of a stored query, however deep."""
    if isinstance(tree, dict):
        if "field" in tree:
            yield tree
        for part in tree.values():
            yield from _terms(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _terms(part)
