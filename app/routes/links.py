"""Tickets that are about the same matter."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from app.auth import acting, login_required, now, signed_in_person
from app.desk import access, links
from app.desk.refused import Refused
from app.routes import sheets
from app.routes.two_tickets import working_on_both
from app.words import N_, gettext

bp = Blueprint("links", __name__)


@bp.post("/tickets/<int:number>/links")
@login_required
def add(number: int) -> Response:
    return _changed(number, links.link, N_("#%(number)s and #%(other)s are linked"))


@bp.post("/tickets/<int:number>/links/removal")
@login_required
def remove(number: int) -> Response:
    return _changed(number, links.unlink, N_("#%(number)s and #%(other)s are not linked any more"))


def _changed(number: int, verb: Callable[..., Any], said: str) -> Response:
    """`other` is a number, also as #42 or as an address."""
    person, at = signed_in_person(), now()
    ticket = access.ticket_seen_by(person, number, at)
    try:
        other = links.number_in(request.form.get("other", ""))
        with working_on_both(number, other, person, at) as both:
            verb(both, by=acting(), now=at)
    except Refused as error:
        return sheets.refused(ticket, error)
    return sheets.done(both.ticket, gettext(said, number=number, other=other))
