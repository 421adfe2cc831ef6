"""The alerts that somebody must know of, on the boards that the reader sees."""

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from app.auth import login_required, now, signed_in_person
from app.database import db, writing
from app.desk import access, alerts
from app.html import page
from app.models.alert import Alert, standing
from app.models.board import Board
from app.words import gettext

bp = Blueprint("alerts", __name__)


@bp.get("/alerts")
@login_required
def index() -> Response:
    boards = access.visible_boards(signed_in_person(), now())
    found = standing(boards)
    return page("alerts/index.html", alerts=found, titles=alerts.titles(found), now=now())


@bp.post("/alerts/<int:alert_id>/acknowledgement")
@login_required
def acknowledge(alert_id: int) -> Response:
    person = signed_in_person()
    with writing(_board_of(alert_id)) as board:
        access.demand(person, "work_board", board, now())
        alerts.acknowledge(board, db.session.get_one(Alert, alert_id), person=person, now=now())
    flash(gettext("Acknowledged. Nobody else is told."))
    return redirect(url_for("alerts.index"), code=303)


def _board_of(alert_id: int) -> Board:
    alert = db.session.get(Alert, alert_id)
    if alert is None:
        raise access.not_found()
    return access.board_seen_by(signed_in_person(), alert.board_id, now())
