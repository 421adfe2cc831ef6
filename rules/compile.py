"""A query tree as one SQL condition that is true or false for every ticket and never NULL, so that NOT is right.

Boards, searches, rules and reports all use this one meaning; nothing evaluates a query in Python.
Time comparisons are exact to the microsecond: `age>2h` is false at exactly two hours and true one microsecond later,
`age>=2h` is true at exactly two hours. `next_flip` says that very instant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BindParameter,
    Column,
    ColumnElement,
    Exists,
    Label,
    RowMapping,
    ScalarSelect,
    SQLColumnExpression,
    and_,
    false,
    func,
    not_,
    or_,
    true,
)
from sqlalchemy.sql.operators import in_op, is_, is_not

from rules import spans
from rules.hours import day_of
from rules.query import And, Not, Or, Query, Term, Words, fold, terms
from rules.rule import Rule
from rules.vocabulary import MOODS, PRIORITIES, STATES, UNRESOLVED, VOCABULARY, Value, stands_for_row

ESCAPE = "\\"
MOST_KEPT = 5_000  # queries and parts of queries


@dataclass(frozen=True)
class Binding:
    """The app's columns and conditions for one SELECT over tickets.

    Text columns hold `fold()`ed text. A `pattern` is a finished LIKE pattern over such text; use `like(column, pattern)`.
    `body`, `tag` and others that look into another table answer with EXISTS. May be NULL: `channel_name`, `language`,
    `mood`, `waiting_since`, `closed_at`, `due_at`, `snoozed_until`, `team` and whatever the callables return; never NULL: the other columns.

    What is None cannot be told: its terms find nothing, under NOT as well (docs/decisions/0016).
    """

    subject: SQLColumnExpression[str]
    body: Callable[[str], ColumnElement[bool]]  # pattern -> a message of the conversation is like it
    words: Callable[[str], ColumnElement[bool]]  # a word or a phrase as typed -> it occurs anywhere
    from_: Callable[[str], ColumnElement[bool]]  # pattern -> the customer's address is like it
    channel_kind: SQLColumnExpression[str]  # email, form, manual
    channel_name: SQLColumnExpression[Any]  # folded; the channel's id where `names` made `parse` store ids
    language: SQLColumnExpression[Any]  # ISO 639-1, NULL while unknown
    mood: SQLColumnExpression[Any]  # -100..100, NULL while unknown
    tag: Callable[[tuple[Value, ...]], ColumnElement[bool]]  # has one of these tags; (): has any at all
    state: SQLColumnExpression[str]
    assignee: Callable[[Value], ColumnElement[bool]]  # "none", "me", "oncall", an id or a name
    team: SQLColumnExpression[Any]  # its id or name, NULL without
    board: SQLColumnExpression[Any]
    vip: ColumnElement[bool]
    customer: Callable[[str], ColumnElement[bool]]  # pattern -> the customer's name is like it
    company: Callable[[tuple[Value, ...]], ColumnElement[bool]]  # of one of these; (): of any at all
    priority: SQLColumnExpression[int]  # place in PRIORITIES, 0 is low
    created_at: SQLColumnExpression[datetime]
    updated_at: SQLColumnExpression[datetime]
    closed_at: SQLColumnExpression[Any]
    waiting_since: SQLColumnExpression[Any]  # the first customer message that nobody has answered
    state_since: SQLColumnExpression[datetime]
    due_at: SQLColumnExpression[Any] | None  # the next deadline
    snoozed_until: SQLColumnExpression[Any] | None
    during: Callable[[Value], ColumnElement[bool]]  # the customer wrote last while this calendar was open
    automatic: SQLColumnExpression[bool]
    unread: SQLColumnExpression[bool] | None
    messages: SQLColumnExpression[int]
    reopened: SQLColumnExpression[int]
    last_speaker: SQLColumnExpression[str]  # customer, us
    attachment: Callable[[str], ColumnElement[bool]]  # pattern -> the name or type of a file is like it
    alert: Callable[[str], ColumnElement[bool]] | None  # any, or what the term is called
    unresolved: ColumnElement[bool] | None = None  # the literal condition of a partial index, if there is one
    tagged: Callable[[tuple[Value, ...]], ColumnElement[bool]] | None = (
        None  # `tag`, found from the tag's side
    )
    waits: ColumnElement[bool] | None = None  # where `waiting_since` counts, never NULL; None: everywhere
    known: Callable[[str, tuple[Value, ...]], ColumnElement[bool]] | None = (
        None  # all rows with these ids are there
    )
    scope: ColumnElement[bool] | None = None  # which tickets can be asked about at all; None: every one
    # What was compiled with these columns and means the same at any time, for whoever compiles the same queries each second.
    kept: dict[Query, ColumnElement[bool]] | None = None
    zone: str = "UTC"  # whose days are meant
    ago: Callable[[int], ColumnElement[Any]] | None = (
        None  # seconds -> the instant so long before; None: `now` is one
    )
    days: Callable[[str], tuple[Any, Any]] | None = None  # the edges of a stretch of days, as spans.bounds()


def condition(tree: Query, binding: Binding, now: datetime) -> ColumnElement[bool]:
    """`tree` as a WHERE clause at the instant `now` (aware). Runs on SQLite and PostgreSQL."""
    test = _condition(_shallowed(tree), binding, now)
    return test if binding.scope is None else and_(binding.scope, test)


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


def next_flip(
    tree: Query, facts: Mapping[str, datetime | None], now: datetime, zone: str = "UTC"
) -> datetime | None:
    """The first instant after `now` at which a time term of `tree` changes its answer for a ticket with these `facts`
    (what Binding calls `created_at`, `updated_at`, `closed_at`, `waiting_since`, `state_since`, `due_at`,
    `snoozed_until`: aware or None), if none of them changes before; None: never. Days are those of `zone`."""
    flips = (flip for leaf in _timely(tree) for flip in _flips(leaf, facts, now, zone))
    return min((flip for flip in flips if flip > now), default=None)


def depends_on_days(tree: Query) -> bool:
    """Whether it means something else to readers in another time zone."""
    return any(
        isinstance(leaf, Term)
        and leaf.field in _DATES
        and any(isinstance(value, str) and value != "none" for value in leaf.values)
        for leaf in terms(tree)
    )


def changes_by_itself(tree: Query) -> bool:
    """Whether the condition of this tree is another one a moment later, by its terms of time or by who is on call."""
    return any(
        isinstance(leaf, Term) and (leaf.field in INSTANTS or not {"late", "oncall"}.isdisjoint(leaf.values))
        for leaf in terms(tree)
    )


def untold(tree: Query, binding: Binding) -> tuple[Term, ...]:
    """The terms of a query that cannot be told with these columns, and so find nothing."""
    return tuple(leaf for leaf in terms(tree) if isinstance(leaf, Term) and _untold(leaf, binding))


def possible_states(tree: Query) -> frozenset[str]:
    """The states in which a ticket may fulfil `tree`; in others it cannot, so nobody needs to look there."""
    return _states(_shallow(tree))


def _states(tree: Query) -> frozenset[str]:
    match tree:
        case And(parts):
            return frozenset(STATES).intersection(*map(_states, parts))
        case Or(parts):
            return frozenset().union(*map(_states, parts))
        case Term("is", _, values) if set(values) <= {*STATES, "unresolved"}:
            named = frozenset(str(value) for value in values if value != "unresolved")
            return named.union(UNRESOLVED if "unresolved" in values else ())
        case Not(Term("is") as part):
            return frozenset(STATES) - _states(part) if _states(part) < set(STATES) else frozenset(STATES)
    return frozenset(STATES)


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


_shallowed = lru_cache(MOST_KEPT)(_shallow)


def _condition(tree: Query, binding: Binding, now: datetime) -> ColumnElement[bool]:
    kept = binding.kept
    if kept is None or changes_by_itself(tree):
        return _made(tree, binding, now)
    if tree not in kept:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[tree] = _made(tree, binding, now)
    return kept[tree]


def _made(tree: Query, binding: Binding, now: datetime) -> ColumnElement[bool]:
    match tree:
        case And(()):
            return true()
        case And(parts):
            return and_(*(_condition(part, binding, now) for part in parts))
        case Or(parts):
            return or_(*(_condition(part, binding, now) for part in parts))
        case Not(Term() as leaf):
            return _excluded(leaf, binding, now)
        case Not(part):
            return not_(_condition(part, binding, now))
        case Words(text):
            return _sure(binding.words(text))
        case Term(field, operator, values):
            return _TERMS[field](binding, operator, values, now)


def _excluded(leaf: Term, binding: Binding, now: datetime) -> ColumnElement[bool]:
    """NOT: false as well for what cannot be told, and for what names a row that is gone."""
    if _untold(leaf, binding):
        return false()
    test = _TERMS[leaf.field](replace(binding, tagged=None), leaf.operator, leaf.values, now)
    ids = tuple(value for value in leaf.values if stands_for_row(leaf.field, value, VOCABULARY))
    if ids and binding.known is not None:
        return and_(not_(test), binding.known(leaf.field, ids))
    return not_(test)


def _untold(leaf: Term, binding: Binding) -> bool:
    untold = {
        "due": binding.due_at,
        "late": binding.due_at,
        "unread": binding.unread,
        "snoozed": binding.snoozed_until,
        "alert": binding.alert,
    }
    asked = leaf.values if leaf.field == "is" else (leaf.field,)
    return any(name in untold and untold[str(name)] is None for name in asked)


def _escaped(text: str) -> str:
    folded = fold(text)
    for sign in (ESCAPE, "%", "_"):
        folded = folded.replace(sign, ESCAPE + sign)
    return folded


def _like(column: SQLColumnExpression[str], pattern: str) -> ColumnElement[bool]:
    return _known(column, like(column, pattern))


def _known(column: SQLColumnExpression[Any], test: ColumnElement[bool]) -> ColumnElement[bool]:
    """False where the column is NULL; unlike coalesce it leaves an index on the column of use."""
    return and_(column.is_not(None), test) if _nullable(column) else test


def _sure(test: SQLColumnExpression[bool]) -> Any:
    """The app's condition, false where it is NULL. What never is stays as it was written: only so does PostgreSQL join
    EXISTS, and only so do both let an index answer."""
    if isinstance(test, Exists) or not _nullable(test):
        return test
    if isinstance(test, BinaryExpression):
        if test.operator in (is_, is_not):
            return test
        if isinstance(test.left, Column) and _with_known(test):
            return _known(test.left, test)
    return func.coalesce(test, false())


def _with_known(test: BinaryExpression[bool]) -> bool:
    """Whether a column is compared with what is never NULL: values, or the rows of a sub-select."""
    if isinstance(test.right, ScalarSelect):
        return test.operator is in_op and not any(map(_nullable, test.right.selected_columns))
    return isinstance(test.right, BindParameter)


def _nullable(tested: SQLColumnExpression[Any]) -> bool:
    """Whether it may be NULL, as far as its own declaration says."""
    return getattr(tested, "nullable", True) is not False


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


def _mood(binding: Binding, operator: str, values: tuple[Value, ...], _: datetime) -> ColumnElement[bool]:
    def one(value: Value) -> ColumnElement[bool]:
        if value == "none":
            return binding.mood.is_(None)
        if value in MOODS:
            return binding.mood.between(*MOODS[str(value)])
        return _compared(binding.mood, operator, [int(value)])

    named = [one(value) for value in values if value != "none"]
    tests = [_known(binding.mood, or_(*named))] if named else []
    return or_(*tests, *([one("none")] if "none" in values else []))


def _tag(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return _one_of(binding.tagged or binding.tag, values)


def _company(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return _one_of(binding.company, values)


def _one_of(
    has: Callable[[tuple[Value, ...]], ColumnElement[bool]], values: tuple[Value, ...]
) -> ColumnElement[bool]:
    named = tuple(value for value in values if value != "none")
    tests = [_sure(has(named))] if named else []
    return or_(*tests, *([not_(_sure(has(())))] if "none" in values else []))


def _column(name: str) -> "_Compile":
    def compiled(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
        column: ColumnElement[Any] = getattr(binding, name)
        named = [value for value in values if value != "none"]
        tests = [_known(column, column.in_(named))] if named else []
        return or_(*tests, *([column.is_(None)] if "none" in values else []))

    return compiled


def _is(binding: Binding, _: str, values: tuple[Value, ...], now: datetime) -> ColumnElement[bool]:
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
    if "late" in values and binding.due_at is not None:
        tests.append(_known(binding.due_at, binding.due_at <= now))
    if "unread" in values and binding.unread is not None:
        tests.append(_sure(binding.unread))
    if "snoozed" in values and binding.snoozed_until is not None:
        tests.append(binding.snoozed_until.is_not(None))
    return or_(false(), *tests)


def _priority(binding: Binding, operator: str, values: tuple[Value, ...], _: datetime) -> ColumnElement[bool]:
    return _compared(binding.priority, operator, [PRIORITIES.index(str(value)) for value in values])


def _counted(name: str) -> "_Compile":
    def compiled(
        binding: Binding, operator: str, values: tuple[Value, ...], _: datetime
    ) -> ColumnElement[bool]:
        return _compared(getattr(binding, name), operator, [int(value) for value in values])

    return compiled


def _compared(column: SQLColumnExpression[int], operator: str, numbers: list[int]) -> ColumnElement[bool]:
    return column.in_(numbers) if operator == ":" else _COMPARE[operator](column, numbers[0])


def _assignee(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return or_(*(_sure(binding.assignee(value)) for value in values))


def _customer(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return or_(
        *(
            _sure(binding.vip if value == "vip" else binding.customer(containing(str(value))))
            for value in values
        )
    )


def _attachment(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    any_at_all = _sure(binding.attachment("%"))
    tests = {"any": any_at_all, "none": not_(any_at_all)}
    return or_(
        *(
            tests[value] if value in tests else _sure(binding.attachment(containing(str(value))))
            for value in map(str, values)
        )
    )


def _alert(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    if binding.alert is None:
        return false()
    tests = [_sure(binding.alert(str(value))) for value in values if value != "none"]
    return or_(*tests, *([not_(_sure(binding.alert("any")))] if "none" in values else []))


def _during(binding: Binding, _: str, values: tuple[Value, ...], __: datetime) -> ColumnElement[bool]:
    return or_(*(_sure(binding.during(value)) for value in values))


def _instant(name: str) -> "_Compile":
    """Of a length of time, longer ago means earlier: `>` on the duration is `<` on the instant."""

    def compiled(
        binding: Binding, operator: str, values: tuple[Value, ...], now: datetime
    ) -> ColumnElement[bool]:
        column: ColumnElement[datetime] | None = getattr(binding, name)
        if column is None:
            return false()
        test = or_(*(one(binding, column, operator, value, now) for value in values))
        return test if name != "waiting_since" or binding.waits is None else and_(binding.waits, test)

    def one(
        binding: Binding, column: ColumnElement[datetime], operator: str, value: Value, now: datetime
    ) -> ColumnElement[bool]:
        if value == "none":
            return column.is_(None)
        if isinstance(value, int):
            ahead = name in _AHEAD
            compare = _COMPARE[operator if ahead else _MIRRORED[operator]]
            if binding.ago is not None:
                return _known(column, compare(column, binding.ago(-value if ahead else value)))
            length = timedelta(seconds=value)
            return _known(column, compare(column, now + length if ahead else now - length))
        if binding.days is not None:
            begins, ends = binding.days(value)
        else:
            begins, ends = spans.bounds(value, binding.zone, day_of(binding.zone, now))
        if operator == ":":
            return _known(column, and_(column >= begins, column < ends))
        edge = ends if operator in _AT_END else begins
        return _known(column, column >= edge if operator in (">", ">=") else column < edge)

    return compiled


@lru_cache(maxsize=512)
def _timely(tree: Query) -> tuple[Term, ...]:
    """The terms of which _flips may say something."""
    timely = {*INSTANTS, "is"}
    return tuple(leaf for leaf in terms(tree) if isinstance(leaf, Term) and leaf.field in timely)


def _flips(leaf: Term, facts: Mapping[str, datetime | None], now: datetime, zone: str) -> Iterator[datetime]:
    """When this term changes its answer; some of it may have been."""
    if leaf.field == "is" and "late" in leaf.values and (due_at := facts["due_at"]) is not None:
        yield due_at
    fact = facts[INSTANTS[leaf.field]] if leaf.field in INSTANTS else None
    if fact is None:
        return
    for value in leaf.values:
        if isinstance(value, int):
            length, ahead = timedelta(seconds=value), INSTANTS[leaf.field] in _AHEAD
            late = leaf.operator in ((">=", "<") if ahead else (">", "<="))
            yield (fact - length if ahead else fact + length) + (_MICROSECOND if late else _NOTHING)
        elif value != "none":
            edges = (0, 1) if leaf.operator == ":" else (int(leaf.operator in _AT_END),)
            yield from spans.turns(value, fact, edges, zone, now)


_Compile = Callable[[Binding, str, tuple[Value, ...], datetime], ColumnElement[bool]]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {">": gt, ">=": ge, "<": lt, "<=": le}
_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_AT_END = (">", "<=")  # compared with a stretch of days, these mean its end
_MICROSECOND, _NOTHING = timedelta(microseconds=1), timedelta(0)
_DATES = {
    "created": "created_at",
    "updated": "updated_at",
    "closed": "closed_at",
    "due": "due_at",
    "snoozed": "snoozed_until",
}
INSTANTS = {"waiting": "waiting_since", "since": "state_since", "age": "created_at", **_DATES}
_AHEAD = {_DATES[name] for name in _DATES if VOCABULARY[name].ahead}

_TERMS: Mapping[str, _Compile] = {
    "subject": _subject,
    "body": _body,
    "from": _from,
    "channel": _channel,
    "lang": _language,
    "mood": _mood,
    "tag": _tag,
    "is": _is,
    "priority": _priority,
    "assignee": _assignee,
    "team": _column("team"),
    "board": _column("board"),
    "customer": _customer,
    "company": _company,
    "during": _during,
    "messages": _counted("messages"),
    "reopened": _counted("reopened"),
    "last": _column("last_speaker"),
    "attachment": _attachment,
    "alert": _alert,
    **{field: _instant(name) for field, name in INSTANTS.items()},
}
