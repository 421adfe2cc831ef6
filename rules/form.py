"""Rows of a form <-> tree of a query: one row a condition, in groups of which all must hold or any one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rules.query import And, Not, Or, Query, Term, Words, parse, quoted, quoted_value
from rules.vocabulary import VOCABULARY, Field, Names, field_named, operator_of, show_value

WORDS = "words"  # the field of a row without a field

Path = tuple[int, ...]  # the places on the way from the topmost group to a part
Spans = dict[
    Path, tuple[int, int]
]  # where each row stands in the text: (first column, the one behind it), from 1


@dataclass(frozen=True)
class Row:
    """`field` is a name of the vocabulary, or WORDS with an empty operator; `values` are texts as people read and write
    them, any of which may hold; a `negated` row must not hold."""

    field: str
    operator: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class Group:
    """Rows and groups that must `all` hold, or one at least; a `negated` group must not hold."""

    all: bool = True
    parts: tuple["Row | Group", ...] = ()
    negated: bool = False


def to_form(
    tree: Query, vocabulary: Mapping[str, Field] = VOCABULARY, *, names: Names | None = None
) -> Group:
    """The form, never negated as a whole, that `from_form` with the same names turns into the same tree."""
    part = _part(tree, vocabulary, names)
    return part if isinstance(part, Group) and not part.negated else Group(parts=(part,))


def from_form(
    form: Group,
    vocabulary: Mapping[str, Field] = VOCABULARY,
    *,
    me: bool = False,
    names: Names | None = None,
) -> Query:
    """The tree of a form; without a row it is the query without a condition. Raises QueryError: what parse() would say of
    the text that text_of() returns."""
    text, spans = written(form)
    for path, (column, _) in spans.items():
        row = part_at(form, path)
        if (
            isinstance(row, Row) and row.field != WORDS
        ):  # a row is one condition, whatever its field is said to be
            operator_of(field_named(row.field, column, vocabulary), row.operator, column)
    return parse(text, vocabulary, me=me, names=names)


def text_of(form: Group) -> str:
    """The same as text, each row as it was filled in; blank values are passed over, rows and groups without any as well."""
    return written(form)[0]


def written(form: Group) -> tuple[str, Spans]:
    """The text of a form, and where its rows stand in it: who reads of a mistake in a column finds the row."""
    spans: Spans = {}
    return _written(form, (), 1, spans), spans


def part_at(form: Group, path: Path) -> Row | Group | None:
    """The row or group there; none when there is nothing."""
    found: Row | Group | None = form
    for place in path:
        inside = found.parts if isinstance(found, Group) else ()
        found = inside[place] if place < len(inside) else None
    return found


def with_part(form: Group, path: Path, part: Row | Group | None) -> Group:
    """The form with another part there, or without the one that was. Nothing is changed where nothing is."""
    if not path or part_at(form, path) is None:
        return part if not path and isinstance(part, Group) else form
    place, *further = path
    inner = form.parts[place]
    if further and isinstance(inner, Group):
        part = with_part(inner, tuple(further), part)
    kept = () if part is None else (part,)
    return replace(form, parts=(*form.parts[:place], *kept, *form.parts[place + 1 :]))


def _part(tree: Query, vocabulary: Mapping[str, Field], names: Names | None) -> Row | Group:
    match tree:
        case Not(Not() as inner):
            return Group(parts=(_part(inner, vocabulary, names),), negated=True)
        case Not(inner):
            return replace(_part(inner, vocabulary, names), negated=True)
        case Words(text):
            return Row(WORDS, "", (text,))
        case Or(parts) if all(isinstance(one, Words) for one in parts):
            return Row(WORDS, "", tuple(one.text for one in parts if isinstance(one, Words)))
        case And(parts) | Or(parts):
            return Group(isinstance(tree, And), tuple(_part(one, vocabulary, names) for one in parts))
        case Term(field, operator, values):
            shown = tuple(show_value(field, value, vocabulary, names) for value in values)
            return Row(field, operator, shown)


def _written(part: Row | Group, path: Path, column: int, spans: Spans) -> str:
    if isinstance(part, Row):
        text = _text(part)
        if text:
            spans[path] = column, column + len(text)
        return text
    begun, ended = ("NOT (" if part.negated else "(", ")") if path else ("", "")
    between = " " if part.all else " OR "
    text = begun
    for place, inner in enumerate(part.parts):
        before = between if text != begun else ""
        said = _written(inner, (*path, place), column + len(text + before), spans)
        text += before + said if said else ""
    return "" if text == begun else text + ended


def _text(row: Row) -> str:
    written = quoted if row.field == WORDS else quoted_value
    values: Sequence[str] = [written(value) for value in row.values if value.strip()]
    if not values:
        return ""
    begun = "" if row.field == WORDS else row.field + row.operator
    return ("-" if row.negated else "") + begun + ",".join(values)
