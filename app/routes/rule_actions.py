"""The actions of a rule as rows of its form, and in words. A row is its kind, `action`, and a field for each detail of that
kind, named by the row's place: `then_0_tag`; texts in several languages have one each: `then_0_texts_ko`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from app.database import db
from app.desk import rule_names
from app.models import vocabulary
from app.models.board import STATES, all_boards
from app.models.desk import the_desk
from app.models.person import people_working
from app.models.rule import Rule
from app.models.team import all_teams
from app.models.ticket import PRIORITIES, PRIORITY_NAMES, Tag
from app.words import N_, gettext, language_name
from rules.actions import LONGEST_TEXT, WAYS_TO_CHOOSE, Detail, kinds
from rules.placeholders import PLACES
from rules.vocabulary import LANGUAGES, Names

Values = Mapping[str, str]


class Row(NamedTuple):
    """`values` as a form sends them, by the name of the field behind its place."""

    kind: str
    values: Values


class Way(NamedTuple):
    """How a form asks for the details of a type. `read` makes of what was sent what rules.actions reads, `write` does the
    opposite; `choices` are what is offered, as (value, words)."""

    widget: str
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    choices: Callable[[datetime], Iterable[tuple[str, str]]] = lambda _now: ()
    nothing: str = ""  # a msgid: what stands first in the choices, and means that none is made
    longest: int = 0


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
    return rule_names.said(rule_names.named([to_json(row)], names or vocabulary.names())[0])


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


def _id(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) < 19 else 0


def _column(value: str) -> str | int:
    return _id(value) if value.isdecimal() else value


def _tag_name(tag: Any) -> str:
    if isinstance(tag, str):
        return tag
    found = db.session.get(Tag, tag)
    return found.name if found else ""


def _columns(_now: datetime) -> list[tuple[str, str]]:
    """Those of each board; and the states, which a rule for several boards wants."""
    boards = all_boards()
    own = [
        (str(column.id), column.name if len(boards) == 1 else f"{board.name}: {column.name}")
        for board in boards
        for column in board.columns
    ]
    of_state = N_("The column for %(state)s")
    return own + [(name, gettext(of_state, state=gettext(label))) for name, label in STATES.items()]


def _languages(_now: datetime) -> list[tuple[str, str]]:
    desk = the_desk()
    first = list(desk.languages) if desk else []
    others = sorted(
        ((code, language_name(code)) for code in LANGUAGES if code not in first), key=lambda one: one[1]
    )
    return [*((code, language_name(code)) for code in first), *others]


WAYS: Mapping[str, Way] = {
    "tag": Way("line", write=_tag_name, longest=40),
    "priority": Way(
        "choice",
        choices=lambda _now: [(name, gettext(PRIORITIES[n])) for n, name in enumerate(PRIORITY_NAMES)],
    ),
    "language": Way("choice", choices=_languages),
    "column": Way("choice", _column, choices=_columns, nothing=N_("Choose a column")),
    "yes_no": Way(
        "choice",
        lambda value: value != "no",
        lambda vip: "yes" if vip else "no",
        lambda _now: [("yes", gettext(rule_names.YES)), ("no", gettext(rule_names.NO))],
    ),
    "flag": Way("check", lambda value: value == "yes", lambda on: "yes" if on else ""),
    "person": Way(
        "choice",
        _id,
        choices=lambda now: [(str(person.id), person.name) for person in people_working(now)],
        nothing=N_("Choose a person"),
    ),
    "team": Way(
        "choice",
        _id,
        choices=lambda _now: [(str(team.id), team.name) for team in all_teams()],
        nothing=N_("Choose a team"),
    ),
    "way": Way(
        "choice", choices=lambda _now: [(name, gettext(label)) for name, label in WAYS_TO_CHOOSE.items()]
    ),
    "length": Way("line", longest=20),
    "text": Way("text", longest=LONGEST_TEXT),
}
