"""Tickets opened by hand in a column of the board, one after the other: a form in the column, or a page of its own."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app.auth import login_required, now, signed_in_person
from app.database import db, writing
from app.desk import access, cells, manual, tickets
from app.desk.messages import LONGEST_TEXT
from app.desk.refused import Refused
from app.forms import Form
from app.html import page
from app.models.board import Board, Column
from app.models.group import GROUPS, NONE
from app.models.ticket import Ticket
from app.routes import told
from app.words import N_
from app.words import gettext as _

bp = Blueprint("column_tickets", __name__)


@dataclass(frozen=True)
class Spot:
    """Where tickets are opened: a column of the board, or one that is made of something else. `to` is what of desk.cells.FIELDS
    makes a ticket stand there; the form is at `address` and `query`."""

    board_id: int
    key: int | str
    name: str
    to: dict[str, str]
    address: str
    query: str = ""


class QuickForm(Form):
    """The least that a ticket needs. Several of them stand on one page, so each knows its spot."""

    subject = StringField(N_("Subject"), [InputRequired(), Length(max=tickets.LONGEST_SUBJECT)])
    email = StringField(N_("Customer's e-mail address"), [InputRequired(), Length(max=320)])
    text = StringField(N_("Message"), [InputRequired(), Length(max=LONGEST_TEXT)])

    def __init__(self, *args: Any, spot: Spot, **values: Any) -> None:
        super().__init__(*args, **values)
        self.spot = spot
        for field in self:
            field.id = f"quick-{spot.key}-{field.name}"

    def open(self) -> Ticket:
        """Opens the ticket and puts it into the column, all or nothing. Refused, with the field at fault."""
        person, at = signed_in_person(), now()
        with writing(Board(id=self.spot.board_id)) as board:
            ticket = manual.open_by_hand(
                board,
                person=person,
                name="",
                email=self.email.data,
                subject=self.subject.data,
                text=self.text.data,
                now=at,
            )
            cells.put(board, ticket, self.spot.to, {}, by=person.by, now=at)
            return ticket


@bp.get("/columns/<int:column_id>/tickets/new")
@login_required
def new(column_id: int) -> Response:
    return _shown(QuickForm(spot=_column(column_id)))


@bp.post("/columns/<int:column_id>/tickets")
@login_required
def create(column_id: int) -> Response:
    return _opened(_column(column_id))


@bp.get("/boards/<int:board_id>/groups/<key>/tickets/new")
@login_required
def new_of_group(board_id: int, key: str) -> Response:
    return _shown(QuickForm(spot=_group(board_id, key)))


@bp.post("/boards/<int:board_id>/groups/<key>/tickets")
@login_required
def create_of_group(board_id: int, key: str) -> Response:
    """The same in a column that is made of what `group` in the address says."""
    return _opened(_group(board_id, key))


def _opened(spot: Spot) -> Response:
    form = QuickForm.from_request(spot=spot)
    if not form.validate():
        return _shown(form, 422)
    try:
        ticket = form.open()
    except Refused as refused:
        form.refuse(refused)
        return _shown(form, refused.status)
    text = _("#%(number)s opened in %(column)s", number=ticket.id, column=spot.name)
    if told.by_script():
        return told.answer(ticket, text)
    to = url_for("boards.show", board_id=ticket.board_id, _anchor=f"ticket_{ticket.id}")
    answer: Response = told.tell(redirect(to, code=303), text)
    return answer


def _shown(form: QuickForm, status: int = 200) -> Response:
    return page("boards/quick.html", part="boards/_quick.html", status=status, form=form, spot=form.spot)


def _column(column_id: int) -> Spot:
    """Refused with 404 when there is no such column or its board is not one for this person."""
    found = db.session.get(Column, column_id)
    if found is None:
        raise access.not_found()
    access.board_seen_by(signed_in_person(), found.board_id, now())
    to = {"column": str(column_id)}
    return Spot(found.board_id, column_id, found.name, to, f"/columns/{column_id}/tickets")


def _group(board_id: int, key: str) -> Spot:
    """Likewise, and when nobody can set what such columns are made of."""
    board = access.board_seen_by(signed_in_person(), board_id, now())
    name = request.args.get("group", "assignee")
    by = GROUPS.get(name)
    if by is None or by.form is None:
        raise access.not_found()
    called = by.keys(board.id, now())
    if key not in called:
        raise access.not_found()
    to = {by.form: "" if key == NONE else key}
    return Spot(board.id, key, called[key], to, f"/boards/{board.id}/groups/{key}/tickets", f"?group={name}")
