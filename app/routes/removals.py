"""Spam, deleting a ticket, the list of deleted ones, and taking one back."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.auth import acting, allowed, login_required, now, signed_in_person
from app.database import db, writing
from app.desk import access, removals
from app.desk.refused import MOVED_MEANWHILE, Refused
from app.html import page, wants_part
from app.models.board import Board
from app.models.ticket import Ticket
from app.routes import sheets, told
from app.routes.ticket_page import working_on
from app.words import N_, gettext

bp = Blueprint("removals", __name__)


@bp.post("/tickets/<int:number>/spam")
@login_required
def spam(number: int) -> AnyResponse:
    try:
        with working_on(number) as (board, ticket):
            removals.mark_spam(board, ticket, by=acting(), now=now())
    except Refused as error:
        return sheets.refused(access.ticket_seen_by(signed_in_person(), number, now()), error)
    return sheets.done(ticket, gettext("#%(number)s is put away as spam", number=number))


@bp.get("/tickets/<int:number>/deletion")
@login_required
def confirm(number: int) -> Response:
    return _form(_seen(number))


@bp.post("/tickets/<int:number>/deletion")
@login_required
def delete(number: int) -> AnyResponse:
    """`really` says that it is meant."""
    ticket = _seen(number)
    board_id = ticket.board_id
    if not request.form.get("really"):
        error = Refused(N_("Say that it is to be deleted."), field="really")
        return sheets.refused(ticket, error, _form(ticket, error))
    with writing(Board(id=board_id)) as board:
        ticket = access.ticket_seen_by(signed_in_person(), number, now())
        if ticket.board_id != board_id:
            raise Refused(MOVED_MEANWHILE, status=409)
        removals.delete(board, ticket, by=acting(), now=now())
    text = gettext("#%(number)s is deleted", number=number)
    address = url_for("boards.show", board_id=board_id)
    if told.by_script():
        return Response(status=204)
    flash({"text": text, "undo": told.way_back()})  # type: ignore[arg-type]
    if wants_part():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, code=303)


@bp.get("/tickets/deleted")
@allowed("see_deleted")
def index() -> Response:
    person = signed_in_person()
    return page(
        "tickets/deleted.html",
        deleted=removals.deleted_seen_by(person, now()),
        kept_for=removals.KEPT_FOR,
        now=now(),
    )


@bp.post("/tickets/<int:number>/restoration")
@allowed("see_deleted")
def restore(number: int) -> AnyResponse:
    person = signed_in_person()
    ticket = removals.deleted_ticket(person, number, now())
    with writing(Board(id=ticket.deleted_from_id)) as board:
        ticket = db.session.get_one(Ticket, number)
        removals.restore(board, ticket, by=acting(), now=now())
    flash(gettext("#%(number)s is back", number=number))
    address = url_for("tickets.show", number=number)
    if wants_part():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, code=303)


def _seen(number: int) -> Ticket:
    """The ticket, which this person may delete."""
    person, at = signed_in_person(), now()
    ticket = access.ticket_seen_by(person, number, at)
    access.demand(person, "delete_tickets", db.session.get_one(Board, ticket.board_id), at)
    return ticket


def _form(ticket: Ticket, error: Refused | None = None) -> Response:
    return page(
        "tickets/delete.html",
        part="tickets/_delete.html",
        status=error.status if error else 200,
        ticket=ticket,
        days=removals.KEPT_FOR.days,
        dialog=wants_part(),
        error=error.said() if error else None,
    )
