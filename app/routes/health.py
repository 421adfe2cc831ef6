"""Whether the desk works, for whoever watches machines. No sign-in and no secrets."""

from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.auth import now, own_token
from app.database import db, words_of

bp = Blueprint("health", __name__)


@bp.get("/health")
@own_token
def show() -> Response:
    """200 while the database answers and every sweep is alive, else 503. Reads no cookie, so that it can answer when
    the database cannot."""
    try:
        sweeps = clock.health(now())
        reachable = True
    except SQLAlchemyError as error:
        current_app.logger.error("the database does not answer: %s", words_of(error))
        db.session.rollback()
        sweeps, reachable = {}, False
    fine = reachable and all(sweep["alive"] for sweep in sweeps.values())
    response = jsonify(
        status="ok" if fine else "degraded",
        clock={
            name: {"at": sweep["at"], "alive": sweep["alive"], "failed": sweep["error"] is not None}
            for name, sweep in sweeps.items()
        },
        database={"reachable": reachable},
    )
    response.status_code = 200 if fine else 503
    response.headers["Cache-Control"] = "no-store"
    return response
