"""Rows of a form <-> tree of a query: one row a condition, all of them must hold.

A form is flat. A query with OR or parentheses beyond a list of values is too nested for it and stays text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rules.query import And, Not, Or, Query, QueryError, Term, Words, parse, quoted
from rules.vocabulary import VOCABULARY, Field, Names, field_named, operator_of, show_value
from rules.words import N_

WORDS = "words"  # the field of a row without a field


@dataclass(frozen=True)
class Row:
    """`field` is a name of the vocabulary, or WORDS with an empty operator; `values` are texts as people read and write
    them, any of which may hold; `negated` rows must not hold."""

    field: str
    operator: str
    values: tuple[str, ...]
    negated: bool = False


def to_rows(
    tree: Query, vocabulary: Mapping[str, Field] = VOCABULARY, *, names: Names | None = None
) -> tuple[Row, ...]:
    """The rows that `from_rows` with the same names turns into the same tree. Raises QueryError (column 1) for a query that
    is too nested."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return tuple(_row(part, vocabulary, names) for part in parts)


def from_rows(
    rows: Sequence[Row],
    vocabulary: Mapping[str, Field] = VOCABULARY,
    *,
    me: bool = False,
    names: Names | None = None,
) -> Query:
    """The tree of these rows; no row is the query without a condition. Raises QueryError: what parse() would say of the
    text that text_of_rows() returns."""
    for row in rows:
        if row.field != WORDS:  # a row is one condition, whatever its field is said to be
            operator_of(field_named(row.field, 1, vocabulary), row.operator, 1)
    return parse(text_of_rows(rows), vocabulary, me=me, names=names)


def text_of_rows(rows: Sequence[Row]) -> str:
    """The same as text, a row as it was filled in; blank values are passed over, rows without any as well."""
    return " ".join(text for text in map(_text, rows) if text)


def _row(part: Query, vocabulary: Mapping[str, Field], names: Names | None) -> Row:
    match part:
        case Not(Term() | Words() | Or() as inner):
            row = _row(inner, vocabulary, names)
            return Row(row.field, row.operator, row.values, True)
        case Words(text):
            return Row(WORDS, "", (text,))
        case Or(parts) if all(isinstance(one, Words) for one in parts):
            return Row(WORDS, "", tuple(one.text for one in parts if isinstance(one, Words)))
        case Term(field, operator, values):
            shown = tuple(show_value(field, value, vocabulary, names) for value in values)
            return Row(field, operator, shown)
    raise QueryError(N_("this condition is nested too deep for the form; edit it as text"), 1)


def _text(row: Row) -> str:
    values = [quoted(value) for value in row.values if value.strip()]
    if not values:
        return ""
    begun = "" if row.field == WORDS else row.field + row.operator
    return ("-" if row.negated else "") + begun + ",".join(values)
