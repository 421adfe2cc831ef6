"""Moving a ticket into another column: the dialog, and the one way that drag, menu, keyboard and undo all take."""

from typing import Any, Literal, NamedTuple

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional, Regexp

from app.auth import login_required, now, signed_in_person
from app.database import db
from app.desk import access, tickets
from app.desk.ranks import Place
from app.desk.refused import Refused
from app.forms import Form
from app.html import page, wants_part
from app.models.board import Board
from app.models.card import PER_COLUMN, View, first_cards
from app.models.group import COLUMNS, LANES, NO_LANES, STATE
from app.models.order import MANUAL
from app.models.ticket import Ticket
from app.routes import ticket_page, told
from app.words import N_, locale
from app.words import gettext as _

bp = Blueprint("moves", __name__)

RESOLVED = "resolved"
_ID = NumberRange(1, 2**31 - 1)  # what a database knows as a number of a row


class MoveForm(Form):
    """`column` is the number of one, or `resolved` for the one where the board puts what is. `expected` is the column the ticket was seen in; without it the move is made whatever happened meanwhile. `after` and
    `before` are the tickets between which it was put by hand; `place` is what the dialog has for them: top, bottom, or the
    number of the ticket above."""

    column = StringField(N_("Column"), [InputRequired(), Regexp(f"({RESOLVED}|[1-9][0-9]{{0,8}})\\Z")])
    expected = IntegerField(N_("Column"), [Optional(), _ID])
    after = IntegerField(N_("Place"), [Optional(), _ID])
    before = IntegerField(N_("Place"), [Optional(), _ID])
    place = StringField(N_("Place"), [Optional(), Regexp("(top|bottom|[1-9][0-9]{0,8})\\Z")])

    def where(self, board: Board) -> int:
        """The column of this board that was asked for."""
        said = self.column.data
        return board.column_for(RESOLVED).id if said == RESOLVED else int(said)

    def wanted(self) -> Place | None:
        """Where in the column it shall stand; None when that was not said."""
        said = self.place.data
        if said:
            end: Literal["top", "bottom"] = "top" if said == "top" else "bottom"
            return Place(after=int(said) if said.isdecimal() else None, end=end)
        if self.after.data is None and self.before.data is None:
            return None
        return Place(self.after.data, self.before.data)


class Axis(NamedTuple):
    """What a dialog offers to set: `path` is where, `field` its name there, `held` what the ticket has."""

    label: str
    path: str
    field: str
    held: Any
    choices: dict[Any, str]


@bp.get("/tickets/<int:number>/move")
@login_required
def new(number: int) -> AnyResponse:
    ticket = access.ticket_seen_by(signed_in_person(), number, now())
    return _dialog(ticket, request.args.get("column", type=int))


@bp.post("/tickets/<int:number>/column")
@login_required
def create(number: int) -> AnyResponse:
    person, at = signed_in_person(), now()
    form = MoveForm.from_request()
    try:
        if not form.validate():
            raise Refused(N_("Choose a column of this board."), field="column")
        with ticket_page.working_on(number) as (board, ticket):
            left = ticket.column_id
            to, place = form.where(board), form.wanted()
            tickets.move(board, ticket, to=to, expected=form.expected.data, place=place, by=person.by, now=at)
    except Refused as error:
        if _from_its_page():
            return ticket_page.refused(number, error)
        return _refused(access.ticket_seen_by(person, number, at), error)
    text = ""  # who puts a card elsewhere in its column sees it there
    if left != ticket.column_id:
        text = _("#%(number)s moved to %(column)s", number=number, column=ticket.column.name)
    if told.by_script():
        return told.answer(ticket, text, column=ticket.column_id, left=left)
    if _from_its_page():
        return ticket_page.changed(number, said=text)
    there = redirect(url_for("boards.show", board_id=ticket.board_id, _anchor=f"ticket_{number}"), code=303)
    return told.tell(there, text, told.way_back()) if text else there


def _dialog(ticket: Ticket, wanted: int | None = None, error: Refused | None = None) -> Response:
    axes = _axes(ticket)
    if axes:
        return page(
            "boards/move.html", part="boards/_move.html", ticket=ticket, dialog=wants_part(), axes=axes
        )
    columns = db.session.get_one(Board, ticket.board_id).columns
    wanted = wanted if wanted in {column.id for column in columns} else ticket.column_id
    by_hand = request.values.get("sort") == MANUAL
    view = View(ticket.board_id, locale(), sort=MANUAL)
    there = first_cards(view, [wanted], now())[wanted][:PER_COLUMN] if by_hand else []
    return page(
        "boards/move.html",
        part="boards/_move.html",
        status=error.status if error else 200,
        ticket=ticket,
        dialog=wants_part(),
        columns=columns,
        wanted=wanted,
        by_hand=by_hand,
        above=[card for card in there if card.id != ticket.id],
        error=error.said() if error else None,
    )


def _axes(ticket: Ticket) -> list[Axis]:
    """What a move sets where columns are made of something else, or there are lanes; nothing where it is the column alone."""
    group, lanes = request.values.get("group", STATE), request.values.get("lanes", NO_LANES)
    names = [name for name in (group, lanes) if name in LANES and LANES[name].form]
    return [] if names in ([], [STATE]) else [_axis(name, ticket) for name in dict.fromkeys(names)]


def _axis(name: str, ticket: Ticket) -> Axis:
    by = LANES[name]
    held = by.key(ticket)
    there = (
        {column.id for column in db.session.get_one(Board, ticket.board_id).columns}
        if by is COLUMNS
        else {held}
    )
    path = "column" if by is COLUMNS else name
    choices = by.names(ticket.board_id, there, now())
    label = N_("Column") if by is COLUMNS else by.label
    return Axis(label, path, by.form or "", "" if held is None else held, choices)


def _refused(ticket: Ticket, error: Refused) -> AnyResponse:
    """Nothing was changed: the reason, and where the ticket truly is."""
    if error.status not in (409, 422):
        raise error
    if told.by_script():
        return told.answer(ticket, error.said(), status=error.status, column=ticket.column_id, left=None)
    return _dialog(ticket, request.form.get("column", type=int), error)


def _from_its_page() -> bool:
    return request.form.get("from") == "ticket"
