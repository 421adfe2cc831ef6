"""One column of a board as an admin sets it."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.auth import acting, allowed, now
from app.database import db, writing
from app.desk import access, columns, uses
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form, said
from app.html import page
from app.models.board import STATES, Column
from app.words import N_, gettext

bp = Blueprint("columns", __name__)


class ChangeForm(Form):
    name = StringField(N_("Name"), [InputRequired(), Length(max=columns.LONGEST_NAME)])
    wip_limit = IntegerField(
        N_("Limit"),
        [Optional(), NumberRange(1, columns.HIGHEST_LIMIT)],
        description=N_("More tickets than this are marked, never refused."),
    )

    @property
    def values(self) -> dict[str, Any]:
        """As the verbs take them."""
        return {
            "name": self.name.data,
            "wip_limit": self.wip_limit.data,
        }


class ColumnForm(ChangeForm):
    """For a new one, whose state is chosen once."""

    state = SelectField(
        N_("State"),
        choices=said(STATES),
        description=N_("What clocks and reports take its tickets for. It cannot be changed later."),
    )


@bp.get("/settings/columns/<int:column_id>")
@allowed("edit_boards")
def edit(column_id: int) -> Response:
    column = _found(column_id)
    return _page(ChangeForm(obj=column), column)


@bp.post("/settings/columns/<int:column_id>")
@allowed("edit_boards")
def update(column_id: int) -> Response:
    column = _found(column_id)
    form = ChangeForm.from_request()
    if not form.validate():
        return _page(form, column, 422)
    try:
        with writing(column.board) as board:
            columns.change(board, column_id, **form.values, by=acting(), now=now())
    except Refused as refused:
        form.refuse(refused)
        return _page(form, column, refused.status)
    return _back(column, gettext("The column is changed."))


@bp.post("/settings/columns/<int:column_id>/position")
@allowed("edit_boards")
def shift(column_id: int) -> Response:
    column = _found(column_id)
    up = request.form.get("direction") == "up"
    with writing(column.board) as board:
        columns.shift(board, column_id, up=up, by=acting(), now=now())
    return _back(column)


@bp.post("/settings/columns/<int:column_id>/default")
@allowed("edit_boards")
def make_default(column_id: int) -> Response:
    column = _found(column_id)
    with writing(column.board) as board:
        columns.make_default(board, column_id, by=acting(), now=now())
    return _back(column, gettext("Tickets of this state go there by themselves now."))


@bp.post("/settings/columns/<int:column_id>/removal")
@allowed("edit_boards")
def remove(column_id: int) -> Response:
    column = _found(column_id)
    board_id = column.board_id
    try:
        with writing(ensure_desk(now())) as desk:
            columns.remove(desk, column_id, by=acting(), now=now())
    except Refused as refused:
        if refused.status != 422:
            raise
        form = ChangeForm(obj=column)
        form.refuse(refused)
        return _page(form, column, 422)
    flash(gettext("The column is removed."))
    return redirect(url_for("board_settings.show", board_id=board_id), code=303)


def _found(column_id: int) -> Column:
    column = db.session.get(Column, column_id)
    if column is None:
        raise access.not_found()
    return column


def _page(form: Form, column: Column, status: int = 200) -> Response:
    rules = [rule.name for rule in uses.rules_with("column", column.id)]
    return page("settings/column.html", form=form, column=column, states=STATES, rules=rules, status=status)


def _back(column: Column, done: str | None = None) -> Response:
    if done:
        flash(done)
    return redirect(url_for("board_settings.show", board_id=column.board_id), code=303)
