"""Saved views: the list of them with their counts, and the page on which one is saved, shared or deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, request
from sqlalchemy import ColumnElement, func, literal, select
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import InputRequired, Length

from app import filters
from app.auth import allowed, now, signed_in_person
from app.database import db, writing
from app.desk import access, views
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.models import vocabulary
from app.models.card import MOST_COUNTED, said
from app.models.desk import Desk
from app.models.person import Person
from app.models.saved_view import SavedView
from app.models.ticket import Ticket
from app.words import N_, gettext
from rules.compile import condition
from rules.query import QueryError, broken, from_json, parse, to_text

bp = Blueprint("views", __name__)

BUILT_IN = (
    (N_("Mine"), "is:unresolved assignee:me"),
    (N_("Unassigned"), "is:unresolved is:unassigned"),
    (N_("Waiting on us"), "is:unresolved waiting>0m"),
    (N_("Due in an hour"), "is:unresolved due<1h"),
    (N_("Late"), "is:unresolved is:late"),
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


class ViewForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=views.LONGEST_NAME)])
    query = StringField(N_("Query"), [InputRequired(), Length(max=filters.LONGEST_TYPED)])
    shared = BooleanField(
        N_("Share it"), description=N_("Everybody finds it in their list, and sees only what they may see.")
    )
    columns = HiddenField()
    sort = HiddenField()
    board = HiddenField()


@bp.get("/views")
@allowed("keep_views")
def index() -> Response:
    """The list as a page of its own, or as the part that the board's menu asks for."""
    person, at = signed_in_person(), now()
    board_id = request.args.get("board", type=int)
    if board_id is not None:
        access.board_seen_by(person, board_id, at)
    return page(
        "views/index.html", part="views/_list.html", views=entries(person, at, board_id), board_id=board_id
    )


@bp.get("/views/new")
@allowed("keep_views")
def new() -> Response:
    form = ViewForm(
        query=request.args.get("q", ""),
        columns=request.args.get("columns", ""),
        sort=request.args.get("sort", ""),
        board=request.args.get("board", ""),
    )
    return page("views/edit.html", form=form, view=None)


@bp.post("/views/new")
@allowed("keep_views")
def create() -> Response:
    return _save(None)


@bp.get("/views/<int:view_id>")
@allowed("keep_views")
def edit(view_id: int) -> Response:
    view = views.one_seen_by(signed_in_person(), view_id)
    form = ViewForm(
        name=view.name,
        query=views.text_of(view, filters.names_for(signed_in_person())),
        shared=view.shared,
        columns=",".join(view.columns),
        sort=view.sort,
    )
    return page("views/edit.html", form=form, view=view, **_rights(view))


@bp.post("/views/<int:view_id>")
@allowed("keep_views")
def change(view_id: int) -> Response:
    return _save(views.one_seen_by(signed_in_person(), view_id))


@bp.post("/views/<int:view_id>/removal")
@allowed("keep_views")
def remove(view_id: int) -> Response:
    view = views.one_seen_by(signed_in_person(), view_id)
    with writing(db.session.get_one(Desk, 1)) as desk:
        views.remove(desk, views.one_seen_by(signed_in_person(), view.id), by=signed_in_person(), now=now())
    flash(gettext("The view is deleted."))
    return redirect("/tickets", code=303)


def entries(person: Person, at: datetime, board_id: int | None) -> list[Entry]:
    """What everybody has, then their own views, then the shared ones, with counts: of one board, or of all that they
    may see. Two statements and one for the names."""
    names = filters.names_for(person)
    boards = [board_id] if board_id else db.session.scalars(access.visible_boards(person, at)).all()
    lines: list[tuple[Entry, ColumnElement[bool]]] = []
    for label, text in BUILT_IN:
        try:
            tree = parse(text, me=True, names=names)
        except QueryError:
            continue
        line = Entry(gettext(label), text, _url(text, board_id), "")
        lines.append((line, condition(tree, vocabulary.binding(at, person.id, person.zone), at)))
    for view in views.seen_by(person):
        lines.append(_line(view, person, names, board_id, at))
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
    view: SavedView, person: Person, names: Any, board_id: int | None, at: datetime
) -> tuple[Entry, ColumnElement[bool]]:
    tree = from_json(view.query)
    gone = broken(tree, names)
    text = to_text(tree, names=names)
    line = Entry(
        view.name,
        text,
        _url(text, board_id, columns=",".join(view.columns), sort=view.sort),
        "",
        view.id,
        view.shared,
        view.owner_id == person.id,
        ", ".join(gone) or None,
    )
    return line, condition(tree, vocabulary.binding(at, person.id, person.zone), at)


def _save(view: SavedView | None) -> Response:
    form = ViewForm.from_request()
    rights = _rights(view) if view else {}
    if not form.validate():
        return page("views/edit.html", form=form, view=view, status=422, **rights)
    person = signed_in_person()
    try:
        tree = parse(form.query.data or "", me=True, names=filters.names_for(person))
        with writing(db.session.get_one(Desk, 1)) as desk:
            saved = views.save(
                desk,
                views.one_seen_by(person, view.id) if view else None,
                name=form.name.data or "",
                query=tree,
                shared=form.shared.data,
                columns=(form.columns.data or "").split(","),
                sort=form.sort.data or "",
                by=person,
                now=now(),
            )
    except QueryError as wrong:
        error = filters.said(wrong)
        form.query.errors = [gettext("Column %(column)s: %(message)s", **error)]
        return page("views/edit.html", form=form, view=view, status=422, **rights)
    except Refused as refused:
        form.refuse(refused)
        return page("views/edit.html", form=form, view=view, status=refused.status, **rights)
    flash(gettext("The view %(name)s is saved.", name=saved.name))
    text = views.text_of(saved, filters.names_for(person))
    board = form.board.data if (form.board.data or "").isdecimal() else None
    return redirect(
        _url(text, int(board) if board else None, columns=",".join(saved.columns), sort=saved.sort), code=303
    )


def _rights(view: SavedView) -> dict[str, Any]:
    return {"may_change": views.may_change(view, signed_in_person(), now())}


def _url(text: str, board_id: int | None, **more: str) -> str:
    if board_id is not None:
        return f"/boards/{board_id}?" + urlencode({"q": text})
    return "/tickets?" + urlencode({"q": text, **{name: value for name, value in more.items() if value}})


def _counted(boards: Any, matches: ColumnElement[bool]) -> Any:
    some = (
        select(literal(1)).select_from(Ticket).where(Ticket.board_id.in_(boards), matches).limit(MOST_COUNTED)
    )
    return select(func.count()).select_from(some.subquery()).scalar_subquery()
