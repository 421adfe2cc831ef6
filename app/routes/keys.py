"""The help: which keys do what."""

from flask import Blueprint
from werkzeug.wrappers import Response

from app import keys
from app.auth import login_required, signed_in_person
from app.html import on_a_mac, page, wants_part

bp = Blueprint("keys", __name__)


@bp.get("/keys")
@login_required
def index() -> Response:
    single = signed_in_person().single_keys
    return page(
        "keys/index.html",
        part="keys/_keys.html",
        parts=keys.help_parts(single=single, mac=on_a_mac()),
        single=single,
        dialog=wants_part(),
    )
