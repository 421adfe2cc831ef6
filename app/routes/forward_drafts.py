"""What somebody has begun to write above a message that they want to send on, and the files that go with it."""

from flask import Blueprint, jsonify, redirect, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.config import settings
from app.desk import access, drafts, forward_drafts, forwards
from app.desk.refused import Refused
from app.html import page, wants_part
from app.models.draft import files_beside, forward_draft_of
from app.routes.files import too_large, uploads
from app.routes.forwards import shown

bp = Blueprint("forward_drafts", __name__)


@bp.get("/tickets/<int:number>/messages/<int:message_id>/forward/draft")
@login_required
def show(number: int, message_id: int) -> Response:
    _check(number, message_id)
    return jsonify(_said(message_id))


@bp.post("/tickets/<int:number>/messages/<int:message_id>/forward/draft")
@login_required
def save(number: int, message_id: int) -> Response:
    """409 with the other one when a draft was saved elsewhere since `stamp`, which is empty where none is known."""
    _check(number, message_id)
    try:
        stamp = forward_drafts.save(
            message_id,
            to=request.form.get("to", ""),
            cc=request.form.get("cc", ""),
            text=request.form.get("text", ""),
            stamp=request.form.get("stamp", ""),
            person=signed_in_person(),
            now=now(),
        )
    except Refused as error:
        answer = jsonify(error=error.said(), **_said(message_id))
        answer.status_code = error.status
        return answer
    return jsonify(stamp=stamp)


@bp.post("/tickets/<int:number>/messages/<int:message_id>/forward/files")
@login_required
def attach(number: int, message_id: int) -> Response:
    _check(number, message_id)
    try:
        drafts.attach(number, uploads(), beside=message_id, person=signed_in_person(), now=now())
    except RequestEntityTooLarge:
        return _list(number, message_id, too_large())
    except Refused as error:
        return _list(number, message_id, error)
    return _list(number, message_id)


@bp.post("/tickets/<int:number>/messages/<int:message_id>/forward/files/<token>/removal")
@login_required
def detach(number: int, message_id: int, token: str) -> Response:
    """Without script this button sends the whole form: what was written stays."""
    _check(number, message_id)
    drafts.detach(number, token, beside=message_id, person=signed_in_person())
    return _list(number, message_id) if wants_part() else shown(number, message_id)


def _check(number: int, message_id: int) -> None:
    forwards.found(access.ticket_seen_by(signed_in_person(), number, now()), message_id)


def _said(message_id: int) -> dict[str, str]:
    draft = forward_draft_of(signed_in_person().id, message_id)
    if draft is None:
        return {"stamp": "", "text": "", "to": "", "cc": ""}
    return {"stamp": draft.stamp, "text": draft.text, "to": draft.to_address, "cc": draft.cc}


def _list(number: int, message_id: int, error: Refused | None = None) -> Response:
    if not wants_part():
        if error is not None:
            raise error
        return redirect(url_for("forwards.new", number=number, message_id=message_id), code=303)
    return page(
        "tickets/_files.html",
        number=number,
        beside=message_id,
        files=files_beside(signed_in_person().id, message_id),
        refusal=error.said() if error else None,
        limits=settings(),
        status=error.status if error else 200,
    )
