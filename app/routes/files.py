"""The files of what somebody is writing: they are uploaded as they are chosen and go with the message."""

from dataclasses import replace

from flask import Blueprint, redirect, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.config import settings
from app.desk import access, drafts
from app.desk.refused import Refused
from app.html import page, wants_part
from app.models.draft import files_of
from app.routes.ticket_page import shown
from app.routes.written import Written
from app.words import N_

bp = Blueprint("files", __name__)


@bp.post("/tickets/<int:number>/files")
@login_required
def create(number: int) -> Response:
    access.ticket_seen_by(signed_in_person(), number, now())
    try:
        drafts.attach(number, uploads(), person=signed_in_person(), now=now())
    except RequestEntityTooLarge:
        return _list(number, too_large())
    except Refused as error:
        return _list(number, error)
    return _list(number)


@bp.post("/tickets/<int:number>/files/<token>/removal")
@login_required
def remove(number: int, token: str) -> Response:
    """Without script this button sends the whole form: what was written stays."""
    access.ticket_seen_by(signed_in_person(), number, now())
    drafts.detach(number, token, person=signed_in_person())
    if wants_part():
        return _list(number)
    return shown(number, draft=Written.sent(request.form.get("kind", "reply")))


def too_large() -> Refused:
    most = settings().attachments_mb
    return Refused(N_("The files of one message may have %(most)s MB together."), status=413, most=most)


def uploads() -> list[drafts.Upload]:
    """The files in the request."""
    found = []
    for file in request.files.getlist("files"):
        if file.filename:
            found.append(drafts.Upload(file.filename, file.mimetype, file.read()))
        file.close()
    return found


def with_files(number: int, draft: Written) -> Written:
    """The draft with what was chosen and, without script, comes with the message itself. It is kept before anything is
    refused, so that it need not be chosen again."""
    sent = uploads()
    if not sent:
        return draft
    person = signed_in_person()
    access.ticket_seen_by(person, number, now())
    before = {file.token for file in files_of(person.id, number)}
    drafts.attach(number, sent, person=person, now=now())
    new = [file.token for file in files_of(person.id, number) if file.token not in before]
    return replace(draft, files=(*draft.files, *new))


def _list(number: int, error: Refused | None = None) -> Response:
    if not wants_part():
        if error is not None:
            raise error
        return redirect(url_for("tickets.show", number=number) + f"#composer_{number}", code=303)
    return page(
        "tickets/_files.html",
        number=number,
        beside=None,
        files=files_of(signed_in_person().id, number),
        refusal=error.said() if error else None,
        limits=settings(),
        status=error.status if error else 200,
    )
