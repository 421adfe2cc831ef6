"""What did not leave: messages that were held because no way to send is set up, or that have failed."""

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import ColumnElement, or_, select
from werkzeug.wrappers import Response

from app.auth import acting, login_required, now, signed_in_person
from app.config import settings
from app.database import db, writing
from app.desk import access, deliveries
from app.desk.setup import ensure_desk
from app.html import page
from app.models.board import Board
from app.models.delivery import Delivery
from app.models.desk import Desk
from app.words import gettext

bp = Blueprint("deliveries", __name__)

MOST = 200


@bp.get("/deliveries")
@login_required
def index() -> Response:
    shown = db.session.scalars(
        select(Delivery)
        .where(Delivery.state.in_(("held", "failed")), _seen())
        .order_by(Delivery.id.desc())
        .limit(MOST + 1)
    ).all()
    return page(
        "deliveries/index.html",
        deliveries=shown[:MOST],
        more=len(shown) > MOST,
        can_send=settings().smtp_url is not None,
        now=now(),
    )


@bp.post("/deliveries/<int:delivery_id>/try")
@login_required
def try_again(delivery_id: int) -> Response:
    delivery = db.session.scalars(select(Delivery).where(Delivery.id == delivery_id, _seen())).one_or_none()
    if delivery is None:
        raise access.not_found()
    board = db.session.get(Board, delivery.board_id) if delivery.board_id else None
    stream: Board | Desk = board or ensure_desk(now())
    with writing(stream) as locked:
        again = db.session.get_one(Delivery, delivery_id)
        deliveries.try_again(locked, again, by=acting(), now=now())
        to, message = again.to_address, again.message
    if message is not None and request.form.get("from") == "ticket":
        return redirect(
            url_for("tickets.show", number=message.ticket_id, _anchor=f"message_{message.id}"), code=303
        )
    flash(gettext("The message to %(address)s is on its way again.", address=to))
    return redirect(url_for("deliveries.index"), code=303)


def _seen() -> ColumnElement[bool]:
    """Messages of the boards that this person sees. Of those without a board everybody sees their own; the others are
    for admins alone, since an invitation lets its reader in as somebody else."""
    person = signed_in_person()
    own = Delivery.board_id.is_(None) & (Delivery.person_id == person.id)
    seen = or_(Delivery.board_id.in_(access.visible_boards(person, now())), own)
    if access.can(person, "edit_people", None, now()):
        seen = or_(seen, Delivery.board_id.is_(None))
    return seen
