"""The signed link of a page: opened half asleep on a phone, without signing in. GET shows, POST acknowledges."""

from flask import Blueprint, Response

from app import words
from app.auth import now, own_token
from app.database import db, writing
from app.desk import alerts
from app.desk.refused import Refused
from app.html import page
from app.models.alert import Alert
from app.models.board import Board
from app.models.person import Person

bp = own_token(Blueprint("alert_links", __name__))


@bp.get("/a/<signed>")
def show(signed: str) -> Response:
    alert, person = _read(signed)
    return _page(signed, alert, person)


@bp.post("/a/<signed>")
def acknowledge(signed: str) -> Response:
    alert, person = _read(signed)
    try:
        with writing(db.session.get_one(Board, alert.board_id)) as board:
            alert = alerts.acknowledge(board, db.session.get_one(Alert, alert.id), person=person, now=now())
    except Refused:
        alert = db.session.get_one(Alert, alert.id)
    return _page(signed, alert, person)


def _read(signed: str) -> tuple[Alert, Person]:
    alert, person = alerts.read(signed, now())
    words.speak(person.locale)
    return alert, person


def _page(signed: str, alert: Alert, person: Person) -> Response:
    """What the person needs to decide whether to get up, and nothing that a customer wrote but the subject."""
    response = page(
        "alerts/link.html",
        signed=signed,
        alert=alert,
        title=alerts.titles([alert])[alert.id],
        person=person,
        theme=person.theme,
        zone=person.zone,
        now=now(),
        status=409 if alert.state == "closed" else 200,
    )
    response.headers["Cache-Control"] = "no-store"
    return response
