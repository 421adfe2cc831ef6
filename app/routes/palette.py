"""What Ctrl+K finds: tickets, people, views, pages and what can be done; all of it only as far as the reader may see it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import filters, keys
from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access, views
from app.html import bounded, on_a_mac, page, ways
from app.models import finding
from app.models.board import BoardPerson
from app.models.person import Person, people_working
from app.models.ticket import Ticket
from app.routes.view_list import BUILT_IN, address_of
from app.words import N_, gettext
from rules.query import And, Query, Term, Words, fold, to_text

bp = Blueprint("palette", __name__)

MOST = 8  # of each kind
LONGEST = 200
_NUMBER = re.compile(r"#?([0-9]{1,9})")


@dataclass(frozen=True)
class Choice:
    """A line; `data` is what the script is told of it, `strokes` the keys that do the same."""

    label: str
    data: dict[str, str]
    hint: str = ""
    strokes: list[list[list[str]]] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    label: str
    choices: list[Choice]


@bp.get("/palette")
@login_required
@bounded
def show() -> Response:
    """`q` is what was typed; while it is empty, `recent` are the numbers of the tickets seen last. `scope` says what
    there is on the page."""
    person, at = signed_in_person(), now()
    typed = request.args.get("q", "").replace("\0", "")[:LONGEST].strip()
    does = Group(gettext(N_("Actions")), list(_actions(typed, person)))
    tickets = Group(gettext(N_("Tickets")) if typed else gettext(N_("Recent")), _tickets(typed, person, at))
    others = [
        Group(gettext(N_("Views")), list(_views(typed, person))),
        Group(gettext(N_("Pages")), list(_pages(typed, person, at))),
        Group(gettext(N_("People")), list(_people(typed, person, at)) if typed else []),
    ]
    return page("palette/_groups.html", groups=[tickets, does, *others])


def matching(typed: str, choices: Iterable[Choice], most: int = MOST) -> Iterator[Choice]:
    """Those whose label holds every word typed, those that begin with it first."""
    words = fold(typed).split()
    held = [choice for choice in choices if all(word in fold(choice.label) for word in words)]
    yield from sorted(held, key=lambda choice: not fold(choice.label).startswith(fold(typed)))[:most]


def _tickets(typed: str, person: Person, at: datetime) -> list[Choice]:
    boards = access.visible_boards(person, at)
    number = _NUMBER.fullmatch(typed)
    asked = [int(number[1])] if number else [] if typed else _recent()
    known = select(Ticket.id).where(Ticket.id.in_(asked), Ticket.board_id.in_(boards.order_by(None)))
    seen = set(db.session.scalars(known)) if asked else set()
    hits = [finding.Hit(each, None) for each in asked if each in seen]
    tree = _words(typed)
    if len(typed) > 1 or not typed.isascii():
        found = finding.find(tree, boards, at, None, "UTC").hits if finding.phrases(tree) else []
        hits += [hit for hit in found if hit.ticket_id not in seen]
    return [
        Choice(
            row.subject or gettext("(no subject)"),
            {"href": url_for("tickets.show", number=row.id)},
            f"#{row.id} · {row.customer} · {row.column}",
        )
        for row in finding.rows(hits[:MOST])
    ]


def _recent() -> list[int]:
    numbers = request.args.get("recent", "")[:LONGEST].split(",")
    return [int(number) for number in numbers if _NUMBER.fullmatch(number) and number.isdecimal()][:MOST]


def _words(typed: str) -> Query:
    """Words, never terms: whatever is typed means itself."""
    words = tuple(Words(word) for word in typed.split()[:MOST])
    return words[0] if len(words) == 1 else And(words)


def _actions(typed: str, person: Person) -> Iterator[Choice]:
    """What the keys do, with the keys; those for what there is on the page."""
    scopes = set(request.args.getlist("scope"))
    selected = keys.FOR_SELECTED if "selected" in scopes else ()
    scopes &= {"page", "card", "ticket"}
    single, mac = person.single_keys, on_a_mac()
    return matching(
        typed,
        (
            Choice(
                gettext(key.label),
                {"act": key.id},
                strokes=[keys.strokes(each, mac=mac) for each in key.bound(single=single)[:1]],
            )
            for key in sorted(keys.KEYS, key=lambda key: key.scope == "page")
            if (key.scope in scopes or key.id in selected) and key.id not in ("palette", "close")
        ),
    )


def _views(typed: str, person: Person) -> Iterator[Choice]:
    names = filters.names_for(person)
    built_in = ((gettext(label), text) for label, text in BUILT_IN)
    own = ((view.name, views.text_of(view, names)) for view in views.seen_by(person))
    return matching(
        typed, (Choice(label, {"href": address_of(text, None)}, text) for label, text in (*own, *built_in))
    )


def _pages(typed: str, person: Person, at: datetime) -> Iterator[Choice]:
    own: list[Any] = [(url_for("profile.show"), gettext("Your profile"))]
    return matching(typed, (Choice(label, {"href": url}) for url, label in (*ways(person, at), *own)))


def _people(typed: str, person: Person, at: datetime) -> Iterator[Choice]:
    """Those who share a board with them: their unresolved tickets."""
    boards = access.visible_boards(person, at).order_by(None)
    shared = set(db.session.scalars(select(BoardPerson.person_id).where(BoardPerson.board_id.in_(boards))))
    names = filters.names_for(person)
    return matching(
        typed,
        (
            Choice(
                one.name,
                {"href": address_of(_unresolved(one.id, names), None)},
                gettext("Unresolved tickets"),
            )
            for one in people_working(at)
            if one.id in shared or one.id == person.id
        ),
    )


def _unresolved(person_id: int, names: Any) -> str:
    return "is:unresolved " + to_text(Term("assignee", ":", (person_id,)), names=names)
