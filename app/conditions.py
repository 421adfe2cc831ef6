"""A query as a form: its rows and groups as a page shows them, and as they come back from it.

A part of the form is called by its place: `query-0-2` is the third part of the topmost group's first, and its fields are
`query-0-2-field`, `-operator`, `-value` (any number), `-not`; of a group `-all` and `-not`. Beside them `do` may say what
to change: `query:row:0` adds a row to a group, `query:group:0` a group, `query:value:0-2` a value to a row, and
`query:removal:0-2` takes a part away. templates/queries/_conditions.html draws all of it within a form of any page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from app.models.ticket import MOOD_WORDS
from rules.completion import values_of
from rules.form import WORDS, Group, Path, Row, part_at, with_part, written
from rules.query import DEEPEST, QueryError
from rules.reference import GROUPS
from rules.vocabulary import MOODS, VOCABULARY, Field, Names
from rules.words import N_

MOST_OFFERED = 20  # values below one that is being typed
MOST_CHOSEN_FROM = 12  # values of an enumeration that are shown whole
NEW_ROW = Row(WORDS, "", ("",))
EMPTY = Group(parts=(NEW_ROW,))

OPERATORS: Mapping[str, Mapping[str, str]] = {
    "text": {":": N_("contains")},
    "date": {
        ":": N_("within"),
        ">": N_("after, or more than"),
        ">=": N_("from, or at least"),
        "<": N_("before, or less than"),
        "<=": N_("until, or at most"),
    },
    "other": {
        ":": N_("is one of"),
        ">": N_("more than"),
        ">=": N_("at least"),
        "<": N_("less than"),
        "<=": N_("at most"),
    },
}
IS = N_("is")  # what "is one of" is said as of one value
# The words of the language that are chosen and not typed, as people say them.
SAID: Mapping[str, str] = {
    "new": N_("new"),
    "open": N_("open"),
    "waiting": N_("waiting on the customer"),
    "resolved": N_("resolved"),
    "archived": N_("archived"),
    "unresolved": N_("unresolved"),
    "unassigned": N_("assigned to nobody"),
    "late": N_("late"),
    "unread": N_("unread"),
    "automatic": N_("opened by an automatic mail"),
    "low": N_("low"),
    "normal": N_("normal"),
    "high": N_("high"),
    "urgent": N_("urgent"),
    "customer": N_("the customer"),
    "us": N_("we"),
    "any": N_("any"),
    "none": N_("none"),
    **{name: said for name, said in MOOD_WORDS.items() if name in MOODS},
    "acknowledged": N_("acknowledged"),
    "warning": N_("warning"),
    "breach": N_("breach"),
}
FIELD_GROUPS: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (
    (N_("Anywhere"), ((WORDS, N_("Words")),)),
    *((group.title, tuple((name, VOCABULARY[name].label) for name in group.fields)) for group in GROUPS),
)

_NAME = re.compile(rf"query((?:-\d{{1,3}}){{0,{DEEPEST}}})-(field|was|operator|value|not|all)")
_DO = re.compile(rf"query:(row|group|value|removal):(\d{{1,3}}(?:-\d{{1,3}}){{0,{DEEPEST}}})?")


@dataclass(frozen=True)
class Shown:
    """A part of the form as the page draws it. Of a row: `field`, `operators` (operator, msgid), `choices` when its value
    is chosen and not typed, else `offered` below it; of a group: `parts`."""

    id: str
    place: str
    part: Row | Group
    parts: tuple["Shown", ...] = ()
    operators: tuple[tuple[str, str], ...] = ()
    choices: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    more: bool = False  # whether it may have another value
    error: str = ""

    @property
    def group(self) -> bool:
        return isinstance(self.part, Group)


def read(sent: MultiDict[str, str]) -> Group:
    """The form as it was sent, with what its `do` asks for. Nothing that was typed is judged here."""
    found: dict[Path, dict[str, list[str]]] = {}
    for name, values in sent.lists():
        if named := _NAME.fullmatch(name):
            found.setdefault(_path(named[1]), {})[named[2]] = values
    form = _group((), found)
    asked = _DO.fullmatch(sent.get("do", ""))
    return _changed(form, asked[1], _path(asked[2] or "")) if asked else form


def shown(
    form: Group, names: Names, error: QueryError | None = None, said: str = "", first: Any = None
) -> tuple[Shown, bool]:
    """(the form as it is drawn, whether one of its rows is at fault for `error`, which is said as `said`). `first` is as
    in rules.completion."""
    wrong = _at_fault(form, error)
    return _shown(form, (), names, first, {wrong: said} if wrong else {}), wrong is not None


def offered(
    sent: MultiDict[str, str], names: Names, id: str, first: Any = None
) -> tuple[str, tuple[str, ...]] | None:
    """(id of its row, values) for the field `id` that is being typed into; None when none are offered there."""
    name, _, place = id.rpartition("-")
    row, typed = name.removesuffix("-value"), sent.getlist(name)
    field = VOCABULARY.get(sent.get(f"{row}-field", ""))
    if field is None or _choices(field) or not place.isdecimal() or int(place) >= len(typed):
        return None
    values = values_of(field, sent.get(f"{row}-operator", ""), names, typed[int(place)], first)
    return row, tuple(values[:MOST_OFFERED])


def focus_of(sent: MultiDict[str, str], form: Group) -> str:
    """The id of what goes on being worked on after what `do` asked for: the new part, or what adds another."""
    asked = _DO.fullmatch(sent.get("do", ""))
    if asked is None:
        return ""
    path = _path(asked[2] or "")
    part, id = part_at(form, path), "-".join(["query", *map(str, path)])
    match asked[1], part:
        case "value", Row(values=values):
            return f"{id}-value-{len(values) - 1}"
        case "row" | "group", Group(parts=(*_, Row())):
            return f"{id}-{len(part.parts) - 1}-field"
        case "row" | "group", Group(parts=(*_, Group())):
            return f"{id}-{len(part.parts) - 1}-0-field"
    return "-".join(["query", *map(str, path[:-1]), "add"])


def rows(part: Shown) -> Iterator[Shown]:
    """The rows below a part, in their order."""
    for inner in part.parts:
        if inner.group:
            yield from rows(inner)
        else:
            yield inner


def _path(text: str) -> Path:
    return tuple(int(place) for place in text.split("-") if place)


def _place(path: Path) -> str:
    return "-".join(map(str, path))


def _group(path: Path, found: Mapping[Path, Mapping[str, list[str]]]) -> Group:
    sent = found.get(path, {})
    inside = sorted({known[: len(path) + 1] for known in found if known[: len(path)] == path != known})
    parts = tuple(_row(found[at]) if "field" in found.get(at, {}) else _group(at, found) for at in inside)
    return Group(sent.get("all") != ["no"], parts, bool(path) and "not" in sent)


def _row(sent: Mapping[str, list[str]]) -> Row:
    """One whose field was changed keeps neither operator nor values, for they were the other's."""
    (name, *_), values = sent["field"], sent.get("value", [])
    field = VOCABULARY.get(name)
    operators = field.operators if field else ("",)
    operator = (sent.get("operator") or [""])[0]
    if sent.get("was", [name]) != [name]:
        return Row(name, operators[0], ("",), "not" in sent)
    operator = operator if operator in operators else operators[0]
    kept = tuple(value.strip().replace("\x00", "") for value in values if value.strip())
    return Row(name, operator, kept, "not" in sent)


