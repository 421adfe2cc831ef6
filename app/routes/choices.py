"""What a field of a ticket may be set to, for the keys that ask by typing."""

from collections.abc import Iterable
from urllib.parse import urlencode

from flask import Blueprint, request
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access
from app.html import page
from app.models import conversation
from app.models.board import Board
from app.models.ticket import PRIORITIES, Ticket
from app.routes.palette import LONGEST, Choice, Group, matching
from app.words import gettext

bp = Blueprint("choices", __name__)

MOST = 50


@bp.get("/tickets/<int:number>/choices/<any(assignee,column,priority,tags):noun>")
@login_required
def index(number: int, noun: str) -> Response:
    """`q` is what was typed. Each choice says what to post, and what the field was."""
    ticket = access.ticket_seen_by(signed_in_person(), number, now())
    typed = request.args.get("q", "").replace("\0", "")[:LONGEST].strip()
    kinds = {"assignee": _people, "column": _columns, "priority": _priorities}
    found = _tags(ticket, typed) if noun == "tags" else matching(typed, kinds[noun](ticket), MOST)
    return page("palette/_groups.html", groups=[Group("", list(found))])


def _people(ticket: Ticket) -> Iterable[Choice]:
    for id, name in [*_offered(ticket).people, ("", gettext("Nobody"))]:
        hint = gettext("current") if (id or None) == ticket.assignee_id else ""
        yield _choice(name, hint, "assignee", person=id, expected=ticket.assignee_id or "")


def _columns(ticket: Ticket) -> Iterable[Choice]:
    for column in db.session.get_one(Board, ticket.board_id).columns:
        hint = gettext("current") if column.id == ticket.column_id else ""
        yield _choice(column.name, hint, "column", column=column.id, expected=ticket.column_id)


def _priorities(ticket: Ticket) -> Iterable[Choice]:
    for value in reversed(PRIORITIES):
        hint = gettext("current") if value == ticket.priority else ""
        yield _choice(gettext(PRIORITIES[value]), hint, "priority", priority=value)


def _tags(ticket: Ticket, typed: str) -> Iterable[Choice]:
    """Those it has, to be removed; the others; at last the one that was typed, when there is none."""
    had = [tag.name for tag in ticket.tags]
    others = [tag.name for tag in _offered(ticket).tags if tag.name not in had]
    known = [_choice(name, gettext("Remove"), "tags/removal", tag=name) for name in had]
    known += [_choice(name, "", "tags", tag=name) for name in others]
    found = list(matching(typed, known, MOST))
    if typed and typed.casefold() not in (*had, *others):
        found.append(_choice(typed, gettext("New tag"), "tags", tag=typed))
    return found


def _offered(ticket: Ticket) -> conversation.Choices:
    return conversation.choices(db.session.get_one(Board, ticket.board_id), ticket, now())


def _choice(label: str, hint: str, post: str, **values: object) -> Choice:
    return Choice(label, {"post": post, "values": urlencode(values)}, hint)
