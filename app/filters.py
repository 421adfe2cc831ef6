"""What somebody has typed into a query box: read, shown as chips, or explained where it is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.desk import access
from app.models import vocabulary
from app.models.card import EVERYTHING
from app.models.desk import the_desk
from app.models.person import Person
from app.words import gettext
from rules.compile import depends_on_days
from rules.query import DID_YOU_MEAN, And, Query, QueryError, Term, parse, terms, to_text
from rules.vocabulary import Names

LONGEST_TYPED = 500  # characters of a query box, and of its address


@dataclass(frozen=True)
class Chip:
    """One condition of a query, and the query without it."""

    text: str
    without: str


@dataclass(frozen=True)
class Filter:
    """A query as somebody typed it. `me` is who typed it, if it says `me`, and `zone` theirs, if it names days: others may
    share what is drawn for it. With an `error` it finds what an empty one does."""

    text: str
    query: Query = EVERYTHING
    me: int | None = None
    zone: str = "UTC"
    chips: tuple[Chip, ...] = ()
    error: dict[str, Any] | None = None

    @property
    def all(self) -> bool:
        return self.query == EVERYTHING


def read(text: str, person: Person) -> Filter:
    """The filter of this person; what does not parse comes back with its error."""
    try:
        return parsed(text, person)
    except QueryError as wrong:
        return Filter(text.strip(), error=said(wrong))


def parsed(text: str, person: Person) -> Filter:
    """The filter of this person. Raises QueryError."""
    text = text.strip()
    if not text:
        return Filter("")
    names = names_for(person)
    tree = parse(text, me=True, names=names)
    me = person.id if says_me(tree) else None
    zone = person.zone if depends_on_days(tree) else "UTC"
    return Filter(text, tree, me, zone, _chips(tree, names))


def names_for(person: Person) -> Names:
    """What this person's queries may call things: no board and no address that they do not see."""
    return vocabulary.names(access.visible_boards(person, datetime.now(UTC)))


def likely_values() -> dict[str, Sequence[str]]:
    """The values of a field that are offered before the others: of languages those that customers are answered in."""
    desk = the_desk()
    return {"lang": desk.languages if desk else ()}


def says_me(tree: Query) -> bool:
    """Whether what it finds depends on who asks."""
    return any(
        isinstance(leaf, Term) and leaf.field == "assignee" and "me" in leaf.values for leaf in terms(tree)
    )


def said(error: QueryError) -> dict[str, Any]:
    """What is wrong with a query, where, and what was probably meant."""
    text = gettext(error.message).format(**error.values)
    if error.suggestion:
        text += ", " + gettext(DID_YOU_MEAN).format(suggestion=error.suggestion)
    return {"column": error.column, "message": text}


def _chips(tree: Query, names: Names) -> tuple[Chip, ...]:
    """A chip for each condition that all must fulfil."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return tuple(
        Chip(
            to_text(part, names=names),
            to_text(_all([*parts[:place], *parts[place + 1 :]]), names=names),
        )
        for place, part in enumerate(parts)
    )


def _all(parts: list[Query]) -> Query:
    return parts[0] if len(parts) == 1 else And(tuple(parts))
