"""The actions of a rule with names in the place of ids: as versions keep them, as files carry them, as people read them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.database import db
from app.models import vocabulary
from app.models.board import STATES, Board, Column
from app.models.person import Person
from app.models.ticket import PRIORITIES
from app.models.webhook import all_webhooks
from app.words import N_, gettext, language_name
from rules import query
from rules.actions import WAYS_TO_CHOOSE, Detail, kinds, to_json
from rules.rule import Starter
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

YES, NO = N_("Yes"), N_("No")


def named(actions: Sequence[Mapping[str, Any]], names: Names) -> list[dict[str, Any]]:
    """The stored actions with names, each under the noun of its detail. What has no name any more is `#12`."""
    return [
        {
            "kind": action["kind"],
            **{
                detail.noun: name_of(detail, action[detail.name], names)
                for detail in _details(action)
                if detail.name in action
            },
        }
        for action in actions
    ]


def sentences(actions: Sequence[Mapping[str, Any]], names: Names) -> list[str]:
    """What stored actions do, in words."""
    return [said(action) for action in named(actions, names)]


def of_starter(starter: Starter) -> list[str]:
    """What a rule of the starter pack does, in words."""
    return sentences([to_json(action) for action in starter.actions], vocabulary.names())


def said(action: Mapping[str, Any]) -> str:
    """What an action with names does, in words."""
    kind = kinds().get(action["kind"])
    if kind is None:
        return str(action["kind"])
    given = {detail: action[detail.noun] for detail in kind.details if detail.noun in action}
    sentence = gettext(kind.said, **{detail.noun: _detail(detail, value) for detail, value in given.items()})
    conditions = [gettext(detail.label) for detail, value in given.items() if detail.type == "flag" and value]
    others = [f"{language_name(code)}: “{text}”" for code, text in action.get("texts", {}).items()]
    return ", ".join((sentence, *conditions, *others))


def columns() -> dict[str, int]:
    """What columns are called where nobody says of which board: name -> id."""
    rows = db.session.execute(
        select(Board.name, Column.name, Column.id)
        .join(Board, Board.id == Column.board_id)
        .order_by(Board.id, Column.position)
    )
    found: dict[str, int] = {}
    for board, name, column_id in rows:
        called = f"{board}: {name}"
        found[called if called not in found else f"{called} #{column_id}"] = column_id
    return found


def webhook_names() -> dict[str, int]:
    return {webhook.name: webhook.id for webhook in all_webhooks()}


# The types of details that are ids of what no query asks for, and what these are called.
OWN: Mapping[str, Callable[[], dict[str, int]]] = {"column": columns, "webhook": webhook_names}


def own_id(type: str, name: Any) -> Any:
    """The id of what is called so, or the state that a column is for; 0, which is no id, for anything else."""
    return name if type == "column" and name in STATES else OWN[type]().get(str(name), 0)


def missing(
    tree: query.Query, actions: Sequence[Mapping[str, Any]], names: Names, now: datetime
) -> tuple[str, ...]:
    """What a query or an action names that is deleted, as text (`tag:#12`), and whom an action names who has left."""
    gone = [*query.broken(tree, names)]
    for action in actions:
        for detail in _details(action):
            field, value = FIELDS.get(detail.type), action.get(detail.name)
            if detail.type in OWN and type(value) is int and value not in OWN[detail.type]().values():
                gone.append(f"{detail.type}:#{value}")
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


def name_of(detail: Detail, value: Any, names: Names) -> Any:
    """What an id stands for; `#12` when it has no name any more."""
    if type(value) is not int:
        return value
    if detail.type in OWN:
        return next((name for name, id in OWN[detail.type]().items() if id == value), f"#{value}")
    if detail.type not in FIELDS:
        return value
    return show_value(FIELDS[detail.type], value, VOCABULARY, names)


def _details(action: Mapping[str, Any]) -> tuple[Detail, ...]:
    kind = kinds().get(action["kind"])
    return kind.details if kind else ()


def _detail(detail: Detail, value: Any) -> str:
    match detail.type:
        case "priority" if value in PRIORITY_NAMES:
            return gettext(PRIORITIES[PRIORITY_NAMES.index(value)])
        case "language":
            return language_name(str(value))
        case "column" if value in STATES:
            return gettext(STATES[value])
        case "way":
            return gettext(WAYS_TO_CHOOSE.get(value, str(value)))
        case "yes_no":
            return gettext(YES if value else NO)
    return " ".join(str(value).split())
