"""Tickets opened by hand in a column of the board, one after the other: a form in the column, or a page of its own."""

from typing import Any

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app.auth import login_required, now, signed_in_person
from app.database import db, writing
from app.desk import access, manual, tickets
from app.desk.messages import LONGEST_TEXT
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.models.board import Column
from app.models.ticket import Ticket
from app.routes import told
from app.words import N_
from app.words import gettext as _

bp = Blueprint("column_tickets", __name__)


class QuickForm(Form):
    """The least that a ticket needs. Several of them stand on one page, so each knows its column."""

    subject = StringField(N_("Subject"), [InputRequired(), Length(max=tickets.LONGEST_SUBJECT)])
    email = StringField(N_("Customer's e-mail address"), [InputRequired(), Length(max=320)])
    text = StringField(N_("Message"), [InputRequired(), Length(max=LONGEST_TEXT)])

    def __init__(self, *args: Any, column: Column, **values: Any) -> None:
        super().__init__(*args, **values)
        self.column = column
        for field in self:
            field.id = f"quick-{column.id}-{field.name}"

    def open(self) -> Ticket:
        """Opens the ticket and puts it into the column, all or nothing. Refused, with the field at fault."""
        person, at = signed_in_person(), now()
        with writing(self.column.board) as board:
            ticket = manual.open_by_hand(
                board,
                person=person,
                name="",
                email=self.email.data,
                subject=self.subject.data,
                text=self.text.data,
                now=at,
            )
            return tickets.move(board, ticket, to=self.column.id, by=person.by, now=at)


@bp.get("/columns/<int:column_id>/tickets/new")
@login_required
def new(column_id: int) -> Response:
    return _shown(QuickForm(column=_column(column_id)))


@bp.post("/columns/<int:column_id>/tickets")
@login_required
def create(column_id: int) -> Response:
    form = QuickForm.from_request(column=_column(column_id))
    if not form.validate():
        return _shown(form, 422)
    try:
        ticket = form.open()
    except Refused as refused:
        form.refuse(refused)
        return _shown(form, refused.status)
    text = _("#%(number)s opened in %(column)s", number=ticket.id, column=ticket.column.name)
    if told.by_script():
        return told.answer(ticket, text)
    to = url_for("boards.show", board_id=ticket.board_id, _anchor=f"ticket_{ticket.id}")
    answer: Response = told.tell(redirect(to, code=303), text)
    return answer


def _shown(form: QuickForm, status: int = 200) -> Response:
    return page("boards/quick.html", part="boards/_quick.html", status=status, form=form, column=form.column)


def _column(column_id: int) -> Column:
    """The column; Refused with 404 when there is none or its board is not one for this person."""
    found = db.session.get(Column, column_id)
    if found is None:
        raise access.not_found()
    access.board_seen_by(signed_in_person(), found.board_id, now())
    return found
