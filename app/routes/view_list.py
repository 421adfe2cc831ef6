"""The list of views as pages show it: what everybody has, a person's own, the shared ones, with counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import request
from sqlalchemy import ColumnElement, func, literal, select

from app import filters
from app.database import db, within
from app.desk import access, views
from app.html import READ_FOR
from app.models import vocabulary
from app.models.card import MOST_COUNTED, said
from app.models.person import Person
from app.models.saved_view import SavedView
from app.models.ticket import Ticket
from app.words import N_, gettext
from rules.compile import condition
from rules.query import broken, from_json, parse, to_text
from rules.vocabulary import Names

BUILT_IN = (
    (N_("Mine"), "is:unresolved assignee:me"),
    (N_("Unassigned"), "is:unresolved is:unassigned"),
    (N_("Waiting on us"), "is:unresolved waiting>0m"),
    (N_("Due in an hour"), "is:unresolved due<1h"),
    (N_("Late"), "is:unresolved is:late"),
    (N_("Snoozed"), "is:snoozed"),
    (N_("Last 7 days"), 'created:"last 7 days"'),
    (N_("On call now"), "is:unresolved assignee:oncall"),
)


@dataclass(frozen=True)
class Entry:
    """A line of the list of views. `id` is None for what everybody has; `error` says why it finds nothing."""

    label: str
    text: str
    url: str
    count: str
    id: int | None = None
    shared: bool = False
    mine: bool = False
    error: str | None = None
    current: bool = False


def entries(person: Person, at: datetime, board_id: int | None) -> list[Entry]:
    """What everybody has, then their own views, then the shared ones, with counts: of one board, or of all that they
    may see. Two statements and one for the names."""
    names = filters.names_for(person)
    boards = [board_id] if board_id else db.session.scalars(access.visible_boards(person, at)).all()
    lines: list[tuple[Entry, ColumnElement[bool]]] = []
    for label, text in BUILT_IN:
        tree = parse(text, me=True, names=names)
        line = Entry(gettext(label), text, address_of(text, board_id), "")
        lines.append((line, condition(tree, vocabulary.binding(at, person.id, person.zone), at)))
    for view in views.seen_by(person):
        lines.append(_line(view, person, names, board_id, at))
    with within(READ_FOR):
        counts = (
            db.session.execute(select(*(_counted(boards, matches) for _, matches in lines))).one()
            if lines
            else ()
        )
    here = request.args.get("q", "")
    return [
        Entry(**{**vars(line), "count": said(count), "current": bool(here) and line.text == here})
        for (line, _), count in zip(lines, counts, strict=True)
    ]


def _line(
    view: SavedView, person: Person, names: Names, board_id: int | None, at: datetime
) -> tuple[Entry, ColumnElement[bool]]:
    tree = from_json(view.query)
    gone = broken(tree, names)
    text = to_text(tree, names=names)
    line = Entry(
        view.name,
        text,
        address_of(text, board_id, columns=",".join(view.columns), sort=view.sort),
        "",
        view.id,
        view.shared,
        view.owner_id == person.id,
        ", ".join(gone) or None,
    )
    return line, condition(tree, vocabulary.binding(at, person.id, person.zone), at)


def address_of(text: str, board_id: int | None, **more: str) -> str:
    """Where a query is shown: on a board, or in the list."""
    if board_id is not None:
        return f"/boards/{board_id}?" + urlencode({"q": text})
    return "/tickets?" + urlencode({"q": text, **{name: value for name, value in more.items() if value}})


def _counted(boards: Any, matches: ColumnElement[bool]) -> Any:
    some = (
        select(literal(1)).select_from(Ticket).where(Ticket.board_id.in_(boards), matches).limit(MOST_COUNTED)
    )
    return select(func.count()).select_from(some.subquery()).scalar_subquery()