def _changed(form: Group, verb: str, path: Path) -> Group:
    part = part_at(form, path)
    match verb, part:
        case "row", Group():
            return with_part(form, path, replace(part, parts=(*part.parts, NEW_ROW)))
        case "group", Group() if len(path) < DEEPEST:
            inner = Group(not part.all, (NEW_ROW, NEW_ROW))
            return with_part(form, path, replace(part, parts=(*part.parts, inner)))
        case "value", Row():
            return with_part(form, path, replace(part, values=(*part.values, "")))
        case "removal", _ if path:
            return with_part(form, path, None)
    return form


def _shown(part: Row | Group, path: Path, names: Names, first: Any, wrong: Mapping[Path, str]) -> Shown:
    id = "-".join(["query", *map(str, path)])
    if isinstance(part, Group):
        inside = tuple(_shown(inner, (*path, at), names, first, wrong) for at, inner in enumerate(part.parts))
        return Shown(id, _place(path), part, inside)
    part = replace(part, values=part.values or ("",))
    field, error = VOCABULARY.get(part.field), wrong.get(path, "")
    if field is None:
        return Shown(id, _place(path), part, more=True, error=error)
    kind = OPERATORS.get(field.type, OPERATORS["other"])
    if len(part.values) == 1 and kind is OPERATORS["other"]:
        kind = {**kind, ":": IS}
    choices = _choices(field)
    return Shown(
        id,
        _place(path),
        part,
        operators=tuple((operator, kind[operator]) for operator in field.operators),
        choices=choices,
        offered=() if choices else tuple(values_of(field, part.operator, names, "", first)[:MOST_OFFERED]),
        more=":" in field.operators,
        error=error,
    )


def _choices(field: Field) -> tuple[str, ...]:
    """Its values, when they are few and there are no others."""
    if field.type not in ("enum", "priority") or field.open or len(field.values) > MOST_CHOSEN_FROM:
        return ()
    return (*field.values, "none") if field.nullable else field.values


def _at_fault(form: Group, error: QueryError | None) -> Path | None:
    if error is None:
        return None
    for path, (start, end) in written(form)[1].items():
        if start <= error.column < end:
            return path
    return None
