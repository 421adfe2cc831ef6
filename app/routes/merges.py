"""Merging a ticket into another, and splitting one, in the sheet or on a page of its own."""

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import acting, login_required, now, signed_in_person
from app.database import db
from app.desk import access, links, merges
from app.desk.refused import Refused
from app.desk.tickets import LONGEST_SUBJECT
from app.html import page, wants_part
from app.models import conversation
from app.models.message import Message
from app.models.ticket import Ticket
from app.routes import sheets
from app.routes.ticket_page import working_on
from app.routes.two_tickets import working_on_both
from app.words import gettext

bp = Blueprint("merges", __name__)


@bp.get("/tickets/<int:number>/merge")
@login_required
def new(number: int) -> Response:
    return _form(_seen(number))


@bp.post("/tickets/<int:number>/merge")
@login_required
def create(number: int) -> AnyResponse:
    """`other` is the ticket that goes on, `anyway` says that it may be another customer's."""
    person, at = signed_in_person(), now()
    ticket = _seen(number)
    try:
        other = links.number_in(request.form.get("other", ""))
        with working_on_both(number, other, person, at) as both:
            despite = "anyway" in request.form
            into = merges.merge(both, despite_customer=despite, by=acting(), now=at)
    except Refused as error:
        return sheets.refused(ticket, error, _form(_seen(number), error))
    return sheets.done(
        into, gettext("#%(number)s was merged into #%(other)s", number=number, other=other), leads=True
    )


@bp.get("/messages/<int:message_id>/split")
@login_required
def new_split(message_id: int) -> Response:
    return _split_form(*_message(message_id))


@bp.post("/messages/<int:message_id>/split")
@login_required
def split(message_id: int) -> AnyResponse:
    message, ticket = _message(message_id)
    number = ticket.id
    try:
        with working_on(number) as (board, ticket):
            made = merges.split(
                board, ticket, message_id, subject=request.form.get("subject", ""), by=acting(), now=now()
            )
    except Refused as error:
        return sheets.refused(_seen(number), error, _split_form(message, _seen(number), error))
    return sheets.done(made, gettext("#%(number)s was split off", number=made.id), leads=True)


def _seen(number: int) -> Ticket:
    return access.ticket_seen_by(signed_in_person(), number, now())


def _message(message_id: int) -> tuple[Message, Ticket]:
    """A message and its ticket; Refused with 404 when it is not for this person."""
    message = db.session.get(Message, message_id)
    if message is None:
        raise access.not_found()
    return message, _seen(message.ticket_id)


def _form(ticket: Ticket, error: Refused | None = None) -> Response:
    person, at = signed_in_person(), now()
    return page(
        "tickets/merge.html",
        part="tickets/_merge.html",
        status=error.status if error else 200,
        ticket=ticket,
        dialog=wants_part(),
        others=conversation.earlier_tickets(
            ticket, access.boards_of(person.role), **access.asked_by(person, at)
        ),
        other=request.form.get("other", "")[:200],
        asks=error is not None and error.field == "customer",
        error=error.said() if error else None,
    )


def _split_form(message: Message, ticket: Ticket, error: Refused | None = None) -> Response:
    return page(
        "tickets/split.html",
        part="tickets/_split.html",
        status=error.status if error else 200,
        ticket=ticket,
        message=message,
        dialog=wants_part(),
        subject=request.form.get("subject", message.subject or ticket.subject)[:LONGEST_SUBJECT],
        longest=LONGEST_SUBJECT,
        error=error.said() if error else None,
    )
