"""Answers that leave at a chosen time: written, changed, sent now, taken back."""

from dataclasses import replace
from datetime import datetime

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import login_required, now, signed_in_person
from app.desk import access, drafts, explanations, later, snoozes
from app.desk.refused import Refused
from app.html import page, wants_part
from app.routes import sheets
from app.routes.files import with_files
from app.routes.ticket_page import changed, refused, working_on
from app.routes.written import Written
from app.words import N_, gettext

bp = Blueprint("later", __name__)


@bp.post("/tickets/<int:number>/later")
@login_required
def create(number: int) -> AnyResponse:
    """`later` is the key of one of snoozes.choices(), or "own" with `later_at`, a day and a time in the person's zone."""
    draft = replace(Written.sent("reply"), then=request.form.get("later_then", "wait"))
    try:
        draft = with_files(number, draft)
        at = _time("later", "later_at")
        with working_on(number) as (board, ticket):
            message = later.schedule(
                board,
                ticket,
                draft.text,
                at=at,
                person=signed_in_person(),
                seen=draft.seen if draft.anyway is None else max(draft.seen, draft.anyway),
                to=draft.to,
                cc=draft.cc or "",
                then=draft.then,
                files=drafts.take(number, draft.files, person=signed_in_person()),
                now=now(),
            )
    except Refused as error:
        return refused(number, error, draft)
    return changed(number, f"#message_{message.id}")


@bp.get("/tickets/<int:number>/later/<int:message_id>")
@login_required
def edit(number: int, message_id: int) -> Response:
    return _form(number, message_id)


@bp.post("/tickets/<int:number>/later/<int:message_id>")
@login_required
def update(number: int, message_id: int) -> AnyResponse:
    person, at = signed_in_person(), now()
    try:
        leaves_at = _time("choice", "until")
        with working_on(number) as (board, ticket):
            then = request.form.get("later_then")
            later.change(board, ticket, message_id, at=leaves_at, then=then, person=person, now=at)
    except Refused as error:
        seen = access.ticket_seen_by(person, number, at)
        return sheets.refused(seen, error, _form(number, message_id, error) if error.status == 422 else None)
    said = explanations.instant(leaves_at, person.zone, at)
    return sheets.done(ticket, gettext(N_("Leaves %(time)s"), time=said))


@bp.post("/tickets/<int:number>/later/<int:message_id>/departure")
@login_required
def send_now(number: int, message_id: int) -> AnyResponse:
    try:
        with working_on(number) as (board, ticket):
            message = later.send_now(board, ticket, message_id, now=now())
    except Refused as error:
        return refused(number, error)
    return changed(number, f"#message_{message.id}")


@bp.post("/tickets/<int:number>/later/<int:message_id>/removal")
@login_required
def remove(number: int, message_id: int) -> AnyResponse:
    """It is a draft of its writer's again."""
    try:
        with working_on(number) as (board, ticket):
            message = later.take_back(board, ticket, message_id, person=signed_in_person(), now=now())
            own = message.person_id == signed_in_person().id
            drafts.put_back(message, request.form.get("text") if own else None, now=now())
    except Refused as error:
        return refused(number, error)
    return changed(number, f"#composer_{number}")


def _time(choice: str, own: str) -> datetime:
    zone, wanted = signed_in_person().zone, request.form.get(choice, "own")
    if wanted == "own":
        return snoozes.read(request.form.get(own, ""), zone)
    return snoozes.chosen(wanted, now(), zone)


def _form(number: int, message_id: int, error: Refused | None = None) -> Response:
    person, at = signed_in_person(), now()
    ticket = access.ticket_seen_by(person, number, at)
    return page(
        "tickets/later.html",
        part="tickets/_later.html",
        status=error.status if error else 200,
        ticket=ticket,
        message=later.found(ticket, message_id),
        dialog=wants_part(),
        choices=[
            (one.key, one.label, explanations.instant(one.until, person.zone, at))
            for one in snoozes.choices(at, person.zone)
        ],
        own=request.form.get("until", ""),
        then=request.form.get("later_then", ""),
        error=error.said() if error else None,
    )
