"""A query tree as one SQL condition that is true or false for every ticket and never NULL, so that NOT is right.

Boards, searches, rules and reports all use this one meaning; nothing evaluates a query in Python.
Time comparisons are exact to the microsecond: `age>2h` is false at exactly two hours and true one microsecond later,
`age>=2h` is true at exactly two hours. `next_flip` says that very instant.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Exists,
    Label,
    RowMapping,
    SQLColumnExpression,
    and_,
    false,
    func,
    not_,
    or_,
    true,
)

from rules.query import And, Not, Or, Query, Term, Words, fold
from rules.rule import Rule
from rules.vocabulary import PRIORITIES, STATES, UNRESOLVED, VOCABULARY, Value

ESCAPE = "\\"


@dataclass(frozen=True)
class Binding:
    """The app's columns and conditions for one SELECT over tickets.

    Text columns hold `fold()`ed text. A `pattern` is a finished LIKE pattern over such text; use `like(column, pattern)`.
    `body`, `tag` and others that look into another table answer with EXISTS. May be NULL: `channel_name`, `language`,
    `waiting_since` and whatever the callables return; never NULL: `state`, `priority`, `created_at`, `state_since`.
    """

    subject: SQLColumnExpression[str]
    body: Callable[[str], ColumnElement[bool]]  # pattern -> a message of the conversation is like it
    from_: Callable[[str], ColumnElement[bool]]  # pattern -> the customer's address is like it
    channel_kind: SQLColumnExpression[str]  # email, form, manual
    channel_name: SQLColumnExpression[Any]  # folded; the channel's id where `names` made `parse` store ids
    language: SQLColumnExpression[Any]  # ISO 639-1, NULL while unknown
    tag: Callable[[tuple[Value, ...]], ColumnElement[bool]]  # has one of these tags; (): has any at all
    state: SQLColumnExpression[str]
    assignee: Callable[[Value], ColumnElement[bool]]  # "none", "me", "oncall", an id or a name
    priority: SQLColumnExpression[int]  # place in PRIORITIES, 0 is low
    created_at: SQLColumnExpression[datetime]
    waiting_since: SQLColumnExpression[Any]  # the first customer message that nobody has answered
    state_since: SQLColumnExpression[datetime]
    automatic: SQLColumnExpression[bool]
    unresolved: ColumnElement[bool] | None = None  # the literal condition of a partial index, if there is one


def condition(tree: Query, binding: Binding, now: datetime) -> ColumnElement[bool]:
    """`tree` as a WHERE clause at the instant `now` (aware). Runs on SQLite and PostgreSQL."""
    return _condition(_shallow(tree), binding, now)


def terms(tree: Query) -> tuple[Term | Words, ...]:
    """The leaves from left to right: what "why" ticks and "why not" crosses."""
    match tree:
        case And(parts) | Or(parts):
            return tuple(leaf for part in parts for leaf in terms(part))
        case Not(part):
            return terms(part)
        case Term() | Words():
            return (tree,)


def columns(
    rules: Iterable[Rule], binding: Binding, now: datetime, *, reasons: bool = False
) -> list[Label[bool]]:
    """Columns for one SELECT that judges tickets: for each rule `rule_7`, true or false; with `reasons` for each of its
    `terms()` also `rule_7_term_0` and so on. Reasons are for one ticket's page: many rules with many terms exceed the
    1,664 columns of PostgreSQL, so a caller asks for the reasons of a few rules at a time."""
    found: list[Label[bool]] = []
    for rule in rules:
        found.append(condition(rule.query, binding, now).label(rule_label(rule.id)))
        if reasons:
            found.extend(
                condition(leaf, binding, now).label(term_label(rule.id, place))
                for place, leaf in enumerate(terms(rule.query))
            )
    return found


def rule_label(rule_id: int) -> str:
    return f"rule_{rule_id}"


def term_label(rule_id: int, place: int) -> str:
    return f"rule_{rule_id}_term_{place}"


def truth(rules: Iterable[Rule], row: Mapping[str, Any] | RowMapping) -> dict[int, bool]:
    """What one row (its mapping) of `columns` says: rule id -> whether its query holds."""
    return {rule.id: bool(row[rule_label(rule.id)]) for rule in rules}


def next_flip(tree: Query, facts: Mapping[str, datetime | None], now: datetime) -> datetime | None:
    """The first instant after `now` at which a time term of `tree` changes its answer for a ticket with these `facts`
    (`created_at`, `waiting_since`, `state_since`: aware or None), if none of them changes before; None: never."""
    flips = (
        since + _for(leaf.values) + _LATE[leaf.operator]
        for leaf in terms(tree)
        if isinstance(leaf, Term) and leaf.field in _SINCE
        for since in [facts[_SINCE[leaf.field]]]
        if since is not None
    )
    return min((flip for flip in flips if flip > now), default=None)


def like(column: SQLColumnExpression[str], pattern: str) -> ColumnElement[bool]:
    """How a pattern that the compiler hands out is compared."""
    return column.like(pattern, escape=ESCAPE)


def containing(text: str) -> str:
    """The LIKE pattern of folded text that contains `text`."""
    return f"%{_escaped(text)}%"


def _shallow(tree: Query, negated: bool = False) -> Query:
    """The same query with NOT at its leaves only, lists in lists of their kind merged, and the deepest part first.

    SQLite's parser keeps at most 100 open symbols: `a AND (b OR (c AND (` opens three a level and fails at 30 levels,
    `((( a AND b) OR c) AND d)` opens one. No condition is ever NULL, so De Morgan's laws hold.
    """
    match tree:
        case Not(part):
            return _shallow(part, not negated)
        case And(parts) | Or(parts) if parts:
            kind = Or if isinstance(tree, And) == negated else And
            inner = [_shallow(part, negated) for part in parts]
            merged = [one for part in inner for one in (part.parts if isinstance(part, kind) else (part,))]
            return kind(tuple(sorted(merged, key=_depth, reverse=True)))
    return Not(tree) if negated else tree


def _depth(tree: Query) -> int:
    return 1 + max(map(_depth, tree.parts)) if isinstance(tree, And | Or) and tree.parts else 0


def _condition(tree: Query, binding: Binding, now: datetime) -> ColumnElement[bool]:
    match tree:
        case And(()):
            return true()
        case And(parts):
            return and_(*(_condition(part, binding, now) for part in parts))
        case Or(parts):
            return or_(*(_condition(part, binding, now) for part in parts))
        case Not(part):
            return not_(_condition(part, binding, now))
        case Words(text):
            pattern = containing(text)
            return or_(_like(binding.subject, pattern), _sure(binding.body(pattern)))
        case Term(field, operator, values):
            return _TERMS[field](binding, operator, values, now)


def _escaped(text: str) -> str:
    folded = fold(text)
    for sign in (ESCAPE, "%", "_"):
        folded = folded.replace(sign, ESCAPE + sign)
    return folded


def _like(column: SQLColumnExpression[str], pattern: str) -> ColumnElement[bool]:
    return _known(column, like(column, pattern))


def _known(column: SQLColumnExpression[Any], test: ColumnElement[bool]) -> ColumnElement[bool]:
    """False where the column is NULL; unlike coalesce it leaves an index on the column of use."""
    return and_(column.is_not(None), test)


def _sure(test: SQLColumnExpression[bool]) -> ColumnElement[bool]:
    """The app's condition, false where it is NULL. EXISTS never is, and PostgreSQL can join it only when bare."""
    return test if isinstance(test, Exists) else func.coalesce(test, false())


