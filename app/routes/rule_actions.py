"""The actions of a rule as rows of its form, and in words. A row is its kind, `action`, and a field for each detail of that
kind, named by the row's place: `then_0_tag`; texts in several languages have one each: `then_0_texts_ko`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from app.desk import rule_names
from app.desk.lost_names import Lost
from app.desk.rule_checks import WrongAction
from app.models import vocabulary
from app.models.desk import the_desk
from app.models.rule import Rule
from app.routes.rule_details import WAYS
from app.words import N_, gettext, language_name
from rules.actions import LONGEST_TEXT, Detail, kinds
from rules.placeholders import PLACES
from rules.vocabulary import Names

Values = Mapping[str, str]


# The kinds of actions as they are offered, under a heading each.
GROUPS: Sequence[tuple[str, Sequence[str]]] = (
    (N_("The ticket"), ("add_tag", "remove_tag", "set_priority", "set_language", "move", "board", "set_vip")),
    (N_("Whose it is"), ("assign", "assign_nobody", "assign_on_call", "assign_from_team", "set_team")),
    (N_("Later"), ("snooze", "snooze_until_open")),
    (N_("What is said"), ("reply", "add_note")),
    (N_("Who is told"), ("tell_person", "tell_team", "tell_on_call", "raise_alert", "call_webhook")),
)
NEW = "new-action"  # the id of what adds another


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
    mistake: str = ""


def rows_of(rule: Rule) -> list[Row]:
    return [row_of(action) for action in rule.actions]


def row_of(action: Mapping[str, Any]) -> Row:
    """The row of a stored action, or of one that names its tag."""
    kind = str(action["kind"])
    return Row(kind, dict(_written(kind, action)))


def rows_sent(sent: MultiDict[str, str], do: str) -> list[Row]:
    """The rows of the form after the button that was pressed: `append` (of the kind `new_action`), drop-PLACE, up-PLACE,
    down-PLACE, or one that changes none."""
    return _pressed(sent, do)[0]


def changed(sent: MultiDict[str, str], do: str) -> tuple[list[Row], str, str]:
    """(the rows after that button, the id of what has the focus then, what has become of the rows in words). Both are empty
    when the button is none of these."""
    rows, verb, place = _pressed(sent, do)
    if verb == "append":
        first = next((detail.name for detail in _details(rows[place].kind)), "drop")
        return rows, f"then-{place}-{first}", gettext("Added: %(action)s", action=label_of(rows[place].kind))
    if verb == "drop":
        focus = f"then-{min(place, len(rows) - 1)}-drop" if rows else NEW
        return rows, focus, gettext("Left out: %(action)s", action=label_of(sent.getlist("action")[place]))
    if verb:
        at_end = place in (0, len(rows) - 1)
        back = "down" if place == 0 else "up"
        said = N_("%(action)s stands at place %(place)s of %(count)s.")
        values = {"action": label_of(rows[place].kind), "place": place + 1, "count": len(rows)}
        return rows, f"then-{place}-{back if at_end else verb}", gettext(said, **values)
    return rows, NEW if do == "append" else "", ""


def _pressed(sent: MultiDict[str, str], do: str) -> tuple[list[Row], str, int]:
    """(the rows, what was done to one of them or "", where it stands now or stood)"""
    rows = []
    for place, kind in enumerate(sent.getlist("action")):
        before = f"then_{place}_"
        values = {key.removeprefix(before): sent[key].strip() for key in sent if key.startswith(before)}
        rows.append(Row(kind, values))
    verb, _, pressed = do.partition("-")
    kind = sent.get("new_action", "")
    if do == "append" and kind in kinds():
        return [*rows, Row(kind, {})], verb, len(rows)
    place = int(pressed) if pressed.isdecimal() and len(pressed) < 6 else len(rows)
    to = place + {"drop": 0, "up": -1, "down": 1}.get(verb, len(rows))
    if place >= len(rows) or not 0 <= to < len(rows):
        return rows, "", 0
    row = rows.pop(place)
    if verb != "drop":
        rows.insert(to, row)
    return rows, verb, to


def to_json(row: Row) -> dict[str, Any]:
    """What rules.actions reads; whether it can be is decided there."""
    return {"kind": row.kind, **{detail.name: _read(detail, row.values) for detail in _details(row.kind)}}


def shown(row: Row, names: Names | None = None) -> str:
    """What it does, in words; `names` saves asking for them again."""
    return rule_names.sentences([to_json(row)], names or vocabulary.names())[0]


def asked(
    rows: Iterable[Row], now: datetime, wrong: Iterable[WrongAction] = (), lost: Lost | None = None
) -> list[dict[str, Any]]:
    """The rows as rules/_actions.html takes them: kind, label, fields, places (what their texts may have filled in), mistake (what is
    wrong with none of its fields). What is gone can still be seen to have been chosen, by its name among the `lost`."""
    mistakes = {one.place: one for one in wrong}
    return [_asked(row, mistakes.get(place), lost or {}, now) for place, row in enumerate(rows)]


def mistaken(then: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Of the rows as `asked` gives them: where a mistake is on the page, and what it is."""
    found = []
    for place, row in enumerate(then):
        wrong = [(field.name, field.mistake) for field in row["fields"] if field.mistake]
        wrong += [("drop", row["mistake"])] if row["mistake"] else []
        found += [(f"then-{place}-{name}", f"{row['label']}: {mistake}") for name, mistake in wrong]
    return found


