"""A rule as it was stored, read with distrust: another version of the desk, or a hand in the database, may have written it.

What is read here compiles; whatever else is stored is refused here, before it can stop a sweep.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rules import spans
from rules.actions import Action, ActionError, from_json
from rules.query import Query, QueryError, Term, terms
from rules.query import from_json as tree_of
from rules.vocabulary import LONGEST_FOR, VOCABULARY, Field, Value
from rules.words import N_

UNREADABLE = (QueryError, ActionError)
_MOST = 10**9  # of what is counted


def query_of(data: Any) -> Query:
    """The tree, when each term is one that can be compiled. Raises QueryError (column 1)."""
    tree = tree_of(data)
    for leaf in terms(tree):
        if isinstance(leaf, Term):
            _check(leaf)
    return tree


def actions_of(data: Any) -> tuple[Action, ...]:
    """Raises ActionError."""
    if not isinstance(data, list):
        raise ActionError(N_("an action of an unknown kind"))
    return tuple(from_json(one) for one in data)


def _check(leaf: Term) -> None:
    field = VOCABULARY.get(leaf.field)
    if field is None:
        raise QueryError(N_("unknown field `{field}`"), 1, field=leaf.field)
    if leaf.operator not in field.operators:
        raise QueryError(
            N_("`{field}` does not take `{operator}`, only {operators}"),
            1,
            field=field.name,
            operator=leaf.operator,
            operators=" ".join(field.operators),
        )
    if leaf.operator != ":" and len(leaf.values) > 1:
        raise QueryError(N_("`{operator}` takes one value"), 1, operator=leaf.operator)
    for value in leaf.values:
        if not _fits(field, leaf.operator, value):
            raise QueryError(N_("`{field}` has no value `{value}`"), 1, field=field.name, value=value)


def _fits(field: Field, operator: str, value: Value) -> bool:
    if value == "none" and field.nullable and operator == ":":
        return True
    if value in field.values:
        return value != "me"  # a rule is nobody's
    return _OTHERS.get(field.type, _number)(field, operator, value)


def _number(_: Field, __: str, value: Value) -> bool:
    return isinstance(value, int) and abs(value) <= _MOST


def _length(_: Field, operator: str, value: Value) -> bool:
    return operator != ":" and isinstance(value, int) and 0 <= value <= LONGEST_FOR


def _day(field: Field, operator: str, value: Value) -> bool:
    return _length(field, operator, value) or (isinstance(value, str) and spans.read(value) == value)


def _row(_: Field, __: str, value: Value) -> bool:
    return isinstance(value, int) and value > 0


def _text(_: Field, __: str, value: Value) -> bool:
    return isinstance(value, str) and bool(value)


def _enumerated(field: Field, operator: str, value: Value) -> bool:
    return field.open and (_text(field, operator, value) or _row(field, operator, value))


_OTHERS: Mapping[str, Callable[[Field, str, Value], bool]] = {
    "text": _text,
    "enum": _enumerated,
    "priority": lambda *_: False,
    "set": _row,
    "named": _row,
    "person": _row,
    "duration": _length,
    "date": _day,
}