def _subject(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return or_(*(_like(binding.subject, containing(str(value))) for value in values))


def _body(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return or_(*(_sure(binding.body(containing(str(value)))) for value in values))


def _from(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    """`@acme.com` is the whole domain, so that `acme.com.evil.example` is not it; anything else is a part."""
    texts = [str(value) for value in values]
    patterns = ["%" + _escaped(text) if fold(text).startswith("@") else containing(text) for text in texts]
    return or_(*(_sure(binding.from_(pattern)) for pattern in patterns))


def _channel(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    kinds = [value for value in values if value in VOCABULARY["channel"].values]
    names = [fold(value) if isinstance(value, str) else value for value in values if value not in kinds]
    tests = [binding.channel_kind.in_(kinds)] if kinds else []
    return or_(*tests, *([_known(binding.channel_name, binding.channel_name.in_(names))] if names else []))


def _language(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    known = [value for value in values if value != "none"]
    tests = [_known(binding.language, binding.language.in_(known))] if known else []
    return or_(*tests, *([binding.language.is_(None)] if "none" in values else []))


def _tag(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    names = tuple(value for value in values if value != "none")
    tests = [_sure(binding.tag(names))] if names else []
    return or_(*tests, *([not_(_sure(binding.tag(())))] if "none" in values else []))


def _is(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    tests: list[ColumnElement[bool]] = []
    states = [value for value in values if value in STATES]
    if states:
        tests.append(binding.state.in_(states))
    if "unresolved" in values:
        tests.append(binding.state.in_(UNRESOLVED) if binding.unresolved is None else binding.unresolved)
    if "unassigned" in values:
        tests.append(_sure(binding.assignee("none")))
    if "automatic" in values:
        tests.append(_sure(binding.automatic))
    return or_(*tests)


def _priority(binding: Binding, operator: str, values: tuple[Value, ...], _: datetime) -> ColumnElement[bool]:
    places = [PRIORITIES.index(str(value)) for value in values]
    if operator == ":":
        return binding.priority.in_(places)
    return _COMPARE[operator](binding.priority, places[0])


def _assignee(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return or_(*(_sure(binding.assignee(value)) for value in values))


def _older(name: str) -> "_Compile":
    def compiled(
        binding: Binding, operator: str, values: tuple[Value, ...], now: datetime
    ) -> ColumnElement[bool]:
        """Longer ago means earlier: `>` on the duration is `<` on the instant."""
        since: ColumnElement[datetime] = getattr(binding, name)
        return _known(since, _COMPARE[_MIRRORED[operator]](since, now - _for(values)))

    return compiled


def _for(values: tuple[Value, ...]) -> timedelta:
    return timedelta(seconds=int(values[0]))


_Compile = Callable[[Binding, str, tuple[Value, ...], datetime], ColumnElement[bool]]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {">": gt, ">=": ge, "<": lt, "<=": le}
_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_MICROSECOND, _NOTHING = timedelta(microseconds=1), timedelta(0)
_LATE = {">": _MICROSECOND, "<=": _MICROSECOND, ">=": _NOTHING, "<": _NOTHING}
_SINCE = {"waiting": "waiting_since", "since": "state_since", "age": "created_at"}

_TERMS: Mapping[str, _Compile] = {
    "subject": _subject,
    "body": _body,
    "from": _from,
    "channel": _channel,
    "lang": _language,
    "tag": _tag,
    "is": _is,
    "priority": _priority,
    "assignee": _assignee,
    **{field: _older(name) for field, name in _SINCE.items()},
}
