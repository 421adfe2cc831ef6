"""Who has a ticket open: told by its page from time to time, and when it is closed. What is told to others is in streams.py."""

from flask import Blueprint, Response, request

from app.auth import login_required, now, signed_in_person
from app.desk import access, presences

bp = Blueprint("presences", __name__)


@bp.post("/tickets/<int:number>/presence")
@login_required
def create(number: int) -> Response:
    """`doing` is reading, reply or note."""
    person, at = signed_in_person(), now()
    ticket = access.ticket_seen_by(person, number, at)
    presences.be_at(ticket, person, request.form.get("doing", ""), at)
    return Response(status=204)


@bp.post("/tickets/<int:number>/presence/removal")
@login_required
def remove(number: int) -> Response:
    person = signed_in_person()
    access.ticket_seen_by(person, number, now())
    presences.leave(number, person)
    return Response(status=204)
