"""The actions of a rule as rows of its form, and in words. A row is two fields: `action` and `value`."""

from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from app.database import db
from app.models.person import Person
from app.models.rule import Rule
from app.models.ticket import PRIORITIES, PRIORITY_NAMES, Tag
from app.words import gettext
from rules.actions import kinds


class Row(NamedTuple):
    """`value` is a tag's name, a priority's name, a person's id, or empty."""

    kind: str
    value: str


def rows_of(rule: Rule) -> list[Row]:
    return [_row(action) for action in rule.actions]


def rows_sent(sent: MultiDict[str, str], do: str) -> list[Row]:
    """The rows of the form after the button that was pressed: append-KIND, drop-PLACE, or one that changes none."""
    rows = [
        Row(kind, value.strip())
        for kind, value in zip(sent.getlist("action"), sent.getlist("value"), strict=False)
    ]
    verb, _, pressed = do.partition("-")
    if verb == "append" and pressed in kinds():
        rows.append(Row(pressed, ""))
    if verb == "drop" and pressed.isdecimal() and int(pressed) < len(rows):
        del rows[int(pressed)]
    return rows


def to_json(row: Row) -> dict[str, Any]:
    """What rules.actions reads; whether it can be is decided there."""
    match row.kind:
        case "add_tag":
            return {"kind": row.kind, "tag": row.value}
        case "set_priority":
            return {"kind": row.kind, "priority": row.value}
        case "assign":
            return {"kind": row.kind, "person_id": int(row.value) if row.value.isdecimal() else 0}
    return {"kind": row.kind}


def shown(row: Row) -> str:
    """What it does, in words."""
    match row.kind:
        case "add_tag":
            return gettext("Add the tag %(tag)s", tag=row.value)
        case "set_priority":
            priority = gettext(PRIORITIES[PRIORITY_NAMES.index(row.value)])
            return gettext("Set the priority to %(priority)s", priority=priority)
        case "assign":
            person = db.session.get(Person, int(row.value))
            return gettext("Assign to %(name)s", name=person.name if person else "?")
    return gettext(kinds()[row.kind].label)


def _row(action: dict[str, Any]) -> Row:
    match action:
        case {"kind": "add_tag", "tag": int(tag_id)}:
            tag = db.session.get(Tag, tag_id)
            return Row("add_tag", tag.name if tag else "")
        case {"kind": "set_priority", "priority": str(priority)}:
            return Row("set_priority", priority)
        case {"kind": "assign", "person_id": int(person_id)}:
            return Row("assign", str(person_id))
    return Row(str(action["kind"]), "")
