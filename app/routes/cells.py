"""Moving a ticket into another column and another lane of the board at once."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from app.auth import acting, login_required, now, signed_in_person
from app.desk import access, cells
from app.desk.refused import Refused
from app.models.ticket import PRIORITIES, Ticket
from app.routes import told
from app.routes.ticket_page import working_on
from app.words import N_, gettext, language_name

bp = Blueprint("cells", __name__)


@bp.post("/tickets/<int:number>/cell")
@login_required
def create(number: int) -> Response:
    """Sets all that the form names of desk.cells.FIELDS, or nothing; `was_` and the name is what it was on the page, left out when
    that does not matter."""
    to = {name: request.form[name] for name in cells.FIELDS if name in request.form}
    seen = {name: request.form[f"was_{name}"] for name in to if f"was_{name}" in request.form}
    try:
        with working_on(number) as (board, ticket):
            if not to:
                raise Refused(N_("Choose a column of this board."), field="column")
            cells.put(board, ticket, to, seen, by=acting(), now=now())
    except Refused as error:
        if not told.by_script() or error.status not in (409, 422):
            raise
        ticket = access.ticket_seen_by(signed_in_person(), number, now())
        return told.answer(ticket, error.said(), status=error.status, column=ticket.column_id)
    where = " · ".join(_said(ticket, name) for name in to)
    text = gettext("#%(number)s moved to %(column)s", number=number, column=where)
    if told.by_script():
        return told.answer(ticket, text, column=ticket.column_id)
    there = redirect(url_for("boards.show", board_id=ticket.board_id, _anchor=f"ticket_{number}"), code=303)
    answer: Response = told.tell(there, text, told.way_back())
    return answer


def _said(ticket: Ticket, name: str) -> str:
    """What the ticket has there now, in words."""
    if name == "person":
        return ticket.assignee.name if ticket.assignee else gettext("Nobody")
    if name == "language":
        return language_name(ticket.language) if ticket.language else gettext("Unknown")
    return ticket.column.name if name == "column" else gettext(PRIORITIES[ticket.priority])
