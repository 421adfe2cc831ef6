"""A query as an outline whose lines can be ticked or crossed one by one: groups with what they ask, terms with their NOT."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rules.query import And, Not, Or, Query, Term, Words

Kind = Literal["term", "all", "any", "not_all", "none"]


@dataclass(frozen=True)
class Line:
    """`tree` is what must hold for a tick. Of a term `leaf` is the term itself, without the NOT before it; of a group
    `lines` are its parts, which under "not all" and "none" are ticked by themselves."""

    kind: Kind
    tree: Query
    leaf: Term | Words | None = None
    lines: tuple["Line", ...] = ()

    @property
    def negated(self) -> bool:
        return self.leaf is not None and self.tree is not self.leaf


def outline(tree: Query) -> Line:
    """The whole query as one line; without a condition it is a group without parts."""
    match tree:
        case Not(Not(part)):
            return outline(part)
        case Term() | Words() as leaf:
            return Line("term", tree, leaf)
        case Not(Term() | Words() as leaf):
            return Line("term", tree, leaf)
        case And(parts) | Or(parts):
            kind: Kind = "all" if isinstance(tree, And) else "any"
        case Not(And(parts) | Or(parts) as group):
            kind = "not_all" if isinstance(group, And) else "none"
    return Line(kind, tree, lines=tuple(map(outline, parts)))


def walk(line: Line) -> Iterator[Line]:
    """The line and all below it, from top to bottom."""
    yield line
    for below in line.lines:
        yield from walk(below)
