"""Who follows a ticket. Without a `person` it is about whoever asks."""

from flask import Blueprint, request
from werkzeug.wrappers import Response

from app.auth import acting, login_required, now, signed_in_person
from app.desk import access, followers
from app.desk.refused import Refused
from app.routes import sheets
from app.routes.ticket_page import working_on
from app.words import N_, gettext

bp = Blueprint("followers", __name__)


@bp.post("/tickets/<int:number>/followers")
@login_required
def add(number: int) -> Response:
    try:
        with working_on(number) as (board, ticket):
            followers.follow(board, ticket, _person(), by=acting(), now=now())
    except Refused as error:
        return sheets.refused(access.ticket_seen_by(signed_in_person(), number, now()), error)
    return sheets.done(ticket, gettext("#%(number)s is followed", number=number))


@bp.post("/tickets/<int:number>/followers/removal")
@login_required
def remove(number: int) -> Response:
    try:
        with working_on(number) as (board, ticket):
            followers.unfollow(board, ticket, _person(), by=acting(), now=now())
    except Refused as error:
        return sheets.refused(access.ticket_seen_by(signed_in_person(), number, now()), error)
    return sheets.done(ticket, gettext("#%(number)s is not followed any more", number=number))


def _person() -> int:
    if not request.form.get("person"):
        return signed_in_person().id
    person_id = request.form.get("person", 0, type=int)
    if not 0 < person_id < 2**31:
        raise Refused(N_("That person may not see this ticket."), field="person")
    return person_id
