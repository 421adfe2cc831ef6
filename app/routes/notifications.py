"""What a person is told of their tickets: the list, the bell's count, what was read, and what they want to be told."""

from flask import Blueprint, Response, flash, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.auth import current_person, login_required, now, signed_in_person
from app.database import db
from app.desk import access, notifications
from app.html import page
from app.models import notification as told
from app.models.card import said
from app.models.notification import USUAL
from app.routes.customers import number_in
from app.words import gettext

bp = Blueprint("notifications", __name__)


@bp.get("/notifications")
@login_required
def index() -> AnyResponse:
    person, at = signed_in_person(), now()
    shown, before = told.of(person, access.visible_boards(person, at), number_in("before"))
    return page(
        "notifications/index.html",
        told=[(row.notification, row.subject, notifications.said(row.notification)) for row in shown],
        before=before,
        first="before" not in request.args,
        now=at,
    )


@bp.get("/notifications/count")
@login_required
def count() -> AnyResponse:
    """JSON for the bell."""
    return _count()


@bp.post("/notifications/reading")
@login_required
def read_all() -> AnyResponse:
    notifications.read_all(signed_in_person(), now())
    return redirect(url_for("notifications.index"), code=303)


@bp.post("/notifications/<int:notification_id>/reading")
@login_required
def read_one(notification_id: int) -> AnyResponse:
    if not notifications.read_one(signed_in_person(), notification_id, now()):
        raise access.not_found()
    return redirect(url_for("notifications.index"), code=303)


@bp.post("/tickets/<int:number>/notifications/reading")
@login_required
def read_ticket(number: int) -> AnyResponse:
    """The ticket is seen, by script; answers with what is left."""
    ticket = access.ticket_seen_by(current_person(), number, now())
    notifications.read(signed_in_person(), ticket.id, now())
    db.session.rollback()  # what has been read so far is as of before
    return _count()


@bp.post("/profile/notifications")
@login_required
def choose() -> AnyResponse:
    notifications.choose(
        signed_in_person(), {(kind, way): f"{kind}-{way}" in request.form for kind, way in USUAL}
    )
    flash(gettext("You are told of what you have chosen."))
    return redirect(url_for("profile.show") + "#notifications", code=303)


def _count() -> Response:
    person, at = signed_in_person(), now()
    waiting = told.unread_count(person, access.visible_boards(person, at))
    answer = jsonify(count=waiting, said=said(waiting))
    answer.headers["Cache-Control"] = "no-store"
    return answer
