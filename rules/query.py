"""Text <-> tree <-> JSON of a query. Text is what people type, the tree is what is compiled, JSON is what is stored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from rules.tokens import phrase
from rules.vocabulary import (
    DID_YOU_MEAN,
    LONGEST,
    VOCABULARY,
    Field,
    Names,
    QueryError,
    Value,
    check_words,
    field_named,
    fold,
    operator_of,
    read_value,
    show_value,
    stands_for_row,
)
from rules.words import N_

__all__ = [
    "DEEPEST",
    "DID_YOU_MEAN",
    "LONGEST",
    "MOST_TERMS",
    "And",
    "Not",
    "Or",
    "Query",
    "QueryError",
    "Term",
    "Words",
    "broken",
    "fold",
    "from_json",
    "parse",
    "quoted",
    "quoted_value",
    "terms",
    "to_json",
    "to_text",
]

DEEPEST = 50
LONGEST_GROWTH = 300  # characters by which the text of a term may outgrow what was typed, by a name
MOST_TERMS = 100  # each value counts: SQLite refuses expressions nested 1,000 deep, and a list of OR nests


@dataclass(frozen=True)
class And:
    """All of them: two or more. `And(())`, only at the top, is the query without a condition."""

    parts: tuple["Query", ...]


@dataclass(frozen=True)
class Or:
    """One of them at least: two or more."""

    parts: tuple["Query", ...]


@dataclass(frozen=True)
class Not:
    part: "Query"


@dataclass(frozen=True)
class Term:
    """`field operator value,value`; true when the operator holds for any of the values. A duration is in seconds."""

    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Words:
    """A word, or words in this order, in the subject or in a message."""

    text: str


Query = And | Or | Not | Term | Words


def parse(
    text: str, vocabulary: Mapping[str, Field] = VOCABULARY, *, me: bool = False, names: Names | None = None
) -> Query:
    """The tree of `text`; nothing in it is ignored. Blank text is `And(())`, which every ticket fulfils.

    `me` lets people's own filters say `assignee:me`. `names` gives for a field (`tag`, `assignee`, `channel`) each name
    that may be written and the id to be stored for it; without it the text itself is stored.
    Raises QueryError, and nothing else, whatever the text is.
    """
    _check_characters(text)
    _check_balance(text)
    try:
        root = _parsed(text)
    except UnexpectedInput as error:
        raise _explained(error, text) from None
    reader = _Reader(vocabulary, me, names)
    tree = reader.root(root)
    # What can be saved can be edited. Of a short query nobody needs to ask: no name is that long.
    long = 2 * len(text) + LONGEST_GROWTH * reader.terms > LONGEST  # a backslash becomes two
    if long and len(to_text(tree, vocabulary, names=names)) > LONGEST:
        raise QueryError(N_("longer than {limit} characters"), 1, limit=LONGEST)
    return tree


def to_text(tree: Query, vocabulary: Mapping[str, Field] = VOCABULARY, *, names: Names | None = None) -> str:
    """The one text of `tree`, which `parse` with the same names turns into the same tree."""

    def inner(part: Query) -> str:
        text = to_text(part, vocabulary, names=names)
        return f"({text})" if isinstance(part, And | Or) else text

    match tree:
        case And(parts):
            return " ".join(map(inner, parts))
        case Or(parts):
            return " OR ".join(map(inner, parts))
        case Not(Term() | Words() as part):
            return "-" + inner(part)
        case Not(part):
            return "NOT " + inner(part)
        case Term(field, operator, values):
            shown = (show_value(field, value, vocabulary, names) for value in values)
            return field + operator + ",".join(map(quoted_value, shown))
        case Words(text):
            return quoted(text)


def terms(tree: Query) -> tuple[Term | Words, ...]:
    """The terms from left to right: what "why" ticks and "why not" crosses."""
    match tree:
        case And(parts) | Or(parts):
            return tuple(leaf for part in parts for leaf in terms(part))
        case Not(part):
            return terms(part)
        case Term() | Words():
            return (tree,)


def broken(tree: Query, names: Names, vocabulary: Mapping[str, Field] = VOCABULARY) -> tuple[str, ...]:
    """The terms of a stored query that name what has been deleted since, as text: `tag:#12`. They find nothing, under
    NOT as well; the others are what they were."""
    found = []
    for leaf in terms(tree):
        if not isinstance(leaf, Term):
            continue
        there = set(names.get(leaf.field, {}).values())
        gone = tuple(
            value
            for value in leaf.values
            if stands_for_row(leaf.field, value, vocabulary) and value not in there
        )
        if gone:
            found.append(f"{leaf.field}:" + ",".join(f"#{value}" for value in gone))
    return tuple(dict.fromkeys(found))


def to_json(tree: Query) -> dict[str, Any]:
    """`tree` as plain dicts, lists, texts and integers."""
    match tree:
        case And(parts):
            return {"and": [to_json(part) for part in parts]}
        case Or(parts):
            return {"or": [to_json(part) for part in parts]}
        case Not(part):
            return {"not": to_json(part)}
        case Term(field, operator, values):
            return {"field": field, "operator": operator, "values": list(values)}
        case Words(text):
            return {"words": text}


def from_json(data: Any) -> Query:
    """The tree that `to_json` wrote. Raises QueryError (column 1) for any other shape. Fields and values are not judged:
    what comes from a form goes through `parse(to_text(...))`."""
    if data == {"and": []}:
        return And(())
    left = [MOST_TERMS]
    return _from_json(data, 1, left)


def _from_json(data: Any, depth: int, left: list[int]) -> Query:
    if depth > DEEPEST or not isinstance(data, dict) or set(data) not in _SHAPES:
        raise _damaged()
    match data:
        case {"and": [_, _, *_] as parts}:
            return And(tuple(_from_json(part, depth + 1, left) for part in parts))
        case {"or": [_, _, *_] as parts}:
            return Or(tuple(_from_json(part, depth + 1, left) for part in parts))
        case {"not": part}:
            return Not(_from_json(part, depth + 1, left))
        case {"field": str(field), "operator": str(operator), "values": [_, *_] as values}:
            _count(len(values), left)
            if all(type(value) in (str, int) for value in values):
                return Term(field, operator, tuple(values))
        case {"words": str(text)} if phrase(text):
            _count(1, left)
            return Words(text)
    raise _damaged()


_SHAPES = ({"and"}, {"or"}, {"not"}, {"field", "operator", "values"}, {"words"})


def _count(terms: int, left: list[int]) -> None:
    left[0] -= terms
    if left[0] < 0:
        raise _damaged()


def _damaged() -> QueryError:
    return QueryError(N_("this is not a stored query"), 1)


@lru_cache(maxsize=512)
def _parsed(text: str) -> Tree[Token]:
    """The same filter is read again with each page and each change of a board."""
    return _parser().parse(text)


class _Reader:
    """Turns what the grammar found into the tree, and counts."""

    def __init__(self, vocabulary: Mapping[str, Field], me: bool, names: Names | None) -> None:
        self.vocabulary = vocabulary
        self.me = me
        self.names = names
        self.terms = 0

    def root(self, node: Tree[Token]) -> Query:
        parts = self._parts(node, depth=1)
        return parts[0] if parts else And(())

    def _query(self, node: Tree[Token], depth: int) -> Query:
        listed = node.data == "words" and len(node.children) > 1
        if depth + listed > DEEPEST:
            raise QueryError(N_("nested more than {limit} deep"), _column(node), limit=DEEPEST)
        match node.data:
            case "term":
                return self._term(node)
            case "words":
                return self._words(node)
        parts = self._parts(node, depth + 1)
        match node.data:
            case "negation":
                return Not(parts[0])
            case "any":
                return Or(parts)
            case _:
                return And(parts)

    def _parts(self, node: Tree[Token], depth: int) -> tuple[Query, ...]:
        return tuple(self._query(part, depth) for part in node.children if isinstance(part, Tree))

    def _term(self, node: Tree[Token]) -> Term:
        name, sign, *nodes = node.children
        assert isinstance(name, Token)  # noqa: S101 - the grammar says so
        assert isinstance(sign, Token)  # noqa: S101
        field = field_named(name, _start(name) + 1, self.vocabulary)
        operator = operator_of(field, sign, _start(sign) + 1)
        texts = [self._text(value) for value in nodes]
        if operator != ":" and len(texts) > 1:
            raise QueryError(N_("`{operator}` takes one value"), texts[1][1], operator=operator)
        values = (
            read_value(field, text, column, operator=operator, me=self.me, names=self.names)
            for text, column in texts
        )
        return Term(field.name, operator, tuple(values))

    def _words(self, node: Tree[Token]) -> Query:
        """`a,b` means any of them, as it does after a field."""
        texts = [self._text(word) for word in node.children]
        for text, column in texts:
            check_words(text, column)
            if phrase(text) is None:  # it would find nothing, and under NOT everything
                raise QueryError(N_("`{text}` holds no letter and no digit to look for"), column, text=text)
        words = tuple(Words(text) for text, _ in texts)
        return words[0] if len(words) == 1 else Or(words)

    def _text(self, node: Tree[Token] | Token) -> tuple[str, int]:
        token = node.children[0] if isinstance(node, Tree) else node
        assert isinstance(token, Token)  # noqa: S101 - the grammar says so
        column = _start(token) + 1
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise QueryError(N_("more than {limit} terms"), column, limit=MOST_TERMS)
        return _unquoted(token), column


def _start(token: Token) -> int:
    return token.start_pos or 0


def _column(node: Tree[Token]) -> int:
    """Where it begins. Step by step: it is asked of what is nested too deep for calls within calls."""
    first, left = LONGEST, [node]
    while left:
        for child in left.pop().children:
            if isinstance(child, Token):
                first = min(first, _start(child))
            else:
                left.append(child)
    return first + 1


def _unquoted(token: Token) -> str:
    if token.type != "QUOTED":
        return str(token)
    if token[0] in _CURLY:
        return token[1:-1]
    return re.sub(r'\\(["＂\\])', r"\1", token[1:-1])


_PLAIN = re.compile(r'(?![-－])[^\s"＂“”„()（）,，:=<>：＝＜＞]+')


def quoted(text: str) -> str:
    """`text` as it is written as one word or value of a query."""
    if _PLAIN.fullmatch(text) and text not in ("AND", "OR", "NOT"):
        return text
    return '"' + re.sub(r'(["＂\\])', r"\\\1", text) + '"'


def quoted_value(text: str) -> str:
    """The same for what stands right behind an operator: a minus excludes nothing there."""
    return text if _NEGATIVE.fullmatch(text) else quoted(text)


_NEGATIVE = re.compile("-[0-9]+")
_CURLY = "“”„"
_OPERATORS = ":=<>：＝＜＞"
_RUN = re.compile(f"[{_OPERATORS}]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BRACKETS = re.compile(r'["＂](?:[^"＂\\]|\\(?:.|\n))*["＂]|[“”„][^“”„]*[“”„]|["＂“”„()（）]')


def _check_characters(text: str) -> None:
    if len(text) > LONGEST:
        raise QueryError(N_("longer than {limit} characters"), LONGEST + 1, limit=LONGEST)
    found = _UNSTORABLE.search(text)
    if found:
        raise QueryError(N_("a character that no message can contain"), found.start() + 1)


def _check_balance(text: str) -> None:
    """Says which bracket or quotation mark lacks its other half; the parser would only point to the end."""
    opened: list[int] = []
    for found in _BRACKETS.finditer(text):
        sign, column = found.group(), found.start() + 1
        if sign in "(（":
            opened.append(column)
        elif sign in ")）":
            if not opened:
                raise QueryError(N_("this parenthesis was never opened"), column)
            opened.pop()
        elif len(sign) == 1:
            raise QueryError(N_("this quotation mark is never closed"), column)
    if opened:
        raise QueryError(N_("this parenthesis is never closed"), opened[-1])


def _explained(error: UnexpectedInput, text: str) -> QueryError:
    match error:
        case UnexpectedToken(token=Token(type="$END")):
            return QueryError(N_("something is missing at the end"), len(text.rstrip()) + 1)
        case UnexpectedToken(token=token):
            position, sign = _start(token), str(token)
        case UnexpectedCharacters():
            position, sign = error.pos_in_stream or 0, text[error.pos_in_stream or 0]
    if text[position] in _OPERATORS:
        start = len(text[:position].rstrip(_OPERATORS))
        found = _RUN.match(text, start)
        assert found is not None  # noqa: S101 - the text has an operator there
        sign, touching = found.group(), start > 0 and not text[start - 1].isspace()
        if touching and not text[found.end() : found.end() + 1].strip():
            return QueryError(N_("a value is missing right after `{sign}`"), start + 1, sign=sign)
        return QueryError(
            N_("put `{sign}` in quotation marks, or between a field and a value"), start + 1, sign=sign
        )
    if sign in "-－":
        return QueryError(N_("`-` touches the term that it excludes"), position + 1)
    return QueryError(N_("`{sign}` cannot stand here"), position + 1, sign=sign)


@cache
def _parser() -> Lark:
    """Made with the first query that is typed: it takes 50 ms, which a process would start later by."""
    return Lark.open(
        "query.lark", rel_to=__file__, parser="lalr", lexer="contextual", maybe_placeholders=False
    )