def _asked(row: Row, wrong: WrongAction | None, lost: Lost, now: datetime) -> dict[str, Any]:
    fields = [field for detail in _details(row.kind) for field in _fields(detail, row.values, lost, now)]
    at = next((place for place, field in enumerate(fields) if wrong and field.name == wrong.detail), None)
    if wrong and at is not None:
        fields[at] = fields[at]._replace(mistake=wrong.mistake)
    return {
        "kind": row.kind,
        "label": label_of(row.kind),
        "fields": fields,
        "places": PLACES if any(detail.type == "text" for detail in _details(row.kind)) else (),
        "mistake": wrong.mistake if wrong and at is None else "",
    }


def offered() -> list[tuple[str, list[tuple[str, str]]]]:
    """The kinds of actions that can be added, as (heading, [(kind, label)])."""
    return [(gettext(title), [(kind, label_of(kind)) for kind in names]) for title, names in GROUPS]


def label_of(kind: str) -> str:
    """What this kind of action is called."""
    return gettext(kinds()[kind].label) if kind in kinds() else kind


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


def _fields(detail: Detail, values: Values, lost: Lost, now: datetime) -> Iterator[Field]:
    if detail.type == "texts":
        desk = the_desk()
        for code in dict.fromkeys([*(desk.languages if desk else []), *_read(detail, values)]):
            name = f"{detail.name}_{code}"
            label = gettext(detail.label, language=language_name(code))
            yield Field(name, label, "more", values.get(name, ""), longest=LONGEST_TEXT)
        return
    way, value = WAYS[detail.type], values.get(detail.name, "")
    choices = list(way.choices(now))
    if way.widget == "choice" and value and value not in dict(choices):
        choices.append((value, _no_choice(detail, value, lost)))
    yield Field(
        detail.name,
        gettext(detail.label),
        way.widget,
        value,
        choices,
        gettext(way.nothing) if way.nothing else "",
        way.longest,
    )


def _no_choice(detail: Detail, value: str, lost: Lost) -> str:
    """What is chosen and offered to nobody: what is gone, and a language that the desk does not serve."""
    if detail.type == "language":
        return language_name(value)
    id = int(value) if value.isdecimal() and len(value) < 19 else None
    there = lost.get(rule_names.FIELDS.get(detail.type, detail.type), {})
    name = value if id is None else there.get(id) or rule_names.name_of(detail, id, vocabulary.names())
    return gettext(N_("%(name)s (not there any more)"), name=name)
