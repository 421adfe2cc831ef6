"""Blocked senders: the list in the settings, and blocking whoever wrote a ticket, in the sheet or on a page of its own."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from app.auth import acting, allowed, now, signed_in_person
from app.database import lock, writing
from app.desk import access, blocked, removals, tickets
from app.desk.refused import Refused
from app.desk.setup import ensure_desk
from app.forms import Form
from app.html import page, wants_part
from app.models import failed
from app.models.blocked import blocked_senders
from app.models.board import Board
from app.models.ticket import Ticket
from app.routes import sheets
from app.words import N_, gettext

bp = Blueprint("blocked", __name__)


class BlockForm(Form):
    sender = StringField(
        N_("Address or domain"),
        [InputRequired(), Length(max=blocked.LONGEST)],
        description=N_(
            "A domain such as acme.com blocks every address of it, but none of the domains below it."
        ),
    )


@bp.get("/settings/blocked")
@allowed("block_senders")
def index() -> Response:
    return _index(BlockForm())


@bp.post("/settings/blocked")
@allowed("block_senders")
def add() -> AnyResponse:
    form = BlockForm.from_request()
    if not form.validate():
        return _index(form, 422)
    try:
        with writing(ensure_desk(now())) as desk:
            sender = blocked.block(desk, form.sender.data, by=acting(), now=now()).sender
    except Refused as refused:
        form.refuse(refused)
        return _index(form, refused.status)
    flash(gettext("%(sender)s is blocked.", sender=sender))
    return redirect(url_for("blocked.index"), code=303)


@bp.post("/settings/blocked/<int:blocked_id>/removal")
@allowed("block_senders")
def remove(blocked_id: int) -> AnyResponse:
    with writing(ensure_desk(now())) as desk:
        sender = blocked.unblock(desk, blocked_id, by=acting(), now=now())
    flash(gettext("%(sender)s is not blocked any more.", sender=sender))
    return redirect(url_for("blocked.index"), code=303)


@bp.get("/tickets/<int:number>/block")
@allowed("block_senders")
def new(number: int) -> Response:
    return _form(_seen(number))


@bp.post("/tickets/<int:number>/block")
@allowed("block_senders")
def block(number: int) -> AnyResponse:
    """`sender` is one of blocked.choices(); with `spam` the ticket is put away as spam in the same transaction."""
    ticket = _seen(number)
    sender, spam, board_id = request.form.get("sender", ""), bool(request.form.get("spam")), ticket.board_id
    try:
        with writing(ensure_desk(now())) as desk:
            board = lock(Board(id=board_id))
            ticket = _seen(number)
            if ticket.board_id != board.id:
                raise access.not_found()
            if ticket.merged_into_id is not None:
                raise tickets.merged(ticket)
            if sender not in blocked.choices(ticket):
                raise Refused(N_("That is not one of the choices."), field="sender")
            blocked.block(desk, sender, by=acting(), now=now())
            if spam:
                removals.mark_spam(board, ticket, by=acting(), now=now())
    except Refused as error:
        ticket = _seen(number)
        return sheets.refused(ticket, error, _form(ticket, error))
    return sheets.done(ticket, gettext("%(sender)s is blocked.", sender=sender))


def _seen(number: int) -> Ticket:
    return access.ticket_seen_by(signed_in_person(), number, now())


def _index(form: BlockForm, status: int = 200) -> Response:
    return page(
        "settings/blocked.html",
        form=form,
        senders=blocked_senders(),
        ignored_count=failed.count("ignored"),
        now=now(),
        status=status,
    )


def _form(ticket: Ticket, error: Refused | None = None) -> Response:
    choices = blocked.choices(ticket)
    return page(
        "tickets/block.html",
        part="tickets/_block.html",
        status=error.status if error else 200,
        ticket=ticket,
        choices=choices,
        chosen=request.form.get("sender") or (choices[0] if choices else ""),
        spam=error is None or bool(request.form.get("spam")),
        dialog=wants_part(),
        error=error.said() if error else None,
    )
