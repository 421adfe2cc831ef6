"""Sending a message on to somebody outside: in a dialog, or on a page of its own."""

from flask import Blueprint, request
from flask import Response as Page
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.config import settings
from app.desk import access, drafts, forward_drafts, forwards
from app.desk.refused import Refused
from app.html import page, wants_part
from app.models.draft import ForwardDraft, files_beside, forward_draft_of
from app.routes import sheets
from app.routes.files import uploads
from app.routes.ticket_page import working_on
from app.words import gettext

bp = Blueprint("forwards", __name__)

NOTHING = ForwardDraft(to_address="", cc="", text="", stamp="")


@bp.get("/tickets/<int:number>/messages/<int:message_id>/forward")
@login_required
def new(number: int, message_id: int) -> Response:
    return shown(number, message_id)


@bp.post("/tickets/<int:number>/messages/<int:message_id>/forward")
@login_required
def create(number: int, message_id: int) -> Response:
    person = signed_in_person()
    try:
        tokens = [*request.form.getlist("file"), *_chosen(number, message_id)]
        with working_on(number) as (board, ticket):
            message = forwards.forward(
                board,
                ticket,
                message_id,
                to=request.form.get("to", ""),
                cc=request.form.get("cc", ""),
                text=request.form.get("text", ""),
                originals=_originals(),
                files=forward_drafts.take(message_id, tokens, person=person),
                person=person,
                now=now(),
            )
    except Refused as error:
        if error.status == 404:
            raise
        seen = access.ticket_seen_by(person, number, now())
        return sheets.refused(seen, error, shown(number, message_id, error))
    return sheets.done(ticket, gettext("Forwarded to %(address)s", address=message.to_address))


def _originals() -> list[int] | None:
    """Which of the message's own files go with it; None where the form offers no choice."""
    return request.form.getlist("original", int) if "originals" in request.form else None


def _chosen(number: int, message_id: int) -> list[str]:
    """What was chosen without script comes with the form itself; it is kept before anything is refused."""
    sent, person = uploads(), signed_in_person()
    if not sent:
        return []
    forwards.found(access.ticket_seen_by(person, number, now()), message_id)
    before = {file.token for file in files_beside(person.id, message_id)}
    drafts.attach(number, sent, beside=message_id, person=person, now=now())
    return [file.token for file in files_beside(person.id, message_id) if file.token not in before]


def shown(number: int, message_id: int, error: Refused | None = None) -> Page:
    """The form with what is being written: what the request says of it, else what is kept."""
    person = signed_in_person()
    ticket = access.ticket_seen_by(person, number, now())
    original = forwards.found(ticket, message_id)
    draft = forward_draft_of(person.id, message_id) or NOTHING
    return page(
        "tickets/forward.html",
        part="tickets/_forward.html",
        ticket=ticket,
        message=original,
        quoted=forwards.sent_on(original, ticket, "", person),
        error=error,
        dialog=wants_part(),
        to=request.form.get("to", draft.to_address),
        cc=request.form.get("cc", draft.cc),
        text=request.form.get("text", draft.text),
        stamp=draft.stamp,
        originals=_originals(),
        files=files_beside(person.id, message_id),
        limits=settings(),
        status=error.status if error else 200,
    )
