"""Why rules have acted on a ticket, or why not; and taking back what one did. In the sheet or on a page of its own."""

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from app.auth import acting, login_required, now, signed_in_person
from app.desk import access, firings, why
from app.desk.refused import Refused
from app.html import page, wants_part
from app.models.ticket import Ticket
from app.routes import sheets
from app.routes.ticket_page import working_on
from app.words import gettext

bp = Blueprint("ticket_rules", __name__)


@bp.get("/tickets/<int:number>/rules")
@login_required
def show(number: int) -> Response:
    return _page(_seen(number))


@bp.post("/tickets/<int:number>/firings/<int:firing_id>/undo")
@login_required
def take_back(number: int, firing_id: int) -> AnyResponse:
    ticket = _seen(number)
    try:
        into, beside = firings.boards_of([firing_id]), firings.boards_beside([firing_id])
        with working_on(number, into=into, beside=beside) as (board, ticket):
            stays = firings.take_back(board, ticket, firing_id, by=acting(), now=now())
    except Refused as error:
        return sheets.refused(ticket, error, _page(_seen(number), error) if error.status == 409 else None)
    if not stays:
        return sheets.done(ticket, gettext("What the rule did to #%(number)s is taken back", number=number))
    text = gettext(
        "Undone on #%(number)s. What cannot be undone: %(deeds)s", number=number, deeds=", ".join(stays)
    )
    return sheets.done(ticket, text)


def _seen(number: int) -> Ticket:
    """Refused with 404 for whoever sees the ticket but no rules."""
    person, at = signed_in_person(), now()
    ticket = access.ticket_seen_by(person, number, at)
    access.demand(person, "see_rules", None, at)
    return ticket


def _page(ticket: Ticket, error: Refused | None = None) -> Response:
    person, at = signed_in_person(), now()
    return page(
        "tickets/rules.html",
        part="tickets/_rules.html",
        status=error.status if error else 200,
        ticket=ticket,
        rules=why.told(ticket, person.zone, at, access.visible_boards(person, at)),
        dialog=wants_part(),
        may_edit=access.can(person, "edit_rules", None, at),
        error=error.said() if error else None,
    )
