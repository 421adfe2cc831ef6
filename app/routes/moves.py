"""Moving a ticket into another column: the dialog, and the one way that drag, menu, keyboard and undo all take."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange, Optional

from app.auth import login_required, now, signed_in_person
from app.database import db, writing
from app.desk import access, tickets
from app.desk.refused import Refused
from app.forms import Form
from app.html import page, wants_part
from app.models.board import Board
from app.models.ticket import Ticket
from app.routes import ticket_page, told
from app.words import N_
from app.words import gettext as _

bp = Blueprint("moves", __name__)

_ID = NumberRange(1, 2**31 - 1)  # what a database knows as a number of a row


class MoveForm(Form):
    """`expected` is the column the ticket was seen in; without it the move is made whatever happened meanwhile."""

    column = IntegerField(N_("Column"), [InputRequired(), _ID])
    expected = IntegerField(N_("Column"), [Optional(), _ID])


@bp.get("/tickets/<int:number>/move")
@login_required
def new(number: int) -> AnyResponse:
    ticket = access.ticket_seen_by(signed_in_person(), number, now())
    return _dialog(ticket)


@bp.post("/tickets/<int:number>/column")
@login_required
def create(number: int) -> AnyResponse:
    person, at = signed_in_person(), now()
    ticket = access.ticket_seen_by(person, number, at)
    access.demand(person, "work_board", ticket, at)
    form = MoveForm.from_request()
    try:
        if not form.validate():
            raise Refused(N_("Choose a column of this board."), field="column")
        with writing(Board(id=ticket.board_id)) as board:
            ticket = access.ticket_seen_by(person, number, at)
            left = ticket.column_id
            by = person.by
            tickets.move(board, ticket, to=form.column.data, expected=form.expected.data, by=by, now=at)
    except Refused as error:
        if _from_its_page():
            return ticket_page.refused(number, error)
        return _refused(access.ticket_seen_by(person, number, at), form, error)
    if _from_its_page():
        return ticket_page.changed(number)
    text = _("#%(number)s moved to %(column)s", number=number, column=ticket.column.name)
    if told.by_script():
        return told.answer(ticket, text, column=ticket.column_id, left=left)
    flash(text)
    return redirect(url_for("boards.show", board_id=ticket.board_id, _anchor=f"ticket_{number}"), code=303)


def _dialog(ticket: Ticket, wanted: int | None = None, error: Refused | None = None) -> Response:
    return page(
        "boards/move.html",
        part="boards/_move.html",
        status=error.status if error else 200,
        ticket=ticket,
        dialog=wants_part(),
        columns=db.session.get_one(Board, ticket.board_id).columns,
        wanted=ticket.column_id if wanted is None else wanted,
        error=error.said() if error else None,
    )


def _refused(ticket: Ticket, form: MoveForm, error: Refused) -> AnyResponse:
    """Nothing was changed: the reason, and where the ticket truly is."""
    if error.status not in (409, 422):
        raise error
    if told.by_script():
        return told.answer(ticket, error.said(), status=error.status, column=ticket.column_id, left=None)
    return _dialog(ticket, form.column.data, error)


def _from_its_page() -> bool:
    return request.form.get("from") == "ticket"
