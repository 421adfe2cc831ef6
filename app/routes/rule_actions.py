"""The actions of a rule as rows of its form, and in words. A row is its kind, `action`, and a field for each detail of that
kind, named by the row's place: `then_0_tag`; texts in several languages have one each: `then_0_texts_ko`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from app.desk import rule_names
from app.models import vocabulary
from app.models.desk import the_desk
from app.models.rule import Rule
from app.routes.rule_details import WAYS
from app.words import gettext, language_name
from rules.actions import LONGEST_TEXT, Detail, kinds
from rules.placeholders import PLACES
from rules.vocabulary import Names

Values = Mapping[str, str]


class Row(NamedTuple):
    """`values` as a form sends them, by the name of the field behind its place."""

    kind: str
    values: Values


class Field(NamedTuple):
    """A detail of a row, ready for the page."""

    name: str
    label: str
    widget: str
    value: str
    choices: Sequence[tuple[str, str]] = ()
    nothing: str = ""
    longest: int = 0


def rows_of(rule: Rule) -> list[Row]:
    return [row_of(action) for action in rule.actions]


def row_of(action: Mapping[str, Any]) -> Row:
    """The row of a stored action, or of one that names its tag."""
    kind = str(action["kind"])
    return Row(kind, dict(_written(kind, action)))


def rows_sent(sent: MultiDict[str, str], do: str) -> list[Row]:
    """The rows of the form after the button that was pressed: append-KIND, drop-PLACE, or one that changes none."""
    rows = []
    for place, kind in enumerate(sent.getlist("action")):
        before = f"then_{place}_"
        values = {key.removeprefix(before): sent[key].strip() for key in sent if key.startswith(before)}
        rows.append(Row(kind, values))
    verb, _, pressed = do.partition("-")
    if verb == "append" and pressed in kinds():
        rows.append(Row(pressed, {}))
    if verb == "drop" and pressed.isdecimal() and int(pressed) < len(rows):
        del rows[int(pressed)]
    return rows


def to_json(row: Row) -> dict[str, Any]:
    """What rules.actions reads; whether it can be is decided there."""
    return {"kind": row.kind, **{detail.name: _read(detail, row.values) for detail in _details(row.kind)}}


def shown(row: Row, names: Names | None = None) -> str:
    """What it does, in words; `names` saves asking for them again."""
    return rule_names.sentences([to_json(row)], names or vocabulary.names())[0]


def asked(rows: Iterable[Row], now: datetime) -> list[dict[str, Any]]:
    """The rows as rules/_actions.html takes them: kind, label, fields, places (what their texts may have filled in)."""
    return [
        {
            "kind": row.kind,
            "label": gettext(kinds()[row.kind].label) if row.kind in kinds() else row.kind,
            "fields": [field for detail in _details(row.kind) for field in _fields(detail, row.values, now)],
            "places": PLACES if any(detail.type == "text" for detail in _details(row.kind)) else (),
        }
        for row in rows
    ]


def offered() -> list[tuple[str, str]]:
    """The kinds of actions that can be added, as (kind, label)."""
    return [(name, gettext(kind.label)) for name, kind in kinds().items()]


def _details(kind: str) -> tuple[Detail, ...]:
    return kinds()[kind].details if kind in kinds() else ()


def _read(detail: Detail, values: Values) -> Any:
    if detail.type == "texts":
        before = f"{detail.name}_"
        return {
            key.removeprefix(before): text for key, text in values.items() if key.startswith(before) and text
        }
    return WAYS[detail.type].read(values.get(detail.name, ""))


def _written(kind: str, action: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for detail in _details(kind):
        if detail.type == "texts":
            yield from ((f"{detail.name}_{code}", text) for code, text in action.get(detail.name, {}).items())
        elif detail.name in action:
            yield detail.name, WAYS[detail.type].write(action[detail.name])


def _fields(detail: Detail, values: Values, now: datetime) -> Iterator[Field]:
    if detail.type == "texts":
        desk = the_desk()
        for code in dict.fromkeys([*(desk.languages if desk else []), *_read(detail, values)]):
            name = f"{detail.name}_{code}"
            label = gettext(detail.label, language=language_name(code))
            yield Field(name, label, "more", values.get(name, ""), longest=LONGEST_TEXT)
        return
    way = WAYS[detail.type]
    yield Field(
        detail.name,
        gettext(detail.label),
        way.widget,
        values.get(detail.name, ""),
        list(way.choices(now)),
        gettext(way.nothing) if way.nothing else "",
        way.longest,
    )
