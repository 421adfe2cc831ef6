"""The actions of a rule with names in the place of ids: as versions keep them, as files carry them, as people read them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.database import db
from app.models.person import Person
from app.models.ticket import PRIORITIES
from app.words import gettext, language_name
from rules import query
from rules.actions import Detail, kinds
from rules.vocabulary import PRIORITIES as PRIORITY_NAMES
from rules.vocabulary import VOCABULARY, Names, show_value

# The types of details that are ids, and the field of the vocabulary that knows their names.
FIELDS: Mapping[str, str] = {
    "tag": "tag",
    "person": "assignee",
    "team": "team",
    "board": "board",
    "calendar": "during",
}


def named(actions: Sequence[Mapping[str, Any]], names: Names) -> list[dict[str, Any]]:
    """The stored actions with names, each under the noun of its detail. What has no name any more is `#12`."""
    return [
        {
            "kind": action["kind"],
            **{
                detail.noun: _named(detail, action[detail.name], names)
                for detail in _details(action)
                if detail.name in action
            },
        }
        for action in actions
    ]


def said(action: Mapping[str, Any]) -> str:
    """What an action with names does, in words."""
    kind = kinds().get(action["kind"])
    if kind is None:
        return str(action["kind"])
    return gettext(
        kind.said, **{detail.noun: _detail(detail, action.get(detail.noun, "")) for detail in kind.details}
    )


def missing(
    tree: query.Query, actions: Sequence[Mapping[str, Any]], names: Names, now: datetime
) -> tuple[str, ...]:
    """What a query or an action names that is deleted, as text (`tag:#12`), and whom an action names who has left."""
    gone = [*query.broken(tree, names)]
    for action in actions:
        for detail in _details(action):
            field, value = FIELDS.get(detail.type), action.get(detail.name)
            if field is None or type(value) is not int:
                continue
            if value not in names[field].values():
                gone.append(f"{field}:#{value}")
            elif field == "assignee" and not db.session.get_one(Person, value).works_here(now):
                gone.append(show_value(field, value, VOCABULARY, names))
    return tuple(dict.fromkeys(gone))


def people_of(action: Mapping[str, Any]) -> list[int]:
    """Whom a stored action names."""
    return [action[detail.name] for detail in _details(action) if detail.type == "person"]


def _details(action: Mapping[str, Any]) -> tuple[Detail, ...]:
    kind = kinds().get(action["kind"])
    return kind.details if kind else ()


def _named(detail: Detail, value: Any, names: Names) -> Any:
    if detail.type not in FIELDS or type(value) is not int:
        return value
    return show_value(FIELDS[detail.type], value, VOCABULARY, names)


def _detail(detail: Detail, value: Any) -> str:
    if detail.type == "priority" and value in PRIORITY_NAMES:
        return gettext(PRIORITIES[PRIORITY_NAMES.index(value)])
    if detail.type == "language" and isinstance(value, str):
        return language_name(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
