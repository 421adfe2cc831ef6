"""Putting a ticket off until later, in the sheet or on a page of its own."""

from datetime import datetime

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import acting, login_required, now, signed_in_person
from app.desk import access, explanations, snoozes
from app.desk.refused import Refused
from app.html import page, wants_part
from app.models.ticket import Ticket
from app.routes import sheets
from app.routes.ticket_page import working_on
from app.words import N_, gettext

bp = Blueprint("snoozes", __name__)


@bp.get("/tickets/<int:number>/snooze")
@login_required
def new(number: int) -> Response:
    return _form(number)


@bp.post("/tickets/<int:number>/snooze")
@login_required
def create(number: int) -> AnyResponse:
    """`choice` is the key of one of snoozes.choices() or "own" with `until`, a day and a time in the person's zone;
    `expected` is until when it was snoozed on the page, left out when that does not matter."""
    zone, at = signed_in_person().zone, now()
    try:
        choice = request.form.get("choice", "own")
        own = choice == "own"
        until = snoozes.read(request.form.get("until", ""), zone) if own else snoozes.chosen(choice, at, zone)
        with working_on(number) as (board, ticket):
            snoozes.snooze(board, ticket, until, expected=_expected(), by=acting(), now=at)
    except Refused as error:
        return sheets.refused(_seen(number), error, _form(number, error))
    said = explanations.instant(until, zone, at)
    return sheets.done(ticket, gettext(N_("Snoozed until %(time)s"), time=said))


@bp.post("/tickets/<int:number>/snooze/removal")
@login_required
def remove(number: int) -> AnyResponse:
    try:
        with working_on(number) as (board, ticket):
            snoozes.end(board, ticket, by=acting(), now=now())
    except Refused as error:
        return sheets.refused(_seen(number), error)
    return sheets.done(ticket, gettext(N_("The snooze is over")))


def _expected() -> datetime | str | None:
    text = request.form.get("expected")
    if not text:
        return snoozes.UNSEEN if text is None else None
    try:
        seen = datetime.fromisoformat(text)
    except ValueError:
        seen = None
    if seen is None or seen.tzinfo is None:
        raise Refused(N_("Choose a day and a time."), field="until")
    return seen


def _form(number: int, error: Refused | None = None) -> Response:
    person, at = signed_in_person(), now()
    ticket = _seen(number)
    return page(
        "tickets/snooze.html",
        part="tickets/_snooze.html",
        status=error.status if error else 200,
        ticket=ticket,
        dialog=wants_part(),
        choices=[
            (one.key, one.label, explanations.instant(one.until, person.zone, at))
            for one in snoozes.choices(at, person.zone)
        ],
        own=request.form.get("until", ""),
        error=error.said() if error else None,
    )


def _seen(number: int) -> Ticket:
    return access.ticket_seen_by(signed_in_person(), number, now())
