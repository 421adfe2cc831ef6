"""What somebody has begun to write: saved as they type, read by their other windows."""

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.desk import access, drafts
from app.desk.refused import Refused
from app.models.draft import Draft, draft_of, tickets_with_drafts

bp = Blueprint("drafts", __name__)


@bp.get("/drafts")
@login_required
def index() -> Response:
    """The numbers of the tickets in which the reader has begun to write."""
    return jsonify(tickets=tickets_with_drafts(signed_in_person().id))


@bp.get("/tickets/<int:number>/draft")
@login_required
def show(number: int) -> Response:
    access.ticket_seen_by(signed_in_person(), number, now())
    return jsonify(_said(draft_of(signed_in_person().id, number)))


@bp.post("/tickets/<int:number>/draft")
@login_required
def save(number: int) -> Response:
    """409 with the other one when a draft was saved elsewhere since `stamp`, which is empty where none is known."""
    access.ticket_seen_by(signed_in_person(), number, now())
    try:
        stamp = drafts.save(
            number,
            request.form.get("text", ""),
            kind=request.form.get("kind", "reply"),
            stamp=request.form.get("stamp", ""),
            to=request.form.get("to", ""),
            cc=request.form.get("cc"),
            person=signed_in_person(),
            now=now(),
        )
    except Refused as error:
        answer = jsonify(error=error.said(), **_said(draft_of(signed_in_person().id, number)))
        answer.status_code = error.status
        return answer
    return jsonify(stamp=stamp)


def _said(draft: Draft | None) -> dict[str, str | None]:
    if draft is None:
        return {"stamp": "", "text": "", "kind": "reply"}
    return {
        "stamp": draft.stamp,
        "text": draft.text,
        "kind": draft.kind,
        "to": draft.to_address or None,
        "cc": draft.cc,
    }
