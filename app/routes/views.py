"""Saved views: the list of them with their counts, and the page on which one is saved, shared or deleted."""

from typing import Any

from flask import Blueprint, flash, redirect, request
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
from app.models.desk import Desk
from app.models.saved_view import SavedView
from app.routes.view_list import address_of, entries
from app.words import N_, gettext
from rules.query import QueryError, parse

bp = Blueprint("views", __name__)


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
        address_of(text, int(board) if board else None, columns=",".join(saved.columns), sort=saved.sort),
        code=303,
    )


def _rights(view: SavedView) -> dict[str, Any]:
    return {"may_change": views.may_change(view, signed_in_person(), now())}
