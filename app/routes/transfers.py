"""Moving a ticket to another board, in the sheet or on a page of its own."""

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import acting, login_required, now, signed_in_person
from app.database import locked
from app.desk import access, transfers
from app.desk.refused import Refused
from app.html import page, wants_part
from app.models.board import Board
from app.models.ticket import Ticket
from app.routes import sheets, told
from app.routes.ticket_page import working_on
from app.words import N_, gettext

bp = Blueprint("transfers", __name__)


@bp.get("/tickets/<int:number>/board")
@login_required
def new(number: int) -> Response:
    return _form(_seen(number))


@bp.post("/tickets/<int:number>/board")
@login_required
def create(number: int) -> AnyResponse:
    """`board` is the number of one; `expected` is that on which the ticket was seen, without it it is moved from any."""
    wanted, expected = (request.form.get(name, type=int) for name in ("board", "expected"))
    ticket = _seen(number)
    try:
        with working_on(number, into=[wanted or 0]) as (board, ticket):
            into = locked(Board, wanted or 0)
            if into is None:
                raise Refused(N_("Choose one of your boards."), field="board")
            transfers.transfer(board, ticket, into, expected=expected, by=acting(), now=now())
            name = into.name
    except Refused as error:
        return sheets.refused(_seen(number), error, _form(_seen(number), error))
    text = gettext("#%(number)s moved to the board %(board)s", number=number, board=name)
    if told.by_script():
        return told.answer_on(told.board_asking(), text, undo=told.way_back(), ticket=number)
    return sheets.done(ticket, text)


def _seen(number: int) -> Ticket:
    return access.ticket_seen_by(signed_in_person(), number, now())


def _form(ticket: Ticket, error: Refused | None = None) -> Response:
    boards = access.boards_seen_by(signed_in_person(), now())
    return page(
        "tickets/transfer.html",
        part="tickets/_transfer.html",
        status=error.status if error else 200,
        ticket=ticket,
        dialog=wants_part(),
        here=next(board for board in boards if board.id == ticket.board_id),
        others=[board for board in boards if board.id != ticket.board_id],
        wanted=request.form.get("board", type=int),
        error=error.said() if error else None,
    )
