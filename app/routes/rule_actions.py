"""The actions of a rule as rows of its form, and in words. A row is its kind, `action`, and a field for each detail of that
kind, named by the row's place: `then_0_tag`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from app.database import db
from app.models.person import Person, people_working
from app.models.rule import Rule
from app.models.ticket import PRIORITIES, PRIORITY_NAMES, Tag
from app.words import N_, gettext
from rules.actions import Detail, kinds


class Row(NamedTuple):
    """`values` by the name of the detail, as a form sends them."""

    kind: str
    values: Mapping[str, str]


class Way(NamedTuple):
    """How a form asks for the details of a type. `read` makes of what was sent what rules.actions reads, `write` does the
    opposite, `said` names it for people; `choices` are what is offered, as (value, words)."""

    widget: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    said: Callable[[str], str]
    choices: Callable[[datetime], Iterable[tuple[str, str]]] = lambda _now: ()
    nothing: str = ""  # a msgid: what stands first in the choices, and means that none is made


class Field(NamedTuple):
    """A detail of a row, ready for the page."""

    name: str
    label: str
    widget: str
    value: str
    choices: Sequence[tuple[str, str]]
    nothing: str


def rows_of(rule: Rule) -> list[Row]:
    return [row_of(action) for action in rule.actions]


def row_of(action: Mapping[str, Any]) -> Row:
    """The row of a stored action, or of one that names its tag."""
    kind = str(action["kind"])
    return Row(kind, {detail.name: WAYS[detail.type].write(action[detail.name]) for detail in _details(kind)})


def rows_sent(sent: MultiDict[str, str], do: str) -> list[Row]:
    """The rows of the form after the button that was pressed: append-KIND, drop-PLACE, or one that changes none."""
    rows = [
        Row(kind, {d.name: sent.get(f"then_{place}_{d.name}", "").strip() for d in _details(kind)})
        for place, kind in enumerate(sent.getlist("action"))
    ]
    verb, _, pressed = do.partition("-")
    if verb == "append" and pressed in kinds():
        rows.append(Row(pressed, {}))
    if verb == "drop" and pressed.isdecimal() and int(pressed) < len(rows):
        del rows[int(pressed)]
    return rows


def to_json(row: Row) -> dict[str, Any]:
    """What rules.actions reads; whether it can be is decided there."""
    read = {detail.name: WAYS[detail.type].read(row.values[detail.name]) for detail in _details(row.kind)}
    return {"kind": row.kind, **read}


def shown(row: Row) -> str:
    """What it does, in words."""
    kind = kinds()[row.kind]
    return gettext(
        kind.said,
        **{detail.noun: WAYS[detail.type].said(row.values[detail.name]) for detail in kind.details},
    )


def asked(rows: Iterable[Row], now: datetime) -> list[dict[str, Any]]:
    """The rows as rules/_actions.html takes them: kind, label, fields."""
    return [
        {
            "kind": row.kind,
            "label": gettext(kinds()[row.kind].label) if row.kind in kinds() else row.kind,
            "fields": [_field(detail, row, now) for detail in _details(row.kind)],
        }
        for row in rows
    ]


def offered() -> list[tuple[str, str]]:
    """The kinds of actions that can be added, as (kind, label)."""
    return [(name, gettext(kind.label)) for name, kind in kinds().items()]


def _details(kind: str) -> tuple[Detail, ...]:
    return kinds()[kind].details if kind in kinds() else ()


def _field(detail: Detail, row: Row, now: datetime) -> Field:
    way = WAYS[detail.type]
    return Field(
        detail.name,
        gettext(detail.label),
        way.widget,
        row.values.get(detail.name, ""),
        list(way.choices(now)),
        gettext(way.nothing) if way.nothing else "",
    )


def _id(value: str) -> int:
    return int(value) if value.isdecimal() else 0


def _tag_name(tag: Any) -> str:
    if isinstance(tag, str):
        return tag
    found = db.session.get(Tag, tag)
    return found.name if found else ""


def _priority(name: str) -> str:
    return gettext(PRIORITIES[PRIORITY_NAMES.index(name)])


def _person(person_id: str) -> str:
    person = db.session.get(Person, int(person_id))
    return person.name if person else "?"


WAYS: Mapping[str, Way] = {
    "tag": Way("tag", str, _tag_name, str),
    "priority": Way(
        "choice", str, str, _priority, lambda _now: [(name, _priority(name)) for name in PRIORITY_NAMES]
    ),
    "person": Way(
        "choice",
        _id,
        str,
        _person,
        lambda now: [(str(person.id), person.name) for person in people_working(now)],
        N_("Choose a person"),
    ),
}
