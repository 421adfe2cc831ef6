"""Answers to the customer, the seconds in which they can be taken back, and internal notes."""

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from app.auth import acting, login_required, now, signed_in_person
from app.desk import access, customers, drafts, forward_drafts, mentions, messages
from app.desk.refused import Refused
from app.html import wants_part
from app.routes.files import with_files
from app.routes.ticket_page import changed, refused, shown, working_on
from app.routes.written import Written

bp = Blueprint("replies", __name__)


@bp.post("/tickets/<int:number>/replies")
@login_required
def create(number: int) -> Response:
    draft = Written.sent("reply")
    try:
        draft = with_files(number, draft)
        with working_on(number) as (board, ticket):
            files = drafts.take(number, draft.files, person=signed_in_person())
            message = messages.reply(
                board,
                ticket,
                draft.text,
                person=signed_in_person(),
                seen=draft.seen if draft.anyway is None else max(draft.seen, draft.anyway),
                then=draft.then,
                despite_bounce=draft.despite_bounce,
                to=draft.to,
                cc=draft.cc or "",
                files=files,
                now=now(),
            )
    except Refused as error:
        return refused(number, error, draft)
    return changed(number, f"#message_{message.id}")


@bp.post("/tickets/<int:number>/replies/<int:message_id>/withdrawal")
@login_required
def withdraw(number: int, message_id: int) -> Response:
    """Undo send. The answer is in the composer again, above what has been written there since; what was sent on, with
    the message that it forwards."""
    try:
        with working_on(number) as (board, ticket):
            message = messages.withdraw(board, ticket, message_id, person=signed_in_person(), now=now())
            own = message.person_id == signed_in_person().id
            original = forward_drafts.put_back(message, now=now()) if message.kind == "forward" else None
            if original is None:
                drafts.put_back(message, request.form.get("text") if own else None, now=now())
    except Refused as error:
        return refused(number, error)
    in_composer = own and original is None
    return changed(number, f"#composer_{number}" if in_composer else f"#message_{original or message_id}")


@bp.post("/tickets/<int:number>/bounces/removal")
@login_required
def clear_bounce(number: int) -> Response:
    """Mail to an address arrives again. What is being written stays in the composer."""
    try:
        with working_on(number) as (board, ticket):
            address_id = request.form.get("address", type=int)
            customers.clear_bounce(board, ticket, address_id, by=acting(), now=now())
    except Refused as error:
        return refused(number, error)
    if wants_part():
        return shown(number, draft=Written(text=request.form.get("text", "")))
    return changed(number)


@bp.post("/tickets/<int:number>/notes")
@login_required
def note(number: int) -> Response:
    draft = Written.sent("note")
    try:
        draft = with_files(number, draft)
        with working_on(number) as (board, ticket):
            files = drafts.take(number, draft.files, person=signed_in_person())
            message = messages.note(
                board, ticket, draft.text, person=signed_in_person(), files=files, now=now()
            )
    except Refused as error:
        return refused(number, error, draft)
    return changed(number, f"#message_{message.id}")


@bp.get("/tickets/<int:number>/people")
@login_required
def people(number: int) -> Response:
    """Who may be called in a note: everybody who may see the ticket."""
    ticket = access.ticket_seen_by(signed_in_person(), number, now())
    return jsonify(people=[person.name for person in mentions.may_be_called(ticket.board_id, now())])
