"""Sending a message on to somebody outside: in a dialog, or on a page of its own."""

from flask import Blueprint, request
from flask import Response as Page
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.desk import access, forwards
from app.desk.refused import Refused
from app.html import page, wants_part
from app.routes import sheets
from app.routes.ticket_page import working_on
from app.words import gettext

bp = Blueprint("forwards", __name__)


@bp.get("/tickets/<int:number>/messages/<int:message_id>/forward")
@login_required
def new(number: int, message_id: int) -> Response:
    return _page(number, message_id)


@bp.post("/tickets/<int:number>/messages/<int:message_id>/forward")
@login_required
def create(number: int, message_id: int) -> Response:
    try:
        with working_on(number) as (board, ticket):
            message = forwards.forward(
                board,
                ticket,
                message_id,
                to=request.form.get("to", ""),
                text=request.form.get("text", ""),
                person=signed_in_person(),
                now=now(),
            )
    except Refused as error:
        if error.status == 404:
            raise
        seen = access.ticket_seen_by(signed_in_person(), number, now())
        return sheets.refused(seen, error, _page(number, message_id, error))
    return sheets.done(ticket, gettext("Forwarded to %(address)s", address=message.to_address))


def _page(number: int, message_id: int, error: Refused | None = None) -> Page:
    person = signed_in_person()
    ticket = access.ticket_seen_by(person, number, now())
    original = forwards.found(ticket, message_id)
    return page(
        "tickets/forward.html",
        part="tickets/_forward.html",
        ticket=ticket,
        message=original,
        quoted=forwards.sent_on(original, ticket, "", person),
        error=error,
        dialog=wants_part(),
        to=request.form.get("to", ""),
        text=request.form.get("text", ""),
        status=error.status if error else 200,
    )
